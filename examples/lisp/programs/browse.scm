;;; SPDX-License-Identifier: MIT
;;;
;;; browse.scm: a data base of tuples behind symbols, searched with patterns
;;; in which ? stands for one item and * for any number of them.

(include "harness.scm")

(define (matches? pattern items)
  (cond ((null? pattern) (null? items))
        ((eq? (car pattern) '*)
         (or (matches? (cdr pattern) items)
             (and (pair? items) (matches? pattern (cdr items)))))
        ((null? items) #f)
        ((eq? (car pattern) '?)
         (matches? (cdr pattern) (cdr items)))
        ((pair? (car pattern))
         (and (pair? (car items))
              (matches? (car pattern) (car items))
              (matches? (cdr pattern) (cdr items))))
        (else
         (and (eq? (car pattern) (car items))
              (matches? (cdr pattern) (cdr items))))))

(define words '#(red green blue north south))

(define (random-word)
  (vector-ref words (random-below 5)))

;; Half of the items of a record are words, a few are records themselves.

(define (random-record depth)
  (let loop ((left 7) (record '()))
    (if (= left 0)
        record
        (loop (- left 1)
              (cons (if (and (> depth 0) (= (random-below 5) 0))
                        (random-record (- depth 1))
                        (random-word))
                    record)))))

(define (random-records n)
  (if (= n 0)
      '()
      (let ((record (random-record 2)))
        (cons record (random-records (- n 1))))))

;; The data base: an association list from a symbol to its records.

(define (name-of i)
  (string->symbol (string-append "unit-" (number->string i))))

(define (make-base units)
  (map (lambda (i) (cons (name-of i) (random-records 10)))
       (iota-from 0 units)))

(define (count-matches pattern base)
  (let over-units ((base base) (total 0))
    (if (null? base)
        total
        (over-units
         (cdr base)
         (let over-records ((records (cdr (car base))) (total total))
           (cond ((null? records) total)
                 ((matches? pattern (car records))
                  (over-records (cdr records) (+ total 1)))
                 (else (over-records (cdr records) total))))))))

(define patterns
  '((*)
    (? ? ? ? ? ? ?)
    (red *)
    (* red)
    (* red * green * blue *)
    (* (* north *) *)
    (* (* (* south *) *) *)))

(run "browse" 20 '(300 300 45 46 35 216 200)
     (lambda ()
       (random-seed! 2024)
       (let ((base (make-base 30)))
         (map (lambda (pattern) (count-matches pattern base)) patterns))))
