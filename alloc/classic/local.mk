# SPDX-License-Identifier: MIT
#
# alloc/classic/local.mk: the textbook's allocators, for examples/contrast and
# the tests; no part of libgleaner.

noinst_LTLIBRARIES += libgleaner_classic.la
libgleaner_classic_la_SOURCES = \
  alloc/classic/area.c \
  alloc/classic/boundary.c alloc/classic/boundary.h \
  alloc/classic/buddy.c \
  alloc/classic/classic.c alloc/classic/classic.h \
  alloc/classic/explicit.c \
  alloc/classic/implicit.c \
  alloc/classic/segregated.c \
  alloc/classic/simple.c
