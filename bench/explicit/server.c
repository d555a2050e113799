/* SPDX-License-Identifier: MIT */
/*
 * server.c: a server's life, after Larson and Krishnan (1998).  Each worker
 * renews random blocks of a table for a while, then hands the table to a new
 * thread and ends: most blocks are freed by another thread than the one that
 * took them, which has gone.
 *
 * server [WORKERS [GENERATIONS [STEPS [SLOTS]]]]: steps of each generation.
 */
#include "allocator.h"

#include <pthread.h>

enum { MOST_WORKERS = 64, LEAST_BYTES = 16, MOST_BYTES = 1000 };

struct block {
  size_t size;
  uint64_t value;
};

/* Each worker writes to its own at every step: no two share a line of the
   cache. */
struct table {
  struct block **slots;
  uint64_t random;
  uint64_t sum;
} __attribute__((aligned(128)));

static size_t step_count;
static size_t slot_count;

static void *serve(void *argument) {
  struct table *table = (struct table *)argument;
  for (size_t i = 0; i < step_count; i++) {
    struct block **slot =
        &table->slots[bench_below(&table->random, slot_count)];
    if (*slot != NULL) {
      table->sum = bench_mix(table->sum, (*slot)->size ^ (*slot)->value);
      bench_give(*slot);
    }
    size_t size = bench_log_size(&table->random, LEAST_BYTES, MOST_BYTES);
    *slot = (struct block *)bench_take(size);
    (*slot)->size = size;
    (*slot)->value = i;
  }
  return NULL;
}

static void set_up(struct table *table, size_t seed) {
  table->slots = (struct block **)bench_take(slot_count * sizeof *table->slots);
  for (size_t i = 0; i < slot_count; i++) table->slots[i] = NULL;
  table->random = seed;
  table->sum = 0;
}

static void tear_down(struct table *table) {
  for (size_t i = 0; i < slot_count; i++) bench_give(table->slots[i]);
  bench_give(table->slots);
}

static void run_generation(struct table *tables, size_t workers) {
  pthread_t threads[MOST_WORKERS];
  for (size_t i = 0; i < workers; i++) {
    if (pthread_create(&threads[i], NULL, serve, &tables[i]) != 0)
      bench_die("cannot start a thread");
  }
  for (size_t i = 0; i < workers; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t workers = bench_argument(argc, argv, 1, 2);
  size_t generations = bench_argument(argc, argv, 2, 100);
  step_count = bench_argument(argc, argv, 3, 50000);
  slot_count = bench_argument(argc, argv, 4, 10000);
  struct table tables[MOST_WORKERS];
  uint64_t sum = 0;
  if (workers > MOST_WORKERS) bench_die("too many workers");
  bench_begin("server");
  for (size_t i = 0; i < workers; i++) set_up(&tables[i], i + 1);
  for (size_t i = 0; i < generations; i++) run_generation(tables, workers);
  for (size_t i = 0; i < workers; i++) {
    sum += tables[i].sum;
    tear_down(&tables[i]);
  }
  bench_end(sum);
}
