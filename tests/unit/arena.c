/* SPDX-License-Identifier: MIT */
/* arena.c: tests of alloc/arena: created, swept, opened run by run, given
   back. */
#include "harness.h"

#include <sys/mman.h>

static struct gl_cache *cache;
static struct gl_arena *arena;
static size_t first, end;

static struct gl_arena *create(enum gl_kind kind) {
  gl_heap_lock(NULL);
  struct gl_arena *created = gl_arena_create(cache, &cache->lane[kind]);
  gl_heap_unlock();
  return created;
}

static void arena_begin(void) {
  cache = test_heap();
  arena = create(GL_SCANNED);
  ck_assert_ptr_nonnull(arena);
  first = gl_arena_first_granule(arena);
  end = gl_arena_end(arena);
}

static void destroy(struct gl_arena *which) {
  struct gl_lane *lane = &cache->lane[which->kind];
  ck_assert_ptr_eq(lane->first, which);
  lane->first = which->next;
  if (lane->last == which) lane->last = NULL;
  lane->arena_count--;
  gl_heap_lock(NULL);
  gl_arena_destroy(which);
  gl_heap_unlock();
}

START_TEST(fresh_arena_is_one_clean_free_run) {
  arena_begin();
  ck_assert_uint_eq((uintptr_t)gl_arena_start(arena) % GL_ARENA_BYTES, 0);
  ck_assert(gl_tags_is_free(gl_heap.tags, first));
  ck_assert_uint_eq(gl_tags_next(gl_heap.tags, first + 1, end), end);
  ck_assert(gl_arena_is_empty(arena));
  ck_assert_uint_eq(arena->clean_from, 0);
  ck_assert_uint_eq(arena->clean_to, GL_ARENA_BYTES);
  ck_assert_uint_eq(arena->free_granules, GL_ARENA_GRANULES);
  ck_assert_ptr_eq(arena->owner, cache);
  ck_assert_ptr_eq(gl_arena_of(gl_arena_start(arena) + GL_ARENA_BYTES - 1),
                   arena);
  ck_assert(test_prove());
}
END_TEST

START_TEST(kinds_have_slots) {
  arena_begin();
  for (int kind = 0; kind < GL_KIND_COUNT; kind++) {
    struct gl_arena *made = create((enum gl_kind)kind);
    ck_assert_int_eq(gl_heap.slots[gl_arena_index(made)], 1 + kind);
  }
  size_t index = gl_arena_index(arena);
  cache->lane[GL_SCANNED].last = NULL;
  gl_heap_lock(NULL);
  gl_arena_destroy(arena);
  gl_heap_unlock();
  ck_assert_int_eq(gl_heap.slots[index], GL_SLOT_RUNS);
}
END_TEST

/* Black, white and free, written at random and swept. */
START_TEST(sweep_is_done_once) {
  arena_begin();
  gl_tags_set_block(gl_heap.tags, first);     /* white: dies */
  gl_tags_set_block(gl_heap.tags, first + 4); /* black: lives */
  gl_tags_line(gl_heap.tags, first + 4)->mark |= gl_tags_bit(first + 4);
  gl_tags_set_free(gl_heap.tags, first + 9);
  arena->swept = false;
  gl_arena_sweep(arena);
  ck_assert(arena->swept);
  for (int again = 0; again < 2; again++) {
    ck_assert(gl_tags_is_free(gl_heap.tags, first));
    ck_assert(gl_tags_is_block(gl_heap.tags, first + 4));
    ck_assert(!gl_tags_is_marked(gl_heap.tags, first + 4));
    ck_assert(gl_tags_is_free(gl_heap.tags, first + 9));
    gl_arena_sweep(arena); /* must not kill the white one */
  }
}
END_TEST

/* The runs of an arena are the gaps between its blocks, whatever stale heads
   lie in them; going through them erases those. */
