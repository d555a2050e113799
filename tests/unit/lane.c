/* SPDX-License-Identifier: MIT */
/*
 * lane.c: tests of alloc/lane: where a lane gets its next hole, what a rescan
 * and a collection leave to be taken again, aligned blocks, and blocks that
 * grow over the run behind them.
 */
#include "blocks.h"

/* ------------------------------------------------------------------- rescan */

static bool even_from_40(size_t i) { return i >= 40 && i % 2 == 0; }

/* The lane forgets its lists while an arena is half passed.  Blocks freed in
   its passed half go to quick lists again: the cursor must not run over it. */
START_TEST(rescan_leaves_a_half_passed_arena_alone) {
  blocks_begin();
  char *large = blocks_allocate(8 * GL_ARENA_BYTES);
  blocks_fill(1);
  blocks_kill(even_from_40);
  large = blocks_allocate(8 * GL_ARENA_BYTES);
  /* The arena is current, and a rescan due. */
  ck_assert_ptr_eq(blocks_allocate(BLOCK), blocks.at[40]);
  blocks_release(large);
  blocks_allocate(GL_MEDIUM_MAX_BYTES / 2);
  ck_assert_ptr_null(blocks.cache->lane[GL_SCANNED].hole.cur);
  for (size_t i = 0; i < 30; i++) blocks_release(blocks.at[i]);
  /* One of another size first, which wants a hole; then all that fit. */
  char *p[64] = {blocks_allocate(1008)};
  test_fill(p[0], 1008, 0);
  for (size_t i = 1; i < 64; i++)
    test_fill(p[i] = blocks_allocate(BLOCK), BLOCK, i);
  ck_assert(test_is_filled(p[0], 1008, 0));
  for (size_t i = 1; i < 64; i++) ck_assert(test_is_filled(p[i], BLOCK, i));
  ck_assert_int_eq(blocks.corruptions, 0);
  ck_assert(test_prove());
}
END_TEST

/* What was freed into quick lists of one size serves another: the heap does
   not grow for ever. */
START_TEST(rescan_coalesces_what_was_freed) {
  blocks_begin();
  blocks_fill(2);
  size_t arenas = gl_heap.arena_count;
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < 2 * BLOCKS; i++) blocks_release(blocks.at[i]);
    for (size_t i = 0; i < BLOCKS; i++)
      blocks.at[i] = blocks_allocate(2 * BLOCK);
    for (size_t i = 0; i < BLOCKS; i++) blocks_release(blocks.at[i]);
    for (size_t i = 0; i < 2 * BLOCKS; i++)
      blocks.at[i] = blocks_allocate(BLOCK);
  }
  ck_assert_uint_le(gl_heap.arena_count, arenas + 2);
  ck_assert(test_prove());
}
END_TEST

/* A lane that had to rescan keeps short runs for blocks of their size, and cuts
   longer ones before it grows. */
