/* SPDX-License-Identifier: MIT */
/*
 * api.c: the public functions that work on blocks.  Each is a fast path of the
 * thread's own cache and one slow function behind it, which sets up, adopts the
 * thread, collects, asks the program for room, and reports misuse.
 *
 * A collection that starts in here scans the stack from the frame of the
 * caller on (entry_sp, taken in the public function).  What only our own frames
 * know, as the block that is being resized, is kept alive by cache->pin.
 */
#include <errno.h>
#include <string.h>

#include "../alloc/cache.h"
#include "gc.h"

/* Blocks that are resized get no more room than they asked for from here on. */
#define API_MOST_TO_GROW ((size_t)16384)

/* An allocation on its way. */
struct api_request {
  size_t size;
  size_t align; /* 0 for a granule */
  enum gl_kind kind;
  uintptr_t entry_sp;
};

/* The handler's data is the program's, and so a root: not in GL_DATA. */
static struct {
  gc_oom_handler *handler; /* NULL for none; under the heap lock */
  void *data;
  uint64_t allocations;    /* counted for GLEANER_STRESS only */
} api = {.handler = NULL};

/* -------------------------------------------------------------- slow halves */

/* The calling thread's cache; NULL, and errno, without memory for one.  A
   thread that has none gets best that of the block which it frees, if any. */
static struct gl_cache *api_cache_to_free(const void *block) {
  if (GL_LIKELY(gl_self != &gl_cache_none)) return gl_self;
  if (gl_setup() &&
      (gl_options.lean ? gl_lean_adopt(block) : gl_threads_adopt(block))) {
    gl_assert(gl_self != &gl_cache_none && gl_self->in_use);
    return gl_self;
  }
  errno = ENOMEM;
  return NULL;
}

static struct gl_cache *api_cache(void) { return api_cache_to_free(NULL); }

/* The handler may call what uses the pin for itself, or jump out: for so long
   what is pinned is in our frames, above its own. */
static bool api_ask_for_room(size_t size) {
  gl_heap_lock(NULL);
  gc_oom_handler *handler = api.handler;
  void *data = api.data;
  gl_heap_unlock();
  if (handler == NULL) return false;
  const void *pinned = gl_self->pin;
  gl_self->pin = NULL;
  bool made = handler(size, data);
  gl_self->pin = pinned;
  return made;
}

static void *api_try(struct gl_cache *cache, const struct api_request *request,
                     enum gl_want *want) {
  gl_assert((unsigned)request->kind < GL_KIND_COUNT);
  gl_assert((request->align & (request->align - 1)) == 0);
  if (request->align > GL_GRANULE_BYTES)
    return gl_heap_allocate_aligned(cache, request->size, request->align,
                                    request->kind, want);
  return gl_heap_allocate(cache, request->size, request->kind, want);
}

static void api_collect_for_stress(uintptr_t entry_sp) {
  uint64_t every = gl_options.stress_every;
  if (every == 0 || !gl_is_collecting()) return;
  uint64_t count = __atomic_add_fetch(&api.allocations, 1, __ATOMIC_RELAXED);
  if (count % every == 0) gl_collect(GL_CAUSE_STRESS, entry_sp);
}

/* Do what a failed try wants.  False where there is nothing left to do. */
static bool api_make_room(const struct api_request *request, enum gl_want want,
                          bool *collected) {
  gl_assert(want != GL_WANT_NOTHING);
  if (want == GL_WANT_COLLECTION) {
    if (!gl_is_collecting() || !gl_collect(GL_CAUSE_BUDGET, request->entry_sp))
      gl_pace_extend_budget();
    return true;
  }
  /* A collection frees no more than the heap holds. */
  if (!*collected && gl_is_collecting() && request->size < gl_heap.size_bytes) {
    *collected = true;
    if (gl_collect(GL_CAUSE_ROOM, request->entry_sp)) return true;
  }
  if (gl_options.debug && gl_debug_empty_queue("gc_malloc", request->entry_sp))
    return true;
  return api_ask_for_room(request->size);
}