START_TEST(next_run_coalesces) {
  static uint8_t oracle[GL_ARENA_GRANULES]; /* 1: head of block, 2: inside */
  arena_begin();
  for (int round = 0; round < 200; round++) {
    size_t density = 1 + test_below(40);
    gl_tags_clear_lines(gl_heap.tags, first / 64, GL_ARENA_LINES);
    for (size_t i = 0, length; i < GL_ARENA_GRANULES; i += length) {
      length = 1 + test_below(test_one_in(10) ? 400 : 12);
      if (length > GL_ARENA_GRANULES - i) length = GL_ARENA_GRANULES - i;
      bool block = test_below(density) < density / 2;
      memset(oracle + i, block ? 2 : 0, length);
      oracle[i] = block;
      if (block)
        gl_tags_set_block(gl_heap.tags, first + i);
      else
        gl_tags_set_free(gl_heap.tags, first + i);
    }
    size_t at = first, run_end = 0;
    for (size_t i = 0; i < GL_ARENA_GRANULES;) {
      if (oracle[i] != 0) {
        i++;
        continue;
      }
      size_t to = i;
      while (to < GL_ARENA_GRANULES && oracle[to] == 0) to++;
      ck_assert_uint_eq(gl_tags_next_run(gl_heap.tags, at, end, &run_end),
                        first + i);
      ck_assert_uint_eq(run_end, first + to);
      ck_assert_uint_eq(gl_tags_next(gl_heap.tags, first + i + 1, end),
                        first + to);
      at = run_end;
      i = to;
    }
    ck_assert_uint_eq(gl_tags_next_run(gl_heap.tags, at, end, &run_end), end);
  }
}
END_TEST

/* In a collected heap no block begins where the arena does. */
START_TEST(first_granule_is_left_out) {
  arena_begin();
  ck_assert_uint_eq(gl_arena_first_cursor(arena), first);
  gl_heap_pad_blocks();
  for (int again = 0; again < 2; again++) {
    ck_assert_uint_eq(gl_arena_first_cursor(arena), first + 1);
    ck_assert(gl_tags_is_free(gl_heap.tags, first + 1));
  }
  gl_tags_set_block(gl_heap.tags, first + 1); /* a run of one granule */
  ck_assert_uint_eq(gl_arena_first_cursor(arena), first + 1);
  ck_assert(gl_tags_is_block(gl_heap.tags, first + 1));
  gl_tags_set_block(gl_heap.tags, first); /* from before the first collection */
  ck_assert_uint_eq(gl_arena_first_cursor(arena), first);
  gl_tags_clear_lines(gl_heap.tags, first / 64, GL_ARENA_LINES);
  gl_tags_set_free(gl_heap.tags, first);
  for (size_t size = 1; size <= GL_ARENA_BYTES / 16; size *= 2) {
    const char *p = test_allocate(cache, size, GL_SCANNED);
    ck_assert_uint_ne((uintptr_t)p % GL_ARENA_BYTES, 0);
  }
  ck_assert(test_prove());
}
END_TEST

/* Pages that were never written come back clean, the others dirty. */
START_TEST(destroy_knows_what_was_written) {
  arena_begin();
  char *start = gl_arena_start(arena);
  size_t page = gl_page_of(start);
  memset(start, 0xff, GL_PAGE_BYTES + 1);
  gl_arena_soil(arena, start, start + GL_PAGE_BYTES + 1);
  gl_arena_soil(arena, start, start + 16); /* is so already */
  destroy(arena);
  ck_assert_uint_eq(gl_heap.runs.dirty_pages, 2);
  ck_assert_int_ne(gl_heap.dirty[page + 1], 0);
  ck_assert_int_eq(gl_heap.dirty[page + 2], 0);
  ck_assert(test_prove());
  /* Made anew from the same pages, it starts with as much dirt. */
  arena = create(GL_ATOMIC);
  ck_assert_uint_eq(arena->clean_from, 2 * GL_PAGE_BYTES);
  ck_assert_uint_eq(arena->clean_to, GL_ARENA_BYTES);
}
END_TEST

/* Pages that are about to be written have their memory in one go, those below
   them first; they are clean, but to be given back like any that were
   written. */
START_TEST(pages_about_to_be_written_have_memory) {
  unsigned char resident[GL_ARENA_PAGES];
  const size_t some = 4, last = GL_ARENA_PAGES - 1;
  arena_begin();
  char *start = gl_arena_start(arena), *limit = start + GL_ARENA_BYTES;
  char *probe = gl_os_map(GL_PAGE_BYTES);
  bool can = gl_os_populate(probe, GL_PAGE_BYTES);
  arena->populate_pages = (uint8_t)some;
  gl_arena_zero(arena, limit - 16, limit);
  ck_assert_int_eq(mincore(start, GL_ARENA_BYTES, resident), 0);
  for (size_t i = 0; i < last; i++)
    ck_assert_int_eq(resident[i] & 1, can && i + some > last);
  ck_assert_uint_eq(arena->clean_from, 0);
  ck_assert_uint_eq(arena->clean_to, GL_ARENA_BYTES - 16);
  destroy(arena);
  ck_assert_uint_eq(gl_heap.runs.dirty_pages, some);
  ck_assert(test_prove());
}
END_TEST

