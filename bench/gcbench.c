/* SPDX-License-Identifier: MIT */
/*
 * gcbench.c: the benchmark of Ellis, Kovac and Boehm (1997), written anew.  A
 * large tree is built and dropped; then, beside a tree and an array that live
 * on, trees of many depths are built from the root down and from the leaves
 * up, and die at once.
 *
 * gcbench [DEPTH [ROUNDS [THREADS]]]: depth of the tree that lives on.
 */
#include "collector.h"

struct node {
  struct node *left;
  struct node *right;
  int i;
  int j;
};

enum { ARRAY_DOUBLES = 500000, LEAST_DEPTH = 4 };

static size_t live_depth;
static size_t round_count;

static size_t tree_nodes(size_t depth) { return ((size_t)2 << depth) - 1; }

static struct node *make_node(struct node *left, struct node *right) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->left = left;
  node->right = right;
  return node;
}

/* From the leaves up. */
static struct node *make_tree(size_t depth) {
  if (depth == 0) return make_node(NULL, NULL);
  struct node *left = make_tree(depth - 1);
  return make_node(left, make_tree(depth - 1));
}

/* From the root down. */
static void populate(struct node *node, size_t depth) {
  if (depth == 0) return;
  node->left = make_node(NULL, NULL);
  node->right = make_node(NULL, NULL);
  populate(node->left, depth - 1);
  populate(node->right, depth - 1);
}

static size_t count_nodes(const struct node *node) {
  if (node == NULL) return 0;
  return 1 + count_nodes(node->left) + count_nodes(node->right);
}

static uint64_t make_and_drop(size_t depth) {
  size_t count = 2 * tree_nodes(live_depth + 2) / tree_nodes(depth);
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    struct node *root = make_node(NULL, NULL);
    populate(root, depth);
    sum += root->left != NULL;
  }
  for (size_t i = 0; i < count; i++) sum += make_tree(depth)->right != NULL;
  return sum;
}

static uint64_t work(size_t thread) {
  uint64_t sum = thread;
  for (size_t round = 0; round < round_count; round++) {
    sum += make_tree(live_depth + 2)->left != NULL;
    struct node *live = make_node(NULL, NULL);
    populate(live, live_depth);
    double *array = (double *)bench_alloc_atomic(ARRAY_DOUBLES * sizeof *array);
    for (int i = 0; i < ARRAY_DOUBLES; i++) array[i] = 1.0 / (i + 1);
    for (size_t depth = LEAST_DEPTH; depth <= live_depth; depth += 2)
      sum += make_and_drop(depth);
    sum = bench_mix(sum, count_nodes(live));
    sum = bench_mix(sum, (uint64_t)(1e9 * array[1000]));
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  live_depth = bench_argument(argc, argv, 1, 16);
  round_count = bench_argument(argc, argv, 2, 3);
  size_t threads = bench_argument(argc, argv, 3, 0);
  bench_begin("gcbench");
  bench_end(bench_spread(threads, work));
}
