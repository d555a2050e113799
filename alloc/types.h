/* SPDX-License-Identifier: MIT */
/*
 * types.h: the data of the heap, all of it, with the equations that hold.
 *
 *   address space   |skip| arena | run | free | arena | ... | not committed |
 *                   base                                    top       end
 *
 * The heap is one reservation.  Pages below `top` belong to exactly one run:
 * an arena (aligned, GL_ARENA_BYTES), a large block, or a free run.  Beside the
 * heap, and never inside it, lie the tables: tags (64 B a page), pages (16 B a
 * page), dirty (1 B a page), arenas and slots (one each per arena's worth of
 * address space).
 *
 * Who may write what:
 *   runs, pages, dirty, top, slots    the holder of the heap lock
 *   tags and blocks of an arena       its owner's thread, inside the library
 *                                     (busy), or the holder of the heap lock
 *                                     where no thread has its owner; or the
 *                                     holder of the arena's latch while it is
 *                                     not swept
 *   anything                          the thread that has stopped the world,
 *                                     since no other thread is busy then
 */
#ifndef GL_TYPES_H
#define GL_TYPES_H

#include <pthread.h>

#include "base.h"
#include "tags.h"

struct gl_cache;

/* ------------------------------------------------------------------- runs */

enum gl_page_state {
  GL_PAGE_NONE, /* never used, or inside a free run */
  GL_PAGE_FREE, /* first or last page of a free run */
  GL_PAGE_LARGE,
  GL_PAGE_ARENA
};

/*
 * The boundary tags of page runs.  A free run has its size at both ends (head
 * on its last page leads to pages on its first); a large block has its head on
 * its last page, on every page whose number is a multiple of GL_STRIDE_PAGES,
 * and on each page before the first of those, so that any interior pointer
 * finds it in two steps.  All other entries keep what they had: one that says
 * LARGE is true only where its head says so too and reaches that far.
 *
 * next and prev link free runs in their bin and large blocks in one list, by
 * page number; page 0 is never handed out and ends a list.
 */
struct gl_page {
  uint32_t head;       /* first page of the run this page is in */
  uint32_t pages : 28; /* on the first page: length of the run */
  uint32_t state : 4;  /* enum gl_page_state */
  uint32_t next;
  uint32_t prev : 30;
  uint32_t kind : 2; /* of a large block: enum gl_kind */
};

#define GL_STRIDE_PAGES ((size_t)16)

_Static_assert(sizeof(struct gl_page) == 16, "a cache line holds four pages");

/* Exact bins up to 64 pages, then four for each power of two. */
#define GL_RUN_EXACT_BINS 64u
#define GL_RUN_BINS (GL_RUN_EXACT_BINS + 4u * 22u)

struct gl_runs {
  uint64_t nonempty[(GL_RUN_BINS + 63) / 64]; /* a bit for each bin */
  uint32_t bins[GL_RUN_BINS];                 /* first page of first run */
  uint32_t large;       /* first of the list of large blocks */
  size_t top_pages;     /* pages that belong to a run, and page 0 on */
  size_t huge_pages;    /* up to here huge ones are asked for, where they are */
  size_t used_pages;    /* in arenas and large blocks */
  size_t dirty_pages;   /* free, but not yet given back */
  size_t peak_pages;    /* the most that used + dirty ever was */
  size_t limit_pages;   /* used + dirty stays within; SIZE_MAX for none */
  uint64_t returned_pages;  /* to the system, since the start */
  uint64_t reviewed_pages;  /* the same when huge ones were last thought of */
  uint64_t tick_ns;     /* when the age of dirty pages last advanced */
  uint8_t tick;         /* 1..255, stamps pages as they become dirty */
  uint8_t spares_tick;  /* when spare blocks last went back */
  uint8_t review_tick;  /* when a trim last thought of huge pages */
  bool huge_refused;    /* huge pages are not wanted */
  size_t refused_pages; /* of how many, from the start on */
};

/* ----------------------------------------------------------------- arenas */

