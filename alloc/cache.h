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

#include "arena.h"
#include "heap.h"
#include "types.h"

/* ---------------------------------------------------------------- busy-ness */

/* Leave, wait until the gate is open, and enter again. */
void gl_cache_wait_at_gate(struct gl_cache *cache);

GL_INLINE void gl_cache_enter(struct gl_cache *cache) {
  __atomic_store_n(&cache->busy, 1, __ATOMIC_RELAXED);
  GL_SIGNAL_FENCE();
}

/* Whether a thread has the cache and is inside the allocator with it. */
GL_INLINE bool gl_cache_is_entered(const struct gl_cache *cache) {
  return cache->busy != 0 && cache->in_use;
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
  if (GL_UNLIKELY(gl_cache_is_asked_on_leaving(cache))) gl_heap.on_leave(cache);
}

/* So much was freed that it is time to look whether memory can go back; the
   cache is not entered. */
void gl_cache_look(struct gl_cache *cache);

/* Enter for a slow path, which waits at a gate that is shut.  Fast paths
   need not: they find nothing while it is. */
GL_INLINE void gl_cache_enter_slow(struct gl_cache *cache) {
  gl_assert(cache->in_use || cache == &gl_cache_none);
  gl_cache_enter(cache);
  if (GL_UNLIKELY(__atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) != 0))
    gl_cache_wait_at_gate(cache);
}

/* --------------------------------------------------------------- accounting */

/* True where it is time for gl_cache_look. */
GL_INLINE bool gl_cache_count_freed(struct gl_cache *cache, size_t granules) {
  cache->look_in_granules -= (int64_t)granules;
  return cache->look_in_granules < 0;
}

/* The block at a granule becomes free memory, in no list so far. */
GL_INLINE void gl_cache_free_tag(struct gl_cache *owner, struct gl_arena *arena,
                                 size_t granule, size_t granules) {
  gl_assert(granules != 0 && (granule + granules - 1) / GL_ARENA_GRANULES ==
                                 gl_arena_index(arena));
  gl_tags_set_free(gl_heap.tags, granule);
  arena->free_granules += (uint32_t)granules;
  gl_cache_count_freed(owner, granules);
}

/* Whether what an arena says of its lane is true of one of a cache. */
GL_INLINE bool gl_lane_suits(const struct gl_cache *cache,
                             const struct gl_arena *arena) {
  const struct gl_lane *lane =
      (const struct gl_lane *)((const char *)cache + arena->lane_offset);
  return gl_lane_is_of(cache, lane) && (unsigned)lane->kind == arena->kind;
}

GL_INLINE struct gl_lane *gl_lane_of(struct gl_cache *cache,
                                     const struct gl_arena *arena) {
  gl_assert(gl_lane_suits(cache, arena));
  return (struct gl_lane *)((char *)cache + arena->lane_offset);
}

/* ---------------------------------------------------------------- Fast path */

/* The granule at p, counted from the start of the heap; not below its extent
   where p is outside of the heap or no granule begins there. */
GL_INLINE size_t gl_cache_granule(const char *p) {
  uintptr_t offset = (uintptr_t)p - gl_heap.base;
  return offset >> GL_GRANULE_SHIFT | offset << (64 - GL_GRANULE_SHIFT);
}

GL_INLINE void gl_zero_granule(char *p) {
  typedef uint64_t pair __attribute__((vector_size(16), may_alias));
  *(pair *)p = (pair){0, 0};
}

/* The granule at p, or that at last where p is beyond it; without a branch. */
GL_INLINE void gl_zero_granule_until(char *p, char *last) {
  p = p < last ? p : last;
  __asm__("" : "+r"(p)); /* or it is a branch */
  gl_zero_granule(p);
}

/* What gl_zero_granules zeroes before it looks at the length. */
#define GL_ZERO_FEW 4

/* Zero granules of 16 bytes, of which there are few: up to four without a
   branch, or one is mispredicted for each block where sizes are random.  Blocks
   of up to `few` granules are done then: that is four, or none where blocks on
   both sides of it are asked for.  Up to eight there is no other branch. */
