/* SPDX-License-Identifier: MIT */
/*
 * hole.c: the hole that a lane cuts its blocks off, from the top down.  What is
 * ready of it is zero, where the kind wants that, and charged; gc_malloc takes
 * it by itself, and comes here for more.  And where a free run goes that is not
 * to be a hole.
 *
 * Called with the cache entered (busy), by lane.c; what cache.h declares of it,
 * by others.
 */
#include "hole.h"

#include <string.h>

#include "arena.h"
#include "bins.h"

/* How far ahead of the bump pointer a hole is made ready: zeroed where it is
   dirty (more would push live data out of the first level cache), or just
   charged to the budget. */
#define HOLE_ZERO_STEP_BYTES ((size_t)2048)
#define HOLE_CHARGE_STEP_BYTES ((size_t)32768)

/* Runs of a quick list that are looked at for one that a block may grow over:
   each may cost a miss, and what grows so is short. */
#define HOLE_LIST_PROBES 8

/* Whether the pointers of a lane's hole are in order, and in one arena. */
static bool hole_is_sound(const struct gl_lane *lane) {
  const struct gl_hole *hole = &lane->hole;
  if (hole->cur == NULL) return hole->start == NULL && hole->limit == NULL;
  return hole->start <= hole->limit && hole->limit <= hole->cur &&
         gl_arena_has(gl_arena_of(hole->start), hole->start, hole->cur);
}

static bool hole_has_head(const struct gl_hole *hole) {
  return gl_tags_is_free(gl_heap.tags, gl_granule_of(hole->start));
}

/* Whether a free run begins at start and may end at end. */
static bool hole_is_run(size_t start, size_t end) {
  size_t room = GL_ARENA_GRANULES - start % GL_ARENA_GRANULES;
  return start < end && end - start <= room &&
         gl_tags_is_free(gl_heap.tags, start) &&
         (end - start == room || gl_tags_is_head(gl_heap.tags, end));
}

static void hole_account(struct gl_cache *cache, struct gl_lane *lane) {
  cache->allocated_bytes += (uint64_t)(lane->accounted - lane->hole.cur);
  lane->accounted = lane->hole.cur;
}

/* Memory that was written before will be in the cache when it is zeroed next;
   by then the program has used up what is ready now.  Inline: gcc takes a
   function that only fetches for one that does nothing, and drops its calls. */
GL_INLINE void hole_fetch_next(const struct gl_lane *lane,
                               const struct gl_arena *arena) {
  const char *limit = lane->hole.limit;
  if ((size_t)(limit - lane->hole.start) <= HOLE_ZERO_STEP_BYTES) return;
  if (limit <= gl_arena_start(arena) + arena->clean_to) return;
  for (size_t i = 64; i <= HOLE_ZERO_STEP_BYTES; i += 64)
    __builtin_prefetch(limit - i, 1);
}

void gl_lane_prepare(const struct gl_lane *lane, struct gl_arena *arena,
                     char *from, char *to) {
  gl_assert(arena->kind == lane->kind);
  if (gl_kind_is_zeroed(lane->kind))
    gl_arena_zero(arena, from, to);
  else
    gl_arena_soil(arena, from, to);
}

/* Make [to, limit) ready for allocation. */
static void hole_ready(struct gl_cache *cache, struct gl_lane *lane, char *to) {
  char *from = lane->hole.limit;
  gl_assert(lane->hole.start <= to && to <= from);
  struct gl_arena *arena = gl_arena_of(to);
  gl_lane_prepare(lane, arena, to, from);
  cache->charged_bytes += (size_t)(from - to);
  lane->hole.limit = to;
  if (gl_kind_is_zeroed(lane->kind)) hole_fetch_next(lane, arena);
}

/* Move the limit so that bytes fit, and some more; but leave the granule at the
   start unless they need it. */
static void hole_extend(struct gl_cache *cache, struct gl_lane *lane,
                        size_t bytes) {
  struct gl_hole *hole = &lane->hole;
  gl_assert(gl_lane_has_room(lane, bytes >> GL_GRANULE_SHIFT));
  char *need = hole->cur - bytes;
  char *least = need == hole->start ? need : hole->start + GL_GRANULE_BYTES;
  size_t step = gl_kind_is_zeroed(lane->kind) ? HOLE_ZERO_STEP_BYTES
                                              : HOLE_CHARGE_STEP_BYTES;
  if (gl_heap.slow_only) step = 0;
  char *to = (size_t)(need - least) > step ? need - step : least;
  hole_ready(cache, lane, gl_heap.slow_only ? need : to);
  gl_assert(gl_hole_is_ready(hole, bytes));
}

