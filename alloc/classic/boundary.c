/* SPDX-License-Identifier: MIT */
/*
 * boundary.c: cutting, merging and checking blocks with boundary tags; see
 * boundary.h for their layout and invariants.  The policies call it for
 * everything but the question where a free block is to be found.
 */
#include "boundary.h"

static uint64_t *boundary_footer(struct gl_boundary_block *block) {
  return (uint64_t *)((char *)block + gl_boundary_size(block)) - 1;
}

/* What lies just before a block: the footer of its neighbour, if it has one. */
static uint64_t boundary_word_before(const struct gl_boundary_block *block) {
  return ((const uint64_t *)block)[-1];
}

static bool boundary_prev_is_free(const struct gl_classic *heap,
                                  const struct gl_boundary_block *block) {
  if (heap->policy->index->footless)
    return (block->tag & GL_BOUNDARY_PREV_ALLOCATED) == 0;
  return (boundary_word_before(block) & GL_BOUNDARY_ALLOCATED) == 0;
}

/* Bytes of a block for size bytes of the program. */
static size_t boundary_need(const struct gl_classic *heap, size_t size) {
  size_t tags = heap->policy->index->footless ? 1 : 2;
  size_t bytes = (size + tags * GL_BOUNDARY_TAG_BYTES + 15) & ~(size_t)15;
  return bytes < GL_BOUNDARY_MIN_BYTES ? GL_BOUNDARY_MIN_BYTES : bytes;
}

/* Write the tags of a block, and tell its right neighbour. */
static void boundary_write(const struct gl_classic *heap,
                           struct gl_boundary_block *block, size_t bytes,
                           bool allocated) {
  bool footless = heap->policy->index->footless;
  uint64_t before = block->tag & GL_BOUNDARY_PREV_ALLOCATED;
  block->tag = bytes | before | (allocated ? GL_BOUNDARY_ALLOCATED : 0);
  if (!allocated || !footless) *boundary_footer(block) = block->tag & ~before;
  if (!footless) return;
  struct gl_boundary_block *next = gl_boundary_next(block);
  if (allocated)
    next->tag |= GL_BOUNDARY_PREV_ALLOCATED;
  else
    next->tag &= ~GL_BOUNDARY_PREV_ALLOCATED;
}

/*
 * Free bytes that start at a block, of which only the bit about the one before
 * is right as yet: merge them with their free neighbours,
 *
 *   case 1   | allocated |  block  | allocated |   nothing to merge
 *   case 2   | allocated |  block      free    |   with the right one
 *   case 3   |   free       block  | allocated |   with the left one
 *   case 4   |   free       block      free    |   with both
 *
 * write the tags, and put the result into the index.
 */
static void boundary_give(struct gl_classic *heap,
                          struct gl_boundary_block *block, size_t bytes) {
  const struct gl_boundary_index *index = heap->policy->index;
  struct gl_boundary_block *next =
      (struct gl_boundary_block *)((char *)block + bytes);
  if (gl_boundary_is_free(next)) {
    index->remove(heap, next);
    bytes += gl_boundary_size(next);
    heap->counts.coalescings++;
  }
  if (boundary_prev_is_free(heap, block)) {
    size_t before = boundary_word_before(block) & ~(uint64_t)15;
    block = (struct gl_boundary_block *)((char *)block - before);
    index->remove(heap, block);
    bytes += before;
    heap->counts.coalescings++;
  }
  boundary_write(heap, block, bytes, false);
  index->insert(heap, block);
}

/* Get memory for a block of bytes; it joins what is free. */
static bool boundary_grow(struct gl_classic *heap, size_t bytes) {
  char *start;
  bool extends;
  size_t size = bytes + 2 * GL_BOUNDARY_TAG_BYTES;
  if (!gl_classic_grow(heap, &start, &size, &extends)) return false;
  struct gl_boundary_block *epilogue =
      (struct gl_boundary_block *)(start + size - GL_BOUNDARY_TAG_BYTES);
  epilogue->tag = GL_BOUNDARY_ALLOCATED;
  struct gl_boundary_block *block;
  if (extends) { /* the old epilogue is the header of the new block */
    block = (struct gl_boundary_block *)(start - GL_BOUNDARY_TAG_BYTES);
  } else {
    *(uint64_t *)start = GL_BOUNDARY_ALLOCATED;
    block = (struct gl_boundary_block *)(start + GL_BOUNDARY_TAG_BYTES);
    block->tag = heap->policy->index->footless ? GL_BOUNDARY_PREV_ALLOCATED : 0;
    size -= 2 * GL_BOUNDARY_TAG_BYTES;
  }
  boundary_give(heap, block, size);
  return true;
}

/* Make a block that is in no index an allocated one of bytes; what is left, if
   it can be a block, is free again. */
static void boundary_place(struct gl_classic *heap,
                           struct gl_boundary_block *block, size_t bytes) {
  size_t rest = gl_boundary_size(block) - bytes;
  if (rest < GL_BOUNDARY_MIN_BYTES) {
    boundary_write(heap, block, bytes + rest, true);
    return;
  }
  heap->counts.splits++;
  block->tag = bytes | (block->tag & GL_BOUNDARY_PREV_ALLOCATED);
  struct gl_boundary_block *tail = gl_boundary_next(block);
  tail->tag = 0; /* from the middle of a block: anything could be there */
  boundary_write(heap, block, bytes, true);
  boundary_give(heap, tail, rest);
}

