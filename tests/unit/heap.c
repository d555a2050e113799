/* SPDX-License-Identifier: MIT */
/* heap.c: tests of alloc/heap: the facade, and the phases of a collection
   driven by a marker that marks what the test has chosen. */
#include "harness.h"

#define BLOCKS 4000

static struct gl_cache *cache;

struct item {
  char *start;
  size_t size, usable;
  enum gl_kind kind;
  bool allocated;
};

static struct item items[BLOCKS];

/* Blocks of all kinds and sizes, a third of them freed again. */
static void populate(void) {
  for (size_t i = 0; i < BLOCKS; i++) {
    struct item *item = &items[i];
    item->size = test_size(test_one_in(30) ? 3 * GL_ARENA_BYTES : 3000);
    item->kind = (enum gl_kind)test_below(GL_KIND_COUNT);
    item->start = test_allocate(cache, item->size, item->kind);
    expect(item->start != NULL);
    item->usable = test_usable(item->start);
    item->allocated = true;
    test_fill(item->start, item->usable, i);
    struct item *victim = &items[test_below(i + 1)];
    if (!test_one_in(3) || !victim->allocated) continue;
    expect(test_free(cache, victim->start) == GL_FAULT_NONE);
    victim->allocated = false;
  }
}

static void verify(void) {
  for (size_t i = 0; i < BLOCKS; i++)
    if (items[i].allocated)
      expect(test_is_filled(items[i].start, items[i].usable, i));
}

/* Which item each granule belongs to, plus 1. */
static uint16_t *map_items(void) {
  size_t granules = gl_heap.extent_bytes >> GL_GRANULE_SHIFT;
  uint16_t *map = calloc(granules, sizeof *map);
  for (size_t i = 0; i < BLOCKS; i++) {
    if (!items[i].allocated) continue;
    size_t first = gl_granule_of(items[i].start);
    for (size_t g = 0; g < items[i].usable >> GL_GRANULE_SHIFT; g++) {
      expect(map[first + g] == 0);
      map[first + g] = (uint16_t)(i + 1);
    }
  }
  return map;
}

/* -------------------------------------------------------------- addresses */

static void find_every_byte(void) {
  struct gl_block block;
  uint16_t *map = map_items();
  for (size_t at = 0; at < gl_heap.extent_bytes; at++) {
    const char *p = (const char *)gl_heap.base + at;
    uint16_t id = map[at >> GL_GRANULE_SHIFT];
    expect(gl_heap_find(p, &block) == (id != 0));
    if (id == 0) continue;
    const struct item *item = &items[id - 1];
    expect(block.start == item->start && block.size == item->usable);
    expect(block.kind == item->kind);
    expect(block.large == (gl_heap.slots[at >> GL_ARENA_SHIFT] == 0));
    if (at % 61 == 0)
      expect(gl_heap_find_exact(p, &block) ==
             (p == item->start ? GL_FAULT_NONE : GL_FAULT_INTERIOR));
  }
  free(map);
}

START_TEST(every_byte_is_found) {
  cache = test_heap();
  populate();
  find_every_byte();
  ck_assert(test_prove());
}
END_TEST

START_TEST(addresses_outside_are_outside) {
  struct gl_block block;
  int local;
  cache = test_heap();
  expect(test_allocate(cache, 100, GL_SCANNED) != NULL);
  const void *outside[] = {NULL,
                           &local,
                           &gl_heap,
                           (void *)1,
                           (void *)UINTPTR_MAX,
                           (void *)(gl_heap.base - 1),
                           (void *)(gl_heap.base + gl_heap.extent_bytes),
                           (void *)(gl_heap.base + gl_heap.size_bytes),
                           (void *)((uintptr_t)1 << 63)};
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
    ck_assert(!gl_heap_find(outside[i], &block));
    ck_assert_int_eq(gl_heap_find_exact(outside[i], &block), GL_FAULT_OUTSIDE);
    ck_assert_int_eq(test_free(cache, (void *)(uintptr_t)outside[i]),
                     GL_FAULT_OUTSIDE);
  }
  for (int i = 0; i < 100000; i++)
    gl_heap_find((void *)(uintptr_t)test_random(), &block);
  /* The first pages belong to nobody. */
  ck_assert_int_eq(gl_heap_find_exact((void *)gl_heap.base, &block),
                   GL_FAULT_FREE);
}
END_TEST

