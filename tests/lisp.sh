#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# lisp.sh: the Lisp's tests and programs give the same output with the
# collector, with a collection at every 1000th allocation and a check of the
# heap after each, and with the collector off.
set -euo pipefail

source_dir=$(cd "${srcdir:-.}" && pwd)
lisp=$PWD/examples/lisp/gleaner-lisp
here=$source_dir/examples/lisp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

# Run a program with its arguments; the output in $name.$way.
run() {
  local name way=$1
  shift
  name=$(basename "$1" .scm)
  if ! timeout 120 "$lisp" "$@" > "$name.$way" 2> "$name.err" < /dev/null
  then
    fail "$name ($way)"
    tail -n 20 "$name.$way" "$name.err"
  fi
}

# Files that are no programs, or that need integers of any size.
skipped='check harness'
echo '(expt 10 30)' > bignum.scm
"$lisp" bignum.scm > bignum.out 2>&1 ||
  skipped+=' 6.1-equivalence 6.2-numbers srfi-69 pi'

run_all() {
  local program way=$1
  for program in "$here"/tests/*.scm "$here"/programs/*.scm; do
    case " $skipped " in *" $(basename "$program" .scm) "*) continue ;; esac
    case ${program#"$here"/} in
      tests/*) run "$way" "$program" ;;
      programs/wordcount.scm) run "$way" "$program" "$here/README.md" ;;
      *) run "$way" "$program" 1 ;;
    esac
  done
}

run_all normal
GLEANER_STRESS=every:1000 GLEANER_CHECK=1 run_all stress
GLEANER_STRESS=minor:1000 GLEANER_CHECK=1 run_all minor
GLEANER_MODE=explicit run_all explicit
for output in *.normal; do
  name=${output%.normal}
  for way in stress minor explicit; do
    cmp "$name.normal" "$name.$way" || fail "$name ($way) has another output"
  done
done

# What is typed: a form on two lines, an error, a form after it.
printf '(+ 1\n 2)\n(car 5)\n(* 6 7)\n' | "$lisp" > repl.out 2> repl.err ||
  fail 'the prompt'
[ "$(tr -d '> \n' < repl.out)" = 342 ] || fail "the prompt: $(cat repl.out)"
grep -q '^car: argument 1 is not a pair: 5$' repl.err || fail 'its errors'

# An error drops the rest of its line; a datum that never ends is one.
printf '(car 5) 1\n2\n(+ 1\n' | "$lisp" > repl.out 2> repl.err ||
  fail 'the prompt after an error'
[ "$(tr -d '> \n' < repl.out)" = 2 ] || fail "a line dropped: $(cat repl.out)"
grep -q '^read: end of file inside a datum' repl.err || fail 'an open datum'

# An error says where and with which value, and the status is not 0.
printf '(define (f x)\n  (list 1\n    (car x)))\n(f 5)\n' > wrong.scm
if "$lisp" wrong.scm > /dev/null 2> wrong.err; then fail 'status of an error'; fi
grep -q '^wrong.scm:3: car: argument 1 is not a pair: 5$' wrong.err ||
  fail "place of an error: $(cat wrong.err)"

printf '%s outputs, %s failures\n' "$(find . -name '*.normal' | wc -l)" \
  "$failures"
[ "$failures" -eq 0 ]
