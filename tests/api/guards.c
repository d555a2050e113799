/* SPDX-License-Identifier: MIT */
/*
 * guards.c: pages that the program may not read, amid what the collector scans.
 * What lies between them is kept, they are guards again afterwards, and the
 * program's own handler of faults is there for its own faults.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "suite.h"

#define OBJECT_BYTES ((size_t)48)
#define PAGE_BYTES ((size_t)4096)
#define PAGES 9
#define MANY_PAGES 2000 /* more than are opened at a time */

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* -------------------------------------------------- faults, and guards */

static sigjmp_buf after_fault;
static volatile sig_atomic_t faults;

static void on_fault(int number) {
  (void)number;
  faults++;
  siglongjmp(after_fault, 1);
}

static void handle_faults(void) {
  struct sigaction action = {.sa_handler = on_fault};
  sigaction(SIGSEGV, &action, NULL);
}

static bool can_be_read(const volatile char *p) {
  sig_atomic_t before = faults;
  if (sigsetjmp(after_fault, 1) == 0) (void)*p;
  return faults == before;
}

static bool guard_by_mprotect(void *page) {
  return mprotect(page, PAGE_BYTES, PROT_NONE) == 0;
}

static bool guard_by_mark(void *page) {
  return madvise(page, PAGE_BYTES, MADV_GUARD_INSTALL) == 0;
}

static bool guard_by_both(void *page) {
  return guard_by_mark(page) && guard_by_mprotect(page);
}

static bool guard_by_munmap(void *page) {
  return munmap(page, PAGE_BYTES) == 0;
}

static bool (*const guards[])(void *page) = {guard_by_mprotect, guard_by_mark,
                                             guard_by_both, guard_by_munmap};
#define GUARDS ((int)(sizeof guards / sizeof *guards))

/* -------------------------------------------------------------- places */

static char array[(MANY_PAGES + 1) * PAGE_BYTES];
static char *volatile block;

