;;; SPDX-License-Identifier: MIT
;;;
;;; wordcount.scm: the words of a text: how many, how many different ones, and
;;; the twenty most frequent with their numbers.
;;;
;;;     gleaner-lisp wordcount.scm FILE
;;;
;;; Written as one would without a thought for memory: every line becomes a
;;; string, then a list of characters, then lists of words, and all of it is
;;; dropped at once.  What lives on is a table of the words.

;; ---------------------------------------------------- a table of counts

;; A table is #(entries chains), a chain a list of pairs (word . count).

(define (make-table) (vector 0 (make-vector 64 '())))
(define (table-size table) (vector-ref table 0))
(define (table-chains table) (vector-ref table 1))

(define (hash-string word)
  (let ((length (string-length word)))
    (let loop ((i 0) (hash 0))
      (if (= i length)
          hash
          (loop (+ i 1)
                (remainder (+ (* 31 hash) (char->integer (string-ref word i)))
                           8388593))))))

(define (find-in chain word)
  (cond ((null? chain) #f)
        ((string=? (car (car chain)) word) (car chain))
        (else (find-in (cdr chain) word))))

(define (put-in! chains entry)
  (let ((i (remainder (hash-string (car entry)) (vector-length chains))))
    (vector-set! chains i (cons entry (vector-ref chains i)))))

(define (grow! table)
  (let ((chains (make-vector (* 2 (vector-length (table-chains table))) '())))
    (for-each (lambda (entry) (put-in! chains entry)) (table-entries table))
    (vector-set! table 1 chains)))

(define (count-word! table word)
  (let* ((chains (table-chains table))
         (i (remainder (hash-string word) (vector-length chains)))
         (entry (find-in (vector-ref chains i) word)))
    (if entry
        (set-cdr! entry (+ (cdr entry) 1))
        (begin
          (if (= (table-size table) (vector-length chains))
              (grow! table))
          (put-in! (table-chains table) (cons word 1))
          (vector-set! table 0 (+ (table-size table) 1))))))

(define (table-entries table)
  (let ((chains (table-chains table)))
    (let loop ((i 0) (entries '()))
      (if (= i (vector-length chains))
          entries
          (loop (+ i 1) (append (vector-ref chains i) entries))))))

;; ------------------------------------------------------ words of a line

(define (letter? c)
  (or (char-alphabetic? c) (char=? c #\')))

(define (word->string letters)
  (list->string (map char-downcase (reverse letters))))

;; The words of a list of characters; `letters' are those of the word that
;; was begun, in reverse.

(define (words chars letters)
  (cond ((null? chars)
         (if (null? letters) '() (list (word->string letters))))
        ((letter? (car chars))
         (words (cdr chars) (cons (car chars) letters)))
        ((null? letters) (words (cdr chars) '()))
        (else
         (cons (word->string letters) (words (cdr chars) '())))))

(define (count-line! table line)
  (for-each (lambda (word) (count-word! table word))
            (words (string->list line) '())))

(define (count-lines! table port)
  (let ((line (read-line port)))
    (if (not (eof-object? line))
        (begin
          (count-line! table line)
          (count-lines! table port)))))

;; --------------------------------------------------------------- report

(define (more-frequent? a b)
  (or (> (cdr a) (cdr b))
      (and (= (cdr a) (cdr b))
           (string<? (car a) (car b)))))

(define (merge a b less?)
  (let loop ((a a) (b b) (result '()))
    (cond ((and (null? a) (null? b)) (reverse result))
          ((null? a) (loop a (cdr b) (cons (car b) result)))
          ((or (null? b) (not (less? (car b) (car a))))
           (loop (cdr a) b (cons (car a) result)))
          (else (loop a (cdr b) (cons (car b) result))))))

(define (sort items less?)
  (if (or (null? items) (null? (cdr items)))
      items
      (let split ((rest items) (a '()) (b '()))
        (if (null? rest)
            (merge (sort a less?) (sort b less?) less?)
            (split (cdr rest) (cons (car rest) b) a)))))

(define (total entries)
  (let loop ((entries entries) (sum 0))
    (if (null? entries)
        sum
        (loop (cdr entries) (+ sum (cdr (car entries)))))))

(define (print-first entries n)
  (if (and (> n 0) (pair? entries))
      (begin
        (display (cdr (car entries)))
        (display " ")
        (display (car (car entries)))
        (newline)
        (print-first (cdr entries) (- n 1)))))

(define (sorted? items less?)
  (or (null? items)
      (null? (cdr items))
      (and (less? (car items) (cadr items))
           (sorted? (cdr items) less?))))

(define (report table)
  (let ((entries (sort (table-entries table) more-frequent?)))
    (if (not (and (= (length entries) (table-size table))
                  (sorted? entries more-frequent?)))
        (begin
          (display "wordcount: the table is inconsistent")
          (newline)
          (exit 1)))
    (display (total entries))
    (display " words, ")
    (display (length entries))
    (display " different")
    (newline)
    (print-first entries 20)))

(define (count-file name)
  (let ((table (make-table))
        (port (open-input-file name)))
    (count-lines! table port)
    (close-input-port port)
    (report table)))

(if (= (length (command-line)) 2)
    (count-file (cadr (command-line)))
    (begin
      (display "usage: gleaner-lisp wordcount.scm FILE")
      (newline)
      (exit 2)))
