/* SPDX-License-Identifier: MIT */
/*
 * minor.c: which collections are minor ones.
 *
 * Most objects die young, and what has lived through some collections will most
 * likely live through the next.  So a minor collection leaves alone what is
 * old: arenas full of live blocks that nobody has opened since the last marking
 * (gl_heap_tenure).  Their blocks are black from the start, all of them are
 * roots, and none of them is freed.  It finds all the garbage that is young,
 * but for what old garbage points to, in a fraction of the time: what is old is
 * read from end to end, not traced object by object.
 *
 * Marks that stay are sticky mark bits (Demers, Weiser, Hayes, Boehm, Bobrow,
 * Shenker: Combining Generational and Conservative Garbage Collection, POPL
 * 1990). There the pages that were written to since the last collection have to
 * be known, by faults or from the kernel, and only those are read.  To read all
 * of the old arenas needs no help and costs the program nothing: 12 GB a
 * second, and no tag, no mark and no object elsewhere is touched.
 *
 * What dies in an old arena stays until a full collection, and takes from the
 * room that a minor one leaves to allocate in.  So minor ones follow a full one
 * as long as each is expected to be cheaper, for a byte that is allocated after
 * it, than all since the full one were together: then to begin anew would cost
 * more.  They follow within bounds of number and of time.  A program that asks
 * for a collection gets a full one, and so does an allocation that finds no
 * room.
 */
#include "gc.h"

/* Minor collections in a row, at most: more would save little, where a full one
   takes four times as long. */
#define MINOR_RUN_MAX 16

/* Old garbage is not kept for longer than this, and so many times what the last
   full collection took: that bounds what full ones may cost, too. */
#define MINOR_AGE_MAX_NS 1000000000u
#define MINOR_AGE_MAX_PAUSES 20

/* Free granules in an old arena, at most.  Where there are more, there are many
   free runs, and to read what lies between them takes as long as to mark it. */
#define MINOR_FREE_MAX (GL_ARENA_GRANULES / 8 * (GL_TORTURE ? 7 : 1))

/* Of what is alive, in parts: old arenas must hold so many for a minor
   collection to be worth while. */
#define MINOR_WORTH_PART 4

/* To read what is old takes such a part of the time that it takes to mark it;
   and however little room is left, it is such a part of what there was
   (gc/pace.c). */
#define MINOR_READ_PART 4
#define MINOR_ROOM_PART 4

/* What is alive has grown by such a part: something is being built up. */
#define MINOR_GROWTH_PART 8

/* Full collections between two tries of a minor one that is not expected to
   pay; twice as many after each that did not. */
#define MINOR_TRY_MIN 16
#define MINOR_TRY_MAX 64

static struct {
  unsigned run;         /* minor ones since the last full one */
  size_t tenured_bytes; /* before this collection, by the one before it */
  size_t full_bytes;    /* alive after the last full collection, */
  size_t last_bytes;    /* and after the last one of any kind */
  uint64_t full_end_ns; /* when the last full one was, and how long it took */
  uint64_t full_pause_ns;
  unsigned tries;       /* full ones between two tries, */
  unsigned left;        /* and until the next */
  bool tried;           /* the last one was such */
  bool grew;            /* what is alive has, in the last full one */
  /* nanoseconds: to mark since the last full one, that included; and to mark
     once more, if the next one is minor */
  double cost, next_cost;
  /* bytes: allocated for that cost; of them, after the full one, and since the
     last one; and of these, what the next one will not free if it is minor */
  double gain, full_gain, last_gain, growth;
} minor GL_DATA = {.tries = MINOR_TRY_MIN, .left = MINOR_TRY_MIN};

/* Tests want as many as may be. */
static bool minor_is_forced(const struct gl_cycle *cycle) {
  return GL_TORTURE ||
         (cycle->cause == GL_CAUSE_STRESS && gl_options.stress_minor);
}

static bool minor_may_be(const struct gl_cycle *cycle) {
  if (cycle->cause == GL_CAUSE_PROGRAM || cycle->cause == GL_CAUSE_ROOM)
    return false;
  if (cycle->cause == GL_CAUSE_STRESS && !minor_is_forced(cycle)) return false;
  return !gl_options.debug && minor.run < MINOR_RUN_MAX;
}

static bool minor_is_full_due(const struct gl_cycle *cycle) {
  uint64_t age_ns = cycle->start_ns - minor.full_end_ns;
  gl_assert(cycle->start_ns >= minor.full_end_ns);
  double floating = (double)minor.last_bytes - (double)minor.full_bytes;
  if (floating > minor.full_gain - minor.full_gain / MINOR_ROOM_PART)
    return true;
  return age_ns > MINOR_AGE_MAX_NS &&
         age_ns > MINOR_AGE_MAX_PAUSES * minor.full_pause_ns;
}

