;;; SPDX-License-Identifier: MIT
;;;
;;; ack.scm: Ackermann's function: deep recursion.

(include "harness.scm")

(define (ack m n)
  (cond ((= m 0) (+ n 1))
        ((= n 0) (ack (- m 1) 1))
        (else (ack (- m 1) (ack m (- n 1))))))

(run "ack" 20 1021 (lambda () (ack 3 7)))
