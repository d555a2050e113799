/* SPDX-License-Identifier: MIT */
/*
 * runs.c: page runs.  Owns the page table, the bins of free runs, the list of
 * large blocks, the top of the heap and the memory limit.
 *
 * Invariants (gl_runs_check): runs tile the heap from its first page to its
 * top; no two neighbouring runs are both free; a free run is in the bin of its
 * size and that bin's bit is set; used + dirty pages are what the counters say
 * and stay within the limit.
 *
 * Links live in the page table and never in the free pages, so a page that was
 * given back stays given back, and no overrun can reach a link.
 */
#include "runs.h"

#include <string.h>

#include "heap.h"
#include "huge.h"
#include "os.h"

/* Runs looked at in the first bin, where not every run fits.  Beyond some
   tens the search costs more than the next larger bin's waste. */
#define RUNS_PROBES 32

/* The heap grows by an eighth, and by no less than this, so that a growing
   heap makes few system calls. */
#define RUNS_GROW_MIN_PAGES ((size_t)256)
#define RUNS_GROW_MAX_PAGES ((size_t)16384)

/* What part of the memory in use has to be free beside it before huge pages are
   broken up.  (A browser that keeps what it has rendered, half a gigabyte: 32
   -> 18 s; libgc 19.) */
#define RUNS_SPARE_SHARE 2

/* Pages that the system is asked about at once: a byte each, on the stack. */
#define RUNS_LOOK_PAGES ((size_t)512)

static struct gl_page *runs_entry(size_t page) {
  gl_assert(page >= GL_RUNS_FIRST_PAGE && page < gl_heap.runs.top_pages);
  return &gl_heap.pages[page];
}

static unsigned runs_bin_of(size_t pages) {
  gl_assert(pages != 0 && pages <= gl_heap.size_bytes >> GL_PAGE_SHIFT);
  if (pages <= GL_RUN_EXACT_BINS) return (unsigned)pages - 1;
  unsigned top = gl_log2(pages);
  return GL_RUN_EXACT_BINS + (top - 6) * 4 +
         (unsigned)(pages >> (top - 2) & 3);
}

_Static_assert(GL_RUN_EXACT_BINS == 64 &&
                   GL_RUN_EXACT_BINS + (27 - 6) * 4 + 3 < GL_RUN_BINS,
               "the longest run, of 28 bits, has a bin");

/* ------------------------------------------------------------------- bins */

/* Whether a bin's bit says if it is empty, and its first run has none before
   it. */
static bool runs_bin_is_sound(unsigned bin) {
  const struct gl_runs *runs = &gl_heap.runs;
  uint32_t first = runs->bins[bin];
  bool nonempty = runs->nonempty[bin / 64] >> bin % 64 & 1;
  return nonempty == (first != 0) &&
         (first == 0 || runs_entry(first)->prev == 0);
}

/* Whether the run that begins at page, free or large, is where its list has
   it; first is what that list begins with. */
static bool runs_is_linked(size_t page, uint32_t first) {
  const struct gl_page *run = runs_entry(page);
  if (run->next != 0 && runs_entry(run->next)->prev != page) return false;
  return (run->prev == 0 ? first : runs_entry(run->prev)->next) == page;
}

/* Whether a free run begins at page: both of its ends say so. */
static bool runs_is_free(size_t page) {
  const struct gl_page *first = runs_entry(page);
  const struct gl_page *last = runs_entry(page + first->pages - 1);
  return first->state == GL_PAGE_FREE && first->head == page &&
         last->state == GL_PAGE_FREE && last->head == page;
}

/* Whether a large block begins at page, and is found from its other end. */
static bool runs_is_large(size_t page) {
  return gl_runs_find_large(page + runs_entry(page)->pages - 1) == page;
}

