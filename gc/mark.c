/* SPDX-License-Identifier: MIT */
/*
 * mark.c: from roots to everything reachable.
 *
 * Invariant while marking: a black block has been scanned, or is an entry of a
 * marker, or its slot is flagged as overflowed.  Nothing else is black, but in
 * a minor collection what is tenured, until gl_mark_tenured has seen to it.
 *
 * A word becomes a block in two steps, each behind a short ring that gives its
 * memory time to arrive:
 *
 *    words --filter--> candidates --tag line--> mark stack --object--> words
 *                     (ring, prefetch tags)      (in place, prefetch object)
 *
 * Fetching ahead: Cher, Hosking, Vitek 2004; Garner, Blackburn, Frampton 2007.
 * Where nothing is in flight (a long list) words pass straight through.
 *
 * The mark stack is memory of its own that grows by doubling.  Where it cannot
 * grow, a block that finds no room stays black and its slot is flagged; when
 * the stacks have run dry, the black blocks of flagged slots are scanned again.
 * So a marking completes in any memory at all.  Long blocks are scanned a piece
 * at a time, the rest of them waiting on the stack: its depth does not depend
 * on the length of an array.
 */
#include "hot.h"

#include <string.h>

#include "../alloc/os.h"
#include "../alloc/runs.h"

#define MARK_STACK_FIRST_ENTRIES ((size_t)8192)

/* Entries of this length are cut in half to be shared. */
#define MARK_SPLIT_GRANULES ((size_t)512)

/* Granules of a range that is an entry with a count, and of what is kept of a
   block that is cut: half a gigabyte. */
#define MARK_RANGE_GRANULES (GL_MARK_COUNT_MAX - 1)
#define MARK_SPLIT_MOST (512 * MARK_RANGE_GRANULES)

/* Roots found before they are followed; and blocks found from them before what
   they reach is marked.  (So most programs have found all roots before anything
   else is marked, and the log says what took how long.) */
#define MARK_ROOTS_AT_ONCE 64
#define MARK_BLOCKS_AT_ONCE 1024

/* Stretches of tenured arenas on the stack before what they reach is marked:
   some, so that there is something to give to other markers, and few, since a
   turn moves those that it does not come to. */
#define MARK_TENURED_AT_ONCE 8

/* Words looked at singly after a root: where there is one, as on a stack, there
   are more.  (To look for the next in the quick way at once made a program with
   deep stacks 1.04 to 1.09 times as slow.) */
#define MARK_ROOTS_NEAR 32

struct gl_marking gl_marking GL_DATA = {.extent_bytes = 0};

/* -------------------------------------------------------------- mark stack */

static bool mark_resize_stack(struct gl_marker *m, size_t capacity) {
  gl_assert(!gl_marking.fixed && capacity >= m->depth - m->bottom);
  gl_mark_entry *stack = gl_os_remap(m->stack, m->capacity * sizeof *stack,
                                     capacity * sizeof *stack);
  if (stack == NULL) return false;
  m->stack = stack;
  m->capacity = capacity;
  return true;
}

/* Make room at the top: move down over what was given away, or grow. */
static bool mark_make_room(struct gl_marker *m) {
  size_t entries = m->depth - m->bottom;
  gl_assert(m->depth == m->capacity && m->bottom <= m->depth);
  if (m->bottom < m->capacity / 2)
    return !gl_marking.fixed && mark_resize_stack(m, m->capacity * 2);
  memmove(m->stack, m->stack + m->bottom, entries * sizeof *m->stack);
  m->bottom = 0;
  m->depth = entries;
  gl_assert(m->depth < m->capacity);
  return true;
}

static GL_COLD void mark_overflow(uintptr_t head) {
  size_t slot = (head - gl_heap.base) >> GL_ARENA_SHIFT;
  gl_assert(slot < gl_mark_slots() && gl_heap.slots[slot] != GL_SLOT_ATOMIC);
  /* Only ever set while markers run, and read when they have stopped. */
  __atomic_store_n(&gl_marking.flags[slot], 1, __ATOMIC_RELAXED);
  __atomic_store_n(&gl_marking.overflowed, true, __ATOMIC_RELAXED);
}

/* Push an entry of the block that begins at head, or of tenured ones.  Where
   there is no room all of its slot will be scanned again. */
