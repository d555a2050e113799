;;; SPDX-License-Identifier: MIT
;;;
;;; lru.scm: a cache that drops what was used least recently: a hash table of
;;; chains and a doubly linked list through its entries.  A slow cache, a list
;;; in order of use, must give the same answers.

(include "harness.scm")

;; An entry knows its key and value and its neighbours in order of use; the
;; list is circular and closed by an entry without key.

(define (make-entry key value)
  (let ((entry (vector key value #f #f)))
    (vector-set! entry 2 entry)
    (vector-set! entry 3 entry)
    entry))

(define (entry-key entry) (vector-ref entry 0))
(define (entry-value entry) (vector-ref entry 1))
(define (entry-newer entry) (vector-ref entry 2))
(define (entry-older entry) (vector-ref entry 3))
(define (set-entry-value! entry value) (vector-set! entry 1 value))
(define (set-entry-newer! entry other) (vector-set! entry 2 other))
(define (set-entry-older! entry other) (vector-set! entry 3 other))

(define (unlink! entry)
  (set-entry-older! (entry-newer entry) (entry-older entry))
  (set-entry-newer! (entry-older entry) (entry-newer entry)))

(define (link-as-newest! entry end)
  (set-entry-newer! entry end)
  (set-entry-older! entry (entry-older end))
  (set-entry-newer! (entry-older end) entry)
  (set-entry-older! end entry))

;; A cache: its capacity, how many entries it has, the end of the list, and
;; the chains.

(define (make-cache capacity)
  (vector capacity 0 (make-entry #f #f) (make-vector (* 2 capacity) '())))

(define (cache-capacity cache) (vector-ref cache 0))
(define (cache-count cache) (vector-ref cache 1))
(define (cache-end cache) (vector-ref cache 2))
(define (cache-chains cache) (vector-ref cache 3))
(define (cache-count! cache n) (vector-set! cache 1 n))

(define (hash cache key)
  (remainder key (vector-length (cache-chains cache))))

(define (find-entry cache key)
  (let loop ((chain (vector-ref (cache-chains cache) (hash cache key))))
    (cond ((null? chain) #f)
          ((= (entry-key (car chain)) key) (car chain))
          (else (loop (cdr chain))))))

(define (remove-from chain entry)
  (if (eq? (car chain) entry)
      (cdr chain)
      (cons (car chain) (remove-from (cdr chain) entry))))

(define (change-chain! cache key change)
  (let ((chains (cache-chains cache)) (i (hash cache key)))
    (vector-set! chains i (change (vector-ref chains i)))))

(define (drop-oldest! cache)
  (let ((oldest (entry-newer (cache-end cache))))
    (unlink! oldest)
    (change-chain! cache (entry-key oldest)
                   (lambda (chain) (remove-from chain oldest)))
    (cache-count! cache (- (cache-count cache) 1))))

;; The value of a key: from the cache, or computed and put there.

(define (cached cache key compute)
  (let ((entry (find-entry cache key)))
    (if entry
        (begin
          (unlink! entry)
          (link-as-newest! entry (cache-end cache))
          (entry-value entry))
        (let ((entry (make-entry key (compute key))))
          (if (= (cache-count cache) (cache-capacity cache))
              (drop-oldest! cache))
          (change-chain! cache key (lambda (chain) (cons entry chain)))
          (link-as-newest! entry (cache-end cache))
          (cache-count! cache (+ (cache-count cache) 1))
          (entry-value entry)))))

;; The slow cache is a list of keys, the newest first.

(define (without key keys)
  (cond ((null? keys) '())
        ((= (car keys) key) (cdr keys))
        (else (cons (car keys) (without key (cdr keys))))))

(define (first-of keys n)
  (if (or (= n 0) (null? keys))
      '()
      (cons (car keys) (first-of (cdr keys) (- n 1)))))

(define (touch key keys capacity)
  (first-of (cons key (without key keys)) capacity))

;; Small keys are asked for more often.

(define (random-key)
  (let ((limit (+ 1 (random-below 400))))
    (random-below limit)))

(define (misses capacity requests)
  (let ((cache (make-cache capacity))
        (count 0))
    (do ((i 0 (+ i 1)))
        ((= i requests) count)
      (let* ((key (random-key))
             (text (cached cache key
                           (lambda (key)
                             (set! count (+ count 1))
                             (number->string key)))))
        (if (not (= (string->number text) key))
            (fail "lru" text key))))))

(define (misses-of-list capacity requests)
  (let loop ((i 0) (keys '()) (count 0))
    (if (= i requests)
        count
        (let ((key (random-key)))
          (loop (+ i 1)
                (touch key keys capacity)
                (if (memv key keys) count (+ count 1)))))))

(run "lru" 5 '(#t #t)
     (lambda ()
       (map (lambda (capacity)
              (random-seed! 11)
              (let ((fast (misses capacity 5000)))
                (random-seed! 11)
                (let ((slow (misses-of-list capacity 5000)))
                  (or (= fast slow) (list fast slow)))))
            '(10 100))))
