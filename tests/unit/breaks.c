/* SPDX-License-Identifier: MIT */
/*
 * breaks.c: what breaks this design, line by line as the design's list has it:
 * the lines that are about the heap.
 */
#include "harness.h"

static struct gl_cache *cache;

static char *allocate(size_t size, enum gl_kind kind) {
  char *p = test_allocate(cache, size, kind);
  expect(p != NULL);
  return p;
}

static bool keep_marked(const struct gl_block *block, void *data) {
  (void)data;
  return block->size == 1024;
}

/*
 * Sweeping leaves a stale head at every dead block.  Blocks that are bumped
 * over those must have their full size, with the hole open and closed, and be
 * free to be found at every byte.
 */
START_TEST(breaks_1_stale_heads) {
  struct gl_block block;
  cache = test_heap();
  for (int round = 0; round < 3; round++) {
    /* Many tiny blocks die between few large ones. */
    for (size_t i = 0; i < 4 * GL_ARENA_BYTES / 2048; i++) {
      allocate(1024, GL_SCANNED);
      for (int j = 0; j < 32; j++) allocate(32, GL_SCANNED);
    }
    test_collect(keep_marked, NULL);
    char *p[64];
    for (int i = 0; i < 64; i++) {
      p[i] = allocate(320, GL_SCANNED);
      for (size_t at = 0; at < 320; at++) {
        expect(gl_heap_find(p[i] + at, &block));
        expect(block.start == p[i] && block.size == 320);
      }
    }
    for (int kind = 0; kind < GL_KIND_COUNT; kind++)
      gl_lane_close(cache, &cache->lane[kind], true);
    for (int i = 0; i < 64; i++) expect(test_usable(p[i]) == 320);
    expect(test_prove());
    test_collect(test_keep_none, NULL);
  }
}
END_TEST

/* The newest block of an open hole has an end for lookups, frees and
   collections, and the hole below it is nobody's. */
START_TEST(breaks_2_newest_block_has_an_end) {
  struct gl_block block;
  cache = test_heap();
  const struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  for (size_t size = 16; size <= 1024; size += 16) {
    char *p = allocate(size, GL_SCANNED);
    ck_assert(hole->cur == NULL || hole->cur == p);
    ck_assert_uint_eq(test_usable(p), size);
    ck_assert(gl_heap_find(p + size - 1, &block));
    ck_assert_ptr_eq(block.start, p);
    if (hole->cur != NULL) ck_assert(!gl_heap_find(p - 1, &block));
    uint64_t freed = test_freed_bytes(cache);
    ck_assert_int_eq(test_free(cache, p), GL_FAULT_NONE);
    ck_assert_uint_eq(test_freed_bytes(cache) - freed, size);
    p = allocate(size, GL_SCANNED);
    if (size % 128 == 0) {
      test_collect(test_keep_all, NULL);
      ck_assert_uint_eq(test_usable(p), size);
    }
  }
  char *sent = allocate(64, GL_SCANNED);
  struct gl_cache *other = test_cache();
  uint64_t freed = test_freed_bytes(cache);
  ck_assert_int_eq(gl_heap_free(other, sent), GL_FAULT_NONE);
  gl_heap_lock(NULL);
  gl_heap_prepare_mark(false);
  gl_heap_unlock();
  ck_assert_uint_eq(test_freed_bytes(cache) - freed, 64); /* its owner */
}
END_TEST

/* No padding: the byte behind a block is the next one's first, so the address
   one past the end says nothing of the block, and the byte before it does. */
START_TEST(breaks_6_no_padding) {
  struct gl_block block;
  cache = test_heap();
  char *behind = allocate(48, GL_SCANNED), *p = allocate(64, GL_SCANNED);
  char *before = allocate(16, GL_SCANNED);
  ck_assert_uint_eq(test_usable(p), 64);
  ck_assert_ptr_eq(before + 16, p);
  ck_assert_ptr_eq(p + 64, behind);
  for (size_t i = 0; i < 64; i++) {
    ck_assert(gl_heap_find(p + i, &block));
    ck_assert_ptr_eq(block.start, p);
  }
  ck_assert(gl_heap_find(p + 64, &block));
  ck_assert_ptr_eq(block.start, behind);
  ck_assert(gl_heap_find(p + 64 - 1, &block));
  ck_assert_ptr_eq(block.start, p);
  char *large = allocate(GL_ARENA_BYTES, GL_SCANNED);
  ck_assert_uint_eq(test_usable(large), GL_ARENA_BYTES);
  ck_assert(gl_heap_find(large + GL_ARENA_BYTES - 1, &block));
  ck_assert_ptr_eq(block.start, large);
  ck_assert(!gl_heap_find(large + GL_ARENA_BYTES, &block) ||
            block.start != large);
}
END_TEST

