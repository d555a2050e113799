/* SPDX-License-Identifier: MIT */
/*
 * worn.c: a worn heap.  A table of blocks is renewed at random, first in a
 * fresh heap, then again after a long time in which the sizes that are wanted
 * have shifted over and over, with the same number of bytes alive.  Notes the
 * nanoseconds of a step in the fresh and in the worn heap, and how much more is
 * resident than is alive.
 *
 * worn [STEPS [WEAR [SLOTS]]]: steps measured, steps of wear between.
 */
#include "collector.h"

struct block {
  size_t size;
  struct block *neighbour;
};

struct table {
  struct block **slots;
  size_t count;
  size_t live_bytes;
  size_t most_bytes; /* alive at once */
  uint64_t sum;
  uint64_t random;
};

enum { WEAR_ERAS = 40, BYTES_A_SLOT = 160 };

static void empty(struct table *table, struct block **slot) {
  if (*slot == NULL) return;
  table->live_bytes -= (*slot)->size;
  table->sum = bench_mix(table->sum, (*slot)->size);
  *slot = NULL;
}

/*
 * Renew a random slot by a block of from least to 2 * least bytes, and make
 * room for it by emptying others.
 */
static void renew(struct table *table, size_t least) {
  size_t size = least + bench_below(&table->random, least);
  struct block **slot =
      &table->slots[bench_below(&table->random, table->count)];
  empty(table, slot);
  while (table->live_bytes + size > table->most_bytes)
    empty(table, &table->slots[bench_below(&table->random, table->count)]);
  struct block *block = (struct block *)bench_alloc(size);
  block->size = size;
  block->neighbour = block;
  table->live_bytes += size;
  *slot = block;
}

/* The mix that is measured: mostly small, to 512 bytes. */
static void renew_mixed(struct table *table) {
  renew(table, (size_t)16 << bench_below(&table->random, 5));
}

static double measure_ns(struct table *table, size_t steps) {
  for (size_t i = 0; i < 3 * table->count; i++) renew_mixed(table);
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < steps; i++) renew_mixed(table);
  return (double)(bench_now_ns() - start_ns) / (double)steps;
}

/* Each era has its own size, from 16 bytes to 1 KiB, for most blocks. */
static void wear(struct table *table, size_t steps) {
  for (size_t era = 0; era < WEAR_ERAS; era++) {
    size_t least = (size_t)16 << bench_below(&table->random, 6);
    for (size_t i = 0; i < steps / WEAR_ERAS; i++) {
      if (i % 8 == 0)
        renew_mixed(table);
      else
        renew(table, least);
    }
  }
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t steps = bench_argument(argc, argv, 1, 2000000);
  size_t wear_steps = bench_argument(argc, argv, 2, 10000000);
  struct table table = {.count = bench_argument(argc, argv, 3, 100000),
                        .random = 1};
  table.most_bytes = table.count * BYTES_A_SLOT;
  bench_begin("worn");
  size_t before_bytes = bench_resident_bytes();
  table.slots = (struct block **)bench_alloc(table.count * sizeof *table.slots);
  double fresh_ns = measure_ns(&table, steps);
  wear(&table, wear_steps);
  double worn_ns = measure_ns(&table, steps);
  bench_stop();
  size_t held_bytes = bench_resident_bytes() - before_bytes;
  bench_note("fresh_ns", fresh_ns);
  bench_note("worn_ns", worn_ns);
  bench_note("worn_to_fresh", worn_ns / fresh_ns);
  bench_note("resident_to_live", (double)held_bytes / (double)table.live_bytes);
  bench_end(table.sum);
}
