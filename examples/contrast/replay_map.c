/* SPDX-License-Identifier: MIT */
/*
 * replay_map.c: draws a heap as a row of cells.  The areas of the heap are put
 * one behind the other in order of address; every cell stands for the same
 * number of bytes, and gets the bytes of each sort that fall into it.
 */
#include <stdlib.h>
#include <string.h>

#include "own.h"
#include "replay.h"

#define DRAW_MAX_ITEMS ((size_t)1 << 20)

struct draw_range {
  const char *start;
  const char *end;
  bool allocated;
};

struct draw {
  struct draw_range *items; /* as the subject tells them */
  size_t item_count;
  struct draw_range *areas; /* merged, in order */
  uint64_t *offsets;        /* of areas in the row */
  size_t area_count;
  uint64_t total;
  uint64_t cell_bytes;
  double payload[REPLAY_MAP_CELLS];
  double extent[REPLAY_MAP_CELLS];
  double allocated[REPLAY_MAP_CELLS];
};

static void draw_note(const char *start, size_t size, bool allocated,
                      void *data) {
  struct draw *draw = (struct draw *)data;
  if (size == 0 || draw->item_count == DRAW_MAX_ITEMS) return;
  draw->items[draw->item_count++] =
      (struct draw_range){start, start + size, allocated};
}

static int draw_compare(const void *a, const void *b) {
  const struct draw_range *x = (const struct draw_range *)a;
  const struct draw_range *y = (const struct draw_range *)b;
  return x->start < y->start ? -1 : x->start > y->start;
}

/* Areas are what the items cover. */
static void draw_make_areas(struct draw *draw) {
  qsort(draw->items, draw->item_count, sizeof *draw->items, draw_compare);
  for (size_t i = 0; i < draw->item_count; i++) {
    struct draw_range *item = &draw->items[i];
    struct draw_range *last =
        draw->area_count == 0 ? NULL : &draw->areas[draw->area_count - 1];
    if (last != NULL && item->start <= last->end) {
      if (item->end > last->end) last->end = item->end;
      continue;
    }
    draw->areas[draw->area_count++] = *item;
  }
  for (size_t i = 0; i < draw->area_count; i++) {
    draw->offsets[i] = draw->total;
    draw->total += (uint64_t)(draw->areas[i].end - draw->areas[i].start);
  }
  draw->cell_bytes = draw->total / REPLAY_MAP_CELLS + 1;
}

static const struct draw_range *draw_find_area(const struct draw *draw,
                                               const char *p) {
  size_t low = 0, high = draw->area_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct draw_range *area = &draw->areas[middle];
    if (p < area->start)
      high = middle;
    else if (p >= area->end)
      low = middle + 1;
    else
      return area;
  }
  return NULL;
}

/* Add the bytes of a range to the cells that it lies in. */
static void draw_add(const struct draw *draw, double *cells, const char *start,
                     uint64_t size) {
  const struct draw_range *area = draw_find_area(draw, start);
  if (area == NULL) return;
  uint64_t at =
      draw->offsets[area - draw->areas] + (uint64_t)(start - area->start);
  while (size > 0) {
    uint64_t cell = at / draw->cell_bytes;
    uint64_t room = (cell + 1) * draw->cell_bytes - at;
    uint64_t n = size < room ? size : room;
    if (cell < REPLAY_MAP_CELLS) cells[cell] += (double)n;
    at += n;
    size -= n;
  }
}

/* Blocks in mappings of their own are no part of what malloc tells. */
static void draw_note_live(struct draw *draw, const struct subject *subject,
                           const struct replay_live *live) {
  const char *start;
  for (size_t i = 0; i < live->count; i++) {
    if (live->addresses[i] == NULL) continue;
    size_t extent = subject->extent(live->addresses[i], &start);
    draw_note(start, extent, false, draw);
  }
}

static void draw_add_live(struct draw *draw, const struct subject *subject,
                          const struct replay_live *live,
                          struct replay_moment *moment) {
  const char *start;
  for (size_t i = 0; i < live->count; i++) {
    const char *block = live->addresses[i];
    if (block == NULL) continue;
    size_t extent = subject->extent(block, &start);
    draw_add(draw, draw->extent, start, extent);
    draw_add(draw, draw->payload, block, live->sizes[i]);
    moment->payload += live->sizes[i];
    moment->waste += extent - live->sizes[i];
  }
}

static uint8_t draw_share(double bytes, uint64_t cell_bytes) {
  double share = bytes * 255.0 / (double)cell_bytes;
  return (uint8_t)(share < 0.0 ? 0.0 : share > 255.0 ? 255.0 : share);
}

static void draw_finish(struct draw *draw, struct replay_map *map) {
  map->cell_bytes = draw->cell_bytes;
  for (size_t i = 0; i < REPLAY_MAP_CELLS; i++) {
    double waste = draw->extent[i] - draw->payload[i];
    double dead = draw->allocated[i] - draw->extent[i];
    map->cells[i].payload = draw_share(draw->payload[i], draw->cell_bytes);
    map->cells[i].waste = draw_share(waste, draw->cell_bytes);
    map->cells[i].dead = draw_share(dead, draw->cell_bytes);
    if (dead > 0.0) map->moment.dead += (uint64_t)dead;
  }
}

void replay_draw(const struct subject *subject, const struct replay_live *live,
                 struct replay_map *map) {
  struct draw *draw = own_allocate(sizeof *draw);
  size_t bytes = DRAW_MAX_ITEMS * sizeof *draw->items;
  draw->items = own_allocate(bytes);
  draw->areas = own_allocate(bytes);
  draw->offsets = own_allocate(DRAW_MAX_ITEMS * sizeof *draw->offsets);
  map->moment.heap = subject->heap_bytes();
  subject->walk(draw_note, draw);
  if (subject->is_block == NULL) draw_note_live(draw, subject, live);
  draw_make_areas(draw);
  for (size_t i = 0; i < draw->item_count; i++)
    if (draw->items[i].allocated)
      draw_add(draw, draw->allocated, draw->items[i].start,
               (uint64_t)(draw->items[i].end - draw->items[i].start));
  draw_add_live(draw, subject, live, &map->moment);
  draw_finish(draw, map);
  own_free(draw->items, bytes);
  own_free(draw->areas, bytes);
  own_free(draw->offsets, DRAW_MAX_ITEMS * sizeof *draw->offsets);
  own_free(draw, sizeof *draw);
}
