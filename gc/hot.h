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

/* Tables are reached from a word itself, not from its offset in the heap: the
   heap is aligned to arenas, so a table moved down by the heap's number of
   entries (`_bias`) can be indexed by address. */
struct hot {
  struct gl_marker *m;
  uintptr_t base;
  size_t extent;
  uintptr_t tags_bias;
  uintptr_t accounts_bias;
  gl_mark_entry *bottom, *top, *limit; /* of the mark stack */
  uintptr_t *ring;
  size_t ring_start, ring_end; /* candidates are in between */
};

GL_INLINE void hot_save(struct hot *h) {
  h->m->depth = (size_t)(h->top - h->m->stack);
}

GL_INLINE void hot_load(struct hot *h) {
  h->bottom = h->m->stack + h->m->bottom;
  h->top = h->m->stack + h->m->depth;
  h->limit = h->m->stack + h->m->capacity;
}

GL_INLINE struct hot hot_begin(struct gl_marker *m) {
  uintptr_t base = gl_heap.base;
  struct hot h = {
      .m = m,
      .base = base,
      .extent = gl_marking.extent_bytes,
      .tags_bias = gl_heap.tags_bias,
      .accounts_bias = (uintptr_t)m->accounts -
                       (base >> GL_ARENA_SHIFT) * sizeof *m->accounts,
      .ring = m->ring};
  hot_load(&h);
  return h;
}

GL_INLINE bool hot_has_entries(const struct hot *h) {
  return h->top > h->bottom;
}

GL_INLINE size_t hot_candidates(const struct hot *h) {
  return h->ring_end - h->ring_start;
}

/* Move the candidates to the start of the ring. */
GL_INLINE void hot_rewind(struct hot *h) {
  size_t count = hot_candidates(h);
  for (size_t i = 0; i < count; i++) h->ring[i] = h->ring[h->ring_start + i];
  h->ring_start = 0;
  h->ring_end = count;
}

GL_INLINE struct gl_tags *hot_tags(const struct hot *h, uintptr_t word) {
  return (struct gl_tags *)(h->tags_bias +
                            (word >> GL_LINE_SHIFT) * sizeof(struct gl_tags));
}

GL_INLINE void hot_fetch_tags(const struct hot *h, uintptr_t word) {
  __builtin_prefetch(hot_tags(h, word), 1);
}

/* The head of the block that an interior word points into, or 0. */
GL_INLINE uintptr_t hot_head(const struct hot *h, uintptr_t word) {
  size_t head = gl_marker_find_head((word - h->base) >> GL_GRANULE_SHIFT);
  if (head == SIZE_MAX) return 0;
  uintptr_t address = h->base + (head << GL_GRANULE_SHIFT);
  return hot_tags(h, address)->block >> (head & 63) & 1 ? address : 0;
}

GL_INLINE size_t hot_count_to_end(const struct hot *h, uintptr_t head) {
  size_t granule = (head - h->base) >> GL_GRANULE_SHIFT;
  return gl_marker_find_end(granule) - granule;
}

/* Bit n of x, counted modulo 64, as processors shift. */
GL_INLINE bool hot_bit(uint64_t x, uintptr_t n) { return x >> (n & 63) & 1; }

GL_INLINE uint32_t *hot_account(const struct hot *h, uintptr_t word) {
  return (uint32_t *)(h->accounts_bias +
                      (word >> GL_ARENA_SHIFT) * sizeof(uint32_t));
}

GL_INLINE bool hot_is_scanned(const uint32_t *account) {
  return (*account & GL_ACCOUNT_KINDS) == GL_ACCOUNT_SCANNED;
}

/*
 * Blacken the block that a word points into, in an arena of territory that is
 * held, and enter it in the account of that; its line of tags has been fetched.
 * Returns the block's start and granules, or 0 where there is no block, or a
 * black one.  The caller counts the object.
 */
GL_INLINE uintptr_t hot_blacken(const struct hot *h, uint32_t *account,
                                uintptr_t word, size_t *granules) {
  struct gl_tags *line = hot_tags(h, word);
  uint64_t block = line->block, mark = line->mark;
  if (!hot_bit(block & ~mark, word >> GL_GRANULE_SHIFT)) {
    if (GL_LIKELY(hot_bit(block, word >> GL_GRANULE_SHIFT))) return 0;
    word = hot_head(h, word); /* it is interior, or in free memory */
    if (word == 0) return 0;
    line = hot_tags(h, word);
    block = line->block;
    mark = line->mark;
    if (!hot_bit(block & ~mark, word >> GL_GRANULE_SHIFT)) return 0;
  }
  size_t bit = word >> GL_GRANULE_SHIFT & 63;
  line->mark = mark | (uint64_t)1 << bit;
  uint64_t above = (block | mark) >> bit >> 1;
  *granules =
      GL_LIKELY(above != 0) ? gl_lowest(above) + 1 : hot_count_to_end(h, word);
  *account += (uint32_t)*granules << GL_ACCOUNT_BITS;
  return word & ~(GL_GRANULE_BYTES - 1);
}

/* The rest of a candidate where nothing in its slot is scanned for now: a block
   of a pointer-free arena, or one of pages, which mark.c knows more about. */
GL_INLINE void hot_blacken_other(struct hot *h, uintptr_t word) {
  uint32_t *account = hot_account(h, word);
  if ((*account & GL_ACCOUNT_RUNS) != 0) {
    hot_save(h);
    gl_marker_mark_large(h->m, word);
    hot_load(h);
    return;
  }
  size_t granules;
  if (hot_blacken(h, account, word, &granules) != 0) h->m->objects++;
}

/* A candidate of any kind.  Returns the entry of the block that it blackened, or
   0 where there is nothing to scan for now. */
GL_INLINE gl_mark_entry hot_blacken_any(struct hot *h, uintptr_t word) {
  uint32_t *account = hot_account(h, word);
  if (!hot_is_scanned(account)) {
    hot_blacken_other(h, word);
    return 0;
  }
  size_t granules;
  uintptr_t head = hot_blacken(h, account, word, &granules);
  if (head == 0) return 0;
  h->m->objects++;
  return gl_mark_entry_of(head, granules);
}

#endif
