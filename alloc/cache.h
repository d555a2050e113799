/* SPDX-License-Identifier: MIT */
/*
 * cache.h: a thread's own allocator, and the fast paths of allocation and free.
 *
 * Everything here that has an equal of the name _slow in cache.c is meant to be
 * inlined into the public functions.  The fast paths take no lock, do no atomic
 * operation, count nothing but what cannot be derived, and can be interrupted
 * anywhere: the stop signal's handler reads cache->busy.
 */
#ifndef GL_CACHE_H
#define GL_CACHE_H

#include "heap.h"
#include "types.h"

/* ---------------------------------------------------------------- busy-ness */

/* Leave, wait until the gate is open, and enter again. */
void gl_cache_wait_at_gate(struct gl_cache *cache);

GL_INLINE void gl_cache_enter(struct gl_cache *cache) {
  __atomic_store_n(&cache->busy, 1, __ATOMIC_RELAXED);
  GL_SIGNAL_FENCE();
}

/* Leave the allocator; true where a stop was asked for meanwhile. */
GL_INLINE bool gl_cache_is_asked_on_leaving(struct gl_cache *cache) {
  GL_SIGNAL_FENCE();
  __atomic_store_n(&cache->busy, 0, __ATOMIC_RELAXED);
  GL_SIGNAL_FENCE();
  return __atomic_load_n(&cache->stop_wanted, __ATOMIC_RELAXED) != 0;
}

/* Leave the allocator, and stop now where a stop was asked for meanwhile. */
GL_INLINE void gl_cache_leave(struct gl_cache *cache) {
  if (GL_UNLIKELY(gl_cache_is_asked_on_leaving(cache)))
    gl_heap.on_leave(cache);
}

/* So much was freed that it is time to look whether memory can go back; the
   cache is not entered. */
void gl_cache_look(struct gl_cache *cache);

/* Stop, as was asked for; returns p, which stays alive meanwhile. */
void *gl_cache_stop(struct gl_cache *cache, void *p);

/* Take a block of a quick list that is not empty; NULL where the program wrote
   to it after freeing it and the error handler came back. */
void *gl_cache_allocate_quick(struct gl_cache *cache, struct gl_lane *lane,
                              size_t granules);

/* The same for a slow path, which waits at a gate that is shut.  Fast paths
   need not: they find nothing while it is. */
GL_INLINE void gl_cache_enter_slow(struct gl_cache *cache) {
  gl_cache_enter(cache);
  if (GL_UNLIKELY(__atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) != 0))
    gl_cache_wait_at_gate(cache);
}

/* ---------------------------------------------------------------- Fast path */

/* Zero granules of 16 bytes, of which there are few. */
GL_INLINE void gl_zero_granules(void *p, size_t granules) {
  typedef uint64_t pair __attribute__((vector_size(16), may_alias));
  for (pair *at = p, *end = at + granules; at < end; at++) {
    *at = (pair){0, 0};
    __asm__("" : "+r"(at)); /* or it becomes a call of memset */
  }
}

/* Whether a quick list may go on at block: the link to it came from freed
   memory, so it may be a lie. */
GL_INLINE bool gl_cache_is_quick(const struct gl_quick *block) {
  uintptr_t offset = (uintptr_t)block - gl_heap.base;
  if (GL_UNLIKELY(offset >= gl_heap.extent_bytes ||
                  offset % GL_GRANULE_BYTES != 0))
    return false;
  const struct gl_tags *line = gl_tags_at((uintptr_t)block);
  return (line->mark & ~line->block &
          gl_tags_bit(offset >> GL_GRANULE_SHIFT)) != 0;
}

/* The head of a quick list, unlinked and tagged as a white block; NULL where
   the program wrote to it after freeing it and the error handler came back. */
GL_INLINE void *gl_cache_pop(struct gl_cache *cache, struct gl_lane *lane,
                             unsigned size_class, size_t granules) {
  struct gl_quick *block = lane->quick[size_class];
  struct gl_quick *next = (struct gl_quick *)(block->link ^ gl_heap.secret);
  if (GL_UNLIKELY(next != NULL && !gl_cache_is_quick(next))) {
    lane->quick[size_class] = NULL;
    gl_heap.on_corruption(block, "free memory was written to");
    return NULL;
  }
  struct gl_tags *line = gl_tags_at((uintptr_t)block);
  uint64_t bit = gl_tags_bit((uintptr_t)block >> GL_GRANULE_SHIFT);
  lane->quick[size_class] = next;
  line->block |= bit;
  GL_STORE_FENCE(); /* there is a tag at any time */
  line->mark ^= bit;
  cache->reused_bytes += granules << GL_GRANULE_SHIFT;
  return block;
}

/* Cut a block off the open hole, or NULL where that has no room ready. */
GL_INLINE void *gl_lane_try_bump(struct gl_lane *lane, size_t bytes) {
  char *cur = lane->hole.cur;
  if (GL_UNLIKELY(bytes > (size_t)(cur - lane->hole.limit))) return NULL;
  uintptr_t p = (uintptr_t)cur - bytes;
  gl_tags_at(p)->block |= (uint64_t)1 << (p >> GL_GRANULE_SHIFT & 63);
  lane->hole.cur = (char *)p;
  return (void *)p;
}

