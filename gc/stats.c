/* SPDX-License-Identifier: MIT */
/*
 * stats.c: the figures: kept by collections, asked for by the program, and
 * logged.  The totals are under the heap lock.
 */
#include <string.h>
#include <unistd.h>

#include "gc.h"

static struct gl_totals totals GL_DATA = {.collections = 0};

/* Whether its phases come one after another. */
static bool stats_is_in_order(const struct gl_cycle *cycle) {
  return cycle->start_ns <= cycle->stopped_ns &&
         cycle->stopped_ns <= cycle->roots_ns &&
         cycle->roots_ns <= cycle->marked_ns &&
         cycle->marked_ns <= cycle->end_ns;
}

void gl_stats_note(struct gl_cycle *cycle) {
  uint64_t pause_ns = cycle->end_ns - cycle->start_ns;
  gl_assert(cycle->stopped && stats_is_in_order(cycle));
  cycle->number = ++totals.collections;
  totals.pause_last_ns = pause_ns;
  totals.pause_total_ns += pause_ns;
  if (pause_ns > totals.pause_max_ns) totals.pause_max_ns = pause_ns;
  totals.stop_last_ns = cycle->stopped_ns - cycle->start_ns;
  totals.mark_total_ns += cycle->marked_ns - cycle->stopped_ns;
  totals.live_bytes = cycle->live_bytes;
  totals.root_bytes = cycle->root_bytes;
  totals.marked_objects = cycle->marked_objects;
  totals.minor_collections += cycle->minor;
  gl_assert(totals.minor_collections < totals.collections);
}

uint64_t gl_stats_collections(void) { return totals.collections; }

/* ------------------------------------------------------------------ the API */

/* The counters of other threads are read as they change: every word is one
   that was true a moment ago. */
__attribute__((no_sanitize("thread"))) static void stats_add_caches(
    struct gc_stats *stats) {
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next) {
    uint64_t withdrawn = c->withdrawn_bytes;
    stats->allocated_bytes +=
        c->allocated_bytes + gl_cache_reused_bytes(c) + withdrawn;
    stats->freed_bytes += gl_cache_freed_bytes(c) + withdrawn;
    for (int i = 0; i < GL_LANES; i++) {
      const struct gl_lane *lane = &c->lane[i];
      /* Negative where blocks that were accounted for were taken back. */
      ptrdiff_t bumped = lane->accounted - lane->hole.cur;
      if (lane->hole.cur != NULL && bumped > -(ptrdiff_t)GL_ARENA_BYTES &&
          bumped < (ptrdiff_t)GL_ARENA_BYTES)
        stats->allocated_bytes += (uint64_t)bumped;
    }
  }
}

static void stats_fill(struct gc_stats *stats) {
  const struct gl_runs *runs = &gl_heap.runs;
  gl_assert(gl_heap_held_bytes() <= runs->peak_pages << GL_PAGE_SHIFT);
  int64_t budget = __atomic_load_n(&gl_heap.budget_bytes, __ATOMIC_RELAXED);
  stats_add_caches(stats);
  stats->live_bytes = totals.live_bytes;
  stats->heap_bytes = gl_heap_held_bytes();
  stats->peak_heap_bytes = (uint64_t)runs->peak_pages << GL_PAGE_SHIFT;
  stats->metadata_bytes = gl_heap_metadata_bytes() + gl_mark_metadata_bytes();
  if (runs->limit_pages != SIZE_MAX)
    stats->heap_limit_bytes = (uint64_t)runs->limit_pages << GL_PAGE_SHIFT;
  stats->reserved_bytes = gl_heap.size_bytes;
  stats->next_gc_bytes = budget < 0 ? 0 : (uint64_t)budget;
  stats->returned_bytes = runs->returned_pages << GL_PAGE_SHIFT;
  stats->collections = totals.collections;
  stats->pause_total_ns = totals.pause_total_ns;
  stats->pause_max_ns = totals.pause_max_ns;
  stats->pause_last_ns = totals.pause_last_ns;
  stats->mark_total_ns = totals.mark_total_ns;
  stats->root_bytes = totals.root_bytes;
  stats->marked_objects = totals.marked_objects;
  stats->minor_collections = totals.minor_collections;
  stats->stop_last_ns = totals.stop_last_ns;
}

GC_API void gc_get_stats(struct gc_stats *stats) {
  memset(stats, 0, sizeof *stats);
  if (!gl_setup()) return;
  gl_heap_lock(NULL);
  stats_fill(stats);
  gl_heap_unlock();
}

struct stats_field {
  const char *name;
  size_t offset;
};

#define STATS_FIELD(name) {#name, offsetof(struct gc_stats, name)}

