/* SPDX-License-Identifier: MIT */
/*
 * pins.c: a worst case for fragmentation.  A small block is kept in each page
 * that small blocks have filled, and all the rest dies; then as much memory is
 * wanted again in blocks that are larger than a page.  Notes how much is
 * resident at the end for each byte alive.
 *
 * pins [BYTES [ROUNDS]]: bytes of small blocks in each round.
 */
#include "collector.h"

enum {
  SMALL_BYTES = 64,
  PAGE_BYTES = 4096,
  LARGE_BYTES = 5000,
  BLOCKS_A_PIN = PAGE_BYTES / SMALL_BYTES
};

struct block {
  struct block *next;
  uint64_t value;
};

static struct block *make_blocks(size_t bytes, size_t size, size_t keep) {
  struct block *list = NULL;
  for (size_t i = 0; i < bytes / size; i++) {
    struct block *block = (struct block *)bench_alloc(size);
    bench_keep(block);
    if (i % keep != 0) continue;
    block->next = list;
    block->value = i;
    list = block;
  }
  return list;
}

static uint64_t sum_blocks(const struct block *list) {
  uint64_t sum = 0;
  for (; list != NULL; list = list->next) sum = bench_mix(sum, list->value);
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)64 << 20);
  size_t rounds = bench_argument(argc, argv, 2, 10);
  uint64_t sum = 0;
  bench_begin("pins");
  size_t before_bytes = bench_resident_bytes();
  for (size_t i = 0; i < rounds; i++) {
    struct block *pins = make_blocks(bytes, SMALL_BYTES, BLOCKS_A_PIN);
    struct block *large = make_blocks(bytes, LARGE_BYTES, 1);
    sum = bench_mix(sum, sum_blocks(pins) + sum_blocks(large));
  }
  bench_stop();
  size_t live_bytes = bytes + bytes / BLOCKS_A_PIN;
  bench_note(
      "resident_to_live",
      (double)(bench_resident_bytes() - before_bytes) / (double)live_bytes);
  bench_end(sum);
}
