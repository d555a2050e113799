;;; SPDX-License-Identifier: MIT
;;;
;;; rewrite.scm: proofs by rewriting terms, in the manner of Boyer and Moore's
;;; prover: equations are applied from left to right until none fits, and what
;;; remains is decided as a tautology over `if'.

(include "harness.scm")

;; Variables in equations are symbols; in the terms to be proven there are
;; only constants, which are terms without arguments.  The equations of an
;; operator are found in a list under its name.

(define equations
  '((and ((and p q) (if p (if q (t) (f)) (f))))
    (or ((or p q) (if p (t) (if q (t) (f)))))
    (not ((not p) (if p (f) (t))))
    (implies ((implies p q) (if p (if q (t) (f)) (t))))
    (iff ((iff p q) (and (implies p q) (implies q p))))
    (if ((if (if a b c) d e) (if a (if b d e) (if c d e))))
    (plus ((plus (zero) x) x)
          ((plus (succ x) y) (succ (plus x y)))
          ((plus (plus x y) z) (plus x (plus y z))))
    (times ((times (zero) x) (zero))
           ((times (succ x) y) (plus y (times x y)))
           ((times x (plus y z)) (plus (times x y) (times x z)))
           ((times (times x y) z) (times x (times y z))))
    (append ((append (nil) x) x)
            ((append (cons x y) z) (cons x (append y z)))
            ((append (append x y) z) (append x (append y z))))
    (reverse ((reverse (nil)) (nil))
             ((reverse (append x y)) (append (reverse y) (reverse x)))
             ((reverse (reverse x)) x))
    (length ((length (nil)) (zero))
            ((length (cons x y)) (succ (length y)))
            ((length (append x y)) (plus (length x) (length y)))
            ((length (reverse x)) (length x)))
    (equal ((equal (succ x) (succ y)) (equal x y))
           ((equal (cons a b) (cons c d)) (and (equal a c) (equal b d)))
           ((equal x x) (t)))))

;; The result of a match is an association list, or #f.

(define (match pattern term bindings)
  (cond ((not bindings) #f)
        ((symbol? pattern)
         (let ((bound (assq pattern bindings)))
           (cond ((not bound) (cons (cons pattern term) bindings))
                 ((equal? (cdr bound) term) bindings)
                 (else #f))))
        ((eq? (car pattern) (car term))
         (match-all (cdr pattern) (cdr term) bindings))
        (else #f)))

(define (match-all patterns terms bindings)
  (cond ((null? patterns) (if (null? terms) bindings #f))
        ((null? terms) #f)
        (else (match-all (cdr patterns)
                         (cdr terms)
                         (match (car patterns) (car terms) bindings)))))

(define (instance pattern bindings)
  (if (symbol? pattern)
      (cdr (assq pattern bindings))
      (cons (car pattern)
            (map (lambda (part) (instance part bindings)) (cdr pattern)))))

(define steps 0)

(define (normal-form term)
  (apply-equations (cons (car term) (map normal-form (cdr term)))))

(define (apply-equations term)
  (let ((entry (assq (car term) equations)))
    (let loop ((rest (if entry (cdr entry) '())))
      (if (null? rest)
          term
          (let ((bindings (match (car (car rest)) term '())))
            (if bindings
                (begin
                  (set! steps (+ steps 1))
                  (normal-form (instance (cadr (car rest)) bindings)))
                (loop (cdr rest))))))))

;; A normal form is decided with lists of what is known true and false.

(define (true? term known) (or (equal? term '(t)) (member term known)))
(define (false? term known) (or (equal? term '(f)) (member term known)))

(define (tautology? term trues falses)
  (cond ((true? term trues) #t)
        ((false? term falses) #f)
        ((eq? (car term) 'if)
         (let ((test (cadr term)))
           (cond ((true? test trues)
                  (tautology? (caddr term) trues falses))
                 ((false? test falses)
                  (tautology? (cadddr term) trues falses))
                 (else
                  (and (tautology? (caddr term) (cons test trues) falses)
                       (tautology? (cadddr term)
                                   trues
                                   (cons test falses)))))))
        (else #f)))

(define (proven? term)
  (tautology? (normal-form term) '() '()))

(define (conjunction terms)
  (if (null? (cdr terms))
      (car terms)
      (list 'and (car terms) (conjunction (cdr terms)))))

;; (a -> b) and (b -> c) and ... implies (a -> z).

(define (chain names)
  (list 'implies
        (conjunction
         (let loop ((names names))
           (if (null? (cdr names))
               '()
               (cons (list 'implies (car names) (cadr names))
                     (loop (cdr names))))))
        (list 'implies
              (car names)
              (list-ref names (- (length names) 1)))))

(define (number n)
  (if (= n 0) '(zero) (list 'succ (number (- n 1)))))

(define theorems
  (list
   (chain '((a) (b) (c) (d) (e)))
   '(iff (not (and (a) (b))) (or (not (a)) (not (b))))
   '(implies (and (a) (or (b) (c))) (or (and (a) (b)) (and (a) (c))))
   '(equal (length (reverse (append (append (u) (v)) (reverse (w)))))
           (plus (length (reverse (w))) (plus (length (v)) (length (u)))))
   '(equal (reverse (reverse (append (u) (append (v) (w)))))
           (append (append (u) (v)) (w)))
   (list 'equal
         (list 'times (number 7) (list 'plus (number 5) (number 3)))
         (number 56))))

(define falsehoods
  (list
   '(implies (or (a) (b)) (and (a) (b)))
   '(iff (implies (a) (b)) (implies (b) (a)))
   (list 'equal (list 'times (number 3) (number 3)) (number 8))))

(run "rewrite" 20 '((#t #t #t #t #t #t) (#f #f #f))
     (lambda ()
       (list (map proven? theorems) (map proven? falsehoods))))
