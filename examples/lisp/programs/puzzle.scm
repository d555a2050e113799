;;; SPDX-License-Identifier: MIT
;;;
;;; puzzle.scm: in how many ways the twelve pentominoes that tile a rectangle
;;; of 3 by 20 squares fill it: search with backtracking over vectors.

(include "harness.scm")

;; A piece is a list of squares (x . y); its orientations come from turning
;; and mirroring it.

(define pieces
  '(((1 . 0) (2 . 0) (0 . 1) (1 . 1) (1 . 2))           ; F
    ((0 . 0) (1 . 0) (2 . 0) (3 . 0) (4 . 0))           ; I
    ((0 . 0) (1 . 0) (2 . 0) (3 . 0) (3 . 1))           ; L
    ((0 . 0) (1 . 0) (1 . 1) (2 . 1) (3 . 1))           ; N
    ((0 . 0) (1 . 0) (0 . 1) (1 . 1) (0 . 2))           ; P
    ((0 . 0) (1 . 0) (2 . 0) (1 . 1) (1 . 2))           ; T
    ((0 . 0) (2 . 0) (0 . 1) (1 . 1) (2 . 1))           ; U
    ((0 . 0) (0 . 1) (0 . 2) (1 . 2) (2 . 2))           ; V
    ((0 . 0) (0 . 1) (1 . 1) (1 . 2) (2 . 2))           ; W
    ((1 . 0) (0 . 1) (1 . 1) (2 . 1) (1 . 2))           ; X
    ((0 . 0) (1 . 0) (2 . 0) (3 . 0) (1 . 1))           ; Y
    ((0 . 0) (1 . 0) (1 . 1) (1 . 2) (2 . 2))))         ; Z

(define width 3)
(define height 20)

(define (turn square)
  (cons (- 0 (cdr square)) (car square)))

(define (mirror square)
  (cons (- 0 (car square)) (cdr square)))

(define (before? a b)
  (or (< (cdr a) (cdr b))
      (and (= (cdr a) (cdr b)) (< (car a) (car b)))))

(define (insert square sorted)
  (if (or (null? sorted) (before? square (car sorted)))
      (cons square sorted)
      (cons (car sorted) (insert square (cdr sorted)))))

(define (sort-squares squares)
  (if (null? squares)
      '()
      (insert (car squares) (sort-squares (cdr squares)))))

;; The first square of a normal piece, in reading order, is (0 . 0).

(define (normal squares)
  (let* ((sorted (sort-squares squares))
         (origin (car sorted)))
    (map (lambda (square)
           (cons (- (car square) (car origin))
                 (- (cdr square) (cdr origin))))
         sorted)))

(define (orientations piece)
  (let loop ((turns 0) (squares piece) (found '()))
    (if (= turns 8)
        found
        (let ((shape (normal squares)))
          (loop (+ turns 1)
                (map (if (= turns 3) mirror turn) squares)
                (if (member shape found) found (cons shape found)))))))

(define shapes (list->vector (map orientations pieces)))

(define board (make-vector (* width height) #f))
(define used (make-vector (vector-length shapes) #f))

(define (fits? shape x y)
  (or (null? shape)
      (let ((i (+ x (caar shape)))
            (j (+ y (cdar shape))))
        (and (>= i 0) (< i width) (< j height)
             (not (vector-ref board (+ i (* j width))))
             (fits? (cdr shape) x y)))))

(define (put! shape x y mark)
  (if (pair? shape)
      (begin
        (vector-set! board
                     (+ x (caar shape) (* width (+ y (cdar shape))))
                     mark)
        (put! (cdr shape) x y mark))))

(define (search from)
  (cond ((= from (* width height)) 1)
        ((vector-ref board from) (search (+ from 1)))
        (else (try-pieces from 0 0))))

(define (try-pieces from piece count)
  (cond ((= piece (vector-length shapes)) count)
        ((vector-ref used piece) (try-pieces from (+ piece 1) count))
        (else
         (vector-set! used piece #t)
         (let ((more (try-shapes from (vector-ref shapes piece) 0)))
           (vector-set! used piece #f)
           (try-pieces from (+ piece 1) (+ count more))))))

(define (try-shapes from shapes-left count)
  (if (null? shapes-left)
      count
      (let ((x (remainder from width))
            (y (quotient from width))
            (shape (car shapes-left)))
        (if (fits? shape x y)
            (begin
              (put! shape x y #t)
              (let ((more (search (+ from 1))))
                (put! shape x y #f)
                (try-shapes from (cdr shapes-left) (+ count more))))
            (try-shapes from (cdr shapes-left) count)))))

;; Two tilings, each in four positions.
(run "puzzle" 1 8 (lambda () (search 0)))
