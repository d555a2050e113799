/* SPDX-License-Identifier: MIT */
/*
 * tags.c: reading and walking the boundary tags, see tags.h for what the bits
 * say.  Pure functions over the two bit maps: they know of no arena, no owner
 * and no lock; who may write which line is the caller's affair.
 */
#include "tags.h"

#include <string.h>

enum tags_want { TAGS_ANY, TAGS_SHARED, TAGS_BLOCK, TAGS_FREE };

/* Both words at once.  A tag that changes from 10 to 01 reads 11 in between, so
   at any moment there is one; but word by word, between two loads it may change
   there and back.  (x86: an aligned load of 16 bytes is atomic where there is
   AVX, by the word of both makers, and in practice wherever there is SSE.) */
GL_INLINE uint64_t tags_any_shared(const struct gl_tags *line) {
  typedef uint64_t pair __attribute__((vector_size(16)));
  pair words;
  __asm__ volatile("movdqa %1, %0" : "=x"(words) : "m"(*line) : "memory");
  return words[0] | words[1];
}

GL_INLINE uint64_t tags_wanted(const struct gl_tags *line,
                               enum tags_want want) {
  if (want == TAGS_SHARED) return tags_any_shared(line);
  if (want == TAGS_BLOCK) return line->block;
  if (want == TAGS_FREE) return line->mark & ~line->block;
  return line->block | line->mark;
}

GL_INLINE size_t tags_search(struct gl_tags *tags, size_t from, size_t to,
                             enum tags_want want) {
  if (from >= to) return to;
  size_t line = from >> 6, last = (to - 1) >> 6;
  uint64_t bits =
      tags_wanted(&tags[line], want) & (~(uint64_t)0 << (from & 63));
  while (bits == 0) {
    if (++line > last) return to;
    bits = tags_wanted(&tags[line], want);
  }
  size_t found = line * 64 + gl_lowest(bits);
  gl_assert(found >= from);
  return found < to ? found : to;
}

size_t gl_tags_next(struct gl_tags *tags, size_t from, size_t to) {
  return tags_search(tags, from, to, TAGS_ANY);
}

/* The owner of the arena may be at work in it. */
GL_RACES size_t gl_tags_next_shared(struct gl_tags *tags, size_t from,
                                    size_t to) {
  return tags_search(tags, from, to, TAGS_SHARED);
}

size_t gl_tags_next_block(struct gl_tags *tags, size_t from, size_t to) {
  return tags_search(tags, from, to, TAGS_BLOCK);
}

size_t gl_tags_next_free(struct gl_tags *tags, size_t from, size_t to) {
  return tags_search(tags, from, to, TAGS_FREE);
}

/* The same. */
GL_RACES size_t gl_tags_find_head(struct gl_tags *tags, size_t from,
                                  size_t at) {
  gl_assert(from <= at);
  size_t line = at >> 6, first = from >> 6;
  uint64_t bits = (tags[line].block | tags[line].mark) &
                  (~(uint64_t)0 >> (63 - (at & 63)));
  while (bits == 0) {
    if (line == first) return SIZE_MAX;
    line--;
    bits = tags[line].block | tags[line].mark;
  }
  size_t found = line * 64 + gl_log2(bits);
  return found >= from ? found : SIZE_MAX;
}

/* All functions of lines are given those of an arena, or a part of it. */
void gl_tags_clear_lines(struct gl_tags *tags, size_t line, size_t count) {
  gl_assert(count <= GL_ARENA_LINES);
  memset(&tags[line], 0, count * sizeof tags[0]);
}

void gl_tags_sweep_lines(struct gl_tags *tags, size_t line, size_t count) {
  gl_assert(count <= GL_ARENA_LINES);
  for (struct gl_tags *t = &tags[line], *end = t + count; t < end; t++) {
    uint64_t block = t->block, mark = t->mark;
    t->block = block & mark;
    t->mark = block ^ mark;
  }
}

void gl_tags_sweep_white_lines(struct gl_tags *tags, size_t line,
                               size_t count) {
  gl_assert(count <= GL_ARENA_LINES);
  for (struct gl_tags *t = &tags[line], *end = t + count; t < end; t++) {
    uint64_t block = t->block, mark = t->mark;
    if ((block & ~mark) == 0) continue;
    t->block = block & mark;
    t->mark = block | mark;
  }
}

void gl_tags_whiten_lines(struct gl_tags *tags, size_t line, size_t count) {
  gl_assert(count <= GL_ARENA_LINES);
  for (struct gl_tags *t = &tags[line], *end = t + count; t < end; t++)
    if ((t->block & t->mark) != 0) t->mark &= ~t->block;
}

size_t gl_tags_count_allocated(struct gl_tags *tags, size_t from, size_t to) {
  size_t granules = 0;
  size_t at = gl_tags_next_block(tags, from, to);
  while (at < to) {
    size_t end = gl_tags_next(tags, at + 1, to);
    granules += end - at;
    at = gl_tags_next_block(tags, end, to);
  }
  gl_assert(granules == 0 || granules <= to - from);
  return granules;
}

void gl_tags_set_blocks(struct gl_tags *tags, size_t at, size_t granules,
                        size_t count) {
  gl_assert(granules != 0);
  size_t end = at + granules * count;
  uint64_t every = 1; /* one bit in so many */
  for (size_t have = granules; have < 64; have *= 2) every |= every << have;
  while (at < end) {
    size_t line_end = (at | 63) + 1;
    uint64_t bits = every << (at & 63);
    if (line_end > end) bits &= ((uint64_t)1 << (end & 63)) - 1;
    gl_assert((tags_wanted(gl_tags_line(tags, at), TAGS_ANY) & bits) == 0);
    gl_tags_line(tags, at)->block |= bits;
    at += granules * (size_t)__builtin_popcountll(bits);
  }
}
