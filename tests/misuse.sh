#!/bin/sh
# SPDX-License-Identifier: MIT
#
# misuse.sh: every way to misuse the library is caught and named.  Each program
# of tests/misuse has to end by SIGABRT with exactly the line that
# tests/misuse/expected gives, and with a backtrace that names the function of
# the program that did it.  Arguments choose programs by name.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"
misuse=$srcdir/tests/misuse
failed=0

complain() {
  echo "$*"
  sed 's/^/  | /' "$work/stderr"
  failed=1
}

# check NAME FUNCTION LINE
check() {
  ${CC:-cc} -O1 -g -w $cflags -o "$work/program" "$misuse/$1.c" $libs ||
    fail "$1 does not compile"
  status=0
  case $1 in debug-*) debug=1 ;; *) debug=0 ;; esac
  # A shell of its own says "Aborted", to nobody.
  (
    GLEANER_DEBUG=$debug timeout 60 "$work/program" > /dev/null 2> "$work/stderr"
    exit $?
  ) 2> /dev/null || status=$?
  pattern=$(printf '%s' "$3" | sed 's/ADDRESS/0x[0-9a-f]+/g')
  if [ "$status" -ne 134 ]; then
    complain "$1: status $status, and not that of SIGABRT"
  elif ! head -n 1 "$work/stderr" | grep -Eqx "gleaner: $pattern"; then
    complain "$1: the first line is not as expected: $pattern"
  elif ! grep -q "^  #[0-9]* 0x[0-9a-f]* $2+[0-9]*\$" "$work/stderr"; then
    complain "$1: $2 is not in the backtrace"
  elif [ $debug = 1 ] && ! grep -q '^allocated by$' "$work/stderr"; then
    complain "$1: it is not said where the block was allocated"
  fi
}

count=0
grep -v '^#' "$misuse/expected" | grep . > "$work/expected"
while read -r name function line; do
  if [ $# -gt 0 ]; then
    case " $* " in *" $name "*) ;; *) continue ;; esac
  fi
  check "$name" "$function" "$line"
  count=$((count + 1))
done < "$work/expected"
echo "$count programs that misuse the library"

# A handler of the program's own; and programs in which nothing is wrong.
if [ $# -eq 0 ]; then
  for name in handler valid; do
    ${CC:-cc} -O1 -g $cflags -o "$work/$name" "$misuse/$name.c" $libs ||
      fail "$name does not compile"
  done
  timeout 60 "$work/handler" || fail "handler: status $?"
  timeout 300 "$work/valid" "${VALID_PROGRAMS:-10000}" ||
    fail "valid: status $?"
  GLEANER_DEBUG=1 timeout 300 "$work/valid" 200 ||
    fail "valid, debug: status $?"
  GLEANER_MODE=explicit timeout 300 "$work/valid" 1000 ||
    fail "valid, explicit: status $?"
fi
exit $failed
