/* SPDX-License-Identifier: MIT */
/*
 * queue.c: a queue of so many nodes, one put in and one taken out at each step:
 * a list that is marked from one end to the other, a node at a time.
 *
 * queue [NODES [STEPS]]
 */
#include "collector.h"

struct node {
  struct node *next;
  uint64_t value;
};

int main(int argc, char **argv) {
  bench_collector_init();
  size_t nodes = bench_argument(argc, argv, 1, 10000);
  size_t steps = bench_argument(argc, argv, 2, 10000000);
  bench_begin("queue");
  struct node *first = (struct node *)bench_alloc(sizeof *first), *last = first;
  uint64_t sum = 0;
  for (size_t i = 0; i < steps; i++) {
    last = last->next = (struct node *)bench_alloc(sizeof *last);
    last->value = i;
    if (i < nodes) continue;
    sum = bench_mix(sum, first->value);
    first = first->next;
  }
  bench_end(sum);
}
