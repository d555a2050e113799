# SPDX-License-Identifier: MIT
#
# tests/local.mk: what make check runs.

AM_TESTS_ENVIRONMENT += CC='$(CC)'; CXX='$(CXX)'; NM='$(NM)'; \
  MAKE='$(MAKE)'; PKG_CONFIG='$(PKG_CONFIG)'; \
  SANITIZE_CFLAGS='$(SANITIZE_CFLAGS)'; \
  export CC CXX NM MAKE PKG_CONFIG SANITIZE_CFLAGS;

# The collector does not look into AddressSanitizer's own stacks, and its leak
# detector does not look into our heap.
if SANITIZED
AM_TESTS_ENVIRONMENT += \
  ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0; \
  UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1; \
  TSAN_OPTIONS=halt_on_error=1; \
  export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS;
endif

# tests/live.sh: everything that can hold the only reference to an object.
live_sources = tests/api.h tests/live/contexts.c tests/live/cxx.cc \
  tests/live/late.c tests/live/live.c tests/live/live.h tests/live/places.c \
  tests/live/plugin.c tests/live/registers.S tests/live/threads.c
EXTRA_DIST += $(live_sources) tests/library.sh

# tests/exports.sh: the shared library exports what the header declares.
# tests/install.sh: an installed library, its .pc file and README.md's program.
# tests/tsan.sh: the heap under ThreadSanitizer.
dist_check_SCRIPTS = tests/exports.sh tests/install.sh tests/live.sh \
  tests/tsan.sh
TESTS += $(dist_check_SCRIPTS)

include $(top_srcdir)/tests/threads/local.mk
include $(top_srcdir)/tests/malloc/local.mk
include $(top_srcdir)/tests/misuse/local.mk
include $(top_srcdir)/tests/unit/local.mk
include $(top_srcdir)/tests/classic/local.mk
include $(top_srcdir)/tests/api/local.mk
