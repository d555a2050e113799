/* SPDX-License-Identifier: MIT */
/*
 * hole.h: what lane.c needs of the open hole beside what cache.h has for
 * everybody.
 */
#ifndef GL_HOLE_H
#define GL_HOLE_H

#include "cache.h"

/* Open a free run, whose tag at start reads 01, and stays: one that its arena
   does not count as free any more, and one that it counts until now. */
void gl_lane_open(struct gl_lane *lane, size_t start, size_t end);
void gl_lane_open_counted(struct gl_lane *lane, size_t start, size_t end);

/* Whether a block fits between the start of the hole and its top; and cut one
   off that does. */
GL_INLINE bool gl_lane_has_room(const struct gl_lane *lane, size_t granules) {
  size_t bytes = granules << GL_GRANULE_SHIFT;
  return (size_t)(lane->hole.cur - lane->hole.start) >= bytes;
}

void *gl_lane_cut(struct gl_cache *cache, struct gl_lane *lane,
                  size_t granules);

/* Make [from, to) what a block of the lane's kind is at first. */
void gl_lane_prepare(const struct gl_lane *lane, struct gl_arena *arena,
                     char *from, char *to);

/* Blocks below `to` lie behind the cursor: gc_free may use the quick lists. */
void gl_lane_raise_bound(struct gl_arena *arena, const char *to);

/* Whether a free run that is not longer than any small block goes to a quick
   list as it is. */
bool gl_lane_lists(const struct gl_lane *lane, size_t granules);

/* Put a free run into the quick list of its size, or into its bin, where it is
   long enough for one. */
void gl_lane_insert(struct gl_lane *lane, size_t start, size_t granules);

/* Take a run off the quick list of its size, where it is among the first. */
bool gl_lane_unlist(struct gl_lane *lane, const void *run, size_t granules);

#endif
