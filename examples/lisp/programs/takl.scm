;;; SPDX-License-Identifier: MIT
;;;
;;; takl.scm: Takeuchi's function on numbers written as lists that long.

(include "harness.scm")

(define (count-down n)
  (if (= n 0) '() (cons n (count-down (- n 1)))))

(define (shorter? a b)
  (and (pair? b)
       (or (null? a)
           (shorter? (cdr a) (cdr b)))))

(define (takl x y z)
  (if (not (shorter? y x))
      z
      (takl (takl (cdr x) y z)
            (takl (cdr y) z x)
            (takl (cdr z) x y))))

(define x (count-down 18))
(define y (count-down 12))
(define z (count-down 6))

(run "takl" 10 7 (lambda () (length (takl x y z))))
