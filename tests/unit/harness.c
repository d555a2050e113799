/* SPDX-License-Identifier: MIT */
/*
 * harness.c: see harness.h.  It knows the heap from the inside and trusts none
 * of it.
 */
#include "harness.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Seconds until a test is taken for hung: sanitizers and a busy machine. */
#define TEST_TIMEOUT_S 120

static struct {
  Suite *suite;
  uint64_t random;
} test;

/* -------------------------------------------------------------- the frame */

TCase *test_begin(const char *name) {
  const char *text = getenv("GLEANER_SEED");
  test.random = text != NULL ? strtoull(text, NULL, 0) : gl_os_random() >> 32;
  printf("%s: GLEANER_SEED=%llu\n", name, (unsigned long long)test.random);
  fflush(stdout);
  test.suite = suite_create(name);
  TCase *tests = tcase_create(name);
  tcase_set_timeout(tests, TEST_TIMEOUT_S);
  suite_add_tcase(test.suite, tests);
  return tests;
}

int test_end(void) {
  SRunner *runner = srunner_create(test.suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --------------------------------------------------------- random numbers */

/* Steele, Lea and Flood's SplitMix64. */
uint64_t test_random(void) {
  uint64_t z = test.random += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

size_t test_below(size_t n) { return (size_t)(test_random() % n); }

bool test_one_in(size_t n) { return test_below(n) == 0; }

static size_t test_edge(void) {
  static const size_t edges[] = {16,
                                 GL_EXACT_CLASSES * GL_GRANULE_BYTES,
                                 GL_PAGE_BYTES,
                                 GL_MEDIUM_MAX_BYTES / 2,
                                 GL_MEDIUM_MAX_BYTES,
                                 GL_ARENA_BYTES,
                                 2 * GL_ARENA_BYTES};
  size_t edge = edges[test_below(sizeof edges / sizeof edges[0])];
  return edge - 17 + test_below(35);
}

size_t test_size(size_t most) {
  size_t size = 0;
  switch (test_below(16)) {
    case 0: size = test_edge(); break;
    case 1: size = test_below(GL_MEDIUM_MAX_BYTES); break;
    case 2: size = test_below(test_one_in(8) ? most + 1 : 4096); break;
    case 3:
    case 4:
    case 5: size = test_below(1100); break;
    case 6: size = test_below(17); break;
    default: size = test_below(160);
  }
  return size <= most ? size : test_below(most + 1);
}

/* ---------------------------------------------------------------- the heap */

struct gl_cache *test_cache(void) {
  gl_heap_lock(NULL);
  struct gl_cache *cache = gl_cache_acquire(NULL);
  gl_heap_unlock();
  ck_assert_ptr_nonnull(cache);
  return cache;
}

struct gl_cache *test_heap(void) {
  ck_assert(gl_heap_init());
  return test_cache();
}

void *test_allocate(struct gl_cache *cache, size_t size, enum gl_kind kind) {
  enum gl_want want;
  void *p = gl_cache_allocate(cache, size, kind);
  return p != NULL ? p : gl_heap_allocate(cache, size, kind, &want);
}

enum gl_fault test_free(struct gl_cache *cache, void *p) {
  return gl_cache_free(cache, p) ? GL_FAULT_NONE : gl_heap_free(cache, p);
}

size_t test_usable(const void *p) {
  struct gl_block block;
  expect(gl_heap_find_exact(p, &block) == GL_FAULT_NONE);
  return block.size;
}

uint64_t test_freed_bytes(const struct gl_cache *cache) {
  return gl_cache_freed_bytes(cache) + cache->withdrawn_bytes;
}

bool test_prove(void) {
  gl_heap_lock(NULL);
  bool proven = gl_heap_prove();
  gl_heap_unlock();
  return proven;
}

bool test_accounts_balance(const struct gl_cache *cache) {
  uint64_t ready = 0;
  for (int kind = 0; kind < GL_KIND_COUNT; kind++)
    ready +=
        (uint64_t)(cache->lane[kind].accounted - cache->lane[kind].hole.limit);
  return cache->charged_bytes == cache->allocated_bytes + ready;
}

/* ------------------------------------------------------------- collections */

struct marker {
  test_keep *keep;
  void *data;
  uint32_t *live;
  struct test_minor minor;
};

/* Whether it stays without being asked about; and so is black, as nothing else
   is. */
static bool marker_spares(struct marker *marker, const struct gl_block *item) {
  bool black = gl_tags_is_marked(gl_heap.tags, gl_granule_of(item->start));
  bool tenured = !item->large && gl_arena_of(item->start)->tenured;
  expect(black == (gl_heap.minor && tenured));
  if (!black) return false;
  marker->minor.spared_blocks++;
  marker->minor.spared_bytes += item->size;
  return true;
}

static bool marker_visit(const struct gl_block *item, bool allocated,
                         void *data) {
  struct marker *marker = data;
  if (!allocated || marker_spares(marker, item)) return true;
  if (!marker->keep(item, marker->data)) return true;
  size_t granule = gl_granule_of(item->start);
  gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
  if (!item->large)
    marker->live[gl_arena_index(gl_arena_of(item->start))] +=
        (uint32_t)(item->size >> GL_GRANULE_SHIFT);
  return true;
}

static struct test_minor collect(bool minor, test_keep *keep, void *data) {
  gl_heap_lock(NULL);
  size_t atomic;
  size_t arenas = (gl_heap.extent_bytes >> GL_ARENA_SHIFT) + 1;
  struct marker marker = {keep, data, calloc(arenas, sizeof(uint32_t)), {0}};
  ck_assert_ptr_nonnull(marker.live);
  marker.minor.tenured_bytes = gl_heap_tenure(GL_ARENA_GRANULES);
  gl_heap_prepare_mark(minor);
  gl_heap_visit(marker_visit, &marker);
  marker.minor.live_bytes =
      gl_heap_begin_sweep(marker.live, &marker.minor.still_bytes);
  gl_heap_sweep_large(&atomic);
  gl_heap_unlock();
  free(marker.live);
  return marker.minor;
}

void test_collect(test_keep *keep, void *data) { collect(false, keep, data); }

struct test_minor test_collect_minor(test_keep *keep, void *data) {
  return collect(true, keep, data);
}

bool test_keep_all(const struct gl_block *block, void *data) {
  (void)block;
  (void)data;
  return true;
}

bool test_keep_none(const struct gl_block *block, void *data) {
  (void)block;
  (void)data;
  return false;
}

/* ---------------------------------------------------------------- payloads */

static uint64_t payload_word(uint64_t id, size_t i) {
  return (id + 1) * 0x9E3779B97F4A7C15u ^ i * 0xD1342543DE82EF95u;
}

void test_fill(void *p, size_t bytes, uint64_t id) {
  char *at = p;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t word = payload_word(id, i);
    memcpy(at + i, &word, sizeof word);
  }
  uint64_t word = payload_word(id, i);
  memcpy(at + i, &word, bytes - i);
}

bool test_is_filled(const void *p, size_t bytes, uint64_t id) {
  const char *at = p;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    uint64_t word = payload_word(id, i);
    if (memcmp(at + i, &word, sizeof word) != 0) return false;
  }
  uint64_t word = payload_word(id, i);
  return memcmp(at + i, &word, bytes - i) == 0;
}

bool test_is_zero(const void *p, size_t bytes) {
  const char *at = p;
  return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}