static GL_NOINLINE void *api_allocate(const struct api_request *request) {
  struct gl_cache *cache = api_cache();
  bool collected = false;
  if (cache == NULL) return NULL;
  api_collect_for_stress(request->entry_sp);
  for (;;) {
    enum gl_want want;
    void *p = api_try(cache, request, &want);
    gl_error_settle();
    if (p != NULL) return p;
    if (!api_make_room(request, want, &collected)) break;
  }
  errno = ENOMEM;
  return NULL;
}

void *gl_api_take(size_t size, size_t align, enum gl_kind kind,
                  uintptr_t entry_sp) {
  struct api_request request = {size, align, kind, entry_sp};
  gl_assert(gl_options.debug);
  return api_allocate(&request);
}

GL_NOINLINE void *gl_api_allocate(size_t size, size_t align,
                                  enum gl_kind kind, uintptr_t entry_sp) {
  struct api_request request = {size, align, kind, entry_sp};
  int saved = errno;
  bool debug = gl_setup() && gl_options.debug;
  void *p = debug ? gl_debug_allocate(size, align, kind, entry_sp)
                  : api_allocate(&request);
  if (p != NULL) errno = saved;
  return p;
}

/* After gl_cache_try_allocate, where that was not all. */
static GL_NOINLINE void *api_finish_allocate(size_t size, enum gl_kind kind,
                                             void *p, uintptr_t entry_sp) {
  p = gl_cache_finish_allocate(gl_self, size, kind, p);
  return p != NULL ? p : gl_api_allocate(size, 0, kind, entry_sp);
}

/* Allocate while another block, known to our frames alone, stays alive. */
static void *api_allocate_pinned(size_t size, enum gl_kind kind,
                                 const void *pin, uintptr_t entry_sp) {
  struct gl_cache *cache = api_cache();
  if (cache == NULL) return NULL;
  cache->pin = pin;
  void *p = gl_cache_allocate(cache, size, kind);
  if (p == NULL) p = gl_api_allocate(size, 0, kind, entry_sp);
  cache->pin = NULL;
  return p;
}

/* The same for a thread that there is no memory for: the world is not stopped
   while it holds the lock. */
static enum gl_fault api_find_locked(const void *p, struct gl_block *block) {
  gl_heap_lock(NULL);
  enum gl_fault fault = gl_heap_find_exact(p, block);
  gl_heap_unlock();
  return fault;
}

static enum gl_fault api_find_any(const void *p, struct gl_block *block) {
  enum gl_fault fault = gl_heap_find_exact(p, block);
  bool sent = fault == GL_FAULT_NONE && !block->large && gl_cache_is_sent(p);
  return sent ? GL_FAULT_TWICE : fault;
}

/* The block that starts at p, or what is wrong with p. */
static enum gl_fault api_find(const void *p, struct gl_block *block) {
  struct gl_cache *cache = api_cache();
  if (cache == NULL) return api_find_locked(p, block);
  gl_cache_enter_slow(cache);
  enum gl_fault fault = GL_FAULT_NONE;
  if (!gl_cache_find_own(cache, p, block)) fault = api_find_any(p, block);
  gl_cache_leave(cache);
  if (gl_options.debug && fault == GL_FAULT_NONE && gl_debug_is_freed(p)) {
    block->start = NULL;
    fault = GL_FAULT_TWICE;
  }
  gl_assert(fault != GL_FAULT_NONE || block->start == (const char *)p);
  return fault;
}

static enum gl_fault api_free(const char *function, void *p,
                              uintptr_t entry_sp) {
  struct gl_block block;
  if (gl_options.debug && !gl_heap.slow_free) {
    enum gl_fault fault = api_find(p, &block);
    return fault != GL_FAULT_NONE ? fault
                                  : gl_debug_free(function, p, entry_sp);
  }
  struct gl_cache *cache = api_cache_to_free(p);
  /* Check, and keep: by its mode, or since there is no memory to note it. */
  if (gl_heap.slow_free || cache == NULL) return api_find(p, &block);
  return gl_heap_free(cache, p);
}

GL_NOINLINE void gl_api_free(const char *function, void *p,
                             uintptr_t entry_sp) {
  int saved = errno;
  enum gl_fault fault = api_free(function, p, entry_sp);
  if (fault != GL_FAULT_NONE) gl_error_misuse(function, p, fault, entry_sp);
  errno = saved;
}

