/* SPDX-License-Identifier: MIT */
/*
 * heap.c: the facade: reserves the heap and its tables, routes an allocation
 * to a cache or to the page runs, and resolves addresses.  Owns gl_heap.
 */
#include "heap.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "cache.h"
#include "os.h"
#include "runs.h"

/* The heap's address space: so much where nothing limits it.  Page numbers
   have 28 bits. */
#define HEAP_RESERVE_BYTES ((size_t)1 << 40)
#define HEAP_MIN_BYTES (4 * GL_ARENA_BYTES)

_Static_assert(HEAP_RESERVE_BYTES >> GL_PAGE_SHIFT <= (size_t)1 << 28,
               "the number of a page goes into each field that holds one");

/* Tags at the beginning for which huge pages are not asked for. */
#define HEAP_SMALL_TAGS_BYTES ((size_t)1 << 20)

static void heap_ignore_leave(struct gl_cache *cache) {
  cache->stop_wanted = 0;
}

static void heap_ignore_corruption(const void *address, const char *fault) {
  (void)address;
  gl_panic(fault, __FILE__, __LINE__);
}

static void heap_ignore_unlock(void) {}

#define ROW(n) n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n
#define ROWS(n) ROW(n), ROW(n + 1), ROW(n + 2), ROW(n + 3)
#define ROWS_16(n) ROWS(n), ROWS(n + 4), ROWS(n + 8), ROWS(n + 12)

_Static_assert(GL_EXACT_CLASSES == 64, "the rows below");

/* What fast paths look at is there before anything is set up: they find nothing
   in gl_cache_none, but must not fall over a size. */
struct gl_heap gl_heap GL_DATA = {
    .small_most = GL_SMALL_SIZES - 1,
    /* Size 0, and then a row for each granule: 1 to 16, 17 to 32, ... */
    .small_granules = {1, ROWS_16(1), ROWS_16(17), ROWS_16(33), ROWS_16(49)},
    .on_leave = heap_ignore_leave,
    .on_corruption = heap_ignore_corruption,
    .on_unlock = heap_ignore_unlock,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .budget_bytes = GL_BUDGET_UNLIMITED,
};

/* ----------------------------------------------------------------- messages */

static void heap_write(const char *text) {
  ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
  (void)ignored;
}

void gl_panic(const char *what, const char *file, int line) {
  char digits[12];
  int at = (int)sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + line % 10);
    line /= 10;
  } while (line > 0);
  heap_write("gleaner: ");
  heap_write(what);
  heap_write(" at ");
  heap_write(file);
  heap_write(":");
  heap_write(digits + at);
  heap_write("\n");
  __builtin_trap();
}

bool gl_heap_check_failed(const char *where, const char *what) {
  heap_write("gleaner: heap check: ");
  heap_write(where);
  heap_write(": ");
  heap_write(what);
  heap_write("\n");
  return false;
}

/* ------------------------------------------------------------------- set-up */

static const size_t heap_bytes_per_arena[GL_SECTION_COUNT] = {
    [GL_SECTION_HEAP] = GL_ARENA_BYTES,
    [GL_SECTION_TAGS] = GL_ARENA_LINES * sizeof(struct gl_tags),
    [GL_SECTION_PAGES] = GL_ARENA_PAGES * sizeof(struct gl_page),
    [GL_SECTION_DIRTY] = GL_ARENA_PAGES,
    [GL_SECTION_ARENAS] = sizeof(struct gl_arena),
    [GL_SECTION_SLOTS] = 1,
};

static size_t heap_section_bytes(int section, size_t arenas) {
  gl_assert(arenas <= HEAP_RESERVE_BYTES >> GL_ARENA_SHIFT);
  return gl_round_up(arenas * heap_bytes_per_arena[section], GL_ARENA_BYTES);
}

