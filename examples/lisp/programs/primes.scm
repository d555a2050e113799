;;; SPDX-License-Identifier: MIT
;;;
;;; primes.scm: prime numbers, once by a sieve over a list and once by a sieve
;;; over a vector of truth values; the two must agree.

(include "harness.scm")

(define (remove-multiples n items)
  (cond ((null? items) '())
        ((= (remainder (car items) n) 0) (remove-multiples n (cdr items)))
        (else (cons (car items) (remove-multiples n (cdr items))))))

(define (primes-by-list limit)
  (let loop ((items (iota-from 2 (- limit 1))))
    (if (null? items)
        '()
        (cons (car items)
              (loop (remove-multiples (car items) (cdr items)))))))

(define (primes-by-vector limit)
  (let ((prime (make-vector (+ limit 1) #t)))
    (define (strike-out! step)
      (do ((i (* step step) (+ i step)))
          ((> i limit))
        (vector-set! prime i #f)))
    (let loop ((n 2) (found '()))
      (cond ((> n limit) (reverse found))
            ((vector-ref prime n)
             (strike-out! n)
             (loop (+ n 1) (cons n found)))
            (else (loop (+ n 1) found))))))

(run "primes" 8 '(550 3989 #t)
     (lambda ()
       (let ((some (primes-by-list 4000))
             (same (primes-by-vector 4000)))
         (list (length some)
               (list-ref some (- (length some) 1))
               (equal? some same)))))
