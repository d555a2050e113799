/* SPDX-License-Identifier: MIT */
/*
 * noise.c: a worst case for finding pointers.  Scanned memory is full of words
 * that lie within the heap and are nothing but noise: addresses of free
 * memory, of the middle of blocks, of what has died.
 *
 * noise [WORDS [COLLECTIONS]]
 */
#include "collector.h"

enum { BLOCKS = 100000, BLOCK_BYTES = 160, KEEP_EVERY = 4 };

/* Keep some of the blocks; returns the lowest and highest address of all. */
static uintptr_t make_blocks(uint64_t **kept, uintptr_t *end) {
  uintptr_t least = UINTPTR_MAX;
  *end = 0;
  for (size_t i = 0; i < BLOCKS; i++) {
    uint64_t *block = (uint64_t *)bench_alloc(BLOCK_BYTES);
    uintptr_t address = (uintptr_t)block;
    block[0] = i;
    if (address < least) least = address;
    if (address > *end) *end = address;
    if (i % KEEP_EVERY == 0) kept[i / KEEP_EVERY] = block;
  }
  return least;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 2000000);
  size_t collections = bench_argument(argc, argv, 2, 20);
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("noise");
  uint64_t **kept =
      (uint64_t **)bench_alloc(BLOCKS / KEEP_EVERY * sizeof *kept);
  uintptr_t end;
  uintptr_t start = make_blocks(kept, &end);
  uintptr_t *words = (uintptr_t *)bench_alloc(count * sizeof *words);
  for (size_t i = 0; i < count; i++)
    words[i] = start + bench_below(&random, end - start);
  bench_mark_rounds(collections, count);
  for (size_t i = 0; i < BLOCKS / KEEP_EVERY; i++)
    sum = bench_mix(sum, kept[i][0]);
  bench_keep(words);
  bench_end(sum);
}
