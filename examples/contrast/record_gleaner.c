/* SPDX-License-Identifier: MIT */
/*
 * record_gleaner.c: the recorder for programs that use <gleaner.h>, linked
 * with the shared library.  They need not free, so deaths are found by
 * tracing: after every so many allocations all is collected, and what is no
 * longer a block is recorded as freed.  A death is seen late by that many
 * allocations at most.
 *
 * The table of live blocks is no root: it is mapped memory (record.c).
 */
#include <dlfcn.h>
#include <gleaner.h>

#include "record.h"

/* Fine enough for traces of some ten thousand allocations, and not slow. */
#define RECORD_COLLECT_EVERY 64

static struct {
  void *(*malloc)(size_t);
  void *(*malloc_atomic)(size_t);
  void *(*malloc_uncollectable)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  void (*free)(void *);
  void (*collect)(void);
  void *(*base)(const void *);
} real_gc;

static unsigned record_until_collection;

static void record_find_gleaner(void) {
  if (real_gc.malloc != NULL) return;
  real_gc.malloc_atomic =
      (void *(*)(size_t))dlsym(RTLD_NEXT, "gc_malloc_atomic");
  real_gc.malloc_uncollectable =
      (void *(*)(size_t))dlsym(RTLD_NEXT, "gc_malloc_uncollectable");
  real_gc.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "gc_calloc");
  real_gc.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "gc_realloc");
  real_gc.aligned_alloc =
      (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "gc_aligned_alloc");
  real_gc.free = (void (*)(void *))dlsym(RTLD_NEXT, "gc_free");
  real_gc.collect = (void (*)(void))dlsym(RTLD_NEXT, "gc_collect");
  real_gc.base = (void *(*)(const void *))dlsym(RTLD_NEXT, "gc_base");
  real_gc.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "gc_malloc");
}

static bool record_is_dead(const void *block) {
  return real_gc.base(block) != block;
}

static void *record_gleaner(void *block, size_t size) {
  if (block == NULL || !record_is_on()) return block;
  record_note_allocation(block, size, true);
  if (record_until_collection-- > 0) return block;
  record_until_collection = RECORD_COLLECT_EVERY;
  real_gc.collect();
  record_note_dead(record_is_dead);
  return block;
}

RECORD_EXPORT void *gc_malloc(size_t size) {
  record_find_gleaner();
  return record_gleaner(real_gc.malloc(size), size);
}

RECORD_EXPORT void *gc_malloc_atomic(size_t size) {
  record_find_gleaner();
  return record_gleaner(real_gc.malloc_atomic(size), size);
}

RECORD_EXPORT void *gc_malloc_uncollectable(size_t size) {
  record_find_gleaner();
  return record_gleaner(real_gc.malloc_uncollectable(size), size);
}

RECORD_EXPORT void *gc_calloc(size_t count, size_t size) {
  record_find_gleaner();
  return record_gleaner(real_gc.calloc(count, size), count * size);
}

RECORD_EXPORT void *gc_aligned_alloc(size_t alignment, size_t size) {
  record_find_gleaner();
  return record_gleaner(real_gc.aligned_alloc(alignment, size), size);
}

RECORD_EXPORT void *gc_realloc(void *block, size_t size) {
  record_find_gleaner();
  if (block == NULL) return gc_malloc(size);
  return record_note_resize(block, real_gc.realloc(block, size), size);
}

RECORD_EXPORT void gc_free(void *block) {
  record_find_gleaner();
  record_note_free(block);
  real_gc.free(block);
}