GL_INLINE void gl_zero_granules(void *p, size_t granules, size_t few) {
  char *at = p, *last = at + ((granules - 1) << GL_GRANULE_SHIFT);
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  gl_zero_granule(at);
  gl_zero_granule_until(at + 16, last);
  gl_zero_granule_until(at + 32, last);
  gl_zero_granule(last);
  if (granules <= few) return;
  gl_zero_granule_until(at + 48, last);
  gl_zero_granule_until(at + 64, last);
  gl_zero_granule_until(at + 80, last);
  gl_zero_granule_until(at + 96, last);
  for (at += 112; at < last; at += GL_GRANULE_BYTES) {
    gl_zero_granule(at);
    __asm__("" : "+r"(at)); /* or it becomes a call of memset */
  }
}

/* A block in a quick list tells by its seal whether the program wrote to it
   after it freed it.  (Looking instead whether the tags say that the link leads
   to a free block took three times as many instructions, and a line of
   tags.) */
GL_INLINE uint64_t gl_quick_seal(const struct gl_quick *block) {
  return block->link ^ (uintptr_t)block;
}

GL_INLINE bool gl_quick_is_sealed(const struct gl_quick *block) {
  return GL_LIKELY(block->seal == gl_quick_seal(block));
}

GL_INLINE struct gl_quick *gl_quick_next(const struct gl_quick *block) {
  return (struct gl_quick *)(block->link ^ gl_heap.secret);
}

GL_INLINE void gl_quick_link(struct gl_quick *block,
                             const struct gl_quick *next) {
  block->link = (uintptr_t)next ^ gl_heap.secret;
  block->seal = gl_quick_seal(block);
}

/* Take the head of a quick list, whose seal was looked at, and tag it as a
   white block. */
GL_INLINE void gl_lane_pop(struct gl_cache *cache, struct gl_lane *lane,
                           struct gl_quick *block, size_t size_class,
                           size_t granules) {
  gl_assert(size_class < GL_CLASSES && lane->quick[size_class] == block);
  gl_assert(gl_lane_is_of(cache, lane));
  lane->quick[size_class] = gl_quick_next(block);
  struct gl_tags *line = gl_tags_at((uintptr_t)block);
  uint64_t bit = gl_tags_bit((uintptr_t)block >> GL_GRANULE_SHIFT);
  line->block |= bit;
  GL_STORE_FENCE(); /* there is a tag at any time */
  line->mark ^= bit;
  cache->reused_granules += granules;
}

/* Signed, so that nothing fits where no hole is open, without a subtraction
   more: addresses are below half of what a word holds. */
GL_INLINE bool gl_hole_is_ready(const struct gl_hole *hole, size_t bytes) {
  return GL_LIKELY((intptr_t)hole->cur - (intptr_t)bytes >=
                   (intptr_t)hole->limit);
}

/* Cut a block off the open hole, which is ready for it. */
GL_INLINE void *gl_lane_bump(struct gl_lane *lane, size_t bytes) {
  uintptr_t p = (uintptr_t)lane->hole.cur - bytes;
  gl_assert(p >= (uintptr_t)lane->hole.limit &&
            !gl_tags_is_block(gl_heap.tags, gl_granule_of((void *)p)));
  gl_tags_at(p)->block |= (uint64_t)1 << (p >> GL_GRANULE_SHIFT & 63);
  lane->hole.cur = (char *)p;
  return (void *)p;
}

/* Allocate a block of up to gl_heap.small_most bytes: true, and *taken.  The
   cache is entered, or cannot be stopped. */
