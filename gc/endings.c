/* SPDX-License-Identifier: MIT */
/*
 * endings.c: blocks to which nothing leads but a pointer one past their end.
 *
 * Such a pointer is legal C, and may be all that a program has of a block.  But
 * where the block is not padded (up to 32 bytes) the next one may begin there,
 * and then a root that points to that one keeps this one too:
 *
 *      root -----------------+
 *                            v
 *      |dead node |next| ... | queue |   dead node -> node -> node -> the queue
 *
 * That is most often harmless, but the block may be a node that has long been
 * taken out of a queue, and lead to all that were ever put into it.
 *
 * So such blocks are followed last, when all else is marked: what they keep is
 * known then, and makes no room for more.  While it grows, collections look at
 * what each of them keeps.  Those that keep more and more objects, collection
 * after collection, until they are most of all there are, and that nobody
 * writes to, are such nodes: they are cleared, and keep their places, so that
 * no other node comes to lie there.  (A program that has such a pointer in
 * earnest, for so long, to a block of two or four words, through which alone it
 * reaches ever more: we know of none.  To pad short blocks too, as others do,
 * takes half as much memory again.)
 */
#include <string.h>

#include "../alloc/os.h"
#include "mark.h"

/* Those found among the roots wait in a list; where it is full others are
   followed at once.  (A global table of 20,000 pointers to blocks of up to 100
   bytes: a seventh of the time was to look at each.) */
#define ENDINGS_WAITING ((size_t)1 << 18)

/* Followed before what they reach is marked. */
#define ENDINGS_AT_ONCE 256

/* Places for those that are looked at, by the logarithm, at first and at most:
   more where some found none.  A block has one of a few. */
#define ENDINGS_SHIFT_MIN 8
#define ENDINGS_SHIFT_STEP 3
#define ENDINGS_SHIFT_MAX 14
#define ENDINGS_MAX ((size_t)1 << ENDINGS_SHIFT_MAX)
#define ENDINGS_PROBES 8

_Static_assert((ENDINGS_SHIFT_MAX - ENDINGS_SHIFT_MIN) % ENDINGS_SHIFT_STEP ==
                   0,
               "as many as there may be are met");
_Static_assert(ENDINGS_MAX <= (size_t)UINT16_MAX + 1, "places have numbers");
_Static_assert(ENDINGS_PROBES <= 1 << ENDINGS_SHIFT_MIN, "each once");

/* How often one has to have kept more than ever before to be cleared, and what
   part of all objects those that have must keep, and how many.  (Not on end: a
   word that a function has left on the stack may lead to most of them for
   once.) */
#define ENDINGS_GROWTHS 3
#define ENDINGS_SHARE 2
#define ENDINGS_OBJECTS ((uint64_t)16384)

/* In so many collections before this one nothing need have been heard of one
   that is remembered: something else may have led to it. */
#define ENDINGS_MEMORY 2

/* For so many collections each is looked at, when all together have kept more
   than ever before, and this many. */
#define ENDINGS_WATCH 8
#define ENDINGS_WATCHED ((uint64_t)4096)

struct ending {
  uintptr_t block;
  uint64_t words;   /* of it, in short: whether it was written to */
  uint64_t most;    /* objects that it kept */
  uint32_t growths; /* how often it kept more than ever before */
  uint32_t number;  /* of the last full collection that found it */
};

struct endings_table {
  uintptr_t waiting[ENDINGS_WAITING];
  struct ending places[ENDINGS_MAX];
  uint16_t found[ENDINGS_MAX]; /* places of those found in this one, in order */
};

static struct {
  struct endings_table *table;
  uint32_t number;
  unsigned shift;
  size_t waiting;
  size_t count;
  bool full;    /* the list */
  unsigned watch; /* collections that look at each */
  uint64_t most;  /* objects that all together kept */
  bool crowded; /* one found no place */
  bool leaks;   /* those that grow had kept most of all, in the last one */
  size_t kept_bytes; /* by all that were followed last, but for large blocks */
} endings GL_DATA = {.number = ENDINGS_MEMORY, .shift = ENDINGS_SHIFT_MIN};

bool gl_endings_init(void) {
  if (endings.table == NULL) endings.table = gl_os_map(sizeof *endings.table);
  return endings.table != NULL;
}

