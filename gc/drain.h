/* SPDX-License-Identifier: MIT */
/*
 * drain.h: the loop in which a collection spends its time, for mark.c and for
 * its variants with other instructions.  Who includes it has defined
 *
 *    struct hot_filter
 *        what its filter needs, in registers
 *    hot_filter_begin(h)
 *        returns one
 *    hot_filter_four(h, f, word)
 *        appends those of four words that point into the heap to h's ring
 *    hot_filter_words(h, f, word, granules)
 *        the same for any number
 *    hot_filter_short(h, f, word, granules, most)
 *        the same for a number that is not above most, HOT_FEW_GRANULES or
 *        HOT_SHORT_GRANULES, without a branch on it if that can be
 *    hot_split(h, words, count, from)
 *        lets those of the words that lie in territories that are held be the
 *        last in the ring, from an index on, and appends the rest to what is
 *        away; the words may be there in the ring already, and GL_SPLIT_WORDS
 *        of them are read at once
 *
 * The loop works in turns:
 *
 *   1. scan the newest objects of the mark stack, until there are some dozens
 *      of candidates, and fetch the tags of those;
 *   2. fetch the objects that are now on top of the stack;
 *   3. blacken candidates, but for the youngest, whose tags are still on the
 *      way; push what they point to, and fetch it.
 *
 * So the loops inside it run long, and a processor predicts them well; with an
 * object and a candidate in turn, each of which may or may not be followed by
 * another, a tree took a third more time.  Nothing is copied on its way: a
 * turn's objects are scanned where they lie on the stack, and the next turn's
 * are pushed over them.
 */
#include "share.h"

/* Objects scanned in a turn at most; candidates that end it, and how many of
   them wait for the next turn.  A third of this was best on a processor of
   2018; on one of 2022, with memory further away, a tree took 1.45 times as
   long with it, and a random graph 1.15 times.  More than this is no better. */
#define DRAIN_OBJECTS 96
#define DRAIN_CANDIDATES 144
#define DRAIN_TAGS_AHEAD 32

/* Of the stack's entries the newest `warm` were fetched not long ago; with
   fewer of them than a turn takes, some more are fetched. */
#define DRAIN_WARM_MAX 256
#define DRAIN_WARM_MORE 96

/* With so few candidates they are followed one by one, until there are many;
   and blocks of so many granules scanned word by word then. */
#define FOLLOW_FEW 3
#define FOLLOW_MANY 48
#define FOLLOW_GRANULES 4

/* Entries looked at before a turn, to tell whether blocks are of unlike
   lengths: how many of them have to differ from the one before, and may be
   longer than is scanned without a branch.  (Blocks of random lengths up to 116
   bytes, and no other work: .9 of the time.  Churn, strings and tries where all
   are scanned so: 1.07 to 1.1.) */
#define DRAIN_SAMPLE 8
#define DRAIN_SAMPLE_DIFFER 3
#define DRAIN_SAMPLE_LONGER 2

/* Granules scanned at a time. */
#define DRAIN_PIECE_GRANULES ((size_t)64)

/* The candidates move to the start of the ring when they begin so far up that
   a turn's might not fit. */
#define DRAIN_RING_START_MAX                                                   \
  (GL_MARK_RING - GL_MARK_RING_SLACK - DRAIN_CANDIDATES -                      \
   2 * DRAIN_PIECE_GRANULES)

_Static_assert(DRAIN_RING_START_MAX > DRAIN_TAGS_AHEAD, "the ring is long");

/* What is at an entry's address, or in the granule there; of a longer block the
   first lines; where lengths are mixed, without a branch on them.  Then the
   processor sees where it goes.  Returns whether it is a longer one, 1 or 0. */
GL_INLINE size_t hot_fetch(uintptr_t address, gl_mark_entry entry, bool mixed) {
  const char *p = (const char *)address;
  gl_assert(gl_mark_entry_granules(entry) > 0);
  size_t is_longer = gl_mark_entry_granules(entry) > 4;
  __builtin_prefetch(p);
  if (!mixed && GL_LIKELY(is_longer == 0)) return 0;
  __builtin_prefetch(p + (is_longer << 6));
  __builtin_prefetch(p + (is_longer << 7));
  return is_longer;
}

