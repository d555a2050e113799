/* SPDX-License-Identifier: MIT */
/*
 * prove.c: tests of the proof that a marking is complete (gc/prove.c): it is
 * false as soon as one mark is missing, and true otherwise.
 */
#include <stdio.h>

#include "../../gc/mark.h"
#include "harness.h"

#define ROOTS 4

static struct gl_cache *cache;
static void *root[ROOTS];

/* What is found is said on standard error: no news here. */
static void begin(void) {
  expect(freopen("/dev/null", "w", stderr) != NULL);
  cache = test_heap();
  expect(gl_mark_init());
}

static void *allocate(size_t size, enum gl_kind kind) {
  void *p = test_allocate(cache, size, kind);
  expect(p != NULL);
  memset(p, 0, test_usable(p));
  return p;
}

/* A marking up to where it is proven; sweep ends it. */
static void mark(bool minor, bool scans_tenured) {
  gl_heap_lock(NULL);
  gl_heap_tenure(GL_ARENA_GRANULES);
  gl_heap_prepare_mark(minor);
  gl_mark_begin();
  gl_mark_roots(root, root + ROOTS);
  gl_mark_uncollectable();
  if (scans_tenured) gl_mark_tenured();
  gl_mark_finish();
}

static void sweep(void) {
  size_t tenured, atomic;
  gl_heap_begin_sweep(gl_mark_live(), &tenured);
  gl_heap_sweep_large(&atomic);
  gl_heap_unlock();
}

static void flip_mark(const void *p) {
  size_t granule = gl_granule_of(p);
  gl_tags_line(gl_heap.tags, granule)->mark ^= gl_tags_bit(granule);
}

/* ------------------------------------------------------ one mark is missing */

static const size_t sizes[] = {16,
                               48,
                               2000,
                               GL_MEDIUM_MAX_BYTES,
                               GL_MEDIUM_MAX_BYTES + 1,
                               3 * GL_ARENA_BYTES};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

/* The only pointer to a block is some word of another, and it leads to any
   byte. Uncollectable ones need no root. */
static void lose_one(size_t from_size, enum gl_kind from_kind, size_t to_size,
                     enum gl_kind to_kind) {
  uintptr_t *from = allocate(from_size, from_kind);
  char *to = allocate(to_size, to_kind);
  from[test_below(from_size / sizeof *from)] =
      (uintptr_t)to + test_below(to_size);
  root[1] = from_kind == GL_UNCOLLECTABLE ? NULL : from;
  root[2] = from_kind == GL_ATOMIC ? to : NULL;
  mark(false, true);
  ck_assert(gl_tags_is_marked(gl_heap.tags, gl_granule_of(from)));
  ck_assert(gl_tags_is_marked(gl_heap.tags, gl_granule_of(to)));
  ck_assert(gl_mark_prove());
  flip_mark(to);
  ck_assert(gl_mark_prove() == (from_kind == GL_ATOMIC));
  flip_mark(to);
  ck_assert(gl_mark_prove());
  sweep();
}

START_TEST(a_missing_mark_is_seen) {
  begin();
  for (int to = 0; to < SIZES; to++)
    for (int from_kind = 0; from_kind < GL_KIND_COUNT; from_kind++)
      for (int to_kind = 0; to_kind < GL_KIND_COUNT; to_kind++)
        lose_one(sizes[_i], (enum gl_kind)from_kind, sizes[to],
                 (enum gl_kind)to_kind);
}
END_TEST

/* In the midst of thousands that are right. */
START_TEST(one_of_many_is_seen) {
  begin();
  void **list = NULL;
  for (int i = 0; i < 20000; i++) {
    void **p = allocate(16 + test_below(200), GL_SCANNED);
    p[test_below(2)] = list;
    list = p;
    if (i == 0 || test_one_in(1000)) root[2] = p;
  }
  root[0] = list;
  mark(false, true);
  ck_assert(gl_mark_prove());
  flip_mark(root[2]);
  ck_assert(!gl_mark_prove());
  flip_mark(root[2]);
  sweep();
}
END_TEST

/* ------------------------------------------------------- nothing is missing */

START_TEST(dead_blocks_may_point_to_dead_ones) {
  begin();
  for (int i = 0; i < SIZES; i++) {
    void **from = allocate(sizes[i], GL_SCANNED);
    *from = allocate(sizes[SIZES - 1 - i], GL_SCANNED);
  }
  mark(false, true);
  ck_assert(gl_mark_prove());
  ck_assert_uint_eq(gl_mark_objects(), 0);
  sweep();
}
END_TEST

