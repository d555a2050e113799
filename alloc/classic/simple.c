/* SPDX-License-Identifier: MIT */
/*
 * simple.c: simple segregated storage (Kingsley's malloc of 4.2BSD).  Sizes
 * are rounded up to powers of two; each size has a list of free blocks and
 * memory of its own.  Nothing is ever split or coalesced, so a block carries
 * nothing at all: its size is that of its page, kept in the area's map.
 *
 *   area   | page of 64s          | page of 16s          | one 8192, 2 pages  |
 *   map    |  6                   |  4                   |  13        |  13   |
 *
 *   list of 64s -> | next |    | -> | next |    | -> ...     free blocks
 *                  +-----------+    +-----------+
 *                    64 bytes         64 bytes
 *
 * An empty list gets a page, cut into blocks at once; sizes above a page get
 * memory for one block.  What has been cut for one size is never anything
 * else: the cost is half a block of internal waste in the worst case, a
 * quarter on average, and whatever an earlier phase of the program has left
 * in lists that the later ones do not use.
 *
 * Invariant: lists[k] holds free blocks of 2^k bytes, carved[k] - taken[k] of
 * them; spare to spare_end is memory that has not been cut yet, whole pages.
 */
#include "classic.h"

#define SIMPLE_MIN_SHIFT 4
#define SIMPLE_PAGE_SHIFT 12
#define SIMPLE_PAGE_BYTES ((size_t)1 << SIMPLE_PAGE_SHIFT)

struct simple_block {
  struct simple_block *next;
};

static void simple_start(struct gl_classic *heap) {
  heap->map_shift = SIMPLE_PAGE_SHIFT;
}

/* The class for size bytes: blocks of 2^class. */
static unsigned simple_class(size_t size) {
  if (size <= (size_t)1 << SIMPLE_MIN_SHIFT) return SIMPLE_MIN_SHIFT;
  return 64u - (unsigned)__builtin_clzll(size - 1);
}

static unsigned simple_class_of(const struct gl_classic_area *area,
                                const void *p) {
  size_t offset = (size_t)((const char *)p - area->start);
  return area->map[offset >> SIMPLE_PAGE_SHIFT];
}

static void simple_push(struct gl_classic *heap, unsigned class, void *p) {
  struct simple_block *block = (struct simple_block *)p;
  block->next = (struct simple_block *)heap->lists[class];
  heap->lists[class] = block;
}

/* Cut bytes of the spare memory, whole pages, into blocks of a class. */
static void simple_carve(struct gl_classic *heap, unsigned class,
                         size_t bytes) {
  struct gl_classic_area *area = gl_classic_find_area(heap, heap->spare);
  size_t page = (size_t)(heap->spare - area->start) >> SIMPLE_PAGE_SHIFT;
  for (size_t i = 0; i < bytes >> SIMPLE_PAGE_SHIFT; i++)
    area->map[page + i] = (uint8_t) class;
  size_t size = (size_t)1 << class;
  for (size_t at = bytes; at >= size; at -= size) {
    simple_push(heap, class, heap->spare + at - size);
    heap->carved[class]++;
  }
  heap->spare += bytes;
}

/* What is left of the spare memory is too small for what is wanted now: cut it
   into the largest blocks that it holds. */
static void simple_use_up_spare(struct gl_classic *heap) {
  while (heap->spare != heap->spare_end) {
    size_t left = (size_t)(heap->spare_end - heap->spare);
    unsigned class = 63u - (unsigned)__builtin_clzll(left);
    simple_carve(heap, class, (size_t)1 << class);
  }
}

/* Make the list of a class non-empty. */
static bool simple_refill(struct gl_classic *heap, unsigned class) {
  size_t bytes = (size_t)1 << class;
  if (bytes < SIMPLE_PAGE_BYTES) bytes = SIMPLE_PAGE_BYTES;
  size_t left = (size_t)(heap->spare_end - heap->spare);
  if (left < bytes) {
    char *start;
    size_t got = bytes;
    bool extends;
    if (!gl_classic_grow(heap, &start, &got, &extends)) return false;
    simple_use_up_spare(heap);
    heap->spare = start;
    heap->spare_end = start + got;
  }
  simple_carve(heap, class, bytes);
  return true;
}

static void *simple_allocate(struct gl_classic *heap, size_t size) {
  unsigned class = simple_class(size);
  if (heap->lists[class] == NULL && !simple_refill(heap, class)) return NULL;
  struct simple_block *block = (struct simple_block *)heap->lists[class];
  heap->counts.steps++;
  heap->lists[class] = block->next;
  heap->taken[class]++;
  return block;
}

static void simple_release(struct gl_classic *heap, void *p) {
  unsigned class = simple_class_of(gl_classic_find_area(heap, p), p);
  heap->taken[class]--;
  simple_push(heap, class, p);
}

static size_t simple_usable(const struct gl_classic *heap, const void *p) {
  return (size_t)1 << simple_class_of(gl_classic_peek_area(heap, p), p);
}

/* In place within the class; a block that would leave more than half of itself
   unused moves to a smaller one. */
static bool simple_try_resize(struct gl_classic *heap, void *p, size_t size) {
  return simple_class(size) ==
         simple_class_of(gl_classic_find_area(heap, p), p);
}

static size_t simple_extent(const struct gl_classic *heap, const void *p,
                            const char **start) {
  *start = (const char *)p;
  return simple_usable(heap, p);
}

static const char *simple_check_list(const struct gl_classic *heap,
                                     unsigned class) {
  uint64_t left = heap->carved[class] - heap->taken[class];
  if (heap->taken[class] > heap->carved[class]) return "too many are taken";
  const struct simple_block *block =
      (const struct simple_block *)heap->lists[class];
  for (; block != NULL; block = block->next) {
    const struct gl_classic_area *area = gl_classic_peek_area(heap, block);
    if (area == NULL) return "a link leaves the heap";
    if (simple_class_of(area, block) != class)
      return "a block is in the list of another class";
    size_t offset = (size_t)((const char *)block - area->start);
    size_t unit = (size_t)1 << class;
    if (unit > SIMPLE_PAGE_BYTES) unit = SIMPLE_PAGE_BYTES;
    if (offset % unit != 0) return "a link leads into a block";
    if (left-- == 0) return "a list holds more than is free";
  }
  return left == 0 ? NULL : "a free block is in no list";
}

static const char *simple_check(const struct gl_classic *heap) {
  size_t bytes = (size_t)(heap->spare_end - heap->spare);
  for (unsigned class = 0; class < 64; class ++) {
    bytes += (size_t)heap->carved[class] << class;
    const char *fault = simple_check_list(heap, class);
    if (fault != NULL) return fault;
  }
  if (bytes != heap->area_bytes) return "memory is neither cut nor spare";
  return NULL;
}

const struct gl_classic_policy gl_classic_simple = {
    .name = "simple",
    .title = "simple segregated storage",
    .start = simple_start,
    .allocate = simple_allocate,
    .release = simple_release,
    .try_resize = simple_try_resize,
    .extent = simple_extent,
    .usable = simple_usable,
    .check = simple_check};
