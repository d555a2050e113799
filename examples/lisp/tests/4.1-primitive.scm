;;; SPDX-License-Identifier: MIT
;;;
;;; 4.1-primitive.scm: R7RS 4.1, primitive expression types.

(include "check.scm")

;; 4.1.1 variables
(define x 28)
(test 28 x)
(test-error never-defined)

;; 4.1.2 literals
(test 'a (quote a))
(test '(+ 1 2) (quote (+ 1 2)))
(test "abc" '"abc")
(test 145932 '145932)
(test #t '#t)
(test #\a '#\a)
(test '#(1 2) (quote #(1 2)))

;; 4.1.3 calls
(test 7 (+ 3 4))
(test 12 ((if #f + *) 3 4))
(test-error (1 2 3))
(test-error ("not a procedure"))
(test-error ((lambda (x) x)))
(test-error ((lambda (x) x) 1 2))
(test-error ((lambda (x y . z) x) 1))
(test-error (car 1 2))

;; 4.1.4 procedures
(test 8 ((lambda (x) (+ x x)) 4))
(define reverse-subtract (lambda (x y) (- y x)))
(test 3 (reverse-subtract 7 10))
(define add4 (let ((x 4)) (lambda (y) (+ x y))))
(test 10 (add4 6))
(test '(3 4 5 6) ((lambda x x) 3 4 5 6))
(test '() ((lambda x x)))
(test '(5 6) ((lambda (x y . z) z) 3 4 5 6))
(test '() ((lambda (x y . z) z) 3 4))
(test 3 ((lambda () 1 2 3)))
(test #t (procedure? (lambda () 1)))

;; 4.1.5 conditionals
(test 'yes (if (> 3 2) 'yes 'no))
(test 'no (if (> 2 3) 'yes 'no))
(test 1 (if (> 3 2) (- 3 2) (+ 3 2)))
(test 'true (if '() 'true 'false))
(test 'true (if 0 'true 'false))
(test 'true (if "" 'true 'false))

;; 4.1.6 assignments
(define y 2)
(test 3 (+ y 1))
(set! y 4)
(test 5 (+ y 1))
(test 9 (let ((z 1)) (set! z 9) z))
(test '(1 2 3)
      (let* ((n 0)
             (next (lambda () (set! n (+ n 1)) n)))
        (let* ((a (next)) (b (next)) (c (next)))
          (list a b c))))
(test-error (set! also-never-defined 1))

;; tail calls
(test 'done
      (let loop ((i 0))
        (if (= i 100000) 'done (loop (+ i 1)))))
(define (my-even? n) (if (= n 0) #t (my-odd? (- n 1))))
(define (my-odd? n) (if (= n 0) #f (my-even? (- n 1))))
(test #t (my-even? 100000))
(test 'done
      (let loop ((i 0))
        (cond ((= i 50000) 'done)
              (else (and #t (or #f (when #t (case 1 ((1) (loop (+ i 1)))))))))))
(test 'done
      (let loop ((i 0))
        (if (= i 50000) 'done (apply loop (list (+ i 1))))))

;; deep recursion
(define (depth n) (if (= n 0) 0 (+ 1 (depth (- n 1)))))
(test 100000 (depth 100000))

(test-end)
