/* SPDX-License-Identifier: MIT */
/*
 * with_libgc.h: the interface of collector.h mapped to that of libgc, the
 * Boehm-Demers-Weiser collector, used as its manual says: GC_INIT first, and
 * GC_THREADS defined, so that threads are made known to it and allocate from
 * their own free lists.  It marks with one thread until the program starts a
 * second, unless asked: BENCH_MARK_THREADS in the environment asks.
 */
#ifndef BENCH_WITH_LIBGC_H
#define BENCH_WITH_LIBGC_H

#define GC_THREADS
#include <gc/gc.h>
#include <stdlib.h>

static inline void bench_collector_init(void) {
  GC_INIT();
  if (getenv("BENCH_MARK_THREADS") != NULL) GC_start_mark_threads();
}

static inline void *bench_try_alloc(size_t size) { return GC_MALLOC(size); }

static inline void *bench_try_atomic(size_t size) {
  return GC_MALLOC_ATOMIC(size);
}

static inline void bench_collect(void) { GC_gcollect(); }

/* A program is one source file: each has these once. */
static uint64_t bench_stop_began_ns, bench_stop_took_ns;

static inline void bench_note_stop(GC_EventType event) {
  if (event == GC_EVENT_PRE_STOP_WORLD) bench_stop_began_ns = bench_now_ns();
  if (event == GC_EVENT_POST_STOP_WORLD)
    bench_stop_took_ns = bench_now_ns() - bench_stop_began_ns;
}

static inline void bench_watch_stops(void) {
  GC_set_on_collection_event(bench_note_stop);
}

static inline uint64_t bench_stop_ns(void) { return bench_stop_took_ns; }

/* Without its tables, of which it gives no account. */
static inline size_t bench_held_bytes(void) { return GC_get_heap_size(); }

static inline void bench_add_roots(const void *from, const void *to) {
  GC_add_roots((void *)from, (void *)to);
}

#endif /* BENCH_WITH_LIBGC_H */
