/* SPDX-License-Identifier: MIT */
/*
 * spares.c: tests of alloc/spares: freed large blocks that a cache keeps, what
 * may be seen of them, and who gives them back.
 */
#include <pthread.h>

#include "harness.h"

#define KIB ((size_t)1024)
#define SIZE (100 * KIB)

static struct gl_cache *cache;

/* The look after so much was freed, which gives them back too, does not
   come. */
static void spares_begin(void) {
  enum { MANY = 1 << 30 };
  cache = test_heap();
  cache->look_at += MANY;
  cache->look_in_granules += MANY;
}

static char *allocate(size_t size) {
  char *p = test_allocate(cache, size, GL_ATOMIC);
  ck_assert_ptr_nonnull(p);
  return p;
}

static void release(void *p) {
  ck_assert_int_eq(test_free(cache, p), GL_FAULT_NONE);
}

static bool is_spare(const void *p) {
  return gl_spares_have(cache, gl_page_of(p));
}

/* Pages of blocks, spare ones included. */
static size_t used_pages(void) { return gl_heap.runs.used_pages; }

START_TEST(freed_block_comes_again) {
  spares_begin();
  char *p = allocate(SIZE);
  allocate(SIZE); /* the block behind it */
  memset(p, 0x44, SIZE);
  for (int i = 0; i < 100; i++) {
    release(p);
    ck_assert(is_spare(p));
    ck_assert(test_prove());
    ck_assert_ptr_eq(allocate(SIZE), p);
    ck_assert(!is_spare(p));
  }
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* Nobody sees a block in it, and it cannot be freed again. */
START_TEST(spare_block_is_free_memory) {
  spares_begin();
  struct gl_block found;
  char *p = allocate(SIZE);
  release(p);
  ck_assert(!gl_heap_find(p, &found));
  ck_assert(!gl_heap_find(p + SIZE / 2, &found));
  ck_assert_int_eq(gl_heap_find_exact(p, &found), GL_FAULT_FREE);
  ck_assert_int_eq(test_free(cache, p), GL_FAULT_FREE);
  ck_assert(gl_heap_was_block(p));
  ck_assert_int_eq(test_free(cache, p + 16), GL_FAULT_FREE);
  ck_assert(test_accounts_balance(cache));
}
END_TEST

START_TEST(block_a_little_longer_will_do) {
  spares_begin();
  char *p = allocate(SIZE);
  release(p);
  ck_assert(allocate(SIZE + GL_PAGE_BYTES) != p);
  ck_assert(allocate(SIZE / 2) != p);
  ck_assert(is_spare(p));
  ck_assert_ptr_eq(allocate(SIZE - SIZE / 16), p);
  ck_assert_uint_eq(test_usable(p), gl_round_up(SIZE, GL_PAGE_BYTES));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* As many as there are places for, and no more bytes than that; the oldest
   go. */
START_TEST(oldest_go_first) {
  spares_begin();
  char *p[3 * GL_SPARES];
  for (size_t i = 0; i < 3 * GL_SPARES; i++) p[i] = allocate(SIZE);
  for (size_t i = 0; i < 3 * GL_SPARES; i++) {
    release(p[i]);
    for (size_t j = 0; j <= i; j++)
      ck_assert_int_eq(is_spare(p[j]), j + GL_SPARES > i);
  }
  ck_assert(test_prove());
  for (size_t i = 0; i < 4; i++) p[i] = allocate(400 * KIB);
  for (size_t i = 0; i < 4; i++) release(p[i]);
  ck_assert(!is_spare(p[0]) && !is_spare(p[1]));
  ck_assert(is_spare(p[2]) && is_spare(p[3]));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* Too long ones, and those that are to be zero, are free runs at once. */
START_TEST(some_are_not_kept) {
  spares_begin();
  size_t before = used_pages();
  char *p = allocate((size_t)5 << 20),
       *q = test_allocate(cache, SIZE, GL_SCANNED);
  release(p);
  release(q);
  ck_assert(!is_spare(p) && !is_spare(q));
  ck_assert_uint_eq(used_pages(), before);
  p = allocate(SIZE);
  release(p);
  q = test_allocate(cache, SIZE, GL_SCANNED);
  ck_assert(q != p && test_is_zero(q, SIZE));
}
END_TEST

START_TEST(what_gives_them_back) {
  enum { TRIM, LOOK, OTHERS_LOOK, COLLECTION, QUIESCE, END };
  spares_begin();
  struct gl_cache *other = test_cache();
  size_t before = used_pages();
  char *p = test_allocate(other, SIZE, GL_ATOMIC);
  char *q = test_allocate(other, 2 * SIZE, GL_ATOMIC);
  ck_assert_int_eq(test_free(other, p), GL_FAULT_NONE);
  ck_assert_int_eq(test_free(other, q), GL_FAULT_NONE);
  ck_assert_uint_gt(used_pages(), before);
  switch (_i) {
    case TRIM:
      gl_heap_lock(NULL);
      gl_cache_trim(other, false);
      gl_heap_unlock();
      break;
    case LOOK:
    case OTHERS_LOOK:
      other->trimmed_ns = cache->trimmed_ns = gl_heap.runs.tick_ns = 0;
      gl_cache_look(_i == LOOK ? other : cache);
      break;
    case COLLECTION: test_collect(test_keep_all, NULL); break;
    case QUIESCE: gl_heap_quiesce(); break;
    default: gl_cache_release(other);
  }
  ck_assert_uint_eq(used_pages(), before);
  ck_assert_uint_eq(gl_spares_pages(other), 0);
  ck_assert(test_prove());
}
END_TEST

/* They are no reason to be out of memory, whatever there is too little of. */
START_TEST(limit_leaves_them_to_others) {
  spares_begin();
  struct gl_cache *taker = _i < 2 ? cache : test_cache();
  char *p[5];
  for (size_t i = 0; i < 5; i++)
    p[i] = allocate(_i % 2 == 0 ? SIZE : 150 * KIB);
  for (size_t i = 0; i < 5; i++) release(p[i]);
  ck_assert_uint_gt(gl_spares_pages(cache), 100);
  gl_heap.runs.limit_pages = ((size_t)2 << 20) >> GL_PAGE_SHIFT;
  size_t size = _i % 2 == 0 ? 1600 * KIB : 256;
  for (size_t bytes = 0; bytes < 1400 * KIB; bytes += size)
    ck_assert_ptr_nonnull(test_allocate(taker, size, GL_ATOMIC));
  ck_assert_uint_eq(gl_spares_pages(cache), 0);
  ck_assert(test_prove());
}
END_TEST

/* Two threads that free the same block at once: one of them is told. */
static pthread_barrier_t barrier;
static void *shared;

static void *free_it(void *data) {
  int *freed = data;
  struct gl_cache *own = test_cache();
  pthread_barrier_wait(&barrier);
  *freed = gl_heap_free(own, shared) == GL_FAULT_NONE;
  gl_cache_release(own);
  return NULL;
}

START_TEST(one_of_two_frees_wins) {
  spares_begin();
  pthread_barrier_init(&barrier, NULL, 2);
  for (int i = 0; i < 500; i++) {
    pthread_t thread[2];
    int freed[2];
    shared = allocate(SIZE);
    for (int j = 0; j < 2; j++)
      expect(pthread_create(&thread[j], NULL, free_it, &freed[j]) == 0);
    for (int j = 0; j < 2; j++) pthread_join(thread[j], NULL);
    ck_assert_int_eq(freed[0] + freed[1], 1);
  }
  ck_assert(test_prove());
}
END_TEST

/* Random sizes, kinds and orders, with contents that are verified. */
START_TEST(blocks_keep_what_is_in_them) {
  spares_begin();
  enum { SLOTS = 40 };
  static char *block[SLOTS];
  static size_t size[SLOTS];
  for (int i = 0; i < 20000; i++) {
    size_t at = test_below(SLOTS);
    char fill = (char)at;
    if (block[at] != NULL) {
      expect(block[at][0] == fill && block[at][size[at] - 1] == fill);
      release(block[at]);
    }
    size[at] = 33 * KIB + test_below(test_one_in(8) ? 3000 * KIB : 200 * KIB);
    block[at] = allocate(size[at]);
    expect(test_usable(block[at]) >= size[at]);
    block[at][0] = block[at][size[at] - 1] = fill;
    if (i % 1000 == 0) ck_assert(test_prove());
  }
  ck_assert(test_accounts_balance(cache));
}
END_TEST

int main(void) {
  TCase *tests = test_begin("spares");
  tcase_add_test(tests, freed_block_comes_again);
  tcase_add_test(tests, spare_block_is_free_memory);
  tcase_add_test(tests, block_a_little_longer_will_do);
  tcase_add_test(tests, oldest_go_first);
  tcase_add_test(tests, some_are_not_kept);
  tcase_add_loop_test(tests, what_gives_them_back, 0, 6);
  tcase_add_loop_test(tests, limit_leaves_them_to_others, 0, 4);
  tcase_add_test(tests, one_of_two_frees_wins);
  tcase_add_test(tests, blocks_keep_what_is_in_them);
  return test_end();
}