/* One reservation: the heap first, so that it is aligned, then the tables. */
static bool heap_try_reserve(size_t arenas) {
  size_t total = 0;
  for (int i = 0; i < GL_SECTION_COUNT; i++)
    total += heap_section_bytes(i, arenas);
  char *at = gl_os_reserve(total, GL_HUGE_BYTES);
  if (at == NULL) return false;
  for (int i = 0; i < GL_SECTION_COUNT; i++) {
    struct gl_section *section = &gl_heap.sections[i];
    section->start = at;
    section->committed_bytes = 0;
    section->bytes_per_arena = heap_bytes_per_arena[i];
    at += heap_section_bytes(i, arenas);
  }
  gl_assert(at == gl_heap.sections[GL_SECTION_HEAP].start + total);
  gl_heap.size_bytes = arenas << GL_ARENA_SHIFT;
  return true;
}

/* Half of what address space is left goes to the heap and its tables: the
   program has its own needs. */
static bool heap_reserve(void) {
  size_t left = gl_os_address_space_left();
  size_t bytes = HEAP_RESERVE_BYTES;
  if (left / 2 < bytes) bytes = left / 2;
  for (; bytes >= HEAP_MIN_BYTES; bytes /= 2)
    if (heap_try_reserve(bytes >> GL_ARENA_SHIFT)) return true;
  return false;
}

/* Huge pages for tags, but for those of a heap of 64 MB, which are a
   megabyte. */
static void heap_advise_huge_tags(void) {
  const struct gl_section *tags = &gl_heap.sections[GL_SECTION_TAGS];
  size_t bytes = (gl_heap.size_bytes >> GL_ARENA_SHIFT) * tags->bytes_per_arena;
  gl_assert(tags->start + bytes <= gl_heap.sections[GL_SECTION_PAGES].start);
  if (bytes > HEAP_SMALL_TAGS_BYTES)
    gl_os_advise_huge(tags->start + HEAP_SMALL_TAGS_BYTES,
                      bytes - HEAP_SMALL_TAGS_BYTES, true);
}

bool gl_heap_init(void) {
  if (!heap_reserve()) return false;
  heap_advise_huge_tags();
  gl_heap.base = (uintptr_t)gl_heap.sections[GL_SECTION_HEAP].start;
  gl_heap.tags = (void *)gl_heap.sections[GL_SECTION_TAGS].start;
  gl_heap.tags_bias = (uintptr_t)gl_heap.tags -
                      (gl_heap.base >> GL_LINE_SHIFT) * sizeof(struct gl_tags);
  gl_heap.pages = (void *)gl_heap.sections[GL_SECTION_PAGES].start;
  gl_heap.dirty = (void *)gl_heap.sections[GL_SECTION_DIRTY].start;
  gl_heap.arenas = (void *)gl_heap.sections[GL_SECTION_ARENAS].start;
  gl_heap.slots = (void *)gl_heap.sections[GL_SECTION_SLOTS].start;
  /* An encoded link must never look like an address. */
  gl_heap.secret = gl_os_random() | (uint64_t)3 << 62;
  gl_runs_init();
  gl_assert(gl_heap.base % GL_ARENA_BYTES == 0);
  gl_assert(gl_tags_at(gl_heap.base) == gl_heap.tags);
  gl_heap.ready = true;
  return true;
}

/* The size of a block, with its padding. */
static size_t heap_padded(size_t size) {
  return size < GL_PAD_GRANULES << GL_GRANULE_SHIFT ? size
                                                    : size + gl_heap.pad_bytes;
}

static bool heap_is_large(size_t size) {
  return size > GL_MEDIUM_MAX_BYTES - gl_heap.pad_bytes;
}

static size_t heap_granules(size_t padded) {
  gl_assert(padded <= gl_heap.size_bytes + gl_heap.pad_bytes);
  return padded == 0 ? 1 : (padded + GL_GRANULE_BYTES - 1) >> GL_GRANULE_SHIFT;
}