/* Everything dirty, of all kinds: filled and dropped. */
static void soil_the_heap(size_t bytes) {
  for (size_t done = 0; done < bytes; done += 512)
    for (int kind = 0; kind < GL_KIND_COUNT; kind++)
      memset(allocate(512, (enum gl_kind)kind), 0x99, 512);
  test_collect(test_keep_none, NULL);
}

/* A dirty hole is zeroed a few KiB ahead, no more, and what has not come that
   far is not touched. */
START_TEST(breaks_8_zeroed_a_little_ahead) {
  cache = test_heap();
  soil_the_heap(GL_ARENA_BYTES / 2);
  const struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  for (size_t i = 0; i < GL_ARENA_BYTES / 1024; i++) {
    char *p = allocate(64, GL_SCANNED);
    expect(test_is_zero(p, 64));
    expect((size_t)(hole->cur - hole->limit) <= 4096);
    if (hole->limit - hole->start < 64) continue;
    const struct gl_arena *arena = gl_arena_of(p);
    size_t below = (size_t)(hole->limit - 1 - gl_arena_start(arena));
    if (below < arena->clean_from || below >= arena->clean_to)
      expect(hole->limit[-1] == (char)0x99);
  }
}
END_TEST

/* Memory fresh from the kernel is zero already: it is not even touched. */
START_TEST(breaks_8_fresh_memory_is_not_touched) {
  cache = test_heap();
  allocate(16, GL_SCANNED);
  const struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  char *fresh = hole->limit - 64;
  ck_assert(fresh > hole->start);
  fresh[0] = 0x55; /* as no program can */
  while (hole->cur > hole->limit) allocate(16, GL_SCANNED);
  allocate(16, GL_SCANNED);
  ck_assert(fresh >= hole->limit);
  ck_assert_int_eq(fresh[0], 0x55);
}
END_TEST

/* Pointer-free blocks keep what is in them: small, medium, large, reused. */
START_TEST(breaks_8_atomic_blocks_are_not_zeroed) {
  static const size_t sizes[] = {64, 512, GL_MEDIUM_MAX_BYTES,
                                 2 * GL_ARENA_BYTES};
  cache = test_heap();
  for (int i = 0; i < 4; i++) {
    char *p = allocate(sizes[i], GL_ATOMIC), *wall = allocate(16, GL_ATOMIC);
    memset(p, 0x66, sizes[i]);
    ck_assert_int_eq(test_free(cache, p), GL_FAULT_NONE);
    char *q = allocate(sizes[i], GL_ATOMIC);
    ck_assert_ptr_eq(q, p);
    ck_assert_int_eq(q[sizes[i] - 1], 0x66);
    (void)wall;
  }
}
END_TEST

/* Every way to get memory that others have used gives zeros. */
START_TEST(breaks_8_reused_memory_is_zero) {
  enum gl_want want;
  cache = test_heap();
  soil_the_heap(2 * GL_ARENA_BYTES);
  for (int i = 0; i < 20000; i++) {
    enum gl_kind kind = (enum gl_kind)test_below(GL_KIND_COUNT);
    size_t size = test_size(test_one_in(50) ? 2 * GL_ARENA_BYTES : 2000);
    char *p = test_one_in(20)
                  ? gl_heap_allocate_aligned(cache, size, 256, kind, &want)
                  : test_allocate(cache, size, kind);
    expect(p != NULL);
    size_t usable = test_usable(p);
    expect(kind == GL_ATOMIC || test_is_zero(p, usable));
    memset(p, 0x99, usable);
    if (test_one_in(2)) expect(test_free(cache, p) == GL_FAULT_NONE);
    if (test_one_in(4000)) test_collect(test_keep_none, NULL);
  }
}
END_TEST

