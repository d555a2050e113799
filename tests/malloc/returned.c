/* SPDX-License-Identifier: MIT */
/*
 * returned.c: memory goes back.  After a peak, of which one block in twenty is
 * kept, the resident set falls to near what is alive within a second or two of
 * quiet work; all the rest goes by malloc_trim; and no churn leaves more than a
 * few mappings.  Run with the library preloaded.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 60000, KEEP = 20, MAPPINGS_MAX = 200, THREADS = 4 };

static const size_t peak_bytes = (size_t)60 << 20;
static char *blocks[THREADS + 1][BLOCKS];
static unsigned state = 1;

static unsigned next_random(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static void check(int holds, const char *what, size_t figure) {
  printf("%s: %zu\n", what, figure);
  fflush(stdout);
  if (!holds) _Exit(1);
}

static size_t resident_bytes(void) {
  unsigned long size, resident;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2) exit(99);
  fclose(file);
  return resident * 4096;
}

static size_t mappings(void) {
  size_t lines = 0;
  FILE *file = fopen("/proc/self/maps", "r");
  if (file == NULL) exit(99);
  for (int c = getc(file); c != EOF; c = getc(file)) lines += c == '\n';
  fclose(file);
  return lines;
}

static void fill(char **slot) {
  size_t size = 16 + next_random() % 2000;
  free(*slot);
  *slot = malloc(size);
  if (*slot == NULL) exit(99);
  memset(*slot, 1, size);
}

static void *build(void *data) {
  char **own = data;
  for (size_t i = 0; i < BLOCKS; i++) fill(&own[i]);
  return NULL;
}

static void empty(char **own, size_t keep) {
  for (size_t i = 0; i < BLOCKS; i++) {
    if (keep != 0 && i % keep == 0) continue;
    free(own[i]);
    own[i] = NULL;
  }
}

static void work_quietly(double seconds) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (time_t until = time(NULL) + (time_t)seconds; time(NULL) <= until;) {
    for (int i = 0; i < 50; i++) fill(&blocks[0][next_random() % 3000 * KEEP]);
    nanosleep(&pause, NULL);
  }
}

/* Blocks of threads that have ended, freed by this one. */
static void run_threads(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, build, blocks[i + 1]) != 0) exit(99);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++) empty(blocks[i + 1], 0);
}

static void churn(void) {
  for (int i = 0; i < 20000; i++) {
    size_t slot = next_random() % 200;
    free(blocks[0][slot]);
    blocks[0][slot] = malloc(next_random() % 300000);
    if (i % 1000 == 0) malloc_trim(0);
  }
}

int main(void) {
  alarm(120);
  size_t before = resident_bytes();
  build(blocks[0]);
  size_t peak = resident_bytes();
  check(peak - before > peak_bytes / 2, "peak", peak);
  empty(blocks[0], KEEP);
  work_quietly(2);
  size_t after = resident_bytes();
  check(after - before < (peak - before) / 2, "after quiet work", after);
  empty(blocks[0], 0);
  malloc_trim(0);
  after = resident_bytes();
  check(after - before < (peak - before) / 10, "trimmed", after);
  run_threads();
  malloc_trim(0);
  after = resident_bytes();
  check(after - before < (peak - before) / 4, "after threads", after);
  churn();
  check(mappings() < MAPPINGS_MAX, "mappings", mappings());
  return 0;
}
