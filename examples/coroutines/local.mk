# SPDX-License-Identifier: MIT
#
# examples/coroutines/local.mk: coroutines, with stacks in the heap and without.

noinst_PROGRAMS += examples/coroutines/coroutines
examples_coroutines_coroutines_SOURCES = examples/coroutines/coroutines.c
examples_coroutines_coroutines_LDADD = libgleaner.la
dist_check_SCRIPTS += examples/coroutines/run
TESTS += examples/coroutines/run
