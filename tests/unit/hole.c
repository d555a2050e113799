/* SPDX-License-Identifier: MIT */
/*
 * hole.c: tests of alloc/hole: blocks that are cut off the hole from its upper
 * end down, the newest that gives its memory back to it, and where it ends.
 */
#include "blocks.h"

static uint64_t freed_by(void *p) {
  uint64_t before = test_freed_bytes(blocks.cache);
  blocks_release(p);
  return test_freed_bytes(blocks.cache) - before;
}

START_TEST(blocks_lie_side_by_side) {
  blocks_begin();
  char *p = blocks_allocate(1);
  for (size_t size = 1; size < 600; size += 19) {
    char *q = blocks_allocate(size);
    ck_assert_uint_eq(test_usable(q), gl_round_up(size, GL_GRANULE_BYTES));
    ck_assert_ptr_eq(q + test_usable(q), p);
    p = q;
  }
  ck_assert(test_prove());
}
END_TEST

START_TEST(freeing_the_newest_moves_back) {
  blocks_begin();
  char *wall = blocks_allocate(16), *a = blocks_allocate(32);
  char *b = blocks_allocate(100);
  memset(b, 0x33, 100);
  ck_assert_uint_eq(freed_by(b), 112);
  ck_assert(!blocks_is_allocated(b));
  ck_assert_int_eq(gl_heap_free(blocks.cache, b), GL_FAULT_FREE);
  ck_assert_uint_eq(test_usable(a), 32);
  char *c = blocks_allocate(200);
  ck_assert_ptr_eq(c + 208, a);
  ck_assert(test_is_zero(c, 208));
  blocks_release(c);
  blocks_release(a);
  ck_assert_ptr_eq(blocks_allocate(16) + 16, wall);
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

/* The block behind a hole that was used up has nothing to do with it.  It is
   ahead of the cursor... */
START_TEST(free_the_block_where_the_hole_ended_ahead) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(blocks_even_from_20);
  ck_assert_ptr_eq(blocks_allocate(BLOCK), blocks.at[20]);
  uint64_t free_granules = gl_arena_of(blocks.at[21])->free_granules;
  ck_assert_uint_eq(freed_by(blocks.at[21]), BLOCK);
  ck_assert_uint_eq(gl_arena_of(blocks.at[21])->free_granules,
                    free_granules + BLOCK / GL_GRANULE_BYTES);
  ck_assert(!blocks_is_allocated(blocks.at[21]));
  ck_assert_uint_eq(test_usable(blocks.at[20]), BLOCK);
}
END_TEST

/* ...or behind it, where the fast path frees. */
START_TEST(free_the_block_where_the_hole_ended_behind) {
  blocks_begin();
  blocks_pass_all(blocks_even_from_20);
  char *p = blocks_allocate(BLOCK);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(blocks.at[0]));
  ck_assert_uint_eq(freed_by(p + BLOCK), BLOCK);
  ck_assert(!blocks_is_allocated(p + BLOCK));
  ck_assert_uint_eq(test_usable(p), BLOCK);
  ck_assert_ptr_eq(blocks_allocate(BLOCK), p + BLOCK);
}
END_TEST

/* A block that lies behind the hole, with nothing cut off in between, is the
   newest too: the hole is larger then. */
START_TEST(hole_grows_upwards) {
  blocks_begin();
  blocks_pass_all(blocks_even_from_20);
  char *p = blocks_allocate(256);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(blocks.at[0]));
  blocks_release(p);
  ck_assert_uint_eq(freed_by(p + 256), BLOCK);
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(!blocks_is_allocated(p) && !blocks_is_allocated(p + 256));
  ck_assert(test_prove());
  char *q = blocks_allocate(704);
  ck_assert_ptr_eq(q + 704, p + 256 + BLOCK);
  ck_assert_uint_eq(test_usable(q), 704);
  ck_assert(test_is_zero(q, 704));
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

static bool keep_even(const struct gl_block *found, void *data) {
  (void)data;
  return (size_t)(found->start - blocks.at[0]) / BLOCK % 2 == 0;
}

/* The hole may end where the next arena begins: the first block there is not
   the newest. */
START_TEST(hole_stops_at_the_arenas_end) {
  blocks_begin();
  blocks_fill(2);
  test_collect(keep_even, NULL);
  for (size_t i = 0; i < 2 * GL_ARENA_BYTES / 1024; i++) blocks_allocate(1024);
  char *p;
  while ((p = blocks_allocate(256)) != blocks.at[BLOCKS - 1] + 256) {
    ck_assert(p >= blocks.at[0] && p < blocks.at[0] + 2 * GL_ARENA_BYTES);
    blocks_allocate(256); /* the other half of the run */
  }
  blocks_release(p);
  ck_assert_ptr_eq(blocks.cache->lane[GL_SCANNED].hole.cur, blocks.at[BLOCKS]);
  ck_assert_uint_eq(freed_by(blocks.at[BLOCKS]), BLOCK);
  ck_assert(!blocks_is_allocated(blocks.at[BLOCKS]));
  ck_assert_ptr_eq(blocks.cache->lane[GL_SCANNED].hole.cur, blocks.at[BLOCKS]);
  ck_assert(test_prove());
}
END_TEST

int main(void) {
  TCase *tests = test_begin("hole");
  tcase_add_test(tests, blocks_lie_side_by_side);
  tcase_add_test(tests, freeing_the_newest_moves_back);
  tcase_add_test(tests, free_the_block_where_the_hole_ended_ahead);
  tcase_add_test(tests, free_the_block_where_the_hole_ended_behind);
  tcase_add_test(tests, hole_grows_upwards);
  tcase_add_test(tests, hole_stops_at_the_arenas_end);
  return test_end();
}
