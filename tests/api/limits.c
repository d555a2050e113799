/* SPDX-License-Identifier: MIT */
/*
 * limits.c: the limits of the heap, and the handlers that a program is told by
 * of memory that runs out and of misuse.
 */
#include "suite.h"

#include <pthread.h>

#define MIB ((size_t)1 << 20)

static void *volatile held;

/* ------------------------------------------------------------------- limits */

static size_t allocate_all(size_t size, size_t most) {
  size_t bytes = 0;
  void *list = NULL;
  while (bytes < most) {
    void **p = gc_malloc(size);
    if (p == NULL) break;
    *p = list;
    held = list = p;
    bytes += size;
  }
  return bytes;
}

static void stay_below(size_t limit, size_t size) {
  errno = 0;
  size_t bytes = allocate_all(size, limit + 100 * MIB);
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_le(bytes, limit);
  ck_assert_uint_ge(bytes, limit / 2);
  ck_assert_uint_le(suite_stats().peak_heap_bytes, limit);
  held = NULL;
  api_scrub();
  gc_collect();
  ck_assert(gc_heap_check());
}

START_TEST(limit_holds) {
  gc_set_heap_limit(8 * MIB);
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 8 * MIB);
  stay_below(8 * MIB, 100);
  stay_below(8 * MIB, 5000);
  stay_below(8 * MIB, 100000);
  stay_below(8 * MIB, 16);
  gc_set_heap_limit(16 * MIB);
  ck_assert_uint_ge(allocate_all(1000, 12 * MIB), 12 * MIB);
  gc_set_heap_limit(0);
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 0);
  ck_assert_uint_ge(allocate_all(1000, 64 * MIB), 64 * MIB);
}
END_TEST

START_TEST(limit_of_the_environment) {
  setenv("GLEANER_HEAP_LIMIT", "4M", 1);
  ck_assert(gc_init());
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 4 * MIB);
  stay_below(4 * MIB, 200);
  suite_make_garbage(100 * MIB); /* which needs none of it */
}
END_TEST

