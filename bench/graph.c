/* SPDX-License-Identifier: MIT */
/*
 * graph.c: a random graph, built and then marked.  Each node has three edges:
 * two make a tree of a random permutation of all nodes, so that one root
 * reaches them all and every edge leads somewhere else in memory, the third is
 * random.  The worst case for a cache.
 *
 * graph [NODES [COLLECTIONS]]
 */
#include "collector.h"

struct node {
  struct node *edges[3];
  uint64_t value;
};

static struct node **make_nodes(size_t count, uint64_t *random) {
  struct node **nodes = (struct node **)bench_alloc(count * sizeof *nodes);
  for (size_t i = 0; i < count; i++) {
    nodes[i] = (struct node *)bench_alloc(sizeof **nodes);
    nodes[i]->value = i;
  }
  for (size_t i = count - 1; i > 0; i--) {
    size_t other = bench_below(random, i + 1);
    struct node *node = nodes[i];
    nodes[i] = nodes[other];
    nodes[other] = node;
  }
  return nodes;
}

/* Returns the root; nothing else refers to the nodes when it has returned. */
static struct node *make_graph(size_t count, uint64_t *random) {
  struct node **nodes = make_nodes(count, random);
  for (size_t i = 0; i < count; i++) {
    if (2 * i + 1 < count) nodes[i]->edges[0] = nodes[2 * i + 1];
    if (2 * i + 2 < count) nodes[i]->edges[1] = nodes[2 * i + 2];
    nodes[i]->edges[2] = nodes[bench_below(random, count)];
  }
  return nodes[0];
}

static uint64_t sum_tree(const struct node *node) {
  if (node == NULL) return 0;
  return node->value + sum_tree(node->edges[0]) + sum_tree(node->edges[1]);
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 1000000);
  size_t collections = bench_argument(argc, argv, 2, 10);
  uint64_t random = 1;
  bench_begin("graph");
  struct node *root = make_graph(count, &random);
  bench_mark_rounds(collections, count);
  bench_end(sum_tree(root));
}
