#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# lisp-limits.sh: what the Lisp promises about depth, memory and its own length.
#
#     LISP_SECONDS=60 tests/lisp-limits.sh    runs the last one for a minute
set -euo pipefail

lisp=$PWD/examples/lisp/gleaner-lisp
source_dir=$(cd "${srcdir:-.}" && pwd)
seconds=${LISP_SECONDS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# check NAME EXPECTED OPTION...: the program on standard input prints that, and
# ends.
check() {
  local name=$1 expected=$2 got
  shift 2
  cat > "$work/$name.scm"
  got=$(timeout 120 "$lisp" "$@" "$work/$name.scm" 2>&1) || got="$got (status $?)"
  if [ "$got" != "$expected" ]; then
    printf 'FAIL: %s gave %.300s\n' "$name" "$got"
    failures=$((failures + 1))
  fi
}

# Recursion a million deep needs a stack of 256 MB; the limit may forbid it.
hard=$(ulimit -H -s)
if [ "$hard" = unlimited ] || [ "$hard" -ge 262144 ]; then
  check depth 1000000 << 'END'
(define (count n) (if (= n 0) 0 (+ 1 (count (- n 1)))))
(display (count 1000000))
END
fi

# A loop that only calls a continuation is counted, and can be interrupted.
check continuations '' --steps=1000 << 'END'
(let ((k #f)) (call/cc (lambda (c) (set! k c))) (k 1))
END

# Past the end is an error; with a small stack, so that it comes soon.
( ulimit -s 65536
check overflow '(#t #t #t)' << 'END'
(define (forever n) (+ 1 (forever n)))
(define (caught thunk) (guard (e ((error-object? e) #t)) (thunk)))
(define (nest n)
  (let loop ((n n) (l '()))
    (if (= n 0) l (loop (- n 1) (list l)))))
(display (list (caught (lambda () (forever 0)))
               (caught (lambda () (forever 0)))
               (caught (lambda ()
                         (equal? (nest 2000000) (nest 2000000))))))
END
exit "$failures"
) || failures=$((failures + 1))

check tail-loop 10000000 --heap-limit=4M << 'END'
(define (loop i) (if (< i 10000000) (loop (+ i 1)) i))
(display (loop 0))
END

check mutual-loop 5000000 --heap-limit=4M << 'END'
(define (ping i) (if (< i 5000000) (pong (+ i 1) i) i))
(define (pong i last) (if (= i (+ last 1)) (ping i) last))
(display (ping 0))
END

check generator 100000 --heap-limit=8M << 'END'
(define return #f)
(define (resume ignored)
  (let loop ((i 0))
    (call/cc (lambda (k) (set! resume k) (return i)))
    (loop (+ i 1))))
(define (next) (call/cc (lambda (k) (set! return k) (resume #f))))
(let loop ((i 0))
  (let ((v (next)))
    (if (not (= v i)) (error "wrong" v i))
    (if (< i 100000) (loop (+ i 1)) (display v))))
END

check memory '(caught 3)' --heap-limit=16M << 'END'
(define (fill l) (fill (cons (make-vector 1000 0) l)))
(display (list (guard (e ((error-object? e) 'caught)) (fill '()))
               (length (list 1 2 3))))
END

cat > "$work/vectors.scm" << 'END'
(let loop () (make-vector 100000) (loop))
END
status=0
timeout "$seconds" "$lisp" --heap-limit=32M "$work/vectors.scm" || status=$?
if [ "$status" -ne 124 ]; then
  echo "FAIL: vectors: status $status"
  failures=$((failures + 1))
fi

lines=$("$source_dir/examples/lisp/count" | awk '/in all/ { print $1 }')
if [ "$lines" -ge 5000 ]; then
  echo "FAIL: $lines lines of code; an evening is 5,000"
  failures=$((failures + 1))
fi

[ "$failures" -eq 0 ] && echo 'depth, memory and length as promised'