static void runs_insert(size_t page, size_t pages) {
  struct gl_runs *runs = &gl_heap.runs;
  unsigned bin = runs_bin_of(pages);
  gl_assert(bin < GL_RUN_BINS && runs_bin_is_sound(bin));
  struct gl_page *first = runs_entry(page),
                 *last = runs_entry(page + pages - 1);
  last->head = (uint32_t)page;
  last->state = GL_PAGE_FREE;
  first->head = (uint32_t)page;
  first->state = GL_PAGE_FREE;
  first->pages = (uint32_t)pages & 0xfffffff;
  first->prev = 0;
  first->next = runs->bins[bin];
  if (first->next != 0)
    runs_entry(first->next)->prev = (uint32_t)page & 0x3fffffff;
  runs->bins[bin] = (uint32_t)page;
  runs->nonempty[bin / 64] |= (uint64_t)1 << bin % 64;
  gl_assert(runs_is_free(page) && runs_is_linked(page, runs->bins[bin]));
}

static void runs_unlink(size_t page) {
  struct gl_runs *runs = &gl_heap.runs;
  struct gl_page *first = runs_entry(page);
  unsigned bin = runs_bin_of(first->pages);
  gl_assert(runs_is_free(page) && runs_is_linked(page, runs->bins[bin]));
  if (first->next != 0) runs_entry(first->next)->prev = first->prev;
  if (first->prev != 0)
    runs_entry(first->prev)->next = first->next;
  else
    runs->bins[bin] = first->next;
  if (runs->bins[bin] == 0)
    runs->nonempty[bin / 64] &= ~((uint64_t)1 << bin % 64);
  gl_assert(runs_bin_is_sound(bin));
}

/* The first bin at or above bin that holds a run, or GL_RUN_BINS. */
static unsigned runs_nonempty_from(unsigned bin) {
  const uint64_t *nonempty = gl_heap.runs.nonempty;
  unsigned word = bin / 64;
  if (bin >= GL_RUN_BINS) return GL_RUN_BINS;
  uint64_t bits = nonempty[word] & (~(uint64_t)0 << bin % 64);
  while (bits == 0) {
    if (++word >= sizeof gl_heap.runs.nonempty / sizeof nonempty[0])
      return GL_RUN_BINS;
    bits = nonempty[word];
  }
  return word * 64 + gl_lowest(bits);
}

/* The first page at or after page whose address is a multiple of align pages:
   the heap itself begins at a multiple of an arena only. */
static size_t runs_align(size_t page, size_t align) {
  gl_assert(align != 0 && (align & (align - 1)) == 0);
  size_t base = gl_heap.base >> GL_PAGE_SHIFT;
  return gl_round_up(base + page, align) - base;
}

static bool runs_fits(size_t page, size_t pages, size_t align) {
  gl_assert(runs_is_free(page));
  size_t start = runs_align(page, align);
  return start + pages <= page + runs_entry(page)->pages;
}

/* A free run that holds `pages` aligned pages, or 0: the smallest bin that has
   one, first fit within the bin. */
static size_t runs_find(size_t pages, size_t align) {
  unsigned bin = runs_nonempty_from(runs_bin_of(pages));
  for (; bin < GL_RUN_BINS; bin = runs_nonempty_from(bin + 1)) {
    size_t page = gl_heap.runs.bins[bin];
    for (int probes = 0; page != 0 && probes < RUNS_PROBES; probes++) {
      if (runs_fits(page, pages, align)) return page;
      page = runs_entry(page)->next;
    }
  }
  return 0;
}

bool gl_runs_has(size_t pages, size_t align) {
  return runs_find(pages, align) != 0;
}

/* ----------------------------------------------------- dirty pages, limit */

/* Owners of arenas stamp their pages without the lock: of those a near
   count. */
GL_RACES size_t gl_runs_count_dirty(size_t page, size_t pages) {
  gl_assert(page + pages <= gl_heap.runs.top_pages);
  const uint8_t *stamp = &gl_heap.dirty[page], *end = stamp + pages;
  size_t dirty = 0;
  for (; end - stamp >= 8; stamp += 8) {
    const uint64_t ones = 0x0101010101010101, low = 127 * ones;
    uint64_t eight;
    memcpy(&eight, stamp, sizeof eight);
    /* To the top bit of each byte whether any is set, and add them up. */
    eight |= (eight & low) + low;
    dirty += (eight >> 7 & ones) * ones >> 56;
  }
  for (; stamp < end; stamp++) dirty += *stamp != 0;
  return dirty;
}

