/* SPDX-License-Identifier: MIT */
/*
 * minor.c: tests of minor collections as alloc/ sees them: which arenas are
 * tenured, and what becomes of their tags and figures.  An arena that is full
 * is one that nobody has a reason to open.
 */
#include "harness.h"

#define BLOCK ((size_t)512) /* of the blocks that fill an arena */
#define GRANULES (BLOCK >> GL_GRANULE_SHIFT)
#define BLOCKS (GL_ARENA_BYTES / BLOCK)
#define ARENAS ((size_t)4)
#define ALL (ARENAS * BLOCKS)

static struct gl_cache *cache;
static char *block[ALL];
static bool alive[ALL];

/* Fill arenas, which lie side by side, with blocks of a kind. */
static void fill(enum gl_kind kind) {
  cache = test_heap();
  for (size_t arena = 0; arena < ARENAS; arena++)
    for (size_t i = BLOCKS; i-- > 0;) {
      block[arena * BLOCKS + i] = test_allocate(cache, BLOCK, kind);
      expect(block[arena * BLOCKS + i] != NULL);
    }
  for (size_t i = 0; i < ALL; i++) {
    expect(block[i] == block[0] + i * BLOCK);
    alive[i] = true;
    test_fill(block[i], BLOCK, i);
  }
}

static struct gl_arena *arena_of(size_t i) {
  return gl_arena_of(block[i * BLOCKS]);
}

/* Of a block of fill. */
static bool keep_alive(const struct gl_block *item, void *data) {
  (void)data;
  size_t i = (size_t)(item->start - block[0]) / BLOCK;
  return i < ALL ? alive[i] : true;
}

static void let_some_die(void) {
  for (size_t i = 0; i < ALL; i++) alive[i] = !test_one_in(4);
}

static size_t count_alive(size_t arena) {
  size_t count = 0;
  for (size_t i = 0; i < BLOCKS; i++) count += alive[arena * BLOCKS + i];
  return count;
}

static size_t all_alive_bytes(void) {
  size_t count = 0;
  for (size_t arena = 0; arena < ARENAS; arena++) count += count_alive(arena);
  return count * BLOCK;
}

/* What is alive is black or white, and the rest is free, to the last tag. */
static void expect_tags(size_t arena, bool black) {
  struct gl_tags *tags = gl_heap.tags;
  size_t first = gl_arena_first_granule(arena_of(arena));
  for (size_t i = 0; i < GL_ARENA_GRANULES; i++) {
    bool head = i % GRANULES == 0;
    bool lives = head && alive[arena * BLOCKS + i / GRANULES];
    expect(gl_tags_is_block(tags, first + i) == lives);
    expect(gl_tags_is_marked(tags, first + i) == (lives ? black : head));
  }
}

static size_t tenure_up_to(size_t free_granules) {
  gl_heap_lock(NULL);
  size_t bytes = gl_heap_tenure(free_granules);
  gl_heap_unlock();
  return bytes;
}

static size_t tenure(void) { return tenure_up_to(GL_ARENA_GRANULES); }

static void prepare(bool minor) {
  gl_heap_lock(NULL);
  gl_heap_prepare_mark(minor);
  gl_heap_unlock();
}

/* A marking that found nothing.  Returns what lives all the same. */
static size_t sweep(size_t *tenured) {
  uint32_t *live = calloc((gl_heap.extent_bytes >> GL_ARENA_SHIFT) + 1, 4);
  ck_assert_ptr_nonnull(live);
  gl_heap_lock(NULL);
  size_t bytes = gl_heap_begin_sweep(live, tenured);
  gl_heap_unlock();
  free(live);
  return bytes;
}

static void verify(void) {
  struct gl_block found;
  for (size_t i = 0; i < ALL; i++) {
    expect(gl_heap_find(block[i], &found) == alive[i]);
    expect(!alive[i] || test_is_filled(block[i], BLOCK, i));
  }
}

/* ------------------------------------------------------ what stays as it is */

