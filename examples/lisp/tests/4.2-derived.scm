;;; SPDX-License-Identifier: MIT
;;;
;;; 4.2-derived.scm: R7RS 4.2, derived expression types.

(include "check.scm")

;; 4.2.1 conditionals
(test 'greater (cond ((> 3 2) 'greater) ((< 3 2) 'less)))
(test 'equal (cond ((> 3 3) 'greater) ((< 3 3) 'less) (else 'equal)))
(test 2 (cond ((assv 'b '((a 1) (b 2))) => cadr) (else #f)))
(test 5 (cond (#f 1) (5)))
(test 'last (cond (#t 'first 'last)))
(test 'composite
      (case (* 2 3) ((2 3 5 7) 'prime) ((1 4 6 8 9) 'composite)))
(test 'c (case (car '(c d)) ((a e i o u) 'vowel) ((w y) 'semivowel)
               (else => (lambda (x) x))))
(test 'char (case #\a ((#\b) 'no) ((#\a) 'char)))
(test '(3) (case 3 ((1 2) 1) ((3) => list)))
(test #t (and (= 2 2) (> 2 1)))
(test #f (and (= 2 2) (< 2 1)))
(test '(f g) (and 1 2 'c '(f g)))
(test #t (and))
(test #t (or (= 2 2) (> 2 1)))
(test #f (or #f #f #f))
(test '(b c) (or (memq 'b '(a b c)) (/ 3 0)))
(test #f (or))
(test 3 (when (= 1 1) 1 2 3))
(test 3 (unless (= 1 2) 1 2 3))
(test 'untouched
      (let ((x 'untouched)) (when #f (set! x 1)) (unless #t (set! x 1)) x))
(test 'yes (cond-expand (r7rs 'yes) (else 'no)))
(test 'yes (cond-expand ((and r7rs (not no-such-feature)) 'yes) (else 'no)))
(test 'yes (cond-expand ((library (scheme base)) 'yes) (else 'no)))
(test 'no (cond-expand ((library (no such library)) 'yes) (else 'no)))
(test 'other (cond-expand (no-such-feature 1) (else 'other)))
(test 'yes (cond-expand ((or no-such-feature r7rs) 'yes)))
(test '(all none) (list (cond-expand ((and) 'all) (else 'none))
                        (cond-expand ((or) 'some) (else 'none))))
(test 'no (cond-expand ((and r7rs (library (no such library))) 'yes)
                       ((no-such-requirement r7rs) 'odd)
                       (else 'no)))

;; 4.2.2 binding
(test 6 (let ((x 2) (y 3)) (* x y)))
(test 35 (let ((x 2) (y 3)) (let ((x 7) (z (+ x y))) (* z x))))
(test 70 (let ((x 2) (y 3)) (let* ((x 7) (z (+ x y))) (* z x))))
(test 1 (let () 1))
(test 2 (let* () 2))
(test #t
      (letrec ((even? (lambda (n) (if (zero? n) #t (odd? (- n 1)))))
               (odd? (lambda (n) (if (zero? n) #f (even? (- n 1))))))
        (even? 88)))
(test 5
      (letrec* ((p (lambda (x) (+ 1 (q (- x 1)))))
                (q (lambda (y) (if (zero? y) 0 (+ 1 (p (- y 1))))))
                (x (p 5))
                (y x))
        y))
(test-error (letrec ((a b) (b 1)) a))
(test 35 (let-values (((root rem) (exact-integer-sqrt 32))) (* root 7)))
(test '(1 2 (3 4))
      (let-values (((a b . c) (values 1 2 3 4))) (list a b c)))
(test '(1 2) (let-values ((all (values 1 2))) all))
(test '(x y x y)
      (let ((a 'a) (b 'b) (x 'x) (y 'y))
        (let*-values (((a b) (values x y)) ((x y) (values a b)))
          (list a b x y))))
(test '(x y a b)
      (let ((a 'a) (b 'b) (x 'x) (y 'y))
        (let-values (((a b) (values x y)) ((x y) (values a b)))
          (list a b x y))))

;; 4.2.3 sequencing
(define x 0)
(test 6 (and (= x 0) (begin (set! x 5) (+ x 1))))

;; 4.2.4 iteration
(test '#(0 1 2 3 4)
      (do ((vec (make-vector 5)) (i 0 (+ i 1)))
          ((= i 5) vec)
        (vector-set! vec i i)))
(test 25
      (let ((x '(1 3 5 7 9)))
        (do ((x x (cdr x)) (sum 0 (+ sum (car x)))) ((null? x) sum))))
(test '((6 1 3) (-5 -2))
      (let loop ((numbers '(3 -2 1 6 -5)) (nonneg '()) (neg '()))
        (cond ((null? numbers) (list nonneg neg))
              ((>= (car numbers) 0)
               (loop (cdr numbers) (cons (car numbers) nonneg) neg))
              (else
               (loop (cdr numbers) nonneg (cons (car numbers) neg))))))
(test '(2 1 0)
      (map (lambda (p) (p))
           (do ((i 0 (+ i 1)) (ps '() (cons (lambda () i) ps)))
               ((= i 3) ps))))

;; 4.2.5 delayed evaluation
(test 3 (force (delay (+ 1 2))))
(test '(3 3) (let ((p (delay (+ 1 2)))) (list (force p) (force p))))
(define count 0)
(define p (delay (begin (set! count (+ count 1)) (* count 10))))
(test '(10 10 1) (let* ((a (force p)) (b (force p))) (list a b count)))
(define (stream-from n) (delay (cons n (stream-from (+ n 1)))))
(define (stream-nth s n)
  (if (= n 0) (car (force s)) (stream-nth (cdr (force s)) (- n 1))))
(test 100 (stream-nth (stream-from 0) 100))
(define (loop n) (if (= n 0) (delay 'end) (delay-force (loop (- n 1)))))
(test 'end (force (loop 10000)))
(test 7 (force 7))
(test 7 (force (make-promise 7)))
(test #t (promise? (delay 1)))
(test #t (promise? (make-promise (make-promise 1))))
(test #f (promise? 1))
(test 5
      (letrec ((q (delay (begin (set! n (+ n 1))
                                (if (> n 4) n (force q)))))
               (n 0))
        (force q)))
(test-error (force (delay (error "when forced"))))

;; 4.2.6 parameters
(define radix (make-parameter 10 (lambda (x) (if (integer? x) x 'bad))))
(define (f n) (number->string n (radix)))
(test "12" (f 12))
(test "1100" (parameterize ((radix 2)) (f 12)))
(test "12" (f 12))
(test 'bad (parameterize ((radix "x")) (radix)))
(define plain (make-parameter 1))
(test '(1 2 1)
      (let* ((a (plain))
             (b (parameterize ((plain 2)) (plain)))
             (c (plain)))
        (list a b c)))
(test 1
      (begin
        (guard (e (#t #f))
          (parameterize ((plain 5)) (raise 'out)))
        (plain)))
(test '(1 10)
      (let ((q (make-parameter 0)))
        (parameterize ((plain 1) (q 10)) (list (plain) (q)))))

;; 4.2.7 guard: with 6.11
(test 42
      (guard (e ((assq 'a e) => cdr) ((assq 'b e)))
        (raise (list (cons 'a 42)))))
(test '(b . 23)
      (guard (e ((assq 'a e) => cdr) ((assq 'b e)))
        (raise (list (cons 'b 23)))))

;; 4.2.8 quasiquotation
(test '(list 3 4) `(list ,(+ 1 2) 4))
(test '(list a 'a) (let ((name 'a)) `(list ,name ',name)))
(test '(a 3 4 5 6 b) `(a ,(+ 1 2) ,@(map abs '(4 -5 6)) b))
(test '((foo 7) . cons) `((foo ,(- 10 3)) ,@(cdr '(c)) . ,(car '(cons))))
(test '#(10 5 4 16 9 8)
      `#(10 5 ,(- 6 2) ,@(map (lambda (x) (* x x)) '(4 3)) 8))
(test '(a `(b ,(c ,(+ 1 2)))) '(a `(b ,(c ,(+ 1 2)))))
(test '(a `(b ,(foo 4 d) e) f) `(a `(b ,(foo ,(+ 1 3) d) e) f))
(test '(1 . 2) `(1 . ,(+ 1 1)))
(test '(1 2 3) `(1 ,@'(2 3)))
(test 5 `,(+ 2 3))

;; 4.2.9 case-lambda
(define range
  (case-lambda
    ((e) (range 0 e))
    ((b e) (do ((r '() (cons e r)) (e (- e 1) (- e 1))) ((< e b) r)))
    ((b . rest) (list b rest))))
(test '(0 1 2) (range 3))
(test '(3 4) (range 3 5))
(test '(1 (2 3)) (range 1 2 3))
;; Each evaluation gives a procedure of its own, whichever clause captures.
(define (adder n)
  (case-lambda (() 'none) ((a) (+ a n)) ((a . more) (list a more n))))
(test '((none 11 (1 (2) 10)) (none 21 (1 (2 3) 20)))
      (let ((f (adder 10)) (g (adder 20)))
        (list (list (f) (f 1) (f 1 2)) (list (g) (g 1) (g 1 2 3)))))
(test 100000 (let ()
               (define count
                 (case-lambda ((n) (count n 0))
                              ((n sum) (if (= n 0)
                                           sum
                                           (count (- n 1) (+ sum 1))))))
               (count 100000)))
(test-error (%case-lambda car))
(test-error ((case-lambda ((a) a) ((a b) b))))
(test-error ((case-lambda ((a) a) ((a b) b)) 1 2 3))

(test-end)
