/* SPDX-License-Identifier: MIT */
/*
 * common.c: arenas in which nobody works go to the common cache, and from there
 * to whoever needs room.
 */
#include "harness.h"

#define BLOCK ((size_t)512)
#define BLOCKS (GL_ARENA_BYTES / BLOCK)
#define ARENAS 4
#define ALL (ARENAS * BLOCKS)

static struct gl_cache *cache, *other;
static char *block[ALL];

static struct gl_arena *arena_of(size_t i) {
  return gl_arena_of(block[i * BLOCKS]);
}

/* ARENAS arenas of cache, full.  There are processors for all. */
static void fill(void) {
  cache = test_heap();
  other = test_cache();
  gl_heap.processors = 64;
  for (size_t i = 0; i < ALL; i++) {
    block[i] = test_allocate(cache, BLOCK, GL_SCANNED);
    ck_assert_ptr_nonnull(block[i]);
    test_fill(block[i], BLOCK, i);
  }
  for (size_t i = 0; i < ARENAS; i++)
    for (size_t j = 0; j < BLOCKS; j++)
      ck_assert_ptr_eq(gl_arena_of(block[i * BLOCKS + j]), arena_of(i));
}

static bool is_kept(size_t i) { return i % 2 == 0 || i < BLOCKS; }

/* All of the first arena, and every second block of the others. */
static bool keep_half(const struct gl_block *found, void *data) {
  (void)data;
  for (size_t i = 0; i < ALL; i++)
    if (found->start == block[i]) return is_kept(i);
  return false;
}

static void verify(void) {
  for (size_t i = 0; i < ALL; i++)
    if (is_kept(i)) ck_assert(test_is_filled(block[i], BLOCK, i));
  ck_assert(test_prove());
}

static void collect(void) {
  test_collect(keep_half, NULL);
  verify();
}

static void expect_owner(size_t from, size_t to, const struct gl_cache *owner) {
  for (size_t i = from; i < to; i++)
    ck_assert_ptr_eq(arena_of(i)->owner, owner);
}

/* Blocks for all the holes that keep_half leaves, in the arenas that are
   there. */
static void allocate_into_holes(struct gl_cache *by) {
  size_t arenas = gl_heap.arena_count;
  for (size_t i = 0; i < (ARENAS - 1) * BLOCKS / 2; i++) {
    char *p = test_allocate(by, BLOCK, GL_SCANNED);
    ck_assert_ptr_nonnull(p);
    ck_assert(test_is_zero(p, BLOCK));
    memset(p, 0x11, BLOCK);
  }
  ck_assert_uint_eq(gl_heap.arena_count, arenas);
}

/* Those that were opened since the last collection stay for one more; the full
   one stays for good. */
START_TEST(idle_arenas_become_common) {
  fill();
  collect();
  expect_owner(0, ARENAS, cache);
  ck_assert(!gl_common_has(GL_SCANNED));
  collect();
  expect_owner(0, 1, cache);
  expect_owner(1, ARENAS, gl_heap.common);
  ck_assert(gl_common_has(GL_SCANNED) && !gl_common_has(GL_ATOMIC));
  ck_assert_int_eq(gl_cache_live_bytes(cache), BLOCKS * BLOCK);
  allocate_into_holes(other);
  ck_assert(!gl_common_has(GL_SCANNED));
  expect_owner(1, ARENAS, other);
  ck_assert_int_eq(gl_cache_live_bytes(gl_heap.common), 0);
  ck_assert_int_eq(gl_cache_live_bytes(other), (ARENAS - 1) * BLOCKS * BLOCK);
  ck_assert(test_accounts_balance(other));
  verify();
}
END_TEST

START_TEST(what_is_opened_stays) {
  fill();
  for (int round = 0; round < 3; round++) {
    collect();
    allocate_into_holes(cache);
  }
  collect();
  expect_owner(0, ARENAS, cache);
}
END_TEST

/* The same thread may come to need them. */
START_TEST(the_owner_gets_them_back) {
  fill();
  collect();
  collect();
  expect_owner(1, ARENAS, gl_heap.common);
  allocate_into_holes(cache);
  expect_owner(0, ARENAS, cache);
  ck_assert_int_eq(gl_cache_live_bytes(cache), ARENAS * BLOCKS * BLOCK);
  verify();
}
END_TEST

