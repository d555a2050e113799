# SPDX-License-Identifier: MIT
#
# tests/api/local.mk: the Check suites that see the library as programs do.
# GLEANER_TEST_FULL=1 asks for their long form.

if HAVE_CHECK
api_tests = \
  tests/api/contract \
  tests/api/control \
  tests/api/lookups \
  tests/api/seeing

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

tests_api_lookups_SOURCES = tests/api/lookups.c
tests_api_lookups_CFLAGS = $(api_cflags)
tests_api_lookups_LDADD = $(api_ldadd)

tests_api_seeing_SOURCES = tests/api/seeing.c
tests_api_seeing_CFLAGS = $(api_cflags)
tests_api_seeing_LDADD = $(api_ldadd)
endif