START_TEST(short_runs_serve_after_a_rescan) {
  blocks_begin();
  blocks_fill(1);
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  for (size_t i = 0; i < BLOCKS; i += 2) blocks_release(blocks.at[i]);
  gl_cache_enter(blocks.cache);
  gl_lane_rescan(blocks.cache, lane);
  gl_cache_leave(blocks.cache);
  ck_assert_int_eq(lane->lists, GL_LISTS_ALL);
  ck_assert_ptr_null(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  char *long_one = blocks_allocate(2 * BLOCK); /* passes all: a new arena */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_nonnull(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(test_prove());
  char *same = blocks_allocate(BLOCK);
  ck_assert(same >= blocks.at[0] && same <= blocks.at[BLOCKS - 1]);
  size_t shorter = BLOCK - GL_GRANULE_BYTES;
  for (size_t i = 0; i < GL_ARENA_BYTES / shorter + BLOCKS / 4; i++)
    blocks_allocate(shorter);
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert(blocks_is_allocated(long_one) && test_prove());
}
END_TEST

/* So does a collected one, with those of sizes that are asked for. */
START_TEST(runs_asked_for_serve_after_a_collection) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(blocks_even_from_20);
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  char *long_one = blocks_allocate(2 * BLOCK); /* passes all: a new arena */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_nonnull(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(lane->nonempty == 0 && test_prove());
  char *same = blocks_allocate(BLOCK);
  ck_assert(same >= blocks.at[0] && same <= blocks.at[BLOCKS - 1]);
  size_t left = (size_t)(lane->hole.cur - lane->hole.start) / GL_GRANULE_BYTES;
  for (; left > 64 + 7; left -= 64) blocks_allocate(64 * GL_GRANULE_BYTES);
  blocks_allocate((left - 7) * GL_GRANULE_BYTES); /* leaves seven granules */
  blocks_allocate(8 * GL_GRANULE_BYTES);          /* a part of a run */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_null(lane->quick[7]); /* of a size that nobody asked for */
  ck_assert(blocks_is_allocated(long_one) && test_prove());
}
END_TEST

/* What was asked for before the last collection but one is forgotten, and
   shorter runs are not even written to. */
START_TEST(runs_not_asked_for_are_left_alone) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(blocks_even_from_20);
  blocks_kill(blocks_even_from_20);
  test_fill(blocks.at[20], BLOCK, 5);
  blocks_allocate(2 * BLOCK);
  ck_assert_ptr_null(
      blocks.cache->lane[GL_SCANNED].quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(test_is_filled(blocks.at[20], BLOCK, 5) && test_prove());
}
END_TEST

/* Longer ones are cut into blocks of the size that is asked for, and the
   rest. */
START_TEST(longer_runs_are_cut) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(blocks_even_from_20);
  size_t size = 5 * GL_GRANULE_BYTES;
  blocks_kill(blocks_even_from_20);
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  uint64_t slow = blocks.cache->slow_allocations;
  for (size_t i = 20; i < 52; i += 2) /* as many runs as go to lists at once */
    for (size_t n = BLOCK / size; n-- > 0;) {
      char *p = blocks_allocate(size);
      ck_assert_ptr_eq(p, blocks.at[i] + n * size);
      ck_assert(test_is_zero(p, size));
      ck_assert_uint_eq(test_usable(p), size);
    }
  ck_assert_uint_eq(blocks.cache->slow_allocations, slow + 1);
  ck_assert_ptr_eq(lane->quick[2], (void *)(blocks.at[20] + 6 * size));
  ck_assert(test_accounts_balance(blocks.cache) && test_prove());
}
END_TEST

/* Holes of the size that is asked for are had several at a time, in order;
   those of other sizes are for later. */
START_TEST(holes_alike_are_taken_together) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(blocks_even_from_20);
  uint64_t slow = blocks.cache->slow_allocations;
  for (size_t i = 20; i < 52; i += 2) {
    char *p = blocks_allocate(BLOCK);
    ck_assert_ptr_eq(p, blocks.at[i]);
    ck_assert(test_is_zero(p, BLOCK));
  }
  ck_assert_uint_eq(blocks.cache->slow_allocations, slow + 1);
  blocks_release(blocks.at[53]);
  for (size_t i = 54; i >= 52; i--)
    ck_assert_ptr_eq(blocks_allocate(BLOCK), blocks.at[i]);
  for (size_t i = 56; i + 1 < BLOCKS; i += 2)
    ck_assert_ptr_eq(blocks_allocate(BLOCK), blocks.at[i]);
  ck_assert(test_accounts_balance(blocks.cache) && test_prove());
}
END_TEST

/* Ten in a row among them. */
static bool even_and_some(size_t i) {
  return blocks_even_from_20(i) || (i >= BLOCKS / 2 && i < BLOCKS / 2 + 10);
}

/* In a collected heap no block begins where a long hole does, but for one that
   takes it whole. */
START_TEST(long_holes_leave_a_gap) {
  blocks_begin();
  blocks_fill(1);
  gl_heap_pad_blocks();
  blocks_kill(even_and_some);
  size_t whole = 11 * BLOCK; /* ten in a row, and an even one */
  char *start = blocks.at[BLOCKS / 2];
  const struct gl_hole *hole = &blocks.cache->lane[GL_SCANNED].hole;
  char *p = blocks_allocate(2 * BLOCK - GL_GRANULE_BYTES);
  ck_assert_ptr_eq(p, start + whole - (2 * BLOCK));
  ck_assert_ptr_eq(hole->start, start + GL_GRANULE_BYTES);
  while (hole->cur != NULL && hole->cur - BLOCK >= hole->start)
    p = blocks_allocate(BLOCK - 1);
  ck_assert_ptr_eq(p, start + BLOCK);
  ck_assert(gl_tags_is_free(gl_heap.tags, gl_granule_of(start)));
  ck_assert(gl_tags_is_free(gl_heap.tags, gl_granule_of(start) + 1));
  ck_assert(test_accounts_balance(blocks.cache) && test_prove());
}
END_TEST

/* A collection that comes while a thread waits for an arena starts the search
   for pending ones anew: what it gets is ahead of that then, but in use. */