/* Large blocks without pointers are padded too: a root that points to one would
   keep its dead neighbour, and half as many again of them were held as live. */
static size_t heap_pages(size_t size) {
  gl_assert(size != 0 && size <= gl_heap.size_bytes);
  return gl_round_up(heap_padded(size), GL_PAGE_BYTES) >> GL_PAGE_SHIFT;
}

void gl_heap_pad_blocks(void) {
  gl_assert(gl_heap.ready);
  gl_heap.pad_bytes = 1;
  gl_heap.small_most = GL_SMALL_SIZES - 1 - gl_heap.pad_bytes;
  for (size_t size = 0; size <= gl_heap.small_most; size++)
    gl_heap.small_granules[size] = (uint8_t)heap_granules(heap_padded(size));
  gl_assert(gl_heap.small_granules[gl_heap.small_most] == GL_EXACT_CLASSES);
}

/* --------------------------------------------------------------------- lock */

__thread uint32_t gl_locks_held __attribute__((tls_model("initial-exec")));
__thread uintptr_t gl_telling __attribute__((tls_model("initial-exec")));

/* The thread may be asked to stop while it waits. */
static void heap_await_lock(void) {
  const struct timespec step = {0, 20000};
  if (!GL_HAS_TSAN) pthread_mutex_lock(&gl_heap.lock);
  while (GL_HAS_TSAN && pthread_mutex_trylock(&gl_heap.lock) != 0)
    nanosleep(&step, NULL);
}

void gl_heap_lock(struct gl_cache *cache) {
  gl_assert(cache == NULL || cache->in_use);
  gl_locks_held++;
  gl_telling = 0;
  if (pthread_mutex_trylock(&gl_heap.lock) == 0) return;
  bool entered = cache != NULL && cache->busy != 0;
  if (entered) gl_cache_leave(cache);
  heap_await_lock();
  /* Who holds the lock is not stopped: a stop needs the lock first. */
  if (entered) gl_cache_enter(cache);
}

void gl_heap_unlock(void) {
  gl_assert(gl_locks_held > 0);
  pthread_mutex_unlock(&gl_heap.lock);
  gl_locks_held--;
}

/* --------------------------------------------------------------- allocation */

bool gl_heap_budget_is_spent(void) {
  return __atomic_load_n(&gl_heap.budget_bytes, __ATOMIC_RELAXED) <= 0;
}

static void heap_count_large(struct gl_cache *cache, size_t pages) {
  gl_assert(pages != 0 && gl_cache_is_entered(cache));
  cache->allocated_bytes += pages << GL_PAGE_SHIFT;
  cache->charged_bytes += pages << GL_PAGE_SHIFT;
  cache->large_bytes += (int64_t)(pages << GL_PAGE_SHIFT);
}

static void heap_count_large_freed(struct gl_cache *cache, size_t pages) {
  gl_assert(gl_cache_is_entered(cache));
  gl_cache_count_freed(cache, gl_page_granule(pages));
  cache->large_bytes -= (int64_t)(pages << GL_PAGE_SHIFT);
}

/* Whether rather to collect than to grow for a large block: much of the budget
   is spent, and as much memory is held as it needs, only nowhere in one
   piece. */
static bool heap_is_thrifty(size_t pages, size_t align_pages) {
  int64_t left = __atomic_load_n(&gl_heap.budget_bytes, __ATOMIC_RELAXED);
  gl_assert(pages != 0 && align_pages != 0);
  return gl_heap.runs.dirty_pages >= pages &&
         left <= __atomic_load_n(&gl_heap.large_thrift_bytes,
                                 __ATOMIC_RELAXED) &&
         !gl_runs_has(pages, align_pages);
}

/* Whether a granule has no tag, as all have that lie inside of something. */
static bool heap_is_untagged(size_t granule) {
  return !gl_tags_is_block(gl_heap.tags, granule) &&
         !gl_tags_is_marked(gl_heap.tags, granule);
}