/*
 * One arena.  Its life between two collections:
 *
 *   pending    bound == 0.  Its free runs are where its tags say, and no quick
 *              list or bin knows any of them.  Not swept at first: `swept` is
 *              false until its owner (or anyone, under its latch) sweeps it.
 *   current    the owner's lane opens its holes one after another; blocks
 *              below bound lie behind the cursor.
 *   visited    bound is its end: every hole was opened or put in a list or bin.
 *
 * One that was not opened when the next collection comes, though it had room,
 * is idle: it goes to the common cache where there are several (common.c), and
 * after a grace period its free pages are discarded, and it is hollow until it
 * is opened.
 *
 * Only blocks below bound may go to a quick list, so whatever lies ahead of
 * the cursor is known by its tags alone and can be coalesced by erasing them.
 */
struct gl_arena {
  struct gl_cache *owner;  /* NULL where this slot is no arena */
  uintptr_t bound;         /* gc_free is fast for blocks below */
  struct gl_arena *next;   /* in the owner's lane */
  uint32_t clean_from;     /* [clean_from, clean_to) was never written: its */
  uint32_t clean_to;       /* bytes are zero, and take no memory in pages that
                              are not dirty */
  uint8_t populate_pages;  /* that get their memory at once */
  uint16_t lane_offset;    /* of its lane in its owner: see gl_lane_of */
  uint8_t kind;            /* enum gl_kind */
  bool swept;              /* its tags are those of tags.h without exception */
  bool opened;             /* current or visited: pending no more */
  bool used;               /* opened, or made, since the last collection */
  bool tenured;            /* see gl_heap_tenure */
  uint8_t latch;           /* held by whoever sweeps it */
  uint8_t idle_since;      /* tick when it was first not opened between two
                              collections; 0 for not idle */
  uint32_t hollow_granules; /* of the free ones, those whose pages were
                               discarded, and not used since */
  /* Written by its owner at every free, while others that free blocks of it
     read who that is: so in a cache line of its own. */
  uint32_t free_granules /* exact after a sweep; then more, or one less */
      __attribute__((aligned(64)));
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct gl_arena) == 128, "two cache lines");

/* What the marker needs to know of an address, dense enough for the first
   level cache. */
enum gl_slot {
  GL_SLOT_RUNS,                             /* look into the page table */
  GL_SLOT_SCANNED = 1 + GL_SCANNED,         /* an arena of that kind */
  GL_SLOT_ATOMIC = 1 + GL_ATOMIC,
  GL_SLOT_UNCOLLECTABLE = 1 + GL_UNCOLLECTABLE
};

/* ------------------------------------------------------- caches and lanes */

/* The small lanes by kind, then the medium ones. */
#define GL_LANES (2 * GL_KIND_COUNT)

/*
 * Size classes: exact up to 64 granules (1 KiB), then eight for each power of
 * two, so that no block is more than an eighth larger than asked for.
 */
#define GL_EXACT_CLASSES 64u
#define GL_CLASSES (GL_EXACT_CLASSES + 8u * (GL_TORTURE ? 2u : 5u) + 1u)

/* Bins of free runs within arenas, from 8 granules (128 B): four for each
   power of two. */
#define GL_BIN_MIN_GRANULES 8u
#define GL_BINS 48u

/* A block in a quick list, or a run in a bin, in its own dead bytes.  Links
   are exclusive-ored with the heap's secret, so that a stray word which finds
   one of them finds no second, and a program that scribbles over freed memory
   is found out. */
struct gl_quick {
  uint64_t link; /* next, encoded */
  uint64_t seal; /* the link with the block's own address */
};

struct gl_free_run {
  uint64_t next; /* encoded */
  uint64_t prev; /* encoded */
  uint64_t size; /* granules, encoded with the run's own address too */
};

