/* SPDX-License-Identifier: MIT */
/*
 * replay.h: run a trace on a subject and say what was seen.  Each replay is a
 * process of its own, so that heaps start empty, a subject that crashes or
 * hangs harms nobody, and the collector's roots are the replay's only.
 *
 * There are two of each.  The first checks: it fills every block and looks at
 * the bytes again before a resize or a free, follows the heap operation by
 * operation, and draws its map.  The second measures time and does nothing
 * else: it writes a block's first word and its pointers.
 */
#ifndef CONTRAST_REPLAY_H
#define CONTRAST_REPLAY_H

#include "plan.h"
#include "subject.h"

#define REPLAY_SAMPLES 300
#define REPLAY_PAUSES 2000
#define REPLAY_MAP_COLUMNS 64
#define REPLAY_MAP_ROWS 40
#define REPLAY_MAP_CELLS (REPLAY_MAP_COLUMNS * REPLAY_MAP_ROWS)

/* The heap at some operation.  Equation: heap = payload + waste + dead + free.
   Waste is what live blocks take beyond their payload; dead is what nobody
   reaches and nobody has freed yet. */
struct replay_moment {
  uint64_t payload, waste, dead, heap;
};

/* One cell of a heap map: shares of its bytes, 255 is all. */
struct replay_cell {
  uint8_t payload, waste, dead;
};

struct replay_map {
  struct replay_moment moment;
  uint64_t cell_bytes;
  struct replay_cell cells[REPLAY_MAP_CELLS]; /* in order of address */
};

struct replay_sample {
  uint64_t payload, heap;
};

struct replay_result {
  char trace[64];
  const struct subject *subject;
  bool over_mmap;
  bool done;       /* the checking replay has come to its end */
  bool timed;      /* and the measuring one */
  char fault[160]; /* what went wrong, or "" */
  uint64_t ops;
  double seconds; /* of the processor, for one pass */
  uint64_t peak_payload, peak_heap;
  struct subject_counts counts;
  struct replay_moment at_peak;
  /* Blocks that the collector has found dead: how many, and how many bytes
     were allocated between a death and its finding, in all. */
  uint64_t found_dead, never_found;
  double stay_bytes;
  struct replay_sample samples[REPLAY_SAMPLES];
  uint64_t pauses_ns[REPLAY_PAUSES];
  uint64_t pause_count; /* may be more than there is room for */
  struct replay_map map_peak, map_end;
};

/* Run both replays of a plan on a subject.  The result, to be freed with
   own_free, is shared memory. */
struct replay_result *replay_run(const struct plan *plan,
                                 const struct subject *subject, bool over_mmap);

/* Peak payload over peak heap; 0 where there is no result. */
double replay_utilization(const struct replay_result *result);

/* For replay_check.c and replay_time.c: run in a process of their own. */
void replay_check(const struct plan *plan, struct replay_result *result);
void replay_time(const struct plan *plan, struct replay_result *result);

/* For replay_map.c: draw the heap.  Live blocks are told one by one. */
struct replay_live {
  const void *const *addresses; /* by block; NULL where it is not live */
  const uint64_t *sizes;
  size_t count;
};
void replay_draw(const struct subject *subject, const struct replay_live *live,
                 struct replay_map *map);

/* Does a program free this block, or only drop the pointer? */
static inline bool replay_frees(enum subject_way way,
                                const struct plan_block *block) {
  if (way == SUBJECT_MIXED) return block->temporary != 0;
  return way == SUBJECT_EXPLICIT;
}

#endif