/* A large block, not zeroed; the cache is entered. */
static size_t heap_take_large(struct gl_cache *cache, size_t pages,
                              size_t align_pages, enum gl_kind kind,
                              enum gl_want *want) {
  size_t page = 0;
  gl_heap_lock(cache);
  gl_runs_tick(gl_os_coarse_ns());
  if (heap_is_thrifty(pages, align_pages))
    *want = GL_WANT_COLLECTION;
  else
    page = gl_spares_take_run(pages, align_pages);
  if (page != 0) {
    gl_assert(heap_is_untagged(gl_page_granule(page)));
    gl_tags_set_block(gl_heap.tags, gl_page_granule(page));
    gl_runs_set_large(page, pages, kind);
    heap_count_large(cache, pages);
  }
  gl_heap_unlock();
  return page;
}

/* The same out of the cache's spare ones. */
static void *heap_take_spare(struct gl_cache *cache, size_t pages) {
  size_t page = gl_spares_take(cache, &pages);
  if (page == 0) return NULL;
  gl_assert(gl_runs_find_large(page) == page);
  heap_count_large(cache, pages);
  return gl_page_address(page);
}

static void *heap_allocate_large(struct gl_cache *cache, size_t size,
                                 size_t align, enum gl_kind kind,
                                 enum gl_want *want) {
  size_t pages = heap_pages(size);
  size_t align_pages = align > GL_PAGE_BYTES ? align >> GL_PAGE_SHIFT : 1;
  gl_assert(gl_cache_is_entered(cache));
  if (kind == GL_ATOMIC && align_pages == 1) {
    void *spare = heap_take_spare(cache, pages);
    if (spare != NULL) return spare;
  }
  gl_cache_settle(cache);
  if (gl_heap_budget_is_spent()) {
    *want = GL_WANT_COLLECTION;
    return NULL;
  }
  size_t page = heap_take_large(cache, pages, align_pages, kind, want);
  if (page == 0) return NULL;
  /* Zeroing may take long, so the world may stop meanwhile. */
  void *p = gl_page_address(page);
  gl_assert(align == 0 || (uintptr_t)p % align == 0);
  const void *pinned = cache->pin;
  if (gl_kind_is_zeroed(kind)) {
    cache->pin = pinned == NULL ? p : pinned;
    gl_cache_leave(cache);
    gl_runs_zero(page, pages);
    gl_cache_enter(cache);
    cache->pin = pinned;
  }
  return p;
}

/* The calling thread's cache, made where it has none. */
static struct gl_cache *heap_cache(struct gl_cache *cache) {
  if (cache != &gl_cache_none) return cache;
  gl_heap_lock(NULL);
  cache = gl_cache_acquire(NULL);
  gl_heap_unlock();
  return cache;
}

void *gl_heap_allocate(struct gl_cache *cache, size_t size, enum gl_kind kind,
                       enum gl_want *want) {
  gl_assert(kind < GL_KIND_COUNT);
  *want = GL_WANT_ROOM;
  cache = heap_cache(cache);
  if (cache == NULL || size > gl_heap.size_bytes) return NULL;
  if (cache->look_in_granules < 0) gl_cache_look(cache);
  gl_cache_enter_slow(cache);
  void *p = heap_is_large(size)
                ? heap_allocate_large(cache, size, 0, kind, want)
                : gl_cache_allocate_slow(
                      cache, heap_granules(heap_padded(size)), kind, want);
  gl_cache_leave(cache);
  return p;
}

