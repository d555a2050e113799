# SPDX-License-Identifier: MIT
#
# examples/lisp/local.mk: the Lisp.

noinst_PROGRAMS += examples/lisp/gleaner-lisp
examples_lisp_gleaner_lisp_SOURCES = examples/lisp/compile.c \
  examples/lisp/control.c examples/lisp/eval.c \
  examples/lisp/expand.c examples/lisp/hash.c \
  examples/lisp/inline.c examples/lisp/lisp.h examples/lisp/list.c \
  examples/lisp/macro.c examples/lisp/main.c examples/lisp/memory.c \
  examples/lisp/node.h examples/lisp/number.c examples/lisp/numeral.c \
  examples/lisp/port.c examples/lisp/primitive.c examples/lisp/print.c \
  examples/lisp/read.c examples/lisp/record.c examples/lisp/repl.c \
  examples/lisp/sequence.c examples/lisp/stack.c \
  examples/lisp/system.c examples/lisp/text.c
nodist_examples_lisp_gleaner_lisp_SOURCES = examples/lisp/prelude.c
EXTRA_examples_lisp_gleaner_lisp_SOURCES = examples/lisp/bignum_gmp.c \
  examples/lisp/bignum_none.c examples/lisp/line_edit.c \
  examples/lisp/line_plain.c
examples_lisp_gleaner_lisp_CFLAGS = $(AM_CFLAGS)
# The library goes into the program, which so needs no wrapper of libtool to be
# run from the tree, and saves the indirect calls.
examples_lisp_gleaner_lisp_LDFLAGS = $(AM_LDFLAGS) -static
examples_lisp_gleaner_lisp_LDADD = libgleaner.la -lm

if HAVE_GMP
examples_lisp_gleaner_lisp_SOURCES += examples/lisp/bignum_gmp.c
examples_lisp_gleaner_lisp_CFLAGS += $(GMP_CFLAGS)
examples_lisp_gleaner_lisp_LDADD += $(GMP_LIBS)
else
examples_lisp_gleaner_lisp_SOURCES += examples/lisp/bignum_none.c
endif

if HAVE_LIBEDIT
examples_lisp_gleaner_lisp_SOURCES += examples/lisp/line_edit.c
examples_lisp_gleaner_lisp_CFLAGS += $(LIBEDIT_CFLAGS)
examples_lisp_gleaner_lisp_LDADD += $(LIBEDIT_LIBS)
else
examples_lisp_gleaner_lisp_SOURCES += examples/lisp/line_plain.c
endif

# The prelude as a string.
examples/lisp/prelude.c: $(srcdir)/examples/lisp/prelude.scm
	$(AM_V_GEN)$(MKDIR_P) examples/lisp && { \
	  echo '/* Made from prelude.scm. */'; \
	  echo 'extern const char prelude[];'; \
	  echo 'const char prelude[] ='; \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/' \
	    $(srcdir)/examples/lisp/prelude.scm; \
	  echo ';'; \
	} > $@.part && mv $@.part $@
CLEANFILES += examples/lisp/prelude.c
EXTRA_DIST += examples/lisp/prelude.scm

# tests/lisp.sh: tests and programs, the same however memory is managed.
# tests/lisp-limits.sh: depth and memory.
dist_check_SCRIPTS += tests/lisp.sh tests/lisp-limits.sh
EXTRA_DIST += examples/lisp/README.md examples/lisp/fuzz examples/lisp/tests \
  examples/lisp/programs
dist_doc_DATA += doc/hosting.md

# make bench-lisp: against other Schemes.
bench-lisp: examples/lisp/gleaner-lisp
	LISP=examples/lisp/gleaner-lisp $(srcdir)/examples/lisp/bench
PHONY_TARGETS += bench-lisp
EXTRA_DIST += examples/lisp/bench examples/lisp/count
