;;; SPDX-License-Identifier: MIT
;;;
;;; prelude.scm: the procedures that are said in Scheme rather than in C.  It is
;;; part of the program (see local.mk) and is evaluated when that starts.
;;;
;;; A name that has a value when it is met here stands for that value for good,
;;; whatever the program does to the variable later.  So a procedure that calls
;;; itself does so by a named let.

(%reserve-condition)

;; ------------------------------------------------------------------- lists

(define (%check-end who rest)
  (if (not (null? rest))
      (error (string-append who ": not a list") rest)))

(define (%map1 f list)
  (let loop ((l list) (out '()))
    (if (pair? l)
        (loop (cdr l) (cons (f (car l)) out))
        (begin
          (%check-end "map" l)
          (reverse out)))))

(define (%all-pairs? lists)
  (or (null? lists)
      (and (pair? (car lists))
           (let loop ((l (cdr lists)))
             (or (null? l)
                 (and (pair? (car l)) (loop (cdr l))))))))

(define (map f list . more)
  (if (null? more)
      (%map1 f list)
      (let loop ((lists (cons list more)) (out '()))
        (if (%all-pairs? lists)
            (loop (%map1 cdr lists) (cons (apply f (%map1 car lists)) out))
            (reverse out)))))

(define (for-each f list . more)
  (if (null? more)
      (let loop ((l list))
        (if (pair? l)
            (begin
              (f (car l))
              (loop (cdr l)))
            (%check-end "for-each" l)))
      (let loop ((lists (cons list more)))
        (if (%all-pairs? lists)
            (begin
              (apply f (%map1 car lists))
              (loop (%map1 cdr lists)))))))

(define (list-set! list k item)
  (set-car! (list-tail list k) item))

(define (caaaar p) (caaar (car p)))
(define (caaadr p) (caaar (cdr p)))
(define (caadar p) (caadr (car p)))
(define (caaddr p) (caadr (cdr p)))
(define (cadaar p) (cadar (car p)))
(define (cadadr p) (cadar (cdr p)))
(define (caddar p) (caddr (car p)))
(define (cdaaar p) (cdaar (car p)))
(define (cdaadr p) (cdaar (cdr p)))
(define (cdadar p) (cdadr (car p)))
(define (cdaddr p) (cdadr (cdr p)))
(define (cddaar p) (cddar (car p)))
(define (cddadr p) (cddar (cdr p)))
(define (cdddar p) (cdddr (car p)))

;; ------------------------------------------------- booleans and symbols

(define (%all-same? who ok? items)
  (for-each (lambda (item)
              (if (not (ok? item))
                  (error (string-append who ": wrong type") item)))
            items)
  (let loop ((l (cdr items)))
    (or (null? l)
        (and (eq? (car l) (car items)) (loop (cdr l))))))

(define (boolean=? a b . more)
  (%all-same? "boolean=?" boolean? (cons* a b more)))

(define (symbol=? a b . more)
  (%all-same? "symbol=?" symbol? (cons* a b more)))

;; ----------------------------------------------------------------- numbers

(define exact-rational? exact-integer?)

(define (truncate/ n m)
  (values (truncate-quotient n m) (truncate-remainder n m)))

(define (floor/ n m)
  (values (floor-quotient n m) (floor-remainder n m)))

(define (denominator x)
  (if (exact? x)
      1
      (let loop ((d 1.))
        (if (integer? (* x d)) d (loop (* 2. d))))))

(define (numerator x)
  (* x (denominator x)))

;; The simplest fraction within y of x, which may be inexact only.
(define (rationalize x y)
  (define (simplest low high)
    (let ((whole (floor low)))
      (cond ((= whole low) whole)
            ((< whole (floor high)) (+ 1 whole))
            (else
             (+ whole
                (/ 1 (simplest (/ 1 (- high whole)) (/ 1 (- low whole)))))))))
  (let* ((y (abs y)) (low (- x y)) (high (+ x y)))
    (cond ((and (<= low 0) (>= high 0)) (if (exact? low) 0 0.))
          ((> low 0) (simplest low high))
          (else (- (simplest (- high) (- low)))))))

;; -------------------------------------------------- characters and strings

(define (%folding compare fold)
  (lambda (first . more)
    (apply compare (fold first) (%map1 fold more))))

(define char-ci=? (%folding char=? char-foldcase))
(define char-ci<? (%folding char<? char-foldcase))
(define char-ci>? (%folding char>? char-foldcase))
(define char-ci<=? (%folding char<=? char-foldcase))
(define char-ci>=? (%folding char>=? char-foldcase))
(define string-ci=? (%folding string=? string-foldcase))
(define string-ci<? (%folding string<? string-foldcase))
(define string-ci>? (%folding string>? string-foldcase))
(define string-ci<=? (%folding string<=? string-foldcase))
(define string-ci>=? (%folding string>=? string-foldcase))

(define (string-map f string . more)
  (list->string
   (apply map f (string->list string) (%map1 string->list more))))

(define (string-for-each f string . more)
  (apply for-each f (string->list string) (%map1 string->list more)))

(define (string-ci-hash s . bound)
  (apply string-hash (string-foldcase s) bound))

;; ----------------------------------------------------------------- vectors

(define (vector-map f vector . more)
  (list->vector
   (apply map f (vector->list vector) (%map1 vector->list more))))

(define (vector-for-each f vector . more)
  (if (null? more)
      (let loop ((i 0))
        (if (< i (vector-length vector))
            (begin
              (f (vector-ref vector i))
              (loop (+ i 1)))))
      (apply for-each f (vector->list vector) (%map1 vector->list more))))

;; ------------------------------------------------------------------- ports

(define (call-with-port port f)
  (call-with-values (lambda () (f port))
    (lambda results
      (close-port port)
      (apply values results))))

(define (call-with-input-file path f)
  (call-with-port (open-input-file path) f))

(define (call-with-output-file path f)
  (call-with-port (open-output-file path) f))

(define (with-input-from-file path thunk)
  (call-with-input-file path
    (lambda (port)
      (parameterize ((current-input-port port)) (thunk)))))

(define (with-output-to-file path thunk)
  (call-with-output-file path
    (lambda (port)
      (parameterize ((current-output-port port)) (thunk)))))

(define (call-with-output-string f)
  (let ((port (open-output-string)))
    (f port)
    (get-output-string port)))

(define (read-bytevector k . port)
  (let* ((bytes (make-bytevector k))
         (count (apply read-bytevector! bytes
                       (if (pair? port) port (list (current-input-port))))))
    (cond ((eof-object? count) count)
          ((= count k) bytes)
          (else (bytevector-copy bytes 0 count)))))

(define (write-u8 byte . port)
  (apply write-bytevector (bytevector byte) port))

;; --------------------------------------------------- hash tables (SRFI 69)

;; Eq? and eqv? are #f to %hash-table, equal? and string=? #t.
(define (make-hash-table . arguments)
  (let ((same? (if (pair? arguments) (car arguments) equal?))
        (hash (if (and (pair? arguments) (pair? (cdr arguments)))
                  (cadr arguments)
                  #f)))
    (cond ((or (eq? same? eq?) (eq? same? eqv?))
           (%hash-table #f #f))
          ((or (eq? same? equal?) (eq? same? string=?))
           (if (or (not hash) (eq? hash string-hash))
               (%hash-table #t #f)
               (%hash-table same? hash)))
          (hash (%hash-table same? hash))
          ((eq? same? =)
           (%hash-table same? (lambda (x) (hash-by-identity (inexact x)))))
          ((eq? same? string-ci=?) (%hash-table same? string-ci-hash))
          (else (%hash-table same? #f)))))

(define hash-table-count hash-table-size)

(define (hash-table-equivalence-function table)
  (let ((same? (%hash-table-equal table)))
    (cond ((not same?) eqv?)
          ((procedure? same?) same?)
          (else equal?))))

(define (hash-table-hash-function table)
  (or (%hash-table-hash table)
      (if (%hash-table-equal table) hash hash-by-identity)))

(define %missing (list 'missing))

(define (hash-table-ref table key . default)
  (let ((found (hash-table-ref/default table key %missing)))
    (cond ((not (eq? found %missing))
           (if (and (pair? default) (pair? (cdr default)))
               ((cadr default) found)
               found))
          ((and (pair? default) (car default)) ((car default)))
          (else (error "hash-table-ref: no such key" key)))))

(define (hash-table-update! table key f . default)
  (hash-table-set! table key
                   (f (apply hash-table-ref table key default))))

(define (hash-table-update!/default table key f default)
  (hash-table-set! table key
                   (f (hash-table-ref/default table key default))))

(define (hash-table-keys table) (%map1 car (hash-table->alist table)))
(define (hash-table-values table) (%map1 cdr (hash-table->alist table)))

(define (hash-table-walk table f)
  (for-each (lambda (entry) (f (car entry) (cdr entry)))
            (hash-table->alist table)))

(define (hash-table-fold table f result)
  (let loop ((l (hash-table->alist table)) (result result))
    (if (null? l)
        result
        (loop (cdr l) (f (car (car l)) (cdr (car l)) result)))))

(define (hash-table-merge! to from)
  (hash-table-walk from (lambda (key datum) (hash-table-set! to key datum)))
  to)

(define (hash-table-copy table . mutable?)
  (hash-table-merge! (%hash-table (%hash-table-equal table)
                                  (%hash-table-hash table))
                     table))

(define (alist->hash-table alist . arguments)
  (let ((table (apply make-hash-table arguments)))
    (for-each (lambda (entry)
                (if (not (hash-table-exists? table (car entry)))
                    (hash-table-set! table (car entry) (cdr entry))))
              alist)
    table))
