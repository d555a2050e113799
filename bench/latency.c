/* SPDX-License-Identifier: MIT */
/*
 * latency.c: pauses as the program feels them.  A program with a heap of some
 * size renews small structures, and times each step by the clock: whatever
 * keeps a step waiting is in its time, collections, sweeping and page faults
 * alike.  Notes quantiles in microseconds.
 *
 * latency [STEPS [SLOTS]]
 */
#include "collector.h"

#include <stdlib.h>

struct node {
  struct node *left;
  struct node *right;
  uint64_t value;
};

enum { TREE_DEPTH = 3 };

static struct node *make_tree(size_t depth, uint64_t value) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->value = value;
  if (depth == 0) return node;
  node->left = make_tree(depth - 1, value);
  node->right = make_tree(depth - 1, value);
  return node;
}

static void note_quantiles(uint64_t *times_ns, size_t count) {
  bench_sort(times_ns, count);
  bench_note("p50_us", (double)bench_quantile(times_ns, count, 0.5) / 1e3);
  bench_note("p99_us", (double)bench_quantile(times_ns, count, 0.99) / 1e3);
  bench_note("p99.9_us", (double)bench_quantile(times_ns, count, 0.999) / 1e3);
  bench_note("p99.99_us",
             (double)bench_quantile(times_ns, count, 0.9999) / 1e3);
  bench_note("p99.999_us",
             (double)bench_quantile(times_ns, count, 0.99999) / 1e3);
  bench_note("longest_us", (double)times_ns[count - 1] / 1e3);
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t steps = bench_argument(argc, argv, 1, 2000000);
  size_t count = bench_argument(argc, argv, 2, 50000);
  uint64_t *times_ns = (uint64_t *)malloc((steps + 1) * sizeof *times_ns);
  if (times_ns == NULL) bench_out_of_memory(steps);
  uint64_t random = 1;
  uint64_t sum = 0;
  struct node **table = (struct node **)bench_alloc(count * sizeof *table);
  for (size_t i = 0; i < count; i++) table[i] = make_tree(TREE_DEPTH, i);
  bench_begin("latency");
  uint64_t last_ns = bench_now_ns();
  for (size_t i = 0; i < steps; i++) {
    struct node **slot = &table[bench_below(&random, count)];
    sum = bench_mix(sum, (*slot)->left->value);
    *slot = make_tree(TREE_DEPTH, i);
    uint64_t now_ns = bench_now_ns();
    times_ns[i] = now_ns - last_ns;
    last_ns = now_ns;
  }
  bench_stop();
  note_quantiles(times_ns, steps);
  bench_end(sum);
}
