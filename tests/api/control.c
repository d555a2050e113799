/* SPDX-License-Identifier: MIT */
/*
 * control.c: what a program can tell the collector: roots, off and on, modes,
 * limits, and handlers.
 */
#include "suite.h"

#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* ---------------------------------------------------------------- first use */

static int listing; /* 1: a thread lists libraries; 2: the library is used */

static int allocate_listed(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  __atomic_store_n(&listing, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&listing, __ATOMIC_SEQ_CST) == 1) sched_yield();
  usleep(10000);
  expect(gc_malloc(10) != NULL);
  return 1;
}

static void *list(void *data) {
  dl_iterate_phdr(allocate_listed, NULL);
  return data;
}

/* Two threads at once, and one has the dynamic linker's lock. */
START_TEST(first_use_while_libraries_are_listed) {
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, list, NULL), 0);
  while (__atomic_load_n(&listing, __ATOMIC_SEQ_CST) == 0) sched_yield();
  __atomic_store_n(&listing, 2, __ATOMIC_SEQ_CST);
  ck_assert_ptr_nonnull(gc_malloc(10));
  pthread_join(thread, NULL);
  gc_collect();
}
END_TEST

/* -------------------------------------------------------------------- roots */

#define OBJECTS 20

/* Words that the collector knows of only where they are added. */
static uintptr_t *range;

static void make_objects(void *data) {
  uintptr_t *hidden = data;
  for (size_t i = 0; i < OBJECTS; i++) {
    range[i * 10] = (uintptr_t)gc_malloc(64);
    hidden[i] = ~range[i * 10];
    /* Its address may not be one past the end of the next. */
    expect(gc_malloc(64) != NULL);
  }
}

static size_t count_alive(const uintptr_t *hidden) {
  size_t alive = 0;
  api_scrub();
  gc_collect();
  gc_collect();
  for (size_t i = 0; i < OBJECTS; i++) alive += api_is_allocated(hidden[i]);
  return alive;
}

static void new_range(void) {
  range = calloc(OBJECTS * 10, sizeof *range);
  ck_assert_ptr_nonnull(range);
}

START_TEST(added_twice_counts_twice) {
  uintptr_t hidden[OBJECTS];
  new_range();
  const void *end = range + OBJECTS * 10;
  ck_assert(gc_add_roots(range, end));
  ck_assert(gc_add_roots(range, end));
  api_deep(make_objects, hidden);
  ck_assert_uint_eq(count_alive(hidden), OBJECTS);
  ck_assert(gc_remove_roots(range, end));
  ck_assert_uint_eq(count_alive(hidden), OBJECTS);
  ck_assert(gc_remove_roots(range, end));
  ck_assert_uint_le(count_alive(hidden), 2);
  errno = 0;
  ck_assert(!gc_remove_roots(range, end));
  ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* Only what is in the range, of many ranges, in any order of removal. */
START_TEST(ranges_are_exact) {
  uintptr_t hidden[OBJECTS];
  new_range();
  for (size_t i = 0; i < OBJECTS; i += 2)
    ck_assert(gc_add_roots(range + i * 10, range + i * 10 + 1));
  ck_assert(gc_add_roots(range + 15, range + 15)); /* empty */
  api_deep(make_objects, hidden);
  size_t alive = count_alive(hidden);
  ck_assert_uint_ge(alive, OBJECTS / 2);
  ck_assert_uint_le(alive, OBJECTS / 2 + 2);
  for (size_t i = 0; i < OBJECTS; i += 4)
    ck_assert(gc_remove_roots(range + i * 10, range + i * 10 + 1));
  ck_assert_uint_le(count_alive(hidden), OBJECTS / 4 + 2);
  for (size_t i = 2; i < OBJECTS; i += 4) {
    ck_assert(api_is_allocated(hidden[i]));
    ck_assert(gc_remove_roots(range + i * 10, range + i * 10 + 1));
  }
}
END_TEST

START_TEST(ranges_that_are_wrong) {
  new_range();
  errno = 0;
  ck_assert(!gc_remove_roots(range, range + 1)); /* before any set-up */
  ck_assert_int_eq(errno, EINVAL);
  errno = 0;
  ck_assert(!gc_add_roots(range + 1, range));
  ck_assert_int_eq(errno, EINVAL);
  ck_assert(gc_add_roots(range, range + 8));
  ck_assert(!gc_remove_roots(range, range + 7));
  ck_assert(!gc_remove_roots(range + 1, range + 8));
  ck_assert(gc_remove_roots(range, range + 8));
  errno = 0;
  ck_assert(!gc_add_stack(range + 1, range));
  ck_assert_int_eq(errno, EINVAL);
  ck_assert(!gc_remove_stack(range, range + 8));
}
END_TEST

START_TEST(thousands_of_ranges) {
  uintptr_t hidden[OBJECTS];
  new_range();
  for (size_t i = 0; i < 5000; i++)
    expect(gc_add_roots(range + i % 200, range + i % 200 + 1));
  api_deep(make_objects, hidden);
  ck_assert_uint_eq(count_alive(hidden), OBJECTS);
  for (size_t i = 0; i < 5000; i++)
    expect(gc_remove_roots(range + i % 200, range + i % 200 + 1));
  ck_assert_uint_le(count_alive(hidden), 2);
}
END_TEST

#define LOCAL_BYTES (4 * MIB)
#define LOCAL_THREADS 3

static _Thread_local volatile char thread_local_bytes[LOCAL_BYTES];
static pthread_barrier_t barrier;

static void *wait_twice(void *data) {
  thread_local_bytes[0] = 1;
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return data;
}

/* However a thread's storage may be found: below its pointer, by the vector, on
   top of its stack. */
START_TEST(thread_local_storage_is_scanned_once) {
  pthread_t thread[LOCAL_THREADS];
  gc_collect();
  size_t alone = suite_stats().root_bytes;
  ck_assert_uint_ge(alone, LOCAL_BYTES);
  if (!suite_is_sanitized()) /* its own data are roots */
    ck_assert_uint_lt(alone, 2 * LOCAL_BYTES);
  pthread_barrier_init(&barrier, NULL, LOCAL_THREADS + 1);
  for (size_t i = 0; i < LOCAL_THREADS; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, wait_twice, NULL), 0);
  pthread_barrier_wait(&barrier);
  gc_collect();
  size_t more = suite_stats().root_bytes - alone;
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < LOCAL_THREADS; i++) pthread_join(thread[i], NULL);
  ck_assert_uint_ge(more, LOCAL_THREADS * LOCAL_BYTES);
  ck_assert_uint_lt(more, (LOCAL_THREADS + 1) * LOCAL_BYTES);
}
END_TEST

