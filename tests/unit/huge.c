/* SPDX-License-Identifier: MIT */
/* huge.c: tests of alloc/huge: where huge pages are asked for, where they are
   not wanted. */
#include "../../alloc/huge.h"

#include "harness.h"

static const struct gl_runs *const runs = &gl_heap.runs;
static struct gl_cache *cache;

static void huge_begin(void) { cache = test_heap(); }

static struct gl_arena *create(enum gl_kind kind) {
  gl_heap_lock(NULL);
  struct gl_arena *created = gl_arena_create(cache, &cache->lane[kind]);
  gl_heap_unlock();
  expect(created != NULL);
  return created;
}

static void write_arena(struct gl_arena *arena) {
  gl_arena_zero(arena, gl_arena_start(arena),
                gl_arena_start(arena) + GL_ARENA_BYTES);
}

static size_t take_large(size_t pages) {
  gl_heap_lock(NULL);
  size_t page = gl_runs_take(pages, 1);
  expect(page != 0);
  gl_runs_set_large(page, pages, GL_ATOMIC);
  gl_heap_unlock();
  return page;
}

static void free_large(size_t page) {
  gl_heap_lock(NULL);
  gl_runs_free_large(page);
  gl_heap_unlock();
}

/* Arenas of which little is written get no huge pages, where each thread has
   one of its own; those that are written do, and what was left out before. */
START_TEST(asked_for_where_much_is_written) {
  enum { ARENAS = 80 };
  huge_begin();
  size_t at_first = runs->huge_pages;
  for (int i = 0; i < ARENAS; i++) create(GL_SCANNED);
  ck_assert_uint_eq(runs->huge_pages, at_first);
  for (int i = 0; i < 2 * ARENAS; i++) {
    write_arena(create(GL_SCANNED));
  }
  ck_assert_uint_gt(runs->huge_pages, 2 * ARENAS * GL_ARENA_PAGES);
  ck_assert_uint_le(runs->huge_pages, runs->top_pages);
}
END_TEST

/* Large blocks are thought to be written whole. */
START_TEST(asked_for_large_blocks) {
  huge_begin();
  take_large(100 * GL_ARENA_PAGES);
  ck_assert_uint_ge(runs->huge_pages, 90 * GL_ARENA_PAGES);
}
END_TEST

/* Of each huge page this part lives on, in large blocks of that size. */
static void fill_and_leave(size_t part) {
  enum { HUGE_PAGES = 32 };
  size_t pages = GL_HUGE_PAGES / part, page[64 * HUGE_PAGES];
  size_t count = HUGE_PAGES * part;
  expect(part <= 64 && GL_HUGE_PAGES % part == 0);
  for (size_t i = 0; i < count; i++) page[i] = take_large(pages);
  for (size_t i = 0; i < count; i++)
    if (i % part != 0) free_large(page[i]);
}

static void trim(void) {
  gl_heap_lock(NULL);
  gl_runs_scavenge(0);
  gl_huge_review();
  gl_heap_unlock();
}

/* What goes back of huge pages, most of which are free, is not to come again;
   and where half of them is in use, they are asked for as before. */
START_TEST(refused_where_most_has_gone_back) {
  size_t part = (size_t)_i;
  huge_begin();
  fill_and_leave(part);
  ck_assert(gl_huge_are_likely());
  size_t asked = runs->huge_pages;
  ck_assert_uint_gt(asked, 20 * GL_HUGE_PAGES);
  trim();
  ck_assert(runs->huge_refused == (part > 4));
  if (part <= 4) ck_assert_uint_eq(runs->huge_pages, asked);
  trim();
  ck_assert(runs->huge_refused == (part > 4));
}
END_TEST

START_TEST(asked_for_again_where_half_is_in_use) {
  huge_begin();
  fill_and_leave(16);
  size_t asked = runs->huge_pages, top = runs->top_pages;
  trim();
  ck_assert(runs->huge_refused);
  ck_assert_uint_lt(runs->huge_pages, asked);
  for (int i = 0; i < 32 * 5; i++) take_large(GL_HUGE_PAGES / 16);
  trim();
  ck_assert(runs->huge_refused);
  for (int i = 0; i < 32 * 3; i++) take_large(GL_HUGE_PAGES / 16);
  trim();
  ck_assert(!runs->huge_refused);
  ck_assert_uint_eq(runs->top_pages, top);
  ck_assert_uint_ge(runs->huge_pages, asked);
}
END_TEST

/* The heap grows by a block, after which most of it is in use. */
START_TEST(asked_for_again_for_a_large_block) {
  huge_begin();
  fill_and_leave(16);
  trim();
  ck_assert(runs->huge_refused);
  take_large(40 * GL_HUGE_PAGES);
  ck_assert(!runs->huge_refused);
  ck_assert_uint_ge(runs->huge_pages, 60 * GL_HUGE_PAGES);
}
END_TEST

/* Where they are not wanted, what the heap grows by has none either. */
START_TEST(refused_where_the_heap_grows) {
  huge_begin();
  fill_and_leave(64);
  trim();
  ck_assert(runs->huge_refused);
  size_t top = runs->top_pages;
  for (int i = 0; i < 3; i++) take_large(4 * GL_HUGE_PAGES);
  ck_assert_uint_gt(runs->top_pages, top + GL_HUGE_PAGES);
  ck_assert(runs->huge_refused);
  ck_assert_uint_gt(runs->refused_pages + GL_HUGE_PAGES, runs->top_pages);
}
END_TEST

/* Whole huge pages that are free have nothing that could be filled up. */
START_TEST(whole_ones_that_go_back_are_no_reason) {
  huge_begin();
  size_t page = take_large(60 * GL_HUGE_PAGES);
  take_large(8 * GL_HUGE_PAGES);
  free_large(page);
  trim();
  ck_assert(!runs->huge_refused);
}
END_TEST

START_TEST(small_heaps_are_left_alone) {
  huge_begin();
  size_t page[64];
  for (int i = 0; i < 64; i++) page[i] = take_large(GL_HUGE_PAGES / 16);
  for (int i = 0; i < 64; i++)
    if (i % 16 != 0) free_large(page[i]);
  ck_assert(!gl_huge_are_likely());
  trim();
  ck_assert(!runs->huge_refused);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("huge");
  tcase_add_test(tests, asked_for_where_much_is_written);
  tcase_add_test(tests, asked_for_large_blocks);
  tcase_add_loop_test(tests, refused_where_most_has_gone_back, 2, 3);
  tcase_add_loop_test(tests, refused_where_most_has_gone_back, 4, 5);
  tcase_add_loop_test(tests, refused_where_most_has_gone_back, 8, 9);
  tcase_add_loop_test(tests, refused_where_most_has_gone_back, 64, 65);
  tcase_add_test(tests, refused_where_the_heap_grows);
  tcase_add_test(tests, asked_for_again_where_half_is_in_use);
  tcase_add_test(tests, asked_for_again_for_a_large_block);
  tcase_add_test(tests, whole_ones_that_go_back_are_no_reason);
  tcase_add_test(tests, small_heaps_are_left_alone);
  return test_end();
}
