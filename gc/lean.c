/* SPDX-License-Identifier: MIT */
/*
 * lean.c: the library without a collector, as the malloc library sets it up: no
 * signal handler, no thread is ever stopped, nothing is scanned.  What is left
 * to do is to give threads their caches, to take them back, and to survive a
 * fork.
 *
 * Fork.  The heap lock is held across it.  In the child the caches of all other
 * threads are as those threads last left them: the child sees of each thread's
 * stores some first part, in the order in which they were made.  So a cache
 * that is not busy is free for a new thread to take; one that is busy was
 * caught half-way on a slow path, and is never touched again, nor is the memory
 * in it.  Fast paths do not say that they are busy, which saves them a tenth of
 * their instructions: one that was caught half-way leaves a cache torn, which
 * gl_cache_mend makes whole.
 */
#include <pthread.h>

#include "../alloc/cache.h"
#include "gc.h"

static struct {
  pthread_key_t key; /* its destructor tells of the end of a thread */
} lean GL_DATA = {.key = 0};

/* Past the destructor: nobody will tell of a cache that is taken now. */
static __thread bool lean_ending __attribute__((tls_model("initial-exec")));

bool gl_lean_adopt(const void *freed) {
  gl_heap_lock(NULL);
  struct gl_cache *cache = gl_cache_acquire(freed);
  gl_heap_unlock();
  gl_lean_self = gl_self;
  gl_assert(gl_options.lean && (cache == NULL || cache == gl_self));
  /* Setting a key may allocate: the thread has its cache by now. */
  if (cache != NULL && !lean_ending) pthread_setspecific(lean.key, cache);
  return cache != NULL;
}

void gl_lean_settle(void) {
  if (lean_ending && gl_self != &gl_cache_none) gl_cache_release(gl_self);
}

static void lean_on_exit(void *data) {
  (void)data;
  lean_ending = true;
  gl_lean_settle();
}

size_t gl_lean_trim(void) {
  struct gl_cache *self = gl_self;
  gl_assert(gl_options.lean && gl_lean_self == self);
  if (self != &gl_cache_none) gl_cache_enter(self);
  gl_heap_lock(NULL);
  gl_heap_find_resident();
  size_t pages = gl_cache_trim_orphans(true);
  if (self != &gl_cache_none) pages += gl_cache_trim(self, true);
  gl_spares_give_back_all();
  size_t bytes = gl_heap_scavenge() + (pages << GL_PAGE_SHIFT);
  gl_heap_unlock();
  if (self != &gl_cache_none) gl_cache_leave(self);
  gl_error_settle();
  return bytes;
}

void gl_lean_before_fork(void) {
  gl_assert(gl_options.lean);
  gl_heap_lock(NULL);
}

static void lean_orphan(struct gl_cache *cache) {
  gl_assert(cache->busy == 0 && cache != &gl_cache_none);
  cache->torn |= cache->in_use;
  cache->in_use = false;
}

static void lean_orphan_others(void) {
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    if (c != gl_self && c->busy == 0) lean_orphan(c);
}

void gl_lean_after_fork(bool in_child) {
  gl_assert(gl_options.lean);
  if (in_child) lean_orphan_others();
  gl_heap_unlock();
}

bool gl_lean_init(void) {
  gl_assert(gl_options.lean && gl_heap.ready);
  return pthread_key_create(&lean.key, lean_on_exit) == 0;
}
