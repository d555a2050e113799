/* SPDX-License-Identifier: MIT */
/*
 * ranges.c: growing tables of address ranges, in memory of their own outside
 * the heap.  Used for the globals of modules and for the roots that the
 * program adds; both are written under the heap lock only.
 */
#include <string.h>

#include "../alloc/os.h"
#include "gc.h"

bool gl_ranges_reserve(struct gl_ranges *ranges) {
  gl_assert(ranges->count <= ranges->capacity);
  if (ranges->count < ranges->capacity) return true;
  size_t capacity = ranges->capacity == 0
                        ? GL_PAGE_BYTES / sizeof(struct gl_range)
                        : ranges->capacity * 2;
  struct gl_range *items = gl_os_map(capacity * sizeof *items);
  if (items == NULL) return false;
  if (ranges->items != NULL) {
    memcpy(items, ranges->items, ranges->count * sizeof *items);
    gl_os_unmap(ranges->items, ranges->capacity * sizeof *items);
  }
  gl_assert(ranges->count < capacity);
  ranges->items = items;
  ranges->capacity = capacity;
  return true;
}

bool gl_ranges_add(struct gl_ranges *ranges, const void *low,
                   const void *high) {
  if (!gl_ranges_reserve(ranges)) return false;
  gl_assert(ranges->count < ranges->capacity);
  ranges->items[ranges->count++] = (struct gl_range){low, high};
  return true;
}

const struct gl_range *gl_ranges_find(const struct gl_ranges *ranges,
                                      const void *address) {
  const char *p = address;
  gl_assert(ranges->count <= ranges->capacity);
  for (size_t i = 0; i < ranges->count; i++) {
    const struct gl_range *range = &ranges->items[i];
    if (p >= range->low && p < range->high) return range;
  }
  return NULL;
}

bool gl_ranges_remove(struct gl_ranges *ranges, const void *low,
                      const void *high) {
  gl_assert(ranges->count <= ranges->capacity);
  for (size_t i = ranges->count; i-- > 0;) {
    struct gl_range *range = &ranges->items[i];
    if (range->low != low || range->high != high) continue;
    *range = ranges->items[--ranges->count];
    return true;
  }
  return false;
}

bool gl_ranges_exclude(struct gl_ranges *ranges, const void *low,
                       const void *high) {
  const char *from = low, *to = high;
  gl_assert(from <= to);
  size_t count = ranges->count;
  for (size_t i = 0; i < count; i++) {
    struct gl_range *range = &ranges->items[i];
    if (to <= range->low || from >= range->high) continue;
    const char *end = range->high;
    range->high = from > range->low ? from : range->low;
    if (to < end && !gl_ranges_add(ranges, to, end)) return false;
  }
  return true;
}
