/* SPDX-License-Identifier: MIT */
/*
 * resident.c: does memory go back?  A program builds up to a peak, frees all
 * but a little of it in random order, and goes on working quietly on what is
 * left.  Its resident set is printed ten times a second as
 *
 *   resident seconds=1.300 bytes=123456789 live=12345678
 *
 * resident [BYTES [KEEP [SECONDS]]]: peak, one block of how many is kept, and
 * how long the quiet time lasts.
 */
#include "allocator.h"

#include <stdio.h>
#include <time.h>

struct slot {
  unsigned char *block;
  size_t size;
};

struct state {
  struct slot *slots;
  size_t count;
  size_t live_bytes;
  uint64_t random;
  uint64_t sum;
  uint64_t start_ns;
  uint64_t next_ns; /* the next line is due */
};

enum { SAMPLE_NS = 100000000, MOST_BYTES = 8192, MEAN_BYTES = 1600 };

static void fill(struct state *state, struct slot *slot) {
  slot->size = bench_log_size(&state->random, 16, MOST_BYTES);
  slot->block = (unsigned char *)bench_take(slot->size);
  bench_touch(slot->block, slot->size, state->random);
  state->live_bytes += slot->size;
}

static void empty(struct state *state, struct slot *slot) {
  if (slot->block == NULL) return;
  state->sum = bench_mix(state->sum, slot->block[slot->size - 1]);
  state->live_bytes -= slot->size;
  bench_give(slot->block);
  slot->block = NULL;
}

static void sample(struct state *state) {
  uint64_t now_ns = bench_now_ns();
  if (now_ns < state->next_ns) return;
  printf("resident seconds=%.3f bytes=%zu live=%zu\n",
         (double)(now_ns - state->start_ns) / 1e9, bench_resident_bytes(),
         state->live_bytes);
  state->next_ns = now_ns + SAMPLE_NS;
}

/* From every keep slots free all but one, in random order; free the rest. */
static void free_most(struct state *state, size_t keep) {
  for (size_t i = 0; i < 2 * state->count; i++) {
    size_t index = bench_below(&state->random, state->count);
    if (index % keep != 0) empty(state, &state->slots[index]);
    if (i % 1024 == 0) sample(state);
  }
  for (size_t i = 0; i < state->count; i++)
    if (i % keep != 0) empty(state, &state->slots[i]);
}

/* Renew a few of the blocks that were kept, and sleep for a millisecond. */
static void work_quietly(struct state *state, size_t keep) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < 100; i++) {
    size_t index = bench_below(&state->random, state->count / keep) * keep;
    empty(state, &state->slots[index]);
    fill(state, &state->slots[index]);
  }
  nanosleep(&pause, NULL);
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)400 << 20);
  size_t keep = bench_argument(argc, argv, 2, 20);
  size_t seconds = bench_argument(argc, argv, 3, 3);
  struct state state = {.count = bytes / MEAN_BYTES, .random = 1};
  if (keep == 0 || state.count < keep) bench_die("nothing to keep");
  state.slots = (struct slot *)bench_take(state.count * sizeof *state.slots);
  bench_begin("resident");
  state.start_ns = bench_now_ns();
  for (size_t i = 0; i < state.count; i++) {
    fill(&state, &state.slots[i]);
    if (i % 1024 == 0) sample(&state);
  }
  free_most(&state, keep);
  uint64_t sum = bench_mix(state.sum, state.live_bytes);
  bench_stop();
  uint64_t quiet_ns = bench_now_ns();
  size_t second_bytes = 0;
  while (bench_now_ns() - quiet_ns < (uint64_t)seconds * 1000000000) {
    work_quietly(&state, keep);
    sample(&state);
    if (second_bytes == 0 && bench_now_ns() - quiet_ns > 1000000000)
      second_bytes = bench_resident_bytes();
  }
  bench_note("after_1s_bytes", (double)second_bytes);
  bench_note("end_bytes", (double)bench_resident_bytes());
  bench_note("live_bytes", (double)state.live_bytes);
  bench_end(sum);
}