/*
 * Allocate size bytes of a kind, or NULL where the slow path must.
 *
 * Everything rare is a call that is the last thing its path does, so that this
 * path saves no registers: with the pop of a quick list inlined it took half
 * as many instructions again.
 */
GL_INLINE void *gl_cache_allocate(struct gl_cache *cache, size_t size,
                                  enum gl_kind kind) {
  if (GL_UNLIKELY(size >= GL_SMALL_SIZES)) return NULL;
  size_t granules = gl_small_granules[size];
  struct gl_lane *lane = &cache->lane[kind];
  if (GL_UNLIKELY(lane->quick[granules] != NULL))
    return gl_cache_allocate_quick(cache, lane, granules);
  gl_cache_enter(cache);
  void *p = gl_lane_try_bump(lane, granules << GL_GRANULE_SHIFT);
  if (GL_UNLIKELY(gl_cache_is_asked_on_leaving(cache)))
    return gl_cache_stop(cache, p);
  return p;
}

/* The size in granules of the block at granule in a swept arena, by its
   tags. */
GL_INLINE size_t gl_cache_tagged_size(const struct gl_tags *line,
                                      size_t granule) {
  uint64_t above = (line->block | line->mark) >> (granule & 63) >> 1;
  if (GL_LIKELY(above != 0)) return gl_lowest(above) + 1;
  size_t end = (granule & ~(GL_ARENA_GRANULES - 1)) + GL_ARENA_GRANULES;
  return gl_tags_next(gl_heap.tags, granule + 1, end) - granule;
}

/* Free the newest block of the open hole: the bump pointer moves back. */
GL_INLINE void gl_cache_unbump(struct gl_cache *cache, struct gl_lane *lane,
                               char *p, size_t bytes) {
  if (gl_kind_is_zeroed(lane->kind)) __builtin_memset(p, 0, bytes);
  lane->hole.cur = p + bytes;
  lane->accounted += bytes;
  cache->freed_bytes += bytes;
  cache->charged_bytes += bytes; /* they are the hole's again */
}

/* A freed block goes to the quick list of its size.  One that was shrunk in
   place may have a size between two classes: its tag is enough. */
GL_INLINE void gl_lane_push(struct gl_lane *lane, char *p, size_t granules) {
  if (GL_UNLIKELY(gl_class_granules(granules) != granules)) return;
  struct gl_quick **list = &lane->quick[gl_class_of(granules)];
  struct gl_quick *block = (struct gl_quick *)p;
  block->link = (uintptr_t)*list ^ gl_heap.secret;
  *list = block;
}

/* How far the fast path of gc_free came. */
enum gl_freed {
  GL_FREED_DONE,
  GL_FREED_NOTHING, /* not yet: the cache is still entered */
  GL_FREED_ASKED,   /* freed, and a stop was asked for: gl_heap.on_leave */
  GL_FREED_LOOK     /* freed, and it is time for gl_cache_look */
};

/* The size in granules of a block of at most about a KiB, which ends in the line
   of its tag or in the next, or where the arena does; 0 if it does not. */
GL_INLINE size_t gl_cache_small_size(const struct gl_tags *line,
                                     uintptr_t address, unsigned shift) {
  uint64_t above = (line->block | line->mark) >> shift >> 1;
  if (GL_LIKELY(above != 0)) return gl_lowest(above) + 1;
  size_t here = GL_EXACT_CLASSES - shift;
  if ((address | (GL_LINE_BYTES - 1)) % GL_ARENA_BYTES == GL_ARENA_BYTES - 1)
    return here;
  uint64_t next = line[1].block | line[1].mark;
  size_t granules = next == 0 ? 0 : here + gl_lowest(next);
  return granules <= GL_EXACT_CLASSES ? granules : 0;
}

/*
 * Free a small block of the calling thread's.  As in gl_cache_allocate everything else is left to a call
 * that is the last thing the caller does: with the calls in here it saved six
 * registers, a quarter of its instructions.
 */
