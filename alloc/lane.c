/* SPDX-License-Identifier: MIT */
/*
 * lane.c: where a lane gets its next hole.
 *
 * A small block's way, first to last: quick list of its size, the open hole,
 * the next free runs of the current arena, the next pending arena, a bin, a
 * rescan of the lane's arenas where enough was freed, a part of a longer block
 * of the quick lists, a common arena, a fresh one.  A medium block goes: quick
 * list, bins, pending arenas and common ones (each emptied into the bins), a
 * fresh arena.
 *
 * Every function is called with the cache entered (busy), so the world cannot
 * stop meanwhile, except inside gl_heap_lock.
 */
#include <string.h>

#include "arena.h"
#include "bins.h"
#include "cache.h"
#include "hole.h"
#include "os.h"
#include "runs.h"

/* Small blocks take a run of this size from the bins, if there is one, rather
   than one that just fits. */
#define LANE_BIN_HOLE_GRANULES ((size_t)64)

/* Arenas of a lane in which pages to give back are looked for, each time that
   an arena is opened: a bound on what that may cost. */
#define LANE_IDLE_LOOKS 4

/* Common arenas that one allocation takes before the heap grows: what they have
   is for others too, if it does not fit. */
#define LANE_ADOPT_TRIES 2

/* A medium block empties no more pending arenas than this into the bins before
   it takes a new one: a bound on what one allocation may cost. */
#define LANE_MEDIUM_TRIES 16

/* Free runs of up to so many granules go to quick lists, longer ones are opened
   as holes; so many in one go.  (Up to 7: blocks of random sizes 1.1 to 1.4
   times as slow; up to 63: no faster.  8 or 32 in one go: no change.) */
#define LANE_LIST_GRANULES ((size_t)32)
#define LANE_LIST_RUNS 16

/* A lane rescans its arenas when an eighth of them was freed and not taken from
   quick lists again, and no less than this: a rescan of an arena costs about a
   microsecond. */
#define LANE_RESCAN_MIN_BYTES ((size_t)65536)

_Static_assert(LANE_LIST_GRANULES <= GL_EXACT_CLASSES,
               "what is listed has a quick list");

/* ------------------------------------------------------------ next holes */

/* Whether [start, end) is a free run of an arena, as its tags have it. */
static bool lane_is_run(size_t start, size_t end) {
  bool ends =
      end % GL_ARENA_GRANULES == 0 || gl_tags_is_head(gl_heap.tags, end);
  return start < end &&
         start / GL_ARENA_GRANULES == (end - 1) / GL_ARENA_GRANULES &&
         gl_tags_is_free(gl_heap.tags, start) && ends;
}

static bool lane_is_small(const struct gl_cache *cache,
                          const struct gl_lane *lane) {
  return gl_lane_is_of(cache, lane) && lane < &cache->lane[GL_KIND_COUNT];
}

/* Whether an arena is the lane's. */
static bool lane_has(struct gl_lane *lane, const struct gl_arena *arena) {
  return gl_lane_of(gl_arena_owner(arena), arena) == lane;
}

/* Whether the lane has a current arena, in which its cursor is. */
static bool lane_has_current(struct gl_lane *lane) {
  const struct gl_arena *arena = lane->arena;
  return arena != NULL && lane_has(lane, arena) && arena->opened &&
         gl_arena_is_swept(arena) &&
         lane->cursor - gl_arena_first_granule(arena) <= GL_ARENA_GRANULES;
}

/* A free run that the cursor passes: into a list or its bin, or left as a
   sliver. */
static void lane_pass(struct gl_lane *lane, size_t start, size_t end) {
  struct gl_arena *arena = gl_arena_of(gl_granule_address(start));
  gl_assert(lane_is_run(start, end) && lane_has(lane, arena));
  arena->free_granules += (uint32_t)(end - start);
  gl_lane_insert(lane, start, end - start);
}