GL_NOINLINE void gl_api_finish_free(const char *function, void *p,
                                    enum gl_freed freed, uintptr_t entry_sp) {
  gl_assert(freed != GL_FREED_DONE);
  if (!gl_cache_finish_free(gl_self, p, freed) && p != NULL)
    gl_api_free(function, p, entry_sp);
}

/* ---------------------------------------------------------------- Fast path */

GC_API GL_HOT void *gc_malloc(size_t size) {
  void *p;
  if (GL_LIKELY(gl_cache_try_allocate(gl_self, size, GL_SCANNED, &p))) return p;
  return api_finish_allocate(size, GL_SCANNED, p, GL_ENTRY_SP());
}

GC_API GL_HOT void *gc_malloc_atomic(size_t size) {
  void *p;
  if (GL_LIKELY(gl_cache_try_allocate(gl_self, size, GL_ATOMIC, &p))) return p;
  return api_finish_allocate(size, GL_ATOMIC, p, GL_ENTRY_SP());
}

/* The same for blocks of random sizes.  A tail call: no argument is kept for
   the rare case. */
static GL_NOINLINE GL_HOT void api_free_wide(void *block) {
  enum gl_freed freed = gl_cache_try_free(gl_self, block, true);
  if (GL_LIKELY(freed == GL_FREED_DONE)) return;
  gl_api_finish_free("gc_free", block, freed, GL_ENTRY_SP());
}

GC_API GL_HOT void gc_free(void *block) {
  if (GL_UNLIKELY(gl_self->wide != 0)) {
    api_free_wide(block);
    return;
  }
  enum gl_freed freed = gl_cache_try_free(gl_self, block, false);
  if (GL_LIKELY(freed == GL_FREED_DONE)) return;
  gl_api_finish_free("gc_free", block, freed, GL_ENTRY_SP());
}

/* ------------------------------------------------------- other allocations */

GC_API void *gc_malloc_uncollectable(size_t size) {
  return gl_api_allocate(size, 0, GL_UNCOLLECTABLE, GL_ENTRY_SP());
}

GC_API void *gc_calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  void *p;
  if (GL_LIKELY(gl_cache_try_allocate(gl_self, bytes, GL_SCANNED, &p)))
    return p;
  return api_finish_allocate(bytes, GL_SCANNED, p, GL_ENTRY_SP());
}

GC_API void *gc_aligned_alloc(size_t alignment, size_t size) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    errno = EINVAL;
    return NULL;
  }
  return gl_api_allocate(size, alignment, GL_SCANNED, GL_ENTRY_SP());
}

/* More blocks for a pool that is empty, as far as they are at hand. */
static void api_fill_pool(struct gl_cache *cache, struct gc_pool *pool,
                          enum gl_kind kind) {
  gl_assert(cache != &gl_cache_none);
  if (gl_heap.slow_only || pool->size > gl_heap.small_most) return;
  gl_cache_enter_slow(cache);
  pool->count = (unsigned)gl_lane_carve(&cache->lane[kind],
                                        gl_heap.small_granules[pool->size],
                                        pool->blocks, GC_POOL_BLOCKS);
  gl_assert(pool->count <= GC_POOL_BLOCKS);
  gl_cache_leave(cache);
}

GC_API void *gc_pool_refill(struct gc_pool *pool) {
  enum gl_kind kind = pool->pointer_free ? GL_ATOMIC : GL_SCANNED;
  void *p;
  if (GL_UNLIKELY(!gl_cache_try_allocate(gl_self, pool->size, kind, &p)))
    p = api_finish_allocate(pool->size, kind, p, GL_ENTRY_SP());
  if (GL_LIKELY(p != NULL)) api_fill_pool(gl_self, pool, kind);
  return p;
}

GC_API void gc_pool_clear(struct gc_pool *pool) {
  while (pool->count > 0)
    gl_api_free("gc_pool_clear", gc_pool_take(pool), GL_ENTRY_SP());
}

