# SPDX-License-Identifier: MIT
#
# alloc/local.mk: the heap.  It knows nothing of the collector.

libgleaner_core_la_SOURCES += \
  alloc/arena.c alloc/arena.h \
  alloc/base.h \
  alloc/bins.c alloc/bins.h \
  alloc/cache.c alloc/cache.h \
  alloc/common.c \
  alloc/heap.c alloc/heap.h \
  alloc/hole.c alloc/hole.h \
  alloc/huge.c alloc/huge.h \
  alloc/lane.c \
  alloc/os.c alloc/os.h \
  alloc/runs.c alloc/runs.h \
  alloc/spares.c \
  alloc/sweep.c \
  alloc/tags.c alloc/tags.h \
  alloc/trim.c \
  alloc/types.h

include $(top_srcdir)/alloc/classic/local.mk