static void lane_end_visit(struct gl_arena *arena) {
  gl_lane_raise_bound(arena, gl_arena_start(arena) + GL_ARENA_BYTES);
}

/* Memory of a free run that is in no list becomes a block's. */
static void lane_claim(struct gl_cache *cache, struct gl_lane *lane, char *p,
                       size_t bytes) {
  gl_assert(gl_cache_is_entered(cache) && gl_lane_is_of(cache, lane));
  gl_assert(lane_has(lane, gl_arena_of(p)));
  gl_lane_prepare(lane, gl_arena_of(p), p, p + bytes);
  cache->allocated_bytes += bytes;
  cache->charged_bytes += bytes;
}

/* Short free runs, as they follow the cursor. */
struct lane_runs {
  size_t start[LANE_LIST_RUNS], length[LANE_LIST_RUNS];
  size_t count;
};

/* Cut a short free run into blocks of a size, and what is left.  The uppermost
   comes first, as in a hole. */
static void lane_list_cut(struct gl_lane *lane, size_t start, size_t length,
                          size_t granules) {
  size_t left = (uint32_t)length % (uint32_t)granules;
  size_t at = start + length - left;
  gl_assert(length > granules && lane_is_run(start, start + length));
  if (left != 0) {
    gl_tags_cut(gl_heap.tags, at);
    gl_lane_push(lane, gl_granule_address(at), left);
  }
  for (; length >= granules; start += granules, length -= granules) {
    gl_tags_cut(gl_heap.tags, start);
    gl_lane_push(lane, gl_granule_address(start), granules);
  }
}

/* They go to the quick lists of their sizes where blocks of that are asked for;
   longer ones are cut into such as are, shorter ones are left alone.  The
   nearest comes first: a program that goes through what it made, as it made it,
   then goes through memory in order too. */
static void lane_list_all(struct gl_lane *lane, const struct lane_runs *runs,
                          size_t granules) {
  size_t free = 0;
  for (size_t i = runs->count; i-- > 0;) {
    size_t start = runs->start[i], length = runs->length[i];
    gl_assert(length <= GL_EXACT_CLASSES);
    free += length;
    if (gl_lane_lists(lane, length))
      gl_lane_push(lane, gl_granule_address(start), length);
    else if (length > granules)
      lane_list_cut(lane, start, length, granules);
  }
  lane->arena->free_granules += (uint32_t)free;
}

/* Whether all blocks that are asked for have one size: then each of the short
   runs will be written to when it is pushed. */
static bool lane_is_alike(const struct gl_lane *lane) {
  uint64_t sizes = lane->asked[0] | lane->asked[1];
  return (sizes & (sizes - 1)) == 0;
}

/* Note the short free runs between the cursor and a long one, that holds
   granules; not too many.  Returns the long one's first granule, and *end; the
   arena's end where it was not met.  Those that will all be pushed are fetched:
   0.9 of the time of a worn heap; where sizes are mixed too it was 1.3. */
static size_t lane_gather(struct gl_lane *lane, size_t granules,
                          struct lane_runs *runs, size_t *end) {
  size_t last = gl_arena_end(lane->arena), at = lane->cursor;
  bool alike = lane_is_alike(lane);
  gl_assert(lane_has_current(lane));
  for (runs->count = 0; runs->count < LANE_LIST_RUNS; runs->count++) {
    size_t start = gl_tags_next_run(gl_heap.tags, at, last, end);
    at = start == last ? last : *end;
    lane->cursor = at;
    size_t length = at - start;
    bool is_hole = length > LANE_LIST_GRANULES && length >= granules;
    if (start == last || is_hole) return start;
    runs->start[runs->count] = start;
    runs->length[runs->count] = length;
    if (alike) __builtin_prefetch(gl_granule_address(start), 1);
  }
  return last;
}

/* The same, and the short ones go to lists: in one go, which takes a fifth of
   the instructions that it takes one at a time, and few branches that cannot be
   predicted. */
