/* SPDX-License-Identifier: MIT */
/*
 * replay_check.c: the replay that looks at everything; see replay.h.  Every
 * block is filled with a byte of its own and its slots with the blocks that it
 * holds, and both are verified.  A subject that loses or mixes up memory is
 * caught here, and so is a collector that frees too much.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "own.h"
#include "replay.h"

/* A pointer that was dropped, and when: bytes allocated by then. */
struct check_dropped {
  const void *block;
  uint64_t clock;
};

struct check {
  const struct plan *plan;
  const struct subject *subject;
  struct replay_result *result;
  void **roots;     /* of these the collector knows */
  void **addresses; /* by block: of these it does not */
  uint64_t *sizes;  /* of live blocks */
  uint64_t payload;
  uint64_t clock; /* bytes allocated so far */
  struct check_dropped *dropped;
  size_t dropped_count;
  uint64_t collections; /* seen so far */
};

static void check_fail(struct check *check, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

static void check_fail(struct check *check, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(check->result->fault, sizeof check->result->fault, format,
            arguments);
  va_end(arguments);
  _exit(EXIT_FAILURE);
}

/* The word which holds a block: a root, or a slot of another block. */
static void **check_place(const struct check *check, uint32_t block) {
  const struct plan_block *held = &check->plan->blocks[block];
  if (held->holder == 0) return &check->roots[held->place];
  return (void **)check->addresses[held->holder - 1] + held->place;
}

static uint8_t check_byte(uint32_t block) { return (uint8_t)(block * 37 + 11); }

static size_t check_slot_bytes(const struct check *check, uint32_t block) {
  return check->plan->blocks[block].slots * sizeof(void *);
}

static void check_fill(const struct check *check, uint32_t block,
                       uint64_t from) {
  uint64_t size = check->sizes[block];
  if (from < size)
    memset((char *)check->addresses[block] + from, check_byte(block),
           size - from);
}

static void check_content(struct check *check, uint32_t block, uint64_t size) {
  const uint8_t *bytes = check->addresses[block];
  uint8_t expected = check_byte(block);
  for (uint64_t i = check_slot_bytes(check, block); i < size; i++)
    if (bytes[i] != expected)
      check_fail(check,
                 "byte %" PRIu64 " of %" PRIu64 " of block %" PRIu32
                 " has changed",
                 i, size, block);
  if (*check_place(check, block) != check->addresses[block])
    check_fail(check, "the pointer to block %" PRIu32 " has changed", block);
}

/* -------------------------------------------------------------- operations */

static void check_allocate(struct check *check, const struct trace_op *op) {
  void *p = check->subject->allocate(op->size);
  if (p == NULL) check_fail(check, "no memory for %" PRIu64, op->size);
  if ((uintptr_t)p % 16 != 0) check_fail(check, "a block is not aligned");
  check->addresses[op->block] = p;
  check->sizes[op->block] = op->size;
  memset(p, 0, check_slot_bytes(check, op->block));
  check_fill(check, op->block, check_slot_bytes(check, op->block));
  *check_place(check, op->block) = p;
  check->payload += op->size;
  check->clock += op->size;
}

static void check_resize(struct check *check, const struct trace_op *op) {
  uint64_t old_size = check->sizes[op->block];
  uint64_t kept = old_size < op->size ? old_size : op->size;
  check_content(check, op->block, old_size);
  void *p = check->subject->resize(check->addresses[op->block], op->size);
  if (p == NULL) check_fail(check, "no memory for %" PRIu64, op->size);
  check->addresses[op->block] = p;
  check->sizes[op->block] = op->size;
  *check_place(check, op->block) = p;
  check_content(check, op->block, kept);
  check_fill(check, op->block, kept);
  check->payload += op->size - old_size;
  if (op->size > old_size) check->clock += op->size - old_size;
}

static void check_free(struct check *check, const struct trace_op *op) {
  void *p = check->addresses[op->block];
  check_content(check, op->block, check->sizes[op->block]);
  *check_place(check, op->block) = NULL;
  check->addresses[op->block] = NULL;
  check->payload -= check->sizes[op->block];
  if (replay_frees(check->subject->way, &check->plan->blocks[op->block]))
    check->subject->release(p);
  else
    check->dropped[check->dropped_count++] =
        (struct check_dropped){p, check->clock};
}

/* ------------------------------------------------------------- observation */

/* After a collection: which of the dropped blocks has it found?  newest is a
   block allocated since, which may have the address of one of them. */
static void check_find_dead(struct check *check, const void *newest) {
  size_t kept = 0;
  for (size_t i = 0; i < check->dropped_count; i++) {
    struct check_dropped dropped = check->dropped[i];
    if (dropped.block != newest && check->subject->is_block(dropped.block)) {
      check->dropped[kept++] = dropped;
      continue;
    }
    check->result->found_dead++;
    check->result->stay_bytes += (double)(check->clock - dropped.clock);
  }
  check->dropped_count = kept;
}

static void check_collections(struct check *check, const void *newest) {
  struct subject_counts counts;
  struct replay_result *result = check->result;
  if (check->subject->is_block == NULL) return;
  check->subject->count(&counts);
  if (counts.collections == check->collections) return;
  check->collections = counts.collections;
  if (result->pause_count < REPLAY_PAUSES)
    result->pauses_ns[result->pause_count] = counts.pause_last_ns;
  result->pause_count++;
  check_find_dead(check, newest);
}

static void check_draw(const struct check *check, struct replay_map *map) {
  struct replay_live live = {(const void *const *)check->addresses,
                             check->sizes, check->plan->trace->block_count};
  replay_draw(check->subject, &live, map);
}

static void check_observe(struct check *check, size_t i) {
  struct replay_result *result = check->result;
  const struct trace_op *op = &check->plan->trace->ops[i];
  check_collections(check, check->addresses[op->block]);
  uint64_t heap = check->subject->heap_bytes();
  if (heap > result->peak_heap) result->peak_heap = heap;
  result->samples[i * REPLAY_SAMPLES / check->plan->trace->op_count] =
      (struct replay_sample){check->payload, heap};
  if (i == check->plan->peak_op) {
    check_draw(check, &result->map_peak);
    result->at_peak = result->map_peak.moment;
  }
}

static void check_sound(struct check *check) {
  const char *fault = check->subject->check();
  if (fault != NULL) check_fail(check, "%s", fault);
}

static void check_operations(struct check *check) {
  const struct trace *trace = check->plan->trace;
  size_t step = trace->op_count / 16 + 1;
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->kind == FORMAT_ALLOCATE)
      check_allocate(check, op);
    else if (op->kind == FORMAT_RESIZE)
      check_resize(check, op);
    else
      check_free(check, op);
    check_observe(check, i);
    if (i % step == 0) check_sound(check);
  }
}

/* Samples between which no operation fell are those before them. */
static void check_complete_samples(struct replay_result *result) {
  for (size_t i = 1; i < REPLAY_SAMPLES && result->ops < REPLAY_SAMPLES; i++)
    if (result->samples[i].heap == 0)
      result->samples[i] = result->samples[i - 1];
}

void replay_check(const struct plan *plan, struct replay_result *result) {
  size_t count = plan->trace->block_count;
  struct check check = {
      .plan = plan,
      .subject = result->subject,
      .result = result,
      .roots = own_allocate(plan->root_count * sizeof(void *)),
      .addresses = own_allocate(count * sizeof(void *)),
      .sizes = own_allocate(count * sizeof(uint64_t)),
      .dropped = own_allocate(count * sizeof(struct check_dropped))};
  if (check.subject->add_roots != NULL &&
      !check.subject->add_roots(check.roots, check.roots + plan->root_count))
    check_fail(&check, "the roots were refused");
  check_operations(&check);
  check_sound(&check);
  check_draw(&check, &result->map_end);
  check.subject->count(&result->counts);
  result->never_found = check.dropped_count;
  check_complete_samples(result);
  result->done = true;
}
