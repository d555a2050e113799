# SPDX-License-Identifier: MIT
#
# gc/local.mk: the collector and the public functions.

libgleaner_core_la_SOURCES +=