static size_t lane_list_next(struct gl_lane *lane, size_t granules,
                             size_t *end) {
  struct gl_arena *arena = lane->arena;
  size_t from = lane->cursor, last = gl_arena_end(arena);
  struct lane_runs runs;
  size_t start = lane_gather(lane, granules, &runs, end);
  gl_assert(start == last || lane_is_run(start, *end));
  char *to = gl_granule_address(start != last ? start : lane->cursor);
  gl_arena_soil(arena, gl_granule_address(from), to);
  gl_lane_raise_bound(arena, to);
  lane_list_all(lane, &runs, granules);
  return start;
}

/* The same again and again, until a block of the size that is asked for is in
   its list, or a long run is met, or the arena's end. */
static size_t lane_list_until(struct gl_lane *lane, size_t granules,
                              size_t *end) {
  size_t last = gl_arena_end(lane->arena), start = last;
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  while (start == last && lane->quick[granules] == NULL && lane->cursor != last)
    start = lane_list_next(lane, granules, end);
  return start;
}

/* The next free run that holds granules; those that it passes are inserted one
   by one. */
static size_t lane_pass_next(struct gl_lane *lane, size_t granules,
                             size_t *end) {
  size_t last = gl_arena_end(lane->arena), start;
  gl_assert(lane_has_current(lane));
  while ((start = gl_tags_next_run(gl_heap.tags, lane->cursor, last, end)) !=
         last) {
    lane->cursor = *end;
    if (*end - start >= granules) return start;
    lane_pass(lane, start, *end);
  }
  lane->cursor = last;
  return last;
}

/* The granule that stays free below a long hole in a collected heap, or the
   short block that is cut off last would begin where another ends: so a pointer
   to it could keep that, and all that it leads to.  (See
   gl_arena_first_cursor.)  Not after a rescan, since then blocks are to grow
   over what is behind them.  Returns where the hole begins. */
static size_t lane_leave_gap(const struct gl_lane *lane, size_t start,
                             size_t end, size_t granules) {
  size_t length = end - start;
  gl_assert(lane_is_run(start, end) && length >= granules);
  if (gl_heap.pad_bytes == 0 || lane->lists != GL_LISTS_ASKED ||
      length <= LANE_LIST_GRANULES || length == granules)
    return start;
  gl_tags_cut(gl_heap.tags, start + 1);
  return start + 1;
}

/* Runs of a size that follow the cursor go to its quick list, up to the first
   that is of another: after a rescan, what other threads have freed lies so. */
static void lane_list_alike(struct gl_lane *lane, size_t granules) {
  size_t found[LANE_LIST_RUNS], count = 0;
  size_t last = gl_arena_end(lane->arena), end = last;
  gl_assert(lane->lists == GL_LISTS_ALL && lane_has_current(lane));
  for (; count < LANE_LIST_RUNS; lane->cursor = end) {
    size_t start = gl_tags_next_run(gl_heap.tags, lane->cursor, last, &end);
    if (start == last || end - start != granules) break;
    found[count++] = start;
  }
  gl_lane_raise_bound(lane->arena, gl_granule_address(lane->cursor));
  while (count > 0) {
    size_t start = found[--count];
    lane_pass(lane, start, start + granules);
  }
}

/* Take a block from the free runs that come next in the current arena: short
   ones go to quick lists, until there is one of the size that is asked for, or
   a long one becomes the open hole.  NULL where the arena has no room: it is no
   longer current then.  After a rescan holes come first, whatever has come home
   to the lists meanwhile: they lie in order. */