/*
 * An open hole: blocks are cut off its upper end.
 *
 *    start           limit          cur                    end of the hole
 *      |  free        |  free, ready |block|block|block|block|
 *      01                             10    10    10    10
 *
 * What is ready is zero, where the kind wants that, and charged.  The tag at
 * start stays as long as anything is free, so that the tags are true at any
 * time: every block and run ends where the next tag is.  So a granule at least
 * lies between start and limit; the slow path cuts the last block.  All of
 * them are NULL where no hole is open.
 *
 * Down, not up: what is right before a block is then what was allocated right
 * after it, which is most often a part of it.  That matters since a pointer to
 * a block may also be one past the end of the block before it, and keeps both.
 * (Bumping up, GCBench held on to the one tree that it had dropped before it
 * made the one it keeps: twice the memory, twice the marking.)
 */
struct gl_hole {
  char *cur;
  char *limit;
  char *start;
};

/* Which free runs go to quick lists: none; after a collection those of sizes
   that are asked for, and longer ones cut into such; after a rescan all of
   them, as they are (a block that grows may have one). */
enum gl_lists { GL_LISTS_NONE, GL_LISTS_ASKED, GL_LISTS_ALL };

/*
 * What one thread needs to allocate blocks of one kind, either small ones, of
 * the exact classes, or medium ones.  Small blocks are cut off holes, medium
 * ones off the best-fitting run of the bins.  They do not share arenas: the
 * holes between small blocks are too small for medium ones, which took fresh
 * arenas then, while half of the heap was free (a mixed churn held 2.4 times
 * what lived; apart, 1.7 times).
 *
 * Equation: every granule of the lane's arenas is in exactly one of: an
 * allocated block; a quick list; a bin; the open hole; a free run in a pending
 * arena or ahead of the cursor; a sliver (a free run that was passed over, too
 * small for the bins or of no size that is asked for, found again by the next
 * sweep or rescan).
 */
struct gl_lane {
  struct gl_hole hole;
  struct gl_quick *quick[GL_CLASSES];
  char *accounted;           /* end of what is bumped but not yet counted */
  struct gl_arena *arena;    /* current arena, NULL for none */
  struct gl_arena *first;    /* all arenas of the lane, in order */
  struct gl_arena *last;
  struct gl_arena *pending;  /* the next arena to look for room in */
  struct gl_arena *half_free; /* the same, for medium blocks: see lane.c */
  struct gl_arena *idle;     /* the next to look for pages to give back in */
  size_t cursor;             /* granule of the heap, in the current arena */
  uint64_t nonempty;         /* bins */
  uint64_t bin_epoch;        /* drawn anew when the bins are forgotten */
  struct gl_free_run *bins[GL_BINS];
  size_t arena_count;
  uint64_t rescanned_at;     /* freed less reused bytes, at the last rescan, or
                                when they were least since */
  enum gl_kind kind;
  enum gl_lists lists;       /* which free runs go to the quick lists too, whose
                                blocks may be cut in two */
  uint64_t asked[2];         /* sizes of small blocks, a bit each, that were not
                                at hand since the last collection; and before */
  size_t few;                /* GL_ZERO_FEW, or 0: see gl_zero_granules */
};

/* Blocks on their way from one cache to another: several chains of them.  A
   link comes only with its block, out of another processor's cache; the owner
   follows the chains in turn, and so waits for one block while it has others
   fetched. */
#define GL_CHAINS 8u

/* Large blocks that a cache keeps when they are freed: see spares.c. */
#define GL_SPARES 8u

/*
 * A thread's own allocator.  Written by its thread while `busy`, by the holder
 * of the heap lock where no thread has it, and by the thread that has stopped
 * the world.
 *
 * busy is set while the thread is inside the allocator.  The handler of the
 * stop signal that finds it set sets stop_wanted and returns; the thread then
 * stops itself as it leaves.  So a stopped world has no half-done allocation.
 * (Two words, each written by one side: one word with a bit for each was lost
 * where a compiler made three instructions of its decrement.)
 */
