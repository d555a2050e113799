# SPDX-License-Identifier: MIT
#
# tests/classic/local.mk: tests of the textbook's allocators.

if HAVE_CHECK
check_PROGRAMS += tests/classic/check_classic
TESTS += tests/classic/check_classic
endif
tests_classic_check_classic_SOURCES = tests/classic/check_classic.c
tests_classic_check_classic_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_classic_check_classic_LDADD = libgleaner_classic.la $(CHECK_LIBS)

# tests/classic/record.sh: a program with threads is recorded and replayed.
check_PROGRAMS += tests/classic/record_threads
tests_classic_record_threads_SOURCES = tests/classic/record_threads.c
dist_check_SCRIPTS += tests/classic/record.sh

# tests/classic/contrast.sh: figures worked out by hand, all forms of output.
dist_check_SCRIPTS += tests/classic/contrast.sh
