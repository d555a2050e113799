/* SPDX-License-Identifier: MIT */
/*
 * records.c: a record of each thread that is known, found by its id: a table of
 * tables, which the handler of the stop signal reads without a lock.  Records
 * are made and forgotten under the heap lock.
 */
#include <string.h>

#include "../alloc/cache.h"
#include "../alloc/os.h"
#include "threads.h"

#define RECORDS_TABLE_BITS 12
#define RECORDS_TABLE_COUNT (1u << (GL_TID_BITS - RECORDS_TABLE_BITS))
#define RECORDS_TABLE_SIZE (1u << RECORDS_TABLE_BITS)

#define RECORDS_BLOCK 64 /* records made at a time */

struct records_block {
  struct records_block *next;
  struct gl_thread items[RECORDS_BLOCK];
};

static struct {
  struct records_block *blocks;
  struct gl_thread *free;
  struct gl_thread **by_tid[RECORDS_TABLE_COUNT];
} records GL_DATA = {.blocks = NULL};

_Static_assert(sizeof(pid_t) * 8 > GL_TID_BITS, "a number has these bits");
_Static_assert(RECORDS_TABLE_BITS < GL_TID_BITS, "there is a table of tables");

struct gl_thread *gl_threads_find(pid_t tid) {
  size_t table = (size_t)tid >> RECORDS_TABLE_BITS;
  if (table >= RECORDS_TABLE_COUNT) return NULL;
  struct gl_thread **slots =
      __atomic_load_n(&records.by_tid[table], __ATOMIC_ACQUIRE);
  if (slots == NULL) return NULL;
  struct gl_thread *thread = __atomic_load_n(
      &slots[(size_t)tid % RECORDS_TABLE_SIZE], __ATOMIC_ACQUIRE);
  gl_assert(thread == NULL || thread->tid == tid);
  return thread;
}

static bool records_set(pid_t tid, struct gl_thread *thread) {
  gl_assert((thread == NULL) != (gl_threads_find(tid) == NULL));
  size_t table = (size_t)tid >> RECORDS_TABLE_BITS;
  if (table >= RECORDS_TABLE_COUNT) return false;
  if (records.by_tid[table] == NULL) {
    struct gl_thread **slots = gl_os_map(RECORDS_TABLE_SIZE * sizeof *slots);
    if (slots == NULL) return false;
    __atomic_store_n(&records.by_tid[table], slots, __ATOMIC_RELEASE);
  }
  /* Release: the handler reads the record it finds here. */
  __atomic_store_n(&records.by_tid[table][(size_t)tid % RECORDS_TABLE_SIZE],
                   thread, __ATOMIC_RELEASE);
  return true;
}

static bool records_make(void) {
  gl_assert(records.free == NULL);
  struct records_block *block = gl_os_map(sizeof *block);
  if (block == NULL) return false;
  block->next = records.blocks;
  records.blocks = block;
  for (size_t i = RECORDS_BLOCK; i-- > 0;) {
    block->items[i].next_free = records.free;
    records.free = &block->items[i];
  }
  return true;
}

struct gl_thread *gl_threads_record(pid_t tid) {
  struct gl_thread *thread = gl_threads_find(tid);
  if (thread != NULL) return thread;
  if (records.free == NULL && !records_make()) return NULL;
  thread = records.free;
  gl_assert(tid > 0 && thread->tid == 0);
  struct gl_thread *next_free = thread->next_free;
  memset(thread, 0, sizeof *thread);
  thread->tid = tid;
  if (!records_set(tid, thread)) {
    thread->tid = 0;
    thread->next_free = next_free;
    return NULL;
  }
  records.free = next_free;
  return thread;
}

void gl_threads_abandon_cache(struct gl_thread *thread) {
  struct gl_cache *cache = thread->cache;
  gl_assert(thread->tid != 0 && cache != &gl_cache_none);
  if (cache != NULL && cache->thread == thread) gl_cache_abandon(cache);
  thread->cache = NULL;
}

void gl_threads_give_cache(struct gl_thread *thread,
                               struct gl_cache *cache) {
  gl_assert(thread->tid != 0 && thread->cache == NULL);
  gl_assert(cache == NULL || cache->in_use);
  thread->cache = cache;
  if (cache != NULL) cache->thread = thread;
}

void gl_threads_forget(struct gl_thread *thread) {
  gl_assert(gl_threads_find(thread->tid) == thread);
  gl_threads_abandon_cache(thread);
  records_set(thread->tid, NULL);
  thread->tid = 0;
  thread->next_free = records.free;
  records.free = thread;
}

void gl_threads_each(void (*visit)(struct gl_thread *thread, void *data),
                     void *data) {
  for (struct records_block *b = records.blocks; b != NULL; b = b->next)
    for (size_t i = 0; i < RECORDS_BLOCK; i++)
      if (b->items[i].tid != 0) visit(&b->items[i], data);
}
