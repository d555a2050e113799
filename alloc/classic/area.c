/* SPDX-License-Identifier: MIT */
/*
 * area.c: memory from the system for the classic policies, the only file here
 * that calls sbrk and mmap.
 *
 *   sbrk   +----------------------------+ - - - - +
 *          | one area                   | grows   |     program break
 *          +----------------------------+ - - - - +
 *
 *   mmap   +---------+      +---------+   +-------------------+
 *          | 64 KiB  |      | 64 KiB  |   | a large block's   |
 *          +---------+      +---------+   +-------------------+
 *
 * Invariants: areas are sorted by address and do not overlap; the map of an
 * area covers all of it.  The table of areas is memory of its own.  Another
 * user of sbrk in the process (glibc's malloc) makes a second area start.
 * Nothing is given back before the heap is closed, as in the textbook.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "classic.h"

/* One page at a time is what CS:APP's mm.c takes. */
#define AREA_SBRK_BYTES ((size_t)4096)

/* What libc's allocators map at least for a thread's arena or a chunk; smaller
   ones would make coalescing stop at their ends too often. */
#define AREA_MMAP_BYTES ((size_t)65536)

#define AREA_PAGE_BYTES ((size_t)4096)

static size_t area_round(size_t n, size_t unit) {
  return (n + unit - 1) & ~(unit - 1);
}

static void *area_map(size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

/* Make old bytes of side memory new ones; all of them are zero or kept. */
static void *area_remap(void *p, size_t old_bytes, size_t bytes) {
  if (p == NULL) return area_map(bytes);
  void *moved = mremap(p, old_bytes, bytes, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
}

/* --------------------------------------------------------------- the table */

static bool area_reserve_entry(struct gl_classic *heap) {
  size_t entry = sizeof *heap->areas;
  if (heap->area_count < heap->area_room) return true;
  size_t old_bytes = heap->area_room * entry;
  size_t bytes = old_bytes == 0 ? AREA_PAGE_BYTES : 2 * old_bytes;
  void *p = area_remap(heap->areas, old_bytes, bytes);
  if (p == NULL) return false;
  heap->areas = p;
  heap->area_room = bytes / entry;
  return true;
}

/* Give the area a map for bytes of memory; what is new of it is zero. */
static bool area_reserve_map(struct gl_classic *heap,
                             struct gl_classic_area *area, size_t bytes) {
  if (heap->map_shift == 0) return true;
  size_t need = area_round((bytes >> heap->map_shift) + 1, AREA_PAGE_BYTES);
  if (need <= area->map_room) return true;
  void *p = area_remap(area->map, area->map_room, need);
  if (p == NULL) return false;
  heap->table_bytes += need - area->map_room;
  area->map = p;
  area->map_room = need;
  return true;
}

/* Note a new area in its place. */
static bool area_insert(struct gl_classic *heap, char *start, size_t bytes) {
  struct gl_classic_area area = {.start = start, .end = start + bytes};
  if (!area_reserve_entry(heap) || !area_reserve_map(heap, &area, bytes))
    return false;
  size_t i = heap->area_count;
  while (i > 0 && heap->areas[i - 1].start > start) i--;
  memmove(&heap->areas[i + 1], &heap->areas[i],
          (heap->area_count - i) * sizeof area);
  heap->areas[i] = area;
  heap->area_count++;
  heap->area_bytes += bytes;
  return true;
}

/* ----------------------------------------------------------------- growing */

static bool area_grow_mmap(struct gl_classic *heap, char **start,
                           size_t *bytes) {
  size_t size = area_round(*bytes, AREA_PAGE_BYTES);
  if (size < AREA_MMAP_BYTES) size = AREA_MMAP_BYTES;
  char *p = area_map(size);
  if (p == NULL) return false;
  heap->counts.system_calls++;
  if (!area_insert(heap, p, size)) {
    munmap(p, size);
    return false;
  }
  *start = p;
  *bytes = size;
  return true;
}

/* The last area, where it ends at the program break. */
static struct gl_classic_area *area_at_break(struct gl_classic *heap) {
  if (heap->area_count == 0) return NULL;
  struct gl_classic_area *area = &heap->areas[heap->area_count - 1];
  return area->end == (char *)sbrk(0) ? area : NULL;
}

static bool area_grow_sbrk(struct gl_classic *heap, char **start, size_t *bytes,
                           bool *extends) {
  size_t size = area_round(*bytes, AREA_SBRK_BYTES);
  struct gl_classic_area *area = area_at_break(heap);
  size_t pad = area != NULL ? 0 : -(size_t)sbrk(0) % AREA_PAGE_BYTES;
  size_t held = area != NULL ? (size_t)(area->end - area->start) : 0;
  if (area != NULL && !area_reserve_map(heap, area, held + size)) return false;
  char *p = sbrk((intptr_t)(size + pad));
  if (p == (char *)-1) return false;
  heap->counts.system_calls++;
  p += pad;
  *extends = area != NULL && area->end == p;
  *start = p;
  *bytes = size;
  if (!*extends) return area_insert(heap, p, size);
  area->end += size;
  heap->area_bytes += size;
  return true;
}

bool gl_classic_grow(struct gl_classic *heap, char **start, size_t *bytes,
                     bool *extends) {
  *extends = false;
  if (heap->backend == GL_CLASSIC_MMAP)
    return area_grow_mmap(heap, start, bytes);
  return area_grow_sbrk(heap, start, bytes, extends);
}

void gl_classic_close(struct gl_classic *heap) {
  for (size_t i = heap->area_count; i-- > 0;) {
    struct gl_classic_area *area = &heap->areas[i];
    size_t bytes = (size_t)(area->end - area->start);
    if (area->map != NULL) munmap(area->map, area->map_room);
    if (heap->backend == GL_CLASSIC_MMAP)
      munmap(area->start, bytes);
    else if (area->end == (char *)sbrk(0))
      sbrk(-(intptr_t)bytes);
  }
  if (heap->areas != NULL)
    munmap(heap->areas, heap->area_room * sizeof *heap->areas);
  memset(heap, 0, sizeof *heap);
}

/* ---------------------------------------------------------------- look-ups */

static bool area_contains(const struct gl_classic_area *area, const char *p) {
  return area->start <= p && p < area->end;
}

const struct gl_classic_area *gl_classic_peek_area(
    const struct gl_classic *heap, const void *p) {
  size_t low = 0, high = heap->area_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (area_contains(&heap->areas[middle], p)) return &heap->areas[middle];
    if (heap->areas[middle].start > (const char *)p)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

struct gl_classic_area *gl_classic_find_area(struct gl_classic *heap,
                                             const void *p) {
  if (heap->area_recent < heap->area_count &&
      area_contains(&heap->areas[heap->area_recent], p))
    return &heap->areas[heap->area_recent];
  const struct gl_classic_area *area = gl_classic_peek_area(heap, p);
  if (area == NULL) return NULL;
  heap->area_recent = (size_t)(area - heap->areas);
  return &heap->areas[heap->area_recent];
}
