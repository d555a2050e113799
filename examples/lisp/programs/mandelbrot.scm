;;; SPDX-License-Identifier: MIT
;;;
;;; mandelbrot.scm: a small picture of Mandelbrot's set in floating point; it
;;; must be its own mirror image.

(include "harness.scm")

(define limit 100)

(define (steps cx cy)
  (let loop ((x 0.) (y 0.) (n 0))
    (let ((xx (* x x)) (yy (* y y)))
      (if (or (= n limit) (> (+ xx yy) 4.))
          n
          (loop (+ (- xx yy) cx)
                (+ (* 2. x y) cy)
                (+ n 1))))))

(define (line y)
  (let loop ((x 58) (result '()))
    (if (< x 0)
        result
        (loop (- x 1)
              (cons (steps (- (/ x 20.) 2.25) (/ y 10.))
                    result)))))

(define (picture)
  (map (lambda (y) (line (- y 12))) (iota-from 0 25)))

(define (shade n)
  (cond ((= n limit) "#")
        ((> n 12) "+")
        ((> n 6) "-")
        ((> n 3) ".")
        (else " ")))

(define (sum items)
  (if (null? items) 0 (+ (car items) (sum (cdr items)))))

(for-each (lambda (row)
            (for-each (lambda (n) (display (shade n))) row)
            (newline))
          (picture))
(run "mandelbrot" 10 '(#t 37433)
     (lambda ()
       (let ((rows (picture)))
         (list (equal? rows (reverse rows))
               (sum (map sum rows))))))
