/* SPDX-License-Identifier: MIT */
/*
 * with_gleaner.h: the interface of collector.h mapped to Gleaner's.
 */
#ifndef BENCH_WITH_GLEANER_H
#define BENCH_WITH_GLEANER_H

#include <gleaner.h>

static inline void bench_collector_init(void) {}

static inline void *bench_try_alloc(size_t size) { return gc_malloc(size); }

static inline void *bench_try_atomic(size_t size) {
  return gc_malloc_atomic(size);
}

static inline void bench_collect(void) { gc_collect(); }

static inline void bench_watch_stops(void) {}

static inline uint64_t bench_stop_ns(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats.stop_last_ns;
}

static inline size_t bench_held_bytes(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats.heap_bytes + stats.metadata_bytes;
}

static inline void bench_add_roots(const void *from, const void *to) {
  if (!gc_add_roots(from, to)) bench_die("cannot add roots");
}

#endif /* BENCH_WITH_GLEANER_H */
