#!/bin/sh
# SPDX-License-Identifier: MIT
#
# exports.sh: the shared library exports exactly the functions that gleaner.h
# declares: every one of them, and no other name.
set -eu

srcdir=${srcdir:-.}
library=.libs/libgleaner.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -e "$library" ]; then
  echo "no shared library was built (--disable-shared): nothing to test"
  exit 77
fi

# What is exported.  Names that a sanitizer adds are its own affair.
# The words of $NM and $CC are to be split.
${NM:-nm} -D --defined-only "$library" | awk '{ print $NF }' |
  sed 's/@.*//' | grep -v '^__\(asan\|odr_asan\|ubsan\|tsan\)' |
  LC_ALL=C sort -u > "$work/exported"

# What is declared: of each extern statement of the header, comments taken
# out, the first name before a parenthesis.
${CC:-cc} -E -P -I"$srcdir/include" "$srcdir/include/gleaner.h" |
  tr '\n;' ' \n' | sed -n 's/^.*extern //p' |
  awk 'match($0, /gc_[a-z_]* *\(/) {
    name = substr($0, RSTART, RLENGTH)
    sub(/ *\($/, "", name)
    print name
  }' | LC_ALL=C sort -u > "$work/declared"

if ! grep -q '^gc_malloc$' "$work/declared"; then
  echo "the header's declarations could not be read" >&2
  exit 99
fi
if ! diff "$work/declared" "$work/exported"; then
  echo "left (<): declared and not exported; right (>): the reverse" >&2
  exit 1
fi
echo "$(wc -l < "$work/exported") names, all declared in gleaner.h"
