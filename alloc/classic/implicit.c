/* SPDX-License-Identifier: MIT */
/*
 * implicit.c: the implicit free list.  There is no list: to find a free block
 * one walks over all blocks, from header to header, allocated ones included.
 *
 *   | hdr used ftr | hdr free ftr | hdr used ftr | hdr used ftr | epilogue |
 *     |              ^|             ^|             ^|             ^
 *     +--------------++-------------++-------------++-------------+
 *              the size in a header leads to the next one
 *
 * First fit takes the first block that is large enough; next fit goes on where
 * the last search stopped (the rover, Knuth's exercise 2.5.6); best fit looks
 * at every block, unless one fits exactly.  The layout is that of boundary.h,
 * with footers.  Coalescing is immediate, in all four cases.
 *
 * Invariant of next fit: the rover is NULL or the header of a block or of an
 * epilogue; a block that is merged takes the rover along.
 */
#include "boundary.h"

/* First fit from a block up to its area's epilogue, or to stop. */
static struct gl_boundary_block *implicit_scan(
    struct gl_classic *heap, struct gl_boundary_block *block,
    const struct gl_boundary_block *stop, size_t bytes) {
  uint64_t steps = 0;
  struct gl_boundary_block *found = NULL;
  for (; block != stop; block = gl_boundary_next(block)) {
    size_t size = gl_boundary_size(block);
    if (size == 0) break;
    steps++;
    if (gl_boundary_is_free(block) && size >= bytes) {
      found = block;
      break;
    }
  }
  heap->counts.steps += steps;
  return found;
}

static struct gl_boundary_block *implicit_find_first(struct gl_classic *heap,
                                                     size_t bytes) {
  for (size_t i = 0; i < heap->area_count; i++) {
    struct gl_boundary_block *first = gl_boundary_first(&heap->areas[i]);
    struct gl_boundary_block *block = implicit_scan(heap, first, NULL, bytes);
    if (block != NULL) return block;
  }
  return NULL;
}

/* From the rover to the end of its area, the other areas in a circle, and the
   beginning of the rover's. */
static struct gl_boundary_block *implicit_find_next(struct gl_classic *heap,
                                                    size_t bytes) {
  if (heap->rover == NULL) return implicit_find_first(heap, bytes);
  struct gl_boundary_block *rover = (struct gl_boundary_block *)heap->rover;
  struct gl_boundary_block *block = implicit_scan(heap, rover, NULL, bytes);
  if (block != NULL) return block;
  size_t home = (size_t)(gl_classic_find_area(heap, rover) - heap->areas);
  for (size_t n = 1; n < heap->area_count; n++) {
    size_t i = (home + n) % heap->area_count;
    struct gl_boundary_block *first = gl_boundary_first(&heap->areas[i]);
    block = implicit_scan(heap, first, NULL, bytes);
    if (block != NULL) return block;
  }
  return implicit_scan(heap, gl_boundary_first(&heap->areas[home]), rover,
                       bytes);
}

static struct gl_boundary_block *implicit_find_best(struct gl_classic *heap,
                                                    size_t bytes) {
  struct gl_boundary_block *best = NULL;
  uint64_t steps = 0;
  for (size_t i = 0; i < heap->area_count; i++) {
    struct gl_boundary_block *block = gl_boundary_first(&heap->areas[i]);
    for (; gl_boundary_size(block) != 0; block = gl_boundary_next(block)) {
      steps++;
      if (!gl_boundary_is_free(block)) continue;
      size_t size = gl_boundary_size(block);
      if (size < bytes) continue;
      if (best != NULL && size >= gl_boundary_size(best)) continue;
      best = block;
      if (size == bytes) break;
    }
    if (best != NULL && gl_boundary_size(best) == bytes) break;
  }
  heap->counts.steps += steps;
  return best;
}

/* Free blocks are found where they lie; only a rover needs to be told. */
static void implicit_insert(struct gl_classic *heap,
                            struct gl_boundary_block *block) {
  char *rover = (char *)heap->rover;
  if (rover > (char *)block && rover < (char *)gl_boundary_next(block))
    heap->rover = block;
}

/* Where the rover's block goes, insert or placed follows and mends it. */
static void implicit_remove(struct gl_classic *heap,
                            struct gl_boundary_block *block) {
  (void)heap;
  (void)block;
}

static void implicit_placed(struct gl_classic *heap,
                            struct gl_boundary_block *block) {
  heap->rover = gl_boundary_next(block);
}

static bool implicit_is_boundary(const struct gl_classic *heap,
                                 const void *where) {
  const struct gl_classic_area *area = gl_classic_peek_area(heap, where);
  if (area == NULL) return false;
  struct gl_boundary_block *block = gl_boundary_first(area);
  while (gl_boundary_size(block) != 0 && (const void *)block < where)
    block = gl_boundary_next(block);
  return block == where;
}

static const char *implicit_check(const struct gl_classic *heap,
                                  size_t free_blocks) {
  (void)free_blocks;
  if (heap->rover != NULL && !implicit_is_boundary(heap, heap->rover))
    return "the rover is not at a block";
  return NULL;
}

static const struct gl_boundary_index implicit_first_index = {
    .find = implicit_find_first,
    .insert = implicit_insert,
    .remove = implicit_remove,
    .check = implicit_check};

static const struct gl_boundary_index implicit_next_index = {
    .find = implicit_find_next,
    .insert = implicit_insert,
    .remove = implicit_remove,
    .placed = implicit_placed,
    .check = implicit_check};

static const struct gl_boundary_index implicit_best_index = {
    .find = implicit_find_best,
    .insert = implicit_insert,
    .remove = implicit_remove,
    .check = implicit_check};

const struct gl_classic_policy gl_classic_implicit_first = {
    .name = "implicit-first",
    .title = "implicit list, first fit",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &implicit_first_index};

const struct gl_classic_policy gl_classic_implicit_next = {
    .name = "implicit-next",
    .title = "implicit list, next fit",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &implicit_next_index};

const struct gl_classic_policy gl_classic_implicit_best = {
    .name = "implicit-best",
    .title = "implicit list, best fit",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &implicit_best_index};
