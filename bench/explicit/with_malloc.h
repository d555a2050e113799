/* SPDX-License-Identifier: MIT */
/*
 * with_malloc.h: the interface of allocator.h mapped to the C library's, or to
 * whatever has been preloaded in its place.
 */
#ifndef BENCH_WITH_MALLOC_H
#define BENCH_WITH_MALLOC_H

#include <stdlib.h>

static inline void bench_allocator_init(void) {}

static inline void *bench_try_take(size_t size) { return malloc(size); }

static inline void *bench_try_resize(void *block, size_t size) {
  return realloc(block, size);
}

static inline void bench_give(void *block) { free(block); }

#endif /* BENCH_WITH_MALLOC_H */