/* Cut the front off a block so that it starts at an aligned address. */
static void *heap_trim_front(struct gl_cache *cache, char *p, size_t align) {
  char *aligned = (char *)gl_round_up((uintptr_t)p, align);
  gl_assert(gl_arena_owner(gl_arena_of(p)) == cache);
  if (aligned == p) return p;
  gl_assert(gl_tags_is_block(gl_heap.tags, gl_granule_of(p)));
  gl_assert(heap_is_untagged(gl_granule_of(aligned)));
  gl_tags_set_block(gl_heap.tags, gl_granule_of(aligned));
  gl_tags_set_free(gl_heap.tags, gl_granule_of(p));
  gl_arena_of(p)->free_granules +=
      (uint32_t)((size_t)(aligned - p) >> GL_GRANULE_SHIFT);
  gl_cache_count_freed(cache, (size_t)(aligned - p) >> GL_GRANULE_SHIFT);
  return aligned;
}

/* A small or medium block at an aligned address: one that is at hand, or a part
   of one of so many bytes that there must be such an address in it. */
static void *heap_allocate_aligned(struct gl_cache *cache, size_t granules,
                                   size_t whole, size_t align,
                                   enum gl_kind kind, enum gl_want *want) {
  gl_assert(whole >= granules << GL_GRANULE_SHIFT);
  void *p = gl_cache_try_take_aligned(cache, granules, align, kind);
  if (p != NULL) return p;
  p = gl_cache_allocate_slow(cache, heap_granules(whole), kind, want);
  return p == NULL ? NULL : heap_trim_front(cache, p, align);
}

void *gl_heap_allocate_aligned(struct gl_cache *cache, size_t size,
                               size_t align, enum gl_kind kind,
                               enum gl_want *want) {
  *want = GL_WANT_ROOM;
  cache = heap_cache(cache);
  if (cache == NULL || size > gl_heap.size_bytes || align > gl_heap.size_bytes)
    return NULL;
  gl_assert(align >= GL_GRANULE_BYTES && (align & (align - 1)) == 0);
  size_t granules = heap_granules(heap_padded(size));
  size_t whole = (granules << GL_GRANULE_SHIFT) + align - GL_GRANULE_BYTES;
  gl_cache_enter_slow(cache);
  void *p =
      whole > GL_MEDIUM_MAX_BYTES
          ? heap_allocate_large(cache, size + (size == 0), align, kind, want)
          : heap_allocate_aligned(cache, granules, whole, align, kind, want);
  gl_assert((uintptr_t)p % align == 0); /* NULL too */
  gl_cache_leave(cache);
  return p;
}

/* ---------------------------------------------------------------- addresses */

/* Any thread may ask what is at an address (gc_base, gc_realloc, an error
   message), while the owner of that arena allocates and frees in it: the tags
   are read a word at a time, and what is being allocated or freed at this
   moment may be seen either way. */

/* A tag is there at any time, since the owner writes each before it takes away
   the one it stands for. */
size_t gl_heap_block_end(const struct gl_arena *arena, size_t start) {
  gl_assert(start / GL_ARENA_GRANULES == gl_arena_index(arena));
  return gl_tags_next_shared(gl_heap.tags, start + 1, gl_arena_end(arena));
}

GL_RACES static bool heap_find_in_arena(struct gl_arena *arena, const void *p,
                                        struct gl_block *block) {
  gl_assert(gl_arena_of(p) == arena);
  gl_arena_sweep(arena);
  size_t granule = gl_granule_of(p);
  size_t head =
      gl_tags_find_head(gl_heap.tags, gl_arena_first_granule(arena), granule);
  if (head == SIZE_MAX || !gl_tags_is_block(gl_heap.tags, head)) return false;
  gl_assert(head <= granule && head / GL_ARENA_GRANULES ==
                                   gl_arena_index(arena));
  size_t end = gl_heap_block_end(arena, head);
  if (granule >= end) return false;
  block->start = gl_granule_address(head);
  block->size = (end - head) << GL_GRANULE_SHIFT;
  block->kind = (enum gl_kind)arena->kind;
  block->large = false;
  return true;
}

