/* SPDX-License-Identifier: MIT */
/*
 * keys.c: a collection while a thread that ends frees the memory of its pthread
 * keys.  The C library keeps those above some thirty in blocks from calloc, and
 * frees a block before it forgets it.  This program's own free has the memory
 * unmapped, and waits.
 */
#include "../api.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEYS 40
#define BLOCK_BYTES ((size_t)4096)

enum step { FREED = 1, COLLECTED };

static _Atomic enum step step;
static pthread_key_t key[KEYS];

/* The compiler thinks that the C library does not call us. */
static __thread volatile bool makes_block;
static __thread void *volatile block;

static void await(enum step wanted) {
  while (atomic_load(&step) != wanted) sched_yield();
}

void *__libc_calloc(size_t count, size_t size);
void __libc_free(void *p);

void *calloc(size_t count, size_t size) {
  if (!makes_block) return __libc_calloc(count, size);
  block = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  API_CHECK(block != MAP_FAILED && count * size <= BLOCK_BYTES);
  return block;
}

void free(void *p) {
  if (p == NULL || p != block) {
    __libc_free(p);
    return;
  }
  API_CHECK(munmap(p, BLOCK_BYTES) == 0);
  atomic_store(&step, FREED);
  await(COLLECTED);
}

static void *set_key(void *value) {
  makes_block = true;
  API_CHECK(pthread_setspecific(key[KEYS - 1], value) == 0);
  makes_block = false;
  API_CHECK(block != NULL);
  return NULL;
}

int main(void) {
  pthread_t thread;
  alarm(60);
  gc_collect();
  for (int i = 0; i < KEYS; i++)
    API_CHECK(pthread_key_create(&key[i], NULL) == 0);
  API_CHECK(pthread_create(&thread, NULL, set_key, key) == 0);
  await(FREED);
  gc_collect();
  atomic_store(&step, COLLECTED);
  API_CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}
