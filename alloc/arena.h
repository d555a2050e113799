/* SPDX-License-Identifier: MIT */
/*
 * arena.h: one arena, one owner, one kind: make it, sweep it, find its holes,
 * give it back.
 */
#ifndef GL_ARENA_H
#define GL_ARENA_H

#include <string.h>

#include "tags.h"
#include "types.h"

/* An arena with less free is passed over until the next sweep. */
#define GL_ARENA_MIN_FREE_GRANULES (GL_ARENA_GRANULES / 64)

/* Take a fresh arena for the lane and append it to the lane's list.  Wants the
   lock.  NULL where there is no room. */
struct gl_arena *gl_arena_create(struct gl_cache *owner, struct gl_lane *lane);

/* Give a wholly free arena, which is in no list, back to the page runs.  Wants
   the lock. */
void gl_arena_destroy(struct gl_arena *arena);

/* Put an arena at the end of a lane's list. */
void gl_arena_append(struct gl_lane *lane, struct gl_arena *arena);

/* Whether it is one: page runs lie where it is not. */
GL_INLINE bool gl_arena_is_in_use(const struct gl_arena *arena) {
  return gl_arena_owner(arena) != NULL;
}

/* Whether its tags are true.  Acquire: whoever made them so. */
GL_INLINE bool gl_arena_is_swept(const struct gl_arena *arena) {
  return __atomic_load_n(&arena->swept, __ATOMIC_ACQUIRE);
}

/* Make the tags true: black becomes white, white becomes free.  Any thread may
   call it at any time; it does nothing on a swept arena. */
void gl_arena_sweep(struct gl_arena *arena);

/* Make the tags of a stopped world's arena true but for this: black stays
   black. */
void gl_arena_sweep_white(struct gl_arena *arena);

/* Whether [from, to) is a part of it, which may be empty. */
GL_INLINE bool gl_arena_has(const struct gl_arena *arena, const char *from,
                            const char *to) {
  const char *start = gl_arena_start(arena);
  return from >= start && from <= to && to <= start + GL_ARENA_BYTES;
}

/* Whether all of [from, to) is known to be written to, as far as that can be
   told at once. */
GL_INLINE bool gl_arena_is_soiled(const struct gl_arena *arena,
                                  const char *from, const char *to) {
  gl_assert(gl_arena_has(arena, from, to));
  size_t first = gl_page_of(from), last = gl_page_of(to - 1);
  return arena->clean_from == arena->clean_to && last - first <= 1 &&
         (gl_heap.dirty[first] != 0) & (gl_heap.dirty[last] != 0);
}

/* Note that [from, to) may be written from now on. */
void gl_arena_soil_slow(struct gl_arena *arena, const char *from,
                        const char *to);

GL_INLINE void gl_arena_soil(struct gl_arena *arena, const char *from,
                             const char *to) {
  if (GL_UNLIKELY(!gl_arena_is_soiled(arena, from, to)))
    gl_arena_soil_slow(arena, from, to);
}

/* Make [from, to) zero, leaving alone what was never written; then soil it. */
void gl_arena_zero_slow(struct gl_arena *arena, char *from, char *to);

GL_INLINE void gl_arena_zero(struct gl_arena *arena, char *from, char *to) {
  if (GL_LIKELY(gl_arena_is_soiled(arena, from, to)))
    memset(from, 0, (size_t)(to - from));
  else
    gl_arena_zero_slow(arena, from, to);
}

/* The granule after the arena's last. */
GL_INLINE size_t gl_arena_end(const struct gl_arena *arena) {
  return gl_arena_first_granule(arena) + GL_ARENA_GRANULES;
}

/*
 * Where to look for the first free run of a swept arena that is opened.
 *
 * In a collected heap the arena's first granule is left out: a short block
 * there would begin where one of the arena below ends, the first that was
 * allocated in it, and a program that goes through a stream of objects is often
 * at this block when a collection is due.
 */
GL_INLINE size_t gl_arena_first_cursor(const struct gl_arena *arena) {
  gl_assert(gl_arena_is_swept(arena));
  size_t first = gl_arena_first_granule(arena);
  if (gl_heap.pad_bytes == 0 || !gl_tags_is_free(gl_heap.tags, first))
    return first;
  if (!gl_tags_is_block(gl_heap.tags, first + 1))
    gl_tags_set_free(gl_heap.tags, first + 1);
  return first + 1;
}

/* Whether nobody opened it for a grace period, and its pages can go. */
bool gl_arena_is_idle(const struct gl_arena *arena);

/* Discard the whole pages within the free runs of a swept arena, none of which
   is in a bin or open, and note that it is hollow.  Returns how many pages it
   were. */
size_t gl_arena_discard(struct gl_arena *arena);

/* True where no block of a swept arena is allocated. */
bool gl_arena_is_empty(const struct gl_arena *arena);

/* Prove that the arena's tags are a heap: see tags.h. */
bool gl_arena_check(const struct gl_arena *arena);

#endif
