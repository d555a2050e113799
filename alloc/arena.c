/* SPDX-License-Identifier: MIT */
/*
 * arena.c: arenas: made from page runs, swept by a bitmap AND, opened hole by
 * hole, and given back when nothing in them is alive.  Dead blocks are never
 * touched: all of this happens in the tags.
 *
 * Invariant of a swept arena: its first granule has a tag, and every granule
 * belongs to the run or block whose tag is the nearest at or below it
 * (gl_arena_check).
 */
#include "arena.h"

#include <sched.h>
#include <string.h>

#include "cache.h"
#include "huge.h"
#include "os.h"
#include "runs.h"

/* Where a hole's pages are written for the first time, so many have their
   memory at once; a part of the heap, so that a small one stays small, and of
   the lane, since many threads may have little each.  (A fault takes up to 9 us
   in a virtual machine: of the time to build a tree of 20 MB a tenth.) */
#define ARENA_POPULATE_PAGES ((size_t)16)
#define ARENA_POPULATE_PART ((size_t)64)

_Static_assert(ARENA_POPULATE_PAGES <= UINT8_MAX, "a byte has the number");

static bool arena_clean_is_sound(const struct gl_arena *arena) {
  return arena->clean_from <= arena->clean_to &&
         arena->clean_to <= GL_ARENA_BYTES;
}

/* Whether no part of what is clean lies in [first, last). */
static bool arena_is_clean_outside(const struct gl_arena *arena, uint32_t first,
                                   uint32_t last) {
  return arena->clean_from == arena->clean_to || last <= arena->clean_from ||
         first >= arena->clean_to;
}

/* Whether it is the one that a lane takes its holes from. */
static bool arena_is_current(const struct gl_arena *arena) {
  return gl_lane_of(arena->owner, arena)->arena == arena;
}

/* What no arena is any more, or none yet, has no tags either. */
static bool arena_has_no_tags(const struct gl_arena *arena) {
  size_t end = gl_arena_end(arena);
  return gl_tags_next(gl_heap.tags, gl_arena_first_granule(arena), end) == end;
}

/* The longest stretch of pages that were never written since they came from the
   system. */
static void arena_find_clean(struct gl_arena *arena, size_t page) {
  gl_assert(page + GL_ARENA_PAGES <= gl_heap.runs.top_pages);
  size_t from = 0, to = 0;
  for (size_t i = 0; i < GL_ARENA_PAGES; i++) {
    size_t start = i;
    while (i < GL_ARENA_PAGES && gl_heap.dirty[page + i] == 0) i++;
    if (i - start <= to - from) continue;
    from = start;
    to = i;
  }
  arena->clean_from = (uint32_t)(from << GL_PAGE_SHIFT);
  arena->clean_to = (uint32_t)(to << GL_PAGE_SHIFT);
  gl_assert(arena_clean_is_sound(arena));
}

/* A page is written for the first time: give memory to some below it too, since
   holes are used up from the top down.  What has memory counts as dirty,
   written or not. */
static void arena_populate(const struct gl_arena *arena, size_t last) {
  size_t first = last;
  while (last + 1 - first < arena->populate_pages &&
         first % GL_ARENA_PAGES != 0 && gl_heap.dirty[first - 1] == 0)
    first--;
  size_t pages = last + 1 - first;
  gl_assert(first / GL_ARENA_PAGES == gl_arena_index(arena));
  if (pages > 1) gl_os_populate(gl_page_address(first), pages << GL_PAGE_SHIFT);
  memset(&gl_heap.dirty[first], 1, pages);
}

/* Pages are written, or about to be. */
static void arena_dirty(const struct gl_arena *arena, const char *from,
                        const char *to) {
  gl_assert(from < to && gl_arena_has(arena, from, to));
  size_t first = gl_page_of(from), last = gl_page_of(to - 1), clean = last;
  while (clean > first && gl_heap.dirty[clean] != 0) clean--;
  if (gl_heap.dirty[clean] == 0) arena_populate(arena, clean);
  memset(&gl_heap.dirty[first], 1, last + 1 - first);
}

/* What is soiled splits what is clean; the longer part stays clean. */
static void arena_split_clean(struct gl_arena *arena, const char *from,
                              const char *to) {
  uint32_t first = (uint32_t)(from - gl_arena_start(arena));
  uint32_t last = (uint32_t)(to - gl_arena_start(arena));
  if (last <= arena->clean_from || first >= arena->clean_to) return;
  uint32_t below = first > arena->clean_from ? first - arena->clean_from : 0;
  uint32_t above = last < arena->clean_to ? arena->clean_to - last : 0;
  if (below >= above)
    arena->clean_to = arena->clean_from + below;
  else
    arena->clean_from = arena->clean_to - above;
  gl_assert(arena_clean_is_sound(arena));
  gl_assert(arena_is_clean_outside(arena, first, last));
}

