;;; SPDX-License-Identifier: MIT
;;;
;;; json.scm: a parser and a printer of JSON: a document is made, printed,
;;; parsed and printed again, and the two texts must be equal.
;;;
;;; Objects are (object (name . value) ...), arrays are vectors, null is the
;;; symbol null; numbers are integers.

(include "harness.scm")

;; Printing: pieces are collected in reverse and joined at the end.

(define (print-json value)
  (join (reverse (print-value value '()))))

(define (print-value value pieces)
  (cond ((string? value) (cons (quoted value) pieces))
        ((number? value) (cons (number->string value) pieces))
        ((eq? value #t) (cons "true" pieces))
        ((eq? value #f) (cons "false" pieces))
        ((eq? value 'null) (cons "null" pieces))
        ((vector? value)
         (cons "]" (print-items (vector->list value) print-value
                                (cons "[" pieces))))
        (else
         (cons "}" (print-items (cdr value) print-member
                                (cons "{" pieces))))))

(define (print-items items print-item pieces)
  (if (null? items)
      pieces
      (let loop ((items items) (pieces pieces))
        (let ((pieces (print-item (car items) pieces)))
          (if (null? (cdr items))
              pieces
              (loop (cdr items) (cons "," pieces)))))))

(define (print-member member pieces)
  (print-value (cdr member)
               (cons ":" (cons (quoted (car member)) pieces))))

(define newline-char (integer->char 10))

(define (quoted s)
  (let loop ((i (- (string-length s) 1)) (chars '(#\")))
    (if (< i 0)
        (list->string (cons #\" chars))
        (let ((c (string-ref s i)))
          (loop (- i 1)
                (cond ((char=? c #\") (cons #\\ (cons c chars)))
                      ((char=? c #\\) (cons #\\ (cons c chars)))
                      ((char=? c newline-char) (cons #\\ (cons #\n chars)))
                      (else (cons c chars))))))))

(define (join pieces)
  (cond ((null? pieces) "")
        ((null? (cdr pieces)) (car pieces))
        (else (join (join-pairs pieces)))))

(define (join-pairs pieces)
  (cond ((null? pieces) '())
        ((null? (cdr pieces)) pieces)
        (else (cons (string-append (car pieces) (cadr pieces))
                    (join-pairs (cddr pieces))))))

;; Parsing: every parser takes a place in the text and returns
;; (value . the place behind).

(define (parse-json text)
  (let ((result (parse-value text (skip-space text 0))))
    (if (= (skip-space text (cdr result)) (string-length text))
        (car result)
        (fail "json" (cdr result) "the end of the text"))))

(define (peek text i)
  (if (< i (string-length text))
      (string-ref text i)
      (integer->char 0)))

(define (skip-space text i)
  (if (memv (peek text i) (list #\space newline-char))
      (skip-space text (+ i 1))
      i))

(define (parse-value text i)
  (let ((c (peek text i)))
    (cond ((char=? c #\{) (parse-object text (skip-space text (+ i 1))))
          ((char=? c #\[) (parse-array text (skip-space text (+ i 1))))
          ((char=? c #\") (parse-string text (+ i 1) '()))
          ((char=? c #\t) (cons #t (expect text i "true")))
          ((char=? c #\f) (cons #f (expect text i "false")))
          ((char=? c #\n) (cons 'null (expect text i "null")))
          ((char=? c #\-)
           (let ((result (parse-number text (+ i 1) 0)))
             (cons (- 0 (car result)) (cdr result))))
          ((char-numeric? c) (parse-number text i 0))
          (else (fail "json" c "a value")))))

(define (expect text i word)
  (let ((end (+ i (string-length word))))
    (if (and (<= end (string-length text))
             (string=? (substring text i end) word))
        end
        (fail "json" i word))))

(define (parse-number text i value)
  (let ((c (peek text i)))
    (if (char-numeric? c)
        (parse-number text (+ i 1)
                      (+ (* 10 value)
                         (- (char->integer c) (char->integer #\0))))
        (cons value i))))

(define (parse-string text i chars)
  (let ((c (peek text i)))
    (cond ((char=? c #\")
           (cons (list->string (reverse chars)) (+ i 1)))
          ((char=? c #\\)
           (let ((escaped (peek text (+ i 1))))
             (parse-string text (+ i 2)
                           (cons (if (char=? escaped #\n)
                                     newline-char
                                     escaped)
                                 chars))))
          (else (parse-string text (+ i 1) (cons c chars))))))

(define (parse-array text i)
  (if (char=? (peek text i) #\])
      (cons (vector) (+ i 1))
      (let loop ((i i) (items '()))
        (let* ((item (parse-value text (skip-space text i)))
               (items (cons (car item) items))
               (i (skip-space text (cdr item))))
          (if (char=? (peek text i) #\,)
              (loop (+ i 1) items)
              (cons (list->vector (reverse items)) (expect text i "]")))))))

(define (parse-object text i)
  (if (char=? (peek text i) #\})
      (cons (list 'object) (+ i 1))
      (let loop ((i i) (members '()))
        (let* ((i (expect text (skip-space text i) "\""))
               (name (parse-string text i '()))
               (i (expect text (skip-space text (cdr name)) ":"))
               (value (parse-value text (skip-space text i)))
               (members (cons (cons (car name) (car value)) members))
               (i (skip-space text (cdr value))))
          (if (char=? (peek text i) #\,)
              (loop (+ i 1) members)
              (cons (cons 'object (reverse members))
                    (expect text i "}")))))))

;; A document with everything in it.

(define (make-document width depth)
  (if (= depth 0)
      (vector -7 0 (random-below 1000) #t #f 'null "" "tab\\le \"x\""
              (string #\a newline-char #\b))
      (cons 'object
            (map (lambda (i)
                   (cons (string-append "member " (number->string i))
                         (if (= (remainder i 2) 0)
                             (make-document width (- depth 1))
                             (vector (make-document width (- depth 1))
                                     (list 'object)
                                     (vector)))))
                 (iota-from 1 width)))))

(run "json" 10 '(#t #t 15382 "{\"a\":[1,-2,{}],\"b\":null}")
     (lambda ()
       (random-seed! 3)
       (let* ((document (make-document 6 3))
              (text (print-json document))
              (again (parse-json text)))
         (list (equal? document again)
               (string=? text (print-json again))
               (string-length text)
               (print-json
                (parse-json " { \"a\" : [1, -2 ,{ }] ,\"b\":null } "))))))
