# SPDX-License-Identifier: MIT
#
# tests/api/local.mk: the Check suites that see the library as programs do.
# GLEANER_TEST_FULL=1 asks for their long form.

# tests/precision.sh: objects that are dropped are collected, at any depth.
# tests/dl.sh: libraries come and go between collections.
EXTRA_DIST += tests/api/dl.c tests/api/first.c tests/api/keys.c \
  tests/api/parties.c tests/api/precision.c tests/api/vector.c
dist_check_SCRIPTS += tests/dl.sh tests/precision.sh

if HAVE_CHECK
api_tests = \
  tests/api/bare \
  tests/api/breaks \
  tests/api/contract \
  tests/api/control \
  tests/api/forks \
  tests/api/guards \
  tests/api/limits \
  tests/api/lookups \
  tests/api/minor \
  tests/api/oom \
  tests/api/seeing \
  tests/api/shapes \
  tests/api/stacks \
  tests/api/tardy \
  tests/api/ulimit

check_PROGRAMS += $(api_tests)
TESTS += $(api_tests)

check_LIBRARIES += tests/api/libsuite.a
tests_api_libsuite_a_SOURCES = tests/api/suite.c tests/api/suite.h
tests_api_libsuite_a_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

api_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
api_ldadd = tests/api/libsuite.a libgleaner.la $(CHECK_LIBS)

tests_api_contract_SOURCES = tests/api/contract.c
tests_api_contract_CFLAGS = $(api_cflags)
tests_api_contract_LDADD = $(api_ldadd)

tests_api_control_SOURCES = tests/api/control.c
tests_api_control_CFLAGS = $(api_cflags)
tests_api_control_LDADD = $(api_ldadd)

tests_api_forks_SOURCES = tests/api/forks.c
tests_api_forks_CFLAGS = $(api_cflags)
tests_api_forks_LDADD = $(api_ldadd)

tests_api_guards_SOURCES = tests/api/guards.c
tests_api_guards_CFLAGS = $(api_cflags)
tests_api_guards_LDADD = $(api_ldadd)

tests_api_limits_SOURCES = tests/api/limits.c
tests_api_limits_CFLAGS = $(api_cflags)
tests_api_limits_LDADD = $(api_ldadd)

tests_api_lookups_SOURCES = tests/api/lookups.c
tests_api_lookups_CFLAGS = $(api_cflags)
tests_api_lookups_LDADD = $(api_ldadd)

tests_api_minor_SOURCES = tests/api/minor.c
tests_api_minor_CFLAGS = $(api_cflags)
tests_api_minor_LDADD = $(api_ldadd)

tests_api_stacks_SOURCES = tests/api/stacks.c
tests_api_stacks_CFLAGS = $(api_cflags)
tests_api_stacks_LDADD = $(api_ldadd)

tests_api_seeing_SOURCES = tests/api/seeing.c
tests_api_seeing_CFLAGS = $(api_cflags)
tests_api_seeing_LDADD = $(api_ldadd)

tests_api_shapes_SOURCES = tests/api/shapes.c
tests_api_shapes_CFLAGS = $(api_cflags)
tests_api_shapes_LDADD = $(api_ldadd)

tests_api_tardy_SOURCES = tests/api/tardy.c
tests_api_tardy_CFLAGS = $(api_cflags)
tests_api_tardy_LDADD = $(api_ldadd)

tests_api_ulimit_SOURCES = tests/api/ulimit.c
tests_api_ulimit_CFLAGS = $(api_cflags)
tests_api_ulimit_LDADD = $(api_ldadd)

# These two fail the library's calls, and fill its tables.
api_core_ldadd = tests/api/libsuite.a libgleaner_asserting.la $(CHECK_LIBS) \
  $(UNWIND_LIBS)

tests_api_bare_SOURCES = tests/api/bare.c
tests_api_bare_CFLAGS = $(api_cflags)
tests_api_bare_LDADD = $(api_ldadd)

tests_api_breaks_SOURCES = tests/api/breaks.c
tests_api_breaks_CFLAGS = $(api_cflags)
tests_api_breaks_LDADD = $(api_core_ldadd)

tests_api_oom_SOURCES = tests/api/oom.c
tests_api_oom_CFLAGS = $(api_cflags)
tests_api_oom_LDADD = $(api_core_ldadd)
endif
