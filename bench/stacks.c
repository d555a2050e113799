/* SPDX-License-Identifier: MIT */
/*
 * stacks.c: a deep recursion in which every frame holds a block and the
 * deepest ones allocate garbage, so that each collection scans megabytes of
 * stack.
 *
 * stacks [DEPTH [DESCENTS [BLOCKS]]]: frames, how often, garbage at the
 * bottom each time.  The depth must fit the stack, of usually 8 MiB.
 */
#include "collector.h"

struct node {
  struct node *next;
  uint64_t value;
};

static size_t garbage_count;

static struct node *make_node(struct node *next, uint64_t value) {
  struct node *node = (struct node *)bench_alloc(sizeof *node);
  node->next = next;
  node->value = value;
  return node;
}

static uint64_t make_garbage(void) {
  uint64_t sum = 0;
  struct node *last = NULL;
  for (size_t i = 0; i < garbage_count; i++) {
    last = make_node(i % 100 != 0 ? last : NULL, i);
    sum += last->next != NULL ? last->next->value : 0;
  }
  return sum;
}

/* The local array stands for what a frame of a real program holds. */
static __attribute__((noinline)) uint64_t descend(size_t depth) {
  struct node *held[8] = {NULL};
  if (depth == 0) return make_garbage();
  for (size_t i = 0; i < 8; i += 4) held[i] = make_node(NULL, depth + i);
  bench_keep(held);
  uint64_t sum = descend(depth - 1);
  for (size_t i = 0; i < 8; i += 4) sum = bench_mix(sum, held[i]->value);
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t depth = bench_argument(argc, argv, 1, 40000);
  size_t descents = bench_argument(argc, argv, 2, 30);
  garbage_count = bench_argument(argc, argv, 3, 2000000);
  uint64_t sum = 0;
  bench_begin("stacks");
  for (size_t i = 0; i < descents; i++) sum += descend(depth);
  bench_end(sum);
}
