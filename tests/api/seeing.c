/* SPDX-License-Identifier: MIT */
/*
 * seeing.c: what the library tells of itself: statistics, their JSON, the walk
 * over the heap, the log, and what the environment can ask for.
 */
#include "suite.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* Bytes of two arenas. */
#define TWO_ARENAS ((size_t)(GL_TORTURE ? 64 : 512) << 10)

static void *volatile held;

/* A list that lives, and garbage. */
static void work(size_t live_bytes, size_t garbage_bytes) {
  for (size_t done = 0; done < live_bytes; done += 64) {
    void **p = gc_malloc(63);
    expect(p != NULL);
    *p = held;
    held = p;
  }
  for (size_t done = 0; done < garbage_bytes; done += 128)
    expect(gc_malloc(127) != NULL);
}

/* --------------------------------------------------------------- statistics */

START_TEST(stats_count_bytes) {
  gc_disable();
  struct gc_stats before = suite_stats();
  void *p[100];
  for (int i = 0; i < 100; i++) p[i] = gc_malloc(1000);
  void *large = gc_malloc(MIB - 1);
  struct gc_stats after = suite_stats();
  ck_assert_uint_eq(after.allocated_bytes - before.allocated_bytes,
                    100 * 1008 + MIB);
  ck_assert_uint_eq(after.freed_bytes, before.freed_bytes);
  for (int i = 0; i < 100; i++) gc_free(p[i]);
  gc_free(large);
  ck_assert_uint_eq(suite_stats().freed_bytes - before.freed_bytes,
                    100 * 1008 + MIB);
  ck_assert_uint_eq(suite_stats().allocated_bytes, after.allocated_bytes);
}
END_TEST

static void check_plausible(const struct gc_stats *s, size_t live) {
  ck_assert_uint_ge(s->live_bytes, live);
  ck_assert_uint_le(s->live_bytes, live + MIB);
  ck_assert_uint_ge(s->heap_bytes, s->live_bytes);
  ck_assert_uint_ge(s->peak_heap_bytes, s->heap_bytes);
  ck_assert_uint_gt(s->metadata_bytes, 0);
  ck_assert_uint_gt(s->reserved_bytes, s->peak_heap_bytes);
  ck_assert_uint_ge(s->pause_total_ns, s->pause_max_ns);
  ck_assert_uint_ge(s->pause_max_ns, s->pause_last_ns);
  ck_assert_uint_gt(s->pause_last_ns, 0);
  ck_assert_uint_gt(s->pause_last_ns, s->stop_last_ns);
  ck_assert_uint_gt(s->stop_last_ns, 0);
  ck_assert_uint_ge(s->pause_total_ns, s->mark_total_ns);
  ck_assert_uint_gt(s->mark_total_ns, 0);
  ck_assert_uint_gt(s->root_bytes, 0);
  ck_assert_uint_ge(s->marked_objects, live / 64);
  ck_assert_uint_le(s->marked_objects, live / 64 + 20000);
}

START_TEST(stats_are_plausible) {
  ck_assert_uint_eq(suite_stats().collections, 0);
  work(4 * MIB, 100 * MIB);
  uint64_t allocated = suite_stats().allocated_bytes;
  ck_assert_uint_ge(allocated, 104 * MIB);
  ck_assert_uint_le(allocated, 118 * MIB); /* padding: an eighth at most */
  uint64_t collections = suite_stats().collections;
  ck_assert_uint_gt(collections, 2);
  gc_collect();
  struct gc_stats s = suite_stats();
  ck_assert_uint_eq(s.collections, collections + 1);
  check_plausible(&s, 4 * MIB);
  ck_assert_uint_le(s.peak_heap_bytes, 32 * MIB);
  ck_assert_uint_gt(s.next_gc_bytes, 0);
  ck_assert_uint_le(s.next_gc_bytes, 16 * MIB);
}
END_TEST

