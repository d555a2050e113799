#!/bin/sh
# SPDX-License-Identifier: MIT
#
# live.sh: builds the liveness test with every compiler there is, at -O0 and
# at -O2, and runs it.  Arguments choose cases by the beginning of their names.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"
live=$srcdir/tests/live

# A std::thread takes a C++ compiler, which then links as well.
cxx=
if [ -n "${CXX:-}" ] && $CXX -c -fPIC -pthread ${SANITIZE_CFLAGS:-} \
  -o "$work/cxx.o" "$live/cxx.cc" 2> "$work/log"; then
  cxx="$work/cxx.o"
else
  echo "no C++ compiler: std::thread is not tested"
fi

build() { # compiler optimisation
  objects=
  for source in live.c places.c contexts.c threads.c registers.S; do
    object=$work/${source%.*}.o
    $1 $2 $cflags ${cxx:+-DLIVE_CXX} -c -o "$object" "$live/$source"
    objects="$objects $object"
  done
  $1 $2 -fPIC -shared -o "$work/plugin.so" "$live/plugin.c"
  ${cxx:+$CXX} ${cxx:-$1} ${SANITIZE_CFLAGS:-} -o "$work/live" $objects $libs
}

failed=0
for compiler in $(compilers | tr ' ' '|'); do
  compiler=$(echo "$compiler" | tr '|' ' ')
  for level in -O0 -O2; do
    echo "== $compiler $level"
    build "$compiler" "$level"
    LIVE_PLUGIN=$work/plugin.so "$work/live" "$@" || {
      echo "$compiler $level: failed with status $?"
      failed=1
    }
  done
done

# The library loaded late.
if [ $# -eq 0 ] && [ -e "$built/libgleaner.so" ] && [ -z "${TEST_LIBS:-}" ]; then
  echo "== loaded by dlopen"
  ${CC:-cc} -O2 $cflags -o "$work/late" "$live/late.c" -pthread -ldl
  "$work/late" "$built/libgleaner.so" || {
    echo "late: failed with status $?"
    failed=1
  }
fi
exit $failed
