;;; SPDX-License-Identifier: MIT
;;;
;;; 6.11-exceptions.scm: R7RS 6.11, exceptions.

(include "check.scm")

(test 'symbol-raised
      (call/cc (lambda (k)
                 (with-exception-handler
                  (lambda (e) (k e))
                  (lambda () (raise 'symbol-raised))))))
(test 65 (with-exception-handler
          (lambda (con) (if (string? con) 42 0))
          (lambda () (+ (raise-continuable "should be a number") 23))))
(test 'outer
      (guard (e (#t 'outer))
        (with-exception-handler
         (lambda (e) 'ignored)
         (lambda () (raise 'not-continuable)))))
;; A handler runs with the handlers outside of it.
(test '(outer inner)
      (let ((log '()))
        (with-exception-handler
         (lambda (e) (set! log (cons 'outer log)) 0)
         (lambda ()
           (with-exception-handler
            (lambda (e)
              (set! log (cons 'inner log))
              (raise-continuable e))
            (lambda () (raise-continuable 'x)))))
        log))
(test '("msg" (1 2))
      (guard (e (#t (list (error-object-message e)
                          (error-object-irritants e))))
        (error "msg" 1 2)))
(test '(#t #f #f) (list (guard (e (#t (error-object? e))) (error "x"))
                        (guard (e (#t (error-object? e))) (raise 'x))
                        (error-object? "x")))
(test #t (guard (e ((error-object? e) #t)) (car 1)))
(test #t (guard (e ((error-object? e) #t)) (vector-ref #(1) 5)))
(test #t (guard (e ((error-object? e) #t)) undefined-variable))
(test #t (guard (e ((error-object? e) #t)) (1 2)))
(test 'caught (guard (e ((symbol? e) 'caught)) (raise 'x)))
(test 'second (guard (e ((string? e) 'first) ((symbol? e) 'second))
                (raise 'x)))
(test 'else (guard (e (#f 1) (else 'else)) (raise 'x)))
(test 'body (guard (e (#t 'handler)) 'body))
(test '(1 2) (call-with-values (lambda () (guard (e (#t 0)) (values 1 2)))
                               list))
(test 'outer (guard (e (#t 'outer))
               (guard (e ((string? e) 'inner))
                 (raise 'x))))
(test 'from-handler
      (guard (e ((eq? e 'second) 'from-handler))
        (guard (e (#t (raise 'second)))
          (raise 'first))))
;; Where no clause fits, raise-continuable in the body goes on.
(test 10 (with-exception-handler
          (lambda (e) 7)
          (lambda ()
            (guard (e ((string? e) 'no))
              (+ 3 (raise-continuable 'x))))))
(test '(before after caught)
      (let ((log '()))
        (guard (e (#t (set! log (cons 'caught log))))
          (dynamic-wind
           (lambda () (set! log (cons 'before log)))
           (lambda () (error "x"))
           (lambda () (set! log (cons 'after log)))))
        (reverse log)))
(test #t (guard (e ((file-error? e) #t))
           (open-input-file "/nowhere/at/all")))
(test #t (guard (e ((read-error? e) #t))
           (read (open-input-string "(1 . "))))
(test '(#f #f) (list (file-error? 'x) (read-error? 'x)))
(test-error (error-object-message 5))
(test-error (raise))
(test 100 (let loop ((i 0) (caught 0))
            (if (= i 100)
                caught
                (loop (+ i 1)
                      (+ caught (guard (e (#t 1)) (raise i)))))))

(test-end)
