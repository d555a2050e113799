;;; SPDX-License-Identifier: MIT
;;;
;;; harness.scm: what the programs have in common.  Each computes something
;;; whose result is known, as many times as its first argument says, compares
;;; and prints.  The programs use what every Scheme since R4RS has, with the
;;; names of R7RS, so that others can run them too.

(define (rounds-wanted default)
  (let ((arguments (command-line)))
    (if (and (pair? arguments) (pair? (cdr arguments)))
        (string->number (cadr arguments))
        default)))

(define (fail name answer expected)
  (display name)
  (display ": got ")
  (write answer)
  (display " instead of ")
  (write expected)
  (newline)
  (exit 1))

(define (run name default-rounds expected compute)
  (let loop ((left (rounds-wanted default-rounds)))
    (let ((answer (compute)))
      (cond ((not (equal? answer expected))
             (fail name answer expected))
            ((> left 1)
             (loop (- left 1)))
            (else
             (display name)
             (display ": ")
             (write answer)
             (newline))))))

;;; A sequence of numbers that look random and are the same everywhere; no
;;; product exceeds 2^31, for Schemes with small integers.

(define random-state 12345)

(define (random-seed! n)
  (set! random-state n))

(define (random-below n)
  (set! random-state (remainder (+ (* random-state 8121) 28411) 134456))
  (remainder random-state n))

(define (iota-from first count)
  (let loop ((i (- (+ first count) 1)) (result '()))
    (if (< i first)
        result
        (loop (- i 1) (cons i result)))))
