;;; SPDX-License-Identifier: MIT
;;;
;;; nqueens.scm: in how many ways N queens can stand on a board of N by N
;;; squares so that none attacks another; and one such board as a picture,
;;; checked by a second method that knows nothing of the first.

(include "harness.scm")

(define board-size 8)

;; A placement is a list of columns, the last row first.

(define (attacked? column placed)
  (let loop ((rest placed) (distance 1))
    (and (pair? rest)
         (or (= (car rest) column)
             (= (car rest) (+ column distance))
             (= (car rest) (- column distance))
             (loop (cdr rest) (+ distance 1))))))

(define (extend placed size)
  (let loop ((column size) (result '()))
    (cond ((= column 0) result)
          ((attacked? column placed) (loop (- column 1) result))
          (else (loop (- column 1) (cons (cons column placed) result))))))

(define (append-map f items)
  (if (null? items)
      '()
      (append (f (car items)) (append-map f (cdr items)))))

;; All placements, row by row: a generation of boards at a time.

(define (queens size)
  (let loop ((row 0) (boards '(())))
    (if (= row size)
        boards
        (loop (+ row 1)
              (append-map (lambda (placed) (extend placed size)) boards)))))

;; A board is sound if no line in any direction has two queens: count the
;; lines in vectors.

(define (sound? placed)
  (let* ((size (length placed))
         (columns (make-vector (+ size 1) 0))
         (rising (make-vector (* 2 (+ size 1)) 0))
         (falling (make-vector (* 2 (+ size 1)) 0)))
    (define (free-then-taken! lines i)
      (let ((was (vector-ref lines i)))
        (vector-set! lines i (+ was 1))
        (= was 0)))
    (let loop ((rest placed) (row 1))
      (or (null? rest)
          (and (free-then-taken! columns (car rest))
               (free-then-taken! rising (+ row (car rest)))
               (free-then-taken! falling (+ size (- row (car rest))))
               (loop (cdr rest) (+ row 1)))))))

(define (all-sound? boards)
  (or (null? boards)
      (and (sound? (car boards))
           (all-sound? (cdr boards)))))

(define (draw placed)
  (let ((size (length placed)))
    (for-each
     (lambda (column)
       (do ((i 1 (+ i 1)))
           ((> i size) (newline))
         (display (if (= i column) "Q " ". "))))
     placed)))

(draw (car (queens board-size)))
(run "nqueens" 40 '(92 #t)
     (lambda ()
       (let ((boards (queens board-size)))
         (list (length boards) (all-sound? boards)))))
