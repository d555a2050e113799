/* SPDX-License-Identifier: MIT */
/*
 * minor.c: which collections are minor ones.
 *
 * Most objects die young, and what has lived through some collections will most
 * likely live through the next.  So a minor collection leaves alone what is old:
 * arenas full of live blocks that nobody has opened since the last marking
 * (gl_heap_tenure).  Their blocks are black from the start, all of them are roots,
 * and none of them is freed.  It finds all the garbage that is young, but for what
 * old garbage points to, in a fraction of the time: what is old is read from end to
 * end, not traced object by object.
 *
 * Marks that stay are sticky mark bits (Demers, Weiser, Hayes, Boehm, Bobrow,
 * Shenker: Combining Generational and Conservative Garbage Collection, POPL 1990).
 * There the pages that were written to since the last collection have to be known,
 * by faults or from the kernel, and only those are read.  To read all of the old
 * arenas needs no help and costs the program nothing: 12 GB a second, and no tag,
 * no mark and no object elsewhere is touched.
 *
 * What dies in an old arena stays until a full collection.  Such is every other one
 * at first; the more of them find next to nothing dead there, the more rare they
 * become, within bounds of number and of time.  A program that asks for a
 * collection gets a full one, and so does an allocation that finds no room.
 */
#include "gc.h"

/* Minor collections in a row, at most: more would save little, where a full one
   takes four times as long. */
#define MINOR_RUN_MAX 16

/* Old garbage is not kept for longer than this, and so many times what the last full
   collection took: that bounds what full ones may cost, too. */
#define MINOR_AGE_MAX_NS 1000000000u
#define MINOR_AGE_MAX_PAUSES 20

/* Free granules in an old arena, at most.  Where there are more, there are many free
   runs, and to read what lies between them takes as long as to mark it. */
#define MINOR_FREE_MAX (GL_TORTURE ? GL_ARENA_GRANULES : GL_ARENA_GRANULES / 8)

/* Of what is alive, in parts: old arenas must hold so many for a minor collection to
   be worth while. */
#define MINOR_WORTH_PART 4

/* Where a full one finds more of it dead there than this, fewer may follow; where more
   than the second, none. */
#define MINOR_WASTE_PART 10
#define MINOR_WASTE_MOST_PART 4

/* What is alive has grown by such a part: something is being built up, or old
   garbage was kept.  Only a full collection can tell. */
#define MINOR_GROWTH_PART 8

static struct {
  unsigned run;         /* that may follow a full collection, */
  unsigned left;        /* and what is left of it */
  bool grew;            /* what is alive has */
  size_t tenured_bytes; /* before this collection, by the one before it */
  size_t full_bytes;    /* alive after the last full collection, */
  uint64_t full_end_ns; /* when that was, and how long it took */
  uint64_t full_pause_ns;
  size_t last_bytes;    /* alive after the last one of any kind */
} minor GL_DATA = {.run = 1};

/* Tests want as many as may be. */
static bool minor_is_forced(const struct gl_cycle *cycle) {
  return GL_TORTURE ||
         (cycle->cause == GL_CAUSE_STRESS && gl_options.stress_minor);
}

static bool minor_may_be(const struct gl_cycle *cycle) {
  if (cycle->cause == GL_CAUSE_PROGRAM || cycle->cause == GL_CAUSE_ROOM)
    return false;
  if (cycle->cause == GL_CAUSE_STRESS && !minor_is_forced(cycle)) return false;
  return !gl_options.debug && minor.left > 0;
}

static bool minor_is_full_due(const struct gl_cycle *cycle) {
  uint64_t age_ns = cycle->start_ns - minor.full_end_ns;
  return age_ns > MINOR_AGE_MAX_NS &&
         age_ns > MINOR_AGE_MAX_PAUSES * minor.full_pause_ns;
}

static bool minor_is_worth_while(void) {
  return minor.tenured_bytes >= minor.last_bytes / MINOR_WORTH_PART;
}

bool gl_minor_choose(const struct gl_cycle *cycle) {
  minor.tenured_bytes = gl_heap_tenure(MINOR_FREE_MAX);
  if (!minor_may_be(cycle) || minor.tenured_bytes == 0) return false;
  if (minor_is_forced(cycle)) return true;
  return !minor.grew && !minor_is_full_due(cycle) && minor_is_worth_while();
}

static bool minor_has_grown(size_t bytes, size_t from_bytes) {
  return bytes > from_bytes + from_bytes / MINOR_GROWTH_PART;
}

/* A full collection tells how much was dead in arenas that a minor one would have
   left alone; if that was asked for by the program, perhaps too soon to tell. */
static void minor_learn(const struct gl_cycle *cycle) {
  size_t waste_bytes = minor.tenured_bytes - cycle->tenured_bytes;
  if (waste_bytes > cycle->live_bytes / MINOR_WASTE_MOST_PART)
    minor.run = 0;
  else if (waste_bytes > cycle->live_bytes / MINOR_WASTE_PART)
    minor.run /= 2;
  else if (cycle->cause != GL_CAUSE_PROGRAM && minor_is_worth_while() &&
           minor.run < MINOR_RUN_MAX)
    minor.run = minor.run == 0 ? 1 : minor.run * 2;
  minor.left = minor.run;
}

void gl_minor_note(struct gl_cycle *cycle) {
  if (cycle->minor) {
    minor.left--;
    if (cycle->live_bytes > minor.full_bytes)
      cycle->floating_bytes = cycle->live_bytes - minor.full_bytes;
    minor.grew = minor_has_grown(cycle->live_bytes, minor.full_bytes);
  } else {
    minor_learn(cycle);
    minor.grew = minor_has_grown(cycle->live_bytes, minor.last_bytes);
    minor.full_bytes = cycle->live_bytes;
    minor.full_end_ns = cycle->end_ns;
    minor.full_pause_ns = cycle->end_ns - cycle->start_ns;
  }
  minor.last_bytes = cycle->live_bytes;
}