static void *lane_take_next(struct gl_cache *cache, struct gl_lane *lane,
                            size_t granules) {
  struct gl_arena *arena = lane->arena;
  gl_assert(gl_lane_is_of(cache, lane) && lane->hole.cur == NULL);
  if (arena == NULL) return NULL;
  size_t last = gl_arena_end(arena), end = last;
  bool listed = lane->lists == GL_LISTS_ASKED;
  size_t start = listed ? lane_list_until(lane, granules, &end)
                        : lane_pass_next(lane, granules, &end);
  if (start != last) {
    size_t from = lane_leave_gap(lane, start, end, granules);
    arena->free_granules += (uint32_t)(from - start);
    gl_lane_open(lane, from, end);
    if (lane->lists == GL_LISTS_ALL && end - start == granules)
      lane_list_alike(lane, granules);
  } else if (lane->cursor == last) {
    lane_end_visit(arena);
    lane->arena = NULL;
  }
  void *p = listed ? gl_lane_try_pop_small(cache, lane, granules) : NULL;
  return p != NULL || start == last ? p : gl_lane_cut(cache, lane, granules);
}

/* An arena comes into use.  It may still be ahead of where pending ones are
   looked for, if a collection came while the thread waited to be given it. */
static void lane_sweep(struct gl_arena *arena) {
  gl_assert(!arena->opened && arena->bound == 0);
  gl_arena_sweep(arena);
  arena->opened = arena->used = true;
  arena->idle_since = 0;
  arena->hollow_granules = 0;
}

static void lane_make_current(struct gl_lane *lane, struct gl_arena *arena) {
  gl_assert(lane_has(lane, arena));
  lane_sweep(arena);
  /* Counted anew as the cursor meets the free runs. */
  arena->free_granules = 0;
  lane->arena = arena;
  lane->cursor = gl_arena_first_cursor(arena);
  gl_assert(lane_has_current(lane));
}

/*
 * So much has been allocated since the last collection that even arenas with
 * room are left alone: after a peak there may be far more of them than a
 * program needs, each with a few blocks that live on.  Those nearest to the
 * heap's start serve it, and the others' pages go back.
 */
static bool lane_is_overdrawn(struct gl_cache *cache) {
  gl_assert(gl_cache_is_entered(cache));
  gl_cache_settle(cache);
  return __atomic_load_n(&gl_heap.budget_bytes, __ATOMIC_RELAXED) <
         -__atomic_load_n(&gl_heap.slack_bytes, __ATOMIC_RELAXED);
}

static void lane_discard_some(struct gl_cache *cache) {
  for (int i = 0; i < GL_LANES; i++) {
    struct gl_lane *lane = &cache->lane[i];
    for (int n = 0; n < LANE_IDLE_LOOKS && lane->idle != NULL; n++) {
      struct gl_arena *arena = lane->idle;
      gl_assert(gl_arena_owner(arena) == cache && lane_has(lane, arena));
      lane->idle = arena->next;
      if (!gl_arena_is_idle(arena)) continue;
      gl_arena_sweep(arena);
      gl_arena_discard(arena);
    }
  }
}

/* Give back the free pages of some arenas that have been idle for a grace
   period.  A collection may come while the lock is waited for. */
static void lane_discard_idle(struct gl_cache *cache) {
  bool any = gl_common_is_idle();
  gl_assert(gl_cache_is_entered(cache) && cache != gl_heap.common);
  for (int i = 0; i < GL_LANES; i++) any |= cache->lane[i].idle != NULL;
  if (!any) return;
  gl_heap_lock(cache);
  lane_discard_some(cache);
  if (gl_heap.common != NULL) lane_discard_some(gl_heap.common);
  gl_heap_unlock();
}

/* Runs that went to the quick lists without having been freed come out of them
   as if they had: so what counts for a rescan is what was freed since there was
   least. */
static void lane_note_least(struct gl_cache *cache) {
  uint64_t now = gl_cache_net_freed_bytes(cache);
  for (int i = 0; i < GL_LANES; i++) {
    struct gl_lane *lane = &cache->lane[i];
    if ((int64_t)(now - lane->rescanned_at) < 0) lane->rescanned_at = now;
  }
}

