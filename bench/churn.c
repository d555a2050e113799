/* SPDX-License-Identifier: MIT */
/*
 * churn.c: blocks of mixed sizes in random order.  A table of slots; each step
 * puts a new block into a random slot and drops what was there.  Most blocks
 * are below 64 bytes, some go to 16 KiB; half are scanned and own a leaf of
 * two words, half are free of pointers.
 *
 * churn [STEPS [SLOTS [THREADS]]]
 */
#include "collector.h"

struct block {
  struct block *leaf; /* NULL in a pointer-free block */
  uint64_t value;
};

static size_t step_count;
static size_t slot_count;

/* 60 % up to 64 bytes, 25 % to 256, 12 % to 1024, 3 % to 16 KiB. */
static size_t random_size(uint64_t *random) {
  uint32_t kind = bench_below(random, 100);
  size_t most = kind < 60 ? 64 : kind < 85 ? 256 : kind < 97 ? 1024 : 16384;
  return 16 + bench_below(random, most - 15);
}

static struct block *make_block(size_t value, uint64_t *random) {
  size_t size = random_size(random);
  struct block *block;
  if ((value & 1) == 0) {
    block = (struct block *)bench_alloc_atomic(size);
    block->leaf = NULL;
  } else {
    block = (struct block *)bench_alloc(size);
    block->leaf = (struct block *)bench_alloc(sizeof *block);
    block->leaf->value = value;
  }
  block->value = value;
  return block;
}

static uint64_t use_block(const struct block *block) {
  if (block == NULL) return 0;
  return block->value + (block->leaf != NULL ? block->leaf->value : 0);
}

static uint64_t work(size_t thread) {
  uint64_t random = thread + 1;
  uint64_t sum = 0;
  struct block **slots =
      (struct block **)bench_alloc(slot_count * sizeof *slots);
  for (size_t i = 0; i < step_count; i++) {
    size_t slot = bench_below(&random, slot_count);
    sum = bench_mix(sum, use_block(slots[slot]));
    slots[slot] = make_block(i, &random);
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  step_count = bench_argument(argc, argv, 1, 6000000);
  slot_count = bench_argument(argc, argv, 2, 50000);
  size_t threads = bench_argument(argc, argv, 3, 0);
  bench_begin("churn");
  bench_end(bench_spread(threads, work));
}
