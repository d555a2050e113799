;;; SPDX-License-Identifier: MIT
;;;
;;; strings.scm: strings built up, cut, joined, turned round and compared: the
;;; rows of Fibonacci's words and of the look-and-say sequence.

(include "harness.scm")

(define (fibonacci-word n)
  (let loop ((i 1) (previous "a") (word "ab"))
    (if (= i n)
        word
        (loop (+ i 1) word (string-append word previous)))))

(define (string-reversed s)
  (list->string (reverse (string->list s))))

(define (palindrome? s)
  (string=? s (string-reversed s)))

;; Without its last two letters a word of Fibonacci is a palindrome.

(define (word-is-sound? n)
  (let ((word (fibonacci-word n)))
    (palindrome? (substring word 0 (- (string-length word) 2)))))

(define (look-and-say s)
  (let ((end (string-length s)))
    (let loop ((i 0) (pieces '()))
      (if (= i end)
          (join (reverse pieces))
          (let ((next (run-end s i end)))
            (loop next
                  (cons (string-append (number->string (- next i))
                                       (substring s i (+ i 1)))
                        pieces)))))))

(define (run-end s i end)
  (let loop ((j (+ i 1)))
    (if (and (< j end) (char=? (string-ref s i) (string-ref s j)))
        (loop (+ j 1))
        j)))

;; Joined two by two, so that nothing is copied more than log n times.

(define (join pieces)
  (cond ((null? pieces) "")
        ((null? (cdr pieces)) (car pieces))
        (else (join (join-pairs pieces)))))

(define (join-pairs pieces)
  (cond ((null? pieces) '())
        ((null? (cdr pieces)) pieces)
        (else (cons (string-append (car pieces) (cadr pieces))
                    (join-pairs (cddr pieces))))))

(define (iterate n f x)
  (if (= n 0) x (iterate (- n 1) f (f x))))

(define (count-char c s)
  (let loop ((i 0) (n 0))
    (cond ((= i (string-length s)) n)
          ((char=? c (string-ref s i)) (loop (+ i 1) (+ n 1)))
          (else (loop (+ i 1) n)))))

(run "strings" 10 '(#t 17711 10946 "13112221" 2606)
     (lambda ()
       (let ((word (fibonacci-word 20)))
         (list (word-is-sound? 18)
               (string-length word)
               (count-char #\a word)
               (iterate 6 look-and-say "1")
               (string-length (iterate 27 look-and-say "1"))))))
