/* SPDX-License-Identifier: MIT */
/*
 * contract.c: what gleaner.h promises of allocating, resizing and freeing.
 */
#include "suite.h"

#include <sys/mman.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* Sizes on both sides of every border there is inside. */
static const size_t sizes[] = {
    1,    8,    15,    16,    17,    100,    512,    1024,   1040, 4095,
    4096, 9000, 32767, 32768, 32769, 100000, 262144, 300001, MIB,  5 * MIB};
#define SIZES (sizeof sizes / sizeof *sizes)

/* What keeps blocks alive while a test looks at them from outside. */
static void *volatile keep[64];

/* -------------------------------------------------------------------- sizes */

START_TEST(zero_is_a_size) {
  void *p[8] = {gc_malloc(0),
                gc_malloc_atomic(0),
                gc_malloc_uncollectable(0),
                gc_calloc(0, 100),
                gc_calloc(100, 0),
                gc_aligned_alloc(64, 0),
                gc_realloc(NULL, 0),
                gc_realloc(gc_malloc(100), 0)};
  for (int i = 0; i < 8; i++) {
    ck_assert_ptr_nonnull(p[i]);
    ck_assert_uint_ge(gc_size(p[i]), 16);
    ck_assert_ptr_eq(gc_base(p[i]), p[i]);
    for (int j = 0; j < i; j++) ck_assert_ptr_ne(p[i], p[j]);
  }
  for (int i = 0; i < 8; i++) gc_free(p[i]);
  ck_assert(gc_heap_check());
}
END_TEST

static size_t heap_bytes(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats.heap_bytes;
}

/* Sizes that no machine has, as they are and as what overflowed. */
static void ask_for(size_t bytes, void *block, size_t size) {
  size_t huge = suite_opaque(bytes);
  expect_error(gc_malloc(huge), ENOMEM);
  expect_error(gc_malloc_atomic(huge), ENOMEM);
  expect_error(gc_malloc_uncollectable(huge), ENOMEM);
  expect_error(gc_calloc(huge, 1), ENOMEM);
  expect_error(gc_calloc(1, huge), ENOMEM);
  expect_error(gc_calloc(huge, huge), ENOMEM);
  expect_error(gc_realloc(NULL, huge), ENOMEM);
  expect_error(gc_realloc(block, huge), ENOMEM);
  expect(suite_is_filled(block, size, 1));
  for (size_t alignment = 1; alignment <= MIB; alignment *= 8)
    expect_error(gc_aligned_alloc(alignment, huge), ENOMEM);
}

START_TEST(huge_sizes_are_refused) {
  char *small = gc_malloc(100), *large = gc_malloc_atomic(MIB);
  suite_fill(small, 100, 1);
  suite_fill(large, MIB, 1);
  keep[0] = small;
  keep[1] = large;
  size_t held = heap_bytes();
  for (size_t below = 0; below < 3 * MIB; below += 1 + below / 7) {
    ask_for(SIZE_MAX - below, small, 100);
    ask_for(SIZE_MAX / 2 + 1 - below, large, MIB);
    ask_for(((size_t)1 << 47) + below, small, 100);
  }
  ck_assert_uint_le(heap_bytes(), held);
  ck_assert(gc_heap_check());
}
END_TEST