/* ------------------------------------------------------------------- stacks */

#define STACK_BYTES ((size_t)1 << 18)
#define GUARD_BYTES ((size_t)4096)

/* A page that was used before it became a guard is in memory. */
static void make_guard(void *low) {
  memset(low, 1, GUARD_BYTES);
  expect(mprotect(low, GUARD_BYTES, PROT_NONE) == 0);
}

START_TEST(guard_in_an_added_stack) {
  char *low = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert(low != MAP_FAILED && gc_add_stack(low, low + STACK_BYTES));
  uintptr_t hidden[2];
  for (int i = 0; i < 2; i++) {
    char **word = (char **)(low + GUARD_BYTES * (size_t)(2 + 10 * i));
    *word = gc_malloc(100);
    hidden[i] = api_hide(*word);
    expect(gc_malloc(100) != NULL);
  }
  make_guard(low);
  make_guard(low + 8 * GUARD_BYTES);
  api_scrub();
  gc_collect();
  for (int i = 0; i < 2; i++) ck_assert(api_is_allocated(hidden[i]));
}
END_TEST

enum place { APART = 1, FOUND, ELSEWHERE, DONE };

static enum place place;
static ucontext_t own, other;

static void change_place(enum place to) {
  __atomic_store_n(&place, to, __ATOMIC_SEQ_CST);
}

static void await_place(enum place at) {
  while (__atomic_load_n(&place, __ATOMIC_SEQ_CST) != at) sched_yield();
}

static void be_elsewhere(void) {
  change_place(ELSEWHERE);
  await_place(DONE);
}

static void *go_elsewhere(void *data) {
  pthread_attr_t attributes;
  void *low;
  size_t bytes;
  expect(pthread_getattr_np(pthread_self(), &attributes) == 0);
  expect(pthread_attr_getstack(&attributes, &low, &bytes) == 0);
  pthread_attr_destroy(&attributes);
  change_place(APART);
  await_place(FOUND);
  make_guard((char *)low + bytes / 8); /* this program has much at its end */
  expect(getcontext(&other) == 0);
  other.uc_stack.ss_sp = gc_malloc(STACK_BYTES);
  other.uc_stack.ss_size = STACK_BYTES;
  other.uc_link = &own;
  makecontext(&other, be_elsewhere, 0);
  expect(swapcontext(&own, &other) == 0);
  return data;
}

