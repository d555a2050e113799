/* SPDX-License-Identifier: MIT */
/*
 * allocator.h: explicit allocators seen alike.  A benchmark of this directory
 * is compiled against malloc and free, as any program is, and run with each
 * allocator preloaded; and once more against Gleaner's own functions.
 * BENCH_ALLOCATOR is the header that says which.  It defines
 *
 *   bench_allocator_init()
 *   bench_try_take(size), bench_try_resize(block, size), bench_give(block)
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include "../report.h"

#include BENCH_ALLOCATOR

enum { BENCH_PAGE_BYTES = 4096 };

/* A block, never NULL, whose contents are undefined. */
static inline void *bench_take(size_t size) {
  void *block = bench_try_take(size);
  if (block == NULL) bench_out_of_memory(size);
  return block;
}

static inline void *bench_resize(void *block, size_t size) {
  block = bench_try_resize(block, size);
  if (block == NULL) bench_out_of_memory(size);
  return block;
}

/*
 * Write one byte in each page of a block, as a program that wanted that much
 * memory would.
 */
static inline void bench_touch(void *block, size_t size, uint64_t value) {
  unsigned char *bytes = (unsigned char *)block;
  for (size_t i = 0; i < size; i += BENCH_PAGE_BYTES)
    bytes[i] = (unsigned char)value;
  bytes[size - 1] = (unsigned char)value;
}

/*
 * A random size from least to most bytes, whose logarithm is evenly
 * distributed: small blocks are the most frequent ones.
 */
static inline size_t bench_log_size(uint64_t *random, size_t least,
                                    size_t most) {
  unsigned octaves = 0;
  while (least << (octaves + 1) <= most) octaves++;
  size_t size = least << bench_below(random, octaves + 1);
  size += bench_below(random, size);
  return size <= most ? size : most;
}

#endif /* BENCH_ALLOCATOR_H */
