/* SPDX-License-Identifier: MIT */
/*
 * trial.c: of two ways the one that costs less is taken, and the other tried
 * now and then.
 */
#include "../../gc/mark.h"
#include "harness.h"

#define TIMES 10000

/* Go a number of times, at these costs; returns how often the second way was
   taken. */
static size_t go(struct gl_trial *trial, size_t times, double first,
                 double second) {
  size_t count = 0;
  for (size_t i = 0; i < times; i++) {
    bool way = gl_trial_choose(trial);
    gl_trial_note(trial, way ? second : first);
    count += way;
  }
  return count;
}

START_TEST(begins_with_the_given_way) {
  struct gl_trial trial = GL_TRIAL_OF(_i != 0);
  ck_assert(gl_trial_choose(&trial) == (_i != 0));
}
END_TEST

/* Found after the first interval; from then on the other costs one time in
   sixty-five. */
START_TEST(the_better_way_is_found_and_kept) {
  struct gl_trial trial = GL_TRIAL_OF(true);
  size_t seconds = go(&trial, TIMES, 1, 3);
  ck_assert_uint_ge(seconds, GL_TRIAL_INTERVAL_MIN);
  ck_assert_uint_le(seconds, TIMES / GL_TRIAL_INTERVAL_MAX + 10);
}
END_TEST

START_TEST(a_good_way_is_not_left) {
  struct gl_trial trial = GL_TRIAL_OF(true);
  size_t firsts = TIMES - go(&trial, TIMES, 3, 1);
  ck_assert_uint_ge(firsts, TIMES / (GL_TRIAL_INTERVAL_MAX + 1) - 1);
  ck_assert_uint_le(firsts, TIMES / GL_TRIAL_INTERVAL_MAX + 10);
}
END_TEST

/* When the costs change so that the other is better, that is seen at its next
   trial. */
START_TEST(a_change_is_seen) {
  struct gl_trial trial = GL_TRIAL_OF(true);
  go(&trial, TIMES, 3, 1);
  go(&trial, 2 * GL_TRIAL_INTERVAL_MAX, 1, 3);
  ck_assert(!trial.better);
  go(&trial, 2 * GL_TRIAL_INTERVAL_MAX, 3, 1);
  ck_assert(trial.better);
}
END_TEST

/* One time that took long, for reasons of its own, is made good soon. */
START_TEST(an_accident_is_forgotten) {
  struct gl_trial trial = GL_TRIAL_OF(true);
  go(&trial, TIMES, 2, 1);
  for (size_t i = 0; trial.better && i <= GL_TRIAL_INTERVAL_MAX; i++) {
    bool way = gl_trial_choose(&trial);
    gl_trial_note(&trial, way ? 1000 : 2);
  }
  ck_assert(!trial.better);
  go(&trial, GL_TRIAL_INTERVAL_MIN + 1, 2, 1);
  ck_assert(trial.better);
}
END_TEST

/* Nothing is known of the other: any cost will do until it was tried. */
START_TEST(free_is_a_cost) {
  struct gl_trial trial = GL_TRIAL_OF(true);
  go(&trial, TIMES, 0, 0);
  ck_assert(trial.better);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("trial");
  tcase_add_loop_test(tests, begins_with_the_given_way, 0, 2);
  tcase_add_test(tests, the_better_way_is_found_and_kept);
  tcase_add_test(tests, a_good_way_is_not_left);
  tcase_add_test(tests, a_change_is_seen);
  tcase_add_test(tests, an_accident_is_forgotten);
  tcase_add_test(tests, free_is_a_cost);
  return test_end();
}