/* Where all is forgotten the numbers jump. */
void gl_endings_begin(void) {
  bool grows = endings.crowded && endings.shift < ENDINGS_SHIFT_MAX;
  gl_assert(endings.shift <= ENDINGS_SHIFT_MAX);
  if (grows) endings.shift += ENDINGS_SHIFT_STEP;
  endings.number += grows ? ENDINGS_MEMORY + 1 : 1;
  endings.waiting = endings.count = 0;
  endings.full = endings.crowded = false;
}

static size_t ending_hash(uintptr_t block) {
  uint64_t hash = (uint64_t)block * 0x9E3779B97F4A7C15u;
  return (size_t)(hash >> (64 - endings.shift));
}

static bool ending_is_known(const struct ending *ending) {
  gl_assert(ending->number <= endings.number);
  return ending->number + ENDINGS_MEMORY >= endings.number;
}

/* The block's place; where it has none, one of which nothing was heard for some
   collections; or NULL. */
static struct ending *ending_find(uintptr_t block) {
  struct ending *unused = NULL;
  size_t mask = ((size_t)1 << endings.shift) - 1;
  gl_assert(gl_mark_is_candidate(gl_word_of(block)));
  gl_assert(block % GL_GRANULE_BYTES == 0);
  for (size_t i = 0, at = ending_hash(block); i < ENDINGS_PROBES; i++) {
    struct ending *ending = &endings.table->places[(at + i) & mask];
    if (!ending_is_known(ending))
      unused = ending;
    else if (ending->block == block)
      return ending;
  }
  if (unused != NULL) *unused = (struct ending){.block = block};
  return unused;
}

/* Give it a place; false where there is none for it. */
static bool ending_place(uintptr_t block) {
  struct ending *ending = ending_find(block);
  endings.crowded |= ending == NULL;
  if (ending == NULL) return false;
  if (ending->number == endings.number) return true;
  gl_assert(endings.count < (size_t)1 << endings.shift);
  ending->number = endings.number;
  endings.table->found[endings.count++] =
      (uint16_t)(ending - endings.table->places);
  return true;
}

static bool ending_is_marked(uintptr_t block) {
  return gl_tags_is_marked(gl_heap.tags, gl_granule_of((void *)block));
}

/* Drop those that are marked by now, as most are. */
static void endings_drop_marked(void) {
  uintptr_t *waiting = endings.table->waiting;
  size_t left = 0;
  for (size_t i = 0; i < endings.waiting; i++)
    if (!ending_is_marked(waiting[i])) waiting[left++] = waiting[i];
  gl_assert(left <= endings.waiting);
  endings.waiting = left;
}

/* They get places; those that find none wait on. */
static void endings_place_all(void) {
  uintptr_t *waiting = endings.table->waiting;
  size_t left = 0;
  gl_assert(endings.watch > 0);
  for (size_t i = 0; i < endings.waiting; i++)
    if (!ending_place(waiting[i])) waiting[left++] = waiting[i];
  endings.waiting = left;
}

/* Make room in the list; it may stay full. */
static void endings_shorten(void) {
  gl_assert(endings.waiting == ENDINGS_WAITING);
  endings_drop_marked();
  if (endings.watch > 0) endings_place_all();
  endings.full = endings.waiting > ENDINGS_WAITING - ENDINGS_WAITING / 8;
}

bool gl_endings_defer(uintptr_t block) {
  gl_assert(!gl_heap.minor && endings.waiting <= ENDINGS_WAITING);
  if (endings.full) return false;
  endings.table->waiting[endings.waiting++] = block;
  if (endings.waiting == ENDINGS_WAITING) endings_shorten();
  return true;
}

/* A few words of the block, in one. */
static uint64_t ending_words(const struct gl_block *block) {
  uint64_t sum = 1;
  for (size_t i = 0; i < block->size / sizeof sum && i < 4; i++)
    sum = sum * 0x9E3779B97F4A7C15u + ((const uint64_t *)block->start)[i];
  return sum;
}

static bool ending_grows(const struct ending *ending) {
  return ending->growths >= ENDINGS_GROWTHS;
}

