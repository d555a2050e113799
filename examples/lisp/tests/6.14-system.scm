;;; SPDX-License-Identifier: MIT
;;;
;;; 6.14-system.scm: R7RS 6.14, system interface.

(include "check.scm")

(import (scheme process-context) (scheme time))

(test #t (string? (car (command-line))))
(test #t (string? (get-environment-variable "PATH")))
(test #f (get-environment-variable "NO_SUCH_VARIABLE_HERE"))
(test #t (let ((all (get-environment-variables)))
           (and (pair? all) (string? (car (car all)))
                (string? (cdr (car all))))))
(test #t (> (current-second) 1e9))
(test #t (let* ((a (current-jiffy)) (b (current-jiffy))) (<= a b)))
(test #t (exact-integer? (jiffies-per-second)))
(test #t (and (memq 'r7rs (features)) #t))
(test #t (begin (gc) #t))
(test #t (let ((before (cdr (assq 'allocated_bytes (gc-stats)))))
           (make-vector 10000)
           (> (cdr (assq 'allocated_bytes (gc-stats))) before)))

(test-end)
