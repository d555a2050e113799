;;; SPDX-License-Identifier: MIT
;;;
;;; 4.3-macros.scm: R7RS 4.3, macros.

(include "check.scm")

(define-syntax swap!
  (syntax-rules ()
    ((_ a b) (let ((tmp a)) (set! a b) (set! b tmp)))))
(test '(2 1) (let ((x 1) (y 2)) (swap! x y) (list x y)))
(test '(2 1) (let ((tmp 1) (other 2)) (swap! tmp other) (list tmp other)))

(define-syntax my-or
  (syntax-rules ()
    ((_) #f)
    ((_ e) e)
    ((_ e r ...) (let ((t e)) (if t t (my-or r ...))))))
(test 5 (let ((t 5)) (my-or #f t)))
(test 7 (let ((x #f) (y 7) (temp 8) (let odd?) (if even?))
          (my-or x (let temp) (if y) y)))
(test #f (my-or))

(test 'now
      (let-syntax ((given-that
                    (syntax-rules ()
                      ((_ test stmt1 stmt2 ...)
                       (if test (begin stmt1 stmt2 ...))))))
        (let ((if #t)) (given-that if (set! if 'now)) if)))
(test 'outer
      (let ((x 'outer))
        (let-syntax ((m (syntax-rules () ((m) x))))
          (let ((x 'inner)) (m)))))
(test #t
      (letrec-syntax
          ((ev? (syntax-rules () ((_) #t) ((_ x . r) (od? . r))))
           (od? (syntax-rules () ((_) #f) ((_ x . r) (ev? . r)))))
        (ev? 1 2 3 4)))

(define-syntax my-let
  (syntax-rules ()
    ((_ ((name value) ...) body ...)
     ((lambda (name ...) body ...) value ...))))
(test 3 (my-let ((a 1) (b 2)) (+ a b)))

(define-syntax my-cond
  (syntax-rules (else)
    ((_ (else e)) e)
    ((_ (c e) clause ...) (if c e (my-cond clause ...)))))
(test 2 (my-cond (#f 1) (else 2)))

(define-syntax nested
  (syntax-rules ()
    ((_ (a b ...) ...) '((b ... a) ...))))
(test '((2 3 1) (5 4) (6)) (nested (1 2 3) (4 5) (6)))

;; A variable that is matched less deep is the same in each repetition; one
;; under more ellipses than are around it is repeated flat.
(define-syntax deep
  (syntax-rules ()
    ((_ x (a b ...) ...) '((a x b ...) ... b ... ...))))
(test '((1 0 2 3) (4 0) (5 0 6) 2 3 6) (deep 0 (1 2 3) (4) (5 6)))
(define-syntax across
  (syntax-rules ()
    ((_ (a ...) (b ...)) '((a b ...) ...))))
(test '((1 3 4) (2 3 4)) (across (1 2) (3 4)))
(test '() (across () (3 4)))
(define-syntax shortest
  (syntax-rules () ((_ (a ...) (b ...)) '((a b) ...))))
(test '((1 3)) (shortest (1 2) (3)))
(define-syntax wildcards
  (syntax-rules () ((_ (_ a) ...) '(a ... _))))
(test '(2 4 _) (wildcards (1 2) (3 4)))
(define-syntax one-fresh
  (syntax-rules ()
    ((_ e ...) (let ((fresh 0)) (set! fresh (+ fresh e)) ... fresh))))
(test 6 (let ((fresh 1)) (one-fresh fresh 2 3)))

(define-syntax last-of
  (syntax-rules ()
    ((_ a ... z) 'z)))
(test 3 (last-of 1 2 3))
(define-syntax middle
  (syntax-rules ()
    ((_ a b ... y z) '(a (b ...) y z))))
(test '(1 (2 3) 4 5) (middle 1 2 3 4 5))
(test '(1 () 2 3) (middle 1 2 3))

(define-syntax tail-pattern
  (syntax-rules ()
    ((_ a b ... . r) '(a (b ...) r))))
(test '(1 (2) 3) (tail-pattern 1 2 . 3))

(define-syntax vector-pattern
  (syntax-rules ()
    ((_ #(a b ...)) '(a b ...))))
(test '(1 2 3) (vector-pattern #(1 2 3)))

(define-syntax to-vector
  (syntax-rules ()
    ((_ a ...) #(a ... end))))
(test '#(1 2 end) (to-vector 1 2))

(define-syntax literal-ellipsis
  (syntax-rules ()
    ((_ a) '(a (... ...)))))
(test '(1 ...) (literal-ellipsis 1))

(define-syntax own-ellipsis
  (syntax-rules ::: ()
    ((_ a :::) '(a ::: ...))))
(test '(1 2 ...) (own-ellipsis 1 2))

(define-syntax underscore
  (syntax-rules ()
    ((_ _ b) 'b)))
(test 2 (underscore 1 2))

(define-syntax string-literal
  (syntax-rules ()
    ((_ "a") 1)
    ((_ 5) 2)
    ((_ #\c) 3)
    ((_ x) 4)))
(test '(1 2 3 4)
      (list (string-literal "a") (string-literal 5)
            (string-literal #\c) (string-literal "b")))

(define-syntax while
  (syntax-rules ()
    ((_ c body ...) (let again () (if c (begin body ... (again)) #f)))))
(test 10 (let ((i 0)) (while (< i 10) (set! i (+ i 1))) i))

(define-syntax be-like-begin
  (syntax-rules ()
    ((_ name)
     (define-syntax name
       (syntax-rules () ((_ expr (... ...)) (begin expr (... ...))))))))
(be-like-begin sequence)
(test 4 (sequence 1 2 3 4))

(define-syntax define-two
  (syntax-rules ()
    ((_ a b v) (begin (define a v) (define b v)))))
(define-two first-name second-name 9)
(test '(9 9) (list first-name second-name))
(test 18 (let () (define-two p q 9) (+ p q)))

(test 'ok (let ((=> #f)) (cond (#t => 'ok))))
(test 5 (let ((else #f)) (cond (#f 3) (else 4) (#t 5))))

(define-syntax jabberwocky
  (syntax-rules ()
    ((_ hatter)
     (begin
       (define march-hare 42)
       (define-syntax hatter
         (syntax-rules () ((_) march-hare)))))))
(jabberwocky mad-hatter)
(test 42 (mad-hatter))

(define-syntax my-let*
  (syntax-rules ()
    ((_ () body ...) (let () body ...))
    ((_ ((x v) rest ...) body ...)
     (let ((x v)) (my-let* (rest ...) body ...)))))
(test 6 (my-let* ((a 1) (b (+ a 1)) (c (+ b 1))) (+ a b c)))

(define-syntax loop-until
  (syntax-rules ()
    ((_ var init test step)
     (let loop ((var init)) (if test var (loop step))))))
(test 16 (let ((loop 2)) (loop-until x 1 (> x 10) (* x loop))))

(define-syntax count-to
  (syntax-rules ()
    ((_ n) (let ((i 0)) (do ((k 0 (+ k 1))) ((= k n) i) (set! i (+ i k)))))))
(test 45 (let ((i 10) (k 5)) (count-to i)))

;; Quoted data lose what the macro marked, keep their circles, and are the data
;; themselves where nothing was marked.
(define-syntax quoted
  (syntax-rules () ((_ a) '(b #(c a) . a))))
(test '(b #(c (1 2)) 1 2) (quoted (1 2)))
(test #t (let ((x (quoted #0=(1 . #0#)))) (eq? (cddr x) (cdddr x))))
(test #t (let ((l (list 1 (vector 2)))) (eq? l (eval (list 'quote l)))))

(test-error (eval '(swap! x) (interaction-environment)))
(test-error
 (eval '(let-syntax ((m (syntax-rules () ((_) (syntax-error "no" 1))))) (m))
       (interaction-environment)))

(test-end)
