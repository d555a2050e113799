/* SPDX-License-Identifier: MIT */
/*
 * sweep.c: the heap around a marking, while the world is stopped: lanes are
 * closed, what threads sent each other is freed, dead arenas and large blocks
 * are given up, and every lane starts anew from what is alive.  Arenas
 * themselves are swept later, when they are next wanted (gl_arena_sweep).
 */
#include <string.h>

#include "arena.h"
#include "bins.h"
#include "cache.h"
#include "huge.h"
#include "os.h"
#include "runs.h"

/* A chain of blocks on their way to an owner: free them, wherever they are. */
static void sweep_free_chain(struct gl_quick *block) {
  struct gl_quick *next;
  for (; block != NULL && gl_cache_take_off(block, &next); block = next) {
    struct gl_arena *arena = gl_arena_of(block);
    size_t start = gl_granule_of(block);
    size_t granules = gl_heap_block_end(arena, start) - start;
    if (gl_tags_is_block(gl_heap.tags, start))
      gl_cache_free_tag(arena->owner, arena, start, granules);
    else
      gl_cache_refuse_sent(block);
  }
}

static void sweep_free_sent(struct gl_cache *cache) {
  for (unsigned i = 0; i < GL_CHAINS; i++) {
    sweep_free_chain(cache->inbox[i]);
    sweep_free_chain(cache->outbox.first[i]);
  }
  memset(cache->inbox, 0, sizeof cache->inbox);
  memset(&cache->outbox, 0, sizeof cache->outbox);
}

/* What is alive in an arena that is not swept, by the last marking. */
static size_t sweep_live_granules(const struct gl_arena *arena) {
  gl_assert(arena->free_granules <= GL_ARENA_GRANULES);
  return GL_ARENA_GRANULES - arena->free_granules;
}

static bool sweep_may_tenure(const struct gl_arena *arena,
                             size_t free_granules) {
  gl_assert(gl_arena_is_in_use(arena) && (arena->swept || arena->bound == 0));
  return !arena->swept && arena->kind != GL_UNCOLLECTABLE &&
         arena->free_granules <= free_granules;
}

size_t gl_heap_tenure(size_t free_granules) {
  size_t granules = 0;
  for (size_t i = 0; i < gl_heap_arena_slots(); i++) {
    struct gl_arena *arena = &gl_heap.arenas[i];
    if (gl_heap.slots[i] == GL_SLOT_RUNS) continue;
    arena->tenured = sweep_may_tenure(arena, free_granules);
    if (arena->tenured) granules += sweep_live_granules(arena);
  }
  return granules << GL_GRANULE_SHIFT;
}

static void sweep_rest(bool minor) {
  for (size_t i = 0; i < gl_heap_arena_slots(); i++) {
    struct gl_arena *arena = &gl_heap.arenas[i];
    if (gl_heap.slots[i] == GL_SLOT_RUNS) continue;
    gl_assert(gl_heap.slots[i] == 1 + arena->kind);
    if (minor && arena->tenured)
      gl_arena_sweep_white(arena);
    else
      gl_arena_sweep(arena);
  }
}

static void sweep_close_lanes(struct gl_cache *cache) {
  for (int i = 0; i < GL_LANES; i++) {
    struct gl_lane *lane = &cache->lane[i];
    gl_lane_close(cache, lane, false);
    memset(lane->quick, 0, sizeof lane->quick);
    gl_bins_reset(lane);
    lane->arena = NULL;
    gl_lane_forget_asked(lane);
    gl_lane_set_lists(cache, lane, GL_LISTS_ASKED);
    lane->rescanned_at = gl_cache_net_freed_bytes(cache);
    gl_assert(gl_lane_is_closed(lane));
  }
  gl_spares_give_back(cache);
  gl_cache_settle(cache);
}

static void sweep_set_pending(struct gl_arena *arena, bool swept) {
  gl_assert(gl_lane_is_closed(gl_lane_of(arena->owner, arena)));
  arena->opened = false;
  arena->bound = 0;
  arena->swept = swept;
}

/* An arena with room that nobody opened since the last collection. */
static void sweep_note_idle(struct gl_arena *arena) {
  gl_assert(gl_heap.runs.tick != 0); /* 0 is: not idle */
  bool used = arena->used || arena->free_granules < GL_ARENA_MIN_FREE_GRANULES;
  arena->used = false;
  if (used || arena->idle_since != 0) return;
  arena->idle_since = gl_heap.runs.tick;
}

void gl_heap_prepare_mark(bool minor) {
  gl_heap.epoch++;
  gl_heap.minor = minor;
  sweep_rest(minor);
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    sweep_free_sent(c);
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    sweep_close_lanes(c);
  for (size_t i = 0; i < gl_heap_arena_slots(); i++) {
    if (gl_heap.slots[i] == GL_SLOT_RUNS) continue;
    sweep_note_idle(&gl_heap.arenas[i]);
    sweep_set_pending(&gl_heap.arenas[i], true);
  }
}

/* Unlink every arena from its lane; sweep_relink puts it back, in the order of
   addresses. */
static void sweep_unlink_arenas(void) {
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    for (int i = 0; i < GL_LANES; i++) {
      struct gl_lane *lane = &c->lane[i];
      gl_assert(gl_lane_is_closed(lane) && gl_lane_is_list(lane));
      lane->first = lane->last = lane->pending = NULL;
      lane->half_free = lane->idle = NULL;
      lane->arena_count = 0;
    }
}