GL_RACES static bool heap_find_large(const void *p, struct gl_block *block) {
  gl_assert(gl_in_heap(p));
  size_t page = gl_runs_find_large(gl_page_of(p));
  if (page == 0 || !gl_tags_is_block(gl_heap.tags, gl_page_granule(page)))
    return false;
  block->start = gl_page_address(page);
  block->size = (size_t)gl_heap.pages[page].pages << GL_PAGE_SHIFT;
  block->kind = (enum gl_kind)gl_heap.pages[page].kind;
  block->large = true;
  return true;
}

bool gl_heap_find(const void *p, struct gl_block *block) {
  if (!gl_in_heap(p)) return false;
  struct gl_arena *arena = gl_arena_of(p);
  /* Acquire: of what gl_arena_create wrote. */
  if (__atomic_load_n(&gl_heap.slots[gl_arena_index(arena)],
                      __ATOMIC_ACQUIRE) == GL_SLOT_RUNS)
    return heap_find_large(p, block);
  return heap_find_in_arena(arena, p, block);
}

enum gl_fault gl_heap_find_exact(const void *p, struct gl_block *block) {
  memset(block, 0, sizeof *block);
  if (!gl_in_heap(p)) return GL_FAULT_OUTSIDE;
  if (!gl_heap_find(p, block)) return GL_FAULT_FREE;
  return block->start == (const char *)p ? GL_FAULT_NONE : GL_FAULT_INTERIOR;
}

bool gl_heap_was_block(const void *p) {
  gl_assert(gl_in_heap(p));
  size_t page = gl_page_of(p);
  if (gl_heap.slots[gl_arena_index(gl_arena_of(p))] == GL_SLOT_RUNS)
    return (uintptr_t)p % GL_PAGE_BYTES == 0 && page >= GL_RUNS_FIRST_PAGE &&
           gl_heap.pages[page].head == page;
  if ((uintptr_t)p % GL_GRANULE_BYTES != 0) return false;
  for (int kind = 0; kind < GL_LANES; kind++) {
    const struct gl_hole *hole = &gl_self->lane[kind].hole;
    if ((const char *)p >= hole->limit && (const char *)p < hole->cur)
      return true;
  }
  return gl_tags_is_free(gl_heap.tags, gl_granule_of(p));
}

size_t gl_heap_usable(const struct gl_block *block) {
  return gl_heap_usable_bytes(block->size);
}

void *gl_heap_find_ending(const void *address) {
  gl_assert((uintptr_t)address % GL_GRANULE_BYTES == 0);
  struct gl_block block;
  const char *last = (const char *)address - 1;
  if (!gl_in_heap(last) || !gl_heap_find(last, &block)) return NULL;
  if (block.start + block.size != (const char *)address) return NULL;
  return gl_heap_usable(&block) == block.size ? block.start : NULL;
}

/* -------------------------------------------------------------------- free */

/* The large block at p becomes a spare one, where it can. */
static bool heap_keep_large(struct gl_cache *cache, const char *p) {
  gl_assert(gl_cache_is_entered(cache));
  size_t page = gl_page_of(p);
  if (gl_heap.slow_only || (uintptr_t)p % GL_PAGE_BYTES != 0 ||
      gl_runs_find_large(page) != page)
    return false;
  size_t pages = gl_spares_put(cache, page);
  heap_count_large_freed(cache, pages);
  return pages != 0;
}

static enum gl_fault heap_free_large(struct gl_cache *cache, char *p) {
  struct gl_block block;
  if (heap_keep_large(cache, p)) return GL_FAULT_NONE;
  gl_heap_lock(cache);
  enum gl_fault fault = gl_heap_find_exact(p, &block);
  if (fault == GL_FAULT_NONE && block.large) {
    gl_assert(!gl_tags_is_marked(gl_heap.tags, gl_granule_of(p)));
    gl_tags_clear(gl_heap.tags, gl_granule_of(p));
    gl_runs_free_large(gl_page_of(p));
    gl_runs_tick(gl_os_coarse_ns());
    heap_count_large_freed(cache, block.size >> GL_PAGE_SHIFT);
  }
  gl_heap_unlock();
  return fault;
}