void gl_lane_raise_bound(struct gl_arena *arena, const char *to) {
  gl_assert(gl_arena_has(arena, to, to) && gl_arena_is_swept(arena));
  if (gl_heap.slow_only || gl_heap.slow_free) return;
  if ((uintptr_t)to <= arena->bound) return;
  arena->bound = (uintptr_t)to;
}

void gl_lane_set_lists(const struct gl_cache *cache, struct gl_lane *lane,
                       enum gl_lists lists) {
  gl_assert(gl_lane_is_of(cache, lane));
  bool small = lane < &cache->lane[GL_KIND_COUNT];
  bool fast = !gl_heap.slow_only && !gl_heap.slow_free;
  lane->lists = small && fast ? lists : GL_LISTS_NONE;
}

void gl_lane_forget_asked(struct gl_lane *lane) {
  bool few = lane->asked[0] << (64 - GL_ZERO_FEW) != 0;
  bool more = lane->asked[0] >> GL_ZERO_FEW != 0;
  lane->few = few && more ? 0 : GL_ZERO_FEW;
  lane->asked[1] = lane->asked[0];
  lane->asked[0] = 0;
}

bool gl_lane_lists(const struct gl_lane *lane, size_t granules) {
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  if (lane->lists != GL_LISTS_ASKED) return lane->lists == GL_LISTS_ALL;
  return (lane->asked[0] | lane->asked[1]) >> (granules - 1) & 1;
}

void gl_lane_insert(struct gl_lane *lane, size_t start, size_t granules) {
  char *p = gl_granule_address(start);
  struct gl_arena *arena = gl_arena_of(p);
  gl_assert(hole_is_run(start, start + granules));
  gl_assert(gl_lane_of(gl_arena_owner(arena), arena) == lane);
  if (granules <= GL_EXACT_CLASSES && gl_lane_lists(lane, granules)) {
    gl_arena_soil(arena, p, p + (granules << GL_GRANULE_SHIFT));
    gl_lane_push(lane, p, granules);
  } else if (granules >= GL_BIN_MIN_GRANULES) {
    gl_arena_soil(arena, p, p + sizeof(struct gl_free_run));
    gl_bins_insert(lane, start, granules);
  }
}

void gl_lane_open(struct gl_lane *lane, size_t start, size_t end) {
  struct gl_hole *hole = &lane->hole;
  gl_assert(hole->cur == NULL && hole_is_run(start, end));
  hole->start = gl_granule_address(start);
  hole->cur = hole->limit = lane->accounted = gl_granule_address(end);
  gl_lane_raise_bound(gl_arena_of(hole->start), hole->cur);
}

void gl_lane_open_counted(struct gl_lane *lane, size_t start, size_t end) {
  gl_lane_open(lane, start, end);
  gl_assert(gl_arena_of(lane->hole.start)->free_granules >= end - start);
  gl_arena_of(lane->hole.start)->free_granules -= (uint32_t)(end - start);
}

void gl_lane_close(struct gl_cache *cache, struct gl_lane *lane,
                   bool into_bin) {
  struct gl_hole *hole = &lane->hole;
  gl_assert(hole_is_sound(lane) && gl_lane_is_of(cache, lane));
  if (hole->cur == NULL) return;
  hole_account(cache, lane);
  size_t granules = (size_t)(hole->cur - hole->start) >> GL_GRANULE_SHIFT;
  if (granules > 0) {
    gl_assert(hole_has_head(hole));
    gl_arena_of(hole->start)->free_granules += (uint32_t)granules;
    cache->charged_bytes -= (size_t)(hole->cur - hole->limit);
    if (into_bin) gl_lane_insert(lane, gl_granule_of(hole->start), granules);
  }
  memset(hole, 0, sizeof *hole);
  lane->accounted = NULL;
}

void *gl_lane_cut(struct gl_cache *cache, struct gl_lane *lane,
                  size_t granules) {
  struct gl_hole *hole = &lane->hole;
  size_t bytes = granules << GL_GRANULE_SHIFT;
  gl_assert(granules != 0 && gl_lane_has_room(lane, granules));
  gl_assert(hole_is_sound(lane) && hole_has_head(hole));
  if (!gl_hole_is_ready(hole, bytes)) hole_extend(cache, lane, bytes);
  char *p = hole->cur - bytes;
  gl_tags_set_block(gl_heap.tags, gl_granule_of(p));
  hole->cur = p;
  if (gl_heap.slow_only) hole->limit = p;
  if (p == hole->start) gl_lane_close(cache, lane, false);
  return p;
}