/* A reader of the one form of JSON there is: an object of whole numbers. */
static size_t parse_json(const char *text, size_t fields,
                         const uint64_t *numbers) {
  size_t count = 0;
  expect(*text++ == '{');
  do {
    expect(*text++ == '"');
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    expect(length > 0);
    text += length;
    expect(strncmp(text, "\": ", 3) == 0);
    expect(text[3] >= '0' && text[3] <= '9');
    char *end;
    uint64_t number = strtoull(text + 3, &end, 10);
    if (numbers != NULL && count < fields) expect(number == numbers[count]);
    text = end;
    count++;
  } while (strncmp(text, ", ", 2) == 0 && (text += 2) != NULL);
  expect(*text == '}');
  expect(text[1] == '\0' || text[1] == '\n');
  return count;
}

#define FIELDS (sizeof(struct gc_stats) / sizeof(uint64_t))

START_TEST(stats_as_json) {
  char text[4096], cut[4096];
  uint64_t numbers[FIELDS];
  work(MIB, 10 * MIB);
  struct gc_stats s = suite_stats();
  memcpy(numbers, &s, sizeof s);
  size_t length = gc_stats_json(text, sizeof text);
  ck_assert_uint_lt(length, sizeof text);
  ck_assert_uint_eq(strlen(text), length);
  ck_assert_uint_eq(parse_json(text, FIELDS, numbers), FIELDS);
  ck_assert(strstr(text, "\"allocated_bytes\": ") != NULL);
  ck_assert(strstr(text, "\"marked_objects\": ") != NULL);
  for (size_t size = 0; size < length + 3; size++) {
    memset(cut, 'x', sizeof cut);
    expect(gc_stats_json(cut, size) == length);
    expect(cut[size] == 'x');
    if (size == 0) continue;
    size_t kept = size <= length ? size - 1 : length;
    expect(memcmp(cut, text, kept) == 0 && cut[kept] == '\0');
  }
  ck_assert_uint_eq(gc_stats_json(NULL, 0), length);
}
END_TEST

/* --------------------------------------------------------------------- walk */

struct tiles {
  const char *end; /* of the item before */
  size_t allocated, items, gaps;
  size_t sentinel[3]; /* seen, by kind */
  const void *wanted[3];
  bool stop;
};

static bool lay_tile(const struct gc_walk_item *item, void *data) {
  struct tiles *tiles = data;
  const char *start = item->start;
  if (start < tiles->end || item->size == 0) abort();
  tiles->gaps += tiles->end != NULL && start != tiles->end;
  tiles->end = start + item->size;
  tiles->items++;
  if (item->allocated) tiles->allocated += item->size;
  for (int i = 0; i < 3; i++)
    if (item->allocated && start == tiles->wanted[i])
      tiles->sentinel[i] += item->scanned == (i != SUITE_ATOMIC) &&
                            item->large == (i == SUITE_UNCOLLECTABLE);
  return !tiles->stop;
}

/* Block follows run and run block, without gap or overlap, and the allocated
   ones add up to what has not been freed. */
START_TEST(walk_tiles_the_heap) {
  static void *p[4000];
  gc_disable();
  for (size_t i = 0; i < 4000; i++)
    p[i] = suite_allocate((enum suite_kind)(i % SUITE_KINDS),
                          suite_below(i % 40 == 0 ? 200000 : 300));
  for (size_t i = 0; i < 4000; i += 2) gc_free(p[i]);
  struct tiles tiles = {.wanted = {gc_malloc(100), gc_malloc_atomic(2000),
                                   gc_malloc_uncollectable(MIB)}};
  gc_heap_walk(lay_tile, &tiles);
  struct gc_stats s = suite_stats();
  ck_assert_uint_eq(tiles.allocated, s.allocated_bytes - s.freed_bytes);
  ck_assert_uint_eq(tiles.gaps, 0);
  ck_assert_uint_gt(tiles.items, 2000);
  for (int i = 0; i < 3; i++) ck_assert_uint_eq(tiles.sentinel[i], 1);
  struct tiles one = {.stop = true};
  gc_heap_walk(lay_tile, &one);
  ck_assert_uint_eq(one.items, 1);
  ck_assert(gc_heap_check());
}
END_TEST

/* -------------------------------------------------------------- giving back */

static void fill_and_drop(void *data) {
  (void)data;
  work(150 * MIB, 0);
  held = NULL;
}

