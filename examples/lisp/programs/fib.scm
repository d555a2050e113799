;;; SPDX-License-Identifier: MIT
;;;
;;; fib.scm: Fibonacci's numbers by the definition.

(include "harness.scm")

(define (fib n)
  (if (< n 2)
      n
      (+ (fib (- n 1)) (fib (- n 2)))))

(run "fib" 30 10946 (lambda () (fib 21)))
