# SPDX-License-Identifier: MIT
#
# doc/local.mk: what there is to read.

dist_man_MANS += doc/gleaner.7
dist_doc_DATA += doc/design.md doc/performance.md

# The chapter on the policies, and its pictures: made by contrast --pictures.
dist_doc_DATA += doc/from-list-to-collector.md
EXTRA_DIST += doc/contrast/maps.svg doc/contrast/pauses.svg \
  doc/contrast/scatter.svg doc/contrast/time.svg
