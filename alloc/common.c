/* SPDX-License-Identifier: MIT */
/*
 * common.c: arenas with room in which no thread works, for those that need
 * some.
 *
 * A thread allocates in arenas of its own.  Where there are more threads than
 * processors each of them allocates much at a time, and then nothing while
 * others do: all of them came to own as much room as one needs for all that is
 * allocated between two collections (eight threads on two processors, with 13
 * MB alive, held 71 MB).  So at a collection some arenas with room go to a
 * cache that is nobody's, and threads take them from there before the heap
 * grows: those of threads that have ended; those that their owners did not open
 * since the last one though they had room then (51 MB); and all of them where
 * threads are a crowd (28 MB, as much as other collectors hold, but in 1.5
 * times the time).  Hoard does so with superblocks that are mostly free (Berger
 * and others, ASPLOS 2000).
 *
 * The common cache is like that of a thread that has ended: what is freed in
 * its arenas is sent to it.  It is there from the second cache on, and but for
 * its inbox changes under the heap lock, or in a stopped world.
 */
#include <string.h>

#include "arena.h"
#include "cache.h"

/* Part of an arena that must be free: with less, to give it away is not worth
   while. */
#define COMMON_FREE_PART 8

/* So many threads for each processor are a crowd. */
#define COMMON_CROWD 4

static struct gl_cache common_cache GL_DATA;

void gl_common_open(void) {
  gl_assert(gl_heap.caches != NULL);
  if (gl_heap.common != NULL) return;
  memset(&common_cache, 0, sizeof common_cache);
  gl_heap.common = &common_cache;
  gl_cache_init(&common_cache);
}

static bool common_is_crowd(size_t living) {
  gl_assert(living <= gl_heap.cache_count);
  return gl_heap.processors != 0 && living > COMMON_CROWD * gl_heap.processors;
}

bool gl_common_takes(const struct gl_arena *arena, size_t living) {
  const struct gl_cache *owner = arena->owner;
  gl_assert(gl_lane_is_closed(gl_lane_of(arena->owner, arena)));
  if (gl_heap.common == NULL || owner == gl_heap.common) return false;
  if (arena->free_granules < GL_ARENA_GRANULES / COMMON_FREE_PART) return false;
  if (!owner->in_use) return true;
  return living > 1 && (arena->idle_since != 0 || common_is_crowd(living));
}

/* Who asks without the lock, these two, takes it before anything is done. */
GL_RACES bool gl_common_is_idle(void) {
  for (int i = 0; i < GL_LANES; i++)
    if (common_cache.lane[i].idle != NULL) return true;
  return false;
}

GL_RACES bool gl_common_has(size_t lane) {
  gl_assert(lane < GL_LANES);
  return common_cache.lane[lane].arena_count != 0;
}

/* The lane's first arena is not in it any more. */
static struct gl_arena *common_unlink(struct gl_lane *lane) {
  gl_assert(gl_lane_is_closed(lane));
  struct gl_arena *arena = lane->first;
  if (arena == NULL) return NULL;
  lane->first = arena->next;
  if (lane->last == arena) lane->last = NULL;
  if (lane->idle == arena) lane->idle = arena->next;
  if (lane->pending == arena) lane->pending = arena->next;
  if (lane->half_free == arena) lane->half_free = arena->next;
  lane->arena_count--;
  gl_assert(gl_lane_is_list(lane));
  return arena;
}

struct gl_arena *gl_common_adopt(struct gl_cache *cache, size_t lane) {
  gl_assert(cache != &common_cache && cache->in_use);
  gl_cache_drain_inbox(&common_cache);
  gl_cache_flush_outbox(&common_cache);
  gl_cache_settle(&common_cache);
  struct gl_arena *arena = common_unlink(&common_cache.lane[lane]);
  if (arena == NULL) return NULL;
  gl_assert(arena->owner == &common_cache && arena->bound == 0);
  gl_assert(arena->free_granules <= GL_ARENA_GRANULES);
  int64_t live = (int64_t)(GL_ARENA_GRANULES - arena->free_granules)
                 << GL_GRANULE_SHIFT;
  common_cache.lost_bytes += live;
  cache->lost_bytes -= live;
  /* Who frees a block in it meanwhile may still send that to the common cache,
     from where it goes on. */
  __atomic_store_n(&arena->owner, cache, __ATOMIC_RELAXED);
  gl_arena_append(&cache->lane[lane], arena);
  return arena;
}
