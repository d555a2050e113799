/* SPDX-License-Identifier: MIT */
/*
 * hot.h: a marker at work, in registers; and the step from a candidate to a
 * black block.  drain.h is the loop around it.
 *
 * Everything here is inlined and works on a struct whose address never leaves
 * the function, so that the compiler keeps none of it in memory; hot_save and
 * hot_load go around calls.  (With the same fields in struct gl_marker an
 * object took half as many instructions again.)
 */
#ifndef GL_HOT_H
#define GL_HOT_H

#include "mark.h"

struct hot {
  struct gl_marker *m;
  uintptr_t base;
  size_t extent;
  struct gl_tags *tags;
  const uint8_t *slots;
  uint32_t *live;
  gl_mark_entry *top, *limit; /* of the mark stack */
  uint64_t objects;
  size_t candidates;            /* in the ring */
  size_t fifo_head, fifo_count;
};

GL_INLINE void hot_save(struct hot *h) {
  h->m->depth = (size_t)(h->top - h->m->stack);
  h->m->objects = h->objects;
}

GL_INLINE void hot_load(struct hot *h) {
  h->top = h->m->stack + h->m->depth;
  h->limit = h->m->stack + h->m->capacity;
  h->objects = h->m->objects;
}

GL_INLINE struct hot hot_begin(struct gl_marker *m) {
  struct hot h = {.m = m,
                  .base = gl_heap.base,
                  .extent = gl_marking.extent_bytes,
                  .tags = gl_heap.tags,
                  .slots = gl_heap.slots,
                  .live = m->live};
  hot_load(&h);
  return h;
}

GL_INLINE void hot_fetch_tags(const struct hot *h, size_t offset) {
  __builtin_prefetch(&h->tags[offset >> GL_LINE_SHIFT], 1);
}

/*
 * The word pointed into the heap, and its line of tags has been fetched.
 * Returns the entry of the block that it blackened, or 0 where there is nothing
 * to scan: no block, a black one, a pointer-free one.  (Granule 0 is never a
 * block, so no entry is 0.)
 */
GL_INLINE gl_mark_entry hot_blacken(struct hot *h, size_t offset, bool shared) {
  unsigned slot = h->slots[offset >> GL_ARENA_SHIFT];
  if (GL_UNLIKELY(slot == GL_SLOT_RUNS)) {
    hot_save(h);
    gl_marker_mark_large(h->m, offset);
    hot_load(h);
    return 0;
  }
  size_t head = offset >> GL_GRANULE_SHIFT;
  struct gl_tags *line = gl_tags_line(h->tags, head);
  if (GL_UNLIKELY((line->block >> (head & 63) & 1) == 0)) {
    head = gl_marker_find_head(head);
    if (head == SIZE_MAX) return 0;
    line = gl_tags_line(h->tags, head);
    if ((line->block & gl_tags_bit(head)) == 0) return 0;
  }
  if (!gl_mark_set(line, gl_tags_bit(head), shared)) return 0;
  uint64_t above = (line->block | line->mark) >> (head & 63) >> 1;
  size_t granules = GL_LIKELY(above != 0) ? gl_lowest(above) + 1
                                          : gl_marker_find_end(head) - head;
  h->live[head / GL_ARENA_GRANULES] += (uint32_t)granules;
  h->objects++;
  return slot == GL_SLOT_ATOMIC ? 0 : head << GL_MARK_COUNT_BITS | granules;
}

#endif
