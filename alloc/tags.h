/* SPDX-License-Identifier: MIT */
/*
 * tags.h: the boundary tags: two bits per granule, out of line.
 *
 * The one invariant of the heap.  Every block and every free run begins at a
 * granule whose pair of bits is not 00, and every other granule reads 00:
 *
 *     block mark
 *       0    0    inside a block or a free run
 *       0    1    first granule of a free run
 *       1    0    first granule of an allocated block, white
 *       1    1    first granule of an allocated block, black
 *
 *     memory  |AAAAAAAA|........|BB|CCCC|....................|
 *     block    1 0 0 0  0 0 0 0  1  1 0  0 0 0 0 0 0 0 0 0 0
 *     mark     0 0 0 0  1 0 0 0  0  1 0  1 0 0 0 0 0 0 0 0 0
 *              ^white   ^free    ^  ^black ^free
 *
 * So the size of anything is the distance to the next set bit of block|mark,
 * and the block that holds an address is the nearest set bit at or below it.
 * One exception: between a collection and its sweep an arena's dead blocks
 * still read 10 (its free runs are 01, its live blocks 11, as the sweep
 * expects).
 *
 * The bits of a granule lie in two adjacent words, a pair for each KiB of heap
 * (a line), so one 64-byte cache line of tags covers one 4 KiB page.  They
 * cost 1.6 % of the heap, and no overrun of a block can reach them.  What you
 * may not conclude: a set mark bit does not mean "live" (it may be the head of
 * a free run), and a clear one does not mean "dead" outside a collection.
 *
 * The encoding is Mike Pall's, from the design of the LuaJIT 3.0 collector.
 */
#ifndef GL_TAGS_H
#define GL_TAGS_H

#include "base.h"

struct gl_tags {
  uint64_t block;
  uint64_t mark;
};

_Static_assert(sizeof(struct gl_tags) * 64 ==
                   (GL_PAGE_BYTES >> GL_GRANULE_SHIFT) * sizeof(uint32_t),
               "a cache line of tags covers a page");

/* A granule's number, counted from the start of the heap, gives the line it is
   in and the bit within the line's words. */
GL_INLINE struct gl_tags *gl_tags_line(struct gl_tags *tags, size_t granule) {
  return &tags[granule >> (GL_LINE_SHIFT - GL_GRANULE_SHIFT)];
}

GL_INLINE uint64_t gl_tags_bit(size_t granule) {
  return (uint64_t)1 << (granule & 63);
}

GL_INLINE bool gl_tags_is_block(struct gl_tags *tags, size_t granule) {
  return gl_tags_line(tags, granule)->block & gl_tags_bit(granule);
}

GL_INLINE bool gl_tags_is_marked(struct gl_tags *tags, size_t granule) {
  return gl_tags_line(tags, granule)->mark & gl_tags_bit(granule);
}

/* Whether a block or a free run begins there. */
GL_INLINE bool gl_tags_is_head(struct gl_tags *tags, size_t granule) {
  return gl_tags_is_block(tags, granule) || gl_tags_is_marked(tags, granule);
}

/* Whether four lines have any tag. */
GL_INLINE bool gl_tags_any_of_four(const struct gl_tags *line) {
  return (line[0].block | line[0].mark | line[1].block | line[1].mark |
          line[2].block | line[2].mark | line[3].block | line[3].mark) != 0;
}

/* Head of a free run: 01. */
GL_INLINE bool gl_tags_is_free(struct gl_tags *tags, size_t granule) {
  return !gl_tags_is_block(tags, granule) && gl_tags_is_marked(tags, granule);
}

