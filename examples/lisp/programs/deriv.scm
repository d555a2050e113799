;;; SPDX-License-Identifier: MIT
;;;
;;; deriv.scm: derivatives of polynomials as lists, without simplification:
;;; allocates pairs and little else.

(include "harness.scm")

(define (derivative e)
  (cond ((eq? e 'x) 1)
        ((not (pair? e)) 0)
        ((eq? (car e) '+) (cons '+ (map derivative (cdr e))))
        ((eq? (car e) '-) (cons '- (map derivative (cdr e))))
        ((eq? (car e) '*)
         (list '* e
               (cons '+
                     (map (lambda (factor)
                            (list '/ (derivative factor) factor))
                          (cdr e)))))
        ((eq? (car e) '/)
         (let ((upper (cadr e)) (lower (caddr e)))
           (list '-
                 (list '/ (derivative upper) lower)
                 (list '/ upper
                       (list '* lower lower (derivative lower))))))
        (else (fail "deriv" e "an expression"))))

(define (size tree)
  (if (pair? tree)
      (+ 1 (size (car tree)) (size (cdr tree)))
      0))

(define (repeatedly n e)
  (if (= n 0) e (repeatedly (- n 1) (derivative e))))

(define polynomial '(+ (* 3 x x) (* a x x) (* b x) 5))

(run "deriv" 30 '((+ (* (* 3 x x) (+ (/ 0 3) (/ 1 x) (/ 1 x)))
                     (* (* a x x) (+ (/ 0 a) (/ 1 x) (/ 1 x)))
                     (* (* b x) (+ (/ 0 b) (/ 1 x)))
                     0)
                  353352)
     (lambda ()
       (list (derivative polynomial)
             (size (repeatedly 5 polynomial)))))
