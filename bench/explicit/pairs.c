/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: blocks of one size, taken and given back at once, and in batches
 * that are given back in the order they were taken in or the other way round.
 *
 * pairs [SIZE [BLOCKS]]
 */
#include "allocator.h"

enum { BATCH = 200 };

static uint64_t one_by_one(size_t size, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned char *block = (unsigned char *)bench_take(size);
    bench_touch(block, size, i);
    bench_keep(block);
    sum += block[0];
    bench_give(block);
  }
  return sum;
}

static uint64_t in_batches(size_t size, size_t count, int reverse) {
  unsigned char *blocks[BATCH];
  uint64_t sum = 0;
  for (size_t done = 0; done < count; done += BATCH) {
    for (size_t i = 0; i < BATCH; i++) {
      blocks[i] = (unsigned char *)bench_take(size);
      bench_touch(blocks[i], size, i);
    }
    for (size_t i = 0; i < BATCH; i++) {
      unsigned char *block = blocks[reverse ? BATCH - 1 - i : i];
      sum += block[0];
      bench_give(block);
    }
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t size = bench_argument(argc, argv, 1, 32);
  size_t count = bench_argument(argc, argv, 2, 50000000);
  if (size == 0) bench_die("blocks of no size");
  bench_begin("pairs");
  uint64_t sum = one_by_one(size, count / 2);
  sum += in_batches(size, count / 4, 0);
  sum += in_batches(size, count / 4, 1);
  bench_end(sum);
}
