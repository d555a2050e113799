/* SPDX-License-Identifier: MIT */
/*
 * grow.c: growth by realloc.  A few thousand vectors grow in turn by half
 * their size, a text grows by single lines, and one array grows in steps of
 * 64 KiB to many megabytes; then all of it over again.
 *
 * grow [ROUNDS [VECTORS]]
 */
#include "allocator.h"

enum {
  LEAST_BYTES = 16,
  MOST_BYTES = 20000,
  LINE_BYTES = 40,
  TEXT_BYTES = 1 << 20,
  STEP_BYTES = 64 << 10,
  ARRAY_BYTES = 32 << 20
};

struct vector {
  unsigned char *bytes;
  size_t size;
};

static uint64_t grow_vectors(struct vector *vectors, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) vectors[i] = (struct vector){NULL, 0};
  for (size_t size = LEAST_BYTES; size < MOST_BYTES; size += size / 2) {
    for (size_t i = 0; i < count; i++) {
      struct vector *vector = &vectors[i];
      vector->bytes = (unsigned char *)bench_resize(vector->bytes, size);
      bench_touch(vector->bytes + vector->size, size - vector->size, i);
      vector->size = size;
    }
  }
  for (size_t i = 0; i < count; i++) {
    sum = bench_mix(sum, vectors[i].bytes[vectors[i].size - 1]);
    bench_give(vectors[i].bytes);
  }
  return sum;
}

/* One block, from nothing to most bytes, by that many at a time. */
static uint64_t grow_one(size_t by, size_t most) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  while (size + by <= most) {
    bytes = (unsigned char *)bench_resize(bytes, size + by);
    bench_touch(bytes + size, by, size / by);
    size += by;
  }
  uint64_t sum = bytes[size - 1] + bytes[size / 2];
  bench_give(bytes);
  return sum;
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t rounds = bench_argument(argc, argv, 1, 20);
  size_t count = bench_argument(argc, argv, 2, 5000);
  uint64_t sum = 0;
  bench_begin("grow");
  struct vector *vectors = (struct vector *)bench_take(count * sizeof *vectors);
  for (size_t i = 0; i < rounds; i++) {
    sum += grow_vectors(vectors, count);
    sum += grow_one(LINE_BYTES, TEXT_BYTES);
    sum += grow_one(STEP_BYTES, ARRAY_BYTES);
  }
  bench_give(vectors);
  bench_end(sum);
}
