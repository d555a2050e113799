/* SPDX-License-Identifier: MIT */
/*
 * runs.h: page runs: arenas, large blocks and the free runs between them.
 * Segregated fit with boundary tags at page scale.  Every function here wants
 * the heap lock.
 */
#ifndef GL_RUNS_H
#define GL_RUNS_H

#include "types.h"

/* Where the heap begins to hand out pages: page 0 is the end of all lists. */
#define GL_RUNS_FIRST_PAGE GL_ARENA_PAGES

_Static_assert((GL_STRIDE_PAGES & (GL_STRIDE_PAGES - 1)) == 0,
               "the page before in a large block's stride is had by a mask");

void gl_runs_init(void);

/*
 * Take a run of `pages` pages whose address is a multiple of `align` pages (a
 * power of two).  Returns its first page, or 0 where the limit, the
 * reservation or the system forbids it.  The run belongs to nobody yet: its
 * entries are the caller's to write (gl_runs_set_large, gl_runs_set_arena).
 */
size_t gl_runs_take(size_t pages, size_t align);

/* Whether there is such a run without growth of the heap. */
bool gl_runs_has(size_t pages, size_t align);

/* Make a taken run a large block, or an arena. */
void gl_runs_set_large(size_t page, size_t pages, enum gl_kind kind);
void gl_runs_set_arena(size_t page);

/* Give a run back; it coalesces with its free neighbours.  Its pages in
   [clean_from, clean_to) were never written. */
void gl_runs_give(size_t page, size_t pages, size_t clean_from,
                  size_t clean_to);

/* The same for a large block, which leaves the list of them first. */
void gl_runs_free_large(size_t page);

/* Grow or shrink a large block in place.  Growing needs a free run behind. */
bool gl_runs_try_resize(size_t page, size_t pages);

/* The large block that the entry of a page names, by its first page, if it
   reaches as far as another page; or 0. */
GL_INLINE size_t gl_runs_named_large(size_t at, size_t reach) {
  gl_assert(at <= reach);
  const struct gl_page *entry = &gl_heap.pages[at];
  if (entry->state != GL_PAGE_LARGE) return 0;
  const struct gl_page *head = &gl_heap.pages[entry->head];
  if (head->state != GL_PAGE_LARGE || head->head != entry->head) return 0;
  return reach - entry->head < head->pages ? entry->head : 0;
}

/* First page of the large block that page is in, or 0. */
GL_INLINE size_t gl_runs_find_large(size_t page) {
  size_t head = gl_runs_named_large(page, page);
  return head != 0 ? head
                   : gl_runs_named_large(page & ~(GL_STRIDE_PAGES - 1), page);
}

/* Zero the dirty pages of a taken run. */
void gl_runs_zero(size_t page, size_t pages);

/* Give back free pages that have been dirty for min_age ticks (0: all).
   Returns the bytes given back. */
size_t gl_runs_scavenge(unsigned min_age);

/* Find the clean pages of arenas and free runs that have memory all the same,
   and count them as dirty: the first write to a huge page brings all of it, and
   the system fills up those of which it finds a part in use (khugepaged).
   Costs a system call for each run with clean pages. */
void gl_runs_find_resident(void);

/* How many of so many pages are stamped as dirty. */
size_t gl_runs_count_dirty(size_t page, size_t pages);

/* Let the age of free pages advance with the clock, and give back what has had
   its grace period. */
void gl_runs_tick(uint64_t now_ns);

/* Length of a grace period, and what it is counted in. */
#define GL_TICK_NS 250000000u
#define GL_GRACE_TICKS 2u

_Static_assert(GL_GRACE_TICKS < 255, "a stamp tells an age up to there");

/* Prove the invariants of the page table; false and a message otherwise. */
bool gl_runs_check(void);

#endif
