# SPDX-License-Identifier: MIT
#
# doc/local.mk: what there is to read.

dist_man_MANS += doc/gleaner.7
