# SPDX-License-Identifier: MIT
#
# alloc/local.mk: the heap.  It knows nothing of the collector.

libgleaner_core_la_SOURCES += \
  alloc/base.h \
  alloc/os.c alloc/os.h \
  alloc/tags.c alloc/tags.h