/* The stack that a thread was started on is scanned while it is on another.
   (The sanitizer forbids us to read some of a stack that it does not know.) */
START_TEST(guard_in_a_stack_of_its_own) {
  pthread_t thread;
  if (suite_is_sanitized()) return;
  gc_collect();
  ck_assert_int_eq(pthread_create(&thread, NULL, go_elsewhere, NULL), 0);
  await_place(APART);
  gc_collect();
  change_place(FOUND);
  await_place(ELSEWHERE);
  gc_collect();
  change_place(DONE);
  pthread_join(thread, NULL);
}
END_TEST

/* ----------------------------------------------------- uncollectable blocks */

static void make_uncollectable(void *data) {
  uintptr_t *hidden = data;
  for (size_t i = 0; i < OBJECTS; i++) {
    void **root = gc_malloc_uncollectable(i % 5 == 0 ? 100000 : 100);
    root[i % 5 == 0 ? 12000 : 12] = gc_malloc(48);
    hidden[i] = api_hide(root[i % 5 == 0 ? 12000 : 12]);
    hidden[OBJECTS + i] = api_hide(root);
  }
}

static void free_uncollectable(void *data) {
  const uintptr_t *hidden = data;
  for (size_t i = 0; i < OBJECTS; i++) gc_free(api_reveal(hidden[OBJECTS + i]));
}

START_TEST(uncollectable_until_freed) {
  uintptr_t hidden[2 * OBJECTS];
  api_deep(make_uncollectable, hidden);
  for (int i = 0; i < 3; i++) {
    ck_assert_uint_eq(count_alive(hidden), OBJECTS);
    ck_assert_uint_eq(count_alive(hidden + OBJECTS), OBJECTS);
  }
  api_deep(free_uncollectable, hidden);
  for (size_t i = 0; i < OBJECTS; i++)
    ck_assert(!api_is_allocated(hidden[OBJECTS + i]));
  ck_assert_uint_le(count_alive(hidden), 2);
}
END_TEST

/* --------------------------------------------------------------- off and on */

static void make_garbage(size_t bytes) {
  for (size_t done = 0; done < bytes; done += 512)
    expect(gc_malloc(512) != NULL);
}