START_TEST(a_crowd_shares_all) {
  fill();
  gl_heap.processors = 1;
  test_cache();
  test_cache();
  collect();
  expect_owner(0, ARENAS, cache); /* four are none */
  test_cache();
  for (size_t i = 0; i < 64; i++)
    ck_assert_ptr_nonnull(test_allocate(cache, BLOCK, GL_SCANNED));
  collect();
  expect_owner(0, 1, cache);
  expect_owner(1, ARENAS, gl_heap.common);
  allocate_into_holes(other);
  verify();
}
END_TEST

/* What the dead leave is there for all; what the last of the living has
   stays. */
START_TEST(arenas_of_the_dead_become_common) {
  fill();
  gl_cache_release(cache);
  collect();
  expect_owner(0, 1, cache);
  expect_owner(1, ARENAS, gl_heap.common);
  allocate_into_holes(other);
  for (int round = 0; round < 3; round++) collect();
  expect_owner(1, ARENAS, other);
}
END_TEST

/* A block that fits nowhere does not bring all of them to one thread. */
START_TEST(one_block_takes_few) {
  fill();
  collect();
  collect();
  size_t arenas = gl_heap.arena_count;
  ck_assert_ptr_nonnull(test_allocate(other, 2 * BLOCK, GL_SCANNED));
  ck_assert_uint_eq(gl_heap.arena_count, arenas + 1);
  ck_assert_uint_eq(gl_heap.common->lane[GL_SCANNED].arena_count, ARENAS - 3);
  ck_assert(test_prove());
}
END_TEST

/* An arena that was full could not be opened. */
START_TEST(what_was_full_is_not_idle) {
  fill();
  test_collect(test_keep_all, NULL);
  test_collect(test_keep_all, NULL);
  collect();
  expect_owner(0, ARENAS, cache);
  collect();
  expect_owner(1, ARENAS, gl_heap.common);
}
END_TEST

/* The common cache is no thread's, whoever asks for one. */
START_TEST(nobody_gets_the_common_cache) {
  fill();
  collect();
  collect();
  gl_heap_lock(NULL);
  struct gl_cache *third = gl_cache_acquire(block[BLOCKS]);
  gl_heap_unlock();
  ck_assert_ptr_ne(third, gl_heap.common);
  gl_cache_release(third);
  gl_heap_lock(NULL);
  ck_assert_ptr_eq(gl_cache_acquire(block[BLOCKS]), third);
  gl_heap_unlock();
  ck_assert(!gl_heap.common->in_use);
}
END_TEST

/* A block that is freed there is on its way to the common cache. */
START_TEST(blocks_are_freed_in_common_arenas) {
  fill();
  collect();
  collect();
  for (size_t i = BLOCKS; i < ALL; i += 2)
    ck_assert_int_eq(test_free(other, block[i]), GL_FAULT_NONE);
  gl_cache_flush_outbox(other);
  ck_assert(gl_cache_has_mail(gl_heap.common));
  ck_assert_int_eq(test_free(other, block[BLOCKS]), GL_FAULT_TWICE);
  /* Who takes an arena from there finds it as it is now: empty. */
  for (size_t i = 0; i < BLOCKS; i++)
    ck_assert_ptr_nonnull(test_allocate(other, BLOCK, GL_SCANNED));
  ck_assert(!gl_cache_has_mail(gl_heap.common));
  ck_assert_ptr_eq(arena_of(1)->owner, other);
  ck_assert_uint_eq(gl_heap.common->lane[GL_SCANNED].arena_count, ARENAS - 2);
  for (size_t i = 2 * BLOCKS; i < ALL; i++)
    ck_assert(!gl_tags_is_block(gl_heap.tags, gl_granule_of(block[i])));
  gl_heap_lock(NULL);
  gl_cache_trim_orphans(true);
  gl_heap_unlock();
  ck_assert(!gl_common_has(GL_SCANNED)); /* empty, and so no arenas any more */
  ck_assert(test_prove());
  test_collect(test_keep_none, NULL);
  ck_assert_uint_eq(gl_heap.arena_count, 0);
  ck_assert(test_prove());
}
END_TEST

