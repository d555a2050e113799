;;; SPDX-License-Identifier: MIT
;;;
;;; gcbench.scm: binary trees of several depths, made and dropped, beside a
;;; tree and a vector that live on.

(include "harness.scm")

(define (make-tree depth)
  (if (= depth 0)
      (cons '() '())
      (let ((left (make-tree (- depth 1))))
        (cons left (make-tree (- depth 1))))))

;; The same from the top down: children are put into finished parents.

(define (populate! tree depth)
  (if (> depth 0)
      (begin
        (set-car! tree (cons '() '()))
        (set-cdr! tree (cons '() '()))
        (populate! (car tree) (- depth 1))
        (populate! (cdr tree) (- depth 1)))))

(define (count-nodes tree)
  (if (null? tree)
      0
      (+ 1 (count-nodes (car tree)) (count-nodes (cdr tree)))))

(define long-lived-depth 14)
(define largest-depth 12)

(define (make-trees depth count)
  (let loop ((i 0) (nodes 0))
    (if (= i count)
        nodes
        (let ((down (cons '() '())))
          (populate! down depth)
          (loop (+ i 1)
                (+ nodes
                   (count-nodes down)
                   (count-nodes (make-tree depth))))))))

(define (expt2 n)
  (if (= n 0) 1 (* 2 (expt2 (- n 1)))))

(define long-lived (make-tree long-lived-depth))
(define numbers (make-vector 20000 1))

(run "gcbench" 6 '(324952 32767 20000)
     (lambda ()
       (let loop ((depth 4) (nodes 0))
         (if (<= depth largest-depth)
             (loop (+ depth 2)
                   (+ nodes
                      (make-trees depth (expt2 (- 14 depth)))))
             (list nodes
                   (count-nodes long-lived)
                   (apply + (vector->list numbers)))))))
