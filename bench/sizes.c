/* SPDX-License-Identifier: MIT */
/*
 * sizes.c: blocks of random sizes in random slots, and nothing else: where each
 * hole is a block's, and the length of a block cannot be predicted when it is
 * allocated, marked or swept.  Without the pointers and long blocks of churn.c
 * this is the hardest for us beside an allocator that has blocks of one size in
 * each page.
 *
 * sizes [LEAST [MOST [SLOTS [STEPS [ATOMIC]]]]]
 */
#include "collector.h"

int main(int argc, char **argv) {
  bench_collector_init();
  size_t least = bench_argument(argc, argv, 1, 1);
  size_t most = bench_argument(argc, argv, 2, 40);
  size_t slots = bench_argument(argc, argv, 3, 10000);
  size_t steps = bench_argument(argc, argv, 4, 20000000);
  size_t atomic = bench_argument(argc, argv, 5, 0);
  bench_begin("sizes");
  unsigned char **slot = (unsigned char **)bench_alloc(slots * sizeof *slot);
  uint64_t random = 1, sum = 0;
  for (size_t i = 0; i < steps; i++) {
    size_t size = least + bench_below(&random, most - least + 1);
    size_t at = bench_below(&random, slots);
    unsigned char *block =
        (unsigned char *)(atomic != 0 ? bench_alloc_atomic(size)
                                      : bench_alloc(size));
    block[0] = block[size - 1] = (unsigned char)i;
    if (slot[at] != NULL) sum += slot[at][0];
    slot[at] = block;
  }
  bench_end(bench_mix(sum, slots));
}
