# SPDX-License-Identifier: MIT
#
# gc/local.mk: the collector and the public functions.

libgleaner_core_la_SOURCES += \
  gc/answer.c \
  gc/api.c \
  gc/collect.c \
  gc/context.c \
  gc/debug.c \
  gc/endings.c \
  gc/errors.c \
  gc/fork.c \
  gc/futex.c \
  gc/gc.h \
  gc/guards.c \
  gc/drain.h gc/hot.h gc/mark.c gc/mark.h gc/share.h \
  gc/lean.c \
  gc/helpers.c \
  gc/markers.c \
  gc/minor.c \
  gc/modules.c \
  gc/namespaces.c \
  gc/options.c \
  gc/pace.c \
  gc/proc.c \
  gc/processors.c \
  gc/prove.c \
  gc/ranges.c \
  gc/records.c \
  gc/restart.c \
  gc/roots.c \
  gc/scan.c \
  gc/setup.c \
  gc/stack.c \
  gc/stacks.c \
  gc/stats.c \
  gc/text.c \
  gc/threads.c gc/threads.h \
  gc/tracer.c \
  gc/trial.c \
  gc/tls.c

# The variants of marking with other instructions are compiled apart, with
# flags of their own.
noinst_LTLIBRARIES += libgleaner_avx2.la
libgleaner_avx2_la_SOURCES = gc/mark_avx2.c
libgleaner_avx2_la_CFLAGS = $(AM_CFLAGS) -mavx2 -mbmi -mbmi2
libgleaner_core_la_LIBADD += libgleaner_avx2.la
