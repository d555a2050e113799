/* SPDX-License-Identifier: MIT */
/*
 * mark.c: from roots to everything reachable.
 *
 * Invariant while marking: a black block has been scanned, or is on the mark
 * stack, or its slot is flagged as overflowed.  Nothing else is black.
 *
 * A word becomes a block in two steps, each behind a short ring that gives its
 * memory time to arrive:
 *
 *    words --filter--> candidates --tag line--> mark stack --object--> words
 *                     (ring, prefetch tags)       (fifo, prefetch object)
 *
 * Two rings: Garner, Blackburn, Frampton 2007.  Where nothing is in flight (a
 * long list) the rings are passed straight through.
 *
 * The mark stack is memory of its own that grows by doubling.  Where it cannot
 * grow, a block that finds no room stays black and its slot is flagged; when
 * the stack has run dry, the black blocks of flagged slots are scanned again.
 * So a marking completes in any memory at all.  Large blocks are scanned a
 * piece at a time, the rest of them waiting on the stack: its depth does not
 * depend on the length of an array.
 */
#include <string.h>

#include "../alloc/arena.h"
#include "../alloc/os.h"
#include "../alloc/runs.h"
#include "gc.h"

/* Candidates whose tags are on the way; objects that are on the way.  Found by
   trying 4 to 64 on a random graph: flat from 12 and 8 on. */
#define MARK_TAGS_AHEAD 16
#define MARK_OBJECTS_AHEAD 8

/* Words filtered at a time. */
#define MARK_PIECE_WORDS 128
#define MARK_PIECE_GRANULES (MARK_PIECE_WORDS / 2)

/* Capacity of both rings, powers of two; the first takes a piece on top. */
#define MARK_CANDIDATES 512
#define MARK_FIFO 16

#define MARK_STACK_FIRST_ENTRIES ((size_t)32768)

/*
 * A range of granules on the mark stack:
 *
 *     63                          28 27                    0
 *    | first granule (36 bits)      | granules (28 bits)    |
 */
typedef uint64_t mark_entry;
#define MARK_COUNT_BITS 28
#define MARK_COUNT_MAX (((size_t)1 << MARK_COUNT_BITS) - 1)

struct mark {
  /* candidates: byte offsets into the heap */
  size_t ring[MARK_CANDIDATES];
  uint32_t ring_head, ring_tail; /* tail - head of them wait */
  mark_entry fifo[MARK_FIFO];
  uint32_t fifo_head, fifo_tail;
  mark_entry *stack;
  size_t depth, capacity;
  bool fixed;          /* the stack may not grow */
  bool overflowed;     /* some slot is flagged */
  size_t extent_bytes; /* of the heap, at the start of this marking */
  uint32_t *live;      /* granules, for each arena */
  uint8_t *flags;      /* overflowed, for each slot */
  uint64_t objects;
};

static struct mark mark_one GL_DATA = {.depth = 0};

/* -------------------------------------------------------------- mark stack */

static bool mark_grow(struct mark *m) {
  if (m->fixed) return false;
  size_t capacity = m->capacity * 2;
  mark_entry *stack = gl_os_map(capacity * sizeof *stack);
  if (stack == NULL) return false;
  memcpy(stack, m->stack, m->depth * sizeof *stack);
  gl_os_unmap(m->stack, m->capacity * sizeof *stack);
  m->stack = stack;
  m->capacity = capacity;
  return true;
}

static GL_COLD void mark_overflow(struct mark *m, size_t granule) {
  m->flags[granule / GL_ARENA_GRANULES] = 1;
  m->overflowed = true;
}

/* Push a part of a black block.  Where there is no room the block will be
   scanned again from its start. */
GL_INLINE void mark_push(struct mark *m, size_t head, size_t granule,
                         size_t count) {
  if (GL_UNLIKELY(m->depth == m->capacity) && !mark_grow(m)) {
    mark_overflow(m, head);
    return;
  }
  m->stack[m->depth++] = granule << MARK_COUNT_BITS | count;
}