START_TEST(what_is_full_stays_black) {
  size_t tenured;
  fill((enum gl_kind)_i);
  let_some_die();
  test_collect(keep_alive, NULL);
  for (int round = 0; round < 4; round++) {
    ck_assert_uint_eq(tenure(), all_alive_bytes());
    prepare(true);
    for (size_t i = 0; i < ARENAS; i++) expect_tags(i, true);
    ck_assert_uint_eq(sweep(&tenured), all_alive_bytes());
    ck_assert_uint_eq(tenured, all_alive_bytes());
    for (size_t i = 0; i < ARENAS; i++) {
      expect_tags(i, true); /* what was dead is free, and stays so */
      ck_assert_uint_eq(arena_of(i)->free_granules,
                        GL_ARENA_GRANULES - count_alive(i) * GRANULES);
      ck_assert(!arena_of(i)->tenured);
    }
    ck_assert(test_prove());
    ck_assert_int_eq(gl_cache_live_bytes(cache), (int64_t)all_alive_bytes());
  }
  verify();
}
END_TEST

/* Nothing is tenured before the first collection: there were no marks. */
START_TEST(what_was_never_marked_is_not_tenured) {
  fill(GL_SCANNED);
  ck_assert_uint_eq(tenure(), 0);
  prepare(true);
  for (size_t i = 0; i < ARENAS; i++) expect_tags(i, false);
}
END_TEST

START_TEST(a_full_one_whitens_all) {
  fill(GL_SCANNED);
  let_some_die();
  test_collect(keep_alive, NULL);
  ck_assert_uint_eq(tenure(), all_alive_bytes());
  prepare(false);
  for (size_t i = 0; i < ARENAS; i++) expect_tags(i, false);
  size_t still;
  ck_assert_uint_eq(sweep(&still), 0);
  ck_assert_uint_eq(still, 0);
  ck_assert_uint_eq(gl_heap.arena_count, 0);
}
END_TEST

/* A full one tells what is still alive in arenas that were tenured. */
START_TEST(a_full_one_tells_what_is_left) {
  fill(GL_SCANNED);
  test_collect(test_keep_all, NULL);
  ck_assert_uint_eq(tenure(), ALL * BLOCK);
  prepare(false);
  uint32_t *live = calloc((gl_heap.extent_bytes >> GL_ARENA_SHIFT) + 1, 4);
  size_t granule = gl_granule_of(block[BLOCKS]);
  gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
  live[gl_arena_index(arena_of(1))] = GRANULES;
  size_t still;
  gl_heap_lock(NULL);
  ck_assert_uint_eq(gl_heap_begin_sweep(live, &still), BLOCK);
  gl_heap_unlock();
  ck_assert_uint_eq(still, BLOCK);
  ck_assert_uint_eq(gl_heap.arena_count, 1);
  free(live);
}
END_TEST

START_TEST(uncollectable_is_never_tenured) {
  fill(GL_UNCOLLECTABLE);
  for (int round = 0; round < 3; round++) {
    struct test_minor minor = test_collect_minor(test_keep_all, NULL);
    ck_assert_uint_eq(minor.tenured_bytes, 0);
    ck_assert_uint_eq(minor.spared_blocks, 0);
    ck_assert_uint_eq(minor.live_bytes, ALL * BLOCK);
  }
  verify();
}
END_TEST

/* ------------------------------------------------ what makes it young again */

/* There is room in the second arena, which is opened for one block. */
static void allocate_there(void) {
  for (size_t i = 0; i < BLOCKS / 2; i++) alive[BLOCKS + i] = false;
  test_collect(keep_alive, NULL);
  char *p = test_allocate(cache, BLOCK, GL_SCANNED);
  expect(gl_arena_of(p) == arena_of(1));
  size_t i = (size_t)(p - block[0]) / BLOCK;
  alive[i] = true;
}