static char *api_copy_string(const char *string, size_t length,
                             uintptr_t entry_sp) {
  char *copy = NULL;
  if (length < SIZE_MAX)
    copy = api_allocate_pinned(length + 1, GL_ATOMIC, string, entry_sp);
  if (copy == NULL) return NULL;
  memcpy(copy, string, length);
  copy[length] = '\0';
  return copy;
}

GC_API char *gc_strdup(const char *string) {
  return api_copy_string(string, strlen(string), GL_ENTRY_SP());
}

GC_API char *gc_strndup(const char *string, size_t length) {
  return api_copy_string(string, strnlen(string, length), GL_ENTRY_SP());
}

/* ----------------------------------------------------------------- resizing */

/* A block that has to move since it grew may grow again: it gets a quarter more
   than it had.  Long ones grow where they are, more often than not.  NULL where
   that much is not at hand: nobody is asked for room that the program did not
   want. */
static void *api_try_more(const struct gl_block *block, size_t size) {
  size_t more = block->size + block->size / 4;
  enum gl_want want;
  if (size <= block->size || size >= more || more > API_MOST_TO_GROW ||
      gl_heap.slow_only || gl_self == &gl_cache_none)
    return NULL;
  void *p = gl_cache_allocate(gl_self, more, block->kind);
  return p != NULL ? p : gl_heap_allocate(gl_self, more, block->kind, &want);
}

/* Bytes of a block that are the program's: its padding may be what a longer one
   has left there.  (In debug mode its size is what was asked for.) */
static size_t api_usable(const struct gl_block *block) {
  return gl_options.debug ? block->size : gl_heap_usable(block);
}

/* Move a block to a new one of another size. */
static void *api_move(const struct gl_block *block, size_t size,
                      uintptr_t entry_sp) {
  void *p = api_try_more(block, size);
  if (p == NULL)
    p = api_allocate_pinned(size, block->kind, block->start, entry_sp);
  if (p == NULL) return NULL;
  gl_assert(gl_self != &gl_cache_none);
  size_t usable = api_usable(block);
  memcpy(p, block->start, size < usable ? size : usable);
  if (!gl_heap.slow_free && !gl_cache_free(gl_self, block->start))
    gl_api_free("gc_realloc", block->start, entry_sp);
  return p;
}

void *gl_api_resize(const char *function, void *block, size_t size,
                    uintptr_t entry_sp) {
  struct gl_block found;
  enum gl_fault fault = api_find(block, &found);
  if (fault != GL_FAULT_NONE) {
    gl_error_misuse(function, block, fault, entry_sp);
    return NULL;
  }
  if (gl_options.debug) found.size = gl_debug_size(block, found.size);
  if (!gl_options.debug && api_cache() != NULL &&
      gl_heap_try_resize(gl_self, &found, size))
    return block;
  return api_move(&found, size, entry_sp);
}

/* After the fast path, where that was not all: the cache may still be
   entered. */
static GL_NOINLINE void *api_realloc(void *block, size_t size,
                                     uintptr_t entry_sp) {
  gl_cache_leave(gl_self);
  if (block == NULL) return gl_api_allocate(size, 0, GL_SCANNED, entry_sp);
  return gl_api_resize("gc_realloc", block, size, entry_sp);
}

GC_API GL_HOT void *gc_realloc(void *block, size_t size) {
  struct gl_cache *cache = gl_self;
  gl_cache_enter(cache);
  size_t granules = gl_cache_find_granules(cache, block);
  if (GL_LIKELY(granules != 0 && gl_heap_may_stay(granules, size) &&
                !gl_cache_is_asked_on_leaving(cache)))
    return block;
  return api_realloc(block, size, GL_ENTRY_SP());
}

size_t gl_api_size(const char *function, const void *block,
                   uintptr_t entry_sp) {
  struct gl_block found;
  if (block == NULL) return 0;
  enum gl_fault fault = api_find(block, &found);
  if (fault == GL_FAULT_NONE)
    return gl_options.debug ? gl_debug_size(block, found.size)
                            : gl_heap_usable(&found);
  gl_error_misuse(function, block, fault, entry_sp);
  return 0;
}

static GL_NOINLINE size_t api_size(const void *block, uintptr_t entry_sp) {
  gl_cache_leave(gl_self);
  return gl_api_size("gc_size", block, entry_sp);
}

