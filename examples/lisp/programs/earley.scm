;;; SPDX-License-Identifier: MIT
;;;
;;; earley.scm: Earley's parser for any context-free grammar, on an ambiguous
;;; one: in how many ways can 1+1+...+1 be read?  The numbers of Catalan.

(include "harness.scm")

;; A grammar is a list of rules (left right ...); a symbol that stands on no
;; left side is a terminal.
;;
;; An item is (rule dot origin): the symbols of the rule before the dot have
;; been seen, beginning at origin.  What is left is kept in place of the dot.

(define grammar
  '((start sum)
    (sum sum plus sum)
    (sum one)))

(define (rules-of symbol)
  (let loop ((rules grammar))
    (cond ((null? rules) '())
          ((eq? (car (car rules)) symbol)
           (cons (car rules) (loop (cdr rules))))
          (else (loop (cdr rules))))))

(define (nonterminal? symbol)
  (assq symbol grammar))

(define (make-item rule left origin) (list rule left origin))
(define (item-rule item) (car item))
(define (item-left item) (cadr item))
(define (item-origin item) (caddr item))

(define (has-item? items item)
  (let loop ((rest items))
    (and (pair? rest)
         (or (and (eq? (item-rule (car rest)) (item-rule item))
                  (eq? (item-left (car rest)) (item-left item))
                  (= (item-origin (car rest)) (item-origin item)))
             (loop (cdr rest))))))

;; The chart has a list of items for each place between the words.

(define (parse words)
  (let* ((length (vector-length words))
         (chart (make-vector (+ length 1) '()))
         (agenda '()))
    (define (add! place item)
      (if (not (has-item? (vector-ref chart place) item))
          (begin
            (vector-set! chart place (cons item (vector-ref chart place)))
            (set! agenda (cons (cons place item) agenda)))))
    (define (predict! place symbol)
      (for-each (lambda (rule) (add! place (make-item rule (cdr rule) place)))
                (rules-of symbol)))
    (define (complete! place item)
      (let ((symbol (car (item-rule item))))
        (for-each
         (lambda (waiting)
           (if (and (pair? (item-left waiting))
                    (eq? (car (item-left waiting)) symbol))
               (add! place (advance waiting))))
         (vector-ref chart (item-origin item)))))
    (define (advance item)
      (make-item (item-rule item) (cdr (item-left item)) (item-origin item)))
    (define (step! place item)
      (let ((left (item-left item)))
        (cond ((null? left) (complete! place item))
              ((nonterminal? (car left)) (predict! place (car left)))
              ((and (< place length)
                    (eq? (car left) (vector-ref words place)))
               (set! next (cons (advance item) next))))))
    (define next '())
    (define (drain! place)
      (if (pair? agenda)
          (let ((first (car agenda)))
            (set! agenda (cdr agenda))
            (step! (car first) (cdr first))
            (drain! place))))
    (predict! 0 'start)
    (let loop ((place 0))
      (drain! place)
      (if (< place length)
          (let ((items next))
            (set! next '())
            (for-each (lambda (item) (add! (+ place 1) item)) items)
            (loop (+ place 1)))))
    chart))

;; Was symbol found from one place to another?

(define (found? chart symbol from to)
  (let loop ((items (vector-ref chart to)))
    (and (pair? items)
         (or (and (null? (item-left (car items)))
                  (eq? (car (item-rule (car items))) symbol)
                  (= (item-origin (car items)) from))
             (loop (cdr items))))))

;; The trees below a symbol that was found, counted.

(define (count-trees chart words symbol from to)
  (cond ((not (nonterminal? symbol))
         (if (and (= to (+ from 1)) (eq? (vector-ref words from) symbol))
             1
             0))
        ((found? chart symbol from to)
         (let loop ((rules (rules-of symbol)) (total 0))
           (if (null? rules)
               total
               (loop (cdr rules)
                     (+ total
                        (count-rows chart words (cdr (car rules))
                                    from to))))))
        (else 0)))

(define (count-rows chart words symbols from to)
  (if (null? symbols)
      (if (= from to) 1 0)
      ;; Every symbol takes a word at least.
      (let loop ((middle (+ from 1)) (total 0))
        (if (> middle (- to (length (cdr symbols))))
            total
            (let ((first (count-trees chart words (car symbols)
                                      from middle)))
              (loop (+ middle 1)
                    (if (= first 0)
                        total
                        (+ total
                           (* first
                              (count-rows chart words (cdr symbols)
                                          middle to))))))))))

(define (sentence ones)
  (let ((words (make-vector (- (* 2 ones) 1) 'one)))
    (do ((i 1 (+ i 2)))
        ((>= i (vector-length words)) words)
      (vector-set! words i 'plus))))

(define (ambiguity ones)
  (let* ((words (sentence ones))
         (chart (parse words)))
    (count-trees chart words 'start 0 (vector-length words))))

(run "earley" 10 '(1 1 2 5 14 42 132 429)
     (lambda () (map ambiguity '(1 2 3 4 5 6 7 8))))
