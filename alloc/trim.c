/* SPDX-License-Identifier: MIT */
/*
 * trim.c: memory goes back without a collection.  A cache looks, each time that
 * a quarter of a megabyte was freed in it, how much of its arenas is idle.
 * Where that has grown by a quarter of them, it forgets its quick lists and
 * bins, and arenas that are wholly free become free runs, which are given back
 * after their grace period.  Four times a second at most, where it has grown by
 * a quarter of what is alive, it also discards the whole pages within the free
 * runs of the other arenas: they stay the arena's, read as zero and take no
 * memory until they are used again.
 *
 * A program may free much within that quarter of a second, and then no more: so
 * a cache looks again when it opens an arena, a quarter of a second later: what
 * it needs anew at once it has till then.
 *
 * What is idle when nothing more was freed than was allocated stays idle: only
 * growth counts, so a steady program is not disturbed.
 *
 * Everything that changes lists is done with the heap lock held and the cache
 * entered: so the world is not stopped meanwhile.
 */
#include "arena.h"
#include "cache.h"
#include "huge.h"
#include "os.h"
#include "runs.h"

/* How often a cache looks: in bytes freed.  A look costs some ten nanoseconds,
   a hundred of them with a clock that has advanced. */
#define TRIM_LOOK_GRANULES 16384

/* So many long blocks across two lines of tags, in that time, make a cache wide
   for so many looks; then it is tried anew. */
#define TRIM_STRADDLERS 128u
#define TRIM_WIDE_LOOKS 64u

/* What has to be idle more than the last time. */
#define TRIM_MIN_BYTES ((int64_t)1 << 20)
#define TRIM_SHARE 4

/* Pages are discarded no more often than this: a page that is used again costs
   a fault of a quarter of a microsecond a KiB. */
#define TRIM_PERIOD_NS ((uint64_t)GL_TICK_NS)

static int64_t trim_held_bytes(const struct gl_cache *cache) {
  size_t arenas = 0;
  for (int i = 0; i < GL_LANES; i++) arenas += cache->lane[i].arena_count;
  return (int64_t)(arenas << GL_ARENA_SHIFT);
}

int64_t gl_cache_live_bytes(const struct gl_cache *cache) {
  int64_t live =
      (int64_t)(cache->allocated_bytes - gl_cache_net_freed_bytes(cache)) -
      cache->large_bytes - cache->lost_bytes;
  for (int i = 0; i < GL_LANES; i++) {
    const struct gl_lane *lane = &cache->lane[i];
    if (lane->hole.cur != NULL) live += lane->accounted - lane->hole.cur;
  }
  return live;
}

/* ------------------------------------------------------------ empty arenas */

static bool trim_is_empty(const struct gl_arena *arena) {
  return gl_arena_is_swept(arena) && gl_arena_is_empty(arena);
}

static bool trim_has_empty(const struct gl_lane *lane) {
  for (struct gl_arena *a = lane->first; a != NULL; a = a->next)
    if (trim_is_empty(a)) return true;
  return false;
}

/* Give up the empty arenas of a lane that was just rescanned. */
static void trim_release(struct gl_lane *lane) {
  gl_assert(gl_lane_is_closed(lane));
  struct gl_arena **link = &lane->first, *before = NULL;
  while (*link != NULL) {
    struct gl_arena *arena = *link;
    if (!trim_is_empty(arena)) {
      before = arena;
      link = &arena->next;
      continue;
    }
    *link = arena->next;
    lane->arena_count--;
    gl_arena_destroy(arena);
  }
  lane->last = before;
  gl_assert(gl_lane_is_list(lane));
  lane->pending = lane->half_free = lane->first;
  lane->idle = NULL;
}

/* Returns the pages discarded. */
static size_t trim_discard(struct gl_lane *lane) {
  size_t pages = 0;
  for (struct gl_arena *a = lane->first; a != NULL; a = a->next)
    if (gl_arena_is_swept(a)) pages += gl_arena_discard(a);
  return pages;
}

/* ------------------------------------------------------------------- a trim */

size_t gl_cache_trim(struct gl_cache *cache, bool discard) {
  size_t pages = 0;
  gl_assert(cache != &gl_cache_none);
  gl_cache_drain_inbox(cache);
  gl_cache_flush_outbox(
      cache); /* after it: some of that may have been sent on */
  gl_spares_give_back(cache);
  for (int i = 0; i < GL_LANES; i++) {
    struct gl_lane *lane = &cache->lane[i];
    if (!discard && !trim_has_empty(lane)) continue;
    gl_lane_rescan(cache, lane);
    trim_release(lane);
    if (discard) pages += trim_discard(lane);
  }
  cache->idle_bytes = trim_held_bytes(cache) - gl_cache_live_bytes(cache);
  if (discard) cache->hollow_bytes = cache->idle_bytes;
  return pages;
}