/* Words that lead to no block: to what was freed, and to the heap's ends. */
START_TEST(stray_words_are_none) {
  begin();
  uintptr_t *p = root[0] = allocate(16 * sizeof *p, GL_SCANNED);
  for (int i = 0; i < SIZES; i++) {
    void *freed = allocate(sizes[i], GL_SCANNED);
    p[i] = (uintptr_t)freed;
    expect(test_free(cache, freed) == GL_FAULT_NONE);
  }
  p[SIZES] = gl_heap.base;
  p[SIZES + 1] = gl_heap.base + gl_heap.extent_bytes - 1;
  p[SIZES + 2] = gl_heap.base + gl_heap.extent_bytes;
  p[SIZES + 3] = gl_heap.base - 1;
  p[SIZES + 4] = UINTPTR_MAX;
  mark(false, true);
  ck_assert(gl_mark_prove());
  sweep();
}
END_TEST

/* -------------------------------------------------------- minor collections */

#define OLD ((size_t)64)
#define OLDS (4 * GL_ARENA_BYTES / OLD)

/* A list that fills some arenas, and has been collected once.  Here and there a
   block was dead: too few for anybody to open their arenas. */
static void **make_old(enum gl_kind kind) {
  void **list = NULL;
  for (size_t i = 0; i < OLDS; i++) {
    void **p = allocate(OLD, kind);
    if (i % 400 == 200) continue;
    *p = list;
    list = p;
  }
  root[0] = kind == GL_SCANNED ? list : NULL;
  mark(false, true);
  for (void **p = kind == GL_ATOMIC ? list : NULL; p != NULL; p = *p)
    gl_marker_blacken(&gl_marker_main, gl_word_of((uintptr_t)p));
  sweep();
  return list;
}

/* The only pointer to what is young is in what is old. */
START_TEST(what_is_tenured_has_to_be_read) {
  begin();
  void **list = make_old(GL_SCANNED);
  for (size_t i = test_below(OLDS / 2); i > 0; i--) list = *list;
  void *young = allocate(sizes[_i], GL_SCANNED);
  list[3] = young;
  mark(true, false);
  ck_assert(gl_arena_of(list)->tenured);
  ck_assert(!gl_mark_prove());
  gl_mark_tenured();
  gl_mark_finish();
  ck_assert(gl_mark_prove());
  ck_assert(gl_tags_is_marked(gl_heap.tags, gl_granule_of(young)));
  sweep();
  struct gl_block found;
  ck_assert(gl_heap_find(young, &found));
}
END_TEST

/* Every word of it, whatever is free in between. */
START_TEST(all_that_is_tenured_is_read) {
  begin();
  size_t count = 0, step = 1 + test_below(40);
  void **list = make_old(GL_SCANNED);
  for (size_t i = 0; list != NULL; list = *list, i++) {
    if (i % step != 0) continue;
    list[1 + test_below(OLD / sizeof *list - 1)] = allocate(16, GL_ATOMIC);
    count++;
  }
  mark(true, true);
  ck_assert(gl_mark_prove());
  ck_assert_uint_eq(gl_mark_objects(), count);
  sweep();
}
END_TEST

/* And no word of what is pointer-free. */
START_TEST(pointer_free_memory_is_not_read) {
  begin();
  void **list = make_old(GL_ATOMIC);
  void *young = list[3] = allocate(48, GL_SCANNED);
  mark(true, true);
  ck_assert(gl_arena_of(list)->tenured);
  ck_assert(gl_mark_prove());
  ck_assert(!gl_tags_is_marked(gl_heap.tags, gl_granule_of(young)));
  ck_assert_uint_eq(gl_mark_objects(), 0);
  sweep();
}
END_TEST

/* Nothing of a minor marking is left in the full one that comes after it. */
START_TEST(a_full_marking_begins_anew) {
  begin();
  make_old(GL_SCANNED);
  mark(true, true);
  ck_assert(gl_mark_prove());
  ck_assert_uint_eq(gl_mark_objects(), 0);
  sweep();
  mark(false, true);
  ck_assert(gl_mark_prove());
  ck_assert_uint_gt(gl_mark_objects(), OLDS - OLDS / 100);
  sweep();
}
END_TEST

int main(void) {
  TCase *tests = test_begin("prove");
  tcase_add_loop_test(tests, a_missing_mark_is_seen, 0, SIZES);
  tcase_add_test(tests, one_of_many_is_seen);
  tcase_add_test(tests, dead_blocks_may_point_to_dead_ones);
  tcase_add_test(tests, stray_words_are_none);
  tcase_add_loop_test(tests, what_is_tenured_has_to_be_read, 0, SIZES);
  tcase_add_test(tests, all_that_is_tenured_is_read);
  tcase_add_test(tests, pointer_free_memory_is_not_read);
  tcase_add_test(tests, a_full_marking_begins_anew);
  return test_end();
}
