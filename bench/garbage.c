/* SPDX-License-Identifier: MIT */
/*
 * garbage.c: small blocks that die at once, in a program with next to nothing
 * alive: what allocation itself costs.
 *
 * garbage [BLOCKS [SIZE [ATOMIC]]]: with ATOMIC 1, pointer-free ones.
 */
#include "collector.h"

static uint64_t drop_scanned(size_t count, size_t size) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t *block = (uint64_t *)bench_alloc(size);
    sum += *block;
    *block = i;
    bench_keep(block);
  }
  return sum;
}

static uint64_t drop_atomic(size_t count, size_t size) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t *block = (uint64_t *)bench_alloc_atomic(size);
    *block = i;
    bench_keep(block);
    sum += *block;
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 50000000);
  size_t size = bench_argument(argc, argv, 2, 32);
  size_t atomic = bench_argument(argc, argv, 3, 0);
  if (size < sizeof(uint64_t)) bench_die("blocks below 8 bytes");
  bench_begin("garbage");
  bench_end((atomic ? drop_atomic : drop_scanned)(count, size));
}