static const struct stats_field stats_fields[] = {
    STATS_FIELD(allocated_bytes), STATS_FIELD(freed_bytes),
    STATS_FIELD(live_bytes),      STATS_FIELD(heap_bytes),
    STATS_FIELD(peak_heap_bytes), STATS_FIELD(metadata_bytes),
    STATS_FIELD(heap_limit_bytes), STATS_FIELD(reserved_bytes),
    STATS_FIELD(next_gc_bytes),   STATS_FIELD(returned_bytes),
    STATS_FIELD(collections),     STATS_FIELD(pause_total_ns),
    STATS_FIELD(pause_max_ns),    STATS_FIELD(pause_last_ns),
    STATS_FIELD(mark_total_ns),   STATS_FIELD(root_bytes),
    STATS_FIELD(marked_objects),  STATS_FIELD(minor_collections),
    STATS_FIELD(stop_last_ns),
};

#define STATS_FIELD_COUNT (sizeof stats_fields / sizeof stats_fields[0])

_Static_assert(STATS_FIELD_COUNT * sizeof(uint64_t) == sizeof(struct gc_stats),
               "JSON has every field");

static void stats_write_json(struct gl_text *text,
                             const struct gc_stats *stats) {
  for (size_t i = 0; i < STATS_FIELD_COUNT; i++) {
    uint64_t number;
    memcpy(&number, (const char *)stats + stats_fields[i].offset,
           sizeof number);
    gl_text_string(text, i == 0 ? "{\"" : ", \"");
    gl_text_string(text, stats_fields[i].name);
    gl_text_string(text, "\": ");
    gl_text_number(text, number);
  }
  gl_text_string(text, "}");
}

GC_API size_t gc_stats_json(char *buffer, size_t size) {
  struct gc_stats stats;
  struct gl_text text = {buffer, size, 0};
  if (size > 0) *buffer = '\0'; /* all there is room for, where it is 1 */
  gc_get_stats(&stats);
  stats_write_json(&text, &stats);
  return text.length;
}

/* ------------------------------------------------------------------ the log */

static const char *const stats_causes[] = {
    [GL_CAUSE_BUDGET] = "budget",
    [GL_CAUSE_ROOM] = "room",
    [GL_CAUSE_PROGRAM] = "program",
    [GL_CAUSE_STRESS] = "stress",
};

static void log_part(struct gl_text *text, const char *name, uint64_t from_ns,
                     uint64_t to_ns) {
  gl_assert(from_ns <= to_ns);
  gl_text_string(text, name);
  gl_text_number(text, (to_ns - from_ns + 500) / 1000);
}

static void log_size(struct gl_text *text, const char *name, size_t bytes) {
  gl_text_string(text, name);
  gl_text_megabytes(text, bytes);
  gl_text_string(text, " MB");
}

void gl_log_cycle(const struct gl_cycle *cycle) {
  char buffer[400];
  struct gl_text text = {buffer, sizeof buffer, 0};
  if (!gl_options.log) return;
  gl_assert(cycle->cause < sizeof stats_causes / sizeof *stats_causes);
  gl_text_string(&text, "gleaner: collection ");
  gl_text_number(&text, cycle->number);
  gl_text_string(&text, " cause ");
  gl_text_string(&text, stats_causes[cycle->cause]);
  log_part(&text, " pause ", cycle->start_ns, cycle->end_ns);
  log_part(&text, " us: stop ", cycle->start_ns, cycle->stopped_ns);
  log_part(&text, " roots ", cycle->stopped_ns, cycle->roots_ns);
  log_part(&text, " mark ", cycle->roots_ns, cycle->marked_ns);
  log_part(&text, " rest ", cycle->marked_ns, cycle->end_ns);
  log_size(&text, "; heap ", cycle->before_bytes);
  log_size(&text, " -> ", cycle->after_bytes);
  log_size(&text, " live ", cycle->live_bytes);
  log_size(&text, " next ", cycle->next_bytes);
  gl_text_string(&text, " objects ");
  gl_text_number(&text, cycle->marked_objects);
  gl_text_string(&text, " roots ");
  gl_text_number(&text, cycle->root_bytes);
  gl_text_string(&text, " B threads ");
  gl_text_number(&text, cycle->threads);
  log_size(&text, cycle->minor ? "; minor old " : "; full old ",
           cycle->tenured_bytes);
  gl_text_string(&text, "\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
}

__attribute__((destructor)) static void log_summary(void) {
  char buffer[1024];
  struct gl_text text = {buffer, sizeof buffer, 0};
  struct gc_stats stats;
  if (!gl_options.log) return;
  gc_get_stats(&stats);
  gl_text_string(&text, "gleaner: allocated ");
  gl_text_megabytes(&text, stats.allocated_bytes);
  gl_text_string(&text, " MB inside a heap of ");
  gl_text_megabytes(&text, stats.peak_heap_bytes);
  gl_text_string(&text, " MB; collections ");
  gl_text_number(&text, stats.collections);
  log_part(&text, ", pauses ", 0, stats.pause_total_ns);
  log_part(&text, " us in all, the longest ", 0, stats.pause_max_ns);
  gl_text_string(&text, " us\ngleaner: summary: ");
  stats_write_json(&text, &stats);
  gl_text_string(&text, "\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
}
