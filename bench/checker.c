/* SPDX-License-Identifier: MIT */
/*
 * checker.c: a worst case for allocation.  Of many of the smallest blocks every
 * second one dies; what is free then are holes of the smallest size, none of
 * which is of use to the program, which wants blocks of twice that size.
 *
 * checker [BLOCKS [WANTED]]: blocks of 16 bytes first, of 32 bytes afterwards.
 */
#include "collector.h"

struct node {
  struct node *next;
  uint64_t value;
};

static struct node *make_checkers(size_t count) {
  struct node *list = NULL;
  for (size_t i = 0; i < count; i++) {
    struct node *node = (struct node *)bench_alloc(sizeof *node);
    bench_keep(node);
    if (i % 2 != 0) continue;
    node->next = list;
    node->value = i;
    list = node;
  }
  return list;
}

static uint64_t want(size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    struct node *node = (struct node *)bench_alloc(2 * sizeof *node);
    sum += node->value;
    node->value = i;
    bench_keep(node);
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 4000000);
  size_t wanted = bench_argument(argc, argv, 2, 20000000);
  bench_begin("checker");
  struct node *list = make_checkers(count);
  uint64_t start_ns = bench_now_ns();
  uint64_t sum = want(wanted);
  bench_note("wanted_ns", (double)(bench_now_ns() - start_ns) / (double)wanted);
  for (; list != NULL; list = list->next) sum = bench_mix(sum, list->value);
  bench_end(sum);
}
