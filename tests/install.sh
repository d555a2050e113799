#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh: installs the library into a temporary directory, then compiles
# and runs README.md's first program with what pkg-config says, as C and as
# C++, against the shared library and the static one.
# Flags are words to be split, hence: shellcheck disable=SC2046,SC2086
set -eu

srcdir=${srcdir:-.}
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "install.sh: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# The flags of the make above us (its job server, its -k) are not for us.
unset MAKEFLAGS MFLAGS MAKELEVEL
"${MAKE:-make}" install DESTDIR="$work" > "$work/log" 2>&1 || {
  cat "$work/log"
  fail "make install failed"
}

pc=$(find "$work" -name gleaner.pc)
[ -n "$pc" ] || fail "gleaner.pc was not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$work
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
config() { "${PKG_CONFIG:-pkg-config}" "$@" gleaner; }
libdir=$work$(PKG_CONFIG_SYSROOT_DIR='' config --variable=libdir)

find "$work" -name 'gleaner.7*' | grep -q . || fail "no man page installed"
[ "$(find "$work" -name '*.h' | wc -l)" -eq 1 ] ||
  fail "gleaner.h must be the only header installed"

# The program: the first ```c block of README.md, and a check of the version.
sed -n '/^```c$/,/^```$/{ /^```/d; p; }' "$srcdir/README.md" > "$work/ten.c"
[ "$(wc -l < "$work/ten.c")" -ge 8 ] || fail "README.md has no program"
cp "$work/ten.c" "$work/ten.cc"
cat > "$work/version.c" <<'END'
#include <gleaner.h>
#include <stdio.h>
int main(void) { return puts(gc_version()) < 0; }
END

# build_and_run NAME COMPILER SOURCE FLAGS...: its output is left in NAME.out.
build_and_run() {
  name=$1 compiler=$2 source=$3
  shift 3
  say "$name: $compiler ${source##*/} $*"
  # A compiler may be two words ("gcc -m64"), hence no quotes.
  $compiler ${SANITIZE_CFLAGS:-} -o "$work/$name" "$source" "$@" ||
    fail "$name does not compile"
  LD_LIBRARY_PATH=$libdir "$work/$name" > "$work/$name.out" ||
    fail "$name does not run"
  [ -s "$work/$name.out" ] || fail "$name printed nothing"
  cat "$work/$name.out"
}

warnings="-Wall -Wextra -Wpedantic -Wshadow -Werror"
if ls "$libdir"/libgleaner.so > /dev/null 2>&1; then
  build_and_run c "$cc" "$work/ten.c" -std=c11 $warnings \
    $(config --cflags --libs)
  build_and_run version "$cc" "$work/version.c" $(config --cflags --libs)
  [ "$(cat "$work/version.out")" = "$(config --modversion)" ] ||
    fail "gc_version and gleaner.pc disagree"
  if [ -n "${CXX:-}" ]; then
    build_and_run c++ "$CXX" "$work/ten.cc" -std=c++11 $warnings \
      $(config --cflags --libs)
  else
    say "no C++ compiler: C++ not tested"
  fi
fi
if [ -e "$libdir/libgleaner.a" ]; then
  build_and_run static "$cc" "$work/ten.c" $(config --cflags) \
    "$libdir/libgleaner.a" \
    $(config --static --libs | tr ' ' '\n' | grep -v gleaner)
fi