struct gl_cache {
  uint32_t busy;
  uint32_t stop_wanted;
  uint64_t reused_granules;   /* popped from quick lists */
  int64_t look_in_granules;   /* so much is to be freed until gl_cache_look */
  uint64_t look_at;           /* freed granules when that was or will be 0 */
  uint64_t withdrawn_bytes;   /* freed as the newest block of a hole: neither
                                 allocated nor freed in the other figures */
  uint32_t wide;       /* looks left for which gc_free looks at two lines of
                                 tags always; 0 for one if that will do */
  uint32_t straddlers; /* blocks for which that did not, since the last look */
  uint32_t in_use;            /* a thread has it */
  uint32_t torn;              /* its thread was on a fast path of gc/lean.c when
                                 this process was forked, or may have been */
  struct gl_lane lane[GL_LANES];
  uint64_t allocated_bytes;   /* bumped, binned, large: all but quick lists */
  uint64_t charged_bytes;     /* taken for blocks, used or not */
  uint64_t settled_bytes;     /* charged less freed, as the budget knows it */
  uint64_t slow_allocations;  /* for GLEANER_STRESS */
  int64_t large_bytes;        /* of the figures above: large blocks, net */
  int64_t lost_bytes;         /* freed by the collector, from arenas */
  int64_t idle_bytes;         /* the least idle since the last trim */
  int64_t hollow_bytes;       /* the same since pages were last discarded */
  uint64_t trimmed_ns;        /* when that was last thought of */
  uint64_t idle_ns;           /* when it was too early for that, */
  bool trim_is_due;           /* or for some free pages */
  uint64_t spare[GL_SPARES];  /* large blocks that can be had again at once */
  unsigned next_spare;        /* the oldest, modulo GL_SPARES */
  const void *pin;            /* an argument that must outlive a collection */
  struct gl_cache *next;      /* all caches */
  void *thread;               /* the collector's record of it; NULL: unused */
  struct {
    struct gl_cache *owner;
    size_t count;
    struct gl_quick *first[GL_CHAINS], *last[GL_CHAINS];
  } outbox;                   /* frees gathered for one other cache */
  /* Written by other threads, and so in a cache line of its own. */
  struct gl_quick *inbox[GL_CHAINS] /* blocks freed by other threads, stacks */
      __attribute__((aligned(64)));
};

/* --------------------------------------------------------------- the heap */

/* A table that grows with the heap: a reserved range, a committed prefix. */
struct gl_section {
  char *start;
  size_t committed_bytes;
  size_t bytes_per_arena;
};

enum gl_section_name {
  GL_SECTION_HEAP,
  GL_SECTION_TAGS,
  GL_SECTION_PAGES,
  GL_SECTION_DIRTY,
  GL_SECTION_ARENAS,
  GL_SECTION_SLOTS,
  GL_SECTION_COUNT
};

/* Sizes with exact classes, and 0. */
#define GL_SMALL_SIZES ((GL_EXACT_CLASSES << GL_GRANULE_SHIFT) + 1)