GL_INLINE bool gl_cache_try_take(struct gl_cache *cache, size_t size,
                                 enum gl_kind kind, void **taken) {
  size_t granules = gl_heap.small_granules[size];
  struct gl_lane *lane = &cache->lane[kind];
  struct gl_quick *block = lane->quick[granules];
  if (GL_UNLIKELY(block !=
                  NULL)) { /* not rare, but the hole's path is straight */
    if (!gl_quick_is_sealed(block)) return false;
    gl_lane_pop(cache, lane, block, granules, granules);
    if (gl_kind_is_zeroed(kind)) gl_zero_granules(block, granules, lane->few);
    *taken = block;
    return true;
  }
  size_t bytes = granules << GL_GRANULE_SHIFT;
  if (!gl_hole_is_ready(&lane->hole, bytes)) return false;
  *taken = gl_lane_bump(lane, bytes);
  return true;
}

/*
 * Allocate size bytes of a kind: true, and *taken.  False, and what is left to
 * do is for gl_cache_finish_allocate, where a stop was asked for, or nothing
 * was found: then the cache may still be entered.
 *
 * Everything rare is left to a call that is the last thing the caller does, so
 * that this path saves no registers.
 */
GL_INLINE bool gl_cache_try_allocate(struct gl_cache *cache, size_t size,
                                     enum gl_kind kind, void **taken) {
  *taken = NULL;
  if (GL_UNLIKELY(size > gl_heap.small_most)) return false;
  gl_cache_enter(cache);
  if (!gl_cache_try_take(cache, size, kind, taken)) return false;
  return GL_LIKELY(!gl_cache_is_asked_on_leaving(cache));
}

/* The same for a pointer-free block and gl_lean_self, which is not entered. */
GL_INLINE bool gl_lean_try_allocate(size_t size, void **taken) {
  *taken = NULL;
  if (GL_UNLIKELY(size > gl_heap.small_most)) return false;
  return gl_cache_try_take(gl_lean_self, size, GL_ATOMIC, taken);
}

/* A medium block of a quick list, or NULL.  Leaves errno alone. */
void *gl_cache_pop_medium(struct gl_cache *cache, size_t size,
                          enum gl_kind kind);

GL_INLINE bool gl_cache_is_large(size_t size) {
  return size > GL_MEDIUM_MAX_BYTES - gl_heap.pad_bytes;
}

/* The class for a size that is neither small nor large. */
GL_INLINE struct gl_class gl_cache_medium_class(size_t size) {
  size_t padded = size + gl_heap.pad_bytes + GL_GRANULE_BYTES - 1;
  gl_assert(size > gl_heap.small_most && !gl_cache_is_large(size));
  return gl_medium_class(padded >> GL_GRANULE_SHIFT);
}

/* The same, pointer-free, for gl_lean_self; also NULL where the list's first
   block was written to, which gl_cache_pop_medium reports. */
GL_INLINE void *gl_lean_try_take_medium(size_t size) {
  struct gl_class class = gl_cache_medium_class(size);
  struct gl_cache *cache = gl_lean_self;
  struct gl_lane *lane = &cache->lane[GL_ATOMIC + GL_KIND_COUNT];
  if (lane->quick[class.index] == NULL) lane = &cache->lane[GL_ATOMIC];
  struct gl_quick *block = lane->quick[class.index];
  if (block == NULL || !gl_quick_is_sealed(block)) return NULL;
  gl_lane_pop(cache, lane, block, class.index, class.granules);
  return block;
}

/* What is left to do after gl_cache_try_allocate; NULL where the slow path
   must. */
void *gl_cache_finish_allocate(struct gl_cache *cache, size_t size,
                               enum gl_kind kind, void *taken);

GL_INLINE void *gl_cache_allocate(struct gl_cache *cache, size_t size,
                                  enum gl_kind kind) {
  void *p;
  if (gl_cache_try_allocate(cache, size, kind, &p)) return p;
  return gl_cache_finish_allocate(cache, size, kind, p);
}

/* A freed block goes to the quick list of its size class. */
GL_INLINE void gl_lane_push(struct gl_lane *lane, char *p, size_t size_class) {
  struct gl_quick *block = (struct gl_quick *)p;
  struct gl_quick **list = &lane->quick[size_class];
  gl_assert(size_class < GL_CLASSES &&
            gl_tags_is_free(gl_heap.tags, gl_granule_of(p)));
  gl_quick_link(block, *list);
  *list = block;
}