START_TEST(trim_gives_memory_back) {
  static char *block[30];
  gc_disable();
  for (int i = 0; i < 30; i++) {
    block[i] = gc_malloc_atomic(4 * MIB);
    memset(block[i], 1, 4 * MIB);
  }
  size_t full = suite_resident_bytes();
  for (int i = 0; i < 30; i++) gc_free(block[i]);
  ck_assert_uint_ge(gc_trim(), 119 * MIB);
  size_t trimmed = suite_resident_bytes();
  ck_assert_uint_le(suite_stats().heap_bytes, 2 * MIB);
  ck_assert_uint_ge(suite_stats().returned_bytes, 119 * MIB);
  if (!suite_is_sanitized()) ck_assert_uint_ge(full, trimmed + 110 * MIB);
  ck_assert_uint_eq(gc_trim(), 0);
}
END_TEST

START_TEST(trim_after_a_collection) {
  api_deep(fill_and_drop, NULL);
  api_scrub();
  size_t full = suite_resident_bytes();
  gc_collect();
  ck_assert_uint_ge(gc_trim(), 100 * MIB);
  if (!suite_is_sanitized())
    ck_assert_uint_ge(full, suite_resident_bytes() + 100 * MIB);
  work(10 * MIB, 50 * MIB);
  ck_assert(gc_heap_check());
}
END_TEST

/* Since Linux 6.1. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Fill the huge page that an address is in up with memory, as the system does
   at times (khugepaged). */
static void collapse(const void *address) {
  const uintptr_t huge = 2 * MIB;
  madvise((void *)((uintptr_t)address & ~(huge - 1)), huge, MADV_COLLAPSE);
}

START_TEST(trim_gives_back_what_was_put_back) {
  static char *block[120];
  gc_disable();
  for (int i = 0; i < 120; i++) {
    block[i] = gc_malloc_atomic(MIB / 2);
    memset(block[i], 1, MIB / 2);
  }
  for (int i = 0; i < 120; i++)
    if (i % 3 != 0) gc_free(block[i]);
  gc_trim();
  size_t trimmed = suite_resident_bytes();
  for (int i = 0; i < 120; i += 3) collapse(block[i]);
  size_t filled = suite_resident_bytes();
  size_t returned = gc_trim();
  ck_assert(gc_heap_check());
  if (suite_is_sanitized()) return;
  ck_assert_uint_le(suite_resident_bytes(), trimmed + MIB);
  ck_assert_uint_le(filled, trimmed + returned + MIB);
}
END_TEST

/* Where so little is left of each huge page, the system puts nothing back. */
START_TEST(what_went_back_stays_away) {
  static char *block[600];
  gc_disable();
  for (int i = 0; i < 600; i++) {
    block[i] = gc_malloc_atomic(MIB / 10);
    memset(block[i], 1, MIB / 10);
  }
  for (int i = 0; i < 600; i++)
    if (i % 19 != 0) gc_free(block[i]);
  gc_trim();
  size_t trimmed = suite_resident_bytes();
  for (int i = 0; i < 600; i += 19) collapse(block[i]);
  if (!suite_is_sanitized())
    ck_assert_uint_le(suite_resident_bytes(), trimmed + MIB);
  ck_assert(gc_heap_check());
}
END_TEST

/* A program that frees much at once, and then goes on without freeing. */
START_TEST(what_a_burst_frees_goes_back) {
  enum { BLOCKS = 60000 };
  static char *block[BLOCKS];
  gc_disable();
  for (int i = 0; i < BLOCKS; i++) {
    block[i] = gc_malloc(1000);
    memset(block[i], 1, 1000);
  }
  size_t full = suite_resident_bytes(), now = full;
  for (int i = 0; i < BLOCKS; i++)
    if (i % 200 != 0) gc_free(block[i]);
  for (int i = 0; i < 30 && now + 40 * MIB > full; i++) {
    usleep(100000);
    for (int j = 0; j < 3000; j++) expect(gc_malloc(200) != NULL);
    now = suite_resident_bytes();
  }
  if (!suite_is_sanitized()) ck_assert_uint_ge(full, now + 40 * MIB);
  for (int i = 0; i < BLOCKS; i += 200) expect(block[i][999] == 1);
  ck_assert(gc_heap_check());
}
END_TEST

