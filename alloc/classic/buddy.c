/* SPDX-License-Identifier: MIT */
/*
 * buddy.c: the binary buddy system (Knowlton 1965; Knuth 1973, 2.5).  Blocks
 * are powers of two, at offsets in their area that are multiples of their
 * size.  A block is split into halves, buddies, whose offsets differ in one
 * bit; it merges again with that one block and no other.
 *
 *   order 8   |                 256                  |
 *   order 7   |       128        |       128         |   offset ^ 128
 *   order 6   |   64   |   64    |                       offset ^ 64
 *   order 5   | 32 | 32 |                                offset ^ 32
 *
 *   map       | 5* | 5  | 6      | 7                 |   one byte for each
 *               32 bytes: the order at a block's first, * for allocated
 *
 * Knuth keeps the tag in the block; here it is kept aside, so that a request
 * for a power of two takes no more than that, and blocks stay aligned.  A free
 * block carries its links:
 *
 *   | next | prev | unused up to 2^order |
 *
 * What it costs: sizes are rounded up to a power of two, a quarter on average,
 * and neighbours that are not buddies stay apart.
 *
 * Invariants: blocks tile an area; lists[k] holds the free blocks of order k,
 * each once; no two buddies of one order are both free.
 */
#include "classic.h"

#define BUDDY_MIN_ORDER 5
#define BUDDY_MAP_SHIFT BUDDY_MIN_ORDER
#define BUDDY_ALLOCATED 0x80u

/* Memory is taken from the system in blocks of at least one page (sbrk). */
#define BUDDY_GROW_ORDER 12

struct buddy_block {
  struct buddy_block *next;
  struct buddy_block *prev;
};

static void buddy_start(struct gl_classic *heap) {
  heap->map_shift = BUDDY_MAP_SHIFT;
}

static unsigned buddy_order(size_t size) {
  if (size <= (size_t)1 << BUDDY_MIN_ORDER) return BUDDY_MIN_ORDER;
  return 64u - (unsigned)__builtin_clzll(size - 1);
}

static size_t buddy_offset(const struct gl_classic_area *area, const void *p) {
  return (size_t)((const char *)p - area->start);
}

static uint8_t *buddy_tag(const struct gl_classic_area *area, size_t offset) {
  return &area->map[offset >> BUDDY_MAP_SHIFT];
}

static void buddy_push(struct gl_classic *heap, struct gl_classic_area *area,
                       size_t offset, unsigned order) {
  struct buddy_block *block = (struct buddy_block *)(area->start + offset);
  struct buddy_block *head = (struct buddy_block *)heap->lists[order];
  *buddy_tag(area, offset) = (uint8_t)order;
  block->prev = NULL;
  block->next = head;
  if (head != NULL) head->prev = block;
  heap->lists[order] = block;
  heap->nonempty[0] |= UINT64_C(1) << order;
}

static void buddy_unlink(struct gl_classic *heap, struct buddy_block *block,
                         unsigned order) {
  if (block->next != NULL) block->next->prev = block->prev;
  if (block->prev != NULL) {
    block->prev->next = block->next;
    return;
  }
  heap->lists[order] = block->next;
  if (block->next == NULL) heap->nonempty[0] &= ~(UINT64_C(1) << order);
}

/* Free a block: merge it with its buddy as long as that is free and whole. */
static void buddy_give(struct gl_classic *heap, struct gl_classic_area *area,
                       size_t offset, unsigned order) {
  size_t area_bytes = (size_t)(area->end - area->start);
  for (;;) {
    size_t size = (size_t)1 << order;
    size_t other = offset ^ size;
    if (other + size > area_bytes) break;
    if (*buddy_tag(area, other) != order) break;
    buddy_unlink(heap, (struct buddy_block *)(area->start + other), order);
    *buddy_tag(area, offset > other ? offset : other) = 0;
    heap->counts.coalescings++;
    offset &= other;
    order++;
  }
  buddy_push(heap, area, offset, order);
}

/* Free new memory from offset up to the area's end, in the largest blocks that
   are aligned to their size. */
static void buddy_give_range(struct gl_classic *heap,
                             struct gl_classic_area *area, size_t offset) {
  size_t end = (size_t)(area->end - area->start);
  while (offset < end) {
    unsigned order = 63u - (unsigned)__builtin_clzll(end - offset);
    if (offset != 0 && (unsigned)__builtin_ctzll(offset) < order)
      order = (unsigned)__builtin_ctzll(offset);
    *buddy_tag(area, offset) = (uint8_t)(order | BUDDY_ALLOCATED);
    buddy_give(heap, area, offset, order);
    offset += (size_t)1 << order;
  }
}

/* Take memory that holds an aligned block of an order.  Where an area grows at
   its end, up to the next such offset and one block further. */
static bool buddy_grow(struct gl_classic *heap, unsigned order) {
  if (order < BUDDY_GROW_ORDER) order = BUDDY_GROW_ORDER;
  size_t bytes = (size_t)1 << order;
  if (heap->backend == GL_CLASSIC_SBRK && heap->area_count > 0) {
    struct gl_classic_area *last = &heap->areas[heap->area_count - 1];
    bytes += -(size_t)(last->end - last->start) & (bytes - 1);
  }
  char *start;
  bool extends;
  if (!gl_classic_grow(heap, &start, &bytes, &extends)) return false;
  struct gl_classic_area *area = gl_classic_find_area(heap, start);
  buddy_give_range(heap, area, buddy_offset(area, start));
  return true;
}