START_TEST(current_arena_is_not_pending) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(even_and_some);
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  char *taken[BLOCKS];
  blocks_allocate(1024); /* passes what is before the long run */
  ck_assert_ptr_eq(lane->arena, gl_arena_of(blocks.at[0]));
  lane->pending = lane->first;
  /* No hole is as long, whichever arena is emptied for it. */
  blocks_allocate(GL_MEDIUM_MAX_BYTES / 2);
  for (size_t i = 0; i < BLOCKS / 2; i++)
    test_fill(taken[i] = blocks_allocate(BLOCK), BLOCK, i);
  for (size_t i = 0; i < BLOCKS / 2; i++)
    ck_assert(test_is_filled(taken[i], BLOCK, i));
  ck_assert_int_eq(blocks.corruptions, 0);
  ck_assert(test_accounts_balance(blocks.cache) && test_prove());
}
END_TEST

static bool most(size_t i) { return i % 16 != 5; }

/* Medium blocks have arenas of their own where there are many; but rather than
   take one they go where the small ones have left much. */
START_TEST(medium_blocks_use_half_free_arenas) {
  blocks_begin();
  blocks_fill(1);
  for (size_t i = 0; i < 7 * BLOCKS; i++) blocks_allocate(BLOCK);
  struct gl_lane *apart = &blocks.cache->lane[GL_SCANNED + GL_KIND_COUNT];
  blocks_kill(most);
  ck_assert_uint_eq(blocks.cache->lane[GL_SCANNED].arena_count, 8);
  for (size_t i = 0; i < BLOCKS / 16; i++) {
    char *p = blocks_allocate(8 * BLOCK);
    ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(blocks.at[0]));
    ck_assert(test_is_zero(p, 8 * BLOCK));
  }
  ck_assert_uint_eq(apart->arena_count, 0);
  blocks_allocate(8 * BLOCK);
  ck_assert_uint_eq(apart->arena_count, 1);
  ck_assert(test_accounts_balance(blocks.cache) && test_prove());
}
END_TEST

/* ----------------------------------------------------------- aligned blocks */

static char *allocate_aligned(size_t size, size_t align) {
  enum gl_want want;
  char *p =
      gl_heap_allocate_aligned(blocks.cache, size, align, GL_SCANNED, &want);
  ck_assert_ptr_nonnull(p);
  ck_assert_uint_eq((uintptr_t)p % align, 0);
  ck_assert_uint_ge(test_usable(p), size);
  ck_assert(test_is_zero(p, test_usable(p)));
  return p;
}

/* Aligned blocks of a size that is a multiple of the alignment lie side by
   side; the gap above the first is free. */
