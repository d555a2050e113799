/* SPDX-License-Identifier: MIT */
/*
 * drain.h: the loop in which a collection spends its time, for mark.c and for
 * its variants with other instructions.  Who includes it has defined
 *
 *    struct hot_filter                       what its filter needs, in registers
 *    hot_filter_begin(h)                     returns one
 *    hot_filter_words(h, f, word, granules)  appends those of the words that
 *                                            point into the heap to h's ring
 *
 * The loop works in turns: scan objects until there are some dozens of
 * candidates, fetch the tags of all, blacken those that were fetched a turn
 * ago.  So the loops inside it run long, and a processor predicts them well;
 * with an object and a candidate in turn, each of which may or may not be
 * followed by another, a tree took a third more time.
 */
#include "hot.h"

/* Candidates that end the scanning of a turn, and how many of them wait for
   the next turn.  Found by trying 8 to 128 on trees and a random graph. */
#define DRAIN_CANDIDATES 48
#define DRAIN_TAGS_AHEAD 16

/* With fewer objects on the way the stack is asked for more. */
#define DRAIN_OBJECTS_AHEAD 16

/* Granules scanned at a time. */
#define DRAIN_PIECE_GRANULES ((size_t)64)

/* The candidates move to the start of the ring when they begin so far up that
   a turn's might not fit. */
#define DRAIN_RING_START_MAX                                                   \
  (GL_MARK_RING - GL_MARK_RING_SLACK - DRAIN_CANDIDATES -                      \
   2 * DRAIN_PIECE_GRANULES)

_Static_assert(DRAIN_RING_START_MAX > DRAIN_TAGS_AHEAD, "the ring is long");
_Static_assert(DRAIN_OBJECTS_AHEAD <= GL_MARK_FIFO, "the fifo holds them");

GL_INLINE void hot_push(struct hot *h, gl_mark_entry entry) {
  if (GL_LIKELY(h->top < h->limit)) {
    *h->top++ = entry;
    return;
  }
  hot_save(h);
  gl_marker_push(h->m, entry);
  hot_load(h);
}

GL_INLINE bool hot_has_entries(const struct hot *h) {
  return h->top > h->m->stack + h->m->bottom;
}

GL_INLINE size_t hot_candidates(const struct hot *h) {
  return h->ring_end - h->ring_start;
}

/* Fetch the memory of an entry; it is scanned when it has had time to come. */
GL_INLINE void hot_send(struct hot *h, gl_mark_entry entry) {
  const char *p = (const char *)gl_mark_entry_address(entry);
  __builtin_prefetch(p);
  /* Of a longer block the first lines; then the processor sees where it goes. */
  if ((entry & GL_MARK_COUNT_MAX) > 4) {
    __builtin_prefetch(p + 64);
    __builtin_prefetch(p + 128);
  }
  h->m->fifo[(h->fifo_head + h->fifo_count++) % GL_MARK_FIFO] = entry;
}

GL_INLINE gl_mark_entry hot_receive(struct hot *h) {
  h->fifo_count--;
  return h->m->fifo[h->fifo_head++ % GL_MARK_FIFO];
}

/* Scan the first piece of an entry, leave the rest on the stack. */
GL_INLINE void hot_scan(struct hot *h, const struct hot_filter *f,
                        gl_mark_entry entry) {
  const uintptr_t *words = (const uintptr_t *)gl_mark_entry_address(entry);
  size_t count = entry & GL_MARK_COUNT_MAX;
  if (GL_UNLIKELY(count > DRAIN_PIECE_GRANULES)) {
    hot_save(h);
    gl_marker_push_rest(h->m, entry, DRAIN_PIECE_GRANULES);
    hot_load(h);
    count = DRAIN_PIECE_GRANULES;
  }
  hot_filter_words(h, f, words, count);
}

/* Move the candidates to the start of the ring. */
GL_INLINE void hot_rewind(struct hot *h) {
  size_t count = hot_candidates(h);
  for (size_t i = 0; i < count; i++) h->ring[i] = h->ring[h->ring_start + i];
  h->ring_start = 0;
  h->ring_end = count;
}

/* Scan objects until there are many candidates, or no more objects. */
GL_INLINE void hot_scan_some(struct hot *h, const struct hot_filter *f) {
  while (h->fifo_count < DRAIN_OBJECTS_AHEAD && hot_has_entries(h))
    hot_send(h, *--h->top);
  if (h->ring_start > DRAIN_RING_START_MAX) hot_rewind(h);
  size_t fetched = h->ring_end;
  size_t enough = h->ring_start + DRAIN_CANDIDATES;
  while (h->ring_end < enough && h->fifo_count > 0) 
    hot_scan(h, f, hot_receive(h));
  for (size_t i = fetched; i < h->ring_end; i++) hot_fetch_tags(h, h->ring[i]);
}

/* Blacken the oldest candidates; all of them where there is nothing else to do
   until the tags of the youngest come. */
GL_INLINE void hot_blacken_some(struct hot *h, bool shared) {
  size_t end = h->ring_end;
  if (hot_candidates(h) >= DRAIN_CANDIDATES ||
      (hot_candidates(h) > DRAIN_TAGS_AHEAD &&
       (h->fifo_count > 0 || hot_has_entries(h))))
    end -= DRAIN_TAGS_AHEAD;
  while (h->ring_start < end) {
    gl_mark_entry entry = hot_blacken(h, h->ring[h->ring_start++], shared);
    if (entry == 0) continue;
    if (h->fifo_count < GL_MARK_FIFO)
      hot_send(h, entry);
    else
      hot_push(h, entry);
  }
}

/* A list: one candidate, and nothing else to do.  Nothing to wait for but the
   memory itself. */
GL_INLINE void hot_follow(struct hot *h, const struct hot_filter *f,
                          bool shared) {
  while (hot_candidates(h) == 1 && h->fifo_count == 0 && !hot_has_entries(h)) {
    gl_mark_entry entry = hot_blacken(h, h->ring[h->ring_start], shared);
    h->ring_start = h->ring_end = 0;
    if (entry != 0) hot_scan(h, f, entry);
  }
}

GL_INLINE void hot_feed(struct hot *h) {
  if (GL_LIKELY(__atomic_load_n(&gl_markers_hungry, __ATOMIC_RELAXED) <= 0))
    return;
  hot_save(h);
  gl_markers_feed(h->m);
  hot_load(h);
}

GL_INLINE void hot_drain(struct gl_marker *m, bool shared) {
  struct hot h = hot_begin(m);
  const struct hot_filter f = hot_filter_begin(&h);
  for (;;) {
    hot_scan_some(&h, &f);
    if (hot_candidates(&h) == 1) hot_follow(&h, &f, shared);
    if (hot_candidates(&h) == 0 && h.fifo_count == 0 && !hot_has_entries(&h))
      break;
    hot_blacken_some(&h, shared);
    if (shared) hot_feed(&h);
  }
  hot_save(&h);
}
