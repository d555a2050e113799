/* SPDX-License-Identifier: MIT */
/*
 * suite.c: see suite.h.  It uses the library only when a test does.
 */
#include "suite.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* Seconds until a test is taken for hung: sanitizers and a busy machine. */
#define SUITE_TIMEOUT_S 150
#define SUITE_CAUGHT_BYTES ((size_t)1 << 20)

#if defined __SANITIZE_ADDRESS__
#define SUITE_SANITIZED true
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SUITE_SANITIZED true
#endif
#endif
#ifndef SUITE_SANITIZED
#define SUITE_SANITIZED false
#endif

static struct {
  Suite *suite;
  uint64_t random;
} suite;

TCase *suite_begin(const char *name) {
  const char *text = getenv("GLEANER_SEED");
  suite.random =
      text != NULL ? strtoull(text, NULL, 0) : suite_now_ns() & 0xFFFFFFFF;
  printf("%s: GLEANER_SEED=%llu\n", name, (unsigned long long)suite.random);
  fflush(stdout);
  suite.suite = suite_create(name);
  TCase *tests = tcase_create(name);
  tcase_set_timeout(tests, suite_is_full() ? 0 : SUITE_TIMEOUT_S);
  suite_add_tcase(suite.suite, tests);
  return tests;
}

int suite_end(void) {
  SRunner *runner = srunner_create(suite.suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

size_t suite_opaque(size_t n) {
  volatile size_t m = n;
  return m;
}

bool suite_is_full(void) {
  const char *text = getenv("GLEANER_TEST_FULL");
  return text != NULL && *text != '\0' && strcmp(text, "0") != 0;
}

bool suite_is_sanitized(void) { return SUITE_SANITIZED; }

/* Steele, Lea and Flood's SplitMix64. */
uint64_t suite_random(void) {
  uint64_t z = suite.random += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

size_t suite_below(size_t n) { return (size_t)(suite_random() % n); }

/* --------------------------------------------------------------- allocating */

void *suite_allocate(enum suite_kind kind, size_t size) {
  switch (kind) {
    case SUITE_ATOMIC: return gc_malloc_atomic(size);
    case SUITE_UNCOLLECTABLE: return gc_malloc_uncollectable(size);
    default: return gc_malloc(size);
  }
}

void suite_make_garbage(size_t bytes) {
  for (size_t done = 0; done < bytes; done += 512)
    expect(gc_malloc(512) != NULL);
}

bool suite_is_zero(const void *p, size_t bytes) {
  const char *at = p;
  return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

static uint64_t payload_word(uint64_t id, size_t i) {
  return ((id + 1) * 0x9E3779B97F4A7C15u ^ i * 0xD1342543DE82EF95u) |
         (uint64_t)0xF << 60;
}

void suite_fill(void *p, size_t bytes, uint64_t id) {
  char *at = p;
  for (size_t i = 0; i < bytes; i += sizeof id) {
    uint64_t word = payload_word(id, i);
    size_t left = bytes - i;
    memcpy(at + i, &word, left < sizeof word ? left : sizeof word);
  }
}

bool suite_is_filled(const void *p, size_t bytes, uint64_t id) {
  const char *at = p;
  for (size_t i = 0; i < bytes; i += sizeof id) {
    uint64_t word = payload_word(id, i);
    size_t left = bytes - i;
    if (memcmp(at + i, &word, left < sizeof word ? left : sizeof word) != 0)
      return false;
  }
  return true;
}

struct suite_search {
  const void *start;
  bool found, scanned;
};

static bool suite_compare(const struct gc_walk_item *item, void *data) {
  struct suite_search *search = data;
  if (item->start != search->start || !item->allocated) return true;
  search->found = true;
  search->scanned = item->scanned;
  return false;
}

bool suite_is_scanned(const void *p) {
  struct suite_search search = {.start = p};
  gc_heap_walk(suite_compare, &search);
  expect(search.found);
  return search.scanned;
}

/* ------------------------------------------------------------- from outside */

static int caught = -1; /* the file that standard error goes to */

void suite_catch_errors(void) {
  char name[] = "/tmp/gleaner-XXXXXX";
  caught = mkostemp(name, O_CLOEXEC | O_APPEND);
  expect(caught >= 0);
  unlink(name);
  expect(dup2(caught, STDERR_FILENO) == STDERR_FILENO);
}

const char *suite_caught(void) {
  static char text[SUITE_CAUGHT_BYTES];
  ssize_t n = pread(caught, text, sizeof text - 1, 0);
  expect(n >= 0);
  text[n] = '\0';
  expect(ftruncate(caught, 0) == 0);
  return text;
}

/* The n-th number of /proc/self/statm, in bytes. */
static size_t suite_statm(int n) {
  char text[128], *at = text;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  expect(fd >= 0);
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  expect(length > 0);
  text[length] = '\0';
  size_t pages = 0;
  for (int i = 0; i < n; i++) pages = strtoul(at, &at, 10);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t suite_mapped_bytes(void) { return suite_statm(1); }

struct gc_stats suite_stats(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats;
}

size_t suite_resident_bytes(void) { return suite_statm(2); }

uint64_t suite_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