/* The seal of a block on its way to its owner, another one than in a quick
   list, since it stays in the block when that is allocated again.  It tells a
   second free, and a program that writes to the block after freeing it. */
GL_INLINE uint64_t gl_cache_seal(const struct gl_quick *sent) {
  return ((uintptr_t)sent ^ sent->link) * 0x9E3779B97F4A7C15u ^ gl_heap.secret;
}

/* Whether the block at p is on its way to its owner: freed, but not yet taken
   in. */
GL_INLINE bool gl_cache_is_sent(const void *p) {
  const struct gl_quick *sent = p;
  return sent->seal == gl_cache_seal(sent);
}

/* The same, without a look at the block where none was ever sent: it may be far
   away. */
GL_INLINE bool gl_cache_may_be_sent(const void *p) {
  return GL_UNLIKELY(__atomic_load_n(&gl_heap.sends, __ATOMIC_RELAXED)) &&
         gl_cache_is_sent(p);
}

/* The size in granules of the block at granule, by the tags: gl_tags_next,
   without a call. */
GL_INLINE size_t gl_cache_tagged_size(size_t granule) {
  const struct gl_tags *line = gl_tags_line(gl_heap.tags, granule);
  size_t at = granule | 63, last = granule | (GL_ARENA_GRANULES - 1);
  gl_assert(gl_tags_is_block(gl_heap.tags, granule) ||
            gl_tags_is_marked(gl_heap.tags, granule));
  uint64_t tags = (line->block | line->mark) >> (granule & 63) >> 1;
  if (tags != 0) return gl_lowest(tags) + 1;
  for (; last - at >= 256 && !gl_tags_any_of_four(line + 1); at += 256)
    line += 4;
  for (; at != last; at += 64) {
    line++;
    tags = line->block | line->mark;
    if (tags != 0) return at + 1 + gl_lowest(tags) - granule;
  }
  return last + 1 - granule;
}

/* The granules of the block of the cache, which is entered, that starts at p; 0
   where it is not easily found, and where there is none. */
GL_INLINE size_t gl_cache_find_granules(const struct gl_cache *cache,
                                        const char *p) {
  size_t granule = gl_cache_granule(p);
  if (GL_UNLIKELY(granule >= gl_heap.extent_granules || gl_heap.slow_only))
    return 0;
  const struct gl_arena *arena = gl_arena_of(p);
  bool own = gl_arena_owner(arena) == cache && gl_arena_is_swept(arena);
  if (GL_UNLIKELY(!own || !gl_tags_is_block(gl_heap.tags, granule) ||
                  gl_cache_may_be_sent(p)))
    return 0;
  return gl_cache_tagged_size(granule);
}

/* The same, and all of the block; false where those are 0. */
bool gl_cache_find_own(const struct gl_cache *cache, const void *p,
                       struct gl_block *block);

/* The start of the block that contains p: of most small blocks of the cache,
   which is entered; NULL for others, and where there is none. */
GL_INLINE void *gl_cache_find_base(const struct gl_cache *cache,
                                   const void *p) {
  if (GL_UNLIKELY(gl_heap.slow_only || !gl_in_heap(p))) return NULL;
  const struct gl_arena *arena = gl_arena_of(p);
  bool own = gl_arena_owner(arena) == cache && gl_arena_is_swept(arena);
  if (GL_UNLIKELY(!own)) return NULL;
  const struct gl_tags *line = gl_tags_at((uintptr_t)p);
  size_t granule = gl_granule_of(p);
  uint64_t tags = (line->block | line->mark) << (~granule & 63);
  if (GL_UNLIKELY(tags == 0)) return NULL;
  granule -= 63 - gl_log2(tags);
  void *start = gl_granule_address(granule);
  bool taken = (line->block >> (granule & 63) & 1) != 0;
  return GL_LIKELY(taken && !gl_cache_may_be_sent(start)) ? start : NULL;
}

