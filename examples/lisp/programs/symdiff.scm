;;; SPDX-License-Identifier: MIT
;;;
;;; symdiff.scm: symbolic differentiation and simplification.  Derivatives are
;;; simplified until nothing changes, printed in the usual notation, and
;;; checked against numbers: the value of the derivative at a few points must
;;; be that of an exact evaluation by dual numbers.

(include "harness.scm")

;; Expressions: numbers, symbols, (+ a b), (- a b), (* a b), (^ a n).

(define (operator e) (car e))
(define (left e) (cadr e))
(define (right e) (caddr e))

(define (is? e op)
  (and (pair? e) (eq? (operator e) op)))

(define (differentiate e x)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e x) 1 0))
        (else
         (let ((a (left e)) (b (right e)))
           (case (operator e)
             ((+ -)
              (list (operator e) (differentiate a x) (differentiate b x)))
             ((*)
              (list '+
                    (list '* (differentiate a x) b)
                    (list '* a (differentiate b x))))
             ((^)
              (list '* (list '* b (list '^ a (- b 1))) (differentiate a x)))
             (else (fail "symdiff" e "an expression")))))))

;; One pass from the leaves up; passes are repeated up to a fixed point.

(define (simplify e)
  (let ((once (simplify-once e)))
    (if (equal? once e)
        e
        (simplify once))))

(define (simplify-once e)
  (if (not (pair? e))
      e
      (let ((a (simplify-once (left e)))
            (b (simplify-once (right e))))
        (case (operator e)
          ((+) (simplify-sum a b))
          ((-) (simplify-difference a b))
          ((*) (simplify-product a b))
          (else (simplify-power a b))))))

(define (simplify-sum a b)
  (cond ((and (number? a) (number? b)) (+ a b))
        ((equal? a 0) b)
        ((equal? b 0) a)
        ((number? b) (list '+ b a))
        ((equal? a b) (list '* 2 a))
        ((and (number? a) (is? b '+) (number? (left b)))
         (list '+ (+ a (left b)) (right b)))
        ((and (is? a '*) (is? b '*)
              (number? (left a)) (number? (left b))
              (equal? (right a) (right b)))
         (list '* (+ (left a) (left b)) (right a)))
        ((is? a '+) (list '+ (left a) (list '+ (right a) b)))
        (else (list '+ a b))))

(define (simplify-difference a b)
  (cond ((and (number? a) (number? b)) (- a b))
        ((equal? b 0) a)
        ((equal? a b) 0)
        (else (list '+ a (list '* -1 b)))))

(define (simplify-product a b)
  (cond ((and (number? a) (number? b)) (* a b))
        ((or (equal? a 0) (equal? b 0)) 0)
        ((equal? a 1) b)
        ((equal? b 1) a)
        ((number? b) (list '* b a))
        ((and (number? a) (is? b '*) (number? (left b)))
         (list '* (* a (left b)) (right b)))
        ((and (is? b '*) (number? (left b)))
         (list '* (left b) (list '* a (right b))))
        ((is? a '*) (list '* (left a) (list '* (right a) b)))
        ((equal? (base-of a) (base-of b))
         (list '^ (base-of a) (+ (exponent-of a) (exponent-of b))))
        (else (list '* a b))))

(define (simplify-power a n)
  (cond ((equal? n 0) 1)
        ((equal? n 1) a)
        ((number? a) (expt a n))
        ((is? a '^) (list '^ (left a) (* (right a) n)))
        (else (list '^ a n))))

(define (base-of e) (if (is? e '^) (left e) e))
(define (exponent-of e) (if (is? e '^) (right e) 1))

;; The usual notation, with as few parentheses as possible.

(define (show e)
  (show-in e 0))

(define (show-in e outer)
  (cond ((number? e) (number->string e))
        ((symbol? e) (symbol->string e))
        (else
         (let* ((inner (cdr (assq (operator e)
                                  '((+ . 1) (- . 1) (* . 2) (^ . 3)))))
                (text (string-append
                       (show-in (left e) inner)
                       (if (memq (operator e) '(+ -)) " " "")
                       (symbol->string (operator e))
                       (if (memq (operator e) '(+ -)) " " "")
                       (show-in (right e) inner))))
           (if (< inner outer)
               (string-append "(" text ")")
               text)))))

;; The value and the slope at a point, as a pair.

(define (evaluate e x at)
  (cond ((number? e) (cons e 0))
        ((symbol? e) (if (eq? e x) (cons at 1) (fail "symdiff" e x)))
        (else
         (let* ((a (evaluate (left e) x at))
                (b (evaluate (right e) x at))
                (u (car a)) (du (cdr a))
                (v (car b)) (dv (cdr b)))
           (case (operator e)
             ((+) (cons (+ u v) (+ du dv)))
             ((-) (cons (- u v) (- du dv)))
             ((*) (cons (* u v) (+ (* du v) (* u dv))))
             (else
              (cons (expt u v)
                    (if (= v 0) 0 (* v (expt u (- v 1)) du)))))))))

(define (correct? e derivative)
  (let loop ((points '(-3 -2 -1 1 2 3)))
    (or (null? points)
        (and (= (cdr (evaluate e 'x (car points)))
                (car (evaluate derivative 'x (car points))))
             (loop (cdr points))))))

(define expressions
  '(7
    x
    (+ (* 3 (^ x 2)) (+ (* 2 x) 1))
    (* (+ x 1) (- x 1))
    (^ (+ (* 2 x) 1) 5)
    (* (^ (- x 1) 2) (^ (+ x 2) 3))
    (^ (^ (+ (* x x) 1) 2) 2)
    (- (* x (* x (* x x))) (* 4 (* x x)))))

(define (differentiated e)
  (simplify (differentiate e 'x)))

(for-each (lambda (e)
            (display "(")
            (display (show e))
            (display ")' = ")
            (display (show (differentiated e)))
            (newline))
          expressions)

(define (all-correct? e times)
  (or (= times 0)
      (let ((derivative (differentiated e)))
        (and (correct? e derivative)
             (all-correct? derivative (- times 1))))))

(run "symdiff" 20 '(#t #t #t #t #t #t #t #t)
     (lambda ()
       (map (lambda (e) (all-correct? e 3)) expressions)))