static void free_there(void) {
  expect(test_free(cache, block[BLOCKS + 7]) == GL_FAULT_NONE);
  alive[BLOCKS + 7] = false;
}

/* The block is on its way to its owner. */
static void free_from_afar(void) {
  struct gl_cache *other = test_cache();
  expect(test_free(other, block[BLOCKS + 7]) == GL_FAULT_NONE);
  alive[BLOCKS + 7] = false;
}

static void find_there(void) {
  struct gl_block found;
  expect(gl_heap_find(block[BLOCKS + 7] + 3, &found));
}

static void ask_about_free_memory(void) {
  struct gl_block found;
  alive[BLOCKS + 7] = false;
  test_collect(keep_alive, NULL);
  expect(!gl_heap_find(block[BLOCKS + 7], &found));
}

static void resize_there(void) {
  struct gl_block found;
  expect(gl_heap_find_exact(block[BLOCKS], &found) == GL_FAULT_NONE);
  expect(gl_heap_try_resize(cache, &found, BLOCK - 1));
}

static void (*const touches[])(void) = {allocate_there,        free_there,
                                        free_from_afar,        find_there,
                                        ask_about_free_memory, resize_there};
#define TOUCHES ((int)(sizeof touches / sizeof *touches))

START_TEST(what_was_touched_is_white) {
  fill(GL_SCANNED);
  test_collect(keep_alive, NULL);
  touches[_i]();
  ck_assert_uint_eq(tenure(), all_alive_bytes() - count_alive(1) * BLOCK);
  for (size_t i = 0; i < ARENAS; i++)
    ck_assert(arena_of(i)->tenured == (i != 1));
  prepare(true);
  for (size_t i = 0; i < ARENAS; i++)
    for (size_t j = i * BLOCKS; j < (i + 1) * BLOCKS; j++) {
      size_t granule = gl_granule_of(block[j]);
      expect(gl_tags_is_block(gl_heap.tags, granule) == alive[j]);
      if (alive[j])
        expect(gl_tags_is_marked(gl_heap.tags, granule) == (i != 1));
    }
}
END_TEST

/* Those who list the heap, and those who take it apart, have touched it all. */
START_TEST(a_quiet_heap_has_no_marks) {
  fill(GL_SCANNED);
  test_collect(test_keep_all, NULL);
  gl_heap_lock(NULL);
  if (_i == 0)
    gl_heap_quiesce();
  else
    gl_heap_release_empty();
  gl_heap_unlock();
  ck_assert_uint_eq(tenure(), 0);
  for (size_t i = 0; i < ARENAS; i++) expect_tags(i, false);
}
END_TEST

/* One minor collection is enough for it to be old again. */
START_TEST(what_was_touched_is_tenured_next_time) {
  fill(GL_SCANNED);
  test_collect(test_keep_all, NULL);
  find_there();
  struct test_minor minor = test_collect_minor(keep_alive, NULL);
  ck_assert_uint_eq(minor.spared_blocks, ALL - BLOCKS);
  ck_assert_uint_eq(minor.live_bytes, ALL * BLOCK);
  minor = test_collect_minor(test_keep_none, NULL);
  ck_assert_uint_eq(minor.spared_blocks, ALL);
  verify();
}
END_TEST

/* -------------------------------------------------------- one after another */

START_TEST(a_full_one_frees_what_died_meanwhile) {
  fill(GL_SCANNED);
  test_collect(test_keep_all, NULL);
  for (size_t i = 0; i < ALL; i++) alive[i] = i % 3 == 0 && i >= BLOCKS;
  for (int round = 0; round < 5; round++) {
    struct test_minor minor = test_collect_minor(keep_alive, NULL);
    ck_assert_uint_eq(minor.live_bytes, ALL * BLOCK);
    ck_assert_uint_eq(minor.tenured_bytes, ALL * BLOCK);
    ck_assert_uint_eq(minor.still_bytes, ALL * BLOCK);
    ck_assert(test_prove());
  }
  test_collect(keep_alive, NULL);
  ck_assert_uint_eq(gl_heap.arena_count, ARENAS - 1);
  ck_assert_int_eq(gl_cache_live_bytes(cache), (int64_t)all_alive_bytes());
  ck_assert(test_prove());
  verify();
}
END_TEST