GL_INLINE enum gl_freed gl_cache_try_free(struct gl_cache *cache, char *p) {
  gl_cache_enter(cache);
  uintptr_t offset = (uintptr_t)p - gl_heap.base;
  if (GL_UNLIKELY(offset >= gl_heap.extent_bytes || offset % GL_GRANULE_BYTES))
    return GL_FREED_NOTHING;
  struct gl_arena *arena = &gl_heap.arenas[offset >> GL_ARENA_SHIFT];
  struct gl_tags *line = gl_tags_at((uintptr_t)p);
  unsigned shift = (unsigned)((uintptr_t)p >> GL_GRANULE_SHIFT & 63);
  uint64_t bit = (uint64_t)1 << shift;
  if (GL_UNLIKELY(arena->owner != cache || (uintptr_t)p >= arena->bound ||
                  (line->block & bit) == 0))
    return GL_FREED_NOTHING;
  size_t granules = gl_cache_small_size(line, (uintptr_t)p, shift);
  if (GL_UNLIKELY(granules == 0)) return GL_FREED_NOTHING;
  struct gl_lane *lane = &cache->lane[arena->lane];
  size_t bytes = granules << GL_GRANULE_SHIFT;
  /* The first block of an arena is not the newest, see below. */
  if (p == lane->hole.cur && offset % GL_ARENA_BYTES != 0) {
    line->block ^= bit;
    if (gl_kind_is_zeroed(lane->kind)) gl_zero_granules(p, granules);
    lane->hole.cur = p + bytes;
    lane->accounted += bytes;
    cache->charged_bytes += bytes; /* they are the hole's again */
  } else {
    line->mark |= bit;
    GL_STORE_FENCE();
    line->block ^= bit;
    arena->free_granules += (uint32_t)granules;
    struct gl_quick **list = &lane->quick[granules];
    struct gl_quick *block = (struct gl_quick *)p;
    block->link = (uintptr_t)*list ^ gl_heap.secret;
    *list = block;
  }
  uint64_t freed = cache->freed_bytes += bytes;
  if (GL_UNLIKELY(gl_cache_is_asked_on_leaving(cache))) return GL_FREED_ASKED;
  return GL_UNLIKELY(freed >= cache->look_at) ? GL_FREED_LOOK : GL_FREED_DONE;
}

/* After it found nothing to do: the rest of what there is a fast way for.  Leaves
   the cache; false where the slow path must. */
bool gl_cache_free_rest(struct gl_cache *cache, char *p);

/* What is left to do after gl_cache_try_free; true where the block is freed. */
GL_INLINE bool gl_cache_finish_free(struct gl_cache *cache, char *p,
                                    enum gl_freed freed) {
  if (freed == GL_FREED_NOTHING) return gl_cache_free_rest(cache, p);
  if (freed == GL_FREED_ASKED) gl_heap.on_leave(cache);
  if (freed == GL_FREED_LOOK) gl_cache_look(cache);
  return true;
}

GL_INLINE bool gl_cache_free(struct gl_cache *cache, char *p) {
  return gl_cache_finish_free(cache, p, gl_cache_try_free(cache, p));
}

/* --------------------------------------------------------- out of line */

/* A cache for the calling thread: one whose thread has ended, or a new one.
   Wants the lock.  NULL where the system refuses. */
struct gl_cache *gl_cache_acquire(void);

/* The calling thread gives its cache up.  Takes the lock. */
void gl_cache_release(struct gl_cache *cache);

/* The thread of this cache is gone without having released it.  Wants the lock
   and a stopped world. */
void gl_cache_abandon(struct gl_cache *cache);

/* Allocate a block of up to GL_MEDIUM_MAX_GRANULES; the cache is entered. */
void *gl_cache_allocate_slow(struct gl_cache *cache, size_t granules,
                             enum gl_kind kind, enum gl_want *want);

/* Free a block that is in an arena, checked to be allocated; entered. */
enum gl_fault gl_cache_free_slow(struct gl_cache *cache, struct gl_arena *arena,
                                 char *p);

/* Whether the block at p is on its way to its owner: freed, but not yet taken
   in. */
bool gl_cache_is_sent(const void *p);

/* Take a block that is on its way off its chain: the next one, GL_CACHE_LAST
   where it was the last; NULL where it is not what was sent, which has been
   reported then, and the rest of the chain is lost. */
struct gl_quick *gl_cache_next_sent(struct gl_quick *block);
#define GL_CACHE_LAST ((struct gl_quick *)1)

/* Send what was gathered for another cache, and take in what others sent. */
void gl_cache_flush_outbox(struct gl_cache *cache);
void gl_cache_drain_inbox(struct gl_cache *cache);

/* Let the budget know what was allocated and freed. */
void gl_cache_settle(struct gl_cache *cache);

/* Close the open hole; what is left of it is a free run, and goes into a bin
   if that is wanted. */
void gl_lane_close(struct gl_cache *cache, struct gl_lane *lane, bool into_bin);

/* Forget quick lists and bins, and make every arena with room pending. */
void gl_lane_rescan(struct gl_cache *cache, struct gl_lane *lane);

/* Whether bytes can be found behind the block [p, p + size) of the calling
   thread: extends it to the size wanted.  The cache is entered. */
bool gl_lane_try_extend(struct gl_cache *cache, struct gl_lane *lane, char *p,
                        size_t granules, size_t wanted);

/*
 * Forget quick lists and bins, turn empty arenas into free runs, and discard
 * free pages of the others if that is wanted.  Wants the heap lock, and a cache
 * that is the calling thread's, entered, or nobody's.  Returns pages discarded.
 */
size_t gl_cache_trim(struct gl_cache *cache, bool discard);

/* The same for every cache that is nobody's; where nothing is to be discarded,
   for those that were sent something. */
size_t gl_cache_trim_orphans(bool discard);

/* Bytes of the blocks in the cache's arenas. */
int64_t gl_cache_live_bytes(const struct gl_cache *cache);

bool gl_cache_check(const struct gl_cache *cache);

#endif