/* How far the fast path of gc_free came. */
enum gl_freed {
  GL_FREED_DONE,
  GL_FREED_NOTHING,   /* not yet: the cache is still entered */
  GL_FREED_ELSEWHERE, /* the same, in an arena that is not the cache's */
  GL_FREED_LONG,      /* the same, the cache's own, but no small block */
  GL_FREED_LOOK,      /* freed, time for gl_cache_look; the cache is entered */
  GL_FREED_ASKED      /* freed, and a stop was asked for: gl_heap.on_leave */
};

GL_INLINE bool gl_cache_is_last_line(size_t granule) {
  return (~granule & (GL_ARENA_GRANULES - 64)) == 0;
}

/*
 * The size in granules of a block of at most a KiB, which ends in the line of
 * its tag or in the next, or where the arena does; 0 if it does not.  There are
 * two ways to find it.  One looks at the line, and at the next where it must:
 * best where blocks are small, or alike.  Of blocks of some hundred bytes and
 * random sizes a processor mispredicts a third of those branches; for them
 * there is one that always looks at both.  See gl_cache_look, which chooses.
 */
GL_INLINE size_t gl_cache_size_in_two(const struct gl_tags *line,
                                      size_t granule) {
  uint64_t here = line[0].block | line[0].mark, next = ~(uint64_t)0;
  gl_assert(line == gl_tags_line(gl_heap.tags, granule));
  if (GL_LIKELY(!gl_cache_is_last_line(granule)))
    next = line[1].block | line[1].mark;
  size_t shift = granule, unshift = ~granule;
  __asm__("" : "+r"(shift), "+r"(unshift)); /* or they are masked first */
  uint64_t above = here >> (shift & 63) >> 1 | next << (unshift & 63);
  return GL_LIKELY(above != 0) ? (size_t)gl_lowest(above) + 1 : 0;
}

/* Blocks of so many granules that end beyond their line are counted. */
#define GL_STRADDLER_GRANULES 12u

GL_INLINE size_t gl_cache_size_in_one(struct gl_cache *cache,
                                      const struct gl_tags *line,
                                      size_t granule) {
  size_t shift = granule;
  __asm__("" : "+r"(shift)); /* or it is masked, which the processor does */
  uint64_t tags = (line->block | line->mark) >> (shift & 63);
  uint64_t above = tags & (tags - 1); /* without the block's own */
  if (GL_LIKELY(above != 0)) {
    size_t granules = gl_lowest(above);
    if (granules == 0) __builtin_unreachable();
    return granules;
  }
  /* Not by the function above, whose parts gcc would pull ahead of the
     branch. */
  size_t here = (~granule & 63) + 1;
  if (gl_cache_is_last_line(granule)) return here;
  uint64_t next = line[1].block | line[1].mark;
  size_t granules = next == 0 ? 0 : here + gl_lowest(next);
  cache->straddlers += granules >= GL_STRADDLER_GRANULES;
  return granules <= GL_EXACT_CLASSES ? granules : 0;
}

/* Free the small block at a granule, where it is the cache's and behind the
   cursor.  wide, a constant, is which of the two ways it takes. */
