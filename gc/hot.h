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

/* Where lengths are unlike, blocks of up to so many granules are scanned
   without a branch on it: of up to the lesser number where few are longer. */
#define HOT_FEW_GRANULES ((size_t)4)
#define HOT_SHORT_GRANULES ((size_t)8)

/* Tables are reached from a word itself, not from its offset in the heap: the
   heap is aligned to arenas, so a table moved down by the heap's number of
   entries (`_bias`) can be indexed by address. */
struct hot {
  struct gl_marker *m;
  uintptr_t base;
  size_t extent;
  uintptr_t tags_bias;
  uintptr_t slots_bias;
  uintptr_t live_bias;
  uintptr_t tenured_bias; /* 0 where nothing is */
  gl_mark_entry *bottom, *top, *limit; /* of the mark stack */
  struct gl_word *ring;
  size_t ring_start, ring_end; /* candidates are in between */
};

GL_INLINE void hot_save(struct hot *h) {
  gl_assert(h->bottom <= h->top && h->top <= h->limit);
  gl_assert(h->bottom == h->m->stack + h->m->bottom);
  h->m->depth = (size_t)(h->top - h->m->stack);
}

GL_INLINE void hot_load(struct hot *h) {
  gl_assert(h->m->bottom <= h->m->depth && h->m->depth <= h->m->capacity);
  h->bottom = h->m->stack + h->m->bottom;
  h->top = h->m->stack + h->m->depth;
  h->limit = h->m->stack + h->m->capacity;
}

GL_INLINE struct hot hot_begin(struct gl_marker *m) {
  uintptr_t base = gl_heap.base;
  gl_assert(m->stack != NULL && m->live != NULL);
  struct hot h = {
      .m = m,
      .base = base,
      .extent = gl_marking.extent_bytes,
      .tags_bias = gl_heap.tags_bias,
      .slots_bias = (uintptr_t)gl_heap.slots - (base >> GL_ARENA_SHIFT),
      .live_bias =
          (uintptr_t)m->live - (base >> GL_ARENA_SHIFT) * sizeof *m->live,
      .tenured_bias = gl_heap.minor ? (uintptr_t)gl_marking.tenured -
                                             (base >> GL_ARENA_SHIFT)
                                       : 0,
      .ring = m->ring};
  hot_load(&h);
  return h;
}

/* Whether for so many more candidates, and what is stored beyond them. */
GL_INLINE bool hot_ring_has_room(const struct hot *h, size_t count) {
  return h->ring_end + count <= GL_MARK_RING - GL_MARK_RING_SLACK;
}

GL_INLINE bool hot_has_entries(const struct hot *h) {
  return h->top > h->bottom;
}

GL_INLINE size_t hot_candidates(const struct hot *h) {
  gl_assert(h->ring_start <= h->ring_end && hot_ring_has_room(h, 0));
  return h->ring_end - h->ring_start;
}

/* Move the candidates to the start of the ring. */
GL_INLINE void hot_rewind(struct hot *h) {
  size_t count = hot_candidates(h);
  for (size_t i = 0; i < count; i++) h->ring[i] = h->ring[h->ring_start + i];
  h->ring_start = 0;
  h->ring_end = count;
}

/* Memory is so many times, by its logarithm, longer than its tags. */
#define HOT_TAGS_SHIFT (GL_LINE_SHIFT - 4)
_Static_assert(sizeof(struct gl_tags) == 1 << 4, "the tags of a line");

GL_INLINE struct gl_tags *hot_tags(const struct hot *h, uintptr_t address) {
  return (struct gl_tags *)(h->tags_bias + (address >> HOT_TAGS_SHIFT &
                                            ~(sizeof(struct gl_tags) - 1)));
}

/* Any byte of them will do. */
GL_INLINE void hot_fetch_tags(const struct hot *h, struct gl_word word) {
  __builtin_prefetch((void *)(h->tags_bias + (word.bits >> HOT_TAGS_SHIFT)), 1);
}

/* Those of the candidates from an index on. */
GL_INLINE void hot_fetch_all_tags(const struct hot *h, size_t from) {
  for (size_t i = from; i < h->ring_end; i++) hot_fetch_tags(h, h->ring[i]);
}

/* The head of the block that an interior word points into, or 0. */
GL_INLINE uintptr_t hot_head(const struct hot *h, struct gl_word word) {
  size_t head = gl_marker_find_head((word.bits - h->base) >> GL_GRANULE_SHIFT);
  if (head == SIZE_MAX) return 0;
  uintptr_t address = h->base + (head << GL_GRANULE_SHIFT);
  gl_assert(address <= word.bits && word.bits - address < GL_ARENA_BYTES);
  return hot_tags(h, address)->block >> (head & 63) & 1 ? address : 0;
}