/* How many is a part of the heap and of the lane, and none in a lane for medium
   blocks: a thread that allocates little has little. */
START_TEST(memory_comes_ahead_where_a_lane_has_much) {
  arena_begin();
  ck_assert_uint_eq(arena->populate_pages, 0);
  for (int i = 0; i < 40; i++) arena = create(GL_SCANNED);
  ck_assert_uint_ge(arena->populate_pages, 2);
  ck_assert_uint_eq(create(GL_ATOMIC)->populate_pages, 0);
  gl_heap_lock(NULL);
  struct gl_lane *medium = &cache->lane[GL_SCANNED + GL_KIND_COUNT];
  for (int i = 0; i < 40; i++) arena = gl_arena_create(cache, medium);
  gl_heap_unlock();
  ck_assert_uint_eq(arena->populate_pages, 0);
}
END_TEST

/* One range is known to be clean; what is written at random leaves it so, and
   zeroing at random makes zero whatever is not. */
START_TEST(clean_is_what_was_never_written) {
  arena_begin();
  char *start = gl_arena_start(arena);
  for (int i = 0; i < 2000; i++) {
    size_t from = test_below(GL_ARENA_BYTES / 16) * 16;
    size_t length = test_below(test_one_in(8) ? 20000 : 300);
    if (test_one_in(3)) from = arena->clean_from + test_below(64) * 16;
    if (test_one_in(3)) from = arena->clean_to - test_below(64) * 16;
    if (from > GL_ARENA_BYTES) from = 0;
    if (length > GL_ARENA_BYTES - from) length = GL_ARENA_BYTES - from;
    if (test_one_in(2)) {
      gl_arena_soil(arena, start + from, start + from + length);
    } else {
      gl_arena_zero(arena, start + from, start + from + length);
      expect(test_is_zero(start + from, length));
    }
    memset(start + from, 0xcc, length);
    expect(arena->clean_to <= GL_ARENA_BYTES);
    if (arena->clean_from < arena->clean_to)
      expect(test_is_zero(start + arena->clean_from,
                          arena->clean_to - arena->clean_from));
    if (i % 40 != 39) continue;
    memset(start, 0, GL_ARENA_BYTES);
    arena->clean_from = 0;
    arena->clean_to = (uint32_t)GL_ARENA_BYTES;
  }
}
END_TEST

START_TEST(destroy_takes_all_tags_along) {
  arena_begin();
  for (size_t i = 0; i < GL_ARENA_GRANULES; i += 3)
    gl_tags_set_free(gl_heap.tags, first + i);
  destroy(arena);
  ck_assert_uint_eq(gl_tags_next(gl_heap.tags, first, end), end);
  ck_assert_uint_eq(gl_heap.arena_count, 0);
  ck_assert_uint_eq(gl_heap.runs.used_pages, 0);
}
END_TEST

START_TEST(check_sees_what_is_wrong) {
  arena_begin();
  ck_assert(gl_arena_check(arena));
  gl_tags_clear(gl_heap.tags, first);
  ck_assert(!gl_arena_check(arena));
  gl_tags_set_block(gl_heap.tags, first);
  ck_assert(gl_arena_check(arena));
  gl_tags_line(gl_heap.tags, first)->mark |= gl_tags_bit(first);
  ck_assert(!gl_arena_check(arena)); /* black, and swept */
}
END_TEST

int main(void) {
  TCase *tests = test_begin("arena");
  tcase_add_test(tests, fresh_arena_is_one_clean_free_run);
  tcase_add_test(tests, kinds_have_slots);
  tcase_add_test(tests, sweep_is_done_once);
  tcase_add_test(tests, next_run_coalesces);
  tcase_add_test(tests, first_granule_is_left_out);
  tcase_add_test(tests, destroy_knows_what_was_written);
  tcase_add_test(tests, pages_about_to_be_written_have_memory);
  tcase_add_test(tests, memory_comes_ahead_where_a_lane_has_much);
  tcase_add_test(tests, clean_is_what_was_never_written);
  tcase_add_test(tests, destroy_takes_all_tags_along);
  tcase_add_test(tests, check_sees_what_is_wrong);
  return test_end();
}
