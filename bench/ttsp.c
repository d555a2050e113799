/* SPDX-License-Identifier: MIT */
/*
 * ttsp.c: time to stop the world.  Threads that have allocated something fall
 * asleep; the main thread collects a heap in which there is nothing to do.
 * Notes the microseconds until all stood still, and of the whole collection,
 * median and longest: starting the threads again and scanning their stacks is
 * nearly all of the rest.
 *
 * ttsp [THREADS [COLLECTIONS]]
 */
#include "collector.h"

#include <stdlib.h>

enum { STACK_BYTES = 256 << 10 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t asleep_count;
static int done;

static void *sleeper(void *argument) {
  uint64_t *block = (uint64_t *)bench_alloc(sizeof *block);
  *block = (uintptr_t)argument;
  pthread_mutex_lock(&lock);
  asleep_count++;
  pthread_cond_broadcast(&changed);
  while (!done) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return (void *)(uintptr_t)(*block != (uintptr_t)argument);
}

static void start(pthread_t *threads, size_t count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (size_t i = 0; i < count; i++) {
    if (pthread_create(&threads[i], &attributes, sleeper, (void *)i) != 0)
      bench_die("cannot start a thread");
  }
  pthread_attr_destroy(&attributes);
  pthread_mutex_lock(&lock);
  while (asleep_count < count) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}

/* Returns how many had lost their block. */
static uint64_t finish(const pthread_t *threads, size_t count) {
  uint64_t lost = 0;
  pthread_mutex_lock(&lock);
  done = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  for (size_t i = 0; i < count; i++) {
    void *result;
    pthread_join(threads[i], &result);
    lost += result != NULL;
  }
  return lost;
}

static void note_quantiles(const char *median, const char *longest,
                           uint64_t *times_ns, size_t count) {
  bench_sort(times_ns, count);
  bench_note(median, (double)bench_quantile(times_ns, count, 0.5) / 1e3);
  bench_note(longest, (double)times_ns[count - 1] / 1e3);
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t count = bench_argument(argc, argv, 1, 64);
  size_t collections = bench_argument(argc, argv, 2, 100);
  pthread_t *threads = (pthread_t *)malloc((count + 1) * sizeof *threads);
  uint64_t *times_ns = (uint64_t *)malloc((collections + 1) * sizeof *times_ns);
  uint64_t *stops_ns = (uint64_t *)malloc((collections + 1) * sizeof *stops_ns);
  if (threads == NULL || times_ns == NULL || stops_ns == NULL)
    bench_out_of_memory(count);
  bench_watch_stops();
  start(threads, count);
  bench_begin("ttsp");
  for (size_t i = 0; i < collections; i++) {
    uint64_t start_ns = bench_now_ns();
    bench_collect();
    times_ns[i] = bench_now_ns() - start_ns;
    stops_ns[i] = bench_stop_ns();
  }
  bench_stop();
  note_quantiles("stop_median_us", "stop_longest_us", stops_ns, collections);
  note_quantiles("median_us", "longest_us", times_ns, collections);
  bench_end(finish(threads, count));
}
