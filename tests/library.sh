# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# library.sh: sourced by the test scripts that compile programs themselves.
# Run in the top build directory, with srcdir set.  Sets
#   work      a directory of our own, removed at the end
#   cflags    what compiling a program against gleaner.h takes
#   libs      what linking it with the library just built takes
# TEST_CFLAGS and TEST_LIBS in the environment override the last two.

srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

built=$PWD/.libs
cflags=${TEST_CFLAGS:--I$srcdir/include}
cflags="$cflags -D_GNU_SOURCE -std=gnu11 -pthread ${SANITIZE_CFLAGS:-}"
if [ -n "${TEST_LIBS:-}" ]; then
  libs=$TEST_LIBS
elif [ -e "$built/libgleaner.so" ]; then
  libs="$built/libgleaner.so -Wl,-rpath,$built"
else
  libs="$built/libgleaner.a -lunwind"
fi
libs="$libs -pthread -ldl"

# compilers: the one that was configured, then gcc and clang where they are
# there and are not that one.
compilers() {
  echo "${CC:-cc}"
  for other in gcc clang; do
    case ${CC:-cc} in *"$other"*) continue ;; esac
    if command -v "$other" > /dev/null; then echo "$other"; fi
  done
}
