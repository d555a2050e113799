/* SPDX-License-Identifier: MIT */
/*
 * roots.c: big roots.  Some dozen megabytes outside the heap have to be
 * scanned at each collection, though few of their words are pointers, beside
 * a heap in which little lives and much dies.
 *
 * roots [BYTES [BLOCKS]]: bytes of roots, blocks allocated.
 */
#include "collector.h"

#include <stdlib.h>

struct node {
  struct node *next;
  uint64_t value[5];
};

enum { POINTER_EVERY_WORDS = 1024 };

int main(int argc, char **argv) {
  bench_collector_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)32 << 20);
  size_t count = bench_argument(argc, argv, 2, 10000000);
  size_t words = bytes / sizeof(uintptr_t);
  uintptr_t *roots = (uintptr_t *)malloc(words * sizeof *roots);
  if (words < POINTER_EVERY_WORDS || roots == NULL) bench_die("no roots");
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("roots");
  for (size_t i = 0; i < words; i++) roots[i] = bench_random(&random);
  for (size_t i = 0; i < words; i += POINTER_EVERY_WORDS) roots[i] = 0;
  bench_add_roots(roots, roots + words);
  for (size_t i = 0; i < count; i++) {
    struct node *node = (struct node *)bench_alloc(sizeof *node);
    node->value[0] = i;
    size_t slot = bench_below(&random, words) / POINTER_EVERY_WORDS;
    uintptr_t *root = &roots[slot * POINTER_EVERY_WORDS];
    const struct node *old = (const struct node *)*root;
    if (old != NULL) sum = bench_mix(sum, old->value[0]);
    *root = (uintptr_t)node;
  }
  bench_end(sum);
}