/* Blocks of a kilobyte, of which one in every second arena lives on. */
static void fill_and_leave_few(void *data) {
  (void)data;
  void **few = NULL;
  for (size_t i = 0; i < 150 * MIB / 1024; i++) {
    void **p = gc_malloc(1023);
    expect(p != NULL);
    memset(p, 1, 1023);
    *p = held;
    held = p;
    if (i % (TWO_ARENAS / 1024) != 0) continue;
    p[1] = few;
    few = p;
  }
  for (void **p = few; p != NULL; p = p[1]) p[0] = NULL;
  held = few;
}

/* Few blocks live, but in every second arena: these cannot go as a whole.
   The work that lets time pass for the collector writes to free memory too,
   so that the first rounds of it may add to what is resident. */
START_TEST(hollow_arenas_give_pages_back) {
  api_deep(fill_and_leave_few, NULL);
  api_scrub();
  size_t full = suite_resident_bytes(), now = full;
  for (int i = 0; i < 60 && now + 100 * MIB > full; i++) {
    usleep(100000);
    work(0, 20 * MIB);
    now = suite_resident_bytes();
    if (now > full) full = now;
  }
  ck_assert_uint_lt(suite_stats().live_bytes, 3 * MIB);
  if (!suite_is_sanitized()) ck_assert_uint_ge(full, now + 100 * MIB);
  size_t count = 0;
  for (void **p = held; p != NULL; p = p[1]) {
    ck_assert_int_eq(((char *)p)[1022], 1);
    count++;
  }
  ck_assert_uint_eq(count, 150 * MIB / TWO_ARENAS);
  ck_assert(gc_heap_check());
}
END_TEST

/* ---------------------------------------------------------------------- log */

static const char *after(const char *line, const char *word) {
  const char *at = strstr(line, word);
  ck_assert_msg(at != NULL, "no '%s' in: %.200s", word, line);
  return at + strlen(word);
}

static unsigned long number_after(const char *line, const char *word) {
  const char *at = after(line, word);
  expect(*at >= '0' && *at <= '9');
  return strtoul(at, NULL, 10);
}

/* A line for each collection: the parts of the pause add up to it. */
static void check_log_line(const char *line, unsigned long number) {
  static const char *const words[] = {"; heap ", " -> ",      " live ",
                                      " next ",  " objects ", " threads "};
  expect(strncmp(line, "gleaner: collection ", 20) == 0);
  expect(strtoul(line + 20, NULL, 10) == number);
  unsigned long pause = number_after(line, " pause ");
  unsigned long parts =
      number_after(line, ": stop ") + number_after(line, " roots ") +
      number_after(line, " mark ") + number_after(line, " rest ");
  expect(parts + 4 >= pause && parts <= pause + 4); /* each is rounded */
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    number_after(line, words[i]);
  expect(number_after(strstr(line, " objects "), " roots ") > 0);
  expect(number_after(line, " threads ") == 1);
}

START_TEST(log_lines_parse) {
  unsigned long count = 0;
  suite_catch_errors();
  setenv("GLEANER_LOG", "1", 1);
  work(4 * MIB, 50 * MIB);
  gc_collect();
  const char *text = suite_caught(), *line = text;
  for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
    check_log_line(line, ++count);
  ck_assert_str_eq(line, "");
  ck_assert_uint_eq(count, suite_stats().collections);
  after(text, " cause budget ");
  after(text, " cause program ");
}
END_TEST