/* The next pending arena that may have as much free, or NULL. */
static struct gl_arena *lane_find_pending(struct gl_cache *cache,
                                          struct gl_lane *lane,
                                          size_t granules) {
  gl_assert(gl_lane_is_of(cache, lane) && granules <= GL_ARENA_GRANULES);
  lane_note_least(cache);
  if (GL_UNLIKELY(cache->trim_is_due)) gl_cache_trim_late(cache);
  lane_discard_idle(cache);
  if (lane->pending == NULL || lane_is_overdrawn(cache)) return NULL;
  struct gl_arena *arena = lane->pending;
  while (arena != NULL && (arena->opened || arena->free_granules < granules))
    arena = arena->next;
  lane->pending = arena != NULL ? arena->next : NULL;
  gl_assert(arena == NULL || lane_has(lane, arena));
  return arena;
}

/* The next arena that is worth opening becomes the current one. */
static bool lane_next_pending(struct gl_cache *cache, struct gl_lane *lane) {
  struct gl_arena *arena =
      lane_find_pending(cache, lane, GL_ARENA_MIN_FREE_GRANULES);
  if (arena == NULL) return false;
  lane_make_current(lane, arena);
  return true;
}

/* A run from the bins becomes the hole. */
static bool lane_open_binned(struct gl_lane *lane, size_t granules) {
  gl_assert(lane->hole.cur == NULL);
  if (lane->nonempty == 0) return false;
  size_t length = 0, start = 0;
  if (granules < LANE_BIN_HOLE_GRANULES)
    start = gl_bins_take(lane, LANE_BIN_HOLE_GRANULES, &length);
  if (start == 0) start = gl_bins_take(lane, granules, &length);
  if (start == 0) return false;
  size_t end = start + length;
  gl_lane_open_counted(lane, lane_leave_gap(lane, start, end, granules), end);
  return true;
}

/* ----------------------------------------------------------------- rescan */

static bool lane_rescan_is_due(const struct gl_cache *cache,
                               const struct gl_lane *lane) {
  int64_t freed =
      (int64_t)(gl_cache_net_freed_bytes(cache) - lane->rescanned_at);
  size_t threshold = lane->arena_count * GL_ARENA_BYTES / 8;
  if (threshold < LANE_RESCAN_MIN_BYTES) threshold = LANE_RESCAN_MIN_BYTES;
  return freed >= (int64_t)threshold;
}

/* The shortest block of the quick lists that holds granules and more becomes
   the hole. */
static bool lane_open_quick(struct gl_lane *lane, size_t granules) {
  gl_assert(granules != 0 && lane->hole.cur == NULL);
  for (size_t size = granules; size <= GL_EXACT_CLASSES; size++) {
    struct gl_quick *block = lane->quick[size];
    if (block == NULL || !gl_quick_is_sealed(block)) continue; /* told by pop */
    lane->quick[size] = gl_quick_next(block);
    size_t start = gl_granule_of(block);
    gl_lane_open_counted(lane, start, start + size);
    lane->rescanned_at += size << GL_GRANULE_SHIFT; /* as if it were reused */
    return true;
  }
  return false;
}

void gl_lane_rescan(struct gl_cache *cache, struct gl_lane *lane) {
  gl_assert(gl_lane_is_of(cache, lane));
  gl_lane_set_lists(cache, lane, GL_LISTS_ALL);
  gl_lane_close(cache, lane, false);
  memset(lane->quick, 0, sizeof lane->quick);
  gl_bins_reset(lane);
  lane->arena = NULL;
  lane->rescanned_at = gl_cache_net_freed_bytes(cache);
  for (struct gl_arena *arena = lane->first; arena != NULL;
       arena = arena->next) {
    gl_assert(gl_arena_owner(arena) == cache && lane_has(lane, arena));
    if (arena->free_granules < GL_ARENA_MIN_FREE_GRANULES) {
      /* The one that was current may have blocks in quick lists from now on,
         so the cursor must not come back to it. */
      if (arena->bound != 0) lane_end_visit(arena);
      continue;
    }
    arena->opened = false;
    arena->bound = 0;
  }
  lane->pending = lane->half_free = lane->first;
}

