/* SPDX-License-Identifier: MIT */
/*
 * prove.c: whether a marking is complete: no black block points to a white one.
 * As simple as it can be, and shares nothing with mark.c but the tags: one block,
 * one word at a time, in the order of addresses (GLEANER_CHECK=1).
 */
#include "../alloc/runs.h"
#include "mark.h"

/* Whether the block that a word points into, if there is one, is black. */
static bool prove_word(uintptr_t word) {
  if (word - gl_heap.base >= gl_marking.extent_bytes) return true;
  struct gl_tags *tags = gl_heap.tags;
  size_t granule = (word - gl_heap.base) >> GL_GRANULE_SHIFT;
  size_t slot = granule / GL_ARENA_GRANULES, head = SIZE_MAX;
  if (gl_heap.slots[slot] != GL_SLOT_RUNS) {
    head = gl_tags_find_head(tags, slot * GL_ARENA_GRANULES, granule);
  } else {
    size_t page = gl_runs_find_large(gl_page_of((void *)word));
    if (page != 0) head = gl_page_granule(page);
  }
  if (head == SIZE_MAX || !gl_tags_is_block(tags, head)) return true;
  return gl_tags_is_marked(tags, head);
}

/* The collecting thread may run on a block, a coroutine's stack: what it has
   written there since is nothing to the program. */
static bool prove_is_own_stack(const char *start, size_t bytes) {
  const char *frame = __builtin_frame_address(0);
  return frame >= start && frame < start + bytes;
}

static GL_MARK_UNCHECKED bool prove_block(size_t granule, size_t bytes) {
  if (!gl_tags_is_marked(gl_heap.tags, granule)) return true;
  const char *start = gl_granule_address(granule);
  if (prove_is_own_stack(start, bytes)) return true;
  const uintptr_t *word = (const uintptr_t *)start;
  for (const uintptr_t *end = word + bytes / sizeof *word; word < end; word++)
    GL_HEAP_CHECK("mark", prove_word(*word));
  return true;
}

static bool prove_arena(size_t slot) {
  struct gl_tags *tags = gl_heap.tags;
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  while ((at = gl_tags_next_block(tags, at, end)) < end) {
    size_t next = gl_tags_next(tags, at + 1, end);
    if (!prove_block(at, (next - at) << GL_GRANULE_SHIFT)) return false;
    at = next;
  }
  return true;
}

bool gl_mark_prove(void) {
  for (size_t slot = 0; slot < gl_mark_slots(); slot++)
    if (gl_heap.slots[slot] != GL_SLOT_RUNS &&
        gl_heap.slots[slot] != GL_SLOT_ATOMIC && !prove_arena(slot))
      return false;
  for (uint32_t page = gl_heap.runs.large; page != 0;
       page = gl_heap.pages[page].next) {
    size_t bytes = (size_t)gl_heap.pages[page].pages << GL_PAGE_SHIFT;
    if (gl_heap.pages[page].kind != GL_ATOMIC &&
        !prove_block(gl_page_granule(page), bytes))
      return false;
  }
  return true;
}
