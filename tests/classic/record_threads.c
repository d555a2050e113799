/* SPDX-License-Identifier: MIT */
/*
 * record_threads.c: a program for tests/classic/record.sh to record.  Four
 * threads allocate blocks of sizes that nothing else in the process uses, and
 * each frees what the one before it has allocated; so the trace can be held
 * against what the program says it did:
 *
 *   size 7001 + thread   allocated RECORD_BLOCKS times by that thread,
 *   size 9001 + thread   what every third of them is resized to,
 *   all but the last ten of each thread are freed, by its neighbour.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_THREADS 4
#define RECORD_BLOCKS 3000
#define RECORD_KEPT 10

static void *blocks[RECORD_THREADS][RECORD_BLOCKS];
static pthread_barrier_t barrier;

static void *work(void *argument) {
  size_t self = (size_t)(uintptr_t)argument;
  size_t other = (self + 1) % RECORD_THREADS;
  for (size_t i = 0; i < RECORD_BLOCKS; i++) {
    char *block = i % 2 == 0 ? malloc(7001 + self) : calloc(1, 7001 + self);
    if (block == NULL) abort();
    memset(block, (int)i, 7001 + self);
    if (i % 3 == 0) block = realloc(block, 9001 + self);
    if (block == NULL) abort();
    blocks[self][i] = block;
  }
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < RECORD_BLOCKS - RECORD_KEPT; i++)
    free(blocks[other][i]);
  return NULL;
}

int main(void) {
  pthread_t threads[RECORD_THREADS];
  if (pthread_barrier_init(&barrier, NULL, RECORD_THREADS) != 0) return 1;
  for (size_t i = 0; i < RECORD_THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) != 0)
      return 1;
  for (size_t i = 0; i < RECORD_THREADS; i++) pthread_join(threads[i], NULL);
  printf("%d %d %d %d\n", RECORD_THREADS, RECORD_BLOCKS, RECORD_BLOCKS / 3,
         RECORD_BLOCKS - RECORD_KEPT);
  return 0;
}
