# SPDX-License-Identifier: MIT
#
# gc/local.mk: the collector and the public functions.

libgleaner_core_la_SOURCES += \
  gc/api.c \
  gc/collect.c \
  gc/context.c \
  gc/errors.c \
  gc/fork.c \
  gc/futex.c \
  gc/gc.h \
  gc/mark.c \
  gc/modules.c \
  gc/options.c \
  gc/pace.c \
  gc/ranges.c \
  gc/roots.c \
  gc/setup.c \
  gc/stack.c \
  gc/stacks.c \
  gc/stats.c \
  gc/text.c \
  gc/threads.c gc/threads.h \
  gc/tls.c