/* Where more is free than is asked for, an arena is young. */
START_TEST(what_is_sparse_is_not_tenured) {
  fill(GL_SCANNED);
  for (size_t i = 0; i < ALL; i++) alive[i] = i >= BLOCKS || i % 8 != 0;
  alive[BLOCKS] = false;
  test_collect(keep_alive, NULL);
  size_t dense = (ARENAS - 1) * GL_ARENA_BYTES - BLOCK;
  ck_assert_uint_eq(tenure_up_to(0), dense + BLOCK - GL_ARENA_BYTES);
  ck_assert_uint_eq(tenure_up_to(GRANULES), dense);
  ck_assert_uint_eq(tenure_up_to(GL_ARENA_GRANULES / 8 - 1), dense);
  ck_assert_uint_eq(tenure_up_to(GL_ARENA_GRANULES / 8), all_alive_bytes());
  tenure_up_to(GRANULES);
  prepare(true);
  expect_tags(0, false);
  for (size_t i = 1; i < ARENAS; i++) expect_tags(i, true);
}
END_TEST

/* What is young dies in a minor one, and its arenas go. */
START_TEST(what_is_young_dies) {
  fill(GL_SCANNED);
  test_collect(test_keep_all, NULL);
  for (size_t i = 0; i < 3 * BLOCKS; i++)
    expect(test_allocate(cache, BLOCK, GL_SCANNED) != NULL);
  ck_assert_uint_eq(gl_heap.arena_count, ARENAS + 3);
  struct test_minor minor = test_collect_minor(test_keep_none, NULL);
  ck_assert_uint_eq(minor.spared_blocks, ALL);
  ck_assert_uint_eq(minor.live_bytes, ALL * BLOCK);
  ck_assert_uint_eq(gl_heap.arena_count, ARENAS);
  ck_assert(test_prove());
  verify();
}
END_TEST

/* The arenas of a thread that has ended are tenured where they are, and stay
   its. */
START_TEST(tenured_arenas_outlive_their_thread) {
  fill(GL_SCANNED);
  test_cache();
  test_collect(test_keep_all, NULL);
  gl_cache_release(cache);
  struct test_minor minor = test_collect_minor(test_keep_none, NULL);
  ck_assert_uint_eq(minor.spared_blocks, ALL);
  for (size_t i = 0; i < ARENAS; i++) {
    ck_assert_ptr_eq(arena_of(i)->owner, cache);
    expect_tags(i, true);
  }
  minor = test_collect_minor(test_keep_none, NULL);
  ck_assert_uint_eq(minor.spared_blocks, ALL);
  ck_assert(test_prove());
  verify();
}
END_TEST

int main(void) {
  TCase *tests = test_begin("minor");
  tcase_add_loop_test(tests, what_is_full_stays_black, GL_SCANNED,
                      GL_ATOMIC + 1);
  tcase_add_test(tests, what_was_never_marked_is_not_tenured);
  tcase_add_test(tests, a_full_one_whitens_all);
  tcase_add_test(tests, a_full_one_tells_what_is_left);
  tcase_add_test(tests, uncollectable_is_never_tenured);
  tcase_add_loop_test(tests, what_was_touched_is_white, 0, TOUCHES);
  tcase_add_loop_test(tests, a_quiet_heap_has_no_marks, 0, 2);
  tcase_add_test(tests, what_was_touched_is_tenured_next_time);
  tcase_add_test(tests, a_full_one_frees_what_died_meanwhile);
  tcase_add_test(tests, what_is_sparse_is_not_tenured);
  tcase_add_test(tests, what_is_young_dies);
  tcase_add_test(tests, tenured_arenas_outlive_their_thread);
  return test_end();
}
