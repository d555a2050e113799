/* SPDX-License-Identifier: MIT */
/*
 * plan.h: what a replay has to know of a trace in advance: when each block
 * dies, and which pointers there are.
 *
 * A trace does not say who points to whom.  The plan makes a graph which fits
 * it: a block is held either by a root or by one older block which lives at
 * least as long; so every block can be reached from its birth to its death,
 * and no longer.  Holders are recent, as they are in programs, which gives
 * short lists, trees, and a few roots.
 *
 *   roots   | 0 | 1 | 2 | ...          block   | slot | slot | fill ...  |
 *             |   +-> block                       |      |
 *             +-> block                           v      +-> NULL
 *                                               block
 *
 * The slots are the first words of a block, at most half of it.
 */
#ifndef CONTRAST_PLAN_H
#define CONTRAST_PLAN_H

#include "trace.h"

#define PLAN_MAX_SLOTS 8

struct plan_block {
  uint32_t death;    /* operation that frees it; op_count where none does */
  uint32_t holder;   /* block + 1, or 0 for a root */
  uint32_t place;    /* number of the slot or of the root */
  uint8_t slots;     /* words of it that may hold others */
  uint8_t temporary; /* dies within a few allocations, or is large */
};

struct plan {
  const struct trace *trace;
  struct plan_block *blocks;
  uint32_t root_count;
  size_t peak_op; /* the operation after which most bytes are live */
  size_t peak_payload;
  size_t final_payload;
  size_t allocated_bytes;
};

void plan_init(struct plan *plan, const struct trace *trace);
void plan_finish(struct plan *plan);

#endif
