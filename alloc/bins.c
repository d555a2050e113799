/* SPDX-License-Identifier: MIT */
/*
 * bins.c: the bins of free runs within arenas, see bins.h.  A lane's bins are
 * touched by its owner's thread alone, or with the world stopped.
 *
 * Invariant: a run is in the bin of its size, and a bin's bit in `nonempty` is
 * set exactly where the bin is not empty.
 */
#include "bins.h"

#include <string.h>

#include "heap.h"

/* Spreads the number of an epoch over a word (Knuth's multiplicative hash). */
#define BINS_EPOCH_MIX 0x9E3779B97F4A7C15u

/* Runs looked at in the bin of the wanted size, where not every run fits. */
#define BINS_PROBES 8

_Static_assert(sizeof(struct gl_free_run) <=
                   GL_BIN_MIN_GRANULES * GL_GRANULE_BYTES,
               "a run in a bin holds its links");

_Static_assert(GL_BINS <= 64, "a lane has a bit for each bin");

/* The bin of runs of this length: four for each power of two from 8 up. */
static unsigned bins_index(size_t granules) {
  gl_assert(granules >= GL_BIN_MIN_GRANULES && granules <= GL_ARENA_GRANULES);
  unsigned top = gl_log2(granules);
  return (top - 3) * 4 + (unsigned)(granules >> (top - 2) & 3);
}

_Static_assert(GL_ARENA_GRANULES < (size_t)1 << (3 + GL_BINS / 4),
               "the largest run has a bin");

static bool bins_bit_is_true(const struct gl_lane *lane, unsigned bin) {
  return (lane->bins[bin] != NULL) == (lane->nonempty >> bin & 1);
}

static uint64_t bins_encode(const void *p) {
  return (uintptr_t)p ^ gl_heap.secret;
}

/* The epoch tells a run in a bin from one that was in a bin before the bins
   were last forgotten, and still has its size in its bytes. */
static uint64_t bins_encode_size(const struct gl_lane *lane,
                                 const struct gl_free_run *run, uint64_t size) {
  return size ^ (uintptr_t)run ^ ~gl_heap.secret ^
         lane->bin_epoch * BINS_EPOCH_MIX;
}

/* A link read from free memory: NULL, a free run's head, or a lie. */
static struct gl_free_run *bins_decode(uint64_t word, const void *from) {
  struct gl_free_run *run = (struct gl_free_run *)(word ^ gl_heap.secret);
  if (run == NULL) return NULL;
  if (gl_in_heap(run) && (uintptr_t)run % GL_GRANULE_BYTES == 0 &&
      gl_tags_is_free(gl_heap.tags, gl_granule_of(run)))
    return run;
  gl_heap.on_corruption(from, "free memory was written to");
  return NULL;
}

/* The length of a run in a bin, or 0 where its bytes do not agree with its
   tags: not in a bin, or scribbled over. */
static size_t bins_length(const struct gl_lane *lane,
                          const struct gl_free_run *run) {
  gl_assert((uintptr_t)run % GL_GRANULE_BYTES == 0);
  size_t size = bins_encode_size(lane, run, run->size);
  size_t granule = gl_granule_of(run);
  size_t end = (granule & ~(GL_ARENA_GRANULES - 1)) + GL_ARENA_GRANULES;
  if (size < GL_BIN_MIN_GRANULES || size > end - granule) return 0;
  bool ends = granule + size == end ||
              gl_tags_next(gl_heap.tags, granule + size, granule + size + 1) ==
                  granule + size;
  return ends && gl_tags_is_free(gl_heap.tags, granule) ? size : 0;
}

static size_t bins_checked_length(const struct gl_lane *lane,
                                  const struct gl_free_run *run) {
  size_t size = bins_length(lane, run);
  if (size == 0)
    gl_heap.on_corruption(run, "free memory was written to");
  return size;
}

void gl_bins_insert(struct gl_lane *lane, size_t granule, size_t granules) {
  gl_assert(granules >= GL_BIN_MIN_GRANULES);
  gl_assert(gl_tags_is_free(gl_heap.tags, granule));
  unsigned bin = bins_index(granules);
  gl_assert(bins_bit_is_true(lane, bin));
  struct gl_free_run *run = gl_granule_address(granule);
  struct gl_free_run *next = lane->bins[bin];
  run->next = bins_encode(next);
  run->prev = bins_encode(NULL);
  run->size = bins_encode_size(lane, run, granules);
  if (next != NULL) next->prev = bins_encode(run);
  lane->bins[bin] = run;
  lane->nonempty |= (uint64_t)1 << bin;
  /* Within its arena, and up to the next tag. */
  gl_assert(bins_length(lane, run) == granules);
}