/* The gap above the block becomes a free run. */
void *gl_lane_bump_aligned(struct gl_cache *cache, struct gl_lane *lane,
                           size_t granules, size_t align) {
  struct gl_hole *hole = &lane->hole;
  size_t bytes = granules << GL_GRANULE_SHIFT;
  gl_assert((align & (align - 1)) == 0 && hole_is_sound(lane));
  if (!gl_hole_is_ready(hole, bytes)) return NULL;
  char *p = (char *)(((uintptr_t)hole->cur - bytes) & ~(align - 1));
  size_t gap = ((size_t)(hole->cur - p) - bytes) >> GL_GRANULE_SHIFT;
  if (p < hole->limit) return NULL;
  gl_tags_set_block(gl_heap.tags, gl_granule_of(p));
  hole->cur = p;
  if (gap == 0) return p;
  size_t above = gl_granule_of(p) + granules;
  gl_cache_free_tag(cache, gl_arena_of(p), above, gap);
  gl_lane_insert(lane, above, gap);
  return p;
}

/* They are tagged a line at a time, which takes two or three instructions for
   each instead of ten.  What is ready never reaches the hole's start. */
size_t gl_lane_carve(struct gl_lane *lane, size_t granules, void **blocks,
                     size_t count) {
  struct gl_hole *hole = &lane->hole;
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  gl_assert(hole_is_sound(lane));
  size_t bytes = granules << GL_GRANULE_SHIFT;
  size_t ready = (size_t)(hole->cur - hole->limit) / bytes;
  if (count > ready) count = ready;
  if (count == 0) return 0;
  hole->cur -= count * bytes;
  gl_tags_set_blocks(gl_heap.tags, gl_granule_of(hole->cur), granules, count);
  for (size_t i = 0; i < count; i++) blocks[i] = hole->cur + i * bytes;
  return count;
}

bool gl_lane_unlist(struct gl_lane *lane, const void *run, size_t granules) {
  struct gl_quick *before = NULL, *block = lane->quick[granules];
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  for (int probes = 0; probes < HOLE_LIST_PROBES && block != NULL; probes++) {
    if (!gl_quick_is_sealed(block)) return false; /* told by pop */
    struct gl_quick *next = gl_quick_next(block);
    if (block == run) {
      if (before == NULL)
        lane->quick[granules] = next;
      else
        gl_quick_link(before, next);
      return true;
    }
    before = block;
    block = next;
  }
  return false;
}

/* ------------------------------------------------------------------- check */

bool gl_lane_check(const struct gl_cache *cache, const struct gl_lane *lane) {
  const struct gl_hole *hole = &lane->hole;
  GL_HEAP_CHECK("lane", hole->start <= hole->limit && hole->limit <= hole->cur);
  size_t arenas = 0;
  for (struct gl_arena *a = lane->first; a != NULL; a = a->next, arenas++) {
    GL_HEAP_CHECK("lane", a->owner == cache && gl_lane_of(a->owner, a) == lane);
    GL_HEAP_CHECK("lane", a->next != NULL || lane->last == a);
  }
  GL_HEAP_CHECK("lane", arenas == lane->arena_count);
  if (hole->cur != NULL) {
    size_t from = gl_granule_of(hole->start), to = gl_granule_of(hole->cur);
    GL_HEAP_CHECK("hole", gl_tags_is_free(gl_heap.tags, from));
    GL_HEAP_CHECK("hole", gl_tags_next(gl_heap.tags, from + 1, to) == to);
    GL_HEAP_CHECK("hole", hole->start < hole->limit);
  }
  for (unsigned i = 0; i < GL_CLASSES; i++) {
    const struct gl_quick *block = lane->quick[i];
    while (block != NULL) {
      GL_HEAP_CHECK("quick list", gl_in_heap(block));
      GL_HEAP_CHECK("quick list",
                    gl_tags_is_free(gl_heap.tags, gl_granule_of(block)));
      GL_HEAP_CHECK("quick list", (uintptr_t)block < gl_arena_of(block)->bound);
      GL_HEAP_CHECK("quick list", gl_quick_is_sealed(block));
      block = gl_quick_next(block);
    }
  }
  return gl_bins_check(lane);
}
