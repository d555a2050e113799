/* SPDX-License-Identifier: MIT */
/*
 * fragment.c: mixed lifetimes, then a different size.  Each phase fills the
 * heap with blocks of one size and keeps every eighth; the next phase, of
 * another size, must do with the gaps.  Survivors live for a few phases.
 *
 * fragment [BYTES [PHASES]]: bytes allocated in each phase.
 */
#include "collector.h"

enum { KEEP_EVERY = 8, KEEP_PHASES = 4 };

static const size_t phase_sizes[] = {32, 144, 48,   1040, 80,  304,
                                     24, 560, 2064, 64,   208, 16};

enum { SIZE_COUNT = sizeof phase_sizes / sizeof *phase_sizes };

/* The survivors of a phase: block i was the (i * KEEP_EVERY)-th of it. */
struct survivors {
  size_t count;
  uint64_t *blocks[];
};

static struct survivors *run_phase(size_t phase, size_t bytes) {
  size_t size = phase_sizes[phase % SIZE_COUNT];
  size_t count = bytes / size;
  size_t kept = (count + KEEP_EVERY - 1) / KEEP_EVERY;
  struct survivors *survivors = (struct survivors *)bench_alloc(
      sizeof *survivors + kept * sizeof *survivors->blocks);
  survivors->count = kept;
  for (size_t i = 0; i < count; i++) {
    uint64_t *block = (uint64_t *)bench_alloc(size);
    block[0] = i ^ phase;
    if (i % KEEP_EVERY == 0) survivors->blocks[i / KEEP_EVERY] = block;
    bench_keep(block);
  }
  return survivors;
}

static uint64_t sum_survivors(const struct survivors *survivors) {
  uint64_t sum = 0;
  if (survivors == NULL) return 0;
  for (size_t i = 0; i < survivors->count; i++)
    sum = bench_mix(sum, survivors->blocks[i][0]);
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)64 << 20);
  size_t phases = bench_argument(argc, argv, 2, 36);
  struct survivors *kept[KEEP_PHASES] = {NULL};
  uint64_t sum = 0;
  bench_begin("fragment");
  for (size_t phase = 0; phase < phases; phase++) {
    struct survivors **slot = &kept[phase % KEEP_PHASES];
    sum = bench_mix(sum, sum_survivors(*slot));
    *slot = NULL;
    *slot = run_phase(phase, bytes);
  }
  for (size_t i = 0; i < KEEP_PHASES; i++) sum += sum_survivors(kept[i]);
  bench_end(sum);
}
