;;; SPDX-License-Identifier: MIT
;;;
;;; metacircular.scm: a Lisp in Lisp.  An evaluator for the core of Scheme runs
;;; programs of its own, the last of which is an evaluator again.

(include "harness.scm")

;; An environment is a list of frames; a frame is a pair of names and values,
;; both lists; the global frame is the last.

(define (lookup-cell name environment)
  (if (null? environment)
      (fail "metacircular" name "a bound variable")
      (let loop ((names (car (car environment)))
                 (values-left (cdr (car environment))))
        (cond ((null? names) (lookup-cell name (cdr environment)))
              ((eq? (car names) name) values-left)
              (else (loop (cdr names) (cdr values-left)))))))

(define (define-in! environment name value)
  (let ((frame (car environment)))
    (set-car! frame (cons name (car frame)))
    (set-cdr! frame (cons value (cdr frame)))))

;; Procedures of the inner language: a tagged vector, or one of ours.

(define (make-procedure parameters body environment)
  (vector 'procedure parameters body environment))

(define (evaluate e environment)
  (cond ((symbol? e) (car (lookup-cell e environment)))
        ((not (pair? e)) e)
        (else
         (case (car e)
           ((quote) (cadr e))
           ((if)
            (if (evaluate (cadr e) environment)
                (evaluate (caddr e) environment)
                (if (pair? (cdddr e))
                    (evaluate (cadddr e) environment)
                    #f)))
           ((cond) (evaluate-cond (cdr e) environment))
           ((and)
            (and (evaluate (cadr e) environment)
                 (evaluate (caddr e) environment)))
           ((or)
            (or (evaluate (cadr e) environment)
                (evaluate (caddr e) environment)))
           ((lambda) (make-procedure (cadr e) (cddr e) environment))
           ((let)
            (evaluate-body (cddr e)
                           (cons (cons (map car (cadr e))
                                       (evaluate-all (map cadr (cadr e))
                                                     environment))
                                 environment)))
           ((define) (evaluate-define e environment))
           ((set!)
            (set-car! (lookup-cell (cadr e) environment)
                      (evaluate (caddr e) environment)))
           ((begin) (evaluate-body (cdr e) environment))
           (else
            (call (evaluate (car e) environment)
                  (evaluate-all (cdr e) environment)))))))

(define (evaluate-define e environment)
  (if (pair? (cadr e))
      (define-in! environment
                  (car (cadr e))
                  (make-procedure (cdr (cadr e)) (cddr e) environment))
      (define-in! environment
                  (cadr e)
                  (evaluate (caddr e) environment))))

(define (evaluate-cond clauses environment)
  (cond ((null? clauses) #f)
        ((or (eq? (car (car clauses)) 'else)
             (evaluate (car (car clauses)) environment))
         (evaluate-body (cdr (car clauses)) environment))
        (else (evaluate-cond (cdr clauses) environment))))

(define (evaluate-body body environment)
  (if (null? (cdr body))
      (evaluate (car body) environment)
      (begin
        (evaluate (car body) environment)
        (evaluate-body (cdr body) environment))))

(define (evaluate-all expressions environment)
  (if (null? expressions)
      '()
      (let ((first (evaluate (car expressions) environment)))
        (cons first (evaluate-all (cdr expressions) environment)))))

(define (call procedure arguments)
  (if (vector? procedure)
      (evaluate-body (vector-ref procedure 2)
                     (cons (cons (vector-ref procedure 1) arguments)
                           (vector-ref procedure 3)))
      (apply procedure arguments)))

(define (global-environment)
  (list
   (cons
    (list 'car 'cdr 'cons 'cadr 'caddr 'null? 'pair? 'symbol? 'eq? 'not
          '+ '- '* '< '= 'list 'apply 'display)
    (list car cdr cons cadr caddr null? pair? symbol? eq? not
          + - * < = list call display))))

;; ------------------------------------------------ the programs it runs

(define program-sort
  '(begin
     (define (insert x sorted)
       (cond ((null? sorted) (list x))
             ((< x (car sorted)) (cons x sorted))
             (else (cons (car sorted) (insert x (cdr sorted))))))
     (define (sort items)
       (if (null? items)
           '()
           (insert (car items) (sort (cdr items)))))
     (sort '(31 41 59 26 53 58 97 93 23 84 62 64 33 83 27 95))))

(define program-counter
  '(begin
     (define (make-counter)
       (let ((n 0))
         (lambda () (set! n (+ n 1)) n)))
     (define a (make-counter))
     (define b (make-counter))
     (a)
     (a)
     (list (a) (b))))

;; An evaluator with association lists for environments, written in what ours
;; understands; it computes the factorial of 10 by a fixed-point combinator.

(define program-evaluator
  '(begin
     (define (find name env)
       (if (eq? (car (car env)) name)
           (cdr (car env))
           (find name (cdr env))))
     (define (bind names args env)
       (if (null? names)
           env
           (cons (cons (car names) (car args))
                 (bind (cdr names) (cdr args) env))))
     (define (map1 f items)
       (if (null? items)
           '()
           (cons (f (car items)) (map1 f (cdr items)))))
     (define (ev e env)
       (cond ((symbol? e) (find e env))
             ((not (pair? e)) e)
             ((eq? (car e) 'quote) (cadr e))
             ((eq? (car e) 'if)
              (if (ev (cadr e) env)
                  (ev (caddr e) env)
                  (ev (cadr (cdr (cdr e))) env)))
             ((eq? (car e) 'lambda)
              (lambda (args) (ev (caddr e) (bind (cadr e) args env))))
             (else
              ((ev (car e) env)
               (map1 (lambda (x) (ev x env)) (cdr e))))))
     (define globals
       (list (cons '* (lambda (args) (* (car args) (cadr args))))
             (cons '- (lambda (args) (- (car args) (cadr args))))
             (cons '= (lambda (args) (= (car args) (cadr args))))))
     (ev '(((lambda (f) (f f))
            (lambda (self)
              (lambda (n)
                (if (= n 0)
                    1
                    (* n ((self self) (- n 1)))))))
           10)
         globals)))

(define program-primes
  '(begin
     (define (divides? d n)
       (cond ((= n 0) (= 0 0))
             ((< n 0) (= 0 1))
             (else (divides? d (- n d)))))
     (define (prime? n d)
       (cond ((< n (* d d)) (= 0 0))
             ((divides? d n) (= 0 1))
             (else (prime? n (+ d 1)))))
     (define (primes from to)
       (cond ((= from to) '())
             ((prime? from 2) (cons from (primes (+ from 1) to)))
             (else (primes (+ from 1) to))))
     (primes 2 60)))

(run "metacircular" 40
     '((23 26 27 31 33 41 53 58 59 62 64 83 84 93 95 97)
       (3 1)
       3628800
       (2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59))
     (lambda ()
       (map (lambda (program) (evaluate program (global-environment)))
            (list program-sort program-counter program-evaluator
                  program-primes))))
