/* SPDX-License-Identifier: MIT */
/*
 * misuse.h: what the programs that misuse the library share.  Each commits one
 * fault, in main or in free_it, and is to be ended by SIGABRT; run.sh says what
 * has to be on standard error then.
 */
#ifndef TESTS_MISUSE_H
#define TESTS_MISUSE_H

#include <gleaner.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISUSE_UNUSED __attribute__((unused))
#define MISUSE_NOINLINE __attribute__((noinline, noclone))

/* Let the compiler know nothing of a pointer, and keep what it points to. */
MISUSE_UNUSED static void keep(void *p) {
  static void *volatile kept[1 << 17];
  static size_t count;
  kept[count++ % (1 << 17)] = p;
}

MISUSE_UNUSED static void *reveal(uintptr_t hidden) {
  return (void *)~hidden;
}

MISUSE_UNUSED MISUSE_NOINLINE static uintptr_t hide_garbage(void) {
  uintptr_t hidden = 0;
  for (int i = 0; i < 1000; i++) hidden = ~(uintptr_t)gc_malloc(48);
  for (int i = 0; i < 1000; i++) keep(gc_malloc(48));
  return hidden;
}

MISUSE_UNUSED MISUSE_NOINLINE static uintptr_t hide_large_garbage(void) {
  uintptr_t hidden = ~(uintptr_t)gc_malloc(1 << 20);
  gc_free(gc_malloc(1 << 20)); /* in the registers of the last call */
  return hidden;
}

MISUSE_UNUSED MISUSE_NOINLINE static void *free_it(void *block) {
  gc_free(block);
  return NULL;
}

MISUSE_UNUSED MISUSE_NOINLINE static void *free_local(void *nothing) {
  char block[64];
  keep(block);
  gc_free(block);
  return nothing;
}

MISUSE_UNUSED static void in_thread(void *(*body)(void *), void *data) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, body, data) != 0) exit(99);
  pthread_join(thread, NULL);
}

#endif