static void bins_unlink(struct gl_lane *lane, struct gl_free_run *run,
                        unsigned bin) {
  gl_assert(bins_bit_is_true(lane, bin));
  struct gl_free_run *next = bins_decode(run->next, run);
  struct gl_free_run *prev = bins_decode(run->prev, run);
  /* What both ends of a link do not agree on is a lie. */
  if ((next != NULL && next->prev != bins_encode(run)) ||
      (prev != NULL && prev->next != bins_encode(run)) ||
      (prev == NULL && lane->bins[bin] != run)) {
    gl_heap.on_corruption(run, "free memory was written to");
    gl_bins_reset(lane);
    return;
  }
  if (next != NULL) next->prev = run->prev;
  if (prev != NULL)
    prev->next = run->next;
  else
    lane->bins[bin] = next;
  if (lane->bins[bin] == NULL) lane->nonempty &= ~((uint64_t)1 << bin);
  run->size = 0; /* no longer in a bin */
  gl_assert(bins_bit_is_true(lane, bin));
}

/* The best fit among the first runs of a bin whose runs need not all fit. */
static struct gl_free_run *bins_search(struct gl_lane *lane, unsigned bin,
                                       size_t granules) {
  gl_assert(lane->bins[bin] != NULL);
  struct gl_free_run *best = NULL, *run = lane->bins[bin];
  size_t best_size = SIZE_MAX;
  for (int probes = 0; run != NULL && probes < BINS_PROBES; probes++) {
    size_t size = bins_checked_length(lane, run);
    if (size >= granules && size < best_size) {
      best = run;
      best_size = size;
      if (size == granules) break;
    }
    run = bins_decode(run->next, run);
  }
  return best;
}

size_t gl_bins_take(struct gl_lane *lane, size_t granules, size_t *length) {
  unsigned bin = bins_index(granules < GL_BIN_MIN_GRANULES ? GL_BIN_MIN_GRANULES
                                                           : granules);
  struct gl_free_run *run = NULL;
  if (lane->nonempty >> bin & 1) run = bins_search(lane, bin, granules);
  if (run == NULL) {
    uint64_t above = bin + 1 < 64 ? lane->nonempty >> (bin + 1) : 0;
    if (above == 0) return 0;
    bin += 1 + gl_lowest(above);
    run = lane->bins[bin];
  }
  gl_assert(bins_bit_is_true(lane, bin));
  *length = bins_checked_length(lane, run);
  if (*length < granules) {
    /* Scribbled over, and the error handler came back: leave the bin. */
    gl_bins_reset(lane);
    return 0;
  }
  bins_unlink(lane, run, bin);
  return gl_granule_of(run);
}

size_t gl_bins_remove(struct gl_lane *lane, size_t granule) {
  gl_assert(gl_tags_is_free(gl_heap.tags, granule));
  struct gl_free_run *run = gl_granule_address(granule);
  /* A run of one granule has no room for a size: its second granule is somebody
     else's, so the tags are asked first; of the heap's last granule there is
     none. */
  if ((granule + 1) % GL_ARENA_GRANULES == 0) return 0;
  if (gl_tags_next(gl_heap.tags, granule + 1, granule + 2) == granule + 1)
    return 0;
  size_t size = bins_length(lane, run);
  if (size == 0 || gl_tags_next(gl_heap.tags, granule + 1, granule + size) !=
                       granule + size)
    return 0;
  bins_unlink(lane, run, bins_index(size));
  return size;
}

void gl_bins_reset(struct gl_lane *lane) {
  lane->nonempty = 0;
  lane->bin_epoch =
      __atomic_add_fetch(&gl_heap.bin_epochs, 1, __ATOMIC_RELAXED);
  memset(lane->bins, 0, sizeof lane->bins);
}

bool gl_bins_check(const struct gl_lane *lane) {
  for (unsigned bin = 0; bin < GL_BINS; bin++) {
    const struct gl_free_run *run = lane->bins[bin], *prev = NULL;
    GL_HEAP_CHECK("bins", (run != NULL) == (lane->nonempty >> bin & 1));
    for (; run != NULL; prev = run, run = bins_decode(run->next, run)) {
      size_t size = bins_length(lane, run);
      GL_HEAP_CHECK("bins", size >= GL_BIN_MIN_GRANULES);
      GL_HEAP_CHECK("bins", bins_index(size) == bin);
      GL_HEAP_CHECK("bins", run->prev == bins_encode(prev));
      GL_HEAP_CHECK("bins", gl_tags_next(gl_heap.tags, gl_granule_of(run) + 1,
                                         gl_granule_of(run) + size) ==
                                gl_granule_of(run) + size);
    }
  }
  return true;
}
