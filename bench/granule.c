/* SPDX-License-Identifier: MIT */
/*
 * granule.c: what a million small blocks take.  Notes bytes for each block by
 * the growth of the resident set, in which all tables of the collector are,
 * and by what the collector says that it holds.
 *
 * granule [BLOCKS [SIZE]]
 */
#include "collector.h"

struct node {
  struct node *next;
  uint64_t value;
};

static struct node *make_list(size_t count, size_t size) {
  struct node *list = NULL;
  for (size_t i = 0; i < count; i++) {
    struct node *node = (struct node *)bench_alloc(size);
    node->next = list;
    node->value = i;
    list = node;
  }
  return list;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 1000000);
  size_t size = bench_argument(argc, argv, 2, sizeof(struct node));
  if (count == 0 || size < sizeof(struct node)) bench_die("blocks too small");
  bench_keep(make_list(1, size)); /* set up what is set up on first use */
  size_t resident_bytes = bench_resident_bytes();
  size_t held_bytes = bench_held_bytes();
  bench_begin("granule");
  struct node *list = make_list(count, size);
  bench_stop();
  resident_bytes = bench_resident_bytes() - resident_bytes;
  held_bytes = bench_held_bytes() - held_bytes;
  bench_note("resident_per_block", (double)resident_bytes / (double)count);
  bench_note("held_per_block", (double)held_bytes / (double)count);
  uint64_t sum = 0;
  for (; list != NULL; list = list->next) sum = bench_mix(sum, list->value);
  bench_end(sum);
}
