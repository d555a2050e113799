;;; SPDX-License-Identifier: MIT
;;;
;;; 6.5-symbols.scm: R7RS 6.5, symbols.

(include "check.scm")

(test '(#t #t #f #t #f #f)
      (list (symbol? 'foo) (symbol? (car '(a b))) (symbol? "bar")
            (symbol? 'nil) (symbol? '()) (symbol? #f)))
(test '(#t #f #t) (list (symbol=? 'a 'a) (symbol=? 'a 'b)
                        (symbol=? 'a 'a 'a)))
(test-error (symbol=? 'a "a"))
(test "flying-fish" (symbol->string 'flying-fish))
(test "Martin" (symbol->string 'Martin))
(test "Malvina" (symbol->string (string->symbol "Malvina")))
(test 'mISSISSIppi (string->symbol "mISSISSIppi"))
(test #t (eq? 'bitBlt (string->symbol "bitBlt")))
(test #t (eq? 'LollyPop (string->symbol (symbol->string 'LollyPop))))
(test #t (string=? "K. Harper, M.D."
                   (symbol->string (string->symbol "K. Harper, M.D."))))
(test #f (eq? 'a 'A))
(test-error (symbol->string "a"))
(test-error (string->symbol 'a))
;; A symbol is not changed by what happens to the string it was made of.
(test "abc" (let* ((s (string #\a #\b #\c)) (y (string->symbol s)))
              (string-set! s 0 #\x)
              (symbol->string y)))
(test-error (string-set! (symbol->string 'abc) 0 #\x))

(test-end)