START_TEST(misuse_of_free_is_told) {
  cache = test_heap();
  char *small = test_allocate(cache, 100, GL_SCANNED);
  char *medium = test_allocate(cache, GL_MEDIUM_MAX_BYTES, GL_SCANNED);
  char *large = test_allocate(cache, 3 * GL_ARENA_BYTES, GL_SCANNED);
  char *each[] = {small, medium, large};
  for (int i = 0; i < 3; i++) {
    for (size_t offset = 1; offset < 64; offset++)
      ck_assert_int_eq(test_free(cache, each[i] + offset), GL_FAULT_INTERIOR);
    ck_assert_int_eq(test_free(cache, each[i] + test_usable(each[i]) - 1),
                     GL_FAULT_INTERIOR);
  }
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(test_free(cache, each[i]), GL_FAULT_NONE);
    ck_assert_int_eq(test_free(cache, each[i]), GL_FAULT_FREE);
    ck_assert_int_eq(test_free(cache, each[i] + 16), GL_FAULT_FREE);
  }
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------------- sizes */

START_TEST(every_size_up_to_some_pages) {
  cache = test_heap();
  for (size_t size = 0; size < 3 * GL_PAGE_BYTES; size++) {
    enum gl_kind kind = (enum gl_kind)(size % GL_KIND_COUNT);
    char *p = test_allocate(cache, size, kind);
    expect(p != NULL && (uintptr_t)p % GL_GRANULE_BYTES == 0);
    size_t usable = test_usable(p);
    size_t waste = size <= GL_MEDIUM_MAX_BYTES ? size / 8 + GL_GRANULE_BYTES
                                               : GL_PAGE_BYTES;
    expect(usable >= size && usable <= size + waste);
    expect(!gl_kind_is_zeroed(kind) || test_is_zero(p, usable));
    memset(p, 0xee, usable);
    if (size % 3 != 0) expect(test_free(cache, p) == GL_FAULT_NONE);
  }
  ck_assert(test_prove());
}
END_TEST

