/* SPDX-License-Identifier: MIT */
/*
 * endings.c: blocks to which nothing leads but a pointer one past their end.
 *
 * Such a pointer is legal C, and may be all that a program has of a block.  But where
 * the block is not padded (up to 32 bytes, or large) the next one may begin there, and
 * then a root that points to that one keeps this one too:
 *
 *      root -----------------+
 *                            v
 *      |dead node |next| ... | queue |       dead node -> node -> node -> the queue
 *
 * That is most often harmless, but the block may be a node that has long been taken out
 * of a queue, and lead to all that were ever put into it.
 *
 * So such blocks are followed last, when all else is marked: what one of them keeps is
 * known then.  One that keeps more and more objects, collection after collection, until
 * they are most of all there are, is such a node: it is cleared, and keeps its place, so
 * that no other node comes to lie there.  (A program that has such a pointer in earnest,
 * for so long, to a block of two or four words, through which alone it reaches ever more:
 * we know of none.  To pad short blocks too, as others do, takes half as much memory
 * again.)
 */
#include <string.h>

#include "mark.h"

#define ENDINGS_SHIFT 9
#define ENDINGS_MAX ((size_t)1 << ENDINGS_SHIFT)

/* What one has to keep, of all, and how often on end it has to have kept more than
   before, to be cleared. */
#define ENDINGS_OBJECTS ((uint64_t)16384)
#define ENDINGS_SHARE 2
#define ENDINGS_GROWTHS 3

struct ending {
  uintptr_t block;
  uint32_t number;  /* of the last full collection that found it */
  uint32_t growths; /* until then, on end */
  uint64_t kept;    /* objects that it kept */
  bool most;        /* and these were most of all */
};

/* A block has one place, so the first of those that share it is followed last. */
static struct {
  uint32_t number;
  size_t count; /* found in this one, and their places in order */
  uint16_t found[ENDINGS_MAX];
  struct ending places[ENDINGS_MAX];
} endings GL_DATA = {.number = 1};

static size_t ending_place(uintptr_t block) {
  uint64_t hash = (uint64_t)block * 0x9E3779B97F4A7C15u;
  return (size_t)(hash >> (64 - ENDINGS_SHIFT));
}

void gl_endings_begin(void) {
  endings.number++;
  endings.count = 0;
}

bool gl_endings_defer(uintptr_t block) {
  size_t place = ending_place(block);
  struct ending *ending = &endings.places[place];
  if (ending->number == endings.number) return ending->block == block;
  if (ending->block != block || ending->number + 1 != endings.number)
    *ending = (struct ending){.block = block};
  ending->number = endings.number;
  endings.found[endings.count++] = (uint16_t)place;
  return true;
}

static bool ending_is_leak(const struct ending *ending) {
  return ending->growths >= ENDINGS_GROWTHS && ending->most;
}

static void ending_note(struct ending *ending, uint64_t kept, uint64_t all) {
  bool grew = ending->kept > 0 && kept > ending->kept + ending->kept / 16;
  ending->growths = grew ? ending->growths + 1 : 0;
  ending->kept = kept;
  ending->most = kept >= ENDINGS_OBJECTS && kept >= all / ENDINGS_SHARE;
}

static void ending_clear(const struct ending *ending) {
  struct gl_block block;
  if (gl_heap_find((void *)ending->block, &block))
    memset(block.start, 0, block.size);
}

void gl_endings_follow(struct gl_marker *m) {
  for (size_t i = 0; i < endings.count; i++) {
    struct ending *ending = &endings.places[endings.found[i]];
    uint64_t before = m->objects;
    if (ending_is_leak(ending)) ending_clear(ending);
    gl_marker_blacken(m, ending->block);
    gl_marker_drain(m);
    ending_note(ending, m->objects - before, m->objects);
  }
}