/* -------------------------------------------------- from candidate to block */

/* Black a block; false where it was. */
GL_INLINE bool mark_set(struct gl_tags *line, uint64_t bit) {
  if ((line->mark & bit) != 0) return false;
  line->mark |= bit;
  return true;
}

static void mark_push_large(struct mark *m, size_t head, size_t granules) {
  for (size_t at = head, left = granules; left > 0;) {
    size_t count = left < MARK_COUNT_MAX ? left : MARK_COUNT_MAX;
    mark_push(m, head, at, count);
    at += count;
    left -= count;
  }
}

static GL_NOINLINE void mark_large(struct mark *m, size_t offset) {
  size_t page = gl_runs_find_large(offset >> GL_PAGE_SHIFT);
  if (page == 0) return;
  size_t granule = page << (GL_PAGE_SHIFT - GL_GRANULE_SHIFT);
  if (!mark_set(gl_tags_line(gl_heap.tags, granule), gl_tags_bit(granule)))
    return;
  m->objects++;
  if (gl_heap.pages[page].kind == GL_ATOMIC) return;
  mark_push_large(m, granule, (size_t)gl_heap.pages[page].pages
                                  << (GL_PAGE_SHIFT - GL_GRANULE_SHIFT));
}

static GL_NOINLINE size_t mark_find_head(size_t granule) {
  size_t first = granule & ~(GL_ARENA_GRANULES - 1);
  return gl_tags_find_head(gl_heap.tags, first, granule);
}

static GL_NOINLINE size_t mark_find_end(size_t head) {
  size_t end = (head & ~(GL_ARENA_GRANULES - 1)) + GL_ARENA_GRANULES;
  return gl_tags_next(gl_heap.tags, head + 1, end);
}

/* The word pointed into the heap, and its line of tags has been fetched. */
GL_INLINE void mark_candidate(struct mark *m, size_t offset) {
  unsigned slot = gl_heap.slots[offset >> GL_ARENA_SHIFT];
  if (GL_UNLIKELY(slot == GL_SLOT_RUNS)) {
    mark_large(m, offset);
    return;
  }
  size_t head = offset >> GL_GRANULE_SHIFT;
  struct gl_tags *line = gl_tags_line(gl_heap.tags, head);
  if (GL_UNLIKELY((line->block & gl_tags_bit(head)) == 0)) {
    head = mark_find_head(head);
    if (head == SIZE_MAX) return;
    line = gl_tags_line(gl_heap.tags, head);
    if ((line->block & gl_tags_bit(head)) == 0) return;
  }
  if (!mark_set(line, gl_tags_bit(head))) return;
  uint64_t above = (line->block | line->mark) >> (head & 63) >> 1;
  size_t granules = GL_LIKELY(above != 0) ? gl_lowest(above) + 1
                                          : mark_find_end(head) - head;
  m->live[head / GL_ARENA_GRANULES] += (uint32_t)granules;
  m->objects++;
  if (slot != GL_SLOT_ATOMIC) mark_push(m, head, head, granules);
}

GL_INLINE void mark_next_candidate(struct mark *m) {
  mark_candidate(m, m->ring[m->ring_head++ % MARK_CANDIDATES]);
}

/* ----------------------------------------------------- from block to words */

/* Filter up to MARK_PIECE_WORDS words into the ring, without a branch for
   each, and fetch the tags of those that point into the heap. */
__attribute__((no_sanitize("address"))) GL_INLINE void mark_filter(
    struct mark *m, const uintptr_t *word, const uintptr_t *end) {
  uint32_t tail = m->ring_tail, first = tail;
  uintptr_t base = gl_heap.base;
  size_t extent = m->extent_bytes;
  for (; word < end; word++) {
    size_t offset = *word - base;
    m->ring[tail % MARK_CANDIDATES] = offset;
    tail += offset < extent;
  }
  m->ring_tail = tail;
  for (; first != tail; first++) {
    size_t offset = m->ring[first % MARK_CANDIDATES];
    __builtin_prefetch(&gl_heap.tags[offset >> GL_LINE_SHIFT], 1);
  }
}