static char *place_in_array(void) {
  return (char *)(((uintptr_t)array + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
}

static char *place_in_block(void) {
  return block = gc_aligned_alloc(PAGE_BYTES, PAGES * PAGE_BYTES);
}

static char *place_in_added(void) {
  char *p = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(p != MAP_FAILED && gc_add_roots(p, p + PAGES * PAGE_BYTES));
  return p;
}

static char *(*const places[])(void) = {place_in_array, place_in_block,
                                        place_in_added};
#define PLACES ((int)(sizeof places / sizeof *places))

static uintptr_t hidden[MANY_PAGES][2];

/* The address of a new object into a word, and nowhere else. */
static uintptr_t make_object(void *word, size_t id) {
  expect(gc_malloc(OBJECT_BYTES) != NULL);
  char *p = gc_malloc(OBJECT_BYTES);
  expect(p != NULL && gc_malloc(OBJECT_BYTES) != NULL);
  suite_fill(p, OBJECT_BYTES, id);
  *(void *volatile *)word = p;
  return api_hide(p);
}

struct fence {
  char *start;
  size_t pages;
};

/* Every second page becomes a guard; the others have an object by their first
   word and by their last one. */
static void fill(void *data) {
  const struct fence *fence = data;
  for (size_t i = 0; i < fence->pages; i += 2) {
    char *page = fence->start + i * PAGE_BYTES;
    hidden[i][0] = make_object(page, i);
    hidden[i][1] = make_object(page + PAGE_BYTES - sizeof(void *), i);
  }
}

static bool build(struct fence *fence, bool (*guard)(void *page)) {
  api_deep(fill, fence);
  for (size_t i = 1; i < fence->pages; i += 2)
    if (!guard(fence->start + i * PAGE_BYTES)) return false;
  return true;
}

static void flood(void *data) {
  (void)data;
  gc_collect();
  for (int i = 0; i < 30000; i++)
    memset(gc_malloc(OBJECT_BYTES), 0xDB, OBJECT_BYTES);
  gc_collect();
}

static void verify(const struct fence *fence) {
  api_scrub();
  api_deep(flood, NULL);
  for (size_t i = 0; i < fence->pages; i += 2)
    for (int k = 0; k < 2; k++)
      expect(suite_is_filled(api_reveal(hidden[i][k]), OBJECT_BYTES, i));
}

static void expect_guards(const struct fence *fence) {
  for (size_t i = 0; i < fence->pages; i++)
    expect(can_be_read(fence->start + i * PAGE_BYTES) == (i % 2 == 0));
}

/* ---------------------------------------------------------------- the tests */

/* Enough to mark for helpers to be made. */
static void make_ballast(void) {
  static void **list;
  for (int i = 0; i < 200000; i++) {
    void **link = gc_malloc(32);
    expect(link != NULL);
    *link = list;
    list = link;
  }
}

START_TEST(amid_roots_and_blocks) {
  int guard = _i % GUARDS, place = _i / GUARDS % PLACES;
  if (place == 1 && guard == 3) return; /* a block may not be unmapped */
  setenv("GLEANER_MARKERS", _i / GUARDS / PLACES == 0 ? "1" : "2", 1);
  suite_catch_errors();
  handle_faults();
  make_ballast();
  gc_collect(); /* or what is mapped for the first one might fill a gap */
  struct fence fence = {places[place](), PAGES};
  if (!build(&fence, guards[guard])) {
    printf("guards: left out, since this system has no such guards\n");
    return;
  }
  verify(&fence);
  if (guard != 3) expect_guards(&fence);
  bool told = strstr(suite_caught(), "is not mapped any more") != NULL;
  ck_assert(told == (guard == 3));
}
END_TEST

START_TEST(more_than_are_opened_at_a_time) {
  setenv("GLEANER_MARKERS", _i == 0 ? "1" : "2", 1);
  handle_faults();
  struct fence fence = {place_in_array(), MANY_PAGES};
  expect(build(&fence, guard_by_mprotect));
  verify(&fence);
  expect_guards(&fence);
}
END_TEST

/* The program's handler is there between two collections, and what is sent
   meanwhile gets there too. */
static volatile sig_atomic_t sent, changed;

static void on_sent(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  sent++;
  changed += info->si_code != SI_TIMER || info->si_value.sival_int != 77;
}

START_TEST(sent_on) {
  struct sigaction action = {.sa_sigaction = on_sent,
                             .sa_flags = SA_SIGINFO | SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = SIGSEGV,
                           .sigev_value.sival_int = 77};
  struct itimerspec often = {{0, 200000}, {0, 200000}};
  timer_t timer;
  sigaction(SIGSEGV, &action, NULL);
  make_ballast();
  expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  expect(timer_settime(timer, 0, &often, NULL) == 0);
  uint64_t end_ns = suite_now_ns() + 500000000;
  while (suite_now_ns() < end_ns) gc_collect();
  timer_delete(timer);
  ck_assert_int_ge(sent, 20);
  ck_assert_int_eq(changed, 0);
}
END_TEST

/* What the program holds back stays there: no thread of the library takes it,
   and a collection does not let it through. */
static void hold_back(int how, int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(how, &set, NULL);
}

static bool walk_on(const struct gc_walk_item *item, void *data) {
  (void)item;
  (void)data;
  return true;
}

START_TEST(held_back) {
  struct sigaction action = {.sa_sigaction = on_sent, .sa_flags = SA_SIGINFO};
  sigset_t pending;
  setenv("GLEANER_MARKERS", _i % 2 == 0 ? "1" : "2", 1);
  sigaction(SIGSEGV, &action, NULL);
  if (_i / 2 != 0) hold_back(SIG_BLOCK, SIGSEGV); /* before there are helpers */
  make_ballast();
  gc_collect();
  usleep(20000); /* helpers are asleep */
  hold_back(SIG_BLOCK, SIGSEGV);
  gc_collect();
  for (int i = 0; i < 3; i++) {
    kill(getpid(), SIGSEGV);
    gc_collect();
    gc_heap_walk(walk_on, NULL);
    sigpending(&pending);
    ck_assert_int_eq(sigismember(&pending, SIGSEGV), 1);
    ck_assert_int_eq(sent, i);
    hold_back(SIG_UNBLOCK, SIGSEGV);
    ck_assert_int_eq(sent, i + 1);
    hold_back(SIG_BLOCK, SIGSEGV);
    gc_collect();
  }
}
END_TEST

/* What is no guard is a fault as ever. */
START_TEST(true_faults_stay) {
  char *nowhere = (char *)((uintptr_t)0x00ff << 48);
  if (!gc_add_roots(nowhere, nowhere + PAGE_BYTES)) raise(SIGSEGV);
  gc_collect();
}
END_TEST

START_TEST(true_faults_go_to_the_program) {
  char *nowhere = (char *)((uintptr_t)0x00ff << 48);
  handle_faults();
  if (sigsetjmp(after_fault, 1) == 0) {
    expect(gc_add_roots(nowhere, nowhere + PAGE_BYTES));
    gc_collect();
  }
  _exit(faults == 1 ? 0 : 1);
}
END_TEST

/* A thread is on a stack of its own making, and on its first one the library's
   guards are marks, as the C library has them since glibc 2.42. */
static ucontext_t first, other;
static volatile int turn; /* 1: on the other stack; 2: go back */
static uintptr_t on_first;

static void stay_on_other(void) {
  turn = 1;
  while (turn == 1) usleep(1000);
}

static void *go_to_other(void *stack) {
  void *volatile object[1];
  on_first = make_object((void *)object, 5);
  getcontext(&other);
  other.uc_stack.ss_sp = stack;
  other.uc_stack.ss_size = 16 * PAGE_BYTES;
  other.uc_link = &first;
  makecontext(&other, stay_on_other, 0);
  swapcontext(&first, &other);
  return object[0];
}

static char *map_stack(size_t pages) {
  char *p = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(p != MAP_FAILED);
  return p;
}

START_TEST(marked_below_a_stack) {
  pthread_attr_t attr;
  pthread_t thread;
  char *stack = map_stack(64);
  if (!guard_by_mark(stack)) {
    printf("guards: left out, since this system has no such guards\n");
    return;
  }
  pthread_attr_init(&attr);
  expect(pthread_attr_setstack(&attr, stack, 64 * PAGE_BYTES) == 0);
  expect(pthread_create(&thread, &attr, go_to_other, map_stack(16)) == 0);
  while (turn == 0) usleep(1000);
  api_deep(flood, NULL);
  ck_assert(suite_is_filled(api_reveal(on_first), OBJECT_BYTES, 5));
  turn = 2;
  pthread_join(thread, NULL);
  handle_faults();
  ck_assert(!can_be_read(stack));
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("guards");
  tcase_add_loop_test(tests, amid_roots_and_blocks, 0, 2 * PLACES * GUARDS);
  tcase_add_loop_test(tests, more_than_are_opened_at_a_time, 0, 2);
  tcase_add_test(tests, sent_on);
  tcase_add_loop_test(tests, held_back, 0, 4);
  tcase_add_test_raise_signal(tests, true_faults_stay, SIGSEGV);
  tcase_add_exit_test(tests, true_faults_go_to_the_program, 0);
  tcase_add_test(tests, marked_below_a_stack);
  return suite_end();
}
