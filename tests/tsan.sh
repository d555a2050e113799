#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tsan.sh: the heap and its tests with threads (tests/unit/threads.c), built with
# ThreadSanitizer: the lists by which threads send each other blocks, and arenas
# that change hands.  There are no suppressions: races that are meant are in
# functions marked GL_RACES, with the reason there.  What gc/ does is not judged:
# the sanitizer does not know that the world is stopped.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}
flags="-std=gnu11 -D_GNU_SOURCE -O1 -g -pthread -fsanitize=thread"

skip() {
  echo "skipped: $*"
  exit 77
}

[ -z "${SANITIZE_CFLAGS:-}" ] || skip "the build has a sanitizer already"
check=$(${PKG_CONFIG:-pkg-config} --cflags --libs check 2> /dev/null) ||
  skip "no Check"
echo 'int main(void) { return 0; }' > "$work/try.c"
if ! $cc $flags -o "$work/try" "$work/try.c" 2> /dev/null || ! "$work/try"; then
  skip "no ThreadSanitizer for $cc"
fi

# gcc warns of fences, which the sanitizer does not see; clang knows no such
# option.
case $($cc --version) in *clang*) ;; *) flags="$flags -Wno-tsan" ;; esac
$cc $flags -o "$work/threads" "$srcdir"/alloc/*.c "$srcdir/tests/unit/harness.c" \
  "$srcdir/tests/unit/threads.c" $check
CK_DEFAULT_TIMEOUT=60 TSAN_OPTIONS=halt_on_error=1 "$work/threads"