/* Scan the first piece of a range and leave the rest on the stack. */
GL_INLINE void mark_scan(struct mark *m, mark_entry entry) {
  size_t granule = entry >> MARK_COUNT_BITS;
  size_t count = entry & MARK_COUNT_MAX;
  if (GL_UNLIKELY(count > MARK_PIECE_GRANULES)) {
    mark_push(m, granule, granule + MARK_PIECE_GRANULES,
              count - MARK_PIECE_GRANULES);
    count = MARK_PIECE_GRANULES;
  }
  const uintptr_t *word = gl_granule_address(granule);
  mark_filter(m, word, word + 2 * count);
}

/* Keep the fifo filled from the stack. */
GL_INLINE void mark_refill(struct mark *m) {
  while (m->fifo_tail - m->fifo_head < MARK_OBJECTS_AHEAD && m->depth > 0) {
    mark_entry entry = m->stack[--m->depth];
    __builtin_prefetch(gl_granule_address(entry >> MARK_COUNT_BITS));
    m->fifo[m->fifo_tail++ % MARK_FIFO] = entry;
  }
}

static void mark_drain(struct mark *m) {
  for (;;) {
    mark_refill(m);
    uint32_t waiting = m->ring_tail - m->ring_head;
    uint32_t coming = m->fifo_tail - m->fifo_head;
    /* Little on the way: what waits for its tags is better than waiting. */
    if (coming < MARK_OBJECTS_AHEAD && waiting > 0) {
      mark_next_candidate(m);
      continue;
    }
    if (coming == 0) return;
    mark_scan(m, m->fifo[m->fifo_head++ % MARK_FIFO]);
    while (m->ring_tail - m->ring_head > MARK_TAGS_AHEAD) mark_next_candidate(m);
  }
}

/* ---------------------------------------------------------------- overflow */

static void mark_rescan_arena(struct mark *m, size_t slot) {
  struct gl_tags *tags = gl_heap.tags;
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  while ((at = gl_tags_next_block(tags, at, end)) < end) {
    size_t next = gl_tags_next(tags, at + 1, end);
    if (gl_tags_is_marked(tags, at)) {
      mark_push(m, at, at, next - at);
      mark_drain(m);
    }
    at = next;
  }
}

static void mark_rescan_runs(struct mark *m, size_t slot) {
  size_t page = slot * GL_ARENA_PAGES, end = page + GL_ARENA_PAGES;
  for (; page < end && page < gl_heap.runs.top_pages; page++) {
    size_t granule = page << (GL_PAGE_SHIFT - GL_GRANULE_SHIFT);
    if (gl_runs_find_large(page) != page) continue;
    if (!gl_tags_is_marked(gl_heap.tags, granule)) continue;
    if (gl_heap.pages[page].kind == GL_ATOMIC) continue;
    mark_push_large(m, granule, (size_t)gl_heap.pages[page].pages
                                    << (GL_PAGE_SHIFT - GL_GRANULE_SHIFT));
    mark_drain(m);
  }
}

static size_t mark_slots(const struct mark *m) {
  return (m->extent_bytes + GL_ARENA_BYTES - 1) >> GL_ARENA_SHIFT;
}

/* Blocks that found no room on the stack: scan all black blocks of their
   slots, until no slot is flagged.  Ends, since every round blackens more. */
static void mark_recover(struct mark *m) {
  while (m->overflowed) {
    m->overflowed = false;
    for (size_t slot = 0; slot < mark_slots(m); slot++) {
      if (!m->flags[slot]) continue;
      m->flags[slot] = 0;
      if (gl_heap.slots[slot] == GL_SLOT_RUNS)
        mark_rescan_runs(m, slot);
      else if (gl_heap.slots[slot] != GL_SLOT_ATOMIC)
        mark_rescan_arena(m, slot);
    }
  }
}

