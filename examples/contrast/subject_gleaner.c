/* SPDX-License-Identifier: MIT */
/*
 * subject_gleaner.c: the production heap as three subjects: the collector off,
 * on, and on with gc_free.  The mode is set in the environment before the
 * first call.
 *
 * A small trace would end before the collector thinks of collecting.  So that
 * there is something to see, the collected subjects may get a heap limit that
 * is a multiple of what the trace has live at most.
 */
#include <gleaner.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

/* Below this a limit would leave no room for an arena of each kind. */
#define GLEANER_MIN_LIMIT_BYTES ((size_t)1 << 20)

double subject_limit_factor;

static void gleaner_open(const struct subject *self, bool use_mmap,
                         size_t peak_payload) {
  (void)use_mmap;
  setenv("GLEANER_MODE", self->name, 1);
  setenv("GLEANER_MARKERS", "1", 0);
  gc_init();
  if (self->way == SUBJECT_EXPLICIT || subject_limit_factor == 0.0) return;
  size_t limit = (size_t)((double)peak_payload * subject_limit_factor);
  if (limit < GLEANER_MIN_LIMIT_BYTES) limit = GLEANER_MIN_LIMIT_BYTES;
  gc_set_heap_limit(limit);
}

/* Traces do not say what is free of pointers, so everything may hold some. */
static void *gleaner_allocate(size_t size) { return gc_malloc(size); }

static void *gleaner_resize(void *block, size_t size) {
  return gc_realloc(block, size);
}

static size_t gleaner_extent(const void *block, const char **start) {
  *start = (const char *)block;
  return gc_size(block);
}

static size_t gleaner_heap_bytes(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats.heap_bytes;
}

static const char *gleaner_check(void) {
  return gc_heap_check() ? NULL : "gc_heap_check has failed";
}

static void gleaner_count(struct subject_counts *counts) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  *counts = (struct subject_counts){.collections = stats.collections,
                                    .pause_total_ns = stats.pause_total_ns,
                                    .pause_max_ns = stats.pause_max_ns,
                                    .pause_last_ns = stats.pause_last_ns,
                                    .metadata_bytes = stats.metadata_bytes};
}

struct gleaner_walk {
  subject_visit *visit;
  void *data;
};

static bool gleaner_walk_item(const struct gc_walk_item *item, void *data) {
  struct gleaner_walk *walk = (struct gleaner_walk *)data;
  walk->visit((const char *)item->start, item->size, item->allocated,
              walk->data);
  return true;
}

static void gleaner_walk(subject_visit *visit, void *data) {
  struct gleaner_walk walk = {visit, data};
  gc_heap_walk(gleaner_walk_item, &walk);
}

static bool gleaner_is_block(const void *block) {
  return gc_base(block) == block;
}

#define GLEANER_SUBJECT(subject_name, subject_title, subject_way)              \
  {                                                                            \
    .name = subject_name, .title = subject_title, .way = subject_way,          \
    .open = gleaner_open, .allocate = gleaner_allocate, .release = gc_free,    \
    .resize = gleaner_resize, .extent = gleaner_extent,                        \
    .heap_bytes = gleaner_heap_bytes, .check = gleaner_check,                  \
    .count = gleaner_count, .walk = gleaner_walk, .add_roots = gc_add_roots,   \
    .is_block = gleaner_is_block                                               \
  }

const struct subject subject_explicit =
    GLEANER_SUBJECT("explicit", "Gleaner, explicit", SUBJECT_EXPLICIT);
const struct subject subject_mixed =
    GLEANER_SUBJECT("mixed", "Gleaner, mixed", SUBJECT_MIXED);
const struct subject subject_implicit =
    GLEANER_SUBJECT("implicit", "Gleaner, implicit", SUBJECT_IMPLICIT);