/* Scan the first piece of an entry, leave the rest on the stack.  The entry
   was taken off it, so there is room.  unlike: up to so many
   granules without a branch on their number; 0 where blocks are alike. */
GL_INLINE void hot_scan(struct hot *h, const struct hot_filter *f,
                        gl_mark_entry entry, size_t unlike) {
  gl_assert(gl_mark_is_candidate(gl_word_of(gl_mark_entry_address(entry))));
  gl_assert(hot_ring_has_room(h, 2 * DRAIN_PIECE_GRANULES));
  if (unlike != 0) {
    if (GL_LIKELY(gl_mark_entry_granules(entry) <= unlike)) {
      hot_filter_short(h, f,
                       (const struct gl_word *)gl_mark_entry_address(entry),
                       gl_mark_entry_granules(entry), unlike);
      return;
    }
  } else if (GL_LIKELY(gl_mark_entry_granules(entry) == 2)) { /* most have */
    hot_filter_four(h, f, (const struct gl_word *)gl_mark_entry_address(entry));
    return;
  }
  /* Or gcc takes every entry apart before it looks at the count: a tree takes 3
     to 5 % longer. */
  __asm__("" : "+r"(entry));
  const struct gl_word *words =
      (const struct gl_word *)gl_mark_entry_address(entry);
  size_t count = gl_mark_entry_granules(entry);
  if (GL_UNLIKELY(count > DRAIN_PIECE_GRANULES)) {
    hot_save(h);
    gl_marker_push_rest(h->m, entry, DRAIN_PIECE_GRANULES);
    hot_load(h);
    count = DRAIN_PIECE_GRANULES;
  }
  hot_filter_words(h, f, words, count);
}

/* Scan the newest objects, the oldest of them first: it has been on its way
   the longest.  What is pushed meanwhile, the rests of long ones, goes where
   entries were read already. */
GL_MARK_UNCHECKED GL_INLINE void hot_scan_turn(struct hot *hot, size_t unlike) {
  struct hot h = *hot;
  const struct hot_filter f = hot_filter_begin(&h);
  const gl_mark_entry *end = h.top;
  h.top = h.top - h.bottom > DRAIN_OBJECTS ? h.top - DRAIN_OBJECTS : h.bottom;
  const gl_mark_entry *at = h.top;
  if (h.ring_start > DRAIN_RING_START_MAX) hot_rewind(&h);
  size_t fetched = h.ring_end;
  size_t enough = h.ring_start + DRAIN_CANDIDATES;
  while (at < end && h.ring_end < enough) hot_scan(&h, &f, *at++, unlike);
  gl_assert(h.top <= at && h.limit - h.top >= end - at);
  while (at < end) *h.top++ = *at++;
  hot_sift(&h, fetched);
  hot_fetch_all_tags(&h, fetched);
  *hot = h;
}

GL_MARK_UNCHECKED static GL_NOINLINE GL_HOT void hot_scan_alike(
    struct hot *hot) {
  hot_scan_turn(hot, 0);
}

GL_MARK_UNCHECKED static GL_NOINLINE GL_HOT void hot_scan_unlike_few(
    struct hot *hot) {
  hot_scan_turn(hot, HOT_FEW_GRANULES);
}

GL_MARK_UNCHECKED static GL_NOINLINE GL_HOT void hot_scan_unlike(
    struct hot *hot) {
  hot_scan_turn(hot, HOT_SHORT_GRANULES);
}

/* Up to how many granules the blocks that are to be scanned next are of unlike
   lengths; 0 where they are alike, or many are longer than that. */
