;;; SPDX-License-Identifier: MIT
;;;
;;; pi.scm: the digits of pi by a spigot that pours them one by one, in
;;; integers without limit; and again by Machin's formula, to check them.

(include "harness.scm")

;; The state (q r s t) is a linear fractional transformation; a digit is safe
;; when the transformation takes 3 and 4 to the same whole number.

(define (spigot digits)
  (let loop ((q 1) (r 0) (s 0) (t 1) (k 1) (left digits) (result 0))
    (if (= left 0)
        result
        (let ((digit (quotient (+ (* 3 q) r) (+ (* 3 s) t))))
          (if (= digit (quotient (+ (* 4 q) r) (+ (* 4 s) t)))
              (loop (* 10 (- q (* digit s)))
                    (* 10 (- r (* digit t)))
                    s t k
                    (- left 1)
                    (+ (* 10 result) digit))
              (let ((odd (+ (* 2 k) 1)))
                (loop (* q k)
                      (* odd (+ (* 2 q) r))
                      (* s k)
                      (* odd (+ (* 2 s) t))
                      (+ k 1)
                      left
                      result)))))))

;; arctan(1/n) times `one', the terms alternating in sign.

(define (arctan-of-inverse n one)
  (let ((square (* n n)))
    (let loop ((power (quotient one n)) (odd 1) (total 0) (sign 1))
      (if (= power 0)
          total
          (loop (quotient power square)
                (+ odd 2)
                (+ total (* sign (quotient power odd)))
                (- 0 sign))))))

(define (machin digits)
  (let* ((guard (expt 10 10))
         (one (* guard (expt 10 (- digits 1)))))
    (quotient (* 4 (- (* 4 (arctan-of-inverse 5 one))
                      (arctan-of-inverse 239 one)))
              guard)))

(run "pi" 4 '(31415926535897932384626433832795028841 #t 9)
     (lambda ()
       (let ((poured (spigot 500)))
         (list (spigot 38)
               (= poured (machin 500))
               (remainder (quotient poured (expt 10 (- 500 6))) 10)))))