START_TEST(calloc_overflows) {
  static const size_t pairs[][2] = {
      {SIZE_MAX, 2},
      {2, SIZE_MAX},
      {SIZE_MAX / 2 + 1, 2},
      {(size_t)1 << 32, (size_t)1 << 32},
      {((size_t)1 << 32) + 1, (size_t)1 << 32},
      {SIZE_MAX / 16 + 2, 16}, /* 16 after the overflow */
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    expect_error(gc_calloc(pairs[i][0], pairs[i][1]), ENOMEM);
  ck_assert_ptr_nonnull(gc_calloc(0, suite_opaque(SIZE_MAX)));
  ck_assert_ptr_nonnull(gc_calloc(suite_opaque(SIZE_MAX), 0));
  void *p = gc_calloc(30, 30);
  ck_assert_uint_ge(gc_size(p), 900);
  ck_assert(suite_is_zero(p, gc_size(p)));
}
END_TEST

START_TEST(alignments) {
  static const size_t wrong[] = {
      0, 3, 6, 24, 48, 96, 4095, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 15};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    expect_error(gc_aligned_alloc(suite_opaque(wrong[i]), 100), EINVAL);
  expect_error(gc_aligned_alloc(suite_opaque(SIZE_MAX / 2 + 1), 1), ENOMEM);
  expect_error(gc_aligned_alloc(suite_opaque((size_t)1 << 46), 1), ENOMEM);
  for (size_t alignment = 1; alignment <= 8 * MIB; alignment *= 2) {
    for (size_t i = 0; i < SIZES; i++) {
      char *p = gc_aligned_alloc(alignment, sizes[i]);
      expect(p != NULL && (uintptr_t)p % alignment == 0);
      expect((uintptr_t)p % 16 == 0 && gc_base(p) == p);
      expect(gc_base(p + sizes[i] - 1) == p);
      expect(suite_is_zero(p, gc_size(p)));
      memset(p, 0xDB, gc_size(p));
      if (i % 2 == 0) gc_free(p);
    }
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* Blocks are aligned, as large as they say, and theirs alone. */
START_TEST(blocks_are_their_own) {
  static struct {
    char *start;
    size_t size;
  } block[3000];
  for (size_t i = 0; i < 3000; i++) {
    size_t size = i % 100 == 0 ? sizes[i / 100 % SIZES] : suite_below(400);
    char *p = suite_allocate((enum suite_kind)(i % SUITE_KINDS), size);
    expect(p != NULL && (uintptr_t)p % 16 == 0);
    block[i].start = p;
    block[i].size = gc_size(p);
    expect(block[i].size >= size);
    suite_fill(p, block[i].size, i);
  }
  for (size_t i = 0; i < 3000; i += 3) gc_free(block[i].start);
  gc_collect();
  for (size_t i = 0; i < 3000; i++) {
    if (i % 3 == 0) continue;
    expect(gc_base(block[i].start) == block[i].start);
    expect(gc_size(block[i].start) == block[i].size);
    expect(suite_is_filled(block[i].start, block[i].size, i));
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* ------------------------------------------------------------------ zeroing */

static void *allocate_zeroed(size_t way, size_t size) {
  switch (way % 5) {
    case 0: return gc_malloc(size);
    case 1: return gc_malloc_uncollectable(size);
    case 2: return gc_calloc(1, size);
    case 3: return gc_aligned_alloc(128, size);
    default: return gc_realloc(NULL, size);
  }
}

static void soil(size_t way, size_t size, bool free_it) {
  char *p = allocate_zeroed(way, size);
  expect(p != NULL);
  size_t usable = gc_size(p);
  expect(suite_is_zero(p, usable));
  memset(p, 0xDB, usable);
  if (free_it || way % 5 == 1) gc_free(p);
  p = gc_malloc_atomic(size);
  expect(p != NULL);
  memset(p, 0xDB, gc_size(p));
  if (free_it) gc_free(p);
}

/* Freed by the program, or dropped and found by the collector: what comes out
   again is zero. */
START_TEST(recycled_blocks_are_zero) {
  for (int round = 0; round < 6; round++) {
    for (size_t i = 0; i < SIZES; i++)
      for (size_t n = 0; n < 10 + 200000 / (sizes[i] + 1) / 4; n++)
        soil(n, sizes[i], round % 2 == 0);
    gc_collect();
    if (round == 3) gc_trim();
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* ------------------------------------------------------------------ realloc */

static size_t resized_size(size_t step) {
  if (step % 9 == 0) return sizes[suite_below(SIZES)];
  return suite_below(step % 4 == 0 ? 50000 : 700);
}

/* Whatever happens to the size: contents and kind stay, and in scanned blocks
   what is new is zero. */
static void resize_at_random(enum suite_kind kind) {
  size_t asked = 100;
  char *p = suite_allocate(kind, asked);
  suite_fill(p, asked, 0);
  for (size_t step = 1; step < 3000; step++) {
    size_t size = resized_size(step), before = gc_size(p);
    keep[0] = p = gc_realloc(p, size);
    expect(p != NULL && gc_base(p) == p && gc_size(p) >= size);
    size_t kept = size < asked ? size : asked;
    expect(suite_is_filled(p, kept, step - 1));
    if (kind != SUITE_ATOMIC && gc_size(p) > before)
      expect(suite_is_zero(p + before, gc_size(p) - before));
    if (step % 100 == 0) expect(suite_is_scanned(p) == (kind != SUITE_ATOMIC));
    memset(p, 0xDB, gc_size(p));
    suite_fill(p, size, step);
    asked = size;
    if (step % 500 == 0) gc_collect();
    if (step % 7 == 0) keep[1 + step % 60] = gc_malloc(suite_below(1000));
  }
  if (kind == SUITE_UNCOLLECTABLE) gc_free(p);
}

START_TEST(realloc_keeps_contents_and_kind) {
  resize_at_random((enum suite_kind)_i);
  ck_assert(gc_heap_check());
}
END_TEST

/* What a block gives up and gets back is zero, to the last byte: whatever it was
   that made it longer, its padding is never seen. */
START_TEST(realloc_forgets_what_was_given_up) {
  for (size_t i = 0; i < SIZES * SIZES; i++) {
    size_t size = sizes[i / SIZES], less = sizes[i % SIZES];
    if (less >= size) continue;
    char *p = suite_allocate((enum suite_kind)_i, size);
    memset(p, 0xDB, gc_size(p));
    p = keep[0] = gc_realloc(p, less);
    size_t usable = gc_size(p);
    memset(p, 0xDB, usable);
    for (size_t j = 0; j < 3; j++) {
      p = keep[0] = gc_realloc(p, usable + 1 + size * j);
      expect(p != NULL);
      if (_i != SUITE_ATOMIC)
        expect(suite_is_zero(p + usable, gc_size(p) - usable));
      usable = gc_size(p);
      memset(p, 0xDB, usable);
    }
    gc_free(p);
  }
}
END_TEST

/* An uncollectable block that has been moved still is. */
START_TEST(realloc_keeps_uncollectable) {
  uintptr_t hidden[20];
  for (size_t i = 0; i < 20; i++) {
    char *p = gc_malloc_uncollectable(32);
    suite_fill(p, 32, i);
    hidden[i] = api_hide(gc_realloc(p, sizes[i] + 32));
    p = NULL;
  }
  api_scrub();
  gc_collect();
  gc_collect();
  for (size_t i = 0; i < 20; i++) {
    ck_assert(gc_base(api_reveal(hidden[i])) == api_reveal(hidden[i]));
    ck_assert(suite_is_filled(api_reveal(hidden[i]), 32, i));
    gc_free(api_reveal(hidden[i]));
    ck_assert_ptr_null(gc_base(api_reveal(hidden[i])));
  }
}
END_TEST

/* A block that moved is freed where it was. */
START_TEST(realloc_frees_what_it_leaves) {
  for (size_t i = 0; i < SIZES; i++) {
    keep[0] = gc_malloc(sizes[i]);
    keep[1] = gc_malloc(sizes[i]); /* in the way, on either side */
    keep[2] = gc_malloc(sizes[i]);
    char *before = keep[1];
    char *after = gc_realloc(keep[1], 4 * sizes[i] + 100);
    ck_assert_ptr_nonnull(after);
    if (after != before) ck_assert_ptr_null(gc_base(before));
    for (int j = 0; j < 3; j++) keep[j] = NULL;
  }
}
END_TEST

START_TEST(realloc_without_room) {
  keep[0] = gc_malloc(MIB);
  keep[1] = gc_malloc_atomic(1000);
  suite_fill(keep[0], MIB, 3);
  suite_fill(keep[1], 1000, 4);
  gc_set_heap_limit(heap_bytes() + MIB);
  for (int i = 0; i < 20; i++) {
    expect_error(gc_realloc(keep[0], 64 * MIB), ENOMEM);
    expect_error(gc_realloc(keep[1], 64 * MIB), ENOMEM);
    ck_assert_ptr_eq(gc_base(keep[0]), keep[0]);
    ck_assert_ptr_eq(gc_base(keep[1]), keep[1]);
    ck_assert_uint_ge(gc_size(keep[0]), MIB);
  }
  ck_assert(suite_is_filled(keep[0], MIB, 3));
  ck_assert(suite_is_filled(keep[1], 1000, 4));
  ck_assert(gc_heap_check());
}
END_TEST

/* ------------------------------------------------------------------ strings */

START_TEST(strings) {
  static const char text[] = "the quick brown fox";
  char *p = gc_strdup(text);
  ck_assert_str_eq(p, text);
  ck_assert(!suite_is_scanned(p));
  ck_assert_str_eq(gc_strdup(""), "");
  for (size_t n = 0; n < sizeof text; n++) {
    p = gc_strndup(text, n);
    ck_assert_uint_eq(strlen(p), n);
    ck_assert_int_eq(strncmp(p, text, n), 0);
  }
  ck_assert_str_eq(gc_strndup(text, 1000), text);
  ck_assert_str_eq(gc_strndup(text, SIZE_MAX), text);
  ck_assert(!suite_is_scanned(gc_strndup(text, 3)));
}
END_TEST

/* Not a byte is read beyond the length. */
START_TEST(strndup_reads_no_further) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert(pages != MAP_FAILED);
  ck_assert_int_eq(mprotect(pages + page, page, PROT_NONE), 0);
  memset(pages, 'x', page);
  char *p = gc_strndup(pages + page - 30, 30);
  ck_assert_uint_eq(strlen(p), 30);
  munmap(pages, 2 * page);
}
END_TEST

/* The string is in the heap itself, and nothing else refers to it. */
START_TEST(strdup_of_its_own_strings) {
  setenv("GLEANER_STRESS", "every:1", 1);
  char *p = gc_strdup("a string that is copied over and over");
  for (int i = 0; i < 300; i++) {
    p = gc_strdup(p);
    ck_assert_str_eq(p, "a string that is copied over and over");
  }
}
END_TEST

/* ------------------------------------------------------------------ freeing */

START_TEST(free_keeps_errno_and_null_is_nothing) {
  void *small = gc_malloc(10), *large = gc_malloc(10 * MIB);
  errno = 77;
  gc_free(small);
  gc_free(large);
  gc_free(NULL);
  ck_assert_int_eq(errno, 77);
  ck_assert_uint_eq(gc_size(NULL), 0);
  ck_assert_ptr_null(gc_base(small));
  ck_assert_ptr_null(gc_base(large));
  ck_assert_ptr_null(gc_base((char *)large + 5 * MIB));
}
END_TEST

/* What is freed is there again: no growth. */
static bool go_on(const struct gc_walk_item *item, void *data) {
  (void)item;
  (void)data;
  return true;
}

static void use_everything(void) {
  static void *roots[2];
  void *p;
  expect(gc_init() && gc_malloc(10) != NULL && gc_malloc_atomic(100) != NULL);
  for (size_t i = 0; i < SIZES; i++) {
    expect((p = gc_malloc(sizes[i])) != NULL && gc_size(p) >= sizes[i]);
    expect((p = gc_realloc(p, 2 * sizes[i] + MIB)) != NULL);
    expect(gc_base(p) == p && (p = gc_realloc(p, sizes[i])) != NULL);
    gc_free(p);
    expect(gc_calloc(3, sizes[i]) != NULL && gc_aligned_alloc(64, 64) != NULL);
  }
  expect(gc_malloc_uncollectable(100) != NULL && gc_strdup("") != NULL);
  gc_collect();
  gc_disable();
  gc_enable();
  suite_stats();
  expect(gc_add_roots(roots, roots + 2) && gc_remove_roots(roots, roots + 2));
  gc_heap_walk(go_on, NULL);
  expect(gc_heap_check());
  gc_trim();
}

/* So much that memory goes back. */
static void free_much(void) {
  enum { COUNT = 100000 };
  static void *blocks[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    expect((blocks[i] = gc_malloc(i % 1000)) != NULL);
  for (size_t i = 0; i < COUNT; i++) gc_free(blocks[i]);
}

/* From the first use on, and with GLEANER_DEBUG and GLEANER_STRESS too; and
   where memory is locked, and the system refuses to take any back. */
START_TEST(success_keeps_errno) {
  if (_i == 1) setenv("GLEANER_DEBUG", "1", 1);
  if (_i == 2) setenv("GLEANER_STRESS", "every:3", 1);
  if (_i == 3 && (gc_malloc(1) == NULL || mlockall(MCL_CURRENT) != 0))
    printf("contract: left out, for want of memory that is locked\n");
  errno = 4711;
  use_everything();
  if (_i != 2) free_much();
  ck_assert_int_eq(errno, 4711);
}
END_TEST

START_TEST(freed_memory_is_reused) {
  gc_disable();
  for (size_t i = 0; i < SIZES; i++) {
    size_t held = 0;
    for (size_t n = 0; n < 2000; n++) {
      void *p = suite_allocate((enum suite_kind)(n % SUITE_KINDS), sizes[i]);
      expect(p != NULL);
      gc_free(p);
      if (n == 100) held = heap_bytes();
    }
    ck_assert_uint_le(heap_bytes(), held);
  }
}
END_TEST

/* -------------------------------------------------------------------- pools */

#define POOLED 1000

static struct gc_pool nodes = GC_POOL(48);
static struct gc_pool texts = GC_POOL_ATOMIC(200);

/* Blocks that wait while others are freed and collected stay as they were. */
static void take_from(struct gc_pool *pool, unsigned char *blocks[]) {
  for (size_t i = 0; i < POOLED; i++) {
    blocks[i] = gc_pool_take(pool);
    ck_assert_ptr_nonnull(blocks[i]);
    ck_assert_uint_eq((uintptr_t)blocks[i] % 16, 0);
    ck_assert_ptr_eq(gc_base(blocks[i]), blocks[i]);
    ck_assert_uint_ge(gc_size(blocks[i]), pool->size);
    if (!pool->pointer_free)
      ck_assert(suite_is_zero(blocks[i], gc_size(blocks[i])));
    suite_fill(blocks[i], pool->size, i);
    if (i % 7 == 3) gc_free(gc_malloc(pool->size));
    if (i % 100 == 50) gc_collect();
  }
  for (size_t i = 0; i < POOLED; i++)
    ck_assert(suite_is_filled(blocks[i], pool->size, i));
}

static void use_pool(struct gc_pool *pool) {
  static unsigned char *blocks[POOLED];
  take_from(pool, blocks);
  for (size_t i = 0; i < POOLED; i += 2) gc_free(blocks[i]);
  take_from(pool, blocks);
  gc_pool_clear(pool);
  ck_assert_uint_eq(pool->count, 0);
  for (size_t i = 0; i < GC_POOL_BLOCKS; i++)
    ck_assert_ptr_null(pool->blocks[i]);
  ck_assert(gc_heap_check());
}

START_TEST(pools) {
  use_pool(&nodes);
  use_pool(&texts);
}
END_TEST

/* With few of those, or none, waiting. */
START_TEST(pools_of_any_size) {
  for (size_t i = 0; i < SIZES; i++) {
    struct gc_pool pool = GC_POOL(sizes[i]);
    for (size_t j = 0; j < 5; j++) {
      unsigned char *block = gc_pool_take(&pool);
      ck_assert_ptr_nonnull(block);
      ck_assert(suite_is_zero(block, sizes[i]));
      suite_fill(block, sizes[i], j);
    }
    gc_pool_clear(&pool);
  }
  struct gc_pool huge = GC_POOL(suite_opaque(SIZE_MAX - 5));
  expect_error(gc_pool_take(&huge), ENOMEM);
  ck_assert(gc_heap_check());
}
END_TEST

/* A pool that nothing leads to any more keeps nothing. */
START_TEST(pools_that_end) {
  struct gc_stats before, after;
  gc_collect();
  gc_get_stats(&before);
  for (int i = 0; i < 20000; i++) {
    struct gc_pool *pool = gc_malloc(sizeof *pool);
    ck_assert_ptr_nonnull(pool);
    *pool = (struct gc_pool)GC_POOL(1000);
    ck_assert_ptr_nonnull(gc_pool_take(pool));
  }
  gc_collect();
  gc_get_stats(&after);
  ck_assert_uint_lt(after.live_bytes, before.live_bytes + 262144);
}
END_TEST

START_TEST(version_is_the_header_s) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", GC_VERSION_MAJOR, GC_VERSION_MINOR,
           GC_VERSION_PATCH);
  ck_assert_str_eq(gc_version(), text);
  ck_assert(gc_init());
  ck_assert(gc_init());
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("contract");
  tcase_add_test(tests, zero_is_a_size);
  tcase_add_test(tests, huge_sizes_are_refused);
  tcase_add_test(tests, calloc_overflows);
  tcase_add_test(tests, alignments);
  tcase_add_test(tests, blocks_are_their_own);
  tcase_add_test(tests, recycled_blocks_are_zero);
  tcase_add_loop_test(tests, realloc_keeps_contents_and_kind, 0, SUITE_KINDS);
  tcase_add_loop_test(tests, realloc_forgets_what_was_given_up, 0, SUITE_KINDS);
  tcase_add_test(tests, realloc_keeps_uncollectable);
  tcase_add_test(tests, realloc_frees_what_it_leaves);
  tcase_add_test(tests, realloc_without_room);
  tcase_add_test(tests, strings);
  tcase_add_test(tests, strndup_reads_no_further);
  tcase_add_test(tests, strdup_of_its_own_strings);
  tcase_add_test(tests, free_keeps_errno_and_null_is_nothing);
  tcase_add_loop_test(tests, success_keeps_errno, 0, 4);
  tcase_add_test(tests, freed_memory_is_reused);
  tcase_add_test(tests, pools);
  tcase_add_test(tests, pools_of_any_size);
  tcase_add_test(tests, pools_that_end);
  tcase_add_test(tests, version_is_the_header_s);
  return suite_end();
}
