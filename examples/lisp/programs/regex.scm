;;; SPDX-License-Identifier: MIT
;;;
;;; regex.scm: regular expressions: parsed into trees, matched by walking them
;;; with the rest of the match as a closure, and once more by derivatives; the
;;; two matchers must agree on every text.
;;;
;;; Syntax: a|b, ab, a*, a+, a?, ., (a); anything else is itself.

(include "harness.scm")

;; A tree is (char c), (any), (empty), (none), (seq a b), (alt a b), (star a).

(define (seq a b)
  (cond ((eq? (car a) 'none) a)
        ((eq? (car b) 'none) b)
        ((eq? (car a) 'empty) b)
        ((eq? (car b) 'empty) a)
        (else (list 'seq a b))))

(define (alt a b)
  (cond ((eq? (car a) 'none) b)
        ((eq? (car b) 'none) a)
        ((equal? a b) a)
        (else (list 'alt a b))))

(define (star a)
  (if (memq (car a) '(star empty none))
      (if (eq? (car a) 'star) a '(empty))
      (list 'star a)))

;; Each parser takes characters and returns (tree . the rest of them).

(define (next-is? chars c)
  (and (pair? chars) (char=? (car chars) c)))

(define (parse-alternatives chars)
  (let ((left (parse-sequence chars)))
    (if (next-is? (cdr left) #\|)
        (let ((right (parse-alternatives (cdr (cdr left)))))
          (cons (alt (car left) (car right)) (cdr right)))
        left)))

(define (parse-sequence chars)
  (if (or (null? chars) (next-is? chars #\|) (next-is? chars #\)))
      (cons '(empty) chars)
      (let* ((left (parse-repeated chars))
             (right (parse-sequence (cdr left))))
        (cons (seq (car left) (car right)) (cdr right)))))

(define (parse-repeated chars)
  (let ((one (parse-one chars)))
    (let loop ((tree (car one)) (rest (cdr one)))
      (cond ((next-is? rest #\*) (loop (star tree) (cdr rest)))
            ((next-is? rest #\+) (loop (seq tree (star tree)) (cdr rest)))
            ((next-is? rest #\?) (loop (alt tree '(empty)) (cdr rest)))
            (else (cons tree rest))))))

(define (parse-one chars)
  (cond ((next-is? chars #\()
         (let ((inner (parse-alternatives (cdr chars))))
           (cons (car inner) (cdr (cdr inner)))))
        ((next-is? chars #\.) (cons '(any) (cdr chars)))
        (else (cons (list 'char (car chars)) (cdr chars)))))

(define (parse pattern)
  (car (parse-alternatives (string->list pattern))))

;; The first matcher: `more' is what must match the characters that are left.
;; A star takes another round only if the last one consumed something.

(define (match tree chars more)
  (case (car tree)
    ((empty) (more chars))
    ((none) #f)
    ((any) (and (pair? chars) (more (cdr chars))))
    ((char) (and (next-is? chars (cadr tree)) (more (cdr chars))))
    ((seq) (match (cadr tree) chars
             (lambda (rest) (match (caddr tree) rest more))))
    ((alt) (or (match (cadr tree) chars more)
               (match (caddr tree) chars more)))
    (else
     (or (match (cadr tree) chars
           (lambda (rest)
             (and (not (eq? rest chars))
                  (match tree rest more))))
         (more chars)))))

(define (match? tree chars)
  (match tree chars null?))

;; The second: what remains of an expression after a character.

(define (nullable? tree)
  (case (car tree)
    ((empty star) #t)
    ((seq) (and (nullable? (cadr tree)) (nullable? (caddr tree))))
    ((alt) (or (nullable? (cadr tree)) (nullable? (caddr tree))))
    (else #f)))

(define (after tree c)
  (case (car tree)
    ((empty none) '(none))
    ((any) '(empty))
    ((char) (if (char=? (cadr tree) c) '(empty) '(none)))
    ((seq)
     (let ((first (seq (after (cadr tree) c) (caddr tree))))
       (if (nullable? (cadr tree))
           (alt first (after (caddr tree) c))
           first)))
    ((alt) (alt (after (cadr tree) c) (after (caddr tree) c)))
    (else (seq (after (cadr tree) c) tree))))

(define (derivable? tree chars)
  (if (null? chars)
      (nullable? tree)
      (derivable? (after tree (car chars)) (cdr chars))))

(define patterns
  (map parse
       '("a*b" "(a|b)*abb" "a?a?a?aaa" "(ab|ba)+" ".*c.*" "a(b|c)*d"
         "((a|b)(a|b))*" "(a*b*)*c" "")))

;; All texts of up to n letters.

(define (texts n)
  (if (= n 0)
      '(())
      (let ((shorter (texts (- n 1))))
        (let loop ((rest shorter) (result '(())))
          (if (null? rest)
              result
              (loop (cdr rest)
                    (append (map (lambda (c) (cons c (car rest)))
                                 '(#\a #\b #\c #\d))
                            result)))))))

(define subjects (texts 5))

(define (count-matches tree)
  (let loop ((rest subjects) (count 0))
    (cond ((null? rest) count)
          ((match? tree (car rest))
           (if (derivable? tree (car rest))
               (loop (cdr rest) (+ count 1))
               (fail "regex" (list tree (car rest)) "agreement")))
          ((derivable? tree (car rest))
           (fail "regex" (list tree (car rest)) "agreement"))
          (else (loop (cdr rest) count)))))

(run "regex" 10 '(5 7 3 6 1001 15 21 31 1)
     (lambda () (map count-matches patterns)))