GL_NOINLINE void gl_marker_push_slow(struct gl_marker *m, uintptr_t head,
                                     gl_mark_entry entry) {
  gl_assert(head <= gl_mark_entry_address(entry));
  gl_assert(m->bottom <= m->depth && m->depth <= m->capacity);
  if (m->depth == m->capacity && !mark_make_room(m))
    mark_overflow(head);
  else
    m->stack[m->depth++] = entry;
}

void gl_marker_push(struct gl_marker *m, gl_mark_entry entry) {
  gl_marker_push_slow(m, gl_mark_entry_address(entry), entry);
}

/* ------------------------------------------------------------- large blocks */

static size_t mark_large_granules(size_t page) {
  gl_assert(gl_runs_find_large(page) == page);
  return gl_page_granule(gl_heap.pages[page].pages);
}

static gl_mark_entry mark_entry_of_run(uintptr_t address, size_t granules) {
  return gl_mark_entry_of(
      address, granules < GL_MARK_COUNT_MAX ? granules : GL_MARK_COUNT_MAX);
}

static void mark_push_large(struct gl_marker *m, size_t page) {
  gl_assert(gl_heap.pages[page].kind != GL_ATOMIC);
  gl_marker_push(m, mark_entry_of_run((uintptr_t)gl_page_address(page),
                                      mark_large_granules(page)));
}

/* Whether so many granules, from an address on, are in the large block at head,
   or in an arena. */
static bool mark_is_range(uintptr_t address, size_t count, uintptr_t head,
                          size_t page) {
  size_t most = page != 0 ? mark_large_granules(page) : GL_ARENA_GRANULES;
  uintptr_t start = page != 0 ? head : address & ~(GL_ARENA_BYTES - 1);
  return count > 0 && ((address - start) >> GL_GRANULE_SHIFT) + count <= most;
}

/* Granules of an entry, and the head of its block. */
static size_t mark_entry_granules(gl_mark_entry entry, uintptr_t *head) {
  uintptr_t address = gl_mark_entry_address(entry);
  size_t count = gl_mark_entry_granules(entry);
  size_t page = gl_runs_find_large(gl_page_of((void *)address));
  *head = page != 0 ? (uintptr_t)gl_page_address(page) : address;
  gl_assert(page != 0 || count < GL_MARK_COUNT_MAX);
  if (count == GL_MARK_COUNT_MAX)
    count = mark_large_granules(page) - ((address - *head) >> GL_GRANULE_SHIFT);
  gl_assert(mark_is_range(address, count, *head, page));
  return count;
}

void gl_marker_push_rest(struct gl_marker *m, gl_mark_entry entry,
                         size_t piece) {
  uintptr_t head, address = gl_mark_entry_address(entry);
  size_t count = mark_entry_granules(entry, &head);
  gl_assert(piece < count);
  gl_marker_push_slow(
      m, head,
      mark_entry_of_run(address + (piece << GL_GRANULE_SHIFT), count - piece));
}

bool gl_marker_can_split(const struct gl_marker *m) {
  gl_assert(m->bottom < m->depth && m->depth <= m->capacity);
  return gl_mark_entry_granules(m->stack[m->bottom]) >= MARK_SPLIT_GRANULES;
}

/* What is kept of a large block may take several entries, since each has a
   count: the lowest is to be scanned first. */
gl_mark_entry gl_marker_split(struct gl_marker *m) {
  gl_assert(gl_marker_can_split(m));
  gl_mark_entry *oldest = &m->stack[m->bottom];
  uintptr_t head, address = gl_mark_entry_address(*oldest);
  size_t count = mark_entry_granules(*oldest, &head);
  size_t kept = count / 2;
  if (kept > MARK_SPLIT_MOST) kept = MARK_SPLIT_MOST;
  gl_mark_entry upper = mark_entry_of_run(address + (kept << GL_GRANULE_SHIFT),
                                          count - kept);
  size_t at = (kept - 1) / MARK_RANGE_GRANULES * MARK_RANGE_GRANULES;
  gl_assert(at < kept && kept < count);
  *oldest = gl_mark_entry_of(address + (at << GL_GRANULE_SHIFT), kept - at);
  while (at > 0) {
    at -= MARK_RANGE_GRANULES;
    gl_marker_push_slow(m, head,
                        gl_mark_entry_of(address + (at << GL_GRANULE_SHIFT),
                                         MARK_RANGE_GRANULES));
  }
  return upper;
}

