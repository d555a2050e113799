/* SPDX-License-Identifier: MIT */
/*
 * mark.h: a marker: what one thread needs to mark.  mark.c is what a marker
 * does, markers.c how several share the work, helpers.c who they are.
 */
#ifndef GL_MARK_H
#define GL_MARK_H

#include "gc.h"

/*
 * A range of granules that is to be scanned, of one block, or of neighbours in
 * a tenured arena:
 *
 *     63                                16 15                  0
 *    | address                            | granules (16 bits)  |
 *
 * The largest count stands for all that is left of a large block.  (It is what
 * a processor can compare without taking the word apart, and the address is one
 * shift away.)
 */
typedef uint64_t gl_mark_entry;
#define GL_MARK_COUNT_BITS 16
#define GL_MARK_COUNT_MAX (((size_t)1 << GL_MARK_COUNT_BITS) - 1)

_Static_assert(GL_ARENA_GRANULES < GL_MARK_COUNT_MAX, "an arena's block fits");

GL_INLINE gl_mark_entry gl_mark_entry_of(uintptr_t address, size_t granules) {
  gl_assert(granules > 0 && granules <= GL_MARK_COUNT_MAX);
  gl_assert(address % GL_GRANULE_BYTES == 0 &&
            address >> (64 - GL_MARK_COUNT_BITS) == 0);
  return (uint64_t)address << GL_MARK_COUNT_BITS | granules;
}

GL_INLINE uintptr_t gl_mark_entry_address(gl_mark_entry entry) {
  return (uintptr_t)(entry >> GL_MARK_COUNT_BITS);
}

GL_INLINE size_t gl_mark_entry_granules(gl_mark_entry entry) {
  return (size_t)(entry & GL_MARK_COUNT_MAX);
}

/*
 * A word of memory that may or may not be a pointer: of it nothing is known but
 * its bits.  A candidate is one that points below the heap's extent.  One
 * function turns words into blocks: hot_blacken_any (hot.h).
 */
struct gl_word {
  uintptr_t bits;
} __attribute__((may_alias));

_Static_assert(sizeof(struct gl_word) == sizeof(void *), "memory is so many");

GL_INLINE struct gl_word gl_word_of(uintptr_t address) {
  return (struct gl_word){address};
}

/* Words that are sorted at once; room for candidates, and behind it for what
   such a load or store has too much. */
#define GL_SPLIT_WORDS 4
#define GL_MARK_RING 512
#define GL_MARK_RING_SLACK GL_SPLIT_WORDS

/* Code that reads all of memory, word by word, as it is: no sanitizer can
   judge it. */
#define GL_MARK_UNCHECKED __attribute__((no_sanitize("address", "thread")))

/*
 * Territories: the heap, dealt out to markers, so that no word of tags is
 * written by two of them and marks need no atomic instruction.  A region is a
 * power of two of neighbouring slots, so many that 32 have room for all arenas;
 * where there are large blocks too, it is every 32nd such piece of the heap.  A
 * territory is some neighbouring regions: bits in a mask.  A marker holds some
 * territories.
 */
#define GL_REGIONS_MAX 32
#define GL_TERRITORIES_MAX GL_REGIONS_MAX
#define GL_TERRITORIES_ALL UINT32_MAX

_Static_assert(((uint64_t)1 << GL_REGIONS_MAX) - 1 == GL_TERRITORIES_ALL,
               "a bit for each region");

/* Candidates, or entries, sent together from one marker to another: some, and a
   whole number of those that are sorted at once.  (124 take 1.2 times as long
   for an array.) */
#define GL_PACKET_WORDS (63 * GL_SPLIT_WORDS)

struct gl_packet {
  struct gl_packet *next;
  size_t count;
  union {
    struct gl_word candidates[GL_PACKET_WORDS];
    gl_mark_entry entries[GL_PACKET_WORDS];
  };
} __attribute__((aligned(64)));

/*
 * One marker.  Equation while it marks: a block that it blackened is scanned,
 * or one of its entries, or its slot is flagged as overflowed.
 *
 * The stack is [bottom, depth): entries are pushed and popped at depth, and
 * given to other markers from the bottom, where the oldest and largest are.
 */