/* ------------------------------------------------------------ fresh arenas */

/* An arena that no thread works in any more, rather than that the heap grows;
   NULL where there is none.  A collection may come while the lock is waited
   for. */
static struct gl_arena *lane_adopt(struct gl_cache *cache,
                                   struct gl_lane *lane) {
  size_t number = (size_t)(lane - cache->lane);
  gl_assert(gl_lane_is_of(cache, lane));
  if (!gl_common_has(number) || lane_is_overdrawn(cache)) return NULL;
  gl_heap_lock(cache);
  struct gl_arena *arena = gl_common_adopt(cache, number);
  gl_assert(arena == NULL || (!arena->opened && lane->last == arena));
  gl_heap_unlock();
  return arena;
}

/* A fresh arena, the budget and the limit allowing; NULL otherwise.  While the
   lock was waited for a collection may have come: the lane is in order all the
   same, but what was known of it before is not true any more. */
static struct gl_arena *lane_grow(struct gl_cache *cache, struct gl_lane *lane,
                                  enum gl_want *want) {
  gl_cache_settle(cache);
  if (__atomic_load_n(&gl_heap.budget_bytes, __ATOMIC_RELAXED) <=
      __atomic_load_n(&gl_heap.thrift_bytes, __ATOMIC_RELAXED)) {
    *want = GL_WANT_COLLECTION;
    return NULL;
  }
  gl_heap_lock(cache);
  gl_runs_tick(gl_os_coarse_ns());
  struct gl_arena *arena = gl_arena_create(cache, lane);
  gl_assert(arena == NULL || lane->last == arena);
  gl_heap_unlock();
  if (arena == NULL) *want = GL_WANT_ROOM;
  return arena;
}

/* ------------------------------------------------------------- small blocks */

/* Cut a block off the first free run that holds it in one of a few common
   arenas. */
static void *lane_take_common(struct gl_cache *cache, struct gl_lane *lane,
                              size_t granules) {
  void *p = NULL;
  gl_assert(lane_is_small(cache, lane));
  for (int tries = 0; p == NULL && tries < LANE_ADOPT_TRIES; tries++) {
    struct gl_arena *arena = lane_adopt(cache, lane);
    if (arena == NULL) break;
    lane_make_current(lane, arena);
    p = lane_take_next(cache, lane, granules);
  }
  return p;
}

static void *lane_refill(struct gl_cache *cache, struct gl_lane *lane,
                         size_t granules, enum gl_want *want) {
  gl_lane_close(cache, lane, true);
  if (gl_cache_has_mail(cache)) gl_cache_drain_inbox(cache);
  do {
    do {
      void *p = lane_take_next(cache, lane, granules);
      if (p != NULL) return p;
    } while (lane_next_pending(cache, lane));
    if (lane_open_binned(lane, granules))
      return gl_lane_cut(cache, lane, granules);
    if (!lane_rescan_is_due(cache, lane)) break;
    gl_lane_rescan(cache, lane);
  } while (true);
  if (lane->lists != GL_LISTS_NONE && lane_open_quick(lane, granules))
    return gl_lane_cut(cache, lane, granules);
  void *p = lane_take_common(cache, lane, granules);
  if (p != NULL) return p;
  struct gl_arena *fresh = lane_grow(cache, lane, want);
  if (fresh == NULL) return NULL;
  lane_make_current(lane, fresh);
  p = lane_take_next(cache, lane, granules);
  gl_assert(p != NULL);
  return p;
}

void *gl_lane_allocate_small(struct gl_cache *cache, struct gl_lane *lane,
                             size_t granules, enum gl_want *want) {
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  gl_assert(gl_cache_is_entered(cache) && lane_is_small(cache, lane));
  lane->asked[0] |= (uint64_t)1 << (granules - 1);
  if (gl_lane_has_room(lane, granules))
    return gl_lane_cut(cache, lane, granules);
  return lane_refill(cache, lane, granules, want);
}

