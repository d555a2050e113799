/* SPDX-License-Identifier: MIT */
/*
 * trial.c: which of two ways to do a thing costs less, found by doing.
 *
 * The better one is taken, and now and then the other, to see whether that is
 * true still: more rarely each time that it is, so a bad one costs little.
 */
#include "mark.h"

bool gl_trial_choose(const struct gl_trial *trial) {
  gl_assert(trial->interval >= GL_TRIAL_INTERVAL_MIN &&
            trial->interval <= GL_TRIAL_INTERVAL_MAX);
  gl_assert(trial->left <= trial->interval);
  return trial->left > 0 ? trial->better : !trial->better;
}

static void trial_end(struct gl_trial *trial) {
  gl_assert(trial->left == 0);
  if (trial->cost[!trial->better] < trial->cost[trial->better]) {
    trial->better = !trial->better;
    trial->interval = GL_TRIAL_INTERVAL_MIN;
  } else if (trial->interval < GL_TRIAL_INTERVAL_MAX) {
    trial->interval *= 2;
  }
  trial->left = trial->interval;
}

void gl_trial_note(struct gl_trial *trial, double cost) {
  double *known = &trial->cost[gl_trial_choose(trial)];
  gl_assert(cost >= 0 && *known >= 0);
  if (trial->left == 0) {
    *known = cost;
    trial_end(trial);
  } else {
    *known = *known == 0 ? cost : (*known + cost) / 2;
    trial->left--;
  }
}