/* The summary at exit, by a process that exits. */
START_TEST(log_ends_with_a_summary) {
  int status;
  suite_catch_errors();
  pid_t child = fork();
  if (child == 0) {
    setenv("GLEANER_LOG", "1", 1);
    work(MIB, 20 * MIB);
    exit(0);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  const char *text = suite_caught();
  const char *allocated = after(text, "gleaner: allocated ");
  ck_assert_uint_ge(strtoul(allocated, NULL, 10), 21);
  ck_assert_uint_le(number_after(allocated, " MB inside a heap of "), 21);
  ck_assert_uint_gt(number_after(allocated, "; collections "), 0);
  const char *json = after(allocated, "gleaner: summary: ");
  ck_assert_uint_eq(parse_json(json, 0, NULL), FIELDS);
}
END_TEST

START_TEST(no_log_without_asking) {
  suite_catch_errors();
  if (_i == 1) setenv("GLEANER_LOG", "0", 1);
  if (_i == 2) setenv("GLEANER_LOG", "", 1);
  work(MIB, 20 * MIB);
  gc_collect();
  ck_assert_str_eq(suite_caught(), "");
}
END_TEST

/* ------------------------------------------------------------ stress, check */

START_TEST(stress_collects_every_nth_time) {
  setenv("GLEANER_STRESS", "every:10", 1);
  setenv("GLEANER_CHECK", "1", 1);
  suite_catch_errors();
  for (int i = 0; i < 2000; i++)
    expect(suite_allocate((enum suite_kind)(i % SUITE_KINDS),
                          suite_below(3000)) != NULL);
  uint64_t collections = suite_stats().collections;
  ck_assert_uint_ge(collections, 200);
  ck_assert_uint_le(collections, 202);
  ck_assert_str_eq(suite_caught(), "");
}
END_TEST

/* Old data, and then at every tenth allocation a collection that leaves it
   alone, but for some. */
START_TEST(stress_collects_minor_ones) {
  setenv("GLEANER_STRESS", "minor:10", 1);
  setenv("GLEANER_CHECK", "1", 1);
  suite_catch_errors();
  void **old = NULL;
  for (int i = 0; i < 40000; i++) {
    void **p = gc_malloc(64);
    *p = old;
    old = p;
  }
  struct gc_stats before = suite_stats();
  for (int i = 0; i < 1000; i++) expect(gc_malloc(100) != NULL);
  struct gc_stats after = suite_stats();
  uint64_t minor = after.minor_collections - before.minor_collections;
  ck_assert_uint_ge(after.collections - before.collections, 100);
  ck_assert_uint_ge(minor, 80);
  ck_assert_uint_lt(minor, after.collections - before.collections);
  for (int i = 0; i < 40000; i++, old = *old) expect(gc_base(old) == old);
  ck_assert_str_eq(suite_caught(), "");
}
END_TEST

START_TEST(stress_sees_what_is_hidden) {
  setenv("GLEANER_STRESS", "every:1", 1);
  uintptr_t hidden = api_hide(gc_malloc(100));
  api_scrub();
  for (int i = 0; i < 3; i++) {
    expect(gc_malloc(100) != NULL);
    api_scrub();
  }
  ck_assert_uint_ge(suite_stats().collections, 4);
  (void)hidden; /* gone or not: what is seen lives */
  void **list = NULL;
  for (int i = 0; i < 200; i++) {
    void **p = gc_malloc(16 + (size_t)i);
    *p = list;
    list = p;
  }
  for (int i = 0; i < 200; i++, list = *list) expect(gc_base(list) == list);
}
END_TEST

/* ---------------------------------------------- nonsense in the environment */

static const char *const nonsense[][2] = {
    {"GLEANER_HEAP_LIMIT", "lots"},
    {"GLEANER_HEAP_LIMIT", "12Q"},
    {"GLEANER_HEAP_LIMIT", "-5"},
    {"GLEANER_HEAP_LIMIT", "12MM"},
    {"GLEANER_HEAP_LIMIT", " 12M"},
    {"GLEANER_HEAP_LIMIT", "1.5G"},
    {"GLEANER_HEAP_LIMIT", "0x100000"},
    {"GLEANER_HEAP_LIMIT", "99999999999999999999"},
    {"GLEANER_HEAP_LIMIT", "99999999999T"},
    {"GLEANER_MODE", "Explicit"},
    {"GLEANER_MODE", "implicit "},
    {"GLEANER_STRESS", "5"},
    {"GLEANER_STRESS", "every:"},
    {"GLEANER_STRESS", "every:x"},
    {"GLEANER_STRESS", "every:-1"},
    {"GLEANER_STRESS", "minor:"},
    {"GLEANER_STRESS", "minor"},
    {"GLEANER_MARKERS", "two"},
    {"GLEANER_MARKERS", "4294967296"},
    {"GLEANER_MARK_STACK", "big"},
    {"GLEANER_MARK_PACKETS", "4097"},
    {"GLEANER_SIGNAL", "SIGUSR1"},
    {"GLEANER_SIGNAL", "1000"},
    {"GLEANER_SIGNAL", "9"},
    {"GLEANER_SIGNAL", "4294967306"},
    {"GLEANER_LOG", "perhaps"},
    {"GLEANER_CHECK", "%s%n"},
};

/* Named with its value, and the program works as if it were not there. */
START_TEST(nonsense_is_named_and_ignored) {
  char line[200];
  snprintf(line, sizeof line, "gleaner: cannot understand %s=%s, ignored\n",
           nonsense[_i][0], nonsense[_i][1]);
  setenv(nonsense[_i][0], nonsense[_i][1], 1);
  suite_catch_errors();
  ck_assert(gc_init());
  work(MIB, 20 * MIB);
  ck_assert_str_eq(suite_caught(), line);
  ck_assert(gc_is_enabled());
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 0);
  ck_assert_uint_gt(suite_stats().collections, 0);
  ck_assert_uint_lt(suite_stats().collections, 100);
  void *p = gc_malloc(10);
  gc_free(p);
  ck_assert_ptr_null(gc_base(p));
}
END_TEST