void gl_arena_soil_slow(struct gl_arena *arena, const char *from,
                        const char *to) {
  if (from == to) return;
  arena_dirty(arena, from, to);
  arena_split_clean(arena, from, to);
}

static void arena_zero_dirty(char *from, char *to) {
  if (from < to) memset(from, 0, (size_t)(to - from));
}

void gl_arena_zero_slow(struct gl_arena *arena, char *from, char *to) {
  if (from == to) return;
  arena_dirty(arena, from, to);
  char *clean_from = gl_arena_start(arena) + arena->clean_from;
  char *clean_to = gl_arena_start(arena) + arena->clean_to;
  if (clean_from < from) clean_from = from;
  if (clean_to > to) clean_to = to;
  if (clean_from < clean_to) {
    arena_zero_dirty(from, clean_from);
    arena_zero_dirty(clean_to, to);
  } else {
    arena_zero_dirty(from, to);
  }
  arena_split_clean(arena, from, to);
}

void gl_arena_append(struct gl_lane *lane, struct gl_arena *arena) {
  gl_assert(gl_lane_is_list(lane) && arena->kind == lane->kind);
  arena->next = NULL;
  if (lane->last != NULL)
    lane->last->next = arena;
  else
    lane->first = arena;
  lane->last = arena;
  lane->arena_count++;
}

/* None where a page may be in the middle of a block that is never written.  The
   heap is locked. */
static uint8_t arena_populate_pages(const struct gl_cache *owner,
                                    const struct gl_lane *lane) {
  gl_assert(gl_lane_is_of(owner, lane));
  if (lane >= &owner->lane[GL_KIND_COUNT]) return 0;
  size_t part = gl_heap.runs.used_pages / ARENA_POPULATE_PART;
  size_t own = 2 * lane->arena_count * GL_ARENA_PAGES / ARENA_POPULATE_PART;
  if (own < part) part = own;
  return (uint8_t)(part < ARENA_POPULATE_PAGES ? part : ARENA_POPULATE_PAGES);
}

struct gl_arena *gl_arena_create(struct gl_cache *owner, struct gl_lane *lane) {
  size_t page = gl_spares_take_run(GL_ARENA_PAGES, GL_ARENA_PAGES);
  if (page == 0) return NULL;
  gl_runs_set_arena(page);
  struct gl_arena *arena = gl_arena_of(gl_page_address(page));
  gl_assert(gl_arena_start(arena) == gl_page_address(page));
  gl_assert(!gl_arena_is_in_use(arena));
  gl_assert(gl_heap.slots[gl_arena_index(arena)] == GL_SLOT_RUNS);
  gl_assert(arena_has_no_tags(arena));
  arena->bound = 0;
  arena->free_granules = (uint32_t)GL_ARENA_GRANULES;
  arena_find_clean(arena, page);
  arena->populate_pages = arena_populate_pages(owner, lane);
  arena->kind = (uint8_t)lane->kind;
  arena->lane_offset = (uint16_t)((char *)lane - (char *)owner);
  /* Atomic: a look-up may still be at the arena that was here before. */
  __atomic_store_n(&arena->swept, true, __ATOMIC_RELAXED);
  arena->opened = arena->tenured = false;
  arena->used = true;
  arena->latch = 0;
  arena->idle_since = 0;
  arena->hollow_granules = 0;
  gl_tags_set_free(gl_heap.tags, gl_arena_first_granule(arena));
  gl_arena_append(lane, arena);
  __atomic_store_n(&arena->owner, owner, __ATOMIC_RELEASE);
  /* Release: who looks an address up sees an arena that is swept. */
  __atomic_store_n(&gl_heap.slots[gl_arena_index(arena)],
                   (uint8_t)(1 + lane->kind), __ATOMIC_RELEASE);
  gl_heap.arena_count++;
  return arena;
}

void gl_arena_destroy(struct gl_arena *arena) {
  gl_assert(gl_arena_is_in_use(arena) && !arena_is_current(arena));
  gl_assert(gl_heap.slots[gl_arena_index(arena)] == 1 + arena->kind);
  gl_assert(arena_clean_is_sound(arena));
  size_t index = gl_arena_index(arena);
  __atomic_store_n(&gl_heap.slots[index], GL_SLOT_RUNS, __ATOMIC_RELAXED);
  gl_tags_clear_lines(gl_heap.tags, index * GL_ARENA_LINES, GL_ARENA_LINES);
  arena->owner = NULL;
  arena->bound = 0;
  gl_assert(gl_heap.arena_count > 0);
  gl_heap.arena_count--;
  size_t page = index * GL_ARENA_PAGES;
  size_t clean_from =
      gl_round_up(arena->clean_from, GL_PAGE_BYTES) >> GL_PAGE_SHIFT;
  size_t clean_to = arena->clean_to >> GL_PAGE_SHIFT;
  while (clean_to > clean_from && gl_heap.dirty[page + clean_to - 1] != 0)
    clean_to--;
  while (clean_from < clean_to && gl_heap.dirty[page + clean_from] != 0)
    clean_from++;
  if (clean_to < clean_from) clean_to = clean_from;
  gl_runs_give(page, GL_ARENA_PAGES, page + clean_from, page + clean_to);
}

