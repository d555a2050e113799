/* SPDX-License-Identifier: MIT */
/*
 * cache.c: tests of alloc/cache: quick lists, medium blocks and sizes, what a
 * fork cut short, blocks freed by others, the budget.
 */
#include "blocks.h"

/* -------------------------------------------------------------- quick lists */

START_TEST(quick_list_is_last_in_first_out) {
  blocks_begin();
  char *a = blocks_allocate(48), *b = blocks_allocate(48);
  char *wall = blocks_allocate(16);
  memset(a, 1, 48);
  blocks_release(a);
  blocks_release(b);
  ck_assert(!blocks_is_allocated(a) && !blocks_is_allocated(b));
  ck_assert_ptr_eq(blocks_allocate(33), b);
  ck_assert_ptr_eq(blocks_allocate(48), a);
  ck_assert(test_is_zero(a, 48));
  ck_assert_uint_eq(test_usable(b), 48);
  ck_assert(blocks_is_allocated(wall));
  ck_assert(test_prove());
}
END_TEST

START_TEST(scribbling_over_a_quick_block_is_found_out) {
  blocks_begin();
  char *a = blocks_allocate(48), *b = blocks_allocate(48);
  blocks_allocate(16);
  blocks_release(a);
  blocks_release(b);
  *(uint64_t *)b ^= 0x1234567890abcdefu;
  ck_assert_ptr_nonnull(blocks_allocate(48)); /* from elsewhere */
  ck_assert_int_eq(blocks.corruptions, 1);
  ck_assert_ptr_nonnull(blocks_allocate(48));
  ck_assert_int_eq(blocks.corruptions, 1); /* the list is not followed again */
}
END_TEST