/* Whether what is used and what is dirty go into the heap: neither of them has
   been counted down below 0. */
static bool runs_counts_are_sound(void) {
  size_t used = gl_heap.runs.used_pages, dirty = gl_heap.runs.dirty_pages;
  size_t most = gl_heap.runs.top_pages - GL_RUNS_FIRST_PAGE;
  return used <= most && dirty <= most - used;
}

static size_t runs_held_pages(void) {
  gl_assert(runs_counts_are_sound());
  return gl_heap.runs.used_pages + gl_heap.runs.dirty_pages;
}

static void runs_note_peak(void) {
  size_t held = runs_held_pages();
  if (held > gl_heap.runs.peak_pages) gl_heap.runs.peak_pages = held;
}

/* Discard one stretch of a free run.  Where the system refuses, the pages stay
   dirty, which is always correct. */
static size_t runs_discard(size_t page, size_t pages) {
  gl_assert(pages != 0 && pages <= gl_heap.runs.dirty_pages);
  if (!gl_os_discard(gl_page_address(page), pages << GL_PAGE_SHIFT)) return 0;
  memset(&gl_heap.dirty[page], 0, pages);
  gl_heap.runs.dirty_pages -= pages;
  gl_heap.runs.returned_pages += pages;
  return pages;
}

static bool runs_is_old(size_t page, unsigned min_age) {
  uint8_t stamp = gl_heap.dirty[page];
  return stamp != 0 && (uint8_t)(gl_heap.runs.tick - stamp) >= min_age;
}

/* Discard what is old of a free run, in stretches that begin and end where a
   multiple of so many pages does. */
static size_t runs_scavenge_run(size_t page, unsigned min_age, size_t unit) {
  gl_assert(runs_is_free(page) && (unit & (unit - 1)) == 0);
  size_t end = page + runs_entry(page)->pages, returned = 0;
  while (page < end) {
    size_t from = gl_round_up(page, unit);
    while (page < end && runs_is_old(page, min_age)) page++;
    size_t to = page & ~(unit - 1);
    if (to > from) returned += runs_discard(from, to - from);
    page++;
  }
  return returned;
}

static size_t runs_scavenge(unsigned min_age, size_t unit) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t returned = 0;
  unsigned bin = runs_nonempty_from(0);
  for (; bin < GL_RUN_BINS; bin = runs_nonempty_from(bin + 1)) {
    for (size_t page = runs->bins[bin]; page != 0;
         page = runs_entry(page)->next) {
      if (runs->dirty_pages == 0) return returned << GL_PAGE_SHIFT;
      returned += runs_scavenge_run(page, min_age, unit);
    }
  }
  gl_assert(runs_counts_are_sound());
  return returned << GL_PAGE_SHIFT;
}

size_t gl_runs_scavenge(unsigned min_age) { return runs_scavenge(min_age, 1); }

/* Stamp those of the clean pages that have memory.  Owners of arenas stamp
   theirs meanwhile: to say of a page that it is dirty is always correct. */
GL_RACES static size_t runs_stamp(size_t page, size_t pages,
                                  const unsigned char *resident) {
  uint8_t *stamp = &gl_heap.dirty[page];
  size_t found = 0;
  gl_assert(page + pages <= gl_heap.runs.top_pages);
  for (size_t i = 0; i < pages; i++) {
    if (stamp[i] != 0 || (resident[i] & 1) == 0) continue;
    stamp[i] = gl_heap.runs.tick;
    found++;
  }
  return found;
}

/* Returns how many clean pages of a run were found to have memory. */
static size_t runs_find_resident(size_t page, size_t pages) {
  unsigned char resident[RUNS_LOOK_PAGES];
  size_t found = 0, end = page + pages;
  gl_assert(pages != 0);
  for (; page < end; page += pages) {
    pages = end - page < RUNS_LOOK_PAGES ? end - page : RUNS_LOOK_PAGES;
    if (!gl_os_find_resident(gl_page_address(page), pages << GL_PAGE_SHIFT,
                             resident))
      break;
    found += runs_stamp(page, pages, resident);
  }
  return found;
}

