;;; SPDX-License-Identifier: MIT
;;;
;;; destruc.scm: lists changed in place: merged, reversed, split and spliced
;;; with set-car! and set-cdr!, while new lists are made all the time.

(include "harness.scm")

(define (reverse! items)
  (let loop ((rest items) (done '()))
    (if (null? rest)
        done
        (let ((next (cdr rest)))
          (set-cdr! rest done)
          (loop next rest)))))

;; Cut a list after n pairs; return the part behind.

(define (cut! items n)
  (if (= n 1)
      (let ((rest (cdr items)))
        (set-cdr! items '())
        rest)
      (cut! (cdr items) (- n 1))))

(define (merge! a b)
  (let ((head (list #f)))
    (let loop ((a a) (b b) (last head))
      (cond ((null? a) (set-cdr! last b))
            ((null? b) (set-cdr! last a))
            ((< (car b) (car a))
             (set-cdr! last b)
             (loop a (cdr b) b))
            (else
             (set-cdr! last a)
             (loop (cdr a) b a))))
    (cdr head)))

(define (sort! items n)
  (if (< n 2)
      items
      (let* ((half (quotient n 2))
             (rest (cut! items half)))
        (merge! (sort! items half) (sort! rest (- n half))))))

;; Neighbours change places, then every pair learns the sum of the two.

(define (swap-neighbours! items)
  (if (and (pair? items) (pair? (cdr items)))
      (let ((first (car items)))
        (set-car! items (cadr items))
        (set-car! (cdr items) first)
        (swap-neighbours! (cddr items)))))

(define (splice! items)
  (if (and (pair? items) (pair? (cdr items)))
      (let ((between (list (+ (car items) (cadr items)))))
        (set-cdr! between (cdr items))
        (set-cdr! items between)
        (splice! (cddr between)))))

(define (sum items)
  (let loop ((items items) (total 0))
    (if (null? items)
        total
        (loop (cdr items) (+ total (car items))))))

(define (sorted? items)
  (or (null? items)
      (null? (cdr items))
      (and (<= (car items) (cadr items))
           (sorted? (cdr items)))))

(run "destruc" 40 '(2250 2248500 #t)
     (lambda ()
       (let ((items (iota-from 0 1500)))
         (do ((i 0 (+ i 1)))
             ((= i 5))
           (set! items (reverse! items))
           (swap-neighbours! items)
           (set! items (sort! (append items '()) 1500)))
         (splice! items)
         (let ((n (length items)))
           (set! items (sort! items n))
           (list n (sum items) (sorted? items))))))