GL_INLINE size_t hot_unlike(const struct hot *h) {
  size_t differ = 0, more = 0, longer = 0;
  if (h->top - h->bottom <= DRAIN_SAMPLE) return 0;
  for (const gl_mark_entry *at = h->top - DRAIN_SAMPLE; at < h->top; at++) {
    size_t granules = gl_mark_entry_granules(at[0]);
    differ += granules != gl_mark_entry_granules(at[-1]);
    more += granules > HOT_FEW_GRANULES;
    longer += granules > HOT_SHORT_GRANULES;
  }
  if (differ < DRAIN_SAMPLE_DIFFER || longer > DRAIN_SAMPLE_LONGER) return 0;
  return more < DRAIN_SAMPLE_LONGER ? HOT_FEW_GRANULES : HOT_SHORT_GRANULES;
}

GL_INLINE void hot_scan_some(struct hot *hot) {
  size_t unlike = hot_unlike(hot);
  if (GL_LIKELY(unlike == 0))
    hot_scan_alike(hot);
  else if (unlike == HOT_FEW_GRANULES)
    hot_scan_unlike_few(hot);
  else
    hot_scan_unlike(hot);
}

/* Fetch what the next turns will scan, where it was pushed long ago.  Returns
   where the entries begin that are warm now. */
GL_INLINE gl_mark_entry *hot_warm(const struct hot *h, gl_mark_entry *warm) {
  if (h->top - warm > DRAIN_WARM_MAX) return h->top - DRAIN_WARM_MAX;
  if (h->top - warm >= DRAIN_OBJECTS) return warm;
  if (warm > h->top || warm < h->bottom) warm = h->top;
  gl_assert(h->bottom <= warm && warm <= h->top);
  for (int i = 0; i < DRAIN_WARM_MORE && warm > h->bottom; i++) {
    gl_mark_entry entry = *--warm;
    hot_fetch(gl_mark_entry_address(entry), entry, false);
  }
  return warm;
}

/* Blacken the oldest candidates; all of them where there is nothing else to do
   until the tags of the youngest come.  An entry that is not to be scanned is
   written too, and then over it the next one: a branch on the kind of a block
   is not predicted where kinds are mixed (7.4 ns an object of a JSON tree, not
   4.9). */
GL_INLINE void hot_blacken_turn(struct hot *hot, bool mixed) {
  struct hot h = *hot;
  size_t end = h.ring_end;
  if (hot_candidates(&h) >= DRAIN_CANDIDATES ||
      (hot_candidates(&h) > DRAIN_TAGS_AHEAD && hot_has_entries(&h)))
    end -= DRAIN_TAGS_AHEAD;
  if (GL_UNLIKELY((size_t)(h.limit - h.top) < end - h.ring_start)) {
    hot_save(&h);
    gl_marker_blacken_slowly(h.m, h.ring + h.ring_start, end - h.ring_start);
    hot_load(&h);
    h.ring_start = end;
  }
  uint64_t objects = 0, longer = 0;
  const struct gl_word *stop = h.ring + end;
  for (const struct gl_word *at = h.ring + h.ring_start; at < stop; at++) {
    uint8_t slot = hot_slot(&h, *at);
    if (GL_UNLIKELY(slot == GL_SLOT_RUNS)) {
      hot_blacken_large(&h, *at);
      continue;
    }
    uintptr_t where;
    gl_mark_entry entry;
    if (!hot_blacken(&h, *at, &where, &entry)) continue;
    objects++;
    gl_assert(h.top < h.limit);
    *h.top = entry;
    bool scanned = hot_slot_is_scanned(slot);
    uintptr_t fetched = scanned ? where : (uintptr_t)h.top;
    h.top += scanned;
    longer += hot_fetch(fetched, entry, mixed);
  }
  h.ring_start = end;
  gl_assert(hot_candidates(&h) <= DRAIN_TAGS_AHEAD && longer <= objects);
  h.m->objects += objects;
  h.m->mixed = longer > objects / 8 && longer < objects - objects / 8;
  *hot = h;
}

/* Whether blocks of the last turn were of mixed lengths is a good guess for
   this one. */
static GL_NOINLINE GL_HOT void hot_blacken_alike(struct hot *hot) {
  hot_blacken_turn(hot, false);
}

static GL_NOINLINE GL_HOT void hot_blacken_mixed(struct hot *hot) {
  hot_blacken_turn(hot, true);
}

