/* SPDX-License-Identifier: MIT */
/*
 * returned.c: memory goes back.  After a peak, of which one block in twenty is
 * kept, the resident set falls to near what is alive within a second or two of
 * quiet work; all the rest goes by malloc_trim, also what the system has put
 * back meanwhile; and no churn leaves more than a few mappings.  Run with the
 * library preloaded.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKS = 60000, KEEP = 20, MAPPINGS_MAX = 200, THREADS = 4 };
enum { LARGE = 120, LARGE_BYTES = 500000 };

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

/* Returns the least that was resident: the system may put some of it back. */
static size_t work_quietly(double seconds) {
  const struct timespec pause = {.tv_nsec = 1000000};
  size_t least = SIZE_MAX;
  for (time_t until = time(NULL) + (time_t)seconds; time(NULL) <= until;) {
    for (int i = 0; i < 50; i++) fill(&blocks[0][next_random() % 3000 * KEEP]);
    nanosleep(&pause, NULL);
    size_t now = resident_bytes();
    if (now < least) least = now;
  }
  return least;
}

/* Since Linux 6.1. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* What khugepaged does at any time to some huge pages of which a part is in
   use, here to all of them: what was given back has memory again. */
static void collapse(void) {
  const uintptr_t huge = (uintptr_t)1 << 21;
  uintptr_t done = 0;
  for (size_t i = 0; i < BLOCKS; i++) {
    uintptr_t start = (uintptr_t)blocks[0][i] & ~(huge - 1);
    if (start != done) madvise((void *)start, huge, MADV_COLLAPSE);
    done = start;
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

/* Three of four blocks are given back, each with a part of a huge page. */
static void keep_some_large(void) {
  for (int i = 0; i < LARGE; i++) {
    blocks[0][i] = malloc(LARGE_BYTES);
    if (blocks[0][i] == NULL) exit(99);
    memset(blocks[0][i], 1, LARGE_BYTES);
  }
  empty(blocks[0], 4);
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
  size_t after = work_quietly(2);
  check(after - before < (peak - before) / 2, "after quiet work", after);
  collapse();
  empty(blocks[0], 0);
  malloc_trim(0);
  after = resident_bytes();
  check(after - before < (peak - before) / 10, "trimmed", after);
  run_threads();
  malloc_trim(0);
  after = resident_bytes();
  check(after - before < (peak - before) / 4, "after threads", after);
  keep_some_large();
  malloc_trim(0);
  before = resident_bytes();
  collapse();
  malloc_trim(0);
  after = resident_bytes();
  check(after < before + LARGE_BYTES, "put back, and trimmed", after);
  churn();
  check(mappings() < MAPPINGS_MAX, "mappings", mappings());
  return 0;
}
