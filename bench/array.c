/* SPDX-License-Identifier: MIT */
/*
 * array.c: one wide array of pointers to leaves, marked again and again: a
 * single block that is most of the marking.
 *
 * array [ELEMENTS [COLLECTIONS]]
 */
#include "collector.h"

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 2000000);
  size_t collections = bench_argument(argc, argv, 2, 40);
  uint64_t sum = 0;
  bench_begin("array");
  uint64_t **array = (uint64_t **)bench_alloc(count * sizeof *array);
  for (size_t i = 0; i < count; i++) {
    array[i] = (uint64_t *)bench_alloc(2 * sizeof **array);
    array[i][0] = i;
  }
  bench_mark_rounds(collections, count);
  for (size_t i = 0; i < count; i++) sum = bench_mix(sum, array[i][0]);
  bench_end(sum);
}
