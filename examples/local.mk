# SPDX-License-Identifier: MIT
#
# examples/local.mk: programs that use the library.
