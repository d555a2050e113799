/* SPDX-License-Identifier: MIT */
/*
 * mark.h: a marker: what one thread needs to mark.  mark.c is what a marker
 * does, markers.c how several share the work.
 */
#ifndef GL_MARK_H
#define GL_MARK_H

#include "gc.h"

/*
 * A range of granules that is to be scanned, of one block:
 *
 *     63                            21 20                  0
 *    | address / 16 (43 bits)         | granules (21 bits)  |
 *
 * The largest count stands for all that is left of a large block.
 */
typedef uint64_t gl_mark_entry;
#define GL_MARK_COUNT_BITS 21
#define GL_MARK_COUNT_MAX (((size_t)1 << GL_MARK_COUNT_BITS) - 1)

GL_INLINE gl_mark_entry gl_mark_entry_of(uintptr_t address, size_t granules) {
  return (uint64_t)address << (GL_MARK_COUNT_BITS - GL_GRANULE_SHIFT) |
         granules;
}

GL_INLINE uintptr_t gl_mark_entry_address(gl_mark_entry entry) {
  return (uintptr_t)(entry >> GL_MARK_COUNT_BITS << GL_GRANULE_SHIFT);
}

/* Room for candidates, and behind it for what a vector store writes too much;
   for objects on their way, a power of two. */
#define GL_MARK_RING 512
#define GL_MARK_RING_SLACK 4
#define GL_MARK_FIFO 64

/* Code that reads all of memory, word by word, as it is: no sanitizer can
   judge it. */
#define GL_MARK_UNCHECKED __attribute__((no_sanitize("address", "thread")))

/*
 * One marker.  Equation while it marks: a block that it blackened is scanned,
 * or one of its entries, or its slot is flagged as overflowed.
 *
 * The stack is [bottom, depth): entries are pushed and popped at depth, and
 * given to other markers from the bottom, where the oldest and largest are.
 */
struct gl_marker {
  gl_mark_entry *stack;
  size_t bottom, depth, capacity;
  uint32_t *live;      /* granules that it blackened, for each arena */
  uint64_t objects;    /* blocks that it blackened */
  bool shared;         /* others mark at the same time: atomics are needed */
  uintptr_t ring[GL_MARK_RING];      /* candidates: words that point into the
                                        heap */
  gl_mark_entry fifo[GL_MARK_FIFO];  /* entries whose memory is on the way */
} __attribute__((aligned(64)));

/* What all markers share. */
struct gl_marking {
  size_t extent_bytes; /* of the heap, at the start of this marking */
  uint8_t *flags;      /* for each slot: blocks in it found no room on a stack */
  bool overflowed;     /* some slot is flagged */
  bool fixed;          /* stacks may not grow */
  bool has_avx2;       /* the processor does, and BMI2 */
};

extern struct gl_marking gl_marking;

bool gl_marker_init(struct gl_marker *marker);

/* A marking begins: nothing is live, and stacks are as small as at first. */
void gl_marker_begin(struct gl_marker *marker);

/* Mark all that the marker's entries reach. */
void gl_marker_drain(struct gl_marker *marker);

/* The same for a processor with AVX2 and BMI2, and whether this is one. */
void gl_marker_drain_avx2(struct gl_marker *marker);
bool gl_marker_has_avx2(void);

/* Black a block; false where it was.  Test first: most are. */
GL_INLINE bool gl_mark_set(struct gl_tags *line, uint64_t bit, bool shared) {
  uint64_t mark = __atomic_load_n(&line->mark, __ATOMIC_RELAXED);
  if ((mark & bit) != 0) return false;
  if (shared)
    return (__atomic_fetch_or(&line->mark, bit, __ATOMIC_RELAXED) & bit) == 0;
  line->mark = mark | bit;
  return true;
}

/* The rare cases of draining: an entry of the block at head that finds the
   stack full; an entry that is longer than a piece, of which the piece is left
   to the caller; a candidate that is in no arena; one that is interior, or a
   block whose end is in another line of tags. */
void gl_marker_push_slow(struct gl_marker *marker, uintptr_t head,
                         gl_mark_entry entry);
void gl_marker_push_rest(struct gl_marker *marker, gl_mark_entry entry,
                         size_t piece_granules);
void gl_marker_mark_large(struct gl_marker *marker, uintptr_t address);
size_t gl_marker_find_head(size_t granule);
size_t gl_marker_find_end(size_t head);

/* Take an entry in from another marker. */
void gl_marker_push(struct gl_marker *marker, gl_mark_entry entry);

/* ------------------------------------------------------- sharing (markers.c) */

/* The marker of the collecting thread. */
extern struct gl_marker gl_marker_main;

/* How many markers wait for work, less the packets that wait for them: where
   it is positive, a marker with entries to spare gives some of them away. */
extern int32_t gl_markers_hungry;

/* Give away older entries; called by gl_marker_drain. */
void gl_markers_feed(struct gl_marker *marker);

/* Make the helpers that this marking wants, before any lock is taken;
   wake them; let them work until all is marked; put them to sleep. */
void gl_markers_prepare(void);
void gl_markers_start(void);
void gl_markers_finish(void);

/* Threads of the process that are helpers: they are not stopped. */
bool gl_markers_is_helper(pid_t tid);
size_t gl_markers_helpers(void);

/* In the child of a fork there are none. */
void gl_markers_after_fork(void);

#endif
