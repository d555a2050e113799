/* SPDX-License-Identifier: MIT */
/*
 * pool.c: binary trees that are built and dropped, of blocks from gc_malloc or
 * from a pool: what a call costs.
 *
 * pool [TREES [DEPTH [POOL]]]: with POOL 1, from a pool.
 */
#include <gleaner.h>

#include "report.h"

struct node {
  struct node *left, *right;
};

static struct gc_pool nodes = GC_POOL(sizeof(struct node));

static struct node *new_node(bool pooled) {
  struct node *node = pooled ? (struct node *)gc_pool_take(&nodes)
                             : (struct node *)gc_malloc(sizeof *node);
  if (node == NULL) bench_die("no memory");
  return node;
}

static struct node *make_tree(size_t depth, bool pooled) {
  struct node *node = new_node(pooled);
  if (depth == 0) return node;
  node->left = make_tree(depth - 1, pooled);
  node->right = make_tree(depth - 1, pooled);
  return node;
}

static uint64_t count_nodes(const struct node *node) {
  if (node->left == NULL) return 1;
  return 1 + count_nodes(node->left) + count_nodes(node->right);
}

int main(int argc, char **argv) {
  size_t trees = bench_argument(argc, argv, 1, 300);
  size_t depth = bench_argument(argc, argv, 2, 16);
  bool pooled = bench_argument(argc, argv, 3, 0) != 0;
  uint64_t sum = 0;
  bench_begin("pool");
  for (size_t i = 0; i < trees; i++)
    sum += count_nodes(make_tree(depth, pooled));
  bench_end(sum);
}
