/* SPDX-License-Identifier: MIT */
/*
 * spares.c: large blocks that were freed a moment ago.  A program that needs a
 * buffer again and again, and gives it back each time, would take the heap lock
 * and take page runs apart and put them together for each.  So a cache keeps a
 * few freed ones as they are: large blocks still, as the page table has it, but
 * without a tag, and so free memory to whoever looks them up.
 *
 * They are no more than a megabyte, and go back when the cache is trimmed, when
 * its thread ends, and before a collection; and those of all caches at each
 * tick of the page runs, if any thread frees, and where there is no other room.
 * So whoever holds the heap lock may take one out of another thread's cache.
 * (Two nanoseconds of 36 for a block that is taken and freed; before, 200
 * threads that had freed a buffer each and then slept kept 200 MB for good.)
 *
 * A spare one is a word: its first page, and in the upper half how many they
 * are; 0 for none.  Only the cache's thread writes another; who makes it 0 has
 * the block.
 */
#include "cache.h"
#include "runs.h"

/* All of a cache's together. */
#define SPARES_MOST_PAGES (((size_t)1 << 20) >> GL_PAGE_SHIFT)

/* A block may be longer than what is asked for by an eighth. */
#define SPARES_SLACK 8

static size_t spare_page(uint64_t spare) { return (uint32_t)spare; }

static size_t spare_pages(uint64_t spare) { return (size_t)(spare >> 32); }

static bool spare_is_sound(uint64_t spare) {
  return spare == 0 ||
         (spare_page(spare) >= GL_RUNS_FIRST_PAGE && spare_pages(spare) != 0 &&
          spare_pages(spare) <= SPARES_MOST_PAGES);
}

/* Whether the large block at a page is one that nobody sees. */
static bool spares_is_hidden(size_t page) {
  return gl_heap.pages[page].state == GL_PAGE_LARGE &&
         gl_heap.pages[page].head == page &&
         !gl_tags_is_head(gl_heap.tags, gl_page_granule(page));
}

/* Acquire: what its thread did to the block comes first. */
static uint64_t spares_look(const struct gl_cache *cache, unsigned i) {
  uint64_t spare =
      __atomic_load_n(&cache->spare[i % GL_SPARES], __ATOMIC_ACQUIRE);
  gl_assert(spare_is_sound(spare));
  return spare;
}

/* True where nobody else took it meanwhile. */
static bool spares_remove(struct gl_cache *cache, unsigned i, uint64_t spare) {
  gl_assert(spare != 0);
  return __atomic_compare_exchange_n(&cache->spare[i % GL_SPARES], &spare, 0,
                                     false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

size_t gl_spares_pages(const struct gl_cache *cache) {
  size_t pages = 0;
  for (unsigned i = 0; i < GL_SPARES; i++)
    pages += spare_pages(spares_look(cache, i));
  return pages;
}

static bool spares_give(struct gl_cache *cache, unsigned i) {
  uint64_t spare = spares_look(cache, i);
  if (spare == 0 || !spares_remove(cache, i, spare)) return false;
  gl_assert(spares_is_hidden(spare_page(spare)));
  gl_runs_free_large(spare_page(spare));
  return true;
}

bool gl_spares_give_back(struct gl_cache *cache) {
  bool any = false;
  for (unsigned i = 0; i < GL_SPARES; i++) any |= spares_give(cache, i);
  return any;
}

bool gl_spares_give_back_all(void) {
  bool any = false;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    any |= gl_spares_give_back(c);
  return any;
}

size_t gl_spares_take_run(size_t pages, size_t align) {
  gl_assert(pages != 0 && align != 0 && (align & (align - 1)) == 0);
  size_t page = gl_runs_take(pages, align);
  return page == 0 && gl_spares_give_back_all() ? gl_runs_take(pages, align)
                                                : page;
}

/* Room for so many pages more, in a certain place: the oldest go. */
static void spares_make_room(struct gl_cache *cache, unsigned at,
                             size_t pages) {
  gl_assert(at < GL_SPARES && pages <= SPARES_MOST_PAGES);
  if (spares_look(cache, at) == 0 &&
      gl_spares_pages(cache) + pages <= SPARES_MOST_PAGES)
    return;
  gl_heap_lock(cache);
  do {
    spares_give(cache, at++);
  } while (gl_spares_pages(cache) + pages > SPARES_MOST_PAGES);
  gl_heap_unlock();
}

/* Another thread may free the block at the same moment: one of them finds the
   tag. */
static bool spares_claim(size_t page) {
  gl_assert(page >= GL_RUNS_FIRST_PAGE);
  size_t granule = gl_page_granule(page);
  struct gl_tags *line = gl_tags_line(gl_heap.tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  return __atomic_fetch_and(&line->block, ~bit, __ATOMIC_RELAXED) & bit;
}

/* Pages of the large block at a page, where it may be kept; or 0.  The word
   that says of what kind it is has a link too, which others change
   meanwhile. */
GL_RACES static uint32_t spares_length(size_t page) {
  const struct gl_page *first = &gl_heap.pages[page];
  bool kept = first->pages <= SPARES_MOST_PAGES && first->kind == GL_ATOMIC;
  return kept ? first->pages : 0;
}

size_t gl_spares_put(struct gl_cache *cache, size_t page) {
  size_t pages = spares_length(page);
  if (pages == 0) return 0;
  unsigned at = cache->next_spare++ % GL_SPARES;
  spares_make_room(cache, at, pages);
  if (!spares_claim(page)) return 0;
  gl_assert(spares_look(cache, at) == 0 && spares_is_hidden(page));
  /* Release: for whoever takes it. */
  __atomic_store_n(&cache->spare[at], page | (uint64_t)pages << 32,
                   __ATOMIC_RELEASE);
  gl_assert(gl_spares_pages(cache) <= SPARES_MOST_PAGES);
  return pages;
}

size_t gl_spares_take(struct gl_cache *cache, size_t *pages) {
  gl_assert(*pages != 0); /* an empty place would do */
  size_t most = *pages + *pages / SPARES_SLACK;
  for (unsigned i = 0; i < GL_SPARES; i++) {
    uint64_t spare = spares_look(cache, i);
    size_t has = spare_pages(spare);
    if (has < *pages || has > most || !spares_remove(cache, i, spare)) continue;
    *pages = has;
    gl_assert(spares_is_hidden(spare_page(spare)));
    gl_tags_set_block(gl_heap.tags, gl_page_granule(spare_page(spare)));
    return spare_page(spare);
  }
  return 0;
}

bool gl_spares_have(const struct gl_cache *cache, size_t page) {
  gl_assert(page != 0); /* an empty place has that */
  for (unsigned i = 0; i < GL_SPARES; i++)
    if (spare_page(spares_look(cache, i)) == page) return true;
  return false;
}