struct gl_marker {
  gl_mark_entry *stack;
  size_t bottom, depth, capacity;
  uint32_t *live;    /* for each slot, granules that it blackened */
  uint64_t objects;  /* blocks that it blackened */
  bool mixed;        /* in its last turn, some of them long and some short */
  bool shared;       /* others mark at the same time */
  uint32_t held;     /* territories in which it alone blackens */
  size_t away_count; /* candidates that are not in them, */
  size_t unsent;     /* and those already sorted into packets */
  struct gl_packet *out[GL_TERRITORIES_MAX];
  struct gl_packet *coming; /* sent to it; and how much of the first is in */
  size_t taken;
  struct gl_packet *spare; /* for what it will send */
  size_t spare_count;
  struct gl_word ring[GL_MARK_RING]; /* candidates */
  struct gl_word away[GL_MARK_RING + GL_PACKET_WORDS + GL_MARK_RING_SLACK];
} __attribute__((aligned(64)));

/* What all markers share. */
struct gl_marking {
  size_t extent_bytes; /* of the heap, at the start of this marking */
  size_t root_pointers; /* words of the roots that were candidates */
  uint8_t *flags;  /* for each slot: blocks in it found no room on a stack */
  bool overflowed; /* some slot is flagged */
  unsigned region_shift; /* a region's bytes, by their logarithm */
  uintptr_t region_base; /* where the first one begins: the lowest arena */
  uint8_t *tenured; /* in a minor one, for each slot: black from the start */
  bool fixed;      /* stacks may not grow */
  bool has_avx2;   /* the processor does, and BMI2 */
};

extern struct gl_marking gl_marking;

/* Whether a marking would take it for the address of something. */
GL_INLINE bool gl_mark_is_candidate(struct gl_word word) {
  return word.bits - gl_heap.base < gl_marking.extent_bytes;
}

/* That of a candidate. */
GL_INLINE unsigned gl_region(struct gl_word word) {
  gl_assert(gl_mark_is_candidate(word));
  return (word.bits - gl_marking.region_base) >> gl_marking.region_shift &
         (GL_REGIONS_MAX - 1);
}

/* Whether a candidate lies in territory that a marker holds. */
GL_INLINE bool gl_marker_holds(const struct gl_marker *m, struct gl_word word) {
  return (m->held >> gl_region(word) & 1) != 0;
}

bool gl_marker_init(struct gl_marker *marker);

/* A marking begins: nothing is live, and a stack that is much too long is
   halved. */
void gl_marker_begin(struct gl_marker *marker);

/* Mark all that the marker's entries reach. */
void gl_marker_drain(struct gl_marker *marker);

/* The same for a processor with AVX2 and BMI2, and whether this is one. */
void gl_marker_drain_avx2(struct gl_marker *marker);
bool gl_marker_has_avx2(void);

/* The first word of [word, end) that points into the heap or to its end, or
   end. */
const struct gl_word *gl_mark_next_root_avx2(const struct gl_word *word,
                                             const struct gl_word *end);

/* The rare cases of draining: an entry of the block at head that finds the
   stack full; candidates for whose blocks it may have no room; an entry that is
   longer than a piece, of which the piece is left to the caller; a candidate
   that is in no arena; one that is interior, or a block whose end is in another
   line of tags. */
void gl_marker_push_slow(struct gl_marker *marker, uintptr_t head,
                         gl_mark_entry entry);
void gl_marker_blacken_slowly(struct gl_marker *marker,
                              const struct gl_word *candidates, size_t count);
void gl_marker_push_rest(struct gl_marker *marker, gl_mark_entry entry,
                         size_t piece_granules);
void gl_marker_mark_large(struct gl_marker *marker, struct gl_word word);
size_t gl_marker_find_head(size_t granule);
size_t gl_marker_find_end(size_t head);

/* Take an entry in from another marker. */
void gl_marker_push(struct gl_marker *marker, gl_mark_entry entry);

/* Whether the oldest entry, of one or more, is long enough to be cut; cut it in
   half, and return the upper one. */
bool gl_marker_can_split(const struct gl_marker *marker);
gl_mark_entry gl_marker_split(struct gl_marker *marker);

/* Blacken the block that a word points into, in a territory that is held. */
void gl_marker_blacken(struct gl_marker *marker, struct gl_word word);

/* ------------------------------------------------------ endings (endings.c) */

