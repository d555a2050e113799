/* SPDX-License-Identifier: MIT */
/*
 * blocks.c: see blocks.h.
 */
#include "blocks.h"

struct blocks blocks;

static void blocks_note_corruption(const void *address, const char *fault) {
  (void)address;
  (void)fault;
  blocks.corruptions++;
}

void blocks_begin(void) {
  blocks.cache = test_heap();
  blocks.other = test_cache();
  gl_heap.on_corruption = blocks_note_corruption;
  blocks.corruptions = 0;
}

/* ------------------------------------------------------- one block of cache */

char *blocks_allocate(size_t size) {
  char *p = test_allocate(blocks.cache, size, GL_SCANNED);
  ck_assert_ptr_nonnull(p);
  return p;
}

void blocks_release(void *p) {
  ck_assert_int_eq(test_free(blocks.cache, p), GL_FAULT_NONE);
}

bool blocks_is_allocated(const void *p) {
  struct gl_block found;
  return gl_heap_find(p, &found);
}

/* ------------------------------------------------------ blocks side by side */

/* Holes are used from their upper ends down. */
void blocks_fill(size_t arenas) {
  for (size_t arena = 0; arena < arenas; arena++)
    for (size_t i = BLOCKS; i-- > 0;)
      blocks.at[arena * BLOCKS + i] = blocks_allocate(BLOCK);
  for (size_t i = 0; i < arenas * BLOCKS; i++)
    ck_assert_ptr_eq(blocks.at[i], blocks.at[0] + i * BLOCK);
}

static bool blocks_survives(const struct gl_block *found, void *data) {
  size_t i = (size_t)(found->start - blocks.at[0]) / BLOCK;
  blocks_doomed *dies = *(blocks_doomed **)data;
  return found->start < blocks.at[0] || i >= BLOCKS || !dies(i);
}

void blocks_kill(blocks_doomed *dies) { test_collect(blocks_survives, &dies); }

bool blocks_even_from_20(size_t i) { return i >= 20 && i % 2 == 0; }

void blocks_pass_all(blocks_doomed *dies) {
  blocks_fill(1);
  blocks_kill(dies);
  for (size_t i = 0; i < GL_ARENA_BYTES / 1024; i++) blocks_allocate(1024);
}
