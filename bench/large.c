/* SPDX-License-Identifier: MIT */
/*
 * large.c: large blocks, from 32 KiB to 2 MiB, of which a few dozen are alive
 * at a time.  Every page of each is written once.
 *
 * large [BLOCKS [SLOTS]]
 */
#include "collector.h"

enum { PAGE_WORDS = 4096 / sizeof(uint64_t), LEAST_BYTES = 32 << 10 };

struct large {
  size_t words;
  uint64_t value[];
};

static struct large *make_large(size_t value, uint64_t *random) {
  size_t size = (size_t)LEAST_BYTES << bench_below(random, 6);
  size += bench_below(random, size);
  struct large *large =
      (struct large *)(value % 2 == 0 ? bench_alloc(size)
                                      : bench_alloc_atomic(size));
  large->words = (size - sizeof *large) / sizeof *large->value;
  for (size_t i = 0; i < large->words; i += PAGE_WORDS)
    large->value[i] = value + i;
  return large;
}

static uint64_t sum_large(const struct large *large) {
  uint64_t sum = large->words;
  for (size_t i = 0; i < large->words; i += PAGE_WORDS)
    sum = bench_mix(sum, large->value[i]);
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 10000);
  size_t slots = bench_argument(argc, argv, 2, 48);
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("large");
  struct large **table = (struct large **)bench_alloc(slots * sizeof *table);
  for (size_t i = 0; i < count; i++) {
    size_t slot = bench_below(&random, slots);
    if (table[slot] != NULL) sum = bench_mix(sum, sum_large(table[slot]));
    table[slot] = make_large(i, &random);
  }
  bench_end(sum);
}
