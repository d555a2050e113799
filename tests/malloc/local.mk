# SPDX-License-Identifier: MIT
#
# tests/malloc/local.mk: malloc over this heap, in programs that know nothing of
# it: small ones of our own, and with "make check-programs" well-known ones, or
# those of them that CHECKED names.

EXTRA_DIST += tests/malloc/forking.c tests/malloc/handlers.c \
  tests/malloc/objects.cc \
  tests/malloc/returned.c \
  tests/malloc/twice.c tests/malloc/unmodified.c tests/programs.sh
dist_check_SCRIPTS += tests/malloc.sh

check-programs: all
	srcdir=$(srcdir) $(SHELL) $(srcdir)/tests/programs.sh $(CHECKED)

PHONY_TARGETS += check-programs
