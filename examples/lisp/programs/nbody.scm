;;; SPDX-License-Identifier: MIT
;;;
;;; nbody.scm: the sun and four planets under their gravity, in floating
;;; point; momentum and energy must stay what they were.

(include "harness.scm")

;; Bodies are vectors: x y z, velocities, mass.  Units: astronomical unit,
;; year, mass of the sun times 4 pi^2.  The orbits are circles of the right
;; sizes, slightly inclined, the planets at different places of them.

(define pi 3.141592653589793)
(define solar-mass (* 4. pi pi))

(define (planet radius angle tilt mass)
  (let ((speed (sqrt (/ solar-mass radius))))
    (vector (* radius (cos angle))
            (* radius (sin angle) (cos tilt))
            (* radius (sin angle) (sin tilt))
            (- 0. (* speed (sin angle)))
            (* speed (cos angle) (cos tilt))
            (* speed (cos angle) (sin tilt))
            (* mass solar-mass))))

(define (make-system)
  (let ((bodies
         (list (vector 0. 0. 0. 0. 0. 0. solar-mass)
               (planet 5.20 0.3 0.02 9.55e-4)
               (planet 9.58 2.1 0.04 2.86e-4)
               (planet 19.2 4.0 0.01 4.37e-5)
               (planet 30.1 5.5 0.03 5.15e-5))))
    (do ((axis 3 (+ axis 1)))
        ((= axis 6) bodies)
      (vector-set! (car bodies) axis
                   (/ (- 0. (momentum bodies axis)) solar-mass)))))

(define (momentum bodies axis)
  (if (null? bodies)
      0.
      (+ (* (vector-ref (car bodies) axis) (vector-ref (car bodies) 6))
         (momentum (cdr bodies) axis))))

(define (square x) (* x x))

(define (distance a b)
  (sqrt (+ (square (- (vector-ref a 0) (vector-ref b 0)))
           (square (- (vector-ref a 1) (vector-ref b 1)))
           (square (- (vector-ref a 2) (vector-ref b 2))))))

(define (energy bodies)
  (if (null? bodies)
      0.
      (let ((a (car bodies)))
        (let loop ((others (cdr bodies))
                   (total (* .5 (vector-ref a 6)
                             (+ (square (vector-ref a 3))
                                (square (vector-ref a 4))
                                (square (vector-ref a 5))))))
          (if (null? others)
              (+ total (energy (cdr bodies)))
              (loop (cdr others)
                    (- total
                       (/ (* (vector-ref a 6) (vector-ref (car others) 6))
                          (distance a (car others))))))))))

(define (attract! a b dt)
  (let* ((d (distance a b))
         (pull (/ dt (* d d d))))
    (do ((axis 0 (+ axis 1)))
        ((= axis 3))
      (let ((delta (* pull (- (vector-ref a axis) (vector-ref b axis)))))
        (vector-set! a (+ axis 3)
                     (- (vector-ref a (+ axis 3))
                        (* delta (vector-ref b 6))))
        (vector-set! b (+ axis 3)
                     (+ (vector-ref b (+ axis 3))
                        (* delta (vector-ref a 6))))))))

(define (move! body dt)
  (do ((axis 0 (+ axis 1)))
      ((= axis 3))
    (vector-set! body axis
                 (+ (vector-ref body axis)
                    (* dt (vector-ref body (+ axis 3)))))))

(define (advance! bodies dt)
  (let loop ((rest bodies))
    (if (pair? rest)
        (begin
          (for-each (lambda (other) (attract! (car rest) other dt))
                    (cdr rest))
          (loop (cdr rest)))))
  (for-each (lambda (body) (move! body dt)) bodies))

(define (near? a b tolerance)
  (< (abs (- a b)) tolerance))

(run "nbody" 20 '(#t #t #t)
     (lambda ()
       (let* ((bodies (make-system))
              (before (energy bodies))
              (radius (distance (car bodies) (cadr bodies))))
         (do ((i 0 (+ i 1)))
             ((= i 1000))
           (advance! bodies .01))
         (list (near? (energy bodies) before 1e-6)
               (near? (momentum bodies 3) 0. 1e-12)
               (near? (distance (car bodies) (cadr bodies)) radius .1)))))
