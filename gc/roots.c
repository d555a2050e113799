/* SPDX-License-Identifier: MIT */
/*
 * roots.c: everything that is a root, in one function; and the ranges that the
 * program adds.  The table of added ranges is under the heap lock.
 */
#include <errno.h>

#include "gc.h"

struct gl_ranges gl_added_roots GL_DATA = {.count = 0};

static void roots_scan_range(const void *low, const void *high, void *bytes) {
  if (high <= low) return;
  *(size_t *)bytes += (size_t)((const char *)high - (const char *)low);
  gl_mark_roots(low, high);
}

static void roots_scan_ranges(const struct gl_ranges *ranges, size_t *bytes) {
  gl_assert(ranges->count <= ranges->capacity);
  for (size_t i = 0; i < ranges->count; i++)
    roots_scan_range(ranges->items[i].low, ranges->items[i].high, bytes);
}

/* Arguments of calls that are being served, and blocks that are about to be
   returned: nothing else need refer to them. */
static void roots_scan_pins(size_t *bytes) {
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    roots_scan_range(&c->pin, &c->pin + 1, bytes);
}

size_t gl_roots_scan(const struct gl_entry *entry) {
  gl_assert(gl_threads_are_stopped());
  gl_assert(entry->register_count <= GL_REGISTERS_MAX);
  if (gl_options.debug) gl_debug_mark_roots();
  size_t bytes = 0;
  gl_scan_threads(entry, roots_scan_range, &bytes);
  roots_scan_ranges(&gl_modules.data, &bytes);
  roots_scan_ranges(&gl_added_roots, &bytes);
  roots_scan_pins(&bytes);
  gl_mark_uncollectable();
  gl_mark_tenured();
  return bytes;
}

/* ---------------------------------------------------- ranges of the program */

GC_API bool gc_add_roots(const void *start, const void *end) {
  if (start > end) {
    errno = EINVAL;
    return false;
  }
  if (!gl_setup()) return false;
  gl_heap_lock(NULL);
  bool added = gl_ranges_add(&gl_added_roots, start, end);
  gl_heap_unlock();
  if (!added) errno = ENOMEM;
  return added;
}

GC_API bool gc_remove_roots(const void *start, const void *end) {
  gl_heap_lock(NULL);
  bool removed = gl_ranges_remove(&gl_added_roots, start, end);
  gl_heap_unlock();
  if (!removed) errno = EINVAL;
  return removed;
}
