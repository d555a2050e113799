/* SPDX-License-Identifier: MIT */
/*
 * prove.c: whether a marking is complete: no black block points to a white one.
 * As simple as it can be, and shares nothing with mark.c but the tags: one
 * block, one word at a time, in the order of addresses (GLEANER_CHECK=1).
 */
#include "mark.h"

static bool prove_is_black(const char *start) {
  gl_assert(gl_tags_is_block(gl_heap.tags, gl_granule_of(start)));
  return gl_tags_is_marked(gl_heap.tags, gl_granule_of(start));
}

/* Whether the block that a word points into, if there is one, is black. */
static bool prove_word(uintptr_t word) {
  struct gl_block block;
  return !gl_heap_find((void *)word, &block) || prove_is_black(block.start);
}

/* The collecting thread may run on a block, a coroutine's stack: what it has
   written there since is nothing to the program. */
static bool prove_is_own_stack(const struct gl_block *block) {
  const char *frame = __builtin_frame_address(0);
  return frame >= block->start && frame < block->start + block->size;
}

static GL_MARK_UNCHECKED bool prove_block(const struct gl_block *block) {
  const uintptr_t *word = (const uintptr_t *)block->start;
  gl_assert(block->kind != GL_ATOMIC && block->size % GL_GRANULE_BYTES == 0);
  const uintptr_t *end = word + block->size / sizeof *word;
  for (; word < end; word++) GL_HEAP_CHECK("mark", prove_word(*word));
  return true;
}

static bool prove_visit(const struct gl_block *block, bool allocated,
                        void *sound) {
  gl_assert(*(bool *)sound);
  if (!allocated || block->kind == GL_ATOMIC || !prove_is_black(block->start) ||
      prove_is_own_stack(block))
    return true;
  *(bool *)sound = prove_block(block);
  return *(bool *)sound;
}

bool gl_mark_prove(void) {
  bool sound = true;
  gl_assert(!gl_marking.overflowed &&
            gl_marker_main.depth == gl_marker_main.bottom);
  gl_heap_visit(prove_visit, &sound);
  return sound;
}
