;;; SPDX-License-Identifier: MIT
;;;
;;; maze.scm: a maze dug out by a random walk that turns back where it cannot
;;; go on, and the shortest way through it found by a flood from the entrance.

(include "harness.scm")

(define columns 40)
(define rows 30)
(define cells (* columns rows))

;; A cell has the list of the cells to which it is open.

(define (neighbours cell)
  (let ((x (remainder cell columns))
        (y (quotient cell columns)))
    (append (if (> x 0) (list (- cell 1)) '())
            (if (< x (- columns 1)) (list (+ cell 1)) '())
            (if (> y 0) (list (- cell columns)) '())
            (if (< y (- rows 1)) (list (+ cell columns)) '()))))

(define (keep wanted? items)
  (cond ((null? items) '())
        ((wanted? (car items))
         (cons (car items) (keep wanted? (cdr items))))
        (else (keep wanted? (cdr items)))))

(define (dig)
  (let ((doors (make-vector cells '()))
        (reached (make-vector cells #f)))
    (define (open! a b)
      (vector-set! doors a (cons b (vector-ref doors a)))
      (vector-set! doors b (cons a (vector-ref doors b))))
    (vector-set! reached 0 #t)
    (let walk ((trail '(0)))
      (if (pair? trail)
          (let ((choices (keep (lambda (c) (not (vector-ref reached c)))
                               (neighbours (car trail)))))
            (if (null? choices)
                (walk (cdr trail))
                (let ((next (list-ref choices
                                      (random-below (length choices)))))
                  (open! (car trail) next)
                  (vector-set! reached next #t)
                  (walk (cons next trail)))))))
    doors))

;; Wave after wave, each cell learns the one from which it was reached.

(define (flood doors)
  (let ((from (make-vector cells #f)))
    (vector-set! from 0 0)
    (let loop ((wave '(0)))
      (if (pair? wave)
          (let ((next '()))
            (for-each
             (lambda (cell)
               (for-each
                (lambda (other)
                  (if (not (vector-ref from other))
                      (begin
                        (vector-set! from other cell)
                        (set! next (cons other next)))))
                (vector-ref doors cell)))
             wave)
            (loop next))))
    from))

(define (way-back from)
  (let loop ((cell (- cells 1)) (path '()))
    (if (= cell 0)
        (cons 0 path)
        (loop (vector-ref from cell) (cons cell path)))))

(define (walkable? doors path)
  (or (null? (cdr path))
      (and (memv (cadr path) (vector-ref doors (car path)))
           (walkable? doors (cdr path)))))

;; A maze without circles has one door less than cells.

(define (count-doors doors)
  (let loop ((i 0) (total 0))
    (if (= i cells)
        (quotient total 2)
        (loop (+ i 1) (+ total (length (vector-ref doors i)))))))

(define (draw doors path)
  (do ((y 0 (+ y 1)))
      ((= y rows))
    (do ((x 0 (+ x 1)))
        ((= x columns))
      (let ((cell (+ x (* y columns))))
        (display (if (memv cell path) "*" " "))
        (display (if (memv (+ cell 1) (vector-ref doors cell)) " " "|"))))
    (newline)))

(define (solve)
  (random-seed! 99)
  (let* ((doors (dig))
         (path (way-back (flood doors))))
    (list doors path)))

(let ((solution (solve)))
  (draw (car solution) (cadr solution)))
(run "maze" 40 (list (- cells 1) #t)
     (lambda ()
       (let* ((solution (solve))
              (doors (car solution))
              (path (cadr solution)))
         (list (count-doors doors)
               (and (walkable? doors path)
                    (= (car path) 0)
                    #t)))))
