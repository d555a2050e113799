/* SPDX-License-Identifier: MIT */
/*
 * control.c: what a program can tell the collector: roots, stacks, off and on,
 * and modes.  limits.c has the limits of the heap, and the handlers.
 */
#include "suite.h"

#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
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
  const char *odd = (char *)range + 2; /* the words within are the same */
  ck_assert(gc_add_roots(odd, odd + 21));
  ck_assert(!gc_remove_roots(odd + 1, odd + 21));
  ck_assert(!gc_remove_roots(odd, odd + 20));
  ck_assert(gc_remove_roots(odd, odd + 21));
  const void *last = (void *)(UINTPTR_MAX - 3), *end = (void *)UINTPTR_MAX;
  ck_assert(gc_add_roots(last, end)); /* no word is within */
  gc_collect();
  ck_assert(gc_remove_roots(last, end));
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

START_TEST(disabling_nests) {
  ck_assert(gc_is_enabled());
  gc_disable();
  gc_disable();
  suite_make_garbage(32 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_enable();
  ck_assert(!gc_is_enabled());
  suite_make_garbage(32 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_collect(); /* asked for, it comes all the same */
  ck_assert_uint_eq(suite_stats().collections, 1);
  gc_enable();
  ck_assert(gc_is_enabled());
  suite_make_garbage(64 * MIB);
  ck_assert_uint_gt(suite_stats().collections, 2);
}
END_TEST

/* Nothing was marked yet that could say how much room there is to be. */
START_TEST(enabled_before_the_first_collection) {
  gc_disable();
  suite_make_garbage(2 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
  gc_enable(); /* it is due */
  ck_assert_uint_eq(suite_stats().collections, 1);
  suite_make_garbage(32 * MIB);
  ck_assert_uint_gt(suite_stats().collections, 2);
}
END_TEST

/* The budget goes on where it was; and is no new one with every call. */
START_TEST(enabled_again_and_again) {
  for (int i = 0; i < 4000; i++) {
    if (_i == 1) gc_disable();
    suite_make_garbage(16 << 10);
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
  suite_make_garbage(16 * MIB);
  ck_assert_uint_eq(suite_stats().collections, 0);
}
END_TEST

/* --------------------------------------------------------------------- room */

#define SLOTS ((size_t)20000)

static void *slots[SLOTS];

enum { ROOM_IN_ORDER, ROOM_AT_RANDOM, ROOM_FREED };

static void replace_one(int what) {
  static size_t next;
  size_t at = what == ROOM_IN_ORDER ? next++ : suite_random();
  void **slot = &slots[at % SLOTS];
  if (what == ROOM_FREED) gc_free(*slot);
  *slot = gc_malloc(suite_random() % 100 + 1);
}

/* Room after a collection, as a multiple of what there was to look through. */
static double room_after_next(int what) {
  uint64_t before = suite_stats().collections;
  struct gc_stats stats = suite_stats();
  while (stats.collections == before) {
    for (int i = 0; i < 50; i++) replace_one(what);
    if (what == ROOM_FREED) suite_make_garbage(1000);
    stats = suite_stats();
  }
  uint64_t alive = stats.live_bytes + stats.root_bytes / 2;
  return (double)stats.next_gc_bytes / (double)alive;
}

/* A heap where blocks die at random has more, or its free runs are short; not
   where the program frees them, and they are found by their size. */
START_TEST(room_by_what_is_allocated) {
  double room = 0;
  for (int i = 0; i < 30; i++) room = room_after_next(_i);
  if (_i == ROOM_AT_RANDOM)
    ck_assert_double_ge(room, 1.1);
  else
    ck_assert_double_le(room, 1);
}
END_TEST

/* -------------------------------------------------------------------- modes */

START_TEST(explicit_mode_never_collects) {
  setenv("GLEANER_MODE", "explicit", 1);
  void *p = gc_malloc(100);
  ck_assert(!gc_is_enabled());
  gc_free(p);
  ck_assert_ptr_null(gc_base(p));
  suite_make_garbage(48 * MIB);
  gc_collect();
  gc_enable();
  suite_make_garbage(16 * MIB);
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
  suite_make_garbage(64 * MIB);
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

/* Threads that allocate as the last thing they do, in the last round of their
   keys' destructors, leave nothing behind. */
static pthread_key_t last_key;

static void allocate_last(void *round) {
  expect(gc_malloc_atomic(100) != NULL || gc_malloc(100) != NULL);
  if ((uintptr_t)round < PTHREAD_DESTRUCTOR_ITERATIONS)
    pthread_setspecific(last_key, (void *)((uintptr_t)round + 1));
}

static void *begin_rounds(void *data) {
  pthread_setspecific(last_key, (void *)1);
  return data;
}

START_TEST(threads_that_allocate_last) {
  pthread_t thread;
  expect(gc_malloc(100) != NULL); /* so that the library's key comes first */
  pthread_key_create(&last_key, allocate_last);
  for (int i = 0; i < 1000; i++) {
    expect(pthread_create(&thread, NULL, begin_rounds, NULL) == 0);
    pthread_join(thread, NULL);
  }
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 16 * MIB);
}
END_TEST

static size_t errors;

static void count_error(const struct gc_error *error, void *data) {
  (void)error;
  expect(data == &errors);
  errors++;
}

START_TEST(implicit_mode_checks) {
  int local = 0;
  setenv("GLEANER_MODE", "implicit", 1);
  gc_set_error_handler(count_error, &errors);
  char *p = gc_malloc(100);
  gc_free(p + 16);
  gc_free(&local);
  gc_free((void *)(uintptr_t)17);
  ck_assert_uint_eq(errors, 3);
  ck_assert_ptr_eq(gc_base(p), p);
}
END_TEST

/* While another thread stops the world, and this one has not answered yet, the
   program's handler is told all the same. */
static int others_collect;

static void *collect_all_the_time(void *data) {
  while (__atomic_load_n(&others_collect, __ATOMIC_RELAXED) != 0) gc_collect();
  return data;
}

START_TEST(errors_while_others_collect) {
  pthread_t thread;
  int local = 0;
  others_collect = 1;
  gc_set_error_handler(count_error, &errors);
  expect(pthread_create(&thread, NULL, collect_all_the_time, NULL) == 0);
  uint64_t end_ns = suite_now_ns() + 1000000000;
  for (size_t i = 1; suite_now_ns() < end_ns; i++) {
    gc_free(&local);
    expect(errors == i);
  }
  __atomic_store_n(&others_collect, 0, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
}
END_TEST

static void note_fault(const struct gc_error *error, void *data) {
  expect(strcmp(error->function, "heap") == 0 && data == &errors);
  expect(strstr(error->fault, "own") != NULL ||
         strstr(error->fault, "twice") != NULL);
  errors++;
}

static void *free_sent(void *block) {
  gc_free(block);
  return NULL;
}

/* Freed by another thread, which sends it here, and by this one. */
static void free_by_both(void) {
  static char *kept;
  pthread_t thread;
  kept = gc_malloc(48);
  expect(pthread_create(&thread, NULL, free_sent, kept) == 0);
  pthread_join(thread, NULL);
  gc_free(kept);
}

static bool visit_nothing(const struct gc_walk_item *item, void *data) {
  return data == NULL && item->start != NULL;
}

static void fork_and_wait(void) {
  int status = -1;
  size_t before = errors;
  pid_t child = fork();
  if (child == 0) _exit(errors == before && gc_heap_check() ? 0 : 1);
  expect(waitpid(child, &status, 0) == child && status == 0);
}

/* What is found while the world is stopped is told of when it runs again: the
   handler may take any lock. */
START_TEST(errors_found_in_a_stop) {
  errors = 0;
  gc_set_error_handler(note_fault, &errors);
  free_by_both();
  gc_collect();
  ck_assert_uint_eq(errors, 1);
  free_by_both();
  gc_heap_walk(visit_nothing, NULL);
  ck_assert_uint_eq(errors, 2);
  free_by_both();
  gc_trim();
  ck_assert_uint_eq(errors, 3);
  free_by_both();
  fork_and_wait();
  ck_assert_uint_eq(errors, 4);
  ck_assert(gc_heap_check());
  gc_collect();
  ck_assert_uint_eq(errors, 4);
}
END_TEST

#define FREED 100000

static bool probed;

static void *use_the_lock(void *data) {
  expect(gc_malloc(300000) != NULL);
  __atomic_store_n(&probed, true, __ATOMIC_SEQ_CST);
  return data;
}

/* Another thread can allocate meanwhile. */
static void probe_the_lock(const struct gc_error *error, void *data) {
  pthread_t thread;
  note_fault(error, data);
  expect(pthread_create(&thread, NULL, use_the_lock, NULL) == 0);
  uint64_t end_ns = suite_now_ns() + 10000000000u;
  while (!__atomic_load_n(&probed, __ATOMIC_SEQ_CST))
    expect(suite_now_ns() < end_ns);
  pthread_join(thread, NULL);
}

/* What is found as memory goes back in the middle of a free, with a lock of the
   library's, is told of without it. */
START_TEST(errors_found_under_the_lock) {
  static void *blocks[FREED];
  errors = 0;
  probed = false;
  gc_disable();
  gc_set_error_handler(probe_the_lock, &errors);
  for (size_t i = 0; i < FREED; i++)
    expect((blocks[i] = gc_malloc(400)) != NULL);
  free_by_both();
  for (size_t i = 0; i < FREED; i++) gc_free(blocks[i]);
  ck_assert_uint_eq(errors, 1);
  ck_assert(probed && gc_heap_check());
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
  tcase_add_loop_test(tests, room_by_what_is_allocated, ROOM_IN_ORDER,
                      ROOM_FREED + 1);
  tcase_add_test(tests, explicit_mode_never_collects);
  tcase_add_test(tests, implicit_mode_frees_nothing);
  tcase_add_test(tests, implicit_mode_checks);
  tcase_add_test(tests, errors_while_others_collect);
  tcase_add_test(tests, errors_found_in_a_stop);
  tcase_add_test(tests, errors_found_under_the_lock);
  tcase_add_test(tests, threads_that_allocate_last);
  tcase_add_test(tests, collect_beside_threads_that_unwind);
  return suite_end();
}
