;;; SPDX-License-Identifier: MIT
;;;
;;; bigsort.scm: a big sort: twenty thousand records, ordered by name and
;;; then by number with a stable merge sort of lists, checked against a heap
;;; sort in a vector.

(include "harness.scm")

(define count 20000)

;; A record is (name . number).

(define (random-name)
  (let ((name (make-string 6 #\a)))
    (do ((i 0 (+ i 1)))
        ((= i 6) name)
      (string-set! name i
                   (integer->char (+ (char->integer #\a)
                                     (random-below 5)))))))

(define (make-records n)
  (let loop ((i 0) (records '()))
    (if (= i n)
        records
        (loop (+ i 1)
              (cons (cons (random-name) (random-below 1000)) records)))))

(define (record<? a b)
  (or (string<? (car a) (car b))
      (and (string=? (car a) (car b))
           (< (cdr a) (cdr b)))))

;; Merge sort from the bottom: sorted runs of two, four, eight, ...

(define (merge a b less?)
  (let loop ((a a) (b b) (result '()))
    (cond ((null? a) (append-reverse result b))
          ((null? b) (append-reverse result a))
          ((less? (car b) (car a)) (loop a (cdr b) (cons (car b) result)))
          (else (loop (cdr a) b (cons (car a) result))))))

(define (append-reverse items tail)
  (if (null? items)
      tail
      (append-reverse (cdr items) (cons (car items) tail))))

(define (merge-neighbours runs less?)
  (let loop ((runs runs) (merged '()))
    (cond ((null? runs) (reverse merged))
          ((null? (cdr runs)) (reverse (cons (car runs) merged)))
          (else
           (loop (cddr runs)
                 (cons (merge (car runs) (cadr runs) less?) merged))))))

(define (merge-sort items less?)
  (let loop ((runs (map list items)))
    (cond ((null? runs) '())
          ((null? (cdr runs)) (car runs))
          (else (loop (merge-neighbours runs less?))))))

;; Heap sort: the largest is at the root, and moves behind the shrinking heap.

(define (swap! v i j)
  (let ((x (vector-ref v i)))
    (vector-set! v i (vector-ref v j))
    (vector-set! v j x)))

(define (sift-down! v root end less?)
  (let ((child (+ (* 2 root) 1)))
    (if (< child end)
        (let ((larger (if (and (< (+ child 1) end)
                               (less? (vector-ref v child)
                                      (vector-ref v (+ child 1))))
                          (+ child 1)
                          child)))
          (if (less? (vector-ref v root) (vector-ref v larger))
              (begin
                (swap! v root larger)
                (sift-down! v larger end less?)))))))

(define (heap-sort! v less?)
  (let ((size (vector-length v)))
    (do ((root (- (quotient size 2) 1) (- root 1)))
        ((< root 0))
      (sift-down! v root size less?))
    (do ((end (- size 1) (- end 1)))
        ((< end 1))
      (swap! v 0 end)
      (sift-down! v 0 end less?))))

(define (sorted? items less?)
  (or (null? (cdr items))
      (and (not (less? (cadr items) (car items)))
           (sorted? (cdr items) less?))))

(run "bigsort" 3 (list count #t #t)
     (lambda ()
       (random-seed! 42)
       (let* ((records (make-records count))
              (merged (merge-sort records record<?))
              (heap (list->vector records)))
         (heap-sort! heap record<?)
         (list (length merged)
               (sorted? merged record<?)
               (equal? merged (vector->list heap))))))
