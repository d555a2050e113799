;;; SPDX-License-Identifier: MIT
;;;
;;; quicksort.scm: the same numbers sorted in place in a vector and by
;;; partition of lists; the results must agree and be in order.

(include "harness.scm")

(define (partition! v low high)
  (let ((pivot (vector-ref v (quotient (+ low high) 2))))
    (let loop ((i low) (j high))
      (let* ((i (let up ((i i))
                  (if (< (vector-ref v i) pivot) (up (+ i 1)) i)))
             (j (let down ((j j))
                  (if (< pivot (vector-ref v j)) (down (- j 1)) j))))
        (if (>= i j)
            j
            (let ((x (vector-ref v i)))
              (vector-set! v i (vector-ref v j))
              (vector-set! v j x)
              (loop (+ i 1) (- j 1))))))))

(define (quicksort! v low high)
  (if (< low high)
      (let ((middle (partition! v low high)))
        (quicksort! v low middle)
        (quicksort! v (+ middle 1) high))))

(define (quicksort items)
  (if (null? items)
      '()
      (let ((pivot (car items)))
        (let loop ((rest (cdr items)) (less '()) (more '()))
          (cond ((null? rest)
                 (append (quicksort less) (cons pivot (quicksort more))))
                ((< (car rest) pivot)
                 (loop (cdr rest) (cons (car rest) less) more))
                (else
                 (loop (cdr rest) less (cons (car rest) more))))))))

(define (random-list n)
  (if (= n 0)
      '()
      (let ((first (random-below 100000)))
        (cons first (random-list (- n 1))))))

(define (sorted? items)
  (or (null? (cdr items))
      (and (<= (car items) (cadr items))
           (sorted? (cdr items)))))

(run "quicksort" 20 '(5000 #t #t)
     (lambda ()
       (random-seed! 7)
       (let* ((items (random-list 5000))
              (v (list->vector items))
              (sorted (quicksort items)))
         (quicksort! v 0 (- (vector-length v) 1))
         (list (length sorted)
               (sorted? sorted)
               (equal? (vector->list v) sorted)))))