enum gl_fault gl_heap_free(struct gl_cache *cache, void *p) {
  struct gl_block block;
  if (!gl_in_heap(p)) return GL_FAULT_OUTSIDE;
  cache = heap_cache(cache);
  if (cache == NULL) return GL_FAULT_NONE; /* leaked: no memory to note it */
  gl_cache_enter_slow(cache);
  struct gl_arena *arena = gl_arena_of(p);
  enum gl_fault fault = GL_FAULT_NONE;
  if (gl_heap.slots[gl_arena_index(arena)] == GL_SLOT_RUNS)
    fault = heap_free_large(cache, p);
  else if ((uintptr_t)p % GL_GRANULE_BYTES != 0)
    fault = GL_FAULT_FREE;
  else
    fault = gl_cache_free_slow(cache, arena, p);
  if (fault == GL_FAULT_FREE) fault = gl_heap_find_exact(p, &block);
  gl_assert(fault != GL_FAULT_OUTSIDE);
  gl_cache_leave(cache);
  if (cache->look_in_granules < 0) gl_cache_look(cache);
  return fault;
}

/* ------------------------------------------------------------------ resize */

static bool heap_resize_large(struct gl_cache *cache,
                              const struct gl_block *block, size_t size) {
  gl_assert((uintptr_t)block->start % GL_PAGE_BYTES == 0);
  gl_assert(gl_cache_is_entered(cache));
  if (!heap_is_large(size) || size > gl_heap.size_bytes) return false;
  size_t pages = heap_pages(size);
  size_t old = block->size >> GL_PAGE_SHIFT, page = gl_page_of(block->start);
  gl_heap_lock(cache);
  bool resized = gl_runs_try_resize(page, pages);
  if (resized && pages > old) {
    cache->allocated_bytes += (pages - old) << GL_PAGE_SHIFT;
    cache->charged_bytes += (pages - old) << GL_PAGE_SHIFT;
  } else if (resized) {
    gl_cache_count_freed(cache, gl_page_granule(old - pages));
  }
  if (resized)
    cache->large_bytes +=
        (int64_t)(pages << GL_PAGE_SHIFT) - (int64_t)(old << GL_PAGE_SHIFT);
  gl_heap_unlock();
  if (resized && pages > old && gl_kind_is_zeroed(block->kind)) {
    /* Its padding may be what a longer block has left there. */
    size_t usable = gl_heap_usable(block);
    memset(block->start + usable, 0, block->size - usable);
    gl_runs_zero(page + old, pages - old);
  }
  return resized;
}

static size_t heap_wanted_granules(size_t size) {
  gl_assert(!heap_is_large(size));
  return gl_class_for(heap_granules(heap_padded(size))).granules;
}

/* A block may stay up to twice as large as it has to be. */
static bool heap_fits(size_t have, size_t want) {
  return want <= have && want > have / 2;
}

bool gl_heap_may_stay(size_t granules, size_t size) {
  gl_assert(granules > 0);
  if (GL_LIKELY(size <= gl_heap.small_most))
    return heap_fits(granules, gl_heap.small_granules[size]);
  return !heap_is_large(size) &&
         heap_fits(granules, heap_wanted_granules(size));
}

static bool heap_resize_small(struct gl_cache *cache,
                              const struct gl_block *block, size_t size) {
  gl_assert(gl_cache_is_entered(cache));
  if (heap_is_large(size)) return false;
  size_t have = block->size >> GL_GRANULE_SHIFT;
  size_t want = heap_wanted_granules(size);
  if (want <= have) return heap_fits(have, want);
  struct gl_arena *arena = gl_arena_of(block->start);
  if (gl_arena_owner(arena) != cache) return false;
  return gl_lane_try_extend(cache, gl_lane_of(cache, arena), block->start,
                            have, want);
}