struct gl_heap {
  /* constant after start-up but for the extent; the first line of the cache is
     what the fast paths read */
  uintptr_t base;
  size_t extent_bytes;      /* base to top; grows, under the lock */
  size_t extent_granules;
  uintptr_t tags_bias;      /* tags less base's lines: see gl_tags_at */
  struct gl_arena *arenas;
  uint64_t secret;
  size_t small_most;        /* the largest size with exact classes */
  struct gl_tags *tags;
  size_t size_bytes;        /* reserved */
  struct gl_page *pages;
  uint8_t *slots;           /* enum gl_slot */
  uint8_t *dirty;           /* tick at which the page was freed, 0 for clean */
  size_t pad_bytes;         /* see gl_heap_pad_blocks */
  size_t processors;        /* how many threads can be at work; 0: unknown */
  bool slow_only;           /* no fast paths: stress and debugging */
  bool slow_free;           /* no fast path for gc_free */
  bool sends;               /* some thread has freed a block of another's */
  uint32_t gate;            /* 1 across a fork: nobody may touch the heap */
  bool ready;
  /* What the layer above hears of.  Never NULL once the heap is ready. */
  void (*on_leave)(struct gl_cache *cache);
  void (*on_corruption)(const void *address, const char *fault);
  void (*on_unlock)(void); /* where what was found under the lock can be told */
  /* under the lock */
  pthread_mutex_t lock;
  struct gl_section sections[GL_SECTION_COUNT];
  struct gl_runs runs;
  struct gl_cache *caches;
  struct gl_cache *common;  /* has what nobody works in; NULL with one cache */
  size_t cache_count;
  size_t arena_count;
  size_t epoch;             /* collections so far */
  bool minor;               /* the last of them was a minor one */
  /* read and written by all, atomically */
  int64_t budget_bytes;     /* to allocate until a collection is due */
  int64_t thrift_bytes;     /* of which so much must be left for it to grow */
  int64_t large_thrift_bytes; /* the same for large blocks beside free memory */
  int64_t slack_bytes;      /* and to overdraw in arenas that have room */
  uint64_t bin_epochs;      /* drawn so far, by all lanes */
  /* constant: granules of a block for each size up to small_most, never 0; one
     load rather than a sum and two cases */
  uint8_t small_granules[GL_SMALL_SIZES];
} __attribute__((aligned(64)));

extern struct gl_heap gl_heap;

/* A budget that is never spent, with room above: frees add to it. */
#define GL_BUDGET_UNLIMITED (INT64_MAX / 2)

/* The calling thread's cache; gl_cache_none, whose lists are all empty, until
   it has one, so that the fast path needs no test for it. */
extern __thread struct gl_cache *gl_self
    __attribute__((tls_model("initial-exec")));
extern struct gl_cache gl_cache_none;

/* The same where no thread is ever stopped (gc/lean.c), so that fast paths need
   not say that they are at work: elsewhere it stays gl_cache_none. */
extern __thread struct gl_cache *gl_lean_self
    __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------- addresses and numbers */

/* Whether an address is one of the heap, or its end. */
GL_INLINE bool gl_in_heap_or_end(uintptr_t address) {
  return address - gl_heap.base <=
         __atomic_load_n(&gl_heap.extent_bytes, __ATOMIC_RELAXED);
}

GL_INLINE size_t gl_granule_of(const void *p) {
  gl_assert(gl_in_heap_or_end((uintptr_t)p));
  return ((uintptr_t)p - gl_heap.base) >> GL_GRANULE_SHIFT;
}

/* The line of tags of an address in the heap, without its granule: the heap is
   aligned to lines, so its tags can be indexed by address. */
GL_INLINE struct gl_tags *gl_tags_at(uintptr_t address) {
  return (struct gl_tags *)(gl_heap.tags_bias + (address >> GL_LINE_SHIFT) *
                                                    sizeof(struct gl_tags));
}

GL_INLINE void *gl_granule_address(size_t granule) {
  gl_assert(gl_in_heap_or_end(gl_heap.base + (granule << GL_GRANULE_SHIFT)));
  return (void *)(gl_heap.base + (granule << GL_GRANULE_SHIFT));
}

GL_INLINE bool gl_in_heap(const void *p) {
  return (uintptr_t)p - gl_heap.base <
         __atomic_load_n(&gl_heap.extent_bytes, __ATOMIC_ACQUIRE);
}

GL_INLINE struct gl_arena *gl_arena_of(const void *p) {
  gl_assert(gl_in_heap_or_end((uintptr_t)p));
  return &gl_heap.arenas[((uintptr_t)p - gl_heap.base) >> GL_ARENA_SHIFT];
}

/* Of an arena of another thread's it may change at any time, see common.c. */
GL_INLINE struct gl_cache *gl_arena_owner(const struct gl_arena *arena) {
  return __atomic_load_n(&arena->owner, __ATOMIC_RELAXED);
}

/* Arenas' worth of address space below the top of the heap. */
GL_INLINE size_t gl_heap_arena_slots(void) {
  return gl_heap.extent_bytes >> GL_ARENA_SHIFT;
}

