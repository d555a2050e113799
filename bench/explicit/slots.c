/* SPDX-License-Identifier: MIT */
/*
 * slots.c: a table of slots; each step empties a random one and puts a new
 * block of random size into it.
 *
 * slots [MOST [STEPS [SLOTS]]]: the largest size; the least is 16 bytes.
 */
#include "allocator.h"

struct slot {
  unsigned char *block;
  size_t size;
};

static uint64_t step(struct slot *slot, uint64_t *random, size_t most) {
  uint64_t sum = 0;
  if (slot->block != NULL) {
    sum = slot->block[0] ^ slot->block[slot->size - 1];
    bench_give(slot->block);
  }
  slot->size = bench_log_size(random, 16, most);
  slot->block = (unsigned char *)bench_take(slot->size);
  bench_touch(slot->block, slot->size, *random);
  return sum + slot->size;
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t most = bench_argument(argc, argv, 1, 256);
  size_t steps = bench_argument(argc, argv, 2, 10000000);
  size_t count = bench_argument(argc, argv, 3, 100000);
  if (most < 16) bench_die("blocks too small");
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("slots");
  struct slot *slots = (struct slot *)bench_take(count * sizeof *slots);
  for (size_t i = 0; i < count; i++) slots[i].block = NULL;
  for (size_t i = 0; i < steps; i++) {
    struct slot *slot = &slots[bench_below(&random, count)];
    sum = bench_mix(sum, step(slot, &random, most));
  }
  for (size_t i = 0; i < count; i++) bench_give(slots[i].block);
  bench_give(slots);
  bench_end(sum);
}
