# SPDX-License-Identifier: MIT
#
# examples/local.mk: programs that use the library.

include $(top_srcdir)/examples/lisp/local.mk