void *gl_boundary_allocate(struct gl_classic *heap, size_t size) {
  const struct gl_boundary_index *index = heap->policy->index;
  size_t bytes = boundary_need(heap, size);
  struct gl_boundary_block *block = index->find(heap, bytes);
  if (block == NULL) {
    if (!boundary_grow(heap, bytes)) return NULL;
    block = index->find(heap, bytes);
  }
  index->remove(heap, block);
  boundary_place(heap, block, bytes);
  if (index->placed != NULL) index->placed(heap, block);
  return (char *)block + GL_BOUNDARY_TAG_BYTES;
}

static struct gl_boundary_block *boundary_block(const void *p) {
  return (struct gl_boundary_block *)((uintptr_t)p - GL_BOUNDARY_TAG_BYTES);
}

void gl_boundary_release(struct gl_classic *heap, void *p) {
  struct gl_boundary_block *block = boundary_block(p);
  boundary_give(heap, block, gl_boundary_size(block));
}

bool gl_boundary_try_resize(struct gl_classic *heap, void *p, size_t size) {
  struct gl_boundary_block *block = boundary_block(p);
  struct gl_boundary_block *next = gl_boundary_next(block);
  size_t bytes = boundary_need(heap, size);
  size_t room = gl_boundary_size(block);
  const struct gl_boundary_index *index = heap->policy->index;
  if (room >= bytes) {
    boundary_place(heap, block, bytes);
    return true;
  }
  if (!gl_boundary_is_free(next)) return false;
  if (room + gl_boundary_size(next) < bytes) return false;
  index->remove(heap, next);
  heap->counts.coalescings++;
  room += gl_boundary_size(next);
  block->tag = room | (block->tag & GL_BOUNDARY_PREV_ALLOCATED);
  boundary_place(heap, block, bytes);
  if (index->placed != NULL) index->placed(heap, block);
  return true;
}

size_t gl_boundary_extent(const struct gl_classic *heap, const void *p,
                          const char **start) {
  (void)heap;
  *start = (const char *)p - GL_BOUNDARY_TAG_BYTES;
  return gl_boundary_size(boundary_block(p));
}

size_t gl_boundary_usable(const struct gl_classic *heap, const void *p) {
  size_t tags = heap->policy->index->footless ? 1 : 2;
  return gl_boundary_size(boundary_block(p)) - tags * GL_BOUNDARY_TAG_BYTES;
}

/* ------------------------------------------------------------------- check */

/* One block that is not the epilogue, whose neighbour to the left is free or
   not.  NULL where it is sound. */
static const char *boundary_check_block(const struct gl_classic *heap,
                                        const struct gl_classic_area *area,
                                        struct gl_boundary_block *block,
                                        bool after_free) {
  bool footless = heap->policy->index->footless;
  size_t bytes = gl_boundary_size(block);
  const char *last = area->end - GL_BOUNDARY_TAG_BYTES;
  bool free = gl_boundary_is_free(block);
  if (((uintptr_t)block + GL_BOUNDARY_TAG_BYTES) % GL_CLASSIC_ALIGNMENT != 0)
    return "a payload is not aligned";
  if (bytes < GL_BOUNDARY_MIN_BYTES) return "a block is too small";
  if (bytes > (size_t)(last - (const char *)block))
    return "a block leaves its area";
  if (free && after_free) return "two free neighbours";
  if (boundary_prev_is_free(heap, block) != after_free)
    return "a block is wrong about the one before";
  if ((free || !footless) &&
      *boundary_footer(block) != (block->tag & ~GL_BOUNDARY_PREV_ALLOCATED))
    return "header and footer differ";
  return NULL;
}

static const char *boundary_check_area(const struct gl_classic *heap,
                                       const struct gl_classic_area *area,
                                       size_t *free_blocks) {
  bool after_free = false;
  struct gl_boundary_block *block = gl_boundary_first(area);
  if (*(const uint64_t *)area->start != GL_BOUNDARY_ALLOCATED)
    return "the prologue is damaged";
  while (gl_boundary_size(block) != 0) {
    const char *fault = boundary_check_block(heap, area, block, after_free);
    if (fault != NULL) return fault;
    after_free = gl_boundary_is_free(block);
    *free_blocks += after_free;
    block = gl_boundary_next(block);
  }
  if ((char *)block + GL_BOUNDARY_TAG_BYTES != area->end)
    return "the epilogue is not at the end";
  if (gl_boundary_is_free(block)) return "the epilogue is free";
  if (boundary_prev_is_free(heap, block) != after_free)
    return "the epilogue is wrong about the last block";
  return NULL;
}

const char *gl_boundary_check(const struct gl_classic *heap) {
  size_t free_blocks = 0;
  for (size_t i = 0; i < heap->area_count; i++) {
    const char *fault =
        boundary_check_area(heap, &heap->areas[i], &free_blocks);
    if (fault != NULL) return fault;
  }
  return heap->policy->index->check(heap, free_blocks);
}