START_TEST(aligned_blocks) {
  enum gl_want want;
  cache = test_heap();
  for (size_t align = 16; align <= 64 * GL_ARENA_BYTES; align *= 2) {
    for (int i = 0; i < 40; i++) {
      size_t size = i == 0 ? 0 : test_size(2 * GL_ARENA_BYTES);
      enum gl_kind kind = (enum gl_kind)test_below(GL_KIND_COUNT);
      char *p = gl_heap_allocate_aligned(cache, size, align, kind, &want);
      expect(p != NULL && (uintptr_t)p % align == 0);
      size_t usable = test_usable(p);
      expect(usable >= size && usable > 0);
      expect(!gl_kind_is_zeroed(kind) || test_is_zero(p, usable));
      memset(p, 0xdd, usable);
      if (test_one_in(2)) expect(test_free(cache, p) == GL_FAULT_NONE);
    }
  }
  ck_assert_ptr_null(
      gl_heap_allocate_aligned(cache, 16, (size_t)1 << 63, GL_SCANNED, &want));
  ck_assert_ptr_null(
      gl_heap_allocate_aligned(cache, SIZE_MAX - 8, 4096, GL_SCANNED, &want));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

START_TEST(large_blocks_resize_in_place) {
  struct gl_block block;
  cache = test_heap();
  char *p = test_allocate(cache, 10 * GL_ARENA_BYTES, GL_SCANNED);
  test_fill(p, 10 * GL_ARENA_BYTES, 1);
  gl_heap_find(p, &block);
  ck_assert(gl_heap_try_resize(cache, &block, 4 * GL_ARENA_BYTES));
  ck_assert_uint_eq(test_usable(p), 4 * GL_ARENA_BYTES);
  ck_assert_uint_eq(test_freed_bytes(cache), 6 * GL_ARENA_BYTES);
  gl_heap_find(p, &block);
  ck_assert(gl_heap_try_resize(cache, &block, 7 * GL_ARENA_BYTES - 5));
  ck_assert_uint_eq(test_usable(p), 7 * GL_ARENA_BYTES);
  ck_assert(test_is_filled(p, 4 * GL_ARENA_BYTES, 1));
  ck_assert(test_is_zero(p + 4 * GL_ARENA_BYTES, 3 * GL_ARENA_BYTES));
  gl_heap_find(p, &block);
  ck_assert(!gl_heap_try_resize(cache, &block, 100));
  ck_assert(!gl_heap_try_resize(cache, &block, SIZE_MAX));
  ck_assert_uint_eq(test_usable(p), 7 * GL_ARENA_BYTES);
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------- collections */

static bool keep_allocated(const struct gl_block *block, void *data) {
  const uint16_t *map = data;
  uint16_t id = map[gl_granule_of(block->start)];
  expect(id != 0);
  expect(items[id - 1].start == block->start);
  expect(items[id - 1].usable == block->size);
  expect(items[id - 1].kind == block->kind);
  if (test_one_in(3)) items[id - 1].allocated = false;
  return items[id - 1].allocated;
}

START_TEST(survivors_are_intact_and_the_rest_is_free) {
  cache = test_heap();
  populate();
  for (int round = 0; round < 5; round++) {
    uint16_t *map = map_items();
    test_collect(keep_allocated, map);
    free(map);
    ck_assert(test_prove());
    verify();
    if (round % 2 == 0) find_every_byte();
  }
  test_collect(test_keep_none, NULL);
  ck_assert_uint_eq(gl_heap.runs.used_pages, 0);
  ck_assert_uint_eq(gl_heap.arena_count, 0);
  for (int kind = 0; kind < GL_KIND_COUNT; kind++)
    ck_assert_ptr_null(cache->lane[kind].first);
  size_t top = gl_heap.runs.top_pages;
  size_t all = (top - GL_RUNS_FIRST_PAGE) << GL_PAGE_SHIFT;
  char *p = test_allocate(cache, all, GL_SCANNED);
  ck_assert_ptr_eq(p, gl_page_address(GL_RUNS_FIRST_PAGE));
  ck_assert_uint_eq(gl_heap.runs.top_pages, top);
  ck_assert(test_is_zero(p, all));
}
END_TEST

static bool count_item(const struct gl_block *item, bool allocated,
                       void *data) {
  char **at = data;
  (void)allocated;
  expect(item->start == *at);
  expect(item->size > 0);
  *at += item->size;
  return true;
}

/* A walk meets everything from the first page to the top, without a gap. */
START_TEST(walk_tiles_the_heap) {
  cache = test_heap();
  populate();
  gl_heap_lock(NULL);
  gl_heap_prepare_mark(false);
  char *at = gl_page_address(GL_RUNS_FIRST_PAGE);
  gl_heap_visit(count_item, &at);
  ck_assert_ptr_eq(at, (char *)gl_heap.base + gl_heap.extent_bytes);
  gl_heap_unlock();
}
END_TEST

START_TEST(live_bytes_are_what_was_marked) {
  cache = test_heap();
  populate();
  size_t small = 0, large = 0, atomic = 0, tenured, found_atomic;
  for (size_t i = 0; i < BLOCKS; i++) {
    struct gl_block block;
    if (!items[i].allocated) continue;
    gl_heap_find(items[i].start, &block);
    *(block.large ? &large : &small) += block.size;
    if (block.large && items[i].kind == GL_ATOMIC) atomic += block.size;
  }
  gl_heap_lock(NULL);
  uint32_t *live = calloc(gl_heap.extent_bytes >> GL_ARENA_SHIFT, 4);
  gl_heap_prepare_mark(false);
  for (size_t i = 0; i < BLOCKS; i++) {
    if (!items[i].allocated) continue;
    size_t granule = gl_granule_of(items[i].start);
    gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
    live[granule / GL_ARENA_GRANULES] +=
        (uint32_t)(items[i].usable >> GL_GRANULE_SHIFT);
  }
  ck_assert_uint_eq(gl_heap_begin_sweep(live, &tenured), small);
  ck_assert_uint_eq(gl_heap_sweep_large(&found_atomic), large);
  ck_assert_uint_eq(found_atomic, atomic);
  gl_heap_unlock();
  free(live);
  verify();
  find_every_byte();
}
END_TEST

START_TEST(release_empty_frees_what_is_empty) {
  cache = test_heap();
  populate();
  for (size_t i = 0; i < BLOCKS; i++) {
    if (!items[i].allocated || i % 64 == 0) continue;
    expect(test_free(cache, items[i].start) == GL_FAULT_NONE);
    items[i].allocated = false;
  }
  gl_heap_lock(NULL);
  gl_heap_release_empty();
  gl_heap_unlock();
  ck_assert(test_prove());
  verify();
  find_every_byte();
  for (size_t i = 0; i < BLOCKS; i += 64)
    if (items[i].allocated)
      expect(test_free(cache, items[i].start) == GL_FAULT_NONE);
  gl_heap_lock(NULL);
  gl_heap_release_empty();
  gl_heap_unlock();
  ck_assert_uint_eq(gl_heap.runs.used_pages, 0);
}
END_TEST

/* ------------------------------------------------------------------ set-up */

START_TEST(heap_that_could_not_be_made_refuses) {
  enum gl_want want;
  struct gl_block block;
  gl_os_fail_at(1, true);
  ck_assert(!gl_heap_init());
  ck_assert_ptr_null(gl_heap_allocate(gl_self, 10, GL_SCANNED, &want));
  ck_assert_ptr_null(gl_heap_allocate(gl_self, 0, GL_SCANNED, &want));
  ck_assert(!gl_heap_find(&want, &block));
  gl_os_fail_at(0, false);
  ck_assert(gl_heap_init());
  ck_assert_ptr_nonnull(gl_heap_allocate(gl_self, 10, GL_SCANNED, &want));
  ck_assert_ptr_ne(gl_self, &gl_cache_none);
}
END_TEST

START_TEST(limit_is_kept) {
  cache = test_heap();
  gl_heap.runs.limit_pages = 20 * GL_ARENA_PAGES;
  size_t count = 0;
  while (test_allocate(cache, 1000, GL_SCANNED) != NULL) count++;
  ck_assert_uint_ge(count * 1008, 19 * GL_ARENA_BYTES);
  ck_assert_uint_le(gl_heap_held_bytes(), 20 * GL_ARENA_BYTES);
  test_collect(test_keep_none, NULL);
  /* What was given back may be in the way of something large: not here. */
  ck_assert_ptr_nonnull(test_allocate(cache, 20 * GL_ARENA_BYTES, GL_SCANNED));
  ck_assert_uint_le(gl_heap_held_bytes(), 20 * GL_ARENA_BYTES);
  ck_assert_ptr_null(test_allocate(cache, GL_ARENA_BYTES, GL_ATOMIC));
}
END_TEST

START_TEST(tables_are_small) {
  cache = test_heap();
  size_t bytes = (size_t)1000000 * 16;
  for (size_t i = 0; i < bytes; i += 16)
    expect(test_allocate(cache, 16, GL_SCANNED) != NULL);
  size_t metadata = gl_heap_metadata_bytes();
  ck_assert_uint_le(gl_heap.runs.used_pages * GL_PAGE_BYTES + metadata,
                    (size_t)1000000 * 17);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("heap");
  tcase_add_test(tests, every_byte_is_found);
  tcase_add_test(tests, addresses_outside_are_outside);
  tcase_add_test(tests, misuse_of_free_is_told);
  tcase_add_test(tests, every_size_up_to_some_pages);
  tcase_add_test(tests, aligned_blocks);
  tcase_add_test(tests, large_blocks_resize_in_place);
  tcase_add_test(tests, survivors_are_intact_and_the_rest_is_free);
  tcase_add_test(tests, walk_tiles_the_heap);
  tcase_add_test(tests, live_bytes_are_what_was_marked);
  tcase_add_test(tests, release_empty_frees_what_is_empty);
  tcase_add_test(tests, heap_that_could_not_be_made_refuses);
  tcase_add_test(tests, limit_is_kept);
  tcase_add_test(tests, tables_are_small);
  return test_end();
}
