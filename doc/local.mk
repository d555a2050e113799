# SPDX-License-Identifier: MIT
#
# doc/local.mk: what there is to read.

dist_man_MANS += doc/gleaner.7
dist_doc_DATA += doc/design.md doc/performance.md

# What make publish-bench makes.
EXTRA_DIST += doc/results/results.md \
  doc/results/curve-churn.svg doc/results/curve-index.svg \
  doc/results/curve-trees.svg doc/results/latency.svg \
  doc/results/memory-explicit.svg doc/results/memory-implicit.svg \
  doc/results/memory-marking.svg doc/results/memory-resident.svg \
  doc/results/memory-threads.svg doc/results/memory-worst.svg \
  doc/results/resident.svg doc/results/scaling-build_ns.svg \
  doc/results/scaling-mark_ns.svg doc/results/scaling-renew_ns.svg \
  doc/results/speed-explicit.svg doc/results/speed-implicit.svg \
  doc/results/speed-marking.svg doc/results/speed-resident.svg \
  doc/results/speed-threads.svg doc/results/speed-worst.svg

# The chapter on the policies, and its pictures: made by contrast --pictures.
dist_doc_DATA += doc/from-list-to-collector.md
EXTRA_DIST += doc/contrast/maps.svg doc/contrast/pauses.svg \
  doc/contrast/scatter.svg doc/contrast/time.svg
