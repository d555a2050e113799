/* SPDX-License-Identifier: MIT */
/*
 * interior.c: a worst case for marking.  Most pointers lead into the last
 * bytes of blocks, as far from the start as can be, and have to be traced back
 * to it.
 *
 * interior [SIZE [POINTERS [COLLECTIONS]]]: size of the blocks.
 */
#include "collector.h"

enum { LIVE_BYTES = 64 << 20 };

int main(int argc, char **argv) {
  bench_collector_init();
  size_t size = bench_argument(argc, argv, 1, (size_t)30 << 10);
  size_t count = bench_argument(argc, argv, 2, 1000000);
  size_t collections = bench_argument(argc, argv, 3, 20);
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("interior");
  size_t blocks = LIVE_BYTES / size + 1;
  char **starts = (char **)bench_alloc(blocks * sizeof *starts);
  char **ends = (char **)bench_alloc(count * sizeof *ends);
  for (size_t i = 0; i < blocks; i++) {
    starts[i] = (char *)bench_alloc_atomic(size);
    starts[i][size - 1] = (char)i;
  }
  for (size_t i = 0; i < count; i++)
    ends[i] = starts[bench_below(&random, blocks)] + size - 1;
  bench_mark_rounds(collections, count);
  for (size_t i = 0; i < count; i++)
    sum = bench_mix(sum, (unsigned char)*ends[i]);
  bench_end(sum);
}
