#!/bin/sh
# SPDX-License-Identifier: MIT
#
# malloc.sh: programs that know of malloc only, with the library preloaded.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"
programs=$srcdir/tests/malloc
library=$built/libgleaner-malloc.so

if [ ! -e "$library" ] || [ -n "${SANITIZE_CFLAGS:-}" ]; then
  echo "no library to preload, or sanitizers, which have a malloc of their own"
  exit 77
fi

# Exactly the names of malloc are exported.
${NM:-nm} -D --defined-only "$library" | awk '{ print $NF }' |
  sed 's/@.*//' | LC_ALL=C sort -u > "$work/exported"
diff "$srcdir/malloc/names" "$work/exported" ||
  fail "left (<): wanted and not exported; right (>): the reverse"

# preloaded PROGRAM [ARGUMENT...]
preloaded() { LD_PRELOAD=$library timeout 300 "$@"; }

${CC:-cc} -O1 -g -fno-builtin $cflags -o "$work/unmodified" \
  "$programs/unmodified.c" -pthread -ldl
echo "== explicit"
preloaded "$work/unmodified" || fail "unmodified: status $?"
echo "== mixed"
GLEANER_MODE=mixed preloaded "$work/unmodified" mixed ||
  fail "unmodified, mixed: status $?"
echo "== little address space"
(
  ulimit -v 4000000
  preloaded "$work/unmodified"
) || fail "unmodified, ulimit -v: status $?"

echo "== memory goes back"
${CC:-cc} -O1 -g $cflags -o "$work/returned" "$programs/returned.c" -pthread
preloaded "$work/returned" || fail "returned: status $?"

echo "== handlers of a fork that allocate"
${CC:-cc} -O1 -g $cflags -fPIC -shared -o "$work/libhandlers.so" \
  "$programs/handlers.c"
${CC:-cc} -O1 -g $cflags -DMAIN -o "$work/handlers" "$programs/handlers.c" \
  "$work/libhandlers.so" -pthread -Wl,-rpath,"$work"
LD_PRELOAD=$library timeout 60 "$work/handlers" || fail "handlers: status $?"

echo "== a handler of a signal that forks"
${CC:-cc} -O1 -g $cflags -o "$work/forking" "$programs/forking.c"
for mode in explicit implicit; do
  GLEANER_MODE=$mode LD_PRELOAD=$library timeout 60 "$work/forking" ||
    fail "forking, $mode: status $?"
done

if [ -n "${CXX:-}" ] &&
  $CXX -std=c++17 -O1 -g -pthread -o "$work/objects" "$programs/objects.cc"; then
  preloaded "$work/objects" || fail "objects: status $?"
fi

${CC:-cc} -O0 -g -w -o "$work/twice" "$programs/twice.c"
status=0
(
  preloaded "$work/twice" 2> "$work/stderr"
  exit $?
) > /dev/null 2>&1 || status=$?
cat "$work/stderr"
[ "$status" -eq 134 ] || fail "twice: status $status"
head -n 1 "$work/stderr" |
  grep -Eqx 'gleaner: free\(0x[0-9a-f]+\): freed twice' ||
  fail "twice: another line"
grep -q ' main+' "$work/stderr" || fail "twice: main is not in the backtrace"