void gl_runs_find_resident(void) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t page = GL_RUNS_FIRST_PAGE, pages;
  for (; page < runs->top_pages; page += pages) {
    pages = runs_entry(page)->pages;
    bool is_large = runs_entry(page)->state == GL_PAGE_LARGE;
    if (is_large || gl_runs_count_dirty(page, pages) == pages) continue;
    size_t found = runs_find_resident(page, pages);
    if (runs_entry(page)->state == GL_PAGE_FREE) runs->dirty_pages += found;
  }
  runs_note_peak();
  gl_assert(page == runs->top_pages && runs_counts_are_sound());
}

/* In a heap with huge pages, which are broken up where a part of one is given
   back, whole ones alone go, unless so much is free that not all of it will
   soon be used again. */
static size_t runs_unit(void) {
  const struct gl_runs *runs = &gl_heap.runs;
  gl_assert(runs_counts_are_sound());
  bool has_spare = runs->dirty_pages > runs->used_pages / RUNS_SPARE_SHARE;
  return gl_huge_are_likely() && !has_spare ? GL_HUGE_PAGES : 1;
}

void gl_runs_tick(uint64_t now_ns) {
  struct gl_runs *runs = &gl_heap.runs;
  if (now_ns - runs->tick_ns < GL_TICK_NS) return;
  runs->tick_ns = now_ns;
  /* What is dirty for so long that the stamp wraps round counts as young again:
     that happens where huge pages are kept. */
  runs->tick = runs->tick == 255 ? 1 : (uint8_t)(runs->tick + 1);
  gl_assert(runs->tick != 0); /* which is the stamp of clean pages */
  if (runs->dirty_pages > 0) runs_scavenge(GL_GRACE_TICKS, runs_unit());
  gl_huge_review();
}

/* What would be held if the free pages from start on were taken (0: others
   than there are). */
static size_t runs_held_with(size_t start, size_t pages) {
  size_t dirty = start == 0 ? 0 : gl_runs_count_dirty(start, pages);
  gl_assert(dirty <= gl_heap.runs.dirty_pages);
  return runs_held_pages() - dirty + pages;
}

/* True where taking these pages keeps the heap within its limit; gives back
   free pages first where that helps, which the system may refuse. */
static bool runs_within_limit(size_t start, size_t pages) {
  struct gl_runs *runs = &gl_heap.runs;
  if (runs->limit_pages == SIZE_MAX) return true;
  if (runs_held_with(start, pages) <= runs->limit_pages) return true;
  if (runs->used_pages + pages > runs->limit_pages) return false;
  gl_runs_scavenge(0);
  return runs_held_with(start, pages) <= runs->limit_pages;
}

/* ------------------------------------------------------------------ growth */

static bool runs_commit(size_t pages) {
  size_t arenas = gl_round_up(pages, GL_ARENA_PAGES) / GL_ARENA_PAGES;
  gl_assert(arenas <= gl_heap.size_bytes >> GL_ARENA_SHIFT);
  for (int i = 0; i < GL_SECTION_COUNT; i++) {
    struct gl_section *section = &gl_heap.sections[i];
    size_t bytes =
        gl_round_up(arenas * section->bytes_per_arena, GL_PAGE_BYTES);
    if (i == GL_SECTION_HEAP) bytes = pages << GL_PAGE_SHIFT;
    if (bytes <= section->committed_bytes) continue;
    if (!gl_os_commit(section->start + section->committed_bytes,
                      bytes - section->committed_bytes))
      return false;
    section->committed_bytes = bytes;
  }
  return true;
}

/* Move the top up by `pages`: they become a free run.  The extent is read
   without the lock by who has an address to compare with it: of a block that
   was there before, and it only grows. */
