/* SPDX-License-Identifier: MIT */
/*
 * tags.c: tests of alloc/tags against an oracle that keeps one byte for every
 * granule and knows no bit tricks.
 */
#include "harness.h"

#define LINES ((size_t)24)
#define GRANULES (LINES * 64)
#define ROUNDS 2000

enum { NONE, FREE, WHITE, BLACK }; /* 2 * block + mark, but for NONE and FREE */

static struct gl_tags tags[LINES];
static uint8_t oracle[GRANULES];

/* Few tags or many: both long walks and short ones. */
static void scatter(void) {
  size_t rarity = (size_t)1 << test_below(9);
  memset(tags, 0, sizeof tags);
  for (size_t i = 0; i < GRANULES; i++) {
    oracle[i] = test_one_in(rarity) ? (uint8_t)test_below(4) : NONE;
    if (oracle[i] == NONE) continue;
    if (oracle[i] == FREE)
      gl_tags_set_free(tags, i);
    else
      gl_tags_set_block(tags, i);
    if (oracle[i] == BLACK) gl_tags_line(tags, i)->mark |= gl_tags_bit(i);
  }
}

static bool agrees(void) {
  for (size_t i = 0; i < GRANULES; i++) {
    uint8_t is = oracle[i];
    if (gl_tags_is_block(tags, i) != (is == WHITE || is == BLACK)) return false;
    if (gl_tags_is_marked(tags, i) != (is == FREE || is == BLACK)) return false;
    if (gl_tags_is_free(tags, i) != (is == FREE)) return false;
  }
  return true;
}

/* The random range [from, to), often short or at the ends of lines. */
static void range(size_t *from, size_t *to) {
  *from = test_below(GRANULES + 1);
  *to = test_below(GRANULES + 1);
  if (test_one_in(4)) *to = *from + test_below(GRANULES + 1 - *from) % 70;
  if (test_one_in(4)) *from &= ~(size_t)63;
  if (test_one_in(4)) *to = gl_round_up(*to, 64);
}

START_TEST(set_and_clear) {
  for (int round = 0; round < ROUNDS; round++) {
    if (round % 50 == 0) scatter();
    size_t i = test_below(GRANULES);
    switch (test_below(3)) {
      case 0:
        if (oracle[i] == BLACK) break; /* never asked for */
        gl_tags_set_block(tags, i);
        oracle[i] = WHITE;
        break;
      case 1:
        gl_tags_set_free(tags, i);
        oracle[i] = FREE;
        break;
      default: gl_tags_clear(tags, i); oracle[i] = NONE;
    }
    expect(agrees());
  }
}
END_TEST

typedef bool wanted(uint8_t tag);
static bool any(uint8_t tag) { return tag != NONE; }
static bool block(uint8_t tag) { return tag == WHITE || tag == BLACK; }
static bool free_run(uint8_t tag) { return tag == FREE; }

static size_t oracle_next(wanted *want, size_t from, size_t to) {
  while (from < to && !want(oracle[from])) from++;
  return from < to ? from : to;
}

/* Blocks of one size, one behind the other, wherever they begin and end. */
START_TEST(set_blocks) {
  for (int round = 0; round < ROUNDS; round++) {
    size_t granules = 1 + test_below(64), at = test_below(GRANULES);
    size_t count = test_below((GRANULES - at) / granules + 1);
    scatter();
    memset(oracle + at, NONE, count * granules);
    for (size_t i = at; i < at + count * granules; i++) gl_tags_clear(tags, i);
    for (size_t i = 0; i < count; i++) oracle[at + i * granules] = WHITE;
    gl_tags_set_blocks(tags, at, granules, count);
    ck_assert(agrees());
  }
}
END_TEST

START_TEST(next) {
  for (int round = 0; round < 20 * ROUNDS; round++) {
    if (round % 50 == 0) scatter();
    size_t from, to;
    range(&from, &to);
    expect(gl_tags_next(tags, from, to) == oracle_next(any, from, to));
    expect(gl_tags_next_block(tags, from, to) == oracle_next(block, from, to));
    expect(gl_tags_next_free(tags, from, to) ==
           oracle_next(free_run, from, to));
  }
}
END_TEST