/* ------------------------------------------------------------------- roots */

/* A root may point one past the end of a block: the byte before counts too. */
__attribute__((no_sanitize("address"))) void gl_mark_roots(const void *low,
                                                           const void *high) {
  struct mark *m = &mark_one;
  const uintptr_t *word =
      (const uintptr_t *)gl_round_up((uintptr_t)low, sizeof *word);
  const uintptr_t *end = (const uintptr_t *)((uintptr_t)high & ~(uintptr_t)7);
  for (; word < end; word++) {
    size_t offset = *word - gl_heap.base;
    if (offset - 1 >= m->extent_bytes) continue;
    if (offset < m->extent_bytes) mark_candidate(m, offset);
    if (offset % GL_GRANULE_BYTES == 0) mark_candidate(m, offset - 1);
    if (m->depth > MARK_PIECE_WORDS) mark_drain(m);
  }
  mark_drain(m);
}

static void mark_all_of_arena(struct mark *m, size_t slot) {
  struct gl_tags *tags = gl_heap.tags;
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  while ((at = gl_tags_next_block(tags, at, end)) < end) {
    mark_candidate(m, at << GL_GRANULE_SHIFT);
    mark_drain(m);
    at++;
  }
}

void gl_mark_uncollectable(void) {
  struct mark *m = &mark_one;
  for (size_t slot = 0; slot < m->extent_bytes >> GL_ARENA_SHIFT; slot++)
    if (gl_heap.slots[slot] == GL_SLOT_UNCOLLECTABLE) mark_all_of_arena(m, slot);
  for (uint32_t page = gl_heap.runs.large; page != 0;
       page = gl_heap.pages[page].next)
    if (gl_heap.pages[page].kind == GL_UNCOLLECTABLE) {
      mark_large(m, (size_t)page << GL_PAGE_SHIFT);
      mark_drain(m);
    }
}

/* ------------------------------------------------------------------- phases */

bool gl_mark_init(void) {
  struct mark *m = &mark_one;
  size_t slots = (gl_heap.size_bytes >> GL_ARENA_SHIFT) + 1;
  m->fixed = gl_options.mark_stack != 0;
  m->capacity = m->fixed ? gl_options.mark_stack : MARK_STACK_FIRST_ENTRIES;
  m->stack = gl_os_map(m->capacity * sizeof *m->stack);
  m->live = gl_os_map(slots * sizeof *m->live);
  m->flags = gl_os_map(slots);
  return m->stack != NULL && m->live != NULL && m->flags != NULL;
}

void gl_mark_begin(void) {
  struct mark *m = &mark_one;
  m->extent_bytes = gl_heap.extent_bytes;
  m->objects = 0;
  m->depth = 0;
  m->ring_head = m->ring_tail = m->fifo_head = m->fifo_tail = 0;
  memset(m->live, 0, mark_slots(m) * sizeof *m->live);
}

/* A stack that had to grow is not kept: the next marking may never need it. */
static void mark_shrink_stack(struct mark *m) {
  if (m->fixed || m->capacity <= MARK_STACK_FIRST_ENTRIES) return;
  mark_entry *stack = gl_os_map(MARK_STACK_FIRST_ENTRIES * sizeof *stack);
  if (stack == NULL) return;
  gl_os_unmap(m->stack, m->capacity * sizeof *stack);
  m->stack = stack;
  m->capacity = MARK_STACK_FIRST_ENTRIES;
}

void gl_mark_finish(void) {
  mark_drain(&mark_one);
  mark_recover(&mark_one);
  mark_shrink_stack(&mark_one);
}

const uint32_t *gl_mark_live(void) { return mark_one.live; }

uint64_t gl_mark_objects(void) { return mark_one.objects; }

size_t gl_mark_metadata_bytes(void) {
  size_t slots = gl_heap.extent_bytes >> GL_ARENA_SHIFT;
  return mark_one.capacity * sizeof(mark_entry) +
         slots * (sizeof *mark_one.live + 1);
}