static bool minor_is_worth_while(void) {
  gl_assert(minor.tenured_bytes > 0);
  return minor.tenured_bytes >= minor.last_bytes / MINOR_WORTH_PART;
}

/* Whether one more is cheap, for the room that it leaves. */
static bool minor_pays(void) {
  double least = minor.last_gain / MINOR_ROOM_PART;
  double room = minor.last_gain - minor.growth;
  gl_assert(minor.growth >= 0 && minor.gain >= minor.last_gain);
  if (room < least) room = least;
  return minor.next_cost * minor.gain <= minor.cost * room;
}

/* What is expected after a full one is a guess, and may be far too much. */
static bool minor_is_tried(bool pays) {
  gl_assert(minor.left > 0 && minor.left <= minor.tries);
  if (minor.tried) {
    minor.tries *= 2;
    if (pays) minor.tries = MINOR_TRY_MIN;
    if (minor.tries > MINOR_TRY_MAX) minor.tries = MINOR_TRY_MAX;
  }
  minor.tried = !pays && minor.run == 0 && !minor.grew && --minor.left == 0;
  if (minor.run > 0 || minor.tried) minor.left = minor.tries;
  return pays || minor.tried;
}

bool gl_minor_choose(const struct gl_cycle *cycle) {
  gl_assert(gl_threads_are_stopped());
  minor.tenured_bytes = gl_heap_tenure(MINOR_FREE_MAX);
  gl_assert(minor.tenured_bytes <= gl_heap.arena_count << GL_ARENA_SHIFT);
  if (!minor_may_be(cycle) || minor.tenured_bytes == 0) return false;
  if (minor_is_full_due(cycle)) return false;
  if (minor_is_forced(cycle)) return true;
  return minor_is_worth_while() && minor_is_tried(minor_pays());
}

/* What is expected of the next minor one is what this one was, and the one
   before it: a single one may have been disturbed. */
static void minor_note_minor(const struct gl_cycle *cycle) {
  double cost = (double)cycle->mark_cpu_ns;
  gl_assert(minor.run < MINOR_RUN_MAX && minor.full_end_ns > 0);
  minor.next_cost = minor.run == 0 ? cost : (minor.next_cost + cost) / 2;
  minor.run++;
  minor.cost += cost;
  minor.growth = 0;
  if (cycle->live_bytes > minor.last_bytes)
    minor.growth = (double)(cycle->live_bytes - minor.last_bytes);
}

/* And after a full one, that as large a part of what is allocated will be
   marked as was young and alive now, if all that is had been new, and that what
   is old is read. */
static void minor_note_full(const struct gl_cycle *cycle) {
  gl_assert(cycle->tenured_bytes + cycle->large_atomic_bytes <=
            cycle->live_bytes);
  double old = (double)cycle->tenured_bytes;
  double young =
      (double)(cycle->live_bytes - cycle->large_atomic_bytes) - old;
  double lasting = young < minor.last_gain ? young / minor.last_gain : 1;
  minor.run = 0;
  minor.tried = false;
  minor.cost = (double)cycle->mark_cpu_ns;
  minor.gain = 0;
  minor.full_gain = (double)cycle->next_bytes;
  minor.grew = cycle->live_bytes >
               minor.last_bytes + minor.last_bytes / MINOR_GROWTH_PART;
  minor.growth = lasting * minor.full_gain;
  gl_assert(minor.growth >= 0 && minor.growth <= minor.full_gain);
  minor.next_cost =
      minor.cost * (minor.growth + old / MINOR_READ_PART) / (young + old + 1);
  minor.full_bytes = cycle->live_bytes;
  minor.full_end_ns = cycle->end_ns;
  minor.full_pause_ns = cycle->end_ns - cycle->start_ns;
}

size_t gl_minor_floating_bytes(const struct gl_cycle *cycle) {
  gl_assert(cycle->minor);
  if (cycle->live_bytes <= minor.full_bytes) return 0;
  return cycle->live_bytes - minor.full_bytes;
}

void gl_minor_note(const struct gl_cycle *cycle) {
  gl_assert(cycle->stopped && cycle->next_bytes > 0);
  if (cycle->minor)
    minor_note_minor(cycle);
  else
    minor_note_full(cycle);
  minor.last_gain = (double)cycle->next_bytes;
  minor.gain += minor.last_gain;
  minor.last_bytes = cycle->live_bytes;
}