/* So is what leaves the link alone. */
START_TEST(scribbling_behind_the_link_is_found_out) {
  blocks_begin();
  char *a = blocks_allocate(48), *b = blocks_allocate(48);
  blocks_allocate(16);
  blocks_release(a);
  blocks_release(b);
  memset(b + sizeof(void *), 0, sizeof(void *));
  ck_assert_ptr_nonnull(blocks_allocate(48));
  ck_assert_int_eq(blocks.corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* A medium block among the small ones, when medium blocks have arenas of their
   own by now. */
START_TEST(scribbling_over_a_medium_block_is_found_out) {
  blocks_begin();
  char *a = blocks_allocate(GL_MEDIUM_MAX_BYTES / 2);
  blocks_allocate(16);
  blocks_release(a);
  ck_assert_uint_eq(test_usable(blocks_allocate(BLOCK)), BLOCK);
  *(uint64_t *)a ^= 0x1234567890abcdefu;
  for (size_t left = 16 * GL_ARENA_BYTES; left > 0; left -= BLOCK)
    blocks_allocate(BLOCK);
  ck_assert_int_eq(blocks.corruptions, 0);
  /* From elsewhere. */
  ck_assert_ptr_nonnull(blocks_allocate(GL_MEDIUM_MAX_BYTES / 2));
  ck_assert_int_eq(blocks.corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------ medium blocks */

START_TEST(medium_blocks_of_all_sizes) {
  blocks_begin();
  for (size_t size = 1025; size <= GL_MEDIUM_MAX_BYTES; size += size / 16) {
    char *p = blocks_allocate(size);
    ck_assert_uint_ge(test_usable(p), size);
    ck_assert_uint_le(test_usable(p), size + size / 8 + GL_GRANULE_BYTES);
    ck_assert(test_is_zero(p, test_usable(p)));
    ck_assert_int_ne(gl_heap.slots[gl_arena_index(gl_arena_of(p))],
                     GL_SLOT_RUNS);
    memset(p, 0x44, test_usable(p));
    if (test_one_in(2)) blocks_release(p);
  }
  ck_assert(test_accounts_balance(blocks.cache));
  ck_assert(test_prove());
}
END_TEST

START_TEST(medium_blocks_leave_the_hole_open) {
  blocks_begin();
  char *a = blocks_allocate(16);
  for (size_t left = 2 * GL_ARENA_BYTES; left > 0; left -= GL_MEDIUM_MAX_BYTES)
    blocks_allocate(GL_MEDIUM_MAX_BYTES);
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  ck_assert_ptr_nonnull(lane->hole.cur);
  char *b = blocks_allocate(16);
  ck_assert_ptr_eq(gl_arena_of(a), gl_arena_of(b));
}
END_TEST

/* -------------------------------------------------------------------- sizes */

/* Nothing is set up, and no size may fall over that. */
START_TEST(no_size_matters_before_set_up) {
  for (size_t size = 0; size <= 2 * GL_MEDIUM_MAX_BYTES; size++) {
    ck_assert_ptr_null(gl_cache_allocate(&gl_cache_none, size, GL_SCANNED));
    ck_assert_ptr_null(gl_cache_allocate(&gl_cache_none, size, GL_ATOMIC));
  }
  ck_assert_uint_eq(gl_cache_none.busy, 0);
}
END_TEST

/* gc_free has two ways to find out how long a block is. */
START_TEST(both_ways_to_a_size_agree) {
  blocks_begin();
  enum { COUNT = 4000 };
  static char *p[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    p[i] = blocks_allocate(1 + test_below(i % 2 == 0 ? 200 : 1500));
  for (size_t i = 0; i < COUNT; i++) {
    size_t granule = gl_granule_of(p[i]);
    const struct gl_tags *line = gl_tags_at((uintptr_t)p[i]);
    size_t granules = gl_cache_tagged_size(granule);
    ck_assert_uint_eq(granules << GL_GRANULE_SHIFT, test_usable(p[i]));
    if (granules > GL_EXACT_CLASSES) granules = 0;
    ck_assert_uint_eq(gl_cache_size_in_one(blocks.cache, line, granule),
                      granules);
    ck_assert_uint_eq(gl_cache_size_in_two(line, granule), granules);
  }
}
END_TEST

START_TEST(classes_are_in_order) {
  size_t before = 0;
  unsigned class_before = 0;
  for (size_t granules = 1; granules <= GL_MEDIUM_MAX_GRANULES; granules++) {
    struct gl_class class = gl_class_for(granules);
    struct gl_class again = gl_class_for(class.granules);
    ck_assert_uint_ge(class.granules, granules);
    ck_assert_uint_le(class.granules, granules + granules / 8);
    ck_assert_uint_lt(class.index, GL_CLASSES);
    ck_assert_uint_eq(again.index, class.index);
    ck_assert_uint_eq(again.granules, class.granules);
    ck_assert_uint_eq(class.index, class.granules == before ? class_before
                                                            : class_before + 1);
    before = class.granules;
    class_before = class.index;
  }
}
END_TEST

/* What is quickly found is what is found. */
START_TEST(own_blocks_are_found_as_any) {
  blocks_begin();
  struct gl_block own, any;
  for (int i = 0; i < 3000; i++) {
    char *p =
        blocks_allocate(test_one_in(8) ? test_below(40000) : test_below(1200));
    bool large = test_usable(p) > GL_MEDIUM_MAX_BYTES;
    ck_assert_int_eq(gl_cache_find_own(blocks.cache, p, &own), !large);
    ck_assert_int_eq(gl_heap_find_exact(p, &any), GL_FAULT_NONE);
    if (!large)
      ck_assert(own.start == any.start && own.size == any.size &&
                own.kind == any.kind && !own.large);
    ck_assert(!gl_cache_find_own(blocks.other, p, &own));
    ck_assert(!gl_cache_find_own(blocks.cache, p + 8, &own));
    if (!test_one_in(3)) continue;
    blocks_release(p);
    ck_assert(!gl_cache_find_own(blocks.cache, p, &own));
  }
  ck_assert(!gl_cache_find_own(blocks.cache, NULL, &own));
  ck_assert(!gl_cache_find_own(blocks.cache, &own, &own));
}
END_TEST

/* Of random sizes a cache becomes wide, of one size it does not. */
START_TEST(random_sizes_make_a_cache_wide) {
  blocks_begin();
  for (int random = 0; random < 2; random++) {
    for (size_t i = 0; i < 20 * BLOCKS; i++) {
      char **slot = &blocks.at[test_below(2 * BLOCKS)];
      if (*slot != NULL) blocks_release(*slot);
      *slot = blocks_allocate(random ? 16 + test_below(984) : 64);
    }
    ck_assert_int_eq(blocks.cache->wide != 0, random);
  }
}
END_TEST

/* ------------------------------------------------------ cut short by a fork */

/* Where a fast path may have been when the process was forked: between any two
   of its stores. */
static void cut_bump_short(void) {
  struct gl_hole *hole = &blocks.cache->lane[GL_SCANNED].hole;
  ck_assert_uint_ge((size_t)(hole->cur - hole->limit), 48);
  gl_tags_set_block(gl_heap.tags, gl_granule_of(hole->cur - 48));
}

static void cut_unbump_short(void) {
  const struct gl_hole *hole = &blocks.cache->lane[GL_SCANNED].hole;
  gl_tags_clear(gl_heap.tags, gl_granule_of(hole->cur));
}

static void cut_push_short(void) {
  gl_tags_set_free(gl_heap.tags, gl_granule_of(blocks.at[0]));
}

static void cut_push_shorter(void) {
  size_t granule = gl_granule_of(blocks.at[1]);
  gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
}

static void cut_pop_short(void) {
  struct gl_lane *lane = &blocks.cache->lane[GL_SCANNED];
  blocks_release(blocks.at[2]);
  ck_assert_ptr_eq(lane->quick[BLOCK / GL_GRANULE_BYTES], blocks.at[2]);
  lane->quick[BLOCK / GL_GRANULE_BYTES] = NULL;
}

static void cut_pop_later(void) {
  blocks_release(blocks.at[3]);
  gl_tags_set_block(gl_heap.tags, gl_granule_of(blocks.at[3]));
}

static void (*const cut[])(void) = {cut_bump_short, cut_unbump_short,
                                    cut_push_short, cut_push_shorter,
                                    cut_pop_short,  cut_pop_later};

START_TEST(torn_cache_is_mended) {
  blocks_begin();
  blocks_fill(1);
  for (int i = 0; i < 20; i++) blocks_allocate(64);
  cut[_i]();
  blocks.cache->torn = true;
  gl_cache_mend(blocks.cache);
  ck_assert(test_prove());
  for (size_t size = 16; size <= 2048; size += 16) {
    char *p = blocks_allocate(size);
    memset(p, 0x5a, size);
    ck_assert_uint_ge(test_usable(p), size);
    if (size % 3 == 0) blocks_release(p);
  }
  for (size_t i = 10; i < BLOCKS; i++) blocks_release(blocks.at[i]);
  ck_assert(test_prove());
  ck_assert_int_eq(blocks.corruptions, 0);
}
END_TEST

/* --------------------------------------------------------- inbox and outbox */

START_TEST(frees_by_another_come_home) {
  blocks_begin();
  for (size_t i = 0; i < 100; i++) blocks.at[i] = blocks_allocate(64);
  for (size_t i = 0; i < 100; i++)
    ck_assert_int_eq(test_free(blocks.other, blocks.at[i]), GL_FAULT_NONE);
  ck_assert_uint_eq(blocks.other->outbox.count, 100 - 64);
  ck_assert(gl_cache_has_mail(blocks.cache));
  gl_cache_flush_outbox(blocks.other);
  ck_assert_uint_eq(blocks.other->outbox.count, 0);
  gl_cache_drain_inbox(blocks.cache);
  ck_assert(!gl_cache_has_mail(blocks.cache));
  for (size_t i = 0; i < 100; i++)
    ck_assert(!blocks_is_allocated(blocks.at[i]));
  ck_assert_uint_eq(test_freed_bytes(blocks.cache), 100 * 64);
  for (size_t i = 0; i < 100; i++) {
    char *p = blocks_allocate(64);
    ck_assert(p <= blocks.at[0] && p >= blocks.at[99]);
    ck_assert(test_is_zero(p, 64));
  }
  ck_assert(test_prove());
}
END_TEST

START_TEST(second_free_by_another_is_told) {
  blocks_begin();
  char *p = blocks_allocate(64);
  struct gl_cache *third = test_cache();
  ck_assert_int_eq(gl_heap_free(blocks.other, p), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(blocks.other, p), GL_FAULT_TWICE);
  ck_assert_int_eq(gl_heap_free(third, p), GL_FAULT_TWICE);
  gl_cache_flush_outbox(blocks.other);
  ck_assert_int_eq(gl_heap_free(third, p), GL_FAULT_TWICE);
}
END_TEST

/* The owner frees what another has sent already: told as it arrives. */
START_TEST(free_by_another_then_by_the_owner_is_told) {
  blocks_begin();
  char *a = blocks_allocate(64), *b = blocks_allocate(64);
  blocks_allocate(64);
  ck_assert_int_eq(gl_heap_free(blocks.other, a), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(blocks.other, b), GL_FAULT_NONE);
  gl_cache_flush_outbox(blocks.other);
  blocks_release(b);
  gl_cache_drain_inbox(blocks.cache);
  ck_assert_int_eq(blocks.corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* A block that was on its way when a collection came has a second life, and
   may be freed by another again: what marked it as sent must be gone. */
START_TEST(sent_block_has_a_second_life) {
  blocks_begin();
  for (size_t i = 0; i < 8; i++) {
    blocks.at[i] = test_allocate(blocks.cache, 64, GL_ATOMIC);
    memset(blocks.at[i], 0x5c, 64);
  }
  ck_assert_int_eq(gl_heap_free(blocks.other, blocks.at[2]), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(blocks.other, blocks.at[3]), GL_FAULT_NONE);
  gl_cache_flush_outbox(blocks.other); /* both ways: inbox, then outbox */
  ck_assert_int_eq(gl_heap_free(blocks.other, blocks.at[5]), GL_FAULT_NONE);
  test_collect(test_keep_all, NULL);
  int again = 0;
  for (size_t i = 0; i < GL_ARENA_BYTES / 64; i++) {
    char *p = test_allocate(blocks.cache, 64, GL_ATOMIC);
    if (p != blocks.at[2] && p != blocks.at[3] && p != blocks.at[5]) continue;
    ck_assert_int_eq(gl_heap_free(blocks.other, p), GL_FAULT_NONE);
    again++;
  }
  ck_assert_int_eq(again, 3);
}
END_TEST

/* A thread that ends sends what it has gathered, and its cache is the next
   thread's, blocks sent to it included. */
START_TEST(cache_survives_its_thread) {
  blocks_begin();
  char *p = blocks_allocate(64);
  char *q = test_allocate(blocks.other, 64, GL_SCANNED);
  ck_assert_int_eq(gl_heap_free(blocks.other, p), GL_FAULT_NONE);
  gl_cache_release(blocks.other);
  ck_assert(gl_cache_has_mail(blocks.cache));
  ck_assert_ptr_eq(gl_self, &gl_cache_none);
  ck_assert_int_eq(gl_heap_free(blocks.cache, q), GL_FAULT_NONE);
  gl_cache_flush_outbox(blocks.cache);
  ck_assert(gl_cache_has_mail(blocks.other));
  ck_assert_ptr_eq(test_cache(), blocks.other);
  gl_cache_drain_inbox(blocks.other);
  ck_assert(!blocks_is_allocated(q));
  ck_assert(test_prove());
}
END_TEST

/* A new thread takes the cache that the block which it frees came from, where
   that has no thread. */
START_TEST(cache_goes_where_its_blocks_are_freed) {
  blocks_begin();
  struct gl_cache *third = test_cache();
  void *p = blocks_allocate(64), *q = test_allocate(third, 64, GL_SCANNED);
  gl_cache_release(third);
  gl_cache_release(blocks.other);
  gl_heap_lock(NULL);
  ck_assert_ptr_eq(gl_cache_acquire(q), third);
  ck_assert_ptr_eq(gl_cache_acquire(p), blocks.other); /* whose own has one */
  gl_heap_unlock();
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------------- budget */

START_TEST(budget_is_spent_and_refilled) {
  enum gl_want want;
  blocks_begin();
  gl_heap.budget_bytes = (int64_t)(4 * GL_ARENA_BYTES);
  size_t allocated = 0;
  while (test_allocate(blocks.cache, 64, GL_SCANNED) != NULL) allocated += 64;
  ck_assert_uint_ge(allocated, 3 * GL_ARENA_BYTES);
  ck_assert_uint_le(allocated, 6 * GL_ARENA_BYTES);
  ck_assert_ptr_null(gl_heap_allocate(blocks.cache, 64, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  ck_assert_ptr_null(
      gl_heap_allocate(blocks.cache, 1 << 20, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  gl_heap.budget_bytes = (int64_t)GL_ARENA_BYTES;
  ck_assert_ptr_nonnull(gl_heap_allocate(blocks.cache, 64, GL_SCANNED, &want));
}
END_TEST

/* Beside free memory in pieces that are too short the heap grows for a large
   block while most of the budget is left, and no more after that. */
START_TEST(large_blocks_rather_collect_than_grow) {
  const size_t large = 1 << 20;
  char *piece[8];
  enum gl_want want;
  blocks_begin();
  for (size_t i = 0; i < 8; i++) {
    piece[i] = blocks_allocate(large);
    memset(piece[i], 1, large);
  }
  for (size_t i = 0; i < 8; i += 2)
    ck_assert_int_eq(gl_heap_free(blocks.cache, piece[i]), GL_FAULT_NONE);
  gl_heap_release_empty();
  gl_heap.budget_bytes = 16 << 20;
  gl_heap.large_thrift_bytes = 12 << 20;
  ck_assert_ptr_nonnull(
      gl_heap_allocate(blocks.cache, 3 * large, GL_SCANNED, &want));
  gl_heap.budget_bytes = 12 << 20;
  ck_assert_ptr_null(
      gl_heap_allocate(blocks.cache, 3 * large, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  ck_assert_ptr_nonnull(
      gl_heap_allocate(blocks.cache, large, GL_SCANNED, &want));
  /* More than there is free in all. */
  ck_assert_ptr_nonnull(
      gl_heap_allocate(blocks.cache, 5 * large, GL_SCANNED, &want));
  gl_heap.large_thrift_bytes = 0;
  ck_assert_ptr_nonnull(
      gl_heap_allocate(blocks.cache, 3 * large, GL_SCANNED, &want));
  ck_assert(test_prove());
}
END_TEST

/* Without a budget, frees of what others allocated must not wrap it. */
START_TEST(no_budget_is_never_spent) {
  blocks_begin();
  for (int i = 0; i < 4; i++) {
    char *p = blocks_allocate(1 << 20);
    ck_assert_int_eq(gl_heap_free(blocks.other, p), GL_FAULT_NONE);
    gl_cache_settle(blocks.other);
    ck_assert_int_gt(gl_heap.budget_bytes, 0);
    ck_assert_ptr_nonnull(test_allocate(blocks.other, 64, GL_SCANNED));
    ck_assert_ptr_nonnull(test_allocate(blocks.other, 1 << 20, GL_SCANNED));
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("cache");
  tcase_add_test(tests, quick_list_is_last_in_first_out);
  tcase_add_test(tests, scribbling_over_a_quick_block_is_found_out);
  tcase_add_test(tests, scribbling_behind_the_link_is_found_out);
  tcase_add_test(tests, scribbling_over_a_medium_block_is_found_out);
  tcase_add_test(tests, medium_blocks_of_all_sizes);
  tcase_add_test(tests, medium_blocks_leave_the_hole_open);
  tcase_add_test(tests, no_size_matters_before_set_up);
  tcase_add_test(tests, both_ways_to_a_size_agree);
  tcase_add_test(tests, classes_are_in_order);
  tcase_add_test(tests, own_blocks_are_found_as_any);
  tcase_add_test(tests, random_sizes_make_a_cache_wide);
  tcase_add_loop_test(tests, torn_cache_is_mended, 0, sizeof cut / sizeof *cut);
  tcase_add_test(tests, frees_by_another_come_home);
  tcase_add_test(tests, second_free_by_another_is_told);
  tcase_add_test(tests, free_by_another_then_by_the_owner_is_told);
  tcase_add_test(tests, sent_block_has_a_second_life);
  tcase_add_test(tests, cache_survives_its_thread);
  tcase_add_test(tests, cache_goes_where_its_blocks_are_freed);
  tcase_add_test(tests, budget_is_spent_and_refilled);
  tcase_add_test(tests, large_blocks_rather_collect_than_grow);
  tcase_add_test(tests, no_budget_is_never_spent);
  return test_end();
}