static size_t oracle_find_head(size_t from, size_t at) {
  for (size_t i = at + 1; i > from; i--)
    if (oracle[i - 1] != NONE) return i - 1;
  return SIZE_MAX;
}

START_TEST(find_head) {
  for (int round = 0; round < 20 * ROUNDS; round++) {
    if (round % 50 == 0) scatter();
    size_t at = test_below(GRANULES), from = test_below(at + 1);
    if (test_one_in(4)) from = at;
    expect(gl_tags_find_head(tags, from, at) == oracle_find_head(from, at));
  }
}
END_TEST

/* A run reaches to the next block, over the heads that follow its own, and
   those are gone when it was asked for. */
START_TEST(next_run) {
  for (int round = 0; round < 20 * ROUNDS; round++) {
    if (round % 20 == 0) scatter();
    size_t from = test_below(GRANULES + 1), end = 0;
    size_t to = (from / 64 + test_below(LINES - from / 64 + 1)) * 64;
    if (to < from) to = GRANULES;
    size_t start = oracle_next(free_run, from, to);
    expect(gl_tags_next_run(tags, from, to, &end) == start);
    if (start < to) {
      size_t behind = oracle_next(block, start, to);
      expect(end == behind);
      for (size_t i = start + 1; i < behind; i++) oracle[i] = NONE;
    }
    expect(agrees());
  }
}
END_TEST

START_TEST(clear_lines) {
  for (int round = 0; round < ROUNDS; round++) {
    scatter();
    size_t line = test_below(LINES), count = test_below(LINES - line + 1);
    memset(oracle + line * 64, NONE, count * 64);
    gl_tags_clear_lines(tags, line, count);
    expect(agrees());
  }
}
END_TEST

START_TEST(sweep_lines) {
  static const uint8_t swept[] = {
      [NONE] = NONE, [FREE] = FREE, [WHITE] = FREE, [BLACK] = WHITE};
  for (int round = 0; round < ROUNDS; round++) {
    scatter();
    size_t line = test_below(LINES), count = test_below(LINES - line + 1);
    for (size_t i = line * 64; i < (line + count) * 64; i++)
      oracle[i] = swept[oracle[i]];
    gl_tags_sweep_lines(tags, line, count);
    expect(agrees());
  }
}
END_TEST

/* Black stays black. */
START_TEST(sweep_white_lines) {
  static const uint8_t swept[] = {
      [NONE] = NONE, [FREE] = FREE, [WHITE] = FREE, [BLACK] = BLACK};
  for (int round = 0; round < ROUNDS; round++) {
    scatter();
    size_t line = test_below(LINES), count = test_below(LINES - line + 1);
    for (size_t i = line * 64; i < (line + count) * 64; i++)
      oracle[i] = swept[oracle[i]];
    gl_tags_sweep_white_lines(tags, line, count);
    expect(agrees());
  }
}
END_TEST

START_TEST(count_allocated) {
  for (int round = 0; round < ROUNDS; round++) {
    scatter();
    size_t from, to, granules = 0;
    range(&from, &to);
    bool allocated = false;
    for (size_t i = from; i < to; i++) {
      if (oracle[i] != NONE) allocated = block(oracle[i]);
      granules += allocated;
    }
    expect(gl_tags_count_allocated(tags, from, to) == granules);
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("tags");
  tcase_add_test(tests, set_and_clear);
  tcase_add_test(tests, set_blocks);
  tcase_add_test(tests, next);
  tcase_add_test(tests, find_head);
  tcase_add_test(tests, next_run);
  tcase_add_test(tests, clear_lines);
  tcase_add_test(tests, sweep_lines);
  tcase_add_test(tests, sweep_white_lines);
  tcase_add_test(tests, count_allocated);
  return test_end();
}