/* Caches whose threads have ended may have been sent blocks since. */
size_t gl_cache_trim_orphans(bool discard) {
  size_t pages = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next) {
    if (c->in_use || (!discard && !gl_cache_has_mail(c))) continue;
    gl_cache_mend(c);
    gl_assert(!c->torn && c->busy == 0);
    pages += gl_cache_trim(c, discard);
    gl_cache_settle(c);
  }
  return pages;
}

/* ------------------------------------------------------------------- a look */

/* Whether so much more is idle than it was at the least. */
static bool trim_has_grown(int64_t *least, int64_t idle, int64_t whole) {
  if (idle < *least) *least = idle;
  int64_t growth = idle - *least;
  gl_assert(growth >= 0);
  return growth >= TRIM_MIN_BYTES && growth >= whole / TRIM_SHARE;
}

/* Spare blocks, those of idle threads too; once a tick, however many threads
   look. */
static void trim_spares(void) {
  gl_assert(gl_heap.runs.tick != 0); /* it never was 0 */
  if (gl_heap.runs.spares_tick == gl_heap.runs.tick) return;
  gl_heap.runs.spares_tick = gl_heap.runs.tick;
  gl_spares_give_back_all();
}

/* The same. */
static void trim_review_huge(void) {
  if (gl_heap.runs.review_tick == gl_heap.runs.tick) return;
  gl_heap.runs.review_tick = gl_heap.runs.tick;
  gl_huge_review();
}

static void trim_on_look(struct gl_cache *cache, uint64_t now_ns) {
  int64_t held = trim_held_bytes(cache), live = gl_cache_live_bytes(cache);
  bool release = trim_has_grown(&cache->idle_bytes, held - live, held);
  bool discard = trim_has_grown(&cache->hollow_bytes, held - live, live);
  bool periodic = now_ns - cache->trimmed_ns >= TRIM_PERIOD_NS;
  if (discard && !periodic) {
    cache->trim_is_due = true;
    cache->idle_ns = now_ns;
  }
  if (!release && !periodic) return;
  gl_heap_lock(cache);
  /* A collection may have come meanwhile; it leaves the same to do, but took
     its time: by the clock from before it ticks would go back. */
  if (periodic) {
    now_ns = gl_os_coarse_ns();
    gl_runs_tick(now_ns);
    gl_cache_trim_orphans(false);
    trim_spares();
    cache->trimmed_ns = now_ns;
  }
  if (release || discard)
    if (gl_cache_trim(cache, discard && periodic) != 0) trim_review_huge();
  if (gl_heap.runs.dirty_pages > 0)
    cache->trim_is_due = true;
  else if (periodic)
    cache->trim_is_due = false;
  gl_heap_unlock();
  gl_heap.on_unlock();
}

void gl_cache_trim_late(struct gl_cache *cache) {
  gl_assert(gl_cache_is_entered(cache));
  uint64_t now_ns = gl_os_coarse_ns();
  if (gl_heap.slow_free || now_ns - cache->trimmed_ns < TRIM_PERIOD_NS ||
      now_ns - cache->idle_ns < TRIM_PERIOD_NS)
    return;
  trim_on_look(cache, now_ns);
}

/* Blocks of random places and sizes: of 256 KB that are freed some 256 reach
   into the next line of tags, however long they are. */
static void trim_choose_width(struct gl_cache *cache) {
  if (cache->wide > 0)
    cache->wide--;
  else if (cache->straddlers >= TRIM_STRADDLERS)
    cache->wide = TRIM_WIDE_LOOKS;
  cache->straddlers = 0;
  gl_assert(cache->wide <= TRIM_WIDE_LOOKS);
}

void gl_cache_look(struct gl_cache *cache) {
  gl_assert(cache != &gl_cache_none && cache->in_use);
  gl_cache_enter_slow(cache);
  cache->look_at += (uint64_t)(TRIM_LOOK_GRANULES - cache->look_in_granules);
  cache->look_in_granules = TRIM_LOOK_GRANULES;
  trim_choose_width(cache);
  if (!gl_heap.slow_free) trim_on_look(cache, gl_os_coarse_ns());
  gl_cache_leave(cache);
}
