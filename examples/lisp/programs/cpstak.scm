;;; SPDX-License-Identifier: MIT
;;;
;;; cpstak.scm: Takeuchi's function in continuation-passing style: every call
;;; is a tail call and makes a closure.

(include "harness.scm")

(define (tak/k x y z return)
  (if (not (< y x))
      (return z)
      (tak/k (- x 1) y z
        (lambda (a)
          (tak/k (- y 1) z x
            (lambda (b)
              (tak/k (- z 1) x y
                (lambda (c)
                  (tak/k a b c return)))))))))

(run "cpstak" 40 7 (lambda () (tak/k 18 12 6 (lambda (result) result))))
