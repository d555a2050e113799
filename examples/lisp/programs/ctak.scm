;;; SPDX-License-Identifier: MIT
;;;
;;; ctak.scm: Takeuchi's function that returns through a continuation caught
;;; at every call.

(include "harness.scm")

(define (tak/cc x y z)
  (call-with-current-continuation
   (lambda (return)
     (if (not (< y x))
         (return z)
         (return
          (tak/cc (tak/cc (- x 1) y z)
                  (tak/cc (- y 1) z x)
                  (tak/cc (- z 1) x y)))))))

(run "ctak" 4 7 (lambda () (tak/cc 18 12 6)))