GL_INLINE size_t hot_count_to_end(const struct hot *h, uintptr_t head) {
  size_t granule = (head - h->base) >> GL_GRANULE_SHIFT;
  return gl_marker_find_end(granule) - granule;
}

GL_INLINE unsigned hot_bit_of(uintptr_t address) {
  return (unsigned)(address >> GL_GRANULE_SHIFT) & 63;
}

/* Slots whose blocks are scanned, and those alone, have odd numbers. */
_Static_assert(GL_SLOT_SCANNED % 2 == 1 && GL_SLOT_UNCOLLECTABLE % 2 == 1 &&
                   GL_SLOT_ATOMIC % 2 == 0 && GL_SLOT_RUNS % 2 == 0,
               "one bit says whether blocks are scanned");

GL_INLINE uint8_t hot_slot(const struct hot *h, struct gl_word word) {
  gl_assert(gl_mark_is_candidate(word));
  return *(const uint8_t *)(h->slots_bias + (word.bits >> GL_ARENA_SHIFT));
}

GL_INLINE bool hot_slot_is_scanned(uint8_t slot) { return slot % 2 == 1; }

/* Whether its arena is tenured, 1 or 0; in a minor collection. */
GL_INLINE uint8_t hot_tenured(const struct hot *h, struct gl_word word) {
  gl_assert(h->tenured_bias != 0 && gl_mark_is_candidate(word));
  return *(const uint8_t *)(h->tenured_bias + (word.bits >> GL_ARENA_SHIFT));
}

GL_INLINE uint32_t *hot_live(const struct hot *h, uintptr_t address) {
  return (uint32_t *)(h->live_bias +
                      (address >> GL_ARENA_SHIFT) * sizeof(uint32_t));
}

/*
 * Blacken the block that a candidate points into, in an arena of territory that
 * is held; its line of tags has been fetched.  Returns whether there was a
 * white one, an address in its first granule, and all of it as an entry.  The
 * caller counts the object.
 */
GL_INLINE bool hot_blacken(const struct hot *h, struct gl_word word,
                           uintptr_t *where, gl_mark_entry *entry) {
  uintptr_t at = word.bits;
  gl_assert(hot_slot(h, word) != GL_SLOT_RUNS && gl_marker_holds(h->m, word));
  struct gl_tags *line = hot_tags(h, at);
  unsigned bit = hot_bit_of(at);
  uint64_t block = line->block, mark = line->mark;
  if (((block & ~mark) >> bit & 1) == 0) {
    if (GL_LIKELY(block >> bit & 1)) return false;
    at = hot_head(h, word); /* it is interior, or in free memory */
    if (at == 0) return false;
    line = hot_tags(h, at);
    bit = hot_bit_of(at);
    block = line->block;
    mark = line->mark;
    if (((block & ~mark) >> bit & 1) == 0) return false;
  }
  gl_assert(h->tenured_bias == 0 || hot_tenured(h, word) == 0);
  *where = at;
  line->mark = mark | (uint64_t)1 << bit;
  uint64_t tags = (block | mark) >> bit; /* its own is the lowest */
  uint64_t above = tags & (tags - 1);
  size_t granules =
      GL_LIKELY(above != 0) ? gl_lowest(above) : hot_count_to_end(h, at);
  *hot_live(h, at) += (uint32_t)granules;
  gl_assert(*hot_live(h, at) <= GL_ARENA_GRANULES);
  *entry = gl_mark_entry_of(at & ~(GL_GRANULE_BYTES - 1), granules);
  return true;
}

/* A candidate in no arena, but perhaps in a large block. */
GL_INLINE void hot_blacken_large(struct hot *h, struct gl_word word) {
  hot_save(h);
  gl_marker_mark_large(h->m, word);
  hot_load(h);
}

/* A candidate of any kind.  Returns whether it blackened a block that is to be
   scanned, an address in its first granule, and its entry. */
GL_INLINE bool hot_blacken_any(struct hot *h, struct gl_word word,
                               uintptr_t *where, gl_mark_entry *entry) {
  uint8_t slot = hot_slot(h, word);
  if (slot == GL_SLOT_RUNS) {
    hot_blacken_large(h, word);
    return false;
  }
  if (!hot_blacken(h, word, where, entry)) return false;
  h->m->objects++;
  return hot_slot_is_scanned(slot);
}

#endif