/* ------------------------------------------------------------ medium blocks */

/* Cut a block off the end of a free run that is in no list, and put what is
   left into its bin. */
static void *lane_split(struct gl_cache *cache, struct gl_lane *lane,
                        size_t start, size_t length, size_t granules) {
  size_t granule = start + length - granules;
  char *p = gl_granule_address(granule);
  gl_assert(lane_is_run(start, start + length) && length >= granules);
  gl_assert(gl_arena_of(p)->free_granules >= length);
  gl_arena_of(p)->free_granules -= (uint32_t)length;
  lane_claim(cache, lane, p, granules << GL_GRANULE_SHIFT);
  gl_tags_set_block(gl_heap.tags, granule);
  if (granule > start) lane_pass(lane, start, granule);
  return p;
}

/* Put every free run of a pending arena into the bins; all of it where it is a
   lane of medium blocks, since some of those fill an arena to the last
   granule. */
static void lane_empty_into_bins(struct gl_lane *lane, struct gl_arena *arena) {
  gl_assert(lane_has(lane, arena));
  lane_sweep(arena);
  arena->free_granules = 0;
  size_t last = gl_arena_end(arena), end = last;
  size_t at = lane->lists == GL_LISTS_NONE ? gl_arena_first_granule(arena)
                                           : gl_arena_first_cursor(arena);
  while ((at = gl_tags_next_run(gl_heap.tags, at, last, &end)) != last) {
    lane_pass(lane, at, end);
    at = end;
  }
  lane_end_visit(arena);
}

/* Empty one more pending arena that may have room into the bins. */
static bool lane_next_pending_medium(struct gl_cache *cache,
                                     struct gl_lane *lane, size_t granules) {
  struct gl_arena *arena = lane_find_pending(cache, lane, granules);
  if (arena == NULL) return false;
  lane_empty_into_bins(lane, arena);
  return true;
}

static size_t lane_find_medium(struct gl_cache *cache, struct gl_lane *lane,
                               size_t granules, size_t *length) {
  gl_assert(gl_cache_is_entered(cache) && gl_lane_is_of(cache, lane));
  gl_cache_drain_inbox(cache);
  size_t start = gl_bins_take(lane, granules, length);
  if (start == 0 && lane->pending == NULL && lane_rescan_is_due(cache, lane))
    gl_lane_rescan(cache, lane);
  for (int tries = 0; start == 0 && tries < LANE_MEDIUM_TRIES; tries++) {
    if (!lane_next_pending_medium(cache, lane, granules)) break;
    start = gl_bins_take(lane, granules, length);
  }
  return start;
}

static size_t lane_find_common(struct gl_cache *cache, struct gl_lane *lane,
                               size_t granules, size_t *length) {
  size_t start = 0;
  gl_assert(granules > GL_EXACT_CLASSES);
  for (int tries = 0; start == 0 && tries < LANE_ADOPT_TRIES; tries++) {
    struct gl_arena *arena = lane_adopt(cache, lane);
    if (arena == NULL) break;
    lane_empty_into_bins(lane, arena);
    start = gl_bins_take(lane, granules, length);
  }
  return start;
}

static struct gl_lane *lane_small_of(struct gl_cache *cache,
                                     const struct gl_lane *lane) {
  gl_assert(gl_lane_is_of(cache, lane) && lane->kind < GL_KIND_COUNT);
  return &cache->lane[lane->kind];
}

/* The next pending arena of a lane that is at least half free, or NULL. */
static struct gl_arena *lane_find_half_free(struct gl_lane *lane) {
  struct gl_arena *arena = lane->half_free;
  while (arena != NULL &&
         (arena->opened || arena->free_granules < GL_ARENA_GRANULES / 2))
    arena = arena->next;
  lane->half_free = arena != NULL ? arena->next : NULL;
  gl_assert(arena == NULL || lane_has(lane, arena));
  return arena;
}

