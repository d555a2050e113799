# SPDX-License-Identifier: MIT
#
# bench/local.mk: programs that measure.  They are built and run on demand
# only:
#
#   make bench            build all of them and run every suite
#   make bench BENCH_FLAGS='--suite implicit --runs 3'
#   make bench-programs   build them
#
# One source gives one program for each collector, told apart by suffix:
# bench/trees.c becomes bench/trees.gleaner and bench/trees.libgc.  Those of
# bench/explicit become .malloc, with which the runner preloads allocators,
# and .direct, which calls Gleaner's own functions.

SUFFIXES = .gleaner .libgc .malloc .direct

bench_implicit_sources = \
  bench/array.c bench/ast.c bench/checker.c bench/churn.c bench/comb.c \
  bench/fragment.c bench/garbage.c bench/gcbench.c bench/granule.c \
  bench/graph.c bench/index.c bench/interior.c bench/json.c bench/large.c \
  bench/latency.c bench/list.c bench/noise.c bench/pins.c bench/queue.c bench/roots.c \
  bench/scaling.c bench/sizes.c bench/stacks.c bench/strings.c bench/tree.c bench/trees.c \
  bench/ttsp.c bench/worn.c

bench_explicit_sources = \
  bench/explicit/grow.c bench/explicit/mortal.c bench/explicit/pairs.c \
  bench/explicit/pipe.c bench/explicit/resident.c bench/explicit/server.c \
  bench/explicit/slots.c

bench_common = bench/report.c bench/report.h
bench_implicit_common = $(bench_common) bench/collector.h \
  bench/with_gleaner.h bench/with_libgc.h
bench_explicit_common = $(bench_common) bench/explicit/allocator.h \
  bench/explicit/with_direct.h bench/explicit/with_malloc.h
bench_scripts = bench/README.md bench/run bench/fastpath bench/record.awk \
  bench/summary.awk bench/ratios.gp bench/lines.gp bench/cases

# What libgc has no like of.
bench_own_sources = bench/pool.c

EXTRA_DIST += $(bench_implicit_sources) $(bench_explicit_sources) \
  $(bench_own_sources) \
  $(bench_implicit_common) $(bench_explicit_common) $(bench_scripts)

bench_gleaner_programs = $(bench_implicit_sources:.c=.gleaner) \
  $(bench_own_sources:.c=.gleaner)
bench_libgc_programs = $(bench_implicit_sources:.c=.libgc)
bench_malloc_programs = $(bench_explicit_sources:.c=.malloc)
bench_direct_programs = $(bench_explicit_sources:.c=.direct)

bench_programs = $(bench_gleaner_programs) $(bench_malloc_programs) \
  $(bench_direct_programs)
if HAVE_LIBGC
bench_programs += $(bench_libgc_programs)
endif

CLEANFILES += $(bench_gleaner_programs) $(bench_libgc_programs) \
  $(bench_malloc_programs) $(bench_direct_programs)

$(bench_gleaner_programs) $(bench_direct_programs): libgleaner.la
$(bench_gleaner_programs) $(bench_libgc_programs): $(bench_implicit_common)
$(bench_malloc_programs) $(bench_direct_programs): $(bench_explicit_common)

# Compiling and linking at once: a program is a source and report.c.  With
# -no-install libtool makes the program itself, not a script that starts it.
bench_compile = $(MKDIR_P) $(@D) && $(CC) $(AM_CPPFLAGS) $(CPPFLAGS) \
  $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS)
bench_link = $(MKDIR_P) $(@D) && $(LIBTOOL) $(AM_V_lt) --tag=CC \
  --mode=link $(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) \
  $(AM_LDFLAGS) $(LDFLAGS) -no-install

.c.gleaner:
	$(AM_V_CCLD)$(bench_link) -DBENCH_COLLECTOR='"with_gleaner.h"' \
	  -o $@ $< $(srcdir)/bench/report.c libgleaner.la $(LIBS)

.c.libgc:
	$(AM_V_CCLD)$(bench_compile) $(LIBGC_CFLAGS) \
	  -DBENCH_COLLECTOR='"with_libgc.h"' \
	  -o $@ $< $(srcdir)/bench/report.c $(LIBGC_LIBS) $(LIBS)

.c.malloc:
	$(AM_V_CCLD)$(bench_compile) -DBENCH_ALLOCATOR='"with_malloc.h"' \
	  -o $@ $< $(srcdir)/bench/report.c $(LIBS)

.c.direct:
	$(AM_V_CCLD)$(bench_link) -DBENCH_ALLOCATOR='"with_direct.h"' \
	  -o $@ $< $(srcdir)/bench/report.c libgleaner.la $(LIBS)

bench-programs: $(bench_programs)

bench: bench-programs
	$(srcdir)/bench/run --build . $(BENCH_FLAGS)

fastpath: bench/garbage.gleaner bench/pool.gleaner bench/explicit/pairs.direct
	$(srcdir)/bench/fastpath --build .

# Put the results into the documentation, without what they say of the machine.
publish-bench:
	$(MKDIR_P) $(srcdir)/doc/results
	sed '/^- /d' bench/results/results.md > $(srcdir)/doc/results/results.md
	cp bench/results/*.svg $(srcdir)/doc/results

clean-bench:
	rm -rf bench/results

PHONY_TARGETS += bench bench-programs publish-bench fastpath
CLEAN_TARGETS += clean-bench
