# SPDX-License-Identifier: MIT
#
# tests/unit/local.mk: the Check suites, one program per suite.  They link with
# a convenience library, where the internal names can be seen: the library again,
# with its assertions turned on.

if HAVE_CHECK
unit_tests = \
  tests/unit/arena \
  tests/unit/bins \
  tests/unit/breaks \
  tests/unit/cache \
  tests/unit/common \
  tests/unit/faults \
  tests/unit/heap \
  tests/unit/hole \
  tests/unit/huge \
  tests/unit/lane \
  tests/unit/limits \
  tests/unit/mark \
  tests/unit/minor \
  tests/unit/model \
  tests/unit/os \
  tests/unit/processors \
  tests/unit/prove \
  tests/unit/roots \
  tests/unit/runs \
  tests/unit/spares \
  tests/unit/tags \
  tests/unit/threads \
  tests/unit/trial

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)

check_LIBRARIES += tests/unit/libharness.a
tests_unit_libharness_a_SOURCES = tests/unit/blocks.c tests/unit/blocks.h \
  tests/unit/harness.c tests/unit/harness.h
tests_unit_libharness_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

asserting_cppflags = $(AM_CPPFLAGS) -UGL_DEBUG -DGL_DEBUG=1

check_LTLIBRARIES += libgleaner_asserting.la libgleaner_asserting_avx2.la
libgleaner_asserting_la_SOURCES = $(libgleaner_core_la_SOURCES)
libgleaner_asserting_la_CPPFLAGS = $(asserting_cppflags)
libgleaner_asserting_la_LIBADD = libgleaner_asserting_avx2.la $(UNWIND_LIBS)
libgleaner_asserting_avx2_la_SOURCES = $(libgleaner_avx2_la_SOURCES)
libgleaner_asserting_avx2_la_CPPFLAGS = $(asserting_cppflags)
libgleaner_asserting_avx2_la_CFLAGS = $(libgleaner_avx2_la_CFLAGS)

unit_ldadd = tests/unit/libharness.a libgleaner_asserting.la $(CHECK_LIBS) \
  $(UNWIND_LIBS)

tests_unit_arena_SOURCES = tests/unit/arena.c
tests_unit_arena_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_arena_LDADD = $(unit_ldadd)

tests_unit_bins_SOURCES = tests/unit/bins.c
tests_unit_bins_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_bins_LDADD = $(unit_ldadd)

tests_unit_breaks_SOURCES = tests/unit/breaks.c
tests_unit_breaks_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_breaks_LDADD = $(unit_ldadd)

tests_unit_cache_SOURCES = tests/unit/cache.c
tests_unit_cache_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_cache_LDADD = $(unit_ldadd)

tests_unit_common_SOURCES = tests/unit/common.c
tests_unit_common_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_common_LDADD = $(unit_ldadd)

tests_unit_faults_SOURCES = tests/unit/faults.c
tests_unit_faults_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_faults_LDADD = $(unit_ldadd)

tests_unit_heap_SOURCES = tests/unit/heap.c
tests_unit_heap_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_heap_LDADD = $(unit_ldadd)

tests_unit_hole_SOURCES = tests/unit/hole.c
tests_unit_hole_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_hole_LDADD = $(unit_ldadd)

tests_unit_huge_SOURCES = tests/unit/huge.c
tests_unit_huge_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_huge_LDADD = $(unit_ldadd)

tests_unit_lane_SOURCES = tests/unit/lane.c
tests_unit_lane_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_lane_LDADD = $(unit_ldadd)

tests_unit_limits_SOURCES = tests/unit/limits.c
tests_unit_limits_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_limits_LDADD = $(unit_ldadd)

tests_unit_mark_SOURCES = tests/unit/mark.c
tests_unit_mark_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_mark_LDADD = $(unit_ldadd)

tests_unit_minor_SOURCES = tests/unit/minor.c
tests_unit_minor_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_minor_LDADD = $(unit_ldadd)

tests_unit_model_SOURCES = tests/unit/model.c
tests_unit_model_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_model_LDADD = $(unit_ldadd)

tests_unit_os_SOURCES = tests/unit/os.c
tests_unit_os_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_os_LDADD = $(unit_ldadd)

tests_unit_processors_SOURCES = tests/unit/processors.c
tests_unit_processors_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_processors_LDADD = $(unit_ldadd)

tests_unit_roots_SOURCES = tests/unit/roots.c
tests_unit_roots_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_roots_LDADD = $(unit_ldadd)

tests_unit_prove_SOURCES = tests/unit/prove.c
tests_unit_prove_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_prove_LDADD = $(unit_ldadd)

tests_unit_runs_SOURCES = tests/unit/runs.c
tests_unit_runs_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_runs_LDADD = $(unit_ldadd)

tests_unit_spares_SOURCES = tests/unit/spares.c
tests_unit_spares_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_spares_LDADD = $(unit_ldadd)

tests_unit_tags_SOURCES = tests/unit/tags.c
tests_unit_tags_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_tags_LDADD = $(unit_ldadd)

tests_unit_threads_SOURCES = tests/unit/threads.c
tests_unit_threads_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_threads_LDADD = $(unit_ldadd)

tests_unit_trial_SOURCES = tests/unit/trial.c
tests_unit_trial_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_trial_LDADD = $(unit_ldadd)
endif