/* Sweeping is short and contended only by a gc_base of another thread. */
static void arena_latch(struct gl_arena *arena) {
  while (__atomic_exchange_n(&arena->latch, 1, __ATOMIC_ACQUIRE) != 0)
    sched_yield();
}

static void arena_unlatch(struct gl_arena *arena) {
  __atomic_store_n(&arena->latch, 0, __ATOMIC_RELEASE);
}

void gl_arena_sweep(struct gl_arena *arena) {
  if (gl_arena_is_swept(arena)) return;
  arena_latch(arena);
  if (!arena->swept) {
    gl_assert(arena->bound == 0);
    gl_tags_sweep_lines(gl_heap.tags, gl_arena_index(arena) * GL_ARENA_LINES,
                        GL_ARENA_LINES);
    /* Release: for gl_arena_is_swept. */
    __atomic_store_n(&arena->swept, true, __ATOMIC_RELEASE);
  }
  arena_unlatch(arena);
}

void gl_arena_sweep_white(struct gl_arena *arena) {
  gl_assert(arena->tenured && !arena->swept);
  gl_tags_sweep_white_lines(gl_heap.tags,
                            gl_arena_index(arena) * GL_ARENA_LINES,
                            GL_ARENA_LINES);
}

/* Free granules from which on an arena is hollow enough for its pages to be
   given back.  To discard a page breaks up the huge page that it is in: where
   there are such, half of an arena has to be free. */
static size_t arena_hollow_from(void) {
  return gl_huge_are_likely() ? GL_ARENA_GRANULES / 2 : 0;
}

bool gl_arena_is_idle(const struct gl_arena *arena) {
  size_t more = arena->hollow_granules + (GL_PAGE_BYTES >> GL_GRANULE_SHIFT);
  if (more < arena_hollow_from()) more = arena_hollow_from();
  return arena->idle_since != 0 && arena->free_granules >= more &&
         !arena->opened &&
         (uint8_t)(gl_heap.runs.tick - arena->idle_since) >= GL_GRACE_TICKS;
}

/* Discard those of the pages that are not discarded yet, in stretches. */
static size_t arena_discard_pages(size_t page, size_t end) {
  gl_assert(end <= gl_heap.runs.top_pages);
  size_t discarded = 0;
  while (page < end) {
    size_t from = page;
    while (page < end && gl_heap.dirty[page] != 0) page++;
    size_t bytes = (page - from) << GL_PAGE_SHIFT;
    if (bytes > 0 && gl_os_discard(gl_page_address(from), bytes)) {
      memset(&gl_heap.dirty[from], 0, page - from);
      discarded += page - from;
    }
    page++;
  }
  return discarded;
}

size_t gl_arena_discard(struct gl_arena *arena) {
  gl_assert(gl_arena_is_swept(arena) && !arena_is_current(arena));
  struct gl_tags *tags = gl_heap.tags;
  size_t last = gl_arena_end(arena), pages = 0;
  size_t at = gl_tags_next_free(tags, gl_arena_first_granule(arena), last);
  while (at < last) {
    size_t end = gl_tags_next_block(tags, at + 1, last);
    size_t from = gl_round_up((uintptr_t)gl_granule_address(at), GL_PAGE_BYTES);
    size_t to = (uintptr_t)gl_granule_address(end) & ~(GL_PAGE_BYTES - 1);
    if (from < to)
      pages +=
          arena_discard_pages(gl_page_of((void *)from), gl_page_of((void *)to));
    at = gl_tags_next_free(tags, end, last);
  }
  gl_assert(pages <= GL_ARENA_PAGES);
  gl_heap.runs.returned_pages += pages;
  arena->hollow_granules = arena->free_granules;
  return pages;
}

bool gl_arena_is_empty(const struct gl_arena *arena) {
  gl_assert(gl_arena_is_swept(arena));
  size_t end = gl_arena_end(arena);
  return gl_tags_next_block(gl_heap.tags, gl_arena_first_granule(arena), end) ==
         end;
}

bool gl_arena_check(const struct gl_arena *arena) {
  struct gl_tags *tags = gl_heap.tags;
  size_t first = gl_arena_first_granule(arena), end = gl_arena_end(arena);
  size_t start = gl_tags_next(tags, first, end);
  GL_HEAP_CHECK("arena", start == first);
  for (size_t at = start; at < end; at = gl_tags_next(tags, at + 1, end)) {
    bool black = gl_tags_is_block(tags, at) && gl_tags_is_marked(tags, at);
    GL_HEAP_CHECK("arena", !(black && arena->swept));
  }
  GL_HEAP_CHECK("arena", arena->bound == 0 || arena->swept);
  GL_HEAP_CHECK("arena",
                gl_heap.slots[gl_arena_index(arena)] == arena->kind + 1);
  return true;
}