START_TEST(breaks_9_zero_is_a_distinct_block) {
  cache = test_heap();
  char *before = NULL;
  for (int i = 0; i < 1000; i++) {
    char *p = allocate(0, (enum gl_kind)(i % GL_KIND_COUNT));
    ck_assert_ptr_ne(p, before);
    ck_assert_uint_eq(test_usable(p), GL_GRANULE_BYTES);
    memset(p, 1, GL_GRANULE_BYTES);
    before = p;
  }
}
END_TEST

START_TEST(breaks_9_sizes_do_not_wrap) {
  enum gl_want want;
  struct gl_block block;
  cache = test_heap();
  char *p = allocate(100, GL_SCANNED), *large = allocate(1 << 20, GL_SCANNED);
  size_t used = gl_heap.runs.used_pages;
  for (size_t below = 0; below < 3 * GL_ARENA_BYTES; below += 1 + below / 9) {
    size_t huge[] = {SIZE_MAX - below,          SIZE_MAX / 2 + 1 - below,
                     SIZE_MAX / 2 + 1 + below,  gl_heap.size_bytes + 1 + below,
                     ((size_t)1 << 60) - below, ((size_t)1 << 44) + below};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
      for (int kind = 0; kind < GL_KIND_COUNT; kind++) {
        expect(gl_cache_allocate(cache, huge[i], (enum gl_kind)kind) == NULL);
        expect(gl_heap_allocate(cache, huge[i], (enum gl_kind)kind, &want) ==
               NULL);
        expect(want == GL_WANT_ROOM);
      }
      expect(gl_heap_allocate_aligned(cache, huge[i], 64, GL_SCANNED, &want) ==
             NULL);
      gl_heap_find(p, &block);
      expect(!gl_heap_try_resize(cache, &block, huge[i]));
      gl_heap_find(large, &block);
      expect(!gl_heap_try_resize(cache, &block, huge[i]));
    }
  }
  ck_assert_uint_eq(gl_heap.runs.used_pages, used);
  ck_assert(test_prove());
}
END_TEST

/* No word in freed memory is the address of anything in the heap: a stray root
   that finds one freed block finds no second. */
START_TEST(breaks_11_links_are_encoded) {
  static char *p[4000];
  cache = test_heap();
  struct gl_cache *other = test_cache();
  for (int i = 0; i < 4000; i++)
    p[i] = allocate(16 + test_below(i % 10 == 0 ? 5000 : 300), GL_ATOMIC);
  for (int i = 0; i < 4000; i++) memset(p[i], 0, test_usable(p[i]));
  for (int i = 0; i < 4000; i += 2)
    expect(test_free(i % 8 == 0 ? other : cache, p[i]) == GL_FAULT_NONE);
  allocate(GL_MEDIUM_MAX_BYTES, GL_ATOMIC); /* drains, and fills the bins */
  for (struct gl_arena *a = cache->lane[GL_ATOMIC].first; a != NULL;
       a = a->next) {
    const uintptr_t *word = (const uintptr_t *)gl_arena_start(a);
    for (size_t i = 0; i < GL_ARENA_BYTES / sizeof *word; i++)
      expect(word[i] - gl_heap.base >= gl_heap.size_bytes);
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("breaks");
  tcase_add_test(tests, breaks_1_stale_heads);
  tcase_add_test(tests, breaks_2_newest_block_has_an_end);
  tcase_add_test(tests, breaks_6_no_padding);
  tcase_add_test(tests, breaks_8_zeroed_a_little_ahead);
  tcase_add_test(tests, breaks_8_fresh_memory_is_not_touched);
  tcase_add_test(tests, breaks_8_atomic_blocks_are_not_zeroed);
  tcase_add_test(tests, breaks_8_reused_memory_is_zero);
  tcase_add_test(tests, breaks_9_zero_is_a_distinct_block);
  tcase_add_test(tests, breaks_9_sizes_do_not_wrap);
  tcase_add_test(tests, breaks_11_links_are_encoded);
  return test_end();
}
