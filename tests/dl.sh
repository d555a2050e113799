#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dl.sh: builds copies of the liveness test's plugin, and runs the test that
# loads and unloads them between collections, in its own namespace and in
# others.  Two of them have less, and much more, thread-local storage than the
# others.  More tests are given them.
# Flags are words to be split, hence: shellcheck disable=SC2086
set -eu
srcdir=${srcdir:-.}
. "$srcdir/tests/library.sh"

# They need only the dynamic linker, of which there is one for all namespaces.
linker=$(${CC:-cc} -print-file-name=ld-linux-x86-64.so.2)
plugins=
build() { # name, words of thread-local storage
  ${CC:-cc} -O2 -fPIC -shared -nostdlib -DPLUGIN_TLS_WORDS="$2" \
    -o "$work/$1.so" "$srcdir/tests/live/plugin.c" "$linker"
  plugins="$plugins $work/$1.so"
}

build short 30
build long 8000000
for i in 1 2 3 4 5; do build "plugin$i" 600; done
${CC:-cc} -O2 $cflags -o "$work/dl" "$srcdir/tests/api/dl.c" $libs
for how in shared apart; do GLEANER_CHECK=1 "$work/dl" $how $plugins; done
${CC:-cc} -O2 $cflags -fno-pie -no-pie -o "$work/fixed" \
  "$srcdir/tests/api/dl.c" $libs
"$work/fixed" apart $plugins

${CC:-cc} -O2 $cflags -fPIC -shared -DFIRST_PLUGIN -o "$work/constructor.so" \
  "$srcdir/tests/api/first.c"
${CC:-cc} -O2 $cflags -rdynamic -o "$work/first" "$srcdir/tests/api/first.c" $libs
"$work/first" "$work/constructor.so"

${CC:-cc} -O2 $cflags -o "$work/parties" "$srcdir/tests/api/parties.c" $libs
"$work/parties" "$work/plugin1.so"

# They have a realloc, calloc and free of their own, which a sanitizer would miss.
if [ -z "${SANITIZE_CFLAGS:-}" ]; then
  copies=
  for i in 0 1 2 3 4 5 6 7; do
    for j in 1 2 3 4 5; do
      cp "$work/plugin1.so" "$work/copy$i$j.so"
      copies="$copies $work/copy$i$j.so"
    done
  done
  ${CC:-cc} -O2 $cflags -Wl,-z,now -o "$work/vector" \
    "$srcdir/tests/api/vector.c" $libs
  for fate in whole linked cleared reused unmapped; do
    "$work/vector" $fate thread $copies
  done
  "$work/vector" cleared coroutine $copies
  "$work/vector" cleared held-back $copies
  ${CC:-cc} -O2 $cflags -o "$work/keys" "$srcdir/tests/api/keys.c" $libs
  "$work/keys"
fi
