;;; SPDX-License-Identifier: MIT
;;;
;;; tak.scm: Takeuchi's function: nothing but calls and small integers.

(include "harness.scm")

(define (tak x y z)
  (if (not (< y x))
      z
      (tak (tak (- x 1) y z)
           (tak (- y 1) z x)
           (tak (- z 1) x y))))

(run "tak" 40 7 (lambda () (tak 18 12 6)))
