;;; SPDX-License-Identifier: MIT
;;;
;;; matrix.scm: products of matrices of integers, as vectors of rows; (AB)C
;;; and A(BC) must agree, and a known power of a known matrix.

(include "harness.scm")

(define (make-matrix n entry)
  (let ((rows (make-vector n #f)))
    (do ((i 0 (+ i 1)))
        ((= i n) rows)
      (let ((row (make-vector n 0)))
        (vector-set! rows i row)
        (do ((j 0 (+ j 1)))
            ((= j n))
          (vector-set! row j (entry i j)))))))

(define (entry matrix i j)
  (vector-ref (vector-ref matrix i) j))

(define (product a b)
  (let ((n (vector-length a)))
    (make-matrix n
      (lambda (i j)
        (let ((row (vector-ref a i)))
          (let loop ((k 0) (total 0))
            (if (= k n)
                total
                (loop (+ k 1)
                      (+ total
                         (* (vector-ref row k) (entry b k j)))))))))))

(define (power matrix n)
  (cond ((= n 1) matrix)
        ((= (remainder n 2) 1) (product matrix (power matrix (- n 1))))
        (else
         (let ((half (power matrix (quotient n 2))))
           (product half half)))))

(define (random-matrix n)
  (make-matrix n (lambda (i j) (- (random-below 19) 9))))

(define fibonacci (vector (vector 1 1) (vector 1 0)))

(run "matrix" 10 '(#t 832040)
     (lambda ()
       (random-seed! 5)
       (let ((a (random-matrix 40))
             (b (random-matrix 40))
             (c (random-matrix 40)))
         (list (equal? (product (product a b) c)
                       (product a (product b c)))
               (entry (power fibonacci 30) 0 1)))))
