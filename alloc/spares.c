/* SPDX-License-Identifier: MIT */
/*
 * spares.c: large blocks that were freed a moment ago.  A program that needs a buffer
 * again and again, and gives it back each time, would take the heap lock and take page
 * runs apart and put them together for each.  So a cache keeps a few freed ones as they
 * are: large blocks still, as the page table has it, but without a tag, and so free
 * memory to whoever looks them up.
 *
 * They are no more than a megabyte, and go back when the cache is trimmed, some
 * times a second where its thread frees, when its thread ends, before a collection, and
 * where there is no other room.  Where the heap is limited there are none: another
 * thread's could not be had.
 */
#include "cache.h"
#include "runs.h"

/* All of a cache's together. */
#define SPARES_MOST_PAGES (((size_t)1 << 20) >> GL_PAGE_SHIFT)

/* A block may be longer than what is asked for by an eighth. */
#define SPARES_SLACK 8

static void spares_remove(struct gl_cache *cache, struct gl_spare *spare) {
  cache->spare_pages -= spare->pages;
  *spare = (struct gl_spare){.page = 0};
}

static void spares_give(struct gl_cache *cache, struct gl_spare *spare) {
  if (spare->page == 0) return;
  gl_runs_free_large(spare->page);
  spares_remove(cache, spare);
}

bool gl_spares_give_back(struct gl_cache *cache) {
  bool any = cache->spare_pages != 0;
  for (unsigned i = 0; i < GL_SPARES; i++) spares_give(cache, &cache->spare[i]);
  return any;
}

/* Room for so many pages more: the oldest go. */
static struct gl_spare *spares_make_room(struct gl_cache *cache, size_t pages) {
  struct gl_spare *spare = &cache->spare[cache->next_spare++ % GL_SPARES];
  if (spare->page == 0 && cache->spare_pages + pages <= SPARES_MOST_PAGES)
    return spare;
  gl_heap_lock(cache);
  spares_give(cache, spare);
  for (unsigned i = cache->next_spare;
       cache->spare_pages + pages > SPARES_MOST_PAGES; i++)
    spares_give(cache, &cache->spare[i % GL_SPARES]);
  gl_heap_unlock();
  return spare;
}

/* Another thread may free the block at the same moment: one of them finds the tag. */
static bool spares_claim(size_t page) {
  size_t granule = gl_page_granule(page);
  struct gl_tags *line = gl_tags_line(gl_heap.tags, granule);
  uint64_t bit = gl_tags_bit(granule);
  return __atomic_fetch_and(&line->block, ~bit, __ATOMIC_RELAXED) & bit;
}

/* Pages of the large block at a page, where it may be kept; or 0.  The word that says
   of what kind it is has a link too, which others change meanwhile; and the limit may
   be set at any time. */
GL_RACES static uint32_t spares_length(size_t page) {
  const struct gl_page *first = &gl_heap.pages[page];
  bool kept = first->pages <= SPARES_MOST_PAGES && first->kind == GL_ATOMIC &&
              gl_heap.runs.limit_pages == SIZE_MAX;
  return kept ? first->pages : 0;
}

size_t gl_spares_put(struct gl_cache *cache, size_t page) {
  uint32_t pages = spares_length(page);
  if (pages == 0) return 0;
  struct gl_spare *spare = spares_make_room(cache, pages);
  if (!spares_claim(page)) return 0;
  *spare = (struct gl_spare){.page = (uint32_t)page, .pages = pages};
  cache->spare_pages += pages;
  return pages;
}

size_t gl_spares_take(struct gl_cache *cache, size_t *pages) {
  size_t most = *pages + *pages / SPARES_SLACK;
  for (unsigned i = 0; i < GL_SPARES && cache->spare_pages >= *pages; i++) {
    struct gl_spare *spare = &cache->spare[i];
    size_t page = spare->page;
    if (spare->pages < *pages || spare->pages > most) continue;
    *pages = spare->pages;
    spares_remove(cache, spare);
    gl_tags_set_block(gl_heap.tags, gl_page_granule(page));
    return page;
  }
  return 0;
}

bool gl_spares_have(const struct gl_cache *cache, size_t page) {
  for (unsigned i = 0; i < GL_SPARES; i++)
    if (cache->spare[i].page == page) return true;
  return false;
}
