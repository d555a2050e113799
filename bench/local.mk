# SPDX-License-Identifier: MIT
#
# bench/local.mk: programs that measure, built and run on demand only.
