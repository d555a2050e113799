;;; SPDX-License-Identifier: MIT
;;;
;;; 6.12-eval.scm: R7RS 6.12, environments and evaluation.

(include "check.scm")

(import (scheme eval) (scheme repl))

(test 21 (eval '(* 7 3) (environment '(scheme base))))
(test 20 (let ((f (eval '(lambda (f x) (f x x))
                        (scheme-report-environment 5))))
           (f + 10)))
(eval '(define made-by-eval 5) (interaction-environment))
(test 5 made-by-eval)
(test '(a b) (eval ''(a b) (interaction-environment)))
(test 3 (eval '(let-syntax ((three (syntax-rules () ((_) 3)))) (three))
              (interaction-environment)))
(test-error (eval '(car 5) (interaction-environment)))
(test-error (eval '(if) (interaction-environment)))
(test-error (eval '(lambda) (interaction-environment)))
(test-error (eval '(let ((x)) . 5) (interaction-environment)))
(test-error (eval '(lambda (x x) x) (interaction-environment)))
(test-error (eval '() (interaction-environment)))
(test-error (eval '(quote) (interaction-environment)))
(test-error (eval '(define) (interaction-environment)))
(test-error (eval '(set! 5 1) (interaction-environment)))
(test-error (eval '(cond (else)) (interaction-environment)))
(test-error (eval '(let loop) (interaction-environment)))
(test-error (eval 'if (interaction-environment)))
(test-error (eval '(f . x) (interaction-environment)))
(test-error (eval '(define-record-type) (interaction-environment)))
(test-error (eval '(define-syntax x 5) (interaction-environment)))
(test-error (eval '(case) (interaction-environment)))
(test-error (eval '(do) (interaction-environment)))
(test-error (eval '(guard) (interaction-environment)))

;; What is redefined is used, also where it had been compiled in.
(define (use-square x) (square x))
(test 9 (use-square 3))
(define (square x) (list 'squared x))
(test '(squared 3) (use-square 3))
(define (use-car x) (car x))
(test 1 (use-car '(1)))
(define old-car car)
(define (car x) (if (pair? x) (list 'car (old-car x)) 'none))
(test '((car 1) none) (list (use-car '(1)) (use-car 5)))
(set! car old-car)
(test 1 (use-car '(1)))
;; The procedures of the prelude are not touched by it.
(define (reverse l) 'broken)
(test '(2 3) (map (lambda (x) (+ x 1)) '(1 2)))

(test-end)