GL_RACES static bool runs_try_grow(size_t pages) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t end = gl_heap.size_bytes >> GL_PAGE_SHIFT;
  gl_assert(pages != 0 && runs->top_pages <= end);
  if (pages > end - runs->top_pages) return false;
  if (!runs_commit(runs->top_pages + pages)) return false;
  size_t page = runs->top_pages;
  runs->top_pages += pages;
  runs->used_pages += pages;
  /* Release: who finds an address below the extent finds its tables. */
  __atomic_store_n(&gl_heap.extent_bytes, runs->top_pages << GL_PAGE_SHIFT,
                   __ATOMIC_RELEASE);
  __atomic_store_n(&gl_heap.extent_granules,
                   gl_heap.extent_bytes >> GL_GRANULE_SHIFT, __ATOMIC_RELEASE);
  gl_runs_give(page, pages, page, page + pages);
  return true;
}

/* Where a run that grows over the top begins: the free run below it counts. */
static size_t runs_tail_start(void) {
  size_t top = gl_heap.runs.top_pages;
  if (top == GL_RUNS_FIRST_PAGE) return top;
  const struct gl_page *last = runs_entry(top - 1);
  gl_assert(last->state != GL_PAGE_NONE);
  return last->state == GL_PAGE_FREE ? last->head : top;
}

static size_t runs_step(size_t top) {
  size_t step = top / 8;
  if (step < RUNS_GROW_MIN_PAGES) step = RUNS_GROW_MIN_PAGES;
  if (step > RUNS_GROW_MAX_PAGES) step = RUNS_GROW_MAX_PAGES;
  bool in_huge = top + step >= GL_HUGE_TOP;
  gl_assert(!in_huge || step >= GL_HUGE_PAGES);
  return in_huge ? step - (top + step) % GL_HUGE_PAGES : step;
}

static bool runs_grow(size_t pages, size_t align) {
  size_t top = gl_heap.runs.top_pages;
  size_t end = runs_align(runs_tail_start(), align) + pages;
  if (end <= top) return true;
  size_t need = end - top, step = runs_step(top);
  if (!(step > need && runs_try_grow(step)) && !runs_try_grow(need))
    return false;
  gl_assert(runs_align(runs_tail_start(), align) + pages <=
            gl_heap.runs.top_pages);
  gl_huge_ask(pages);
  return true;
}

/* ------------------------------------------------------------- take, give */

/* Cut [start, start + pages) out of the free run that begins at page. */
static void runs_carve(size_t page, size_t start, size_t pages) {
  size_t end = page + runs_entry(page)->pages;
  gl_assert(page <= start && pages != 0 && start + pages <= end);
  runs_unlink(page);
  if (start > page) runs_insert(page, start - page);
  if (start + pages < end) runs_insert(start + pages, end - (start + pages));
}

size_t gl_runs_take(size_t pages, size_t align) {
  struct gl_runs *runs = &gl_heap.runs;
  if (pages == 0 || pages > gl_heap.size_bytes >> GL_PAGE_SHIFT) return 0;
  size_t page = runs_find(pages, align);
  if (page == 0) {
    if (!runs_within_limit(0, pages) || !runs_grow(pages, align)) return 0;
    /* Not found by searching: other runs may be ahead of it in its bin. */
    page = runs_tail_start();
  }
  size_t start = runs_align(page, align);
  gl_assert(runs_fits(page, pages, align));
  if (!runs_within_limit(start, pages)) return 0;
  runs_carve(page, start, pages);
  runs->used_pages += pages;
  /* Counted anew: keeping to the limit may have cleaned some. */
  runs->dirty_pages -= gl_runs_count_dirty(start, pages);
  runs_note_peak();
  return start;
}

/* Whether no free run lies beside [page, page + pages). */
static bool runs_is_apart(size_t page, size_t pages) {
  size_t next = page + pages;
  return (page == GL_RUNS_FIRST_PAGE ||
          runs_entry(page - 1)->state != GL_PAGE_FREE) &&
         (next == gl_heap.runs.top_pages ||
          runs_entry(next)->state != GL_PAGE_FREE);
}

