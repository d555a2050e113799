/* SPDX-License-Identifier: MIT */
/*
 * trees.c: binary trees of two words a node, after the program of the
 * Computer Language Benchmarks Game: one lives all the time, the others, most
 * of them small, are made, walked and dropped.
 *
 * trees [DEPTH [THREADS]]: depth of the deepest ones.
 */
#include "collector.h"

struct node {
  struct node *left;
  struct node *right;
};

enum { LEAST_DEPTH = 4 };

static size_t most_depth;

static struct node *make_tree(size_t depth) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  if (depth == 0) return node;
  node->left = make_tree(depth - 1);
  node->right = make_tree(depth - 1);
  return node;
}

static uint64_t count_nodes(const struct node *node) {
  if (node->left == NULL) return 1;
  return 1 + count_nodes(node->left) + count_nodes(node->right);
}

static uint64_t work(size_t thread) {
  uint64_t sum = bench_mix(thread, count_nodes(make_tree(most_depth + 1)));
  struct node *live = make_tree(most_depth);
  for (size_t depth = LEAST_DEPTH; depth <= most_depth; depth += 4) {
    size_t count = (size_t)1 << (most_depth - depth + LEAST_DEPTH);
    uint64_t nodes = 0;
    for (size_t i = 0; i < count; i++) nodes += count_nodes(make_tree(depth));
    sum = bench_mix(sum, nodes);
  }
  return bench_mix(sum, count_nodes(live));
}

int main(int argc, char **argv) {
  bench_collector_init();
  most_depth = bench_argument(argc, argv, 1, 18);
  size_t threads = bench_argument(argc, argv, 2, 0);
  bench_begin("trees");
  bench_end(bench_spread(threads, work));
}