/* In debug mode what is freed waits for a while; but not where it is needed. */
START_TEST(what_waits_is_room) {
  ck_assert_int_eq(setenv("GLEANER_DEBUG", "1", 1), 0);
  ck_assert_int_eq(setenv("GLEANER_HEAP_LIMIT", "8M", 1), 0);
  for (int i = 0; i < 100; i++) {
    void *p = gc_malloc(MIB);
    ck_assert_ptr_nonnull(p);
    gc_free(p);
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* As good as none, and rounded up to pages without wrapping. */
START_TEST(limits_near_the_largest_number) {
  for (size_t below = 0; below < 5000; below += 499) {
    gc_set_heap_limit(SIZE_MAX - below);
    void *p = gc_malloc(10 * MIB);
    ck_assert_ptr_nonnull(p);
    gc_free(p);
  }
  gc_set_heap_limit(1);
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 4096);
  gc_set_heap_limit(4097);
  ck_assert_uint_eq(suite_stats().heap_limit_bytes, 8192);
}
END_TEST

/* A limit below what is there forbids growth only. */
START_TEST(limit_below_the_heap) {
  ck_assert_uint_ge(allocate_all(1000, 16 * MIB), 16 * MIB);
  void *list = held;
  gc_set_heap_limit(MIB);
  size_t before = suite_stats().heap_bytes;
  expect_error(gc_malloc(4 * MIB), ENOMEM);
  ck_assert_uint_le(suite_stats().heap_bytes, before);
  size_t count = 0;
  for (void **p = list; p != NULL; p = *p) count++;
  ck_assert_uint_ge(count, 16 * MIB / 1000);
  ck_assert(gc_heap_check());
}
END_TEST

/* ----------------------------------------------------------------- handlers */

static int calls, answers;
static void *reserve;

static bool make_room(size_t size, void *data) {
  calls++;
  expect(data == &calls);
  expect(size == 4 * MIB);
  if (answers-- <= 0) return false;
  gc_free(reserve); /* the whole API may be used */
  reserve = NULL;
  expect(gc_malloc(100) != NULL);
  gc_collect();
  return true;
}

START_TEST(oom_handler_makes_room) {
  gc_set_heap_limit(16 * MIB);
  ck_assert_ptr_null((void *)(uintptr_t)gc_set_oom_handler(make_room, &calls));
  reserve = gc_malloc_uncollectable(8 * MIB);
  held = gc_malloc(6 * MIB);
  ck_assert_int_eq(calls, 0);
  answers = 1;
  void *p = gc_malloc(4 * MIB);
  ck_assert_ptr_nonnull(p);
  ck_assert_int_eq(calls, 1);
  void *volatile q[4] = {p};
  for (int i = 1; i < 4; i++) q[i] = gc_malloc(4 * MIB);
  ck_assert_ptr_null(q[3]);
  calls = 0;
  answers = 3; /* it says so, but there is none */
  expect_error(gc_calloc(4, MIB), ENOMEM);
  ck_assert_int_eq(calls, 4);
  ck_assert(gc_set_oom_handler(NULL, NULL) == make_room);
  expect_error(gc_malloc_atomic(4 * MIB), ENOMEM);
  ck_assert_int_eq(calls, 4);
  ck_assert_ptr_eq(gc_base(q[0]), q[0]);
}
END_TEST

/* A handler that uses what keeps its argument alive, as the call does that
   found no room; and takes more than the budget, so that this collects next. */
static bool copy_and_spend(size_t size, void *data) {
  uint64_t collections;
  (void)size;
  (void)data;
  calls++;
  gc_set_heap_limit(0);
  expect(gc_strdup("a copy") != NULL);
  do {
    collections = suite_stats().collections;
    expect(gc_malloc_atomic(suite_stats().next_gc_bytes + MIB) != NULL);
  } while (suite_stats().collections != collections);
  return true;
}

/* With others behind it, or it would grow where it is. */
static void fill_hidden(void *data) {
  char *block = held = gc_malloc(5 * MIB);
  suite_fill(block, 5 * MIB, 1);
  for (int i = 0; i < 40; i++) expect(gc_malloc_uncollectable(100000) != NULL);
  *(uintptr_t *)data = api_hide(block);
  held = NULL;
}

static void resize_hidden(void *data) {
  held = gc_realloc(api_reveal(*(uintptr_t *)data), 14 * MIB);
}

START_TEST(oom_handler_leaves_arguments_alive) {
  uintptr_t hidden;
  calls = 0;
  gc_set_heap_limit(16 * MIB);
  api_deep(fill_hidden, &hidden);
  gc_set_oom_handler(copy_and_spend, NULL);
  api_scrub();
  api_deep(resize_hidden, &hidden);
  ck_assert_int_eq(calls, 1);
  ck_assert_ptr_nonnull(held);
  ck_assert(suite_is_filled(held, 5 * MIB, 1));
  gc_set_oom_handler(NULL, NULL);
}
END_TEST

static bool tell_size(size_t size, void *data) {
  *(size_t *)data = size;
  return false;
}

/* A block that moves gets more than it asks for, but not where that is too
   much. */
START_TEST(growing_takes_what_there_is) {
  enum { MANY = 10000 };
  static void *many[MANY];
  size_t told = 0, count = 0;
  setenv("GLEANER_MODE", "explicit", 1);
  gc_set_heap_limit(MIB);
  void *p = gc_malloc_atomic(112);
  while (count < MANY && (many[count] = gc_malloc_atomic(128)) != NULL) count++;
  ck_assert_uint_lt(count, MANY);
  while (gc_malloc_atomic(16) != NULL) continue;
  for (size_t i = 1; i < count; i += 100) gc_free(many[i]);
  gc_set_oom_handler(tell_size, &told);
  p = gc_realloc(p, 128);
  ck_assert_ptr_nonnull(p);
  ck_assert_uint_eq(told, 0);
  ck_assert_ptr_null(gc_realloc(p, 30000));
  ck_assert_uint_eq(told, 30000);
}
END_TEST

static size_t errors;
static const char *last_fault;
static struct gc_error last_error;

static void note_error(const struct gc_error *error, void *data) {
  static char fault[200];
  expect(data == &errors);
  snprintf(fault, sizeof fault, "%s", error->message);
  last_error = *error;
  last_fault = fault;
  errors++;
}

/* Every kind of mistake, by every function, with the block it lies in. */
static void commit_misuse(char *block, char *freed) {
  int local = 0;
  errors = 0;
  gc_free(block + 16);
  ck_assert_str_eq(last_error.function, "gc_free");
  ck_assert_ptr_eq(last_error.base, block);
  ck_assert_uint_eq(last_error.size, gc_size(block));
  ck_assert_ptr_eq(last_error.address, block + 16);
  ck_assert_ptr_null(gc_realloc(block + 1, 10));
  ck_assert_str_eq(last_error.function, "gc_realloc");
  ck_assert_uint_eq(gc_size(block + 24), 0);
  ck_assert_str_eq(last_error.function, "gc_size");
  ck_assert_uint_eq(errors, 3);
  gc_free(freed);
  ck_assert_ptr_null(gc_realloc(freed, 10));
  ck_assert_uint_eq(gc_size(freed), 0);
  ck_assert_uint_eq(errors, 6);
  ck_assert_ptr_null(last_error.base);
  gc_free(&local);
  ck_assert_ptr_null(gc_realloc(&local, 1));
  ck_assert_uint_eq(gc_size((void *)(uintptr_t)12345), 0);
  ck_assert_uint_eq(errors, 9);
  ck_assert(strstr(last_fault, "gc_size(0x3039)") != NULL);
  ck_assert_ptr_eq(gc_base(block), block);
  ck_assert(suite_is_filled(block, 100, 1));
}

START_TEST(error_handler_replaced) {
  ck_assert_ptr_null(
      (void *)(uintptr_t)gc_set_error_handler(note_error, &errors));
  for (size_t size = 100; size < 10 * MIB; size *= 50) {
    char *block = gc_malloc(size), *freed = gc_malloc(size);
    suite_fill(block, 100, 1);
    held = gc_malloc(size);
    gc_free(freed);
    commit_misuse(block, freed);
  }
  ck_assert(gc_heap_check());
  ck_assert(gc_set_error_handler(NULL, NULL) == note_error);
  ck_assert_ptr_null((void *)(uintptr_t)gc_set_error_handler(NULL, NULL));
}
END_TEST

static bool never_make_room(size_t size, void *data) {
  (void)size;
  (void)data;
  return false;
}

static void install_handlers(void *data) {
  uintptr_t *hidden = data;
  void *p = gc_malloc(100), *q = gc_malloc(5000);
  hidden[0] = api_hide(p);
  hidden[1] = api_hide(q);
  gc_set_oom_handler(never_make_room, p);
  gc_set_error_handler(note_error, q);
}

/* What the program gives to the handlers' keeping is kept. */
START_TEST(data_of_handlers_is_kept) {
  uintptr_t hidden[2];
  api_deep(install_handlers, hidden);
  api_scrub();
  gc_collect();
  ck_assert(api_is_allocated(hidden[0]));
  ck_assert(api_is_allocated(hidden[1]));
}
END_TEST

/* A request to end that waits for a point of cancellation: no function of the
   library is one, or it would leave its locks held. */
static void *call_everything(void *data) {
  int *reached = data;
  struct gc_stats stats;
  char json[2048];
  pthread_cancel(pthread_self());
  gc_init(); /* and no assertion of Check's here: those write */
  void *p = gc_malloc(100);
  gc_set_error_handler(note_error, &errors);
  gc_collect();
  gc_heap_check();
  gc_get_stats(&stats);
  gc_stats_json(json, sizeof json);
  gc_free((char *)p + 16);
  gc_free(reached);
  gc_free(gc_realloc(p, 1 << 20));
  gc_free(gc_malloc_atomic(4 << 20));
  gc_trim();
  *reached = 1;
  pthread_testcancel();
  return NULL;
}

START_TEST(nothing_is_a_point_of_cancellation) {
  pthread_t thread;
  void *result;
  int reached = 0;
  setenv("GLEANER_LOG", "1", 1);
  ck_assert_int_eq(pthread_create(&thread, NULL, call_everything, &reached), 0);
  ck_assert_int_eq(pthread_join(thread, &result), 0);
  ck_assert_ptr_eq(result, PTHREAD_CANCELED);
  ck_assert_int_eq(reached, 1);
  ck_assert_ptr_nonnull(gc_malloc(100));
  gc_collect();
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("limits");
  tcase_add_test(tests, limit_holds);
  tcase_add_test(tests, limit_of_the_environment);
  tcase_add_test(tests, what_waits_is_room);
  tcase_add_test(tests, limits_near_the_largest_number);
  tcase_add_test(tests, limit_below_the_heap);
  tcase_add_test(tests, oom_handler_makes_room);
  tcase_add_test(tests, oom_handler_leaves_arguments_alive);
  tcase_add_test(tests, growing_takes_what_there_is);
  tcase_add_test(tests, error_handler_replaced);
  tcase_add_test(tests, data_of_handlers_is_kept);
  tcase_add_test(tests, nothing_is_a_point_of_cancellation);
  return suite_end();
}