GL_INLINE void hot_blacken_some(struct hot *hot) {
  if (hot->m->mixed)
    hot_blacken_mixed(hot);
  else
    hot_blacken_alike(hot);
}

/* The newest candidate from an index on, taken off the ring; 0 where there is
   none. */
GL_INLINE struct gl_word hot_pop(struct hot *h, size_t from) {
  gl_assert(h->ring_start <= from);
  return h->ring_end > from ? h->ring[--h->ring_end] : gl_word_of(0);
}

/* Scan a short block, and return the last word in it that points into the heap,
   or 0; the others go to the ring.  By branches, which are predicted: so the
   processor has the next block's address before it knows the mark of this one,
   or its end. */
GL_MARK_UNCHECKED GL_INLINE struct gl_word hot_scan_short(
    struct hot *h, const struct gl_word *words, size_t granules) {
  struct gl_word last = {0};
  gl_assert(granules > 0 && granules <= FOLLOW_GRANULES);
  gl_assert(hot_ring_has_room(h, 2 * granules));
  for (size_t i = 0; i < 2 * granules; i++) {
    struct gl_word word = words[i];
    __asm__("" : "+r"(word.bits)); /* read once */
    if (word.bits - h->base >= h->extent) continue;
    if (last.bits != 0) {
      hot_fetch_tags(h, last);
      h->ring[h->ring_end++] = last;
    }
    last = word;
  }
  return last;
}

/* Scan a block, with an address in its first granule; the same. */
GL_INLINE struct gl_word hot_scan_next(struct hot *h,
                                       const struct hot_filter *f,
                                       uintptr_t where, gl_mark_entry entry) {
  size_t from = h->ring_end, granules = gl_mark_entry_granules(entry);
  gl_assert(gl_mark_entry_address(entry) == where - where % GL_GRANULE_BYTES);
  if (GL_LIKELY(granules <= FOLLOW_GRANULES)) {
    const struct gl_word *words =
        (const struct gl_word *)(where & ~(GL_GRANULE_BYTES - 1));
    struct gl_word word = hot_scan_short(h, words, granules);
    if (GL_LIKELY(h->tenured_bias == 0 && !h->m->shared)) return word;
    if (word.bits != 0) h->ring[h->ring_end++] = word;
  } else {
    hot_scan(h, f, entry, 0);
  }
  hot_sift(h, from);
  return hot_pop(h, from);
}

/* A list: few candidates, and nothing else to do.  They are followed one by
   one, the newest first, until a block leads nowhere and others wait, or many
   do. */
GL_MARK_UNCHECKED static GL_NOINLINE GL_HOT void hot_follow(struct hot *hot) {
  struct hot h = *hot;
  const struct hot_filter f = hot_filter_begin(&h);
  hot_rewind(&h);
  gl_assert(hot_candidates(&h) <= FOLLOW_FEW && !hot_has_entries(&h));
  struct gl_word word = hot_pop(&h, 0);
  while (word.bits != 0) {
    uintptr_t where;
    gl_mark_entry entry;
    bool found = hot_blacken_any(&h, word, &where, &entry);
    word = found ? hot_scan_next(&h, &f, where, entry) : gl_word_of(0);
    if (h.ring_end > (word.bits == 0 ? FOLLOW_FEW : FOLLOW_MANY) ||
        hot_has_entries(&h))
      break;
    if (word.bits == 0) word = hot_pop(&h, 0);
  }
  if (word.bits != 0) h.ring[h.ring_end++] = word;
  *hot = h;
}

GL_INLINE void hot_drain(struct gl_marker *m) {
  struct hot h = hot_begin(m);
  gl_mark_entry *warm = h.top;
  for (;;) {
    hot_scan_some(&h);
    if (hot_candidates(&h) <= FOLLOW_FEW && !hot_has_entries(&h))
      hot_follow(&h);
    if (hot_candidates(&h) == 0 && !hot_has_entries(&h))
      if (!m->shared || !hot_share(&h)) break;
    warm = hot_warm(&h, warm);
    hot_blacken_some(&h);
    if (m->shared) hot_share(&h);
  }
  gl_assert(m->coming == NULL && m->taken == 0);
  hot_save(&h);
}
