/* SPDX-License-Identifier: MIT */
/* bins.c: tests of alloc/bins: best fit, removal from the middle, and what a
   program that writes to freed memory is told. */
#include "harness.h"

#define RUNS 60

static struct gl_cache *cache;
static struct gl_lane *lane;
static size_t first;
static const char *corruption;
static int corruptions;

static void note_corruption(const void *address, const char *fault) {
  (void)address;
  corruption = fault;
  corruptions++;
}

/* An arena that the test cuts up itself: block, run, block, run... */
static void bins_begin(void) {
  cache = test_heap();
  lane = &cache->lane[GL_ATOMIC];
  gl_heap_lock(NULL);
  struct gl_arena *arena = gl_arena_create(cache, lane);
  gl_heap_unlock();
  first = gl_arena_first_granule(arena);
  gl_heap.on_corruption = note_corruption;
  corruptions = 0;
}

static size_t put(size_t offset, size_t granules) {
  size_t granule = first + offset;
  gl_tags_set_free(gl_heap.tags, granule);
  gl_tags_set_block(gl_heap.tags, granule + granules);
  gl_bins_insert(lane, granule, granules);
  return granule;
}

struct run {
  size_t granule, granules; /* 0: taken */
};

/* Where there is an exact fit or a run in a larger bin, one is found; it is
   the smallest, or one whose bin holds no smaller that was looked at. */
static void take_one(struct run *run, size_t wanted) {
  size_t length = 0, best = SIZE_MAX;
  for (int i = 0; i < RUNS; i++)
    if (run[i].granules >= wanted && run[i].granules < best)
      best = run[i].granules;
  size_t granule = gl_bins_take(lane, wanted, &length);
  if (granule == 0) {
    ck_assert(best == SIZE_MAX || best <= wanted + wanted / 4);
    return;
  }
  ck_assert_uint_ge(length, best);
  ck_assert_uint_le(length, best + best / 4 + wanted / 2);
  ck_assert(gl_tags_is_free(gl_heap.tags, granule));
  int i = 0;
  while (run[i].granule != granule || run[i].granules == 0) i++;
  ck_assert_uint_eq(run[i].granules, length);
  run[i].granules = 0;
}

START_TEST(take_and_remove_at_random) {
  bins_begin();
  for (int round = 0; round < 300; round++) {
    struct run run[RUNS];
    size_t offset = 0;
    gl_tags_clear_lines(gl_heap.tags, first / 64, GL_ARENA_LINES);
    for (int i = 0; i < RUNS; i++) {
      size_t granules = GL_BIN_MIN_GRANULES + test_below(24);
      run[i] = (struct run){put(offset, granules), granules};
      offset += granules + 1;
    }
    ck_assert(gl_bins_check(lane));
    for (int step = 0; step < 40; step++) {
      int i = (int)test_below(RUNS);
      if (test_one_in(2)) {
        take_one(run, 1 + test_below(34));
      } else {
        ck_assert_uint_eq(gl_bins_remove(lane, run[i].granule),
                          run[i].granules);
        run[i].granules = 0;
      }
      ck_assert(gl_bins_check(lane));
    }
    gl_bins_reset(lane);
    ck_assert_uint_eq(lane->nonempty, 0);
    for (int i = 0; i < RUNS; i++)
      ck_assert_uint_eq(gl_bins_remove(lane, run[i].granule), 0);
  }
  ck_assert_int_eq(corruptions, 0);
}
END_TEST

START_TEST(every_length_is_found_again) {
  bins_begin();
  size_t length = 0;
  for (size_t granules = GL_BIN_MIN_GRANULES; granules < GL_ARENA_GRANULES - 1;
       granules++) {
    size_t granule = put(0, granules);
    ck_assert_uint_eq(gl_bins_take(lane, granules, &length), granule);
    ck_assert_uint_eq(length, granules);
    put(0, granules);
    ck_assert_uint_eq(gl_bins_take(lane, granules + 1, &length), 0);
    ck_assert_uint_eq(gl_bins_take(lane, 1, &length), granule);
    gl_tags_clear(gl_heap.tags, first + granules);
  }
}
END_TEST

START_TEST(the_best_of_a_bin_is_taken) {
  bins_begin();
  size_t length = 0;
  put(0, 13);
  size_t exact = put(100, 12);
  put(200, 13);
  ck_assert_uint_eq(gl_bins_take(lane, 12, &length), exact);
  ck_assert_uint_eq(length, 12);
}
END_TEST

/* A tiny run, a run that was never in a bin, and a run of a past epoch. */
START_TEST(remove_knows_what_is_in_no_bin) {
  bins_begin();
  size_t one = first, many = first + 1, old = first + 100;
  gl_tags_set_free(gl_heap.tags, one);
  gl_tags_set_free(gl_heap.tags, many);
  memset(gl_granule_address(many), 0, 64);
  gl_tags_set_block(gl_heap.tags, first + 50);
  put(100, 20);
  gl_bins_reset(lane);
  ck_assert_uint_eq(gl_bins_remove(lane, one), 0);
  ck_assert_uint_eq(gl_bins_remove(lane, many), 0);
  ck_assert_uint_eq(gl_bins_remove(lane, old), 0);
  size_t last = gl_heap.extent_granules - 1; /* there are no tags behind it */
  gl_tags_set_free(gl_heap.tags, last);
  ck_assert_uint_eq(gl_bins_remove(lane, last), 0);
  ck_assert_int_eq(corruptions, 0);
}
END_TEST

/* Any of the three words changed, by anything: told, and never followed.  A
   wrong prev is told where it would be followed, on removal. */
START_TEST(scribbling_is_found_out) {
  bins_begin();
  for (size_t word = 0; word < 3; word++) {
    for (int round = 0; round < 50; round++) {
      size_t length = 0;
      put(0, 16);
      size_t victim = put(100, 16);
      put(200, 16);
      uint64_t *words = gl_granule_address(victim);
      words[word] ^= test_random() | 1;
      corruptions = 0;
      if (word == 1) gl_bins_remove(lane, victim);
      while (gl_bins_take(lane, 16, &length) != 0)
        ck_assert_uint_eq(length, 16);
      ck_assert_int_gt(corruptions, 0);
      ck_assert_str_eq(corruption, "free memory was written to");
      gl_bins_reset(lane);
    }
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("bins");
  tcase_add_test(tests, take_and_remove_at_random);
  tcase_add_test(tests, every_length_is_found_again);
  tcase_add_test(tests, the_best_of_a_bin_is_taken);
  tcase_add_test(tests, remove_knows_what_is_in_no_bin);
  tcase_add_test(tests, scribbling_is_found_out);
  return test_end();
}
