/* SPDX-License-Identifier: MIT */
/*
 * synthetic.c: traces made by hand to break one policy or another, as the
 * literature has them.  They are deterministic, some ten thousand operations
 * each, and leave nothing allocated.
 */
#include <string.h>

#include "own.h"
#include "trace.h"

#define SYNTHETIC_MAX 20000

static uint32_t synthetic_random(uint64_t *state, uint32_t limit) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return (uint32_t)((x * UINT64_C(2685821657736338717) >> 32) * limit >> 32);
}

/* Live blocks that a trace still has to free. */
struct synthetic_set {
  uint32_t blocks[SYNTHETIC_MAX];
  size_t count;
};

static struct synthetic_set *synthetic_open(void) {
  return own_allocate(sizeof(struct synthetic_set));
}

static void synthetic_keep(struct synthetic_set *set, uint32_t block) {
  if (set->count == SYNTHETIC_MAX) own_die("a synthetic trace is too long");
  set->blocks[set->count++] = block;
}

static void synthetic_close(struct trace *trace, struct synthetic_set *set) {
  for (size_t i = 0; i < set->count; i++) trace_free(trace, set->blocks[i]);
  own_free(set, sizeof *set);
}

/* Every other block is freed, then larger ones are wanted: half of the heap is
   free and none of it fits. */
static void make_comb(struct trace *trace) {
  struct synthetic_set *kept = synthetic_open();
  uint32_t teeth[6000];
  for (int i = 0; i < 6000; i++) teeth[i] = trace_allocate(trace, 64);
  for (int i = 0; i < 6000; i += 2) trace_free(trace, teeth[i]);
  for (int i = 1; i < 6000; i += 2) synthetic_keep(kept, teeth[i]);
  for (int i = 0; i < 1500; i++)
    synthetic_keep(kept, trace_allocate(trace, 160));
  synthetic_close(trace, kept);
}

/* After Robson's lower bound (1971): fill up with one size, free every other
   block, double the size, and again, at constant live bytes. */
static void make_robson(struct trace *trace) {
  const uint64_t limit = 256 * 1024;
  struct synthetic_set *kept = synthetic_open();
  uint64_t live = 0;
  for (uint64_t size = 48; size <= 24576; size *= 2) {
    size_t first = kept->count, to = first;
    for (; live + size <= limit; live += size)
      synthetic_keep(kept, trace_allocate(trace, size));
    for (size_t i = first; i < kept->count; i++) {
      if ((i - first) % 2 == 0) {
        trace_free(trace, kept->blocks[i]);
        live -= size;
      } else {
        kept->blocks[to++] = kept->blocks[i];
      }
    }
    kept->count = to;
  }
  synthetic_close(trace, kept);
}

/* Requests that nearly fill their holes: best fit should leave slivers too
   small for anything (Shore 1975; Wilson et al. call them sawdust).  It does,
   and yet it comes out ahead of first fit here, as it mostly does. */
static void make_sawdust(struct trace *trace) {
  struct synthetic_set *kept = synthetic_open();
  uint32_t holes[1500];
  uint64_t random = 11;
  for (int i = 0; i < 1500; i++) {
    holes[i] = trace_allocate(trace, 200 + synthetic_random(&random, 40) * 16);
    synthetic_keep(kept, trace_allocate(trace, 24));
  }
  for (int i = 0; i < 1500; i++) trace_free(trace, holes[i]);
  for (int i = 0; i < 1500; i++)
    synthetic_keep(
        kept, trace_allocate(trace, 160 + synthetic_random(&random, 40) * 16));
  for (int i = 0; i < 300; i++)
    synthetic_keep(kept, trace_allocate(trace, 640));
  synthetic_close(trace, kept);
}

/* Blocks that stay between large ones that go: a rover spreads the former over
   all of memory (Bays 1977). */
static void make_scatter(struct trace *trace) {
  struct synthetic_set *kept = synthetic_open();
  uint32_t large[16] = {0};
  uint64_t random = 5;
  for (uint32_t i = 0; i < 4000; i++) {
    if (i >= 16) trace_free(trace, large[i % 16]);
    large[i % 16] =
        trace_allocate(trace, 2000 + synthetic_random(&random, 2000));
    if (i % 4 == 0) synthetic_keep(kept, trace_allocate(trace, 40));
  }
  for (uint32_t i = 0; i < 16; i++) trace_free(trace, large[i]);
  synthetic_close(trace, kept);
}

