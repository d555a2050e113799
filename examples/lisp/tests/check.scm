;;; SPDX-License-Identifier: MIT
;;;
;;; check.scm: what the tests have in common.
;;;
;;;     (test expected expression)     the value must be equal? to expected
;;;     (test-values (e ...) expr)     the same for several values
;;;     (test-error expression)        an error must be raised
;;;     (test-end)                     print the counts; exit 1 on failures

(define passed 0)
(define failed 0)

(define (count-result! ok? expression got expected)
  (if ok?
      (set! passed (+ passed 1))
      (begin
        (set! failed (+ failed 1))
        (display "FAILED: ")
        (write expression)
        (display " gave ")
        (write got)
        (display ", not ")
        (write expected)
        (newline))))

(define (same? a b)
  (or (equal? a b)
      ;; Not a number is not equal to itself.
      (and (number? a) (number? b) (not (= a a)) (not (= b b)))))

(define (describe-condition e)
  (if (error-object? e)
      (list 'error: (error-object-message e) (error-object-irritants e))
      (list 'raised: e)))

(define (check-value expression expected compute)
  (let ((got (guard (e (#t (describe-condition e))) (compute))))
    (count-result! (same? got expected) expression got expected)))

(define (check-error expression compute)
  (let ((got (guard (e (#t 'an-error)) (compute))))
    (count-result! (eq? got 'an-error) expression got 'an-error)))

(define-syntax test
  (syntax-rules ()
    ((_ expected expression)
     (check-value 'expression expected (lambda () expression)))))

(define-syntax test-values
  (syntax-rules ()
    ((_ (expected ...) expression)
     (check-value 'expression
                  (list expected ...)
                  (lambda () (call-with-values (lambda () expression)
                                               list))))))

(define-syntax test-error
  (syntax-rules ()
    ((_ expression)
     (check-error 'expression (lambda () expression)))))

(define (test-end)
  (display passed)
  (display " passed, ")
  (display failed)
  (display " failed")
  (newline)
  (if (> failed 0)
      (exit 1)))
