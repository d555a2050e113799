/* SPDX-License-Identifier: MIT */
/*
 * drain.h: the loop in which a collection spends its time, for mark.c and for
 * its variants with other instructions.  Who includes it has defined
 *
 *    HOT_FILTER(h, word, granules)
 *
 * which appends those of the words that point into the heap to h's ring, as
 * offsets.
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

/* Granules scanned at a time: twice as many words fit into the ring. */
#define DRAIN_PIECE_GRANULES ((size_t)64)

_Static_assert(DRAIN_CANDIDATES + 2 * DRAIN_PIECE_GRANULES <=
                   GL_MARK_RING - GL_MARK_RING_SLACK,
               "a piece fits into the ring beside what waits");
_Static_assert(DRAIN_OBJECTS_AHEAD <= GL_MARK_FIFO, "the fifo holds them");

GL_INLINE void hot_push(struct hot *h, size_t head, size_t granule,
                        size_t count) {
  if (GL_UNLIKELY(h->top == h->limit)) {
    hot_save(h);
    gl_marker_push_slow(h->m, head, granule, count);
    hot_load(h);
    return;
  }
  *h->top++ = granule << GL_MARK_COUNT_BITS | count;
}

GL_INLINE void hot_push_entry(struct hot *h, gl_mark_entry entry) {
  size_t granule = entry >> GL_MARK_COUNT_BITS;
  hot_push(h, granule, granule, entry & GL_MARK_COUNT_MAX);
}

GL_INLINE bool hot_has_entries(const struct hot *h) {
  return h->top > h->m->stack + h->m->bottom;
}

GL_INLINE const uintptr_t *hot_words(const struct hot *h, size_t granule) {
  return (const uintptr_t *)(h->base + (granule << GL_GRANULE_SHIFT));
}

/* Fetch the memory of an entry; it is scanned when it has had time to come. */
GL_INLINE void hot_send(struct hot *h, gl_mark_entry entry) {
  __builtin_prefetch(hot_words(h, entry >> GL_MARK_COUNT_BITS));
  h->m->fifo[(h->fifo_head + h->fifo_count++) % GL_MARK_FIFO] = entry;
}

GL_INLINE gl_mark_entry hot_receive(struct hot *h) {
  h->fifo_count--;
  return h->m->fifo[h->fifo_head++ % GL_MARK_FIFO];
}

/* Scan the first piece of an entry, leave the rest on the stack.  The rest is
   of the same block: where it finds no room the slot of its own head says so. */
GL_INLINE void hot_scan(struct hot *h, gl_mark_entry entry) {
  size_t granule = entry >> GL_MARK_COUNT_BITS;
  size_t count = entry & GL_MARK_COUNT_MAX;
  if (GL_UNLIKELY(count > DRAIN_PIECE_GRANULES)) {
    hot_push(h, granule, granule + DRAIN_PIECE_GRANULES,
             count - DRAIN_PIECE_GRANULES);
    count = DRAIN_PIECE_GRANULES;
  }
  HOT_FILTER(h, hot_words(h, granule), count);
}

/* Scan objects until there are many candidates, or no more objects. */
GL_INLINE void hot_scan_some(struct hot *h) {
  while (h->fifo_count < DRAIN_OBJECTS_AHEAD && hot_has_entries(h))
    hot_send(h, *--h->top);
  size_t fetched = h->candidates;
  while (h->candidates < DRAIN_CANDIDATES && h->fifo_count > 0)
    hot_scan(h, hot_receive(h));
  for (size_t i = fetched; i < h->candidates; i++)
    hot_fetch_tags(h, h->m->ring[i]);
}

/* Blacken the oldest candidates; all of them where there is nothing else to do
   until the tags of the youngest come. */
GL_INLINE void hot_blacken_some(struct hot *h, bool shared) {
  size_t *ring = h->m->ring;
  size_t keep = h->candidates > DRAIN_TAGS_AHEAD &&
                        (h->fifo_count > 0 || hot_has_entries(h) ||
                         h->candidates >= DRAIN_CANDIDATES)
                    ? DRAIN_TAGS_AHEAD
                    : 0;
  size_t count = h->candidates - keep;
  for (size_t i = 0; i < count; i++) {
    gl_mark_entry entry = hot_blacken(h, ring[i], shared);
    if (entry == 0) continue;
    if (h->fifo_count < GL_MARK_FIFO)
      hot_send(h, entry);
    else
      hot_push_entry(h, entry);
  }
  for (size_t i = 0; i < keep; i++) ring[i] = ring[count + i];
  h->candidates = keep;
}

/* A list: one candidate, and nothing else to do.  Nothing to wait for but the
   memory itself. */
GL_INLINE void hot_follow(struct hot *h, bool shared) {
  while (h->candidates == 1 && h->fifo_count == 0 && !hot_has_entries(h)) {
    gl_mark_entry entry = hot_blacken(h, h->m->ring[0], shared);
    h->candidates = 0;
    if (entry != 0) hot_scan(h, entry);
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
  for (;;) {
    hot_scan_some(&h);
    if (h.candidates == 0 && h.fifo_count == 0 && !hot_has_entries(&h)) break;
    if (h.candidates == 1) hot_follow(&h, shared);
    hot_blacken_some(&h, shared);
    if (shared) hot_feed(&h);
  }
  hot_save(&h);
}
