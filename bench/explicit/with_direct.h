/* SPDX-License-Identifier: MIT */
/*
 * with_direct.h: the interface of allocator.h mapped to Gleaner's functions,
 * the collector being off: everything is freed by hand, and blocks need not be
 * zeroed nor looked into.
 */
#ifndef BENCH_WITH_DIRECT_H
#define BENCH_WITH_DIRECT_H

#include <gleaner.h>

static inline void bench_allocator_init(void) { gc_disable(); }

static inline void *bench_try_take(size_t size) {
  return gc_malloc_atomic(size);
}

static inline void *bench_try_resize(void *block, size_t size) {
  if (block == NULL) return gc_malloc_atomic(size);
  return gc_realloc(block, size);
}

static inline void bench_give(void *block) { gc_free(block); }

#endif /* BENCH_WITH_DIRECT_H */
