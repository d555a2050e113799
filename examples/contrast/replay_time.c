/* SPDX-License-Identifier: MIT */
/*
 * replay_time.c: the replay that measures; see replay.h.  It goes over the
 * trace several times in one heap.  The first pass meets fresh memory and does
 * not count where there are more; the mean of the others does, since a median
 * would leave out the collections where they are rare.  Time is that of the
 * processor, which other programs on the machine disturb least.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "own.h"
#include "replay.h"

/* Passes; a slow subject gets fewer. */
#define TIME_PASSES 8
#define TIME_BUDGET_SECONDS 0.4

struct timing {
  const struct plan *plan;
  const struct subject *subject;
  void **roots;
  void **addresses;
};

static double time_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void **time_place(const struct timing *timing,
                                const struct plan_block *held) {
  if (held->holder == 0) return &timing->roots[held->place];
  return (void **)timing->addresses[held->holder - 1] + held->place;
}

static void time_allocate(struct timing *timing, const struct trace_op *op) {
  const struct plan_block *block = &timing->plan->blocks[op->block];
  void *p = timing->subject->allocate(op->size);
  if (p == NULL) _exit(EXIT_FAILURE);
  memset(p, 0, block->slots * sizeof(void *));
  timing->addresses[op->block] = p;
  *time_place(timing, block) = p;
}

static void time_resize(struct timing *timing, const struct trace_op *op) {
  void *p = timing->subject->resize(timing->addresses[op->block], op->size);
  if (p == NULL) _exit(EXIT_FAILURE);
  timing->addresses[op->block] = p;
  *time_place(timing, &timing->plan->blocks[op->block]) = p;
}

static void time_free(struct timing *timing, uint32_t number) {
  const struct plan_block *block = &timing->plan->blocks[number];
  void *p = timing->addresses[number];
  *time_place(timing, block) = NULL;
  timing->addresses[number] = NULL;
  if (replay_frees(timing->subject->way, block)) timing->subject->release(p);
}

static double time_pass(struct timing *timing) {
  const struct trace *trace = timing->plan->trace;
  double start = time_now();
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->kind == FORMAT_ALLOCATE)
      time_allocate(timing, op);
    else if (op->kind == FORMAT_FREE)
      time_free(timing, op->block);
    else
      time_resize(timing, op);
  }
  return time_now() - start;
}

/* What the program left: those that are held before their holders, which are
   older. */
static void time_clean(struct timing *timing) {
  for (uint32_t i = timing->plan->trace->block_count; i-- > 0;)
    if (timing->addresses[i] != NULL) time_free(timing, i);
}

void replay_time(const struct plan *plan, struct replay_result *result) {
  size_t count = plan->trace->block_count;
  struct timing timing = {
      .plan = plan,
      .subject = result->subject,
      .roots = own_allocate(plan->root_count * sizeof(void *)),
      .addresses = own_allocate(count * sizeof(void *))};
  double first = 0.0, spent = 0.0;
  size_t n = 0;
  if (timing.subject->add_roots != NULL &&
      !timing.subject->add_roots(timing.roots, timing.roots + plan->root_count))
    _exit(EXIT_FAILURE);
  for (; n < TIME_PASSES && spent < TIME_BUDGET_SECONDS; n++) {
    spent += time_pass(&timing);
    if (n == 0) first = spent;
    time_clean(&timing);
  }
  result->seconds = n > 1 ? (spent - first) / (double)(n - 1) : first;
  result->timed = true;
}
