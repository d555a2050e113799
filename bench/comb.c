/* SPDX-License-Identifier: MIT */
/*
 * comb.c: a list, the spine, in which each node has a short list of its own, a
 * tooth, and a string without pointers, marked again and again.
 *
 * comb [SPINE [TOOTH [COLLECTIONS]]]: nodes of the spine and of each tooth.
 */
#include "collector.h"

struct node {
  struct node *next;
  struct node *tooth;
  uint64_t *text;
};

enum { TEXT_WORDS = 4 };

static struct node *make_node(struct node *next, struct node *tooth,
                              uint64_t value) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->next = next;
  node->tooth = tooth;
  node->text = (uint64_t *)bench_alloc_atomic(TEXT_WORDS * sizeof value);
  for (int i = 0; i < TEXT_WORDS; i++) node->text[i] = value;
  return node;
}

static struct node *make_comb(size_t spine, size_t length) {
  struct node *list = NULL;
  for (size_t i = 0; i < spine; i++) {
    struct node *tooth = NULL;
    for (size_t j = 0; j < length; j++) tooth = make_node(tooth, NULL, i ^ j);
    list = make_node(list, tooth, i);
  }
  return list;
}

static uint64_t sum_comb(const struct node *list) {
  uint64_t sum = 0;
  for (; list != NULL; list = list->next) {
    sum = bench_mix(sum, list->text[TEXT_WORDS - 1]);
    for (const struct node *node = list->tooth; node; node = node->next)
      sum = bench_mix(sum, node->text[0]);
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t spine = bench_argument(argc, argv, 1, 50000);
  size_t length = bench_argument(argc, argv, 2, 15);
  size_t collections = bench_argument(argc, argv, 3, 50);
  bench_begin("comb");
  struct node *comb = make_comb(spine, length);
  bench_mark_rounds(collections, 2 * spine * (length + 1));
  bench_end(sum_comb(comb));
}
