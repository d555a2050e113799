/* SPDX-License-Identifier: MIT */
/*
 * collector.h: the collectors seen alike.  A benchmark is compiled once for
 * each of them from the same source; BENCH_COLLECTOR is the header that maps
 * this interface to one collector's, by inline functions, so that an
 * allocation is the direct call that any program of that collector makes.
 * Such a header defines:
 *
 *   bench_collector_init()     before anything else
 *   bench_try_alloc(size)      zeroed and scanned, or NULL
 *   bench_try_atomic(size)     never looked into, or NULL
 *   bench_collect()            a full collection, now
 *   bench_watch_stops()        before bench_stop_ns, and before any thread
 *   bench_stop_ns()            until all threads stood still, in the last
 *                              collection
 *   bench_held_bytes()         what the collector says it holds
 *   bench_add_roots(from, to)  a range to scan
 *   pthread_create             as that collector wants it called
 *
 * Nobody is given set-up that its own manual does not ask for.
 */
#ifndef BENCH_COLLECTOR_H
#define BENCH_COLLECTOR_H

#include "report.h"

#include BENCH_COLLECTOR

#include <pthread.h>

/* Scanned, zeroed memory; never NULL. */
static inline void *bench_alloc(size_t size) {
  void *block = bench_try_alloc(size);
  if (block == NULL) bench_out_of_memory(size);
  return block;
}

/* Memory without pointers; never NULL. */
static inline void *bench_alloc_atomic(size_t size) {
  void *block = bench_try_atomic(size);
  if (block == NULL) bench_out_of_memory(size);
  return block;
}

/* One thread's share of the work; returns its checksum. */
typedef uint64_t bench_body(size_t thread);

struct bench_worker {
  pthread_t handle;
  bench_body *body;
  size_t index;
  uint64_t sum;
};

static inline void *bench_worker_run(void *argument) {
  struct bench_worker *worker = (struct bench_worker *)argument;
  worker->sum = worker->body(worker->index);
  return NULL;
}

/*
 * Do the whole of the work once on each of that many new threads, or, where
 * threads is 0, once on this one, in a program that never starts any.
 * Returns the checksums added up.
 */
static inline uint64_t bench_spread(size_t threads, bench_body *body) {
  if (threads == 0) return body(0);
  struct bench_worker workers[64];
  uint64_t sum = 0;
  if (threads > 64) bench_die("more than 64 threads");
  for (size_t i = 0; i < threads; i++) {
    workers[i] = (struct bench_worker){.body = body, .index = i};
    if (pthread_create(&workers[i].handle, NULL, bench_worker_run,
                       &workers[i]) != 0)
      bench_die("cannot start a thread");
  }
  for (size_t i = 0; i < threads; i++) {
    pthread_join(workers[i].handle, NULL);
    sum += workers[i].sum;
  }
  return sum;
}

/*
 * Collect some times over a heap of so many live objects; note the median
 * nanoseconds for an object as mark_ns.
 */
static inline void bench_mark_rounds(size_t rounds, size_t objects) {
  uint64_t times_ns[256];
  if (rounds == 0 || objects == 0) return;
  for (size_t i = 0; i < rounds; i++) {
    uint64_t start_ns = bench_now_ns();
    bench_collect();
    times_ns[i % 256] = bench_now_ns() - start_ns;
  }
  size_t count = rounds < 256 ? rounds : 256;
  bench_sort(times_ns, count);
  bench_note("mark_ns",
             (double)bench_quantile(times_ns, count, 0.5) / (double)objects);
}

#endif /* BENCH_COLLECTOR_H */