/* A small block that stays is asked for just after a large one was freed: LIFO
   bites it out of that, and the next large one needs new memory. */
static void make_nibble(struct trace *trace) {
  struct synthetic_set *kept = synthetic_open();
  for (uint32_t i = 0; i < 2500; i++) {
    uint32_t large = trace_allocate(trace, 1000 + i % 5 * 16);
    uint32_t fence = trace_allocate(trace, 24);
    trace_free(trace, large);
    synthetic_keep(kept, trace_allocate(trace, 40));
    synthetic_keep(kept, fence);
  }
  synthetic_close(trace, kept);
}

/* One more than a power of two: rounding wastes nearly half. */
static void make_powers(struct trace *trace) {
  struct synthetic_set *kept = synthetic_open();
  uint64_t random = 3;
  for (uint32_t i = 0; i < 5000; i++)
    synthetic_keep(
        kept,
        trace_allocate(
            trace, (UINT64_C(1) << (5 + synthetic_random(&random, 6))) + 1));
  synthetic_close(trace, kept);
}

/* One size at a time, each phase freed before the next: memory that is cut for
   good, or is not merged, is lost to the phases after. */
static void make_phases(struct trace *trace) {
  for (uint64_t size = 16; size <= 8192; size *= 2) {
    struct synthetic_set *kept = synthetic_open();
    size_t count = size < 128 ? 2000 : 256 * 1024 / size;
    for (size_t i = 0; i < count; i++)
      synthetic_keep(kept, trace_allocate(trace, size));
    synthetic_close(trace, kept);
  }
}

/* Two neighbours are freed and twice their size is wanted (CS:APP's traces
   "coalescing"). */
static void make_coalesce(struct trace *trace) {
  for (int i = 0; i < 2500; i++) {
    uint32_t a = trace_allocate(trace, 4080);
    uint32_t b = trace_allocate(trace, 4080);
    trace_free(trace, a);
    trace_free(trace, b);
    trace_free(trace, trace_allocate(trace, 8160));
  }
}

/* A buffer grows a little at a time while small blocks come and go (CS:APP's
   traces "realloc"). */
static void make_grow(struct trace *trace) {
  uint32_t buffer = trace_allocate(trace, 512);
  uint32_t small = trace_allocate(trace, 128);
  for (uint64_t i = 1; i < 3000; i++) {
    trace_resize(trace, buffer, 512 + i * 32);
    uint32_t next = trace_allocate(trace, 128);
    trace_free(trace, small);
    small = next;
  }
  trace_free(trace, small);
  trace_free(trace, buffer);
}

/* Uniform sizes and lifetimes (CS:APP's traces "random"). */
static void make_random(struct trace *trace) {
  uint32_t blocks[2000];
  bool live[2000] = {false};
  uint64_t random = 7;
  for (int i = 0; i < 12000; i++) {
    uint32_t at = synthetic_random(&random, 2000);
    if (live[at])
      trace_free(trace, blocks[at]);
    else
      blocks[at] = trace_allocate(trace, 1 + synthetic_random(&random, 4096));
    live[at] = !live[at];
  }
  for (int i = 0; i < 2000; i++)
    if (live[i]) trace_free(trace, blocks[i]);
}

const struct trace_synthetic trace_synthetics[] = {
    {"comb", "every other block freed, then larger ones", make_comb},
    {"robson", "the same with doubling sizes, after Robson 1971", make_robson},
    {"sawdust", "requests that nearly fill their holes", make_sawdust},
    {"scatter", "blocks that stay among large that go: next fit, LIFO",
     make_scatter},
    {"nibble", "small after a large was freed: LIFO", make_nibble},
    {"powers", "a power of two and one: buddy, simple", make_powers},
    {"phases", "one size after another: simple", make_phases},
    {"coalesce", "two are freed, twice as much is wanted: simple",
     make_coalesce},
    {"grow", "a buffer grows among small blocks: realloc", make_grow},
    {"random", "uniform sizes and lifetimes", make_random},
    {NULL, NULL, NULL}};

bool trace_make_synthetic(struct trace *trace, const char *name) {
  for (size_t i = 0; trace_synthetics[i].name != NULL; i++)
    if (strcmp(trace_synthetics[i].name, name) == 0) {
      trace_init(trace, name);
      trace_synthetics[i].make(trace);
      return true;
    }
  return false;
}