/* Write 10 at a granule, whatever it reads. */
GL_INLINE void gl_tags_set_block(struct gl_tags *tags, size_t granule) {
  struct gl_tags *line = gl_tags_line(tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  line->block |= bit; /* first: there is a tag at any time */
  GL_STORE_FENCE();
  line->mark &= ~bit;
}

/* Write 10 at count granules from at on, one every so many, which read 00. */
void gl_tags_set_blocks(struct gl_tags *tags, size_t at, size_t granules,
                        size_t count);

/* Write 01 at any granule. */
GL_INLINE void gl_tags_set_free(struct gl_tags *tags, size_t granule) {
  struct gl_tags *line = gl_tags_line(tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  line->mark |= bit; /* first: there is a tag at any time */
  GL_STORE_FENCE();
  line->block &= ~bit;
}

/* Write 01 within a free run, which ends there then. */
GL_INLINE void gl_tags_cut(struct gl_tags *tags, size_t granule) {
  gl_assert(!gl_tags_is_block(tags, granule));
  gl_tags_line(tags, granule)->mark |= gl_tags_bit(granule);
}

/* Write 00 at any granule. */
GL_INLINE void gl_tags_clear(struct gl_tags *tags, size_t granule) {
  struct gl_tags *line = gl_tags_line(tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  line->block &= ~bit;
  line->mark &= ~bit;
}

/* The first granule in [from, to) that has a tag, or to.  Cost: a line, that
   is a KiB of heap, a step. */
size_t gl_tags_next(struct gl_tags *tags, size_t from, size_t to);

/* The same while the owner of the tags may be writing them. */
size_t gl_tags_next_shared(struct gl_tags *tags, size_t from, size_t to);

/* The first granule in [from, to) that heads an allocated block, or to. */
size_t gl_tags_next_block(struct gl_tags *tags, size_t from, size_t to);

/* The first granule in [from, to) that heads a free run, or to. */
size_t gl_tags_next_free(struct gl_tags *tags, size_t from, size_t to);

/*
 * The first free run that begins in [from, to), where `to` begins a line: its
 * first granule, and *end; the heads of free runs that follow it at once are
 * erased (this is coalescing), and whoever asks for every run of an arena in
 * turn looks at each line once.  Returns `to` where there is none.
 */
GL_INLINE size_t gl_tags_next_run(struct gl_tags *tags, size_t from, size_t to,
                                  size_t *end) {
  gl_assert(from <= to && to % 64 == 0);
  size_t number = from >> 6, stop = to >> 6;
  uint64_t wanted = ~(uint64_t)0 << (from & 63), heads = 0;
  for (;; wanted = ~(uint64_t)0, number++) {
    if (number == stop) return to;
    heads = tags[number].mark & ~tags[number].block & wanted;
    if (heads != 0) break;
  }
  size_t start = number * 64 + gl_lowest(heads);
  uint64_t behind = ~(heads ^ (heads - 1)); /* bits above the lowest head */
  for (;; behind = ~(uint64_t)0) {
    uint64_t blocks = tags[number].block & behind;
    if (blocks != 0) {
      tags[number].mark &= ~(behind & ~blocks & (blocks - 1));
      *end = number * 64 + gl_lowest(blocks);
      return start;
    }
    tags[number].mark &= ~behind;
    if (++number == stop) break;
  }
  *end = to;
  return start;
}

/* The last granule in [from, at] that has a tag, or SIZE_MAX. */
size_t gl_tags_find_head(struct gl_tags *tags, size_t from, size_t at);

/* Write 00 over all of lines [line, line + count). */
void gl_tags_clear_lines(struct gl_tags *tags, size_t line, size_t count);

/* The sweep: black becomes white, white becomes free, free stays free. */
void gl_tags_sweep_lines(struct gl_tags *tags, size_t line, size_t count);

/* The same, but black stays black; lines without any white are not written
   to. */
void gl_tags_sweep_white_lines(struct gl_tags *tags, size_t line, size_t count);

/* Black becomes white; lines without any are not written to. */
void gl_tags_whiten_lines(struct gl_tags *tags, size_t line, size_t count);

/* Granules in allocated blocks of [from, to), every one of which ends there. */
size_t gl_tags_count_allocated(struct gl_tags *tags, size_t from, size_t to);

#endif