void gl_runs_give(size_t page, size_t pages, size_t clean_from,
                  size_t clean_to) {
  struct gl_runs *runs = &gl_heap.runs;
  gl_assert(pages != 0 && pages <= runs->used_pages);
  gl_assert(clean_from == clean_to ||
            (page <= clean_from && clean_from < clean_to &&
             clean_to <= page + pages));
  size_t dirty = pages - (clean_to - clean_from);
  memset(&gl_heap.dirty[page], runs->tick, pages);
  memset(&gl_heap.dirty[clean_from], 0, clean_to - clean_from);
  runs->dirty_pages += dirty;
  runs->used_pages -= pages;
  size_t next = page + pages;
  if (next < runs->top_pages && runs_entry(next)->state == GL_PAGE_FREE) {
    pages += runs_entry(next)->pages;
    runs_unlink(next);
  }
  if (page > GL_RUNS_FIRST_PAGE &&
      runs_entry(page - 1)->state == GL_PAGE_FREE) {
    size_t before = runs_entry(page - 1)->head;
    runs_unlink(before);
    pages += page - before;
    page = before;
  }
  gl_assert(runs_is_apart(page, pages) && runs_counts_are_sound());
  runs_insert(page, pages);
}

void gl_runs_zero(size_t page, size_t pages) {
  size_t end = page + pages;
  gl_assert(pages != 0 && gl_in_heap(gl_page_address(end) - 1));
  while (page < end) {
    size_t from = page;
    while (page < end && gl_heap.dirty[page] != 0) page++;
    memset(gl_page_address(from), 0, (page - from) << GL_PAGE_SHIFT);
    while (page < end && gl_heap.dirty[page] == 0) page++;
  }
}

/* ------------------------------------------------- large blocks and arenas */

static void runs_name_large(size_t page, size_t head) {
  gl_assert(head <= page);
  runs_entry(page)->head = (uint32_t)head;
  runs_entry(page)->state = GL_PAGE_LARGE;
}

/* Pages [from, to), the last ones of the large block at head, become its. */
static void runs_fill_large(size_t head, size_t from, size_t to) {
  gl_assert(head <= from && from < to);
  size_t page = from, dense = (head | (GL_STRIDE_PAGES - 1)) + 1;
  for (; page < to && page < dense; page++) runs_name_large(page, head);
  page = gl_round_up(page, GL_STRIDE_PAGES);
  for (; page < to; page += GL_STRIDE_PAGES) runs_name_large(page, head);
  runs_name_large(to - 1, head);
}

void gl_runs_set_large(size_t page, size_t pages, enum gl_kind kind) {
  struct gl_runs *runs = &gl_heap.runs;
  struct gl_page *first = runs_entry(page);
  gl_assert(runs->large == 0 || runs_entry(runs->large)->prev == 0);
  /* First: a look-up without the lock may come by an entry that is old, and is
     not to believe the length of what was here before. */
  first->pages = (uint32_t)pages & 0xfffffff;
  GL_STORE_FENCE();
  runs_fill_large(page, page, page + pages);
  first->kind = (uint32_t)kind & 3;
  first->prev = 0;
  first->next = runs->large;
  if (first->next != 0)
    runs_entry(first->next)->prev = (uint32_t)page & 0x3fffffff;
  runs->large = (uint32_t)page;
  gl_assert(runs_is_large(page) && runs_is_linked(page, runs->large));
}

void gl_runs_set_arena(size_t page) {
  size_t last = page + GL_ARENA_PAGES - 1;
  gl_assert(page % GL_ARENA_PAGES == 0);
  runs_entry(page)->head = runs_entry(last)->head = (uint32_t)page;
  runs_entry(page)->state = runs_entry(last)->state = GL_PAGE_ARENA;
  runs_entry(page)->pages = (uint32_t)GL_ARENA_PAGES & 0xfffffff;
}

void gl_runs_free_large(size_t page) {
  struct gl_page *first = runs_entry(page);
  size_t pages = first->pages;
  gl_assert(first->state == GL_PAGE_LARGE && first->head == page);
  gl_assert(runs_is_linked(page, gl_heap.runs.large));
  if (first->next != 0) runs_entry(first->next)->prev = first->prev;
  if (first->prev != 0)
    runs_entry(first->prev)->next = first->next;
  else
    gl_heap.runs.large = first->next;
  first->state = GL_PAGE_NONE;
  gl_runs_give(page, pages, page, page);
}

