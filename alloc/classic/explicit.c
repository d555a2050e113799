/* SPDX-License-Identifier: MIT */
/*
 * explicit.c: the explicit free list.  Free blocks carry links, so a search
 * sees only them.
 *
 *   list
 *    |
 *    v        +--------------- next ---------------+
 *   +------------------+                           v
 *   | hdr | next | prev | ... | ftr |   | used |  | hdr | next | prev | ftr |
 *   +------------------+
 *
 * First fit in both policies.  LIFO puts a freed block at the head: constant
 * time, and the block that is warm in the cache is used next.  Address order
 * walks to the block's place: a free costs a search, but first fit then packs
 * the low addresses as best fit would (Wilson et al. 1995, 3.4).
 *
 * The layout is that of boundary.h, with footers.  Invariant: the list holds
 * every free block once; in address order, in that order.
 */
#include "boundary.h"

#define EXPLICIT_HEAD 0 /* the one list that is used */

static struct gl_boundary_block *explicit_head(const struct gl_classic *heap) {
  return (struct gl_boundary_block *)heap->lists[EXPLICIT_HEAD];
}

static struct gl_boundary_block *explicit_find(struct gl_classic *heap,
                                               size_t bytes) {
  struct gl_boundary_block *block = explicit_head(heap);
  uint64_t steps = 0;
  for (; block != NULL; block = block->next) {
    steps++;
    if (gl_boundary_size(block) >= bytes) break;
  }
  heap->counts.steps += steps;
  return block;
}

/* Put a block between two neighbours of the list, either of which may be
   NULL. */
static void explicit_link(struct gl_classic *heap,
                          struct gl_boundary_block *block,
                          struct gl_boundary_block *prev,
                          struct gl_boundary_block *next) {
  block->prev = prev;
  block->next = next;
  if (next != NULL) next->prev = block;
  if (prev != NULL)
    prev->next = block;
  else
    heap->lists[EXPLICIT_HEAD] = block;
}

static void explicit_insert_lifo(struct gl_classic *heap,
                                 struct gl_boundary_block *block) {
  explicit_link(heap, block, NULL, explicit_head(heap));
}

static void explicit_insert_address(struct gl_classic *heap,
                                    struct gl_boundary_block *block) {
  struct gl_boundary_block *prev = NULL;
  struct gl_boundary_block *next = explicit_head(heap);
  uint64_t steps = 0;
  while (next != NULL && next < block) {
    steps++;
    prev = next;
    next = next->next;
  }
  heap->counts.steps += steps;
  explicit_link(heap, block, prev, next);
}

static void explicit_remove(struct gl_classic *heap,
                            struct gl_boundary_block *block) {
  if (block->next != NULL) block->next->prev = block->prev;
  if (block->prev != NULL)
    block->prev->next = block->next;
  else
    heap->lists[EXPLICIT_HEAD] = block->next;
}

static const char *explicit_check_lifo(const struct gl_classic *heap,
                                       size_t free_blocks) {
  const struct gl_boundary_block *prev = NULL;
  const struct gl_boundary_block *block = explicit_head(heap);
  for (; block != NULL; prev = block, block = block->next) {
    if (gl_classic_peek_area(heap, block) == NULL)
      return "a link leaves the heap";
    if (!gl_boundary_is_free(block)) return "a block in the list is allocated";
    if (block->prev != prev) return "the links of the list disagree";
    if (free_blocks-- == 0) return "the list holds more than the free blocks";
  }
  return free_blocks == 0 ? NULL : "a free block is not in the list";
}

static const char *explicit_check_address(const struct gl_classic *heap,
                                          size_t free_blocks) {
  const char *fault = explicit_check_lifo(heap, free_blocks);
  if (fault != NULL) return fault;
  const struct gl_boundary_block *block = explicit_head(heap);
  for (; block != NULL && block->next != NULL; block = block->next)
    if (block->next < block) return "the list is out of order";
  return NULL;
}

static const struct gl_boundary_index explicit_lifo_index = {
    .find = explicit_find,
    .insert = explicit_insert_lifo,
    .remove = explicit_remove,
    .check = explicit_check_lifo};

static const struct gl_boundary_index explicit_address_index = {
    .find = explicit_find,
    .insert = explicit_insert_address,
    .remove = explicit_remove,
    .check = explicit_check_address};

const struct gl_classic_policy gl_classic_explicit_lifo = {
    .name = "explicit-lifo",
    .title = "explicit list, LIFO",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &explicit_lifo_index};

const struct gl_classic_policy gl_classic_explicit_address = {
    .name = "explicit-address",
    .title = "explicit list, address order",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &explicit_address_index};
