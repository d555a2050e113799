/* SPDX-License-Identifier: MIT */
/*
 * mark.c: tests of a marker's stack: a long entry that is cut in half for
 * another marker is there to the last granule, once.
 */
#include "../../gc/mark.h"
#include "harness.h"

static struct gl_cache *cache;
static uint8_t *seen; /* how often each granule of the block is in an entry */

static void begin(void) {
  cache = test_heap();
  expect(gl_mark_init());
  gl_heap_lock(NULL);
  gl_mark_begin();
  gl_heap_unlock();
}

static gl_mark_entry entry_of(uintptr_t block, size_t granules) {
  return gl_mark_entry_of(
      block, granules < GL_MARK_COUNT_MAX ? granules : GL_MARK_COUNT_MAX);
}

/* Granules of an entry of a block, counted into what was seen; the largest
   count is all that is left. */
static size_t see(gl_mark_entry entry, uintptr_t block, size_t granules) {
  size_t from = (gl_mark_entry_address(entry) - block) / GL_GRANULE_BYTES;
  size_t count = gl_mark_entry_granules(entry);
  if (count == GL_MARK_COUNT_MAX) count = granules - from;
  expect(count > 0 && from + count <= granules);
  for (size_t i = 0; i < count; i++) seen[from + i]++;
  return count;
}

static void cut_and_see(size_t size) {
  struct gl_marker *m = &gl_marker_main;
  uintptr_t block = (uintptr_t)test_allocate(cache, size, GL_SCANNED);
  expect(block != 0);
  size_t granules = test_usable((void *)block) / GL_GRANULE_BYTES;
  seen = calloc(granules, 1);
  expect(seen != NULL);
  m->bottom = m->depth = 0;
  gl_marker_push(m, entry_of(block, granules));
  expect(gl_marker_can_split(m));
  size_t given = see(gl_marker_split(m), block, granules), kept = 0;
  for (size_t i = m->bottom; i < m->depth; i++)
    kept += see(m->stack[i], block, granules);
  expect(given + kept == granules);
  expect(given - kept <= 1);
  for (size_t i = 0; i < granules; i++) expect(seen[i] == 1);
  /* The lowest is scanned first. */
  expect(gl_mark_entry_address(m->stack[m->depth - 1]) == block);
  m->bottom = m->depth = 0;
  free(seen);
}

START_TEST(long_entries_are_cut_in_half) {
  const size_t range = GL_MARK_COUNT_MAX * GL_GRANULE_BYTES;
  begin();
  cut_and_see(GL_ARENA_BYTES / 2);
  for (size_t i = 1; i < 9; i++)
    for (size_t more = 0; more < 5; more++)
      cut_and_see(i * range + more * GL_PAGE_BYTES - 2 * GL_PAGE_BYTES);
  for (int i = 0; i < 20; i++) cut_and_see(range + test_below(20 * range));
}
END_TEST

/* Short ones are not: another marker would have nothing of it. */
START_TEST(short_entries_are_left_whole) {
  struct gl_marker *m = &gl_marker_main;
  begin();
  void *block = test_allocate(cache, 1000, GL_SCANNED);
  expect(block != NULL);
  m->bottom = m->depth = 0;
  gl_marker_push(m, entry_of((uintptr_t)block, 63));
  expect(!gl_marker_can_split(m));
  m->depth = 0;
}
END_TEST

int main(void) {
  TCase *tests = test_begin("mark");
  tcase_add_test(tests, long_entries_are_cut_in_half);
  tcase_add_test(tests, short_entries_are_left_whole);
  return test_end();
}
