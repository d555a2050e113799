# SPDX-License-Identifier: MIT
#
# malloc/local.mk: malloc over this heap, to be preloaded into programs that
# know nothing of it, and the script that does so.

EXTRA_DIST += malloc/gleaner-run.in malloc/names

if SHARED
lib_LTLIBRARIES += libgleaner-malloc.la
bin_SCRIPTS += gleaner-run

# Initialised first, so that our handlers of a fork are the first ones: they hold
# the heap from after the handlers of all others, which may allocate, until before
# those run again.  The compiler must not make a calloc of malloc and memset here.
libgleaner_malloc_la_SOURCES = malloc/malloc.c
libgleaner_malloc_la_CFLAGS = $(AM_CFLAGS) -fno-builtin-malloc \
  -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
libgleaner_malloc_la_LIBADD = libgleaner_core.la
libgleaner_malloc_la_LDFLAGS = $(AM_LDFLAGS) -avoid-version -shared \
  -Wl,-z,nodelete -Wl,-z,initfirst -export-symbols $(srcdir)/malloc/names

gleaner-run: malloc/gleaner-run.in Makefile
	$(AM_V_GEN)sed 's|@libdir[@]|$(libdir)|' $(srcdir)/malloc/gleaner-run.in \
	  > $@.tmp && chmod +x $@.tmp && mv $@.tmp $@
CLEANFILES += gleaner-run
endif