static size_t sweep_count_living(void) {
  size_t living = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    living += c->in_use;
  gl_assert(living <= gl_heap.cache_count);
  return living;
}

static void sweep_relink(struct gl_arena *arena) {
  struct gl_lane *lane = gl_lane_of(arena->owner, arena);
  gl_assert(arena->bound == 0 && !arena->opened);
  if (lane->last == NULL) lane->pending = lane->half_free = arena;
  if (lane->idle == NULL && gl_arena_is_idle(arena)) lane->idle = arena;
  gl_arena_append(lane, arena);
}

/* What is alive in an arena now that marking is done. */
static size_t sweep_found_granules(size_t slot, const uint32_t *live) {
  const struct gl_arena *arena = &gl_heap.arenas[slot];
  bool kept = gl_heap.minor && arena->tenured;
  gl_assert(!kept || live[slot] == 0);
  gl_assert(live[slot] <= GL_ARENA_GRANULES);
  return kept ? sweep_live_granules(arena) : live[slot];
}

size_t gl_heap_begin_sweep(const uint32_t *live, size_t *tenured_bytes) {
  size_t live_granules = 0, tenured_granules = 0, living = sweep_count_living();
  sweep_unlink_arenas();
  /* From here on, what is alive in the arenas of a cache is what is found. */
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    c->lost_bytes += gl_cache_live_bytes(c);
  for (size_t i = 0; i < gl_heap_arena_slots(); i++) {
    struct gl_arena *arena = &gl_heap.arenas[i];
    if (gl_heap.slots[i] == GL_SLOT_RUNS) continue;
    size_t found = sweep_found_granules(i, live);
    if (arena->tenured) tenured_granules += found;
    arena->tenured = false;
    if (found == 0) {
      gl_arena_destroy(arena);
      continue;
    }
    live_granules += found;
    arena->free_granules = (uint32_t)(GL_ARENA_GRANULES - found);
    /* Nothing is on its way to its owner now, and no list knows a block of
       it. */
    if (gl_common_takes(arena, living)) arena->owner = gl_heap.common;
    arena->owner->lost_bytes -= (int64_t)(found << GL_GRANULE_SHIFT);
    sweep_set_pending(arena, false);
    sweep_relink(arena);
  }
  gl_assert(tenured_granules <= live_granules);
  *tenured_bytes = tenured_granules << GL_GRANULE_SHIFT;
  return live_granules << GL_GRANULE_SHIFT;
}

size_t gl_heap_sweep_large(size_t *atomic_bytes) {
  size_t live_pages = 0, atomic_pages = 0;
  uint32_t page = gl_heap.runs.large;
  while (page != 0) {
    const struct gl_page *large = &gl_heap.pages[page];
    uint32_t next = large->next;
    size_t granule = gl_page_granule(page);
    gl_assert(large->state == GL_PAGE_LARGE && large->head == page);
    gl_assert(gl_tags_is_block(gl_heap.tags, granule)); /* none is spare */
    if (gl_tags_is_marked(gl_heap.tags, granule)) {
      gl_tags_set_block(gl_heap.tags, granule);
      live_pages += large->pages;
      if (large->kind == GL_ATOMIC) atomic_pages += large->pages;
    } else {
      gl_tags_clear(gl_heap.tags, granule);
      gl_runs_free_large(page);
    }
    page = next;
  }
  *atomic_bytes = atomic_pages << GL_PAGE_SHIFT;
  return live_pages << GL_PAGE_SHIFT;
}

static void sweep_take_apart(bool release) {
  sweep_rest(false);
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    sweep_free_sent(c);
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    sweep_close_lanes(c);
  sweep_unlink_arenas();
  for (size_t i = 0; i < gl_heap_arena_slots(); i++) {
    struct gl_arena *arena = &gl_heap.arenas[i];
    if (gl_heap.slots[i] == GL_SLOT_RUNS) continue;
    if (release && gl_arena_is_empty(arena)) {
      gl_arena_destroy(arena);
      continue;
    }
    sweep_set_pending(arena, true);
    if (release) gl_arena_discard(arena);
    /* Too high rather than too low, which would hide the arena's room; of
       common ones it is known. */
    if (arena->owner != gl_heap.common)
      arena->free_granules = (uint32_t)GL_ARENA_GRANULES;
    sweep_relink(arena);
  }
  gl_heap.epoch++;
}

void gl_heap_quiesce(void) { sweep_take_apart(false); }

void gl_heap_release_empty(void) { sweep_take_apart(true); }

void gl_heap_shut_gate(void) {
  gl_assert(__atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) == 0);
  gl_heap_quiesce();
  __atomic_store_n(&gl_heap.gate, 1, __ATOMIC_RELAXED);
}

void gl_heap_open_gate(void) {
  __atomic_store_n(&gl_heap.gate, 0, __ATOMIC_RELAXED);
}

void gl_heap_tick(void) { gl_runs_tick(gl_os_coarse_ns()); }

void gl_heap_find_resident(void) { gl_runs_find_resident(); }

size_t gl_heap_scavenge(void) {
  size_t returned = gl_runs_scavenge(0);
  gl_huge_review();
  return returned;
}