GL_INLINE enum gl_freed gl_cache_try_take_back(struct gl_cache *cache, char *p,
                                               size_t granule, bool wide) {
  struct gl_arena *arena =
      &gl_heap.arenas[granule >> (GL_ARENA_SHIFT - GL_GRANULE_SHIFT)];
  struct gl_tags *line = gl_tags_at((uintptr_t)p);
  if (GL_UNLIKELY(gl_arena_owner(arena) != cache)) return GL_FREED_ELSEWHERE;
  if (GL_UNLIKELY((uintptr_t)p >= arena->bound)) return GL_FREED_NOTHING;
  uint64_t bit = gl_tags_bit(granule);
  if (GL_UNLIKELY((line->block & bit) == 0)) return GL_FREED_NOTHING;
  size_t granules = wide ? gl_cache_size_in_two(line, granule)
                         : gl_cache_size_in_one(cache, line, granule);
  if (GL_UNLIKELY(granules == 0)) return GL_FREED_LONG;
  struct gl_lane *lane = gl_lane_of(cache, arena);
  size_t bytes = granules << GL_GRANULE_SHIFT;
  gl_assert(granule % GL_ARENA_GRANULES + granules <= GL_ARENA_GRANULES);
  GL_SIGNAL_FENCE(); /* or the tags are kept, in two more registers */
  /* The first block of an arena is not the newest: the hole it seems to be cut
     from is the arena's before. */
  if (p == lane->hole.cur && granule % GL_ARENA_GRANULES != 0) {
    line->block ^= bit;
    if (gl_kind_is_zeroed(lane->kind)) gl_zero_granules(p, granules, lane->few);
    lane->hole.cur = p + bytes;
    cache->withdrawn_bytes += bytes;
  } else {
    line->mark |= bit;
    GL_STORE_FENCE();
    line->block ^= bit;
    gl_lane_push(lane, p, granules);
    arena->free_granules += (uint32_t)granules;
    if (GL_UNLIKELY(gl_cache_count_freed(cache, granules)))
      return GL_FREED_LOOK;
  }
  return GL_FREED_DONE;
}

/* The same for any address. */
GL_INLINE enum gl_freed gl_cache_try_free_entered(struct gl_cache *cache,
                                                  char *p, bool wide) {
  size_t granule = gl_cache_granule(p);
  if (GL_UNLIKELY(granule >= gl_heap.extent_granules)) return GL_FREED_NOTHING;
  return gl_cache_try_take_back(cache, p, granule, wide);
}

/* After GL_FREED_LONG: the same again where the block is the newest of its hole
   or has a size between two classes. */
GL_INLINE enum gl_freed gl_cache_take_back_long(struct gl_cache *cache,
                                                char *p) {
  struct gl_arena *arena = gl_arena_of(p);
  gl_assert(gl_arena_owner(arena) == cache && (uintptr_t)p < arena->bound);
  struct gl_lane *lane = gl_lane_of(cache, arena);
  size_t granule = gl_granule_of(p), granules = gl_cache_tagged_size(granule);
  if (granules <= GL_EXACT_CLASSES || p == lane->hole.cur) return GL_FREED_LONG;
  struct gl_class class = gl_medium_class(granules);
  if (class.granules != granules) return GL_FREED_LONG;
  gl_cache_free_tag(cache, arena, granule, granules);
  gl_lane_push(lane, p, class.index);
  return GL_UNLIKELY(cache->look_in_granules < 0) ? GL_FREED_LOOK
                                                  : GL_FREED_DONE;
}

/*
 * Free a small block of the calling thread's.  As in gl_cache_try_allocate
 * everything else is left to a call that is the last thing the caller does:
 * with the calls in here it saved six registers, a quarter of its instructions.
 */
GL_INLINE enum gl_freed gl_cache_try_free(struct gl_cache *cache, char *p,
                                          bool wide) {
  gl_cache_enter(cache);
  enum gl_freed freed = gl_cache_try_free_entered(cache, p, wide);
  if (GL_UNLIKELY(freed != GL_FREED_DONE)) return freed;
  return GL_UNLIKELY(gl_cache_is_asked_on_leaving(cache)) ? GL_FREED_ASKED
                                                          : GL_FREED_DONE;
}

/* The same for gl_lean_self, which is not entered, nor is it afterwards. */
GL_INLINE enum gl_freed gl_lean_try_free(char *p, bool wide) {
  return gl_cache_try_free_entered(gl_lean_self, p, wide);
}

/* After GL_FREED_ELSEWHERE: gather the block to send it where others went;
   false where that is not so simple. */
bool gl_lean_try_send(char *p);

/* The next step after gl_cache_try_free, which leaves errno alone: free a
   longer block, send another thread's.  GL_FREED_NOTHING where the slow path
   must: to wait at the gate, to sweep, to say what is wrong. */
enum gl_freed gl_cache_free_more(struct gl_cache *cache, char *p,
                                 enum gl_freed freed);

/* What is left to do after that or after gl_cache_try_free; true where the
   block is freed. */
