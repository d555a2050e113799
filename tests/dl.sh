#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dl.sh: builds copies of the liveness test's plugin, and runs the test that
# loads and unloads them between collections.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"

plugins=
for i in 1 2 3 4 5; do
  ${CC:-cc} -O2 -fPIC -shared -o "$work/plugin$i.so" \
    "$srcdir/tests/live/plugin.c"
  plugins="$plugins $work/plugin$i.so"
done
${CC:-cc} -O2 $cflags -o "$work/dl" "$srcdir/tests/api/dl.c" $libs
GLEANER_CHECK=1 "$work/dl" $plugins
