# SPDX-License-Identifier: MIT
#
# tests/misuse/local.mk: every way to misuse the library is caught and named.

EXTRA_DIST += tests/misuse/debug-overrun-collect.c \
  tests/misuse/debug-overrun-realloc.c tests/misuse/debug-overrun.c \
  tests/misuse/debug-size.c tests/misuse/debug-twice.c \
  tests/misuse/debug-write.c tests/misuse/global.c tests/misuse/handler.c \
  tests/misuse/interior-large.c tests/misuse/interior.c \
  tests/misuse/library.c tests/misuse/malloc-large.c tests/misuse/malloc.c \
  tests/misuse/misaligned.c tests/misuse/misuse.h \
  tests/misuse/realloc-global.c tests/misuse/realloc-interior.c \
  tests/misuse/realloc-large.c tests/misuse/realloc-malloc.c \
  tests/misuse/realloc-misaligned.c tests/misuse/realloc-sent.c \
  tests/misuse/realloc-small.c tests/misuse/realloc-stack.c \
  tests/misuse/realloc-twice.c tests/misuse/realloc-unmapped.c \
  tests/misuse/size-global.c tests/misuse/size-interior.c \
  tests/misuse/size-malloc.c tests/misuse/size-misaligned.c \
  tests/misuse/size-small.c tests/misuse/size-stack.c \
  tests/misuse/size-twice.c tests/misuse/size-unmapped.c \
  tests/misuse/small.c tests/misuse/stack-thread.c tests/misuse/stack.c \
  tests/misuse/text.c tests/misuse/twice-bumped.c \
  tests/misuse/twice-collected-large.c tests/misuse/twice-collected.c \
  tests/misuse/twice-large.c tests/misuse/twice-later.c \
  tests/misuse/twice-collect.c \
  tests/misuse/twice-realloc.c tests/misuse/twice-thread-owner.c \
  tests/misuse/twice-thread.c tests/misuse/twice.c tests/misuse/unmapped.c \
  tests/misuse/valid.c tests/misuse/write-bin.c \
  tests/misuse/write-quick-byte.c tests/misuse/write-quick.c \
  tests/misuse/write-sent.c tests/misuse/expected

dist_check_SCRIPTS += tests/misuse.sh