START_TEST(aligned_blocks_are_cut_off_the_hole) {
  blocks_begin();
  blocks_allocate(48);
  char *p = blocks_allocate(48), *first = allocate_aligned(128, 64);
  ck_assert(first + 128 + 64 > p && first + 128 <= p);
  uint64_t freed = test_freed_bytes(blocks.cache);
  char *second = allocate_aligned(128, 64), *third = allocate_aligned(256, 64);
  ck_assert_ptr_eq(second, first - 128);
  ck_assert_ptr_eq(third, second - 256);
  ck_assert_uint_eq(test_freed_bytes(blocks.cache), freed);
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

/* A freed block is used again where its address will do. */
START_TEST(aligned_blocks_are_used_again) {
  blocks_begin();
  char *p = allocate_aligned(256, 64);
  blocks_allocate(16); /* so that p is not the newest */
  memset(p, 0x44, test_usable(p));
  blocks_release(p);
  ck_assert_ptr_eq(allocate_aligned(256, 64), p);
  blocks_release(p);
  char *q = allocate_aligned(256, 4096);
  ck_assert(q != p || (uintptr_t)p % 4096 == 0);
  for (int i = 0; i < 2000; i++) {
    char *r = allocate_aligned(test_below(5000), (size_t)16 << test_below(10));
    memset(r, 0x44, test_usable(r));
    if (test_one_in(2)) blocks_release(r);
  }
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

/* ---------------------------------------------------------- growth in place */

static bool try_resize(struct gl_cache *by, void *p, size_t size) {
  struct gl_block found;
  ck_assert_int_eq(gl_heap_find_exact(p, &found), GL_FAULT_NONE);
  return gl_heap_try_resize(by, &found, size);
}

/* The run behind may be the next arena's: no block reaches over. */
START_TEST(growth_stops_at_the_arenas_end) {
  blocks_begin();
  blocks_fill(1);
  char *p = blocks_allocate(GL_MEDIUM_MAX_BYTES);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(blocks.at[0]) + 1);
  ck_assert(gl_tags_is_free(gl_heap.tags,
                            gl_granule_of(blocks.at[BLOCKS - 1] + BLOCK)));
  ck_assert(!try_resize(blocks.cache, blocks.at[BLOCKS - 1], 2 * BLOCK));
  ck_assert_uint_eq(test_usable(blocks.at[BLOCKS - 1]), BLOCK);
  ck_assert(test_prove());
}
END_TEST

static bool three_of_four(size_t i) { return i >= 20 && i % 4 != 1; }

START_TEST(block_grows_over_a_binned_run) {
  blocks_begin();
  blocks_fill(1);
  blocks_kill(three_of_four);
  /* A medium block: runs that are too short go to bins. */
  blocks_allocate(4 * BLOCK);
  ck_assert(blocks.cache->lane[GL_SCANNED].nonempty != 0);
  test_fill(blocks.at[21], BLOCK, 7);
  ck_assert(!try_resize(blocks.cache, blocks.at[21], 5 * BLOCK));
  /* Not its own. */
  ck_assert(!try_resize(blocks.other, blocks.at[21], BLOCK + 100));
  ck_assert(try_resize(blocks.cache, blocks.at[21], BLOCK + 100));
  ck_assert_uint_eq(test_usable(blocks.at[21]), BLOCK + 112);
  ck_assert(test_is_zero(blocks.at[22], 112));
  /* A listed rest. */
  ck_assert(try_resize(blocks.cache, blocks.at[21], 2 * BLOCK));
  ck_assert(test_is_filled(blocks.at[21], BLOCK, 7));
  ck_assert(try_resize(blocks.cache, blocks.at[25], 4 * BLOCK));
  ck_assert_uint_eq(test_usable(blocks.at[25]), 4 * BLOCK);
  ck_assert(test_is_zero(blocks.at[26], 3 * BLOCK));
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

/* One of a quick list it can have too, where it is among the first: here those
   that the cursor passed last, in order. */
START_TEST(block_grows_over_a_listed_run) {
  blocks_begin();
  blocks_pass_all(blocks_even_from_20);
  struct gl_quick **list =
      &blocks.cache->lane[GL_SCANNED].quick[BLOCK / GL_GRANULE_BYTES];
  struct gl_quick *first = *list;
  size_t i = (size_t)((char *)first - blocks.at[0]) / BLOCK;
  test_fill(blocks.at[i - 1], BLOCK, 7);
  ck_assert_ptr_eq(gl_quick_next(first), (void *)blocks.at[i + 2]);
  /* One is too far down, one too short. */
  ck_assert(!try_resize(blocks.cache, blocks.at[49], 2 * BLOCK));
  ck_assert(!try_resize(blocks.cache, blocks.at[i - 1], 2 * BLOCK + 16));
  /* The second. */
  ck_assert(try_resize(blocks.cache, blocks.at[i + 1], BLOCK + 100));
  ck_assert(gl_quick_is_sealed(first));
  ck_assert_ptr_eq(gl_quick_next(first), (void *)blocks.at[i + 4]);
  /* The first. */
  ck_assert(try_resize(blocks.cache, blocks.at[i - 1], 2 * BLOCK));
  ck_assert_ptr_eq(*list, (void *)blocks.at[i + 4]);
  ck_assert(test_is_filled(blocks.at[i - 1], BLOCK, 7));
  ck_assert(test_is_zero(blocks.at[i], BLOCK));
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

START_TEST(slack_of_less_than_half_stays) {
  blocks_begin();
  char *p = blocks_allocate(256);
  ck_assert(try_resize(blocks.cache, p, 130));
  ck_assert_uint_eq(test_usable(p), 256);
  ck_assert(!try_resize(blocks.cache, p, 128));
  ck_assert_uint_eq(test_usable(p), 256);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("lane");
  tcase_add_test(tests, rescan_leaves_a_half_passed_arena_alone);
  tcase_add_test(tests, rescan_coalesces_what_was_freed);
  tcase_add_test(tests, short_runs_serve_after_a_rescan);
  tcase_add_test(tests, runs_asked_for_serve_after_a_collection);
  tcase_add_test(tests, runs_not_asked_for_are_left_alone);
  tcase_add_test(tests, longer_runs_are_cut);
  tcase_add_test(tests, holes_alike_are_taken_together);
  tcase_add_test(tests, long_holes_leave_a_gap);
  tcase_add_test(tests, current_arena_is_not_pending);
  tcase_add_test(tests, medium_blocks_use_half_free_arenas);
  tcase_add_test(tests, aligned_blocks_are_cut_off_the_hole);
  tcase_add_test(tests, aligned_blocks_are_used_again);
  tcase_add_test(tests, growth_stops_at_the_arenas_end);
  tcase_add_test(tests, block_grows_over_a_binned_run);
  tcase_add_test(tests, block_grows_over_a_listed_run);
  tcase_add_test(tests, slack_of_less_than_half_stays);
  return test_end();
}
