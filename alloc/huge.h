/* SPDX-License-Identifier: MIT */
/*
 * huge.h: where the heap asks the system for huge pages.  Every function here
 * wants the heap lock.
 */
#ifndef GL_HUGE_H
#define GL_HUGE_H

#include "types.h"

/* A top from here on is put where a huge page ends: the system gives none of
   which a part is not committed yet.  (A heap of 25 MB, which grew by 2 to 3 MB
   at a time, had none.)  Lower, an eighth is less than a huge page. */
#define GL_HUGE_PAGES (GL_HUGE_BYTES >> GL_PAGE_SHIFT)
#define GL_HUGE_TOP (9 * GL_HUGE_PAGES)

/* Whether the heap is one with huge pages. */
GL_INLINE bool gl_huge_are_likely(void) {
  return gl_heap.runs.top_pages >= GL_HUGE_TOP;
}

void gl_huge_init(void);

/* Ask for huge pages up to the top, which has just moved up for what is
   wanted. */
void gl_huge_ask(size_t wanted);

/* Where memory went back: want none, as long as those that are in use are
   hollow. */
void gl_huge_review(void);

#endif