GC_API GL_HOT size_t gc_size(const void *block) {
  struct gl_cache *cache = gl_self;
  gl_cache_enter(cache);
  size_t granules = gl_cache_find_granules(cache, block);
  if (GL_LIKELY(granules != 0 && !gl_cache_is_asked_on_leaving(cache)))
    return gl_heap_usable_bytes(granules << GL_GRANULE_SHIFT);
  return api_size(block, GL_ENTRY_SP());
}

static GL_NOINLINE void *api_find_base(const void *address) {
  struct gl_block block = {.start = NULL};
  if (!gl_in_heap(address)) return NULL;
  api_find(address, &block);
  bool freed = gl_options.debug && block.start != NULL &&
               gl_debug_is_freed(block.start); /* but kept for a while */
  return freed ? NULL : block.start;
}

/* After gl_cache_find_base, where that was not all: the cache may still be
   entered. The address is not left on the stack, where it may be of what is
   allocated next. */
static GL_NOINLINE void *api_base(const void *address) {
  gl_cache_leave(gl_self);
  void *start = api_find_base(address);
  gl_stack_wipe_little();
  return start;
}

GC_API GL_HOT void *gc_base(const void *address) {
  struct gl_cache *cache = gl_self;
  gl_cache_enter(cache);
  void *start = gl_cache_find_base(cache, address);
  if (GL_UNLIKELY(start == NULL)) return api_base(address);
  return GL_LIKELY(!gl_cache_is_asked_on_leaving(cache)) ? start
                                                         : api_base(address);
}

/* --------------------------------------------------------------- collecting */

GC_API void gc_collect(void) {
  if (gl_setup() && gl_options.mode != GL_MODE_EXPLICIT)
    gl_collect(GL_CAUSE_PROGRAM, GL_ENTRY_SP());
}

static void api_release(void *data) {
  gl_assert(gl_threads_are_stopped());
  *(size_t *)data = gl_heap.runs.returned_pages;
  gl_heap_find_resident();
  gl_heap_release_empty();
}

GC_API size_t gc_trim(void) {
  size_t before = 0;
  if (!gl_setup()) return 0;
  gl_collect_stopped(api_release, &before);
  gl_heap_lock(NULL);
  gl_heap_scavenge();
  gl_assert(gl_heap.runs.returned_pages >= before);
  size_t pages = gl_heap.runs.returned_pages - before;
  gl_heap_unlock();
  return pages << GL_PAGE_SHIFT;
}

GC_API gc_oom_handler *gc_set_oom_handler(gc_oom_handler *handler,
                                          void *data) {
  gl_heap_lock(NULL);
  gc_oom_handler *before = api.handler;
  api.handler = handler;
  api.data = data;
  gl_heap_unlock();
  return before;
}

/* ----------------------------------------------------------- looking at it */

struct api_walk {
  bool (*visit)(const struct gc_walk_item *item, void *data);
  void *data;
};

static bool api_visit(const struct gl_block *block, bool allocated,
                      void *data) {
  const struct api_walk *walk = data;
  if (gl_options.debug && allocated)
    allocated = !gl_debug_is_freed_locked(block->start);
  struct gc_walk_item item = {.start = block->start,
                              .size = block->size,
                              .allocated = allocated,
                              .scanned = block->kind != GL_ATOMIC,
                              .large = block->large};
  return walk->visit(&item, walk->data);
}

static void api_walk_stopped(void *data) {
  gl_assert(gl_threads_are_stopped());
  gl_heap_quiesce();
  gl_heap_visit(api_visit, data);
}

GC_API void gc_heap_walk(bool (*visit)(const struct gc_walk_item *item,
                                       void *data),
                         void *data) {
  struct api_walk walk = {visit, data};
  if (gl_setup()) gl_collect_stopped(api_walk_stopped, &walk);
}

static void api_prove(void *data) { *(bool *)data = gl_heap_prove(); }

GC_API bool gc_heap_check(void) {
  bool sound = true;
  if (gl_setup()) gl_collect_stopped(api_prove, &sound);
  return sound;
}