START_TEST(disabling_nests) {
  ck_assert(gc_is_enabled());
  gc_disable();
  gc_disable();
  make_garbage(32 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_enable();
  ck_assert(!gc_is_enabled());
  make_garbage(32 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_collect(); /* asked for, it comes all the same */
  ck_assert_uint_eq(suite_stats().collections, 1);
  gc_enable();
  ck_assert(gc_is_enabled());
  make_garbage(64 * MIB);
  ck_assert_uint_gt(suite_stats().collections, 2);
}
END_TEST

/* Nothing was marked yet that could say how much room there is to be. */
START_TEST(enabled_before_the_first_collection) {
  gc_disable();
  make_garbage(2 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_enable(); /* it is due */
  ck_assert_uint_eq(suite_stats().collections, 1);
  make_garbage(32 * MIB);
  ck_assert_uint_gt(suite_stats().collections, 2);
}
END_TEST

/* The budget goes on where it was; and is no new one with every call. */
START_TEST(enabled_again_and_again) {
  for (int i = 0; i < 4000; i++) {
    if (_i == 1) gc_disable();
    make_garbage(16 << 10);
    gc_enable();
  }
  ck_assert_uint_ge(suite_stats().collections, 4);
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 16 * MIB);
}
END_TEST

/* An enable too many is no disable in stock. */
START_TEST(enabling_too_often) {
  gc_enable();
  gc_enable();
  ck_assert(gc_is_enabled());
  gc_disable();
  ck_assert(!gc_is_enabled());
  make_garbage(16 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
}
END_TEST

/* -------------------------------------------------------------------- modes */

START_TEST(explicit_mode_never_collects) {
  setenv("GLEANER_MODE", "explicit", 1);
  void *p = gc_malloc(100);
  ck_assert(!gc_is_enabled());
  gc_free(p);
  ck_assert_ptr_null(gc_base(p));
  make_garbage(48 * MIB);
  gc_collect();
  gc_enable();
  make_garbage(16 * MIB);
  gc_set_heap_limit(suite_stats().heap_bytes);
  while (gc_malloc(1000) != NULL) continue;
  ck_assert_uint_eq(suite_stats().collections, 0);
  ck_assert(gc_heap_check());
}
END_TEST

static void *volatile held;

START_TEST(implicit_mode_frees_nothing) {
  setenv("GLEANER_MODE", "implicit", 1);
  for (size_t i = 0; i < 1000; i++) {
    char *p = suite_allocate((enum suite_kind)(i % SUITE_KINDS), i * 7);
    held = p;
    suite_fill(p, i * 7, i);
    gc_free(p);
    gc_free(p); /* nothing was freed: so this is not twice */
    expect(gc_base(p) == p);
    expect(suite_is_filled(p, i * 7, i));
  }
  ck_assert_uint_eq(suite_stats().freed_bytes, 0);
  make_garbage(64 * MIB);
  ck_assert_uint_gt(suite_stats().collections, 0);
  char *before = gc_malloc(1000);
  held = before;
  suite_fill(before, 1000, 1);
  char *after = gc_realloc(before, 50000);
  ck_assert_ptr_ne(after, before);
  ck_assert_ptr_eq(gc_base(before), before); /* moved, and not freed */
  ck_assert(suite_is_filled(after, 1000, 1));
  ck_assert(gc_heap_check());
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

START_TEST(implicit_mode_checks) {
  int local = 0;
  setenv("GLEANER_MODE", "implicit", 1);
  gc_set_error_handler(note_error, &errors);
  char *p = gc_malloc(100);
  gc_free(p + 16);
  gc_free(&local);
  gc_free((void *)(uintptr_t)17);
  ck_assert_uint_eq(errors, 3);
  ck_assert_ptr_eq(gc_base(p), p);
}
END_TEST

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
  make_garbage(100 * MIB); /* which needs none of it */
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

/* ---------------------------------------------------------------- unwinding */

/* More places than libunwind remembers, so that it asks the dynamic linker over
   and over, which a collection asks as well. */
#define FOUR(statement) statement statement statement statement

static bool collected;

static void *allocate_everywhere(void *data) {
  while (!__atomic_load_n(&collected, __ATOMIC_RELAXED)) {
    FOUR(FOUR(FOUR(FOUR(expect(gc_malloc(32) != NULL);))))
  }
  return data;
}

/* With GLEANER_DEBUG each allocation unwinds. */
START_TEST(collect_beside_threads_that_unwind) {
  pthread_t thread[2];
  setenv("GLEANER_DEBUG", "1", 1);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(
        pthread_create(&thread[i], NULL, allocate_everywhere, NULL), 0);
  for (int i = 0; i < 100; i++) gc_collect();
  __atomic_store_n(&collected, true, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("control");
  tcase_add_test(tests, added_twice_counts_twice);
  tcase_add_test(tests, first_use_while_libraries_are_listed);
  tcase_add_test(tests, ranges_are_exact);
  tcase_add_test(tests, thread_local_storage_is_scanned_once);
  tcase_add_test(tests, ranges_that_are_wrong);
  tcase_add_test(tests, thousands_of_ranges);
  tcase_add_test(tests, guard_in_an_added_stack);
  tcase_add_test(tests, guard_in_a_stack_of_its_own);
  tcase_add_test(tests, uncollectable_until_freed);
  tcase_add_test(tests, disabling_nests);
  tcase_add_test(tests, enabled_before_the_first_collection);
  tcase_add_loop_test(tests, enabled_again_and_again, 0, 2);
  tcase_add_test(tests, enabling_too_often);
  tcase_add_test(tests, explicit_mode_never_collects);
  tcase_add_test(tests, implicit_mode_frees_nothing);
  tcase_add_test(tests, implicit_mode_checks);
  tcase_add_test(tests, limit_holds);
  tcase_add_test(tests, limit_of_the_environment);
  tcase_add_test(tests, limits_near_the_largest_number);
  tcase_add_test(tests, limit_below_the_heap);
  tcase_add_test(tests, oom_handler_makes_room);
  tcase_add_test(tests, oom_handler_leaves_arguments_alive);
  tcase_add_test(tests, growing_takes_what_there_is);
  tcase_add_test(tests, error_handler_replaced);
  tcase_add_test(tests, data_of_handlers_is_kept);
  tcase_add_test(tests, nothing_is_a_point_of_cancellation);
  tcase_add_test(tests, collect_beside_threads_that_unwind);
  return suite_end();
}