/* It may be another block by now, at the same place. */
static void ending_note(struct ending *ending, uint64_t words, uint64_t kept) {
  gl_assert(ending->number == endings.number);
  if (words != ending->words) ending->most = ending->growths = 0;
  ending->words = words;
  if (kept <= ending->most + ending->most / 16) return;
  ending->growths += ending->most > 0;
  ending->most = kept;
}

/* Where it was not written to, and nothing else leads to it. */
static void ending_clear(const struct ending *ending,
                         const struct gl_block *block) {
  gl_assert(ending_grows(ending) && endings.leaks);
  if (!gl_tags_is_marked(gl_heap.tags, gl_granule_of(block->start)) &&
      ending_words(block) == ending->words)
    memset(block->start, 0, block->size);
}

/* Returns the objects that it keeps, where these grow. */
static uint64_t ending_follow(struct gl_marker *m, struct ending *ending,
                              bool judged) {
  struct gl_block block;
  uint64_t before = m->objects;
  if (!gl_heap_find((void *)ending->block, &block)) return 0;
  gl_assert((uintptr_t)block.start == ending->block);
  if (judged) ending_clear(ending, &block);
  gl_marker_blacken(m, gl_word_of(ending->block));
  gl_marker_drain(m);
  ending_note(ending, ending_words(&block), m->objects - before);
  return ending_grows(ending) ? m->objects - before : 0;
}

/* Those that wait, all in one: what each keeps nobody asks. */
static void endings_follow_all(struct gl_marker *m) {
  const uintptr_t *waiting = endings.table->waiting;
  for (size_t i = 0; i < endings.waiting; i++) {
    if (!ending_is_marked(waiting[i]))
      gl_marker_blacken(m, gl_word_of(waiting[i]));
    if (i % ENDINGS_AT_ONCE == 0) gl_marker_drain(m);
  }
  gl_marker_drain(m);
  endings.waiting = 0;
}

/* One by one.  Those that are to be cleared come after all others, which may
   lead to them.  Returns the objects kept by those that grow. */
static uint64_t endings_follow_each(struct gl_marker *m) {
  struct endings_table *table = endings.table;
  uint64_t kept = 0;
  size_t judged = 0;
  for (size_t i = 0; i < endings.count; i++) {
    uint16_t place = table->found[i];
    if (endings.leaks && ending_grows(&table->places[place]))
      table->found[judged++] = place;
    else
      kept += ending_follow(m, &table->places[place], false);
  }
  for (size_t i = 0; i < judged; i++)
    kept += ending_follow(m, &table->places[table->found[i]], true);
  gl_assert(judged <= endings.count && kept <= m->objects);
  return kept;
}

static size_t endings_live_granules(const struct gl_marker *m) {
  size_t granules = 0;
  for (size_t slot = 0; slot < gl_mark_slots(); slot++)
    granules += m->live[slot];
  return granules;
}

static bool endings_are_most(uint64_t kept, uint64_t objects) {
  gl_assert(kept <= objects);
  return kept >= ENDINGS_OBJECTS && kept >= objects / ENDINGS_SHARE;
}

static void endings_watch(uint64_t kept) {
  bool grew =
      kept >= ENDINGS_WATCHED && kept > endings.most + endings.most / 16;
  if (grew || endings.full || endings.leaks)
    endings.watch = ENDINGS_WATCH;
  else if (endings.watch > 0)
    endings.watch--;
  if (grew || endings.watch == 0) endings.most = kept;
}

void gl_endings_follow(struct gl_marker *m) {
  uint64_t before = m->objects, kept_by_growing = 0;
  size_t granules_before = endings_live_granules(m);
  gl_assert(!gl_heap.minor && !m->shared && m->held == GL_TERRITORIES_ALL);
  if (endings.watch > 0) {
    endings_drop_marked();
    endings_place_all();
  }
  endings_follow_all(m);
  if (endings.watch > 0) kept_by_growing = endings_follow_each(m);
  endings.leaks = endings_are_most(kept_by_growing, m->objects);
  endings_watch(m->objects - before);
  endings.kept_bytes = (endings_live_granules(m) - granules_before)
                       << GL_GRANULE_SHIFT;
}

size_t gl_endings_kept_bytes(void) { return endings.kept_bytes; }