static void runs_shrink_large(size_t page, size_t pages) {
  size_t tail = runs_entry(page)->pages - pages;
  gl_assert(pages != 0 && pages < runs_entry(page)->pages);
  runs_entry(page)->pages = (uint32_t)pages & 0xfffffff;
  runs_name_large(page + pages - 1, page);
  gl_runs_give(page + pages, tail, page, page);
}

static bool runs_try_grow_large(size_t page, size_t pages) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t old = runs_entry(page)->pages, more = pages - old, next = page + old;
  gl_assert(pages > old && next <= runs->top_pages);
  if (next >= runs->top_pages && !runs_grow(more, 1)) return false;
  if (next >= runs->top_pages) return false;
  struct gl_page *behind = runs_entry(next);
  if (behind->state != GL_PAGE_FREE || behind->pages < more) return false;
  if (!runs_within_limit(next, more)) return false;
  runs_carve(next, next, more);
  runs->used_pages += more;
  runs->dirty_pages -= gl_runs_count_dirty(next, more);
  runs_note_peak();
  runs_fill_large(page, next, next + more);
  runs_entry(page)->pages = (uint32_t)pages & 0xfffffff;
  return true;
}

bool gl_runs_try_resize(size_t page, size_t pages) {
  size_t old = runs_entry(page)->pages;
  if (pages < old) runs_shrink_large(page, pages);
  return pages <= old || runs_try_grow_large(page, pages);
}

void gl_runs_init(void) {
  struct gl_runs *runs = &gl_heap.runs;
  memset(runs, 0, sizeof *runs);
  runs->top_pages = GL_RUNS_FIRST_PAGE;
  gl_huge_init();
  runs->limit_pages = SIZE_MAX;
  runs->tick = 1;
  runs->tick_ns = gl_os_coarse_ns();
}

/* ------------------------------------------------------------------- check */

#define RUNS_CHECK(x) GL_HEAP_CHECK("page runs", x)

static bool runs_check_free(size_t page, bool after_free, size_t *dirty) {
  const struct gl_page *first = runs_entry(page);
  size_t last = page + first->pages - 1;
  RUNS_CHECK(!after_free);
  RUNS_CHECK(runs_entry(last)->state == GL_PAGE_FREE);
  RUNS_CHECK(runs_entry(last)->head == page);
  unsigned bin = runs_bin_of(first->pages);
  RUNS_CHECK(gl_heap.runs.nonempty[bin / 64] >> bin % 64 & 1);
  RUNS_CHECK(first->prev == 0 ? gl_heap.runs.bins[bin] == page
                              : runs_entry(first->prev)->next == page);
  *dirty += gl_runs_count_dirty(page, first->pages);
  return true;
}

static bool runs_check_large(size_t page) {
  size_t pages = runs_entry(page)->pages;
  RUNS_CHECK(gl_runs_find_large(page + pages - 1) == page);
  RUNS_CHECK(gl_runs_find_large(page + pages / 2) == page);
  return true;
}

bool gl_runs_check(void) {
  const struct gl_runs *runs = &gl_heap.runs;
  size_t page = GL_RUNS_FIRST_PAGE, used = 0, dirty = 0;
  bool after_free = false;
  while (page < runs->top_pages) {
    const struct gl_page *first = runs_entry(page);
    RUNS_CHECK(first->head == page && first->pages > 0);
    RUNS_CHECK(first->state != GL_PAGE_NONE);
    if (first->state == GL_PAGE_FREE) {
      if (!runs_check_free(page, after_free, &dirty)) return false;
    } else {
      used += first->pages;
      if (first->state == GL_PAGE_LARGE && !runs_check_large(page))
        return false;
    }
    after_free = first->state == GL_PAGE_FREE;
    page += first->pages;
  }
  RUNS_CHECK(page == runs->top_pages);
  RUNS_CHECK(used == runs->used_pages);
  RUNS_CHECK(dirty == runs->dirty_pages);
  RUNS_CHECK(used + dirty <= runs->peak_pages);
  return true;
}
