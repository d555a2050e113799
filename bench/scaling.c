/* SPDX-License-Identifier: MIT */
/*
 * scaling.c: the cost of a block as the heap grows.  A table of small trees
 * of the size asked for is filled, then renewed at random: in a heap whose
 * cost is linear neither figure depends on the size.  Notes the nanoseconds
 * to build a block, to renew one, and to collect one that lives.
 *
 * scaling [BYTES [BLOCKS]]: bytes alive, blocks renewed.
 */
#include "collector.h"

struct node {
  struct node *left;
  struct node *right;
  uint64_t value[2];
};

enum { TREE_DEPTH = 4, TREE_NODES = 31 };

static struct node *make_tree(size_t depth, uint64_t value) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->value[0] = value;
  if (depth == 0) return node;
  node->left = make_tree(depth - 1, value);
  node->right = make_tree(depth - 1, value);
  return node;
}

static double nanoseconds_each(uint64_t start_ns, size_t count) {
  return (double)(bench_now_ns() - start_ns) / (double)count;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)16 << 20);
  size_t blocks = bench_argument(argc, argv, 2, 10000000);
  size_t count = bytes / (TREE_NODES * sizeof(struct node)) + 1;
  size_t renewals = blocks / TREE_NODES + count;
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("scaling");
  struct node **table = (struct node **)bench_alloc(count * sizeof *table);
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < count; i++) table[i] = make_tree(TREE_DEPTH, i);
  bench_note("build_ns", nanoseconds_each(start_ns, count * TREE_NODES));
  start_ns = bench_now_ns();
  for (size_t i = 0; i < renewals; i++) {
    struct node **slot = &table[bench_below(&random, count)];
    sum = bench_mix(sum, (*slot)->left->right->value[0]);
    *slot = make_tree(TREE_DEPTH, i);
  }
  bench_note("renew_ns", nanoseconds_each(start_ns, renewals * TREE_NODES));
  bench_mark_rounds(5, count * TREE_NODES);
  bench_end(sum);
}