static bool keep_every_third(const struct gl_block *found, void *data) {
  size_t *number = data;
  (void)found;
  return (*number)++ % 3 == 0;
}

/* Medium blocks too, which have lanes of their own. */
START_TEST(medium_blocks_go_to_common_arenas) {
  cache = test_heap();
  other = test_cache();
  gl_heap.processors = 64;
  size_t size = GL_MEDIUM_MAX_BYTES / 2, number = 0;
  for (size_t i = 0; i < 20 * GL_ARENA_BYTES / size; i++)
    ck_assert_ptr_nonnull(test_allocate(cache, size, GL_ATOMIC));
  ck_assert_uint_gt(cache->lane[GL_ATOMIC + GL_KIND_COUNT].arena_count, 0);
  test_collect(keep_every_third, &number);
  test_collect(test_keep_all, NULL);
  size_t arenas = gl_heap.arena_count;
  ck_assert(gl_common_has(GL_ATOMIC));
  for (size_t i = 0; i < 10 * GL_ARENA_BYTES / size; i++)
    ck_assert_ptr_nonnull(test_allocate(other, size, GL_ATOMIC));
  ck_assert_uint_le(gl_heap.arena_count, arenas);
  ck_assert(test_accounts_balance(other) && test_prove());
}
END_TEST

/* One block of each of cache's arenas, and half of the others. */
static bool keep_few(const struct gl_block *found, void *data) {
  (void)data;
  if (gl_arena_of(found->start)->owner == other)
    return (uintptr_t)found->start / BLOCK % 2 == 0;
  for (size_t i = 0; i < ARENAS; i++)
    if (found->start == block[i * BLOCKS]) return true;
  return false;
}

static size_t count_clean(size_t i) {
  size_t page = gl_page_of(gl_arena_start(arena_of(i))), clean = 0;
  for (size_t j = 0; j < GL_ARENA_PAGES; j++)
    clean += gl_heap.dirty[page + j] == 0;
  return clean;
}

/* Pages of those that nobody wants go back after the grace period, as arenas
   are opened. */
START_TEST(pages_of_common_arenas_go_back) {
  fill();
  for (size_t i = 0; i < 2 * BLOCKS; i++)
    ck_assert_ptr_nonnull(test_allocate(other, BLOCK, GL_SCANNED));
  test_collect(keep_few, NULL);
  ck_assert_ptr_nonnull(test_allocate(other, BLOCK, GL_SCANNED));
  test_collect(keep_few, NULL);
  expect_owner(0, ARENAS, gl_heap.common);
  ck_assert(!gl_common_is_idle());
  gl_heap.runs.tick = (uint8_t)(gl_heap.runs.tick + GL_GRACE_TICKS);
  test_collect(keep_few, NULL);
  ck_assert(gl_common_is_idle() && count_clean(0) == 0);
  ck_assert_ptr_nonnull(test_allocate(other, BLOCK, GL_ATOMIC));
  for (size_t i = 0; i < ARENAS; i++)
    ck_assert_uint_ge(count_clean(i), GL_ARENA_PAGES - 1);
  for (size_t i = 0; i < ARENAS; i++)
    ck_assert(test_is_filled(block[i * BLOCKS], BLOCK, i * BLOCKS));
  ck_assert(test_prove());
}
END_TEST

int main(void) {
  TCase *tests = test_begin("common");
  tcase_add_test(tests, idle_arenas_become_common);
  tcase_add_test(tests, what_is_opened_stays);
  tcase_add_test(tests, the_owner_gets_them_back);
  tcase_add_test(tests, a_crowd_shares_all);
  tcase_add_test(tests, arenas_of_the_dead_become_common);
  tcase_add_test(tests, one_block_takes_few);
  tcase_add_test(tests, what_was_full_is_not_idle);
  tcase_add_test(tests, nobody_gets_the_common_cache);
  tcase_add_test(tests, blocks_are_freed_in_common_arenas);
  tcase_add_test(tests, medium_blocks_go_to_common_arenas);
  tcase_add_test(tests, pages_of_common_arenas_go_back);
  return test_end();
}
