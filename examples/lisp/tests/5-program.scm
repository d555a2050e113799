;;; SPDX-License-Identifier: MIT
;;;
;;; 5-program.scm: R7RS 5, program structure: imports, definitions, records,
;;; libraries.

(import (scheme base) (only (scheme write) display write)
        (prefix (scheme char) c:) (scheme process-context)
        (scheme eval) (scheme repl))
(include "check.scm")

;; 5.3 definitions
(define add3 (lambda (x) (+ x 3)))
(test 6 (add3 3))
(define first car)
(test 1 (first '(1 2)))
(define (curried a) (lambda (b) (+ a b)))
(test 3 ((curried 1) 2))
(define (optional a . rest) (list a rest))
(test '(1 (2 3)) (optional 1 2 3))
(define (all . rest) rest)
(test '(1 2) (all 1 2))
(test 45
      (let ((x 5))
        (define foo (lambda (y) (bar x y)))
        (define bar (lambda (a b) (+ (* a b) a)))
        (foo (+ x 3))))
(test 11
      (let ()
        (define a 1)
        (define (f x) (+ x a))
        (begin (define b 10))
        (f b)))
(define redefined 1)
(define redefined 2)
(test 2 redefined)

(define-values (x y) (values 1 2))
(test 3 (+ x y))
(define-values (h . t) (values 1 2 3))
(test '(1 (2 3)) (list h t))
(define-values everything (values 1 2))
(test '(1 2) everything)
(test 3 (let () (define-values (x y) (values 1 2)) (+ x y)))

;; 5.4 syntax definitions within bodies
(test '(2 1)
      (let ((x 1) (y 2))
        (define-syntax swap!
          (syntax-rules ()
            ((_ a b) (let ((tmp a)) (set! a b) (set! b tmp)))))
        (swap! x y)
        (list x y)))

;; 5.5 records
(define-record-type <pare>
  (kons x y)
  pare?
  (x kar set-kar!)
  (y kdr))
(test #t (pare? (kons 1 2)))
(test #f (pare? (cons 1 2)))
(test 1 (kar (kons 1 2)))
(test 2 (kdr (kons 1 2)))
(test 3 (let ((k (kons 1 2))) (set-kar! k 3) (kar k)))
(define-record-type point (make-point y) point? (x point-x set-x!) (y point-y))
(test 4 (point-y (make-point 4)))
(test 5 (let ((p (make-point 4))) (set-x! p 5) (point-x p)))
(test #f (pare? (make-point 1)))
(test #f (vector? (make-point 1)))
(test #f (equal? (kons 1 2) (kons 1 3)))
(define-record-type (named #t) #f named? (field named-field))
(define-record-type all-fields make-all #f (x all-x) (y all-y set-y!))
(test '(#f 1 2) (list (named? 5) (all-x (make-all 1 2)) (all-y (make-all 1 2))))
(test-error (make-all 1))
(test-error (kar (make-point 1)))
(test-error (kar 5))
(test-error (set-kar! '(1) 2))
(test-error (kons 1))
(test 7
      (let ()
        (define-record-type inner (make-inner a) inner? (a inner-a))
        (inner-a (make-inner 7))))

(test-end)
