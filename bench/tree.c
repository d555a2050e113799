/* SPDX-License-Identifier: MIT */
/*
 * tree.c: one full binary tree that stays, marked again and again.  With a
 * small depth it fits in the cache.
 *
 * tree [DEPTH [COLLECTIONS]]
 */
#include "collector.h"

struct node {
  struct node *left;
  struct node *right;
  uint64_t value;
};

static struct node *make_tree(size_t depth, uint64_t value) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->value = value;
  if (depth == 0) return node;
  node->left = make_tree(depth - 1, 2 * value);
  node->right = make_tree(depth - 1, 2 * value + 1);
  return node;
}

static uint64_t sum_tree(const struct node *node) {
  if (node == NULL) return 0;
  return node->value + sum_tree(node->left) + sum_tree(node->right);
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t depth = bench_argument(argc, argv, 1, 20);
  size_t collections = bench_argument(argc, argv, 2, 20);
  bench_begin("tree");
  struct node *root = make_tree(depth, 1);
  bench_mark_rounds(collections, ((size_t)2 << depth) - 1);
  bench_end(sum_tree(root));
}
