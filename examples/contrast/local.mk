# SPDX-License-Identifier: MIT
#
# examples/contrast/local.mk: the textbook's allocators, the production heap
# and the system's malloc on the same programs; and the traces of these.
#
#   make contrast    replay the shipped traces, write contrast.html

noinst_PROGRAMS += examples/contrast/contrast examples/contrast/gleaner-trace

contrast_trace_sources = \
  examples/contrast/format.h \
  examples/contrast/own.c examples/contrast/own.h \
  examples/contrast/summary.c \
  examples/contrast/synthetic.c \
  examples/contrast/trace.c examples/contrast/trace.h

examples_contrast_contrast_SOURCES = $(contrast_trace_sources) \
  examples/contrast/contrast.c \
  examples/contrast/html.c \
  examples/contrast/output.c examples/contrast/output.h \
  examples/contrast/picture.c \
  examples/contrast/plan.c examples/contrast/plan.h \
  examples/contrast/replay.c examples/contrast/replay.h \
  examples/contrast/replay_check.c \
  examples/contrast/replay_map.c \
  examples/contrast/replay_time.c \
  examples/contrast/subject.c examples/contrast/subject.h \
  examples/contrast/subject_gleaner.c
examples_contrast_contrast_LDADD = libgleaner_classic.la libgleaner.la -lm

examples_contrast_gleaner_trace_SOURCES = $(contrast_trace_sources) \
  examples/contrast/gleaner-trace.c

# A library to preload.  With -rpath libtool makes a shared one although it is
# not installed; -module lets its name be what it is.
if SHARED
noinst_LTLIBRARIES += examples/contrast/libgleaner-record.la
examples_contrast_libgleaner_record_la_SOURCES = \
  examples/contrast/format.h \
  examples/contrast/record.c examples/contrast/record.h \
  examples/contrast/record_gleaner.c
examples_contrast_libgleaner_record_la_LDFLAGS = $(AM_LDFLAGS) -module \
  -avoid-version -shared -rpath $(abs_builddir)/examples/contrast
examples_contrast_libgleaner_record_la_LIBADD = -ldl
endif

contrast_traces = \
  examples/contrast/traces/bash.trace \
  examples/contrast/traces/cc1.trace \
  examples/contrast/traces/lisp.trace \
  examples/contrast/traces/perl.trace \
  examples/contrast/traces/python3.trace \
  examples/contrast/traces/sqlite3.trace
EXTRA_DIST += $(contrast_traces) examples/contrast/README.md \
  examples/contrast/programs

contrast: examples/contrast/contrast
	cd $(srcdir) && $(abs_builddir)/examples/contrast/contrast --html \
	  --output=$(abs_builddir)/contrast.html $(contrast_traces) @all
	@echo "The page is contrast.html"

CLEANFILES += contrast.html
PHONY_TARGETS += contrast
