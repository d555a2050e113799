# SPDX-License-Identifier: MIT
#
# examples/three-ways/local.mk: one program that frees everything, nothing, or
# what is plainly its own.
#
#   make three-ways    run all of them, right and with each mistake

three_ways_programs = examples/three-ways/explicit \
  examples/three-ways/implicit examples/three-ways/mixed
noinst_PROGRAMS += $(three_ways_programs)
examples_three_ways_explicit_SOURCES = examples/three-ways/explicit.c
examples_three_ways_explicit_LDADD = libgleaner.la
examples_three_ways_implicit_SOURCES = examples/three-ways/implicit.c
examples_three_ways_implicit_LDADD = libgleaner.la
examples_three_ways_mixed_SOURCES = examples/three-ways/mixed.c
examples_three_ways_mixed_LDADD = libgleaner.la
EXTRA_DIST += examples/three-ways/README.md examples/three-ways/compare

three-ways: $(three_ways_programs)
	$(srcdir)/examples/three-ways/compare examples/three-ways

PHONY_TARGETS += three-ways