bool gl_cache_finish_free(struct gl_cache *cache, char *p, enum gl_freed freed);

GL_INLINE bool gl_cache_free(struct gl_cache *cache, char *p) {
  enum gl_freed freed = gl_cache_try_free(cache, p, false);
  return freed == GL_FREED_DONE || gl_cache_finish_free(cache, p, freed);
}

/* --------------------------------------------------------- out of line */

/* A cache that no thread has is one of the heap's.  Wants the lock. */
void gl_cache_init(struct gl_cache *cache);

/* A cache for the calling thread: one whose thread has ended, best the one that
   the block at freed, if any, came from; or a new one.  Wants the lock.  NULL
   where the system refuses. */
struct gl_cache *gl_cache_acquire(const void *freed);

/* The calling thread gives its cache up.  Takes the lock. */
void gl_cache_release(struct gl_cache *cache);

/* The thread of this cache is gone without having released it.  Wants the lock
   and a stopped world. */
void gl_cache_abandon(struct gl_cache *cache);

/* Make a torn cache whole: what is known of it anew, by its tags.  Wants the
   lock. */
void gl_cache_mend(struct gl_cache *cache);

/* Allocate a block of up to GL_MEDIUM_MAX_GRANULES; the cache is entered. */
void *gl_cache_allocate_slow(struct gl_cache *cache, size_t granules,
                             enum gl_kind kind, enum gl_want *want);

/* A block at an aligned address, where one is at hand, or NULL; entered. */
void *gl_cache_try_take_aligned(struct gl_cache *cache, size_t granules,
                                size_t align, enum gl_kind kind);

/* Free a block that is in an arena, checked to be allocated; entered. */
enum gl_fault gl_cache_free_slow(struct gl_cache *cache, struct gl_arena *arena,
                                 char *p);

/* Take a block that is on its way off its chain: true, and *next, NULL after
   the last.  False where it is not what was sent, which has been reported then,
   and the rest of the chain is lost. */
bool gl_cache_take_off(struct gl_quick *block, struct gl_quick **next);

/* Report that a block which was sent is not what it was. */
void gl_cache_refuse_sent(const struct gl_quick *block);

_Static_assert(GL_CHAINS == 8, "all of the inbox, below");

GL_INLINE uintptr_t gl_cache_mail(const struct gl_cache *cache, unsigned i) {
  return (uintptr_t)__atomic_load_n(&cache->inbox[i], __ATOMIC_RELAXED) |
         (uintptr_t)__atomic_load_n(&cache->inbox[i + 1], __ATOMIC_RELAXED);
}

/* Whether others sent something that was not taken in yet. */
GL_INLINE bool gl_cache_has_mail(const struct gl_cache *cache) {
  return (gl_cache_mail(cache, 0) | gl_cache_mail(cache, 2) |
          gl_cache_mail(cache, 4) | gl_cache_mail(cache, 6)) != 0;
}

/* Send what was gathered for another cache, and take in what others sent. */
void gl_cache_flush_outbox(struct gl_cache *cache);
void gl_cache_drain_inbox(struct gl_cache *cache);

/* Let the budget know what was allocated and freed. */
void gl_cache_settle(struct gl_cache *cache);

/* --------------------------------------------------- lanes (lane.c, hole.c) */

/* Allocate a block that no quick list has: a small one, or a medium one, of a
   class's size.  NULL, and *want, where there is no memory for it. */
void *gl_lane_allocate_small(struct gl_cache *cache, struct gl_lane *lane,
                             size_t granules, enum gl_want *want);
void *gl_lane_allocate_medium(struct gl_cache *cache, struct gl_lane *lane,
                              size_t granules, enum gl_want *want);

/* Cut up to count blocks of a small size off what is ready of the open hole,
   lowest first.  Returns how many. */
size_t gl_lane_carve(struct gl_lane *lane, size_t granules, void **blocks,
                     size_t count);

/* Cut a small block at an aligned address off what is ready of the open hole,
   or NULL. */
