;;; SPDX-License-Identifier: MIT
;;;
;;; prelude.scm: what is said in Scheme rather than in C: derived forms, and
;;; procedures that need not be fast.  It is part of the program (see local.mk)
;;; and is evaluated when that starts.
;;;
;;; A name that has a value when it is met here stands for that value for good,
;;; whatever the program does to the variable later; so do the names in these
;;; macros.

(%reserve-condition)

(define call/cc call-with-current-continuation)

;; ------------------------------------------------------------ conditionals

(define-syntax and
  (syntax-rules ()
    ((_) #t)
    ((_ e) e)
    ((_ e . more) (if e (and . more) #f))))

(define-syntax when
  (syntax-rules () ((_ test . body) (if test (begin . body)))))

(define-syntax unless
  (syntax-rules () ((_ test . body) (if test (begin) (begin . body)))))

(define-syntax cond
  (syntax-rules (else =>)
    ((_) (begin))
    ((_ (else e . body)) (begin e . body))
    ((_ (test => f) . more) (let ((t test)) (if t (f t) (cond . more))))
    ((_ (test)) test)
    ((_ (test) . more) (or test (cond . more)))
    ((_ (test . body) . more) (if test (begin . body) (cond . more)))))

(define-syntax case
  (syntax-rules ()
    ((_ e . clauses) (let ((key e)) (%case key . clauses)))))

(define-syntax %case
  (syntax-rules (else =>)
    ((_ key) (begin))
    ((_ key (else => f)) (f key))
    ((_ key (else e . body)) (begin e . body))
    ((_ key (data => f) . more) (%case key (data (f key)) . more))
    ((_ key ((datum) e . body) . more)
     (if (eqv? key 'datum) (begin e . body) (%case key . more)))
    ((_ key (data e . body) . more)
     (if (memv key 'data) (begin e . body) (%case key . more)))))

(define-syntax assert
  (syntax-rules () ((_ e) (if e (begin) (error "assertion failed" 'e)))))

;; ---------------------------------------------------------------- bindings

(define-syntax letrec
  (syntax-rules ()
    ((_ ((name e) ...) . body)
     ((lambda () (define name e) ... ((lambda () . body)))))))

(define-syntax letrec* letrec)

(define-syntax let-syntax
  (syntax-rules ()
    ((_ ((name rules) ...) . body)
     ((lambda () (define-syntax name rules) ... ((lambda () . body)))))))

(define-syntax letrec-syntax let-syntax)

(define-syntax let*
  (syntax-rules ()
    ((_ () . body) (let () . body))
    ((_ (binding . more) . body) (let (binding) (let* more . body)))))

(define-syntax do
  (syntax-rules ()
    ((_ ((name init . step) ...) (test . result) . body)
     (let loop ((name init) ...)
       (if test
           (begin . result)
           (begin (begin . body) (loop (%step name . step) ...)))))))

(define-syntax %step (syntax-rules () ((_ name) name) ((_ name step) step)))

(define-syntax receive
  (syntax-rules ()
    ((_ formals e . body)
     (call-with-values (lambda () e) (lambda formals . body)))))

(define-syntax let*-values
  (syntax-rules ()
    ((_ () . body) (let () . body))
    ((_ ((formals e) . more) . body)
     (receive formals e (let*-values more . body)))))

;; All values are computed, in a list for each expression, before any is bound.
(define-syntax let-values
  (syntax-rules ()
    ((_ () . body) (let () . body))
    ((_ ((formals e)) . body) (receive formals e . body))
    ((_ ((formals e) . more) . body)
     (receive all e (let-values more (apply (lambda formals . body) all))))))

(define-syntax define-values
  (syntax-rules ()
    ((_ formals e)
     (begin
       (define %values (receive values e values))
       (%define-list %values formals)))))

(define (%first-value all)
  (if (pair? all) (car all) (error "define-values: too few values")))

(define-syntax %define-list
  (syntax-rules ()
    ((_ all ()) (if (pair? all) (error "define-values: too many values" all)))
    ((_ all (name . more))
     (begin
       (define name (%first-value all))
       (%define-list (cdr all) more)))
    ((_ all name) (define name all))))

(define-syntax define-record-type
  (syntax-rules ()
    ((_ (type . ignored) . more) (define-record-type type . more))
    ((_ type #f . more) (define-record-type type (#f) . more))
    ((_ type (maker field ...) predicate (name . access) ...)
     (begin
       (define type (%record-type 'type '(name ...)))
       (%define maker (%record-constructor type '(field ...) 'maker))
       (%define predicate (%record-predicate type 'predicate))
       (%define-access type name . access) ...))
    ((_ type maker predicate (name . access) ...)
     (define-record-type type (maker name ...) predicate (name . access) ...))))

(define-syntax %define
  (syntax-rules () ((_ #f e) (begin)) ((_ name e) (define name e))))

(define-syntax %define-access
  (syntax-rules ()
    ((_ type field) (begin))
    ((_ type field get) (define get (%record-accessor type 'field 'get 1)))
    ((_ type field get set)
     (begin
       (%define-access type field get)
       (define set (%record-accessor type 'field 'set 2))))))

;; ----------------------------------------------------------------- control

(define-syntax case-lambda
  (syntax-rules ()
    ((_ (formals . body) ...) (%case-lambda (lambda formals . body) ...))))

(define-syntax delay
  (syntax-rules () ((_ e) (%make-lazy (lambda () (make-promise e))))))

(define-syntax delay-force
  (syntax-rules () ((_ e) (%make-lazy (lambda () e)))))

(define-syntax parameterize
  (syntax-rules ()
    ((_ ((parameter e) ...) . body)
     (%parameterize (lambda () . body) (cons parameter e) ...))))

(define-syntax guard
  (syntax-rules (else)
    ((_ (e clause ... (else . last)) . body)
     (%guard (lambda () . body)
             (lambda (e) (cond clause ... (else . last)))
             #t))
    ((_ (e clause ... (#t . last)) . body)
     (guard (e clause ... (else #t . last)) . body))
    ((_ (e clause ...) . body)
     (%guard (lambda () . body)
             (lambda (e) (cond clause ... (else (%no-clause))))
             #f))))

;; Each nested quasiquote adds a #t to the form.
(define-syntax quasiquote
  (syntax-rules (unquote unquote-splicing quasiquote)
    ((_ (unquote e)) e)
    ((_ (unquote e) #t . depth) (list 'unquote (quasiquote e . depth)))
    ((_ (quasiquote e) . depth) (list 'quasiquote (quasiquote e #t . depth)))
    ((_ ((unquote-splicing e))) e)
    ((_ ((unquote-splicing e) . more)) (append e (quasiquote more)))
    ((_ ((unquote-splicing e) . more) #t . depth)
     (cons (list 'unquote-splicing (quasiquote e . depth))
           (quasiquote more #t . depth)))
    ((_ (first . more) . depth)
     (cons (quasiquote first . depth) (quasiquote more . depth)))
    ((_ #(e ...) . depth) (list->vector (quasiquote (e ...) . depth)))
    ((_ e . depth) 'e)))

;; ------------------------------------------------------------------- lists

(define (%check-end who rest)
  (if (not (null? rest))
      (error (string-append who ": not a list") rest)))

;; Recursion makes no garbage, but a long list must not take a deep stack.
(define (%map-on f l depth)
  (if (pair? l)
      (if (= depth 0)
          (let loop ((l l) (out '()))
            (if (pair? l)
                (loop (cdr l) (cons (f (car l)) out))
                (begin
                  (%check-end "map" l)
                  (reverse out))))
          (let ((first (f (car l))))
            (cons first (%map-on f (cdr l) (- depth 1)))))
      (begin
        (%check-end "map" l)
        '())))

(define (%map1 f list)
  (%map-on f list 1000))

(define (%all-pairs? lists)
  (or (null? lists)
      (and (pair? (car lists)) (%all-pairs? (cdr lists)))))

;; A rest list is slow to bind, so one list has a procedure of its own.
(define (map f list . more)
  (let loop ((lists (cons list more)) (out '()))
    (if (%all-pairs? lists)
        (loop (%map1 cdr lists) (cons (apply f (%map1 car lists)) out))
        (reverse out))))
(set! map (%case-lambda %map1 map))

(define (%for-each1 f list)
  (let loop ((l list))
    (cond ((pair? l)
           (f (car l))
           (loop (cdr l)))
          (else (%check-end "for-each" l)))))

(define (for-each f list . more)
  (let loop ((lists (cons list more)))
    (when (%all-pairs? lists)
      (apply f (%map1 car lists))
      (loop (%map1 cdr lists)))))
(set! for-each (%case-lambda %for-each1 for-each))

(define (make-list k . fill)
  (vector->list (apply make-vector k fill)))

(define (list-set! list k item)
  (set-car! (list-tail list k) item))

;; --------------------------------------------------- libraries and features

(define (features)
  (list 'r7rs 'full-unicode 'gleaner 'gleaner-lisp 'linux 'x86-64))

(define %libraries
  '((scheme base) (scheme case-lambda) (scheme char) (scheme cxr) (scheme eval)
    (scheme file) (scheme inexact) (scheme lazy) (scheme load) (scheme read)
    (scheme repl) (scheme time) (scheme write) (scheme process-context)
    (scheme r5rs) (srfi 69)))

(define (%holds? requirement)
  (define (any? truth)
    (pair? (memq truth (map %holds? (cdr requirement)))))
  (case (if (pair? requirement) (car requirement) 'feature)
    ((library) (pair? (member (cadr requirement) %libraries)))
    ((not) (any? #f))
    ((and) (not (any? #f)))
    ((or) (any? #t))
    (else (pair? (memq requirement (cons 'else (features)))))))

(define-syntax cond-expand
  (%expander
   (lambda (form)
     (let loop ((clauses (cdr form)))
       (cond ((null? clauses) '())
             ((%holds? (%strip (car (car clauses)))) (cdr (car clauses)))
             (else (loop (cdr clauses))))))))

(define-syntax include
  (%expander (lambda (form) (apply append (map %read-file (cdr form))))))

(define-syntax include-ci include)

(define-syntax syntax-error
  (%expander (lambda (form) (%syntax-error (cadr form) (cddr form)))))

;; All names are always there; a library's body is evaluated where it stands.
(define-syntax import (syntax-rules () ((_ . sets) (begin))))
(define-syntax export (syntax-rules () ((_ . names) (begin))))
(define-syntax define-library
  (syntax-rules () ((_ name . declarations) (begin . declarations))))

;; --------------------------------------------------------- kinds of errors

(define (%kind? kind)
  (lambda (v) (and (error-object? v) (eq? (error-object-kind v) kind))))
(define file-error? (%kind? 'file-error))
(define read-error? (%kind? 'read-error))

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

(define (string-map f . strings)
  (list->string (apply map f (%map1 string->list strings))))

(define (string->vector string . part)
  (list->vector (apply string->list string part)))

(define (vector->string vector . part)
  (list->string (apply vector->list vector part)))

(define (string-for-each f . strings)
  (apply for-each f (%map1 string->list strings)))

(define (string-ci-hash s . bound)
  (apply string-hash (string-foldcase s) bound))

;; ----------------------------------------------------------------- vectors

(define (vector-map f . vectors)
  (list->vector (apply map f (%map1 vector->list vectors))))

(define (vector-for-each f vector . more)
  (if (null? more)
      (let loop ((i 0))
        (when (< i (vector-length vector))
          (f (vector-ref vector i))
          (loop (+ i 1))))
      (apply for-each f (vector->list vector) (%map1 vector->list more))))

;; ------------------------------------------------------------------- ports

(define (call-with-port port f)
  (receive results (f port)
    (close-port port)
    (apply values results)))

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
         (count (apply read-bytevector! bytes port)))
    (if (eof-object? count)
        count
        (bytevector-copy bytes 0 count))))

(define (write-u8 byte . port)
  (apply write-bytevector (bytevector byte) port))

;; --------------------------------------------------- hash tables (SRFI 69)

;; What %hash-table takes for an equivalence: #f is eqv?, #t equal?.
(define %known-tables
  (list (list eq? #f #f)
        (list eqv? #f #f)
        (list equal? #t #f)
        (list string=? #t #f)
        (list = = (lambda (x) (hash-by-identity (inexact x))))
        (list string-ci=? string-ci=? string-ci-hash)))

(define (make-hash-table . arguments)
  (let* ((same? (if (pair? arguments) (car arguments) equal?))
         (hash (and (pair? arguments) (pair? (cdr arguments)) (cadr arguments)))
         (known (assv same? %known-tables)))
    (if (and known (or (not hash) (eq? hash string-hash) (not (cadr known))))
        (apply %hash-table (cdr known))
        (%hash-table same? hash))))

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

(define (hash-table-exists? table key)
  (not (eq? (hash-table-ref/default table key %missing) %missing)))
(define hash-table-contains? hash-table-exists?)

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

(define (hash-table-clear! table)
  (hash-table-walk table (lambda (key datum) (hash-table-delete! table key))))

(define (hash-table-fold table f result)
  (hash-table-walk table (lambda (key datum)
                           (set! result (f key datum result))))
  result)

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

;; ---------------------------------------------------------------- promises

;; A promise holds a pair that promises chained to it share: done?, and the
;; value or the thunk that gives it.
(define-record-type promise (%promise state) promise? (state %state %state!))

(define (%make-lazy thunk) (%promise (cons #f thunk)))
(define (make-promise v) (if (promise? v) v (%promise (cons #t v))))

(define (force p)
  (let loop ()
    (cond ((not (promise? p)) p)
          ((car (%state p)) (cdr (%state p)))
          (else
           (let* ((next ((cdr (%state p)))) (state (%state p)))
             (if (not (car state))
                 (let ((new (%state next)))
                   (set-car! state (car new))
                   (set-cdr! state (cdr new))
                   (%state! next state)))
             (loop))))))