GL_INLINE size_t gl_arena_index(const struct gl_arena *arena) {
  gl_assert((size_t)(arena - gl_heap.arenas) <
            gl_heap.size_bytes >> GL_ARENA_SHIFT);
  return (size_t)(arena - gl_heap.arenas);
}

GL_INLINE char *gl_arena_start(const struct gl_arena *arena) {
  return (char *)gl_heap.base + (gl_arena_index(arena) << GL_ARENA_SHIFT);
}

GL_INLINE size_t gl_arena_first_granule(const struct gl_arena *arena) {
  return gl_arena_index(arena) * GL_ARENA_GRANULES;
}

GL_INLINE size_t gl_page_of(const void *p) {
  gl_assert(gl_in_heap_or_end((uintptr_t)p));
  return ((uintptr_t)p - gl_heap.base) >> GL_PAGE_SHIFT;
}

/* The first granule of a page; and granules of so many pages. */
GL_INLINE size_t gl_page_granule(size_t page) {
  return page << (GL_PAGE_SHIFT - GL_GRANULE_SHIFT);
}

GL_INLINE char *gl_page_address(size_t page) {
  gl_assert(gl_in_heap_or_end(gl_heap.base + (page << GL_PAGE_SHIFT)));
  return (char *)gl_heap.base + (page << GL_PAGE_SHIFT);
}

/* Whether a lane's list of arenas is one, as far as its ends tell. */
GL_INLINE bool gl_lane_is_list(const struct gl_lane *lane) {
  if (lane->first == NULL) return lane->last == NULL && lane->arena_count == 0;
  return lane->last != NULL && lane->last->next == NULL &&
         lane->arena_count > 0;
}

/* Whether nothing is open in a lane, and no bin has a run. */
GL_INLINE bool gl_lane_is_closed(const struct gl_lane *lane) {
  return lane->hole.cur == NULL && lane->arena == NULL && lane->nonempty == 0;
}

/* Whether a lane is one of a cache. */
GL_INLINE bool gl_lane_is_of(const struct gl_cache *cache,
                             const struct gl_lane *lane) {
  size_t offset = (uintptr_t)lane - (uintptr_t)cache->lane;
  return offset < sizeof cache->lane && offset % sizeof *lane == 0;
}

/* Bytes freed, but for those of blocks that a hole took back. */
GL_INLINE uint64_t gl_cache_freed_bytes(const struct gl_cache *cache) {
  return (cache->look_at - (uint64_t)cache->look_in_granules)
         << GL_GRANULE_SHIFT;
}

/* Bytes popped from quick lists. */
GL_INLINE uint64_t gl_cache_reused_bytes(const struct gl_cache *cache) {
  return cache->reused_granules << GL_GRANULE_SHIFT;
}

/* Bytes freed and not popped again. */
GL_INLINE uint64_t gl_cache_net_freed_bytes(const struct gl_cache *cache) {
  return gl_cache_freed_bytes(cache) - gl_cache_reused_bytes(cache);
}

/* A size class: its index, and the size of its blocks. */
struct gl_class {
  unsigned index;
  size_t granules;
};

/* The class for a medium block of granules. */
GL_INLINE struct gl_class gl_medium_class(size_t granules) {
  gl_assert(granules > GL_EXACT_CLASSES && granules <= GL_MEDIUM_MAX_GRANULES);
  unsigned top = gl_log2(granules - 1); /* 6 for 65..128 */
  size_t eighth = (granules - 1) >> (top - 3); /* 8 to 15 */
  return (struct gl_class){
      GL_EXACT_CLASSES + (top - 6) * 8 + (unsigned)eighth - 7,
      (eighth + 1) << (top - 3)};
}

/* The class for any block of granules. */
GL_INLINE struct gl_class gl_class_for(size_t granules) {
  if (granules > GL_EXACT_CLASSES) return gl_medium_class(granules);
  gl_assert(granules != 0);
  return (struct gl_class){(unsigned)granules, granules};
}

#endif
