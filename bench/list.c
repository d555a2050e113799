/* SPDX-License-Identifier: MIT */
/*
 * list.c: a long list, built a few times over and then marked: one chain that
 * offers a collector no parallelism, and a mark stack no mercy.
 *
 * list [NODES [BUILDS [COLLECTIONS]]]
 */
#include "collector.h"

struct node {
  struct node *next;
  uint64_t value;
};

static struct node *make_list(size_t count) {
  struct node *list = NULL;
  for (size_t i = 0; i < count; i++) {
    struct node *node = (struct node *)bench_alloc(sizeof *node);
    node->next = list;
    node->value = i;
    list = node;
  }
  return list;
}

static uint64_t sum_list(const struct node *list) {
  uint64_t sum = 0;
  for (; list != NULL; list = list->next) sum = bench_mix(sum, list->value);
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 1000000);
  size_t builds = bench_argument(argc, argv, 2, 10);
  size_t collections = bench_argument(argc, argv, 3, 10);
  uint64_t sum = 0;
  bench_begin("list");
  for (size_t i = 1; i < builds; i++) sum += sum_list(make_list(count));
  struct node *list = make_list(count);
  bench_mark_rounds(collections, count);
  bench_end(sum + sum_list(list));
}
