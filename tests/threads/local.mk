# SPDX-License-Identifier: MIT
#
# tests/threads/local.mk: stress of threads.  make check runs each case for
# half a second; make check-stress until a thousand collections have happened
# under its load, and with a hundred thousand short threads.

dist_check_SCRIPTS += tests/threads.sh
EXTRA_DIST += tests/threads/calls.c tests/threads/heaps.c tests/threads/process.c \
  tests/threads/signals.c tests/threads/stress.c tests/threads/stress.h

check-stress: libgleaner.la
	CC='$(CC)' srcdir='$(srcdir)' SANITIZE_CFLAGS='$(SANITIZE_CFLAGS)' \
	  STRESS_COLLECTIONS=1000 STRESS_SECONDS=0 STRESS_LIMIT=600 STRESS_ALL=1 \
	  $(SHELL) $(srcdir)/tests/threads.sh $(STRESS_CASES)

PHONY_TARGETS += check-stress
