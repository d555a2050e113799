;;; SPDX-License-Identifier: MIT
;;;
;;; 6.3-booleans.scm: R7RS 6.3, booleans.

(include "check.scm")

(test #t (not #f))
(test '(#f #f #f) (list (not 3) (not (list 3)) (not '())))
(test #f (not 'nil))
(test '(#t #t #f #f) (list (boolean? #f) (boolean? #t) (boolean? 0)
                           (boolean? '())))
(test '(#t #f #t) (list (boolean=? #t #t) (boolean=? #t #f)
                        (boolean=? #f #f #f)))
(test #f (boolean=? #f #f #t))
(test-error (boolean=? 1 1))
(test-error (boolean=? #t #t 5))
(test-error (not))
(test-error (not 1 2))

(test-end)