GL_NOINLINE void gl_marker_mark_large(struct gl_marker *m,
                                      struct gl_word word) {
  gl_assert(gl_mark_is_candidate(word));
  size_t page = gl_runs_find_large(gl_page_of((void *)word.bits));
  if (page == 0) return;
  size_t granule = gl_page_granule(page);
  gl_assert(gl_tags_is_block(gl_heap.tags, granule));
  struct gl_tags *line = gl_tags_line(gl_heap.tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  if ((__atomic_load_n(&line->mark, __ATOMIC_RELAXED) & bit) != 0) return;
  /* Its interior may be in anybody's territory. */
  if ((__atomic_fetch_or(&line->mark, bit, __ATOMIC_RELAXED) & bit) != 0)
    return;
  m->objects++;
  if (gl_heap.pages[page].kind != GL_ATOMIC) mark_push_large(m, page);
}

/* ------------------------------------------------------- what drain.h calls */

size_t gl_marker_find_head(size_t granule) {
  size_t first = granule & ~(GL_ARENA_GRANULES - 1);
  gl_assert(gl_heap.slots[granule / GL_ARENA_GRANULES] != GL_SLOT_RUNS);
  return gl_tags_find_head(gl_heap.tags, first, granule);
}

size_t gl_marker_find_end(size_t head) {
  size_t end = (head & ~(GL_ARENA_GRANULES - 1)) + GL_ARENA_GRANULES;
  gl_assert(gl_tags_is_block(gl_heap.tags, head));
  return gl_tags_next(gl_heap.tags, head + 1, end);
}

/* ---------------------------------------------------------------- Fast path */

struct hot_filter {
  char nothing;
};

GL_INLINE struct hot_filter hot_filter_begin(const struct hot *h) {
  (void)h;
  return (struct hot_filter){0};
}

/* Filter words into the ring without a branch for each.  Each is read once:
   what is judged is what is kept.  The block may be the stack that the
   collecting thread runs on, and change meanwhile. */
GL_MARK_UNCHECKED GL_INLINE void hot_filter_words(struct hot *h,
                                                  const struct hot_filter *f,
                                                  const struct gl_word *word,
                                                  size_t granules) {
  (void)f;
  size_t at = h->ring_end;
  for (const struct gl_word *end = word + 2 * granules; word < end; word += 2) {
    uintptr_t first = __atomic_load_n(&word[0].bits, __ATOMIC_RELAXED);
    uintptr_t second = __atomic_load_n(&word[1].bits, __ATOMIC_RELAXED);
    h->ring[at].bits = first;
    at += first - h->base < h->extent;
    h->ring[at].bits = second;
    at += second - h->base < h->extent;
  }
  h->ring_end = at;
}

GL_MARK_UNCHECKED GL_INLINE void hot_filter_short(struct hot *h,
                                                  const struct hot_filter *f,
                                                  const struct gl_word *word,
                                                  size_t granules,
                                                  size_t most) {
  gl_assert(granules <= most);
  hot_filter_words(h, f, word, granules);
}

GL_MARK_UNCHECKED GL_INLINE void hot_filter_four(struct hot *h,
                                                 const struct hot_filter *f,
                                                 const struct gl_word *word) {
  hot_filter_words(h, f, word, 2);
}

/* Without a branch for each: at random half of them are another marker's. */
GL_INLINE void hot_split(struct hot *h, const struct gl_word *words,
                         size_t count, size_t from) {
  struct gl_marker *m = h->m;
  uint32_t held = m->held;
  size_t kept = from, away = m->away_count;
  for (size_t i = 0; i < count; i++) {
    struct gl_word word = words[i];
    size_t mine = held >> gl_region(word) & 1;
    h->ring[kept] = word;
    m->away[away] = word;
    kept += mine;
    away += mine ^ 1;
  }
  gl_assert(kept - from + away - m->away_count == count);
  h->ring_end = kept;
  m->away_count = away;
}

#include "drain.h"

void gl_marker_blacken(struct gl_marker *m, struct gl_word word) {
  struct hot h = hot_begin(m);
  uintptr_t where;
  gl_mark_entry entry;
  if (hot_blacken_any(&h, word, &where, &entry)) gl_marker_push(m, entry);
}

GL_NOINLINE void gl_marker_blacken_slowly(struct gl_marker *m,
                                          const struct gl_word *candidates,
                                          size_t count) {
  gl_assert(m->bottom <= m->depth && count <= GL_MARK_RING);
  for (size_t i = 0; i < count; i++) gl_marker_blacken(m, candidates[i]);
}

void gl_marker_drain(struct gl_marker *m) {
  if (gl_marking.has_avx2)
    gl_marker_drain_avx2(m);
  else
    hot_drain(m);
}

/* ------------------------------------------------------------------- roots */

/* Roots that were found, and not followed yet. */
struct mark_roots {
  size_t count;
  bool end; /* blocks may end where they point */
  struct gl_word words[MARK_ROOTS_AT_ONCE];
};

static void mark_put_aside(struct gl_marker *m, struct gl_word word) {
  gl_assert(m->shared && !gl_marker_holds(m, word));
  gl_assert(m->away_count < GL_PACKET_WORDS);
  m->away[m->away_count++] = word;
  if (m->away_count >= GL_PACKET_WORDS) gl_markers_send(m);
}

/* Of a stack that may not grow the half is as good as full. */
static void mark_drain_many(struct gl_marker *m) {
  size_t blocks = m->depth - m->bottom;
  gl_assert(blocks <= m->capacity);
  if (blocks >= MARK_BLOCKS_AT_ONCE || blocks >= m->capacity / 2)
    gl_marker_drain(m);
}

/* The block that ends where a word points, not padded; or 0.  In an arena it is
   a short one, so that one line of tags will do, but for the first granules.
   (It may be the block that the word points into, or a free run: no harm.) */
static uintptr_t mark_find_ending(struct gl_word word) {
  unsigned bit = hot_bit_of(word.bits);
  size_t slot = (word.bits - gl_heap.base) >> GL_ARENA_SHIFT;
  gl_assert(word.bits % GL_GRANULE_BYTES == 0);
  if (bit < GL_PAD_GRANULES || gl_heap.pad_bytes == 0 ||
      gl_heap.slots[slot] == GL_SLOT_RUNS)
    return (uintptr_t)gl_heap_find_ending((void *)word.bits);
  const struct gl_tags *line = gl_tags_at(word.bits);
  uint64_t below = (line->block | line->mark) & (((uint64_t)1 << bit) - 1);
  if (below == 0) return 0;
  size_t granules = bit - gl_log2(below);
  return granules < GL_PAD_GRANULES ? word.bits - (granules << GL_GRANULE_SHIFT)
                                    : 0;
}

/* Whether a root that points to the end of a block may rather point to the
   beginning of the next one. */
static bool mark_is_doubtful(size_t offset) {
  gl_assert(offset > 0 && offset <= gl_marking.extent_bytes);
  return !gl_heap.minor && offset < gl_marking.extent_bytes &&
         gl_tags_is_block(gl_heap.tags, offset >> GL_GRANULE_SHIFT);
}

/* The block that a root keeps as one that ends there, to be followed now; or 0.
   With debugging all blocks end in some bytes that are not the program's. */
static uintptr_t mark_ending(struct gl_word root) {
  size_t offset = root.bits - gl_heap.base;
  if (offset % GL_GRANULE_BYTES != 0 || gl_options.debug) return 0;
  uintptr_t ending = mark_find_ending(root);
  gl_assert(ending == 0 || (ending >= gl_heap.base && ending < root.bits));
  if (ending == 0 ||
      gl_tags_is_marked(gl_heap.tags, gl_granule_of((void *)ending)))
    return 0; /* none, or a free run, or black already */
  return mark_is_doubtful(offset) && gl_endings_defer(ending) ? 0 : ending;
}

static void mark_follow_word(struct gl_marker *m, struct hot *h,
                             struct gl_word word) {
  uintptr_t where;
  gl_mark_entry entry;
  gl_assert(gl_mark_is_candidate(word));
  if (!gl_marker_holds(m, word)) {
    hot_save(h); /* to send may take room, and to make some blacken */
    mark_put_aside(m, word);
    hot_load(h);
  } else if (hot_blacken_any(h, word, &where, &entry)) {
    hot_save(h);
    gl_marker_push(m, entry);
    hot_load(h);
  }
}

/* Follow them: what they point to is fetched before it is looked at. */
static GL_NOINLINE void mark_follow(struct gl_marker *m,
                                    struct mark_roots *roots) {
  struct hot h = hot_begin(m);
  gl_assert(roots->count <= MARK_ROOTS_AT_ONCE);
  for (size_t i = 0; i < roots->count; i++)
    hot_fetch_tags(&h, roots->words[i]);
  for (size_t i = 0; i < roots->count; i++) {
    struct gl_word root = roots->words[i];
    if (gl_mark_is_candidate(root)) mark_follow_word(m, &h, root);
    uintptr_t ending = roots->end ? mark_ending(root) : 0;
    if (ending != 0) mark_follow_word(m, &h, gl_word_of(ending));
  }
  hot_save(&h);
  if (roots->end) gl_marking.root_pointers += roots->count;
  roots->count = 0;
  mark_drain_many(m);
}

/* That at the heap's end is one too: a block may end there. */
static void mark_keep(struct gl_marker *m, struct mark_roots *roots,
                      struct gl_word word) {
  gl_assert(word.bits - gl_heap.base <= gl_marking.extent_bytes);
  gl_assert(roots->count < MARK_ROOTS_AT_ONCE);
  roots->words[roots->count++] = word;
  if (roots->count == MARK_ROOTS_AT_ONCE) mark_follow(m, roots);
}

static const struct gl_word *mark_near(const struct gl_word *word,
                                       const struct gl_word *end) {
  gl_assert(word <= end);
  return end - word > MARK_ROOTS_NEAR ? word + MARK_ROOTS_NEAR : end;
}

/* One word after another until many were none.  Returns how far it came. */
static GL_MARK_UNCHECKED const struct gl_word *mark_roots_near(
    struct gl_marker *m, struct mark_roots *roots, const struct gl_word *word,
    const struct gl_word *end) {
  uintptr_t base = gl_heap.base;
  size_t extent = gl_marking.extent_bytes;
  const struct gl_word *stop = mark_near(word, end);
  for (; word < stop; word++) {
    struct gl_word root = *word;
    if (GL_LIKELY(root.bits - base > extent)) continue;
    mark_keep(m, roots, root);
    stop = mark_near(word, end);
  }
  return word;
}

void gl_mark_roots(const void *low, const void *high) {
  struct gl_marker *m = &gl_marker_main;
  struct mark_roots roots;
  roots.count = 0;
  roots.end = true;
  gl_assert(gl_marking.extent_bytes == gl_heap.extent_bytes);
  const struct gl_word *word =
      (const struct gl_word *)gl_round_up((uintptr_t)low, sizeof *word);
  const struct gl_word *end =
      (const struct gl_word *)((uintptr_t)high & ~(sizeof *end - 1));
  if ((uintptr_t)word < (uintptr_t)low) return; /* it wrapped */
  while (word < end) {
    if (gl_marking.has_avx2) word = gl_mark_next_root_avx2(word, end);
    word = mark_roots_near(m, &roots, word, end);
  }
  mark_follow(m, &roots);
}

size_t gl_mark_slots(void) {
  return (gl_marking.extent_bytes + GL_ARENA_BYTES - 1) >> GL_ARENA_SHIFT;
}

/* The blocks of an arena between two of its free runs are one entry. */
static void mark_tenured_arena(struct gl_marker *m, size_t slot) {
  struct gl_tags *tags = gl_heap.tags;
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  gl_assert(gl_heap.minor && gl_heap.arenas[slot].tenured);
  while ((at = gl_tags_next_block(tags, at, end)) < end) {
    size_t next = gl_tags_next_free(tags, at, end);
    gl_assert(at < next && gl_tags_is_marked(tags, at));
    uintptr_t start = (uintptr_t)gl_granule_address(at);
    gl_marker_push(m, gl_mark_entry_of(start, next - at));
    if (m->depth - m->bottom >= MARK_TENURED_AT_ONCE) gl_marker_drain(m);
    at = next;
  }
}

void gl_mark_tenured(void) {
  struct gl_marker *m = &gl_marker_main;
  if (!gl_heap.minor) return;
  for (size_t slot = 0; slot < gl_mark_slots(); slot++)
    if (gl_marking.tenured[slot] != 0 &&
        gl_heap.slots[slot] == GL_SLOT_SCANNED)
      mark_tenured_arena(m, slot);
  gl_marker_drain(m);
}

static void mark_all_of_arena(struct gl_marker *m, struct mark_roots *roots,
                              size_t slot) {
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  gl_assert(!gl_heap.arenas[slot].tenured);
  for (; (at = gl_tags_next_block(gl_heap.tags, at, end)) < end; at++)
    mark_keep(m, roots, gl_word_of((uintptr_t)gl_granule_address(at)));
}

void gl_mark_uncollectable(void) {
  struct gl_marker *m = &gl_marker_main;
  struct mark_roots roots;
  roots.count = 0;
  roots.end = false;
  for (size_t slot = 0; slot < gl_mark_slots(); slot++)
    if (gl_heap.slots[slot] == GL_SLOT_UNCOLLECTABLE)
      mark_all_of_arena(m, &roots, slot);
  mark_follow(m, &roots);
  for (uint32_t page = gl_heap.runs.large; page != 0;
       page = gl_heap.pages[page].next)
    if (gl_heap.pages[page].kind == GL_UNCOLLECTABLE) {
      gl_marker_mark_large(m, gl_word_of((uintptr_t)gl_page_address(page)));
      mark_drain_many(m);
    }
}

/* ---------------------------------------------------------------- overflow */

static void mark_rescan_arena(struct gl_marker *m, size_t slot) {
  gl_assert(slot < gl_mark_slots() && gl_heap.slots[slot] != GL_SLOT_RUNS);
  struct gl_tags *tags = gl_heap.tags;
  size_t at = slot * GL_ARENA_GRANULES, end = at + GL_ARENA_GRANULES;
  while ((at = gl_tags_next_block(tags, at, end)) < end) {
    size_t next = gl_tags_next(tags, at + 1, end);
    if (gl_tags_is_marked(tags, at)) {
      gl_marker_push(
          m, gl_mark_entry_of((uintptr_t)gl_granule_address(at), next - at));
      gl_marker_drain(m);
    }
    at = next;
  }
}

static void mark_rescan_runs(struct gl_marker *m, size_t slot) {
  gl_assert(slot < gl_mark_slots() && gl_heap.slots[slot] == GL_SLOT_RUNS);
  size_t page = slot * GL_ARENA_PAGES, end = page + GL_ARENA_PAGES;
  for (; page < end && page < gl_heap.runs.top_pages; page++) {
    size_t granule = gl_page_granule(page);
    if (gl_runs_find_large(page) != page) continue;
    if (!gl_tags_is_marked(gl_heap.tags, granule)) continue;
    if (gl_heap.pages[page].kind == GL_ATOMIC) continue;
    mark_push_large(m, page);
    gl_marker_drain(m);
  }
}

/* Blocks that found no room on a stack: scan all black blocks of their slots,
   until no slot is flagged.  Ends, since every round blackens more. */
static void mark_recover(struct gl_marker *m) {
  gl_assert(!m->shared && m->held == GL_TERRITORIES_ALL);
  while (gl_marking.overflowed) {
    gl_marking.overflowed = false;
    for (size_t slot = 0; slot < gl_mark_slots(); slot++) {
      if (!gl_marking.flags[slot]) continue;
      gl_marking.flags[slot] = 0;
      if (gl_heap.slots[slot] == GL_SLOT_RUNS)
        mark_rescan_runs(m, slot);
      else if (gl_heap.slots[slot] != GL_SLOT_ATOMIC)
        mark_rescan_arena(m, slot);
    }
  }
}

/* ------------------------------------------------------------------- phases */

bool gl_marker_init(struct gl_marker *m) {
  size_t slots = (gl_heap.size_bytes >> GL_ARENA_SHIFT) + 1;
  gl_assert(m->depth == 0 && (!gl_marking.fixed || gl_options.mark_stack > 0));
  m->capacity =
      gl_marking.fixed ? gl_options.mark_stack : MARK_STACK_FIRST_ENTRIES;
  if (m->stack == NULL) m->stack = gl_os_map(m->capacity * sizeof *m->stack);
  if (m->live == NULL) m->live = gl_os_map(slots * sizeof *m->live);
  return m->stack != NULL && m->live != NULL;
}

bool gl_mark_init(void) {
  size_t slots = (gl_heap.size_bytes >> GL_ARENA_SHIFT) + 1;
  gl_assert(slots > 1);
  gl_marking.fixed = gl_options.mark_stack != 0;
  gl_marking.has_avx2 = gl_marker_has_avx2();
  if (gl_marking.flags == NULL) gl_marking.flags = gl_os_map(slots);
  if (gl_marking.tenured == NULL) gl_marking.tenured = gl_os_map(slots);
  return gl_marking.flags != NULL && gl_marking.tenured != NULL &&
         gl_endings_init() && gl_marker_init(&gl_marker_main);
}

/* A stack that had to grow is kept as long as markings need it: of one of which
   a quarter sufficed the last one, half is given up.  (No entry is 0.  To map
   it anew each time took two fifths of the time to mark a random graph, where a
   page fault is dear.) */
static void mark_fit_stack(struct gl_marker *m) {
  size_t quarter = m->capacity / 4;
  gl_assert(m->bottom == m->depth);
  if (gl_marking.fixed || m->capacity <= MARK_STACK_FIRST_ENTRIES) return;
  if (m->stack[quarter] == 0) mark_resize_stack(m, m->capacity / 2);
  m->stack[m->capacity / 4] = 0;
}

void gl_marker_begin(struct gl_marker *m) {
  gl_assert(m->coming == NULL && m->away_count == 0 && m->unsent == 0);
  mark_fit_stack(m);
  m->bottom = m->depth = 0;
  m->objects = 0;
  m->away_count = m->unsent = 0;
  m->coming = m->spare = NULL;
  m->taken = m->spare_count = 0;
  memset(m->live, 0, gl_mark_slots() * sizeof *m->live);
}

/* Nothing is tenured in a full collection. */
static void mark_note_tenured(void) {
  if (!gl_heap.minor) return;
  for (size_t slot = 0; slot < gl_mark_slots(); slot++)
    gl_marking.tenured[slot] = gl_heap.slots[slot] != GL_SLOT_RUNS &&
                               gl_heap.arenas[slot].tenured;
}

static void mark_set_regions(void) {
  size_t arenas = gl_heap.arena_count, first = 0, slots = gl_mark_slots();
  while (first < slots && gl_heap.slots[first] == GL_SLOT_RUNS) first++;
  gl_marking.region_base = gl_heap.base + (first << GL_ARENA_SHIFT);
  gl_marking.region_shift = GL_ARENA_SHIFT;
  for (; arenas > GL_REGIONS_MAX; arenas = (arenas + 1) / 2)
    gl_marking.region_shift++;
  gl_assert((first == slots) == (gl_heap.arena_count == 0));
  gl_assert(gl_heap.arena_count << GL_ARENA_SHIFT <=
            (size_t)GL_REGIONS_MAX << gl_marking.region_shift);
}

void gl_mark_begin(void) {
  gl_assert(!gl_marking.overflowed);
  gl_marking.extent_bytes = gl_heap.extent_bytes;
  gl_marking.root_pointers = 0;
  mark_set_regions();
  mark_note_tenured();
  gl_marker_begin(&gl_marker_main);
  if (!gl_heap.minor) gl_endings_begin();
  gl_markers_start();
}

void gl_mark_finish(void) {
  gl_marker_drain(&gl_marker_main);
  gl_markers_finish();
  mark_recover(&gl_marker_main);
  if (gl_heap.minor) return;
  gl_endings_follow(&gl_marker_main);
  mark_recover(&gl_marker_main);
  gl_assert(gl_marker_main.depth == gl_marker_main.bottom);
}

const uint32_t *gl_mark_live(void) { return gl_marker_main.live; }

uint64_t gl_mark_objects(void) { return gl_marker_main.objects; }

size_t gl_mark_root_pointers(void) { return gl_marking.root_pointers; }

size_t gl_mark_metadata_bytes(void) {
  size_t slots = gl_heap.extent_bytes >> GL_ARENA_SHIFT;
  size_t marker = gl_marker_main.capacity * sizeof(gl_mark_entry) +
                  slots * sizeof *gl_marker_main.live;
  return marker * (1 + gl_helpers_count()) + 2 * slots +
         gl_markers_pool_bytes();
}
