#!/bin/sh
# SPDX-License-Identifier: MIT
#
# threads.sh: builds the stress tests of threads and runs each case for a
# moment, with one marker and with two and with the heap proved sound
# after every collection; a case that hangs is killed and has failed.
# Arguments choose cases.
#
#   STRESS_COLLECTIONS=1000 STRESS_SECONDS=0 STRESS_ALL=1   for the long run:
#                    make check-stress
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"
threads=$srcdir/tests/threads
collections=${STRESS_COLLECTIONS:-200}
seconds=${STRESS_SECONDS:-0.5}
limit=${STRESS_LIMIT:-120} # seconds after which a case has hung
failed=0
passed=0

${CC:-cc} -O2 -g $cflags -o "$work/stress" "$threads/stress.c" \
  "$threads/calls.c" "$threads/heaps.c" "$threads/process.c" \
  "$threads/signals.c" $libs
${CC:-cc} -O2 -fPIC -shared -o "$work/plugin.so" "$srcdir/tests/live/plugin.c"
LIVE_PLUGIN=$work/plugin.so
export LIVE_PLUGIN

run() { # case, settings
  name=$1
  shift
  status=0
  env "$@" timeout -k 5 "$limit" "$work/stress" "$name" "$collections" \
    "$seconds" > "$work/log" 2>&1 < /dev/null || status=$?
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    echo "$*: $(tr "\n" " " < "$work/log")"
  else
    failed=$((failed + 1))
    echo "$*: $name FAILED with status $status (124: it hung)"
    cat "$work/log"
  fi
}

cases=${*:-$("$work/stress")}
for name in $cases; do
  run "$name" GLEANER_MARKERS=1 GLEANER_CHECK=1
  run "$name" GLEANER_MARKERS=2
  run "$name" GLEANER_MARKERS=2 GLEANER_STRESS=every:2000
  run "$name" GLEANER_MARKERS=2 GLEANER_STRESS=minor:5000 GLEANER_CHECK=1
done
echo "threads: $passed passed, $failed failed"
[ $failed -eq 0 ]