/* A value of any length does not overrun what it is named in. */
START_TEST(nonsense_of_any_length) {
  static char value[100000];
  memset(value, 'z', sizeof value - 1);
  setenv("GLEANER_MODE", value, 1);
  setenv("GLEANER_STRESS", value, 1);
  suite_catch_errors();
  ck_assert(gc_init());
  const char *text = suite_caught();
  ck_assert(strncmp(text, "gleaner: cannot understand GLEANER_MODE=zzz", 43) ==
            0);
  ck_assert(strstr(text, "GLEANER_STRESS=zzz") != NULL);
  ck_assert_uint_lt(strlen(text), 1000);
}
END_TEST

/* Values that are understood, whether one has them or not. */
static const char *const sense[][2] = {
    {"GLEANER_HEAP_LIMIT", "512m"}, {"GLEANER_HEAP_LIMIT", "1G"},
    {"GLEANER_HEAP_LIMIT", "0"},    {"GLEANER_HEAP_LIMIT", ""},
    {"GLEANER_MARKERS", "1"},       {"GLEANER_MARKERS", "1000"},
    {"GLEANER_MARK_STACK", "1"},    {"GLEANER_MARK_STACK", "64K"},
    {"GLEANER_MARK_PACKETS", "1"},  {"GLEANER_MARK_PACKETS", "0"},
    {"GLEANER_MODE", "mixed"},      {"GLEANER_SIGNAL", "40"},
    {"GLEANER_STRESS", "every:1M"}, {"GLEANER_CHECK", "1"},
};

START_TEST(sense_is_understood) {
  setenv(sense[_i][0], sense[_i][1], 1);
  suite_catch_errors();
  work(MIB, 20 * MIB);
  ck_assert_str_eq(suite_caught(), "");
  ck_assert(gc_heap_check());
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("seeing");
  tcase_add_test(tests, stats_count_bytes);
  tcase_add_test(tests, stats_are_plausible);
  tcase_add_test(tests, stats_as_json);
  tcase_add_test(tests, walk_tiles_the_heap);
  tcase_add_test(tests, trim_gives_memory_back);
  tcase_add_test(tests, trim_after_a_collection);
  tcase_add_test(tests, trim_gives_back_what_was_put_back);
  tcase_add_test(tests, what_went_back_stays_away);
  tcase_add_test(tests, what_a_burst_frees_goes_back);
  tcase_add_test(tests, hollow_arenas_give_pages_back);
  tcase_add_test(tests, log_lines_parse);
  tcase_add_test(tests, log_ends_with_a_summary);
  tcase_add_loop_test(tests, no_log_without_asking, 0, 3);
  tcase_add_test(tests, stress_collects_every_nth_time);
  tcase_add_test(tests, stress_collects_minor_ones);
  tcase_add_test(tests, stress_sees_what_is_hidden);
  tcase_add_loop_test(tests, nonsense_is_named_and_ignored, 0,
                      (int)(sizeof nonsense / sizeof *nonsense));
  tcase_add_test(tests, nonsense_of_any_length);
  tcase_add_loop_test(tests, sense_is_understood, 0,
                      (int)(sizeof sense / sizeof *sense));
  return suite_end();
}