/* Make their table; false without memory. */
bool gl_endings_init(void);

/* A full marking begins. */
void gl_endings_begin(void);

/* The block that ends where a root points, and another one begins, is to be
   followed last.  False where it has to be followed at once. */
bool gl_endings_defer(uintptr_t block);

/* Follow them: all else is marked. */
void gl_endings_follow(struct gl_marker *marker);

/* What the last full marking kept for them, and may be dead. */
size_t gl_endings_kept_bytes(void);

/* ------------------------------------------------------ sharing (markers.c) */

/* The marker of the collecting thread. */
extern struct gl_marker gl_marker_main;

/* What markers that work should know: in the lower half the territories to
   which candidates were sent, and whether somebody waits for work for whom none
   is there.  Changes rarely, and has a cache line to itself. */
#define GL_NEWS_HUNGRY ((uint64_t)1 << 32)
_Static_assert(GL_NEWS_HUNGRY > GL_TERRITORIES_ALL, "it is no territory");

struct gl_markers_news {
  uint64_t word;
} __attribute__((aligned(64)));
extern struct gl_markers_news gl_markers_news;

/* Send the candidates that were put aside. */
void gl_markers_send(struct gl_marker *marker);

/* Let what was sent to this marker, if anything was, be what is coming.  Where
   somebody is hungry give work away, and perhaps territory. */
void gl_markers_share(struct gl_marker *marker);

/* All of a packet has been taken in. */
void gl_markers_return(struct gl_marker *marker, struct gl_packet *packet);

/* Make the pool of packets; false without memory. */
bool gl_markers_init(void);

/* Let the helpers work, where that is chosen, until all is marked. */
void gl_markers_start(void);
void gl_markers_finish(void);

/* What a helper does: take part in one marking after another. */
GL_NORETURN void gl_markers_serve(struct gl_marker *marker);

/* Slots below the top of the heap, as of the start of the marking. */
size_t gl_mark_slots(void);

/* Memory of packets that was ever used. */
size_t gl_markers_pool_bytes(void);

/* In the child of a fork there is nobody to share with. */
void gl_markers_after_fork(void);

/* ------------------------------------------------------ helpers (helpers.c) */

/* With the collecting thread; fewer than packets: gc/options.c. */
#define GL_MARKERS_MAX 32

struct gl_helper {
  struct gl_marker marker;
  uint32_t round;     /* the marking that the marker was last used in */
  clockid_t clock;    /* processor time of the thread, */
  uint64_t joined_ns; /* and what it was when that began */
  pid_t tid;          /* 0 until the thread is ready */
};

_Static_assert(offsetof(struct gl_helper, marker) == 0,
               "a marker that is a helper's is the helper");

/* Whether there are fewer helpers than a marking wants; make those, with no
   lock held but that of the turn. */
bool gl_helpers_are_wanted(void);
void gl_helpers_prepare(void);

/* Whether they are to take part in the marking that begins. */
bool gl_helpers_are_chosen(void);

/* How many there are, one of them, and whether a thread is one. */
size_t gl_helpers_count(void);
struct gl_helper *gl_helpers_get(size_t i);
bool gl_helpers_have(pid_t tid);

/* In the child of a fork there are none. */
void gl_helpers_after_fork(void);

/* --------------------------------------------------------- trials (trial.c) */

/* Times that one way is taken between two trials of the other. */
#define GL_TRIAL_INTERVAL_MIN 4
#define GL_TRIAL_INTERVAL_MAX 64
_Static_assert(GL_TRIAL_INTERVAL_MAX % GL_TRIAL_INTERVAL_MIN == 0,
               "one is the other doubled some times");

/* Two ways to do a thing, false and true. */
struct gl_trial {
  double cost[2];    /* of each, as of late; 0 where it was never taken */
  bool better;       /* the way that costs less */
  unsigned interval; /* of trials, and what is left of it */
  unsigned left;
};

#define GL_TRIAL_OF(way)                                                       \
  { {0, 0}, (way), GL_TRIAL_INTERVAL_MIN, GL_TRIAL_INTERVAL_MIN }

/* The way to take next. */
bool gl_trial_choose(const struct gl_trial *trial);

/* What it has cost, in any unit that can be compared. */
void gl_trial_note(struct gl_trial *trial, double cost);

#endif