bool gl_heap_try_resize(struct gl_cache *cache, const struct gl_block *block,
                        size_t size) {
  cache = heap_cache(cache);
  if (cache == NULL || size > gl_heap.size_bytes) return false;
  gl_cache_enter_slow(cache);
  bool resized = block->large ? heap_resize_large(cache, block, size)
                              : heap_resize_small(cache, block, size);
  gl_cache_leave(cache);
  return resized;
}

/* ------------------------------------------------------------------ figures */

size_t gl_heap_held_bytes(void) {
  return (gl_heap.runs.used_pages + gl_heap.runs.dirty_pages) << GL_PAGE_SHIFT;
}

size_t gl_heap_dirty_bytes(void) {
  return gl_heap.runs.dirty_pages << GL_PAGE_SHIFT;
}

size_t gl_heap_metadata_bytes(void) {
  size_t bytes =
      gl_heap.cache_count * gl_round_up(sizeof(struct gl_cache), GL_PAGE_BYTES);
  for (int i = GL_SECTION_HEAP + 1; i < GL_SECTION_COUNT; i++)
    bytes += gl_heap.sections[i].committed_bytes;
  return bytes;
}

/* --------------------------------------------------------------------- walk */

static bool heap_visit_arena(struct gl_arena *arena, gl_visit *visit,
                             void *data) {
  struct gl_tags *tags = gl_heap.tags;
  size_t end = gl_arena_end(arena), next = end;
  gl_assert(!heap_is_untagged(gl_arena_first_granule(arena)));
  for (size_t at = gl_arena_first_granule(arena); at < end; at = next) {
    next = gl_tags_next(tags, at + 1, end);
    struct gl_block item = {.start = gl_granule_address(at),
                            .size = (next - at) << GL_GRANULE_SHIFT,
                            .kind = (enum gl_kind)arena->kind,
                            .large = false};
    if (!visit(&item, gl_tags_is_block(tags, at), data)) return false;
  }
  return true;
}

void gl_heap_visit(gl_visit *visit, void *data) {
  size_t page = GL_RUNS_FIRST_PAGE;
  while (page < gl_heap.runs.top_pages) {
    const struct gl_page *first = &gl_heap.pages[page];
    gl_assert(first->head == page && first->pages != 0);
    if (first->state == GL_PAGE_ARENA) {
      if (!heap_visit_arena(gl_arena_of(gl_page_address(page)), visit, data))
        return;
    } else {
      struct gl_block item = {.start = gl_page_address(page),
                              .size = (size_t)first->pages << GL_PAGE_SHIFT,
                              .kind = (enum gl_kind)first->kind,
                              .large = first->state == GL_PAGE_LARGE};
      bool allocated = item.large && gl_tags_is_block(gl_heap.tags,
                                                      gl_page_granule(page));
      if (!visit(&item, allocated, data)) return;
    }
    page += first->pages;
  }
  gl_assert(page == gl_heap.runs.top_pages);
}

static bool heap_is_spare(size_t page) {
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    if (gl_spares_have(c, page)) return true;
  return false;
}

/* A large block has a tag, or is a spare one. */
static bool heap_check_large(void) {
  uint32_t page = gl_heap.runs.large;
  for (; page != 0; page = gl_heap.pages[page].next) {
    bool tagged = gl_tags_is_block(gl_heap.tags, gl_page_granule(page));
    GL_HEAP_CHECK("large blocks", tagged != heap_is_spare(page));
  }
  return true;
}

bool gl_heap_prove(void) {
  if (!gl_runs_check() || !heap_check_large()) return false;
  for (size_t i = 0; i < gl_heap_arena_slots(); i++)
    if (gl_heap.slots[i] != GL_SLOT_RUNS && !gl_arena_check(&gl_heap.arenas[i]))
      return false;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    if (!gl_cache_check(c)) return false;
  return true;
}