static void *buddy_allocate(struct gl_classic *heap, size_t size) {
  unsigned order = buddy_order(size);
  uint64_t fitting = heap->nonempty[0] >> order << order;
  if (fitting == 0) {
    if (!buddy_grow(heap, order)) return NULL;
    fitting = heap->nonempty[0] >> order << order;
  }
  unsigned from = (unsigned)__builtin_ctzll(fitting);
  struct buddy_block *block = (struct buddy_block *)heap->lists[from];
  buddy_unlink(heap, block, from);
  heap->counts.steps++;
  struct gl_classic_area *area = gl_classic_find_area(heap, block);
  size_t offset = buddy_offset(area, block);
  while (from > order) {
    from--;
    heap->counts.splits++;
    heap->counts.steps++;
    buddy_push(heap, area, offset + ((size_t)1 << from), from);
  }
  *buddy_tag(area, offset) = (uint8_t)(order | BUDDY_ALLOCATED);
  return block;
}

static unsigned buddy_order_of(const struct gl_classic_area *area,
                               const void *p) {
  return *buddy_tag(area, buddy_offset(area, p)) & ~BUDDY_ALLOCATED;
}

static void buddy_release(struct gl_classic *heap, void *p) {
  struct gl_classic_area *area = gl_classic_find_area(heap, p);
  buddy_give(heap, area, buddy_offset(area, p), buddy_order_of(area, p));
}

/* In place while the order stays, or by giving upper halves back. */
static bool buddy_try_resize(struct gl_classic *heap, void *p, size_t size) {
  struct gl_classic_area *area = gl_classic_find_area(heap, p);
  size_t offset = buddy_offset(area, p);
  unsigned order = buddy_order_of(area, p);
  unsigned wanted = buddy_order(size);
  if (wanted > order) return false;
  while (order > wanted) {
    order--;
    heap->counts.splits++;
    *buddy_tag(area, offset) = (uint8_t)(order | BUDDY_ALLOCATED);
    buddy_give(heap, area, offset + ((size_t)1 << order), order);
  }
  return true;
}

static size_t buddy_usable(const struct gl_classic *heap, const void *p) {
  return (size_t)1 << buddy_order_of(gl_classic_peek_area(heap, p), p);
}

static size_t buddy_extent(const struct gl_classic *heap, const void *p,
                           const char **start) {
  *start = (const char *)p;
  return buddy_usable(heap, p);
}

/* ------------------------------------------------------------------- check */

static const char *buddy_check_area(const struct gl_classic_area *area,
                                    uint64_t free_blocks[64]) {
  size_t bytes = (size_t)(area->end - area->start);
  size_t offset = 0;
  while (offset < bytes) {
    unsigned tag = *buddy_tag(area, offset);
    unsigned order = tag & ~BUDDY_ALLOCATED;
    size_t size = (size_t)1 << order;
    if (order < BUDDY_MIN_ORDER || order > 62) return "no block at an offset";
    if (offset % size != 0) return "a block is not aligned to its size";
    if (size > bytes - offset) return "a block leaves its area";
    for (size_t at = 32; at < size; at += 32)
      if (*buddy_tag(area, offset + at) != 0) return "a tag inside a block";
    if ((tag & BUDDY_ALLOCATED) == 0) {
      size_t other = offset ^ size;
      free_blocks[order]++;
      if (other + size <= bytes && *buddy_tag(area, other) == order)
        return "two free buddies";
    }
    offset += size;
  }
  return NULL;
}

static const char *buddy_check_list(const struct gl_classic *heap,
                                    unsigned order, uint64_t expected) {
  const struct buddy_block *prev = NULL;
  const struct buddy_block *block =
      (const struct buddy_block *)heap->lists[order];
  if ((heap->nonempty[0] >> order & 1) != (block != NULL))
    return "the bitmap is wrong about a list";
  for (; block != NULL; prev = block, block = block->next) {
    const struct gl_classic_area *area = gl_classic_peek_area(heap, block);
    if (area == NULL) return "a link leaves the heap";
    if (*buddy_tag(area, buddy_offset(area, block)) != order)
      return "a block is in the list of another order";
    if (block->prev != prev) return "the links of a list disagree";
    if (expected-- == 0) return "a list holds more than is free";
  }
  return expected == 0 ? NULL : "a free block is in no list";
}

static const char *buddy_check(const struct gl_classic *heap) {
  uint64_t free_blocks[64] = {0};
  for (size_t i = 0; i < heap->area_count; i++) {
    const char *fault = buddy_check_area(&heap->areas[i], free_blocks);
    if (fault != NULL) return fault;
  }
  for (unsigned order = 0; order < 64; order++) {
    const char *fault = buddy_check_list(heap, order, free_blocks[order]);
    if (fault != NULL) return fault;
  }
  return NULL;
}

const struct gl_classic_policy gl_classic_buddy = {
    .name = "buddy",
    .title = "binary buddy",
    .start = buddy_start,
    .allocate = buddy_allocate,
    .release = buddy_release,
    .try_resize = buddy_try_resize,
    .extent = buddy_extent,
    .usable = buddy_usable,
    .check = buddy_check};
