# SPDX-License-Identifier: MIT
#
# examples/local.mk: programs that use the library.

include $(top_srcdir)/examples/coroutines/local.mk
include $(top_srcdir)/examples/lisp/local.mk
include $(top_srcdir)/examples/contrast/local.mk
include $(top_srcdir)/examples/three-ways/local.mk
