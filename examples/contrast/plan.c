/* SPDX-License-Identifier: MIT */
/*
 * plan.c: the deaths and the pointers of a trace, see plan.h.
 */
#include "plan.h"

#include <string.h>

#include "own.h"

/* How many of the youngest blocks are looked at for a holder. */
#define PLAN_CANDIDATES 32

/* What a programmer frees by hand without a thought, in mixed mode: what dies
   within so many allocations, and large buffers. */
#define PLAN_TEMPORARY_ALLOCATIONS 16
#define PLAN_LARGE_BYTES 1024

/* What is known only while the plan is made. */
struct plan_work {
  uint8_t *used;      /* for each block, a bit for each slot in use */
  uint64_t *sizes;    /* now; for frees and resizes */
  uint32_t *born;     /* allocations before a block's */
  uint32_t *roots;    /* free ones */
  uint32_t root_free; /* how many */
  uint32_t candidates[PLAN_CANDIDATES]; /* block + 1; a ring */
  uint32_t next;
};

/* A block has slots for half of what it is at its smallest. */
static void plan_slots(struct plan *plan) {
  const struct trace *trace = plan->trace;
  uint64_t *least = own_allocate(trace->block_count * sizeof *least);
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->kind == FORMAT_ALLOCATE) least[op->block] = op->size;
    if (op->kind == FORMAT_RESIZE && op->size < least[op->block])
      least[op->block] = op->size;
  }
  for (size_t i = 0; i < trace->block_count; i++) {
    uint64_t slots = least[i] / (2 * sizeof(void *));
    plan->blocks[i].slots =
        (uint8_t)(slots > PLAN_MAX_SLOTS ? PLAN_MAX_SLOTS : slots);
  }
  own_free(least, trace->block_count * sizeof *least);
}

/* The youngest block that may hold this one: true, and it does. */
static bool plan_try_holder(struct plan *plan, struct plan_work *work,
                            uint32_t block) {
  struct plan_block *held = &plan->blocks[block];
  for (uint32_t n = 1; n <= PLAN_CANDIDATES; n++) {
    uint32_t holder = work->candidates[(work->next - n) % PLAN_CANDIDATES];
    if (holder == 0) return false;
    const struct plan_block *candidate = &plan->blocks[holder - 1];
    unsigned all = (1u << candidate->slots) - 1;
    if (candidate->death < held->death) continue;
    if ((work->used[holder - 1] & all) == all) continue;
    held->holder = holder;
    held->place = (uint32_t)__builtin_ctz(~(unsigned)work->used[holder - 1]);
    work->used[holder - 1] |= (uint8_t)(1u << held->place);
    return true;
  }
  return false;
}

static void plan_hold(struct plan *plan, struct plan_work *work,
                      uint32_t block) {
  if (!plan_try_holder(plan, work, block))
    plan->blocks[block].place = work->root_free > 0
                                    ? work->roots[--work->root_free]
                                    : plan->root_count++;
  if (plan->blocks[block].slots > 0)
    work->candidates[work->next++ % PLAN_CANDIDATES] = block + 1;
}

static void plan_drop(struct plan *plan, struct plan_work *work,
                      uint32_t block) {
  const struct plan_block *held = &plan->blocks[block];
  if (held->holder != 0)
    work->used[held->holder - 1] &= (uint8_t) ~(1u << held->place);
  else
    work->roots[work->root_free++] = held->place;
}

static void plan_walk(struct plan *plan, struct plan_work *work) {
  const struct trace *trace = plan->trace;
  size_t payload = 0;
  uint32_t allocations = 0;
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    payload += op->size - work->sizes[op->block];
    if (op->size > work->sizes[op->block])
      plan->allocated_bytes += op->size - work->sizes[op->block];
    work->sizes[op->block] = op->size;
    if (op->size >= PLAN_LARGE_BYTES) plan->blocks[op->block].temporary = 1;
    if (op->kind == FORMAT_ALLOCATE) {
      work->born[op->block] = allocations++;
      plan_hold(plan, work, op->block);
    } else if (op->kind == FORMAT_FREE) {
      plan_drop(plan, work, op->block);
      if (allocations - work->born[op->block] <= PLAN_TEMPORARY_ALLOCATIONS)
        plan->blocks[op->block].temporary = 1;
    }
    if (payload > plan->peak_payload) {
      plan->peak_payload = payload;
      plan->peak_op = i;
    }
  }
  plan->final_payload = payload;
}

void plan_init(struct plan *plan, const struct trace *trace) {
  size_t count = trace->block_count;
  struct plan_work work;
  memset(plan, 0, sizeof *plan);
  memset(&work, 0, sizeof work);
  plan->trace = trace;
  plan->blocks = own_allocate(count * sizeof *plan->blocks);
  uint32_t *deaths = trace_deaths(trace);
  for (size_t i = 0; i < count; i++) plan->blocks[i].death = deaths[i];
  own_free(deaths, count * sizeof *deaths);
  plan_slots(plan);
  work.used = own_allocate(count);
  work.sizes = own_allocate(count * sizeof *work.sizes);
  work.born = own_allocate(count * sizeof *work.born);
  work.roots = own_allocate(count * sizeof *work.roots);
  plan_walk(plan, &work);
  own_free(work.used, count);
  own_free(work.sizes, count * sizeof *work.sizes);
  own_free(work.born, count * sizeof *work.born);
  own_free(work.roots, count * sizeof *work.roots);
}

void plan_finish(struct plan *plan) {
  own_free(plan->blocks, plan->trace->block_count * sizeof *plan->blocks);
  memset(plan, 0, sizeof *plan);
}
