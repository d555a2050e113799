#!/bin/sh
# SPDX-License-Identifier: MIT
#
# precision.sh: builds the precision test with every compiler there is, at -O0
# and at -O2, and runs it.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"

# One sanitizer's runtime does not go with another compiler's library.
if [ -n "${SANITIZE_CFLAGS:-}" ]; then
  compilers() { echo "${CC:-cc}"; }
fi

failed=0
for compiler in $(compilers | tr ' ' '|'); do
  compiler=$(echo "$compiler" | tr '|' ' ')
  for level in -O0 -O2; do
    echo "== $compiler $level"
    $compiler $level $cflags -o "$work/precision" \
      "$srcdir/tests/api/precision.c" $libs
    "$work/precision" || {
      echo "$compiler $level: failed with status $?"
      failed=1
    }
  done
done
exit $failed