void *gl_lane_bump_aligned(struct gl_cache *cache, struct gl_lane *lane,
                           size_t granules, size_t align);

/* Close the open hole; what is left of it is a free run, and goes into a bin
   if that is wanted. */
void gl_lane_close(struct gl_cache *cache, struct gl_lane *lane, bool into_bin);

/* A small block of a quick list, or NULL: what was written to meanwhile is
   reported. */
void *gl_lane_try_pop_small(struct gl_cache *cache, struct gl_lane *lane,
                            size_t granules);

/* Say which free runs go to the quick lists of a lane; none do where its blocks
   are not small, or the slow paths are to be taken. */
void gl_lane_set_lists(const struct gl_cache *cache, struct gl_lane *lane,
                       enum gl_lists lists);

/* What was asked for before the last collection but one does not count any
   more. */
void gl_lane_forget_asked(struct gl_lane *lane);

/* Forget quick lists and bins, and make every arena with room pending. */
void gl_lane_rescan(struct gl_cache *cache, struct gl_lane *lane);

/* Whether bytes can be found behind the block [p, p + size) of the calling
   thread: extends it to the size wanted.  The cache is entered. */
bool gl_lane_try_extend(struct gl_cache *cache, struct gl_lane *lane, char *p,
                        size_t granules, size_t wanted);

/* Prove that what the lane has is as it should be. */
bool gl_lane_check(const struct gl_cache *cache, const struct gl_lane *lane);

/* --------------------------------------------- common arenas (common.c) */

/* There is more than one cache.  Wants the lock. */
void gl_common_open(void);

/* Whether an arena, whose owner did not open it if it is idle, is to be common;
   living: caches that a thread has.  In a stopped world. */
bool gl_common_takes(const struct gl_arena *arena, size_t living);

/* Whether there are arenas for a lane, by number; and any whose pages can go.
   Without the lock: an answer that may be old. */
bool gl_common_has(size_t lane);
bool gl_common_is_idle(void);

/* An arena becomes the last of a lane of the cache, which is entered; NULL
   where there is none.  Wants the lock. */
struct gl_arena *gl_common_adopt(struct gl_cache *cache, size_t lane);

/* ----------------------------------------------- spare blocks (spares.c) */

/* Free the large block that begins at a page, and keep it.  Returns its pages;
   0 where it is not to be kept, or is no block any more.  Entered. */
size_t gl_spares_put(struct gl_cache *cache, size_t page);

/* A pointer-free large block of *pages or a few more: its first page, and how
   many they are.  0 where there is none.  Entered. */
size_t gl_spares_take(struct gl_cache *cache, size_t *pages);

/* Make all of a cache's free runs, and those of all caches; false where there
   were none.  Want the heap lock. */
bool gl_spares_give_back(struct gl_cache *cache);
bool gl_spares_give_back_all(void);

/* gl_runs_take; where there is no room, once more without any spare blocks. */
size_t gl_spares_take_run(size_t pages, size_t align);

/* Pages of all of a cache's. */
size_t gl_spares_pages(const struct gl_cache *cache);

/* Whether the large block at a page is one. */
bool gl_spares_have(const struct gl_cache *cache, size_t page);

/* ----------------------------------------------------- giving back (trim.c) */

/*
 * Forget quick lists and bins, turn empty arenas into free runs, and discard
 * free pages of the others if that is wanted.  Wants the heap lock, and a cache
 * that is the calling thread's, entered, or nobody's.  Returns pages discarded.
 */
size_t gl_cache_trim(struct gl_cache *cache, bool discard);

/* The same for every cache that is nobody's; where nothing is to be discarded,
   for those that were sent something. */
size_t gl_cache_trim_orphans(bool discard);

/* Where it was too early before.  The cache is entered, its lanes are in order;
   a collection may come. */
void gl_cache_trim_late(struct gl_cache *cache);

/* Bytes of the blocks in the cache's arenas. */
int64_t gl_cache_live_bytes(const struct gl_cache *cache);

/* Prove it of all lanes. */
bool gl_cache_check(const struct gl_cache *cache);

#endif