/* Rather than grow: a run that the small blocks of this kind have passed over,
   or one of an arena of theirs that they left half free.  (Those are many where
   medium blocks have moved out of them: 4 MB of up to 4 KB alive held 10.5 MB,
   not 9.  Not after a rescan: small blocks that grow had to move then, and held
   a third more.) */
static size_t lane_find_among_small(struct gl_cache *cache,
                                    struct gl_lane *lane, size_t granules,
                                    size_t *length) {
  gl_assert(lane_is_small(cache, lane));
  size_t start = gl_bins_take(lane, granules, length);
  if (lane->lists == GL_LISTS_ALL) return start;
  for (int tries = 0; start == 0 && tries < LANE_MEDIUM_TRIES; tries++) {
    if (lane->half_free == NULL || lane_is_overdrawn(cache)) break;
    struct gl_arena *arena = lane_find_half_free(lane);
    if (arena == NULL) break;
    lane_empty_into_bins(lane, arena);
    start = gl_bins_take(lane, granules, length);
  }
  return start;
}

void *gl_lane_allocate_medium(struct gl_cache *cache, struct gl_lane *lane,
                              size_t granules, enum gl_want *want) {
  gl_assert(granules > GL_EXACT_CLASSES &&
            granules <= GL_MEDIUM_MAX_GRANULES);
  if (gl_lane_has_room(lane, granules))
    return gl_lane_cut(cache, lane, granules);
  size_t length = 0;
  size_t start = lane_find_medium(cache, lane, granules, &length);
  if (start == 0 && lane != lane_small_of(cache, lane)) {
    struct gl_lane *other = lane_small_of(cache, lane);
    start = lane_find_among_small(cache, other, granules, &length);
    if (start != 0) return lane_split(cache, other, start, length, granules);
  }
  if (start == 0) start = lane_find_common(cache, lane, granules, &length);
  if (start == 0) {
    struct gl_arena *fresh = lane_grow(cache, lane, want);
    if (fresh == NULL) return NULL;
    lane_empty_into_bins(lane, fresh);
    start = gl_bins_take(lane, granules, &length);
  }
  return start == 0 ? NULL : lane_split(cache, lane, start, length, granules);
}

/* ------------------------------------------------------------------ resize */

/* Take a free run out of its bin or quick list: false where it is in none or
   not easily had. */
static bool lane_take_out(struct gl_lane *lane, size_t start, size_t granules) {
  gl_assert(lane_is_run(start, start + granules));
  if (granules > GL_EXACT_CLASSES ||
      !gl_lane_unlist(lane, gl_granule_address(start), granules))
    return gl_bins_remove(lane, start) != 0;
  lane->rescanned_at += granules << GL_GRANULE_SHIFT; /* as if it were reused */
  return true;
}

bool gl_lane_try_extend(struct gl_cache *cache, struct gl_lane *lane, char *p,
                        size_t granules, size_t wanted) {
  struct gl_arena *arena = gl_arena_of(p);
  size_t behind = gl_granule_of(p) + granules, more = wanted - granules;
  gl_assert(gl_cache_is_entered(cache) && lane_has(lane, arena));
  gl_assert(wanted > granules && wanted <= GL_MEDIUM_MAX_GRANULES);
  if (behind == gl_arena_end(arena)) return false;
  if ((uintptr_t)p >= arena->bound || !gl_tags_is_free(gl_heap.tags, behind))
    return false;
  size_t length = gl_cache_tagged_size(behind);
  if (length < more || !lane_take_out(lane, behind, length)) return false;
  gl_assert(arena->free_granules >= length);
  arena->free_granules -= (uint32_t)length;
  lane_claim(cache, lane, gl_granule_address(behind), more << GL_GRANULE_SHIFT);
  if (length > more) {
    gl_tags_set_free(gl_heap.tags, behind + more);
    lane_pass(lane, behind + more, behind + length);
  }
  gl_tags_clear(gl_heap.tags, behind);
  return true;
}
