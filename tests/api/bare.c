/* SPDX-License-Identifier: MIT */
/*
 * bare.c: collections in a process that lacks something: file descriptors, a
 * main thread, a moment without threads of the kernel that end.  Nothing is
 * lost, and nothing hangs, whether there can be a collection or not.
 */
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

#define CHILD_SECONDS 20
#define NODES 1000

struct node {
  struct node *next;
  long number;
};

/* The only pointer is on the stack of whoever calls. */
static struct node *build(void) {
  struct node *list = NULL;
  for (long i = 0; i < NODES; i++) {
    struct node *node = gc_malloc(sizeof *node);
    expect(node != NULL);
    *node = (struct node){list, i};
    list = node;
  }
  return list;
}

static bool is_whole(const struct node *list) {
  long number = NODES;
  for (; list != NULL; list = list->next)
    if (list->number != --number) return false;
  return number == 0;
}

/* What was freed is written over. */
static void flood(void) {
  for (int i = 0; i < 100000; i++) {
    void *p = gc_malloc(sizeof(struct node));
    expect(p != NULL);
    memset(p, 0xDB, sizeof(struct node));
  }
}

static void take_descriptors(void) {
  struct rlimit none = {0, 0};
  expect(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

static uint64_t collections(void) { return suite_stats().collections; }

/* ----------------------------------------------------- a thread with a list */

enum { BEGIN, READY, FINISH };
static atomic_int step;

static void await(int wanted) {
  while (atomic_load(&step) < wanted) sched_yield();
}

static void *hold(void *blocks_signals) {
  struct node *volatile list = build();
  sigset_t all;
  sigfillset(&all);
  if (blocks_signals != NULL)
    expect(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
  atomic_store(&step, READY);
  await(FINISH);
  return is_whole(list) ? blocks_signals : &step;
}

static pthread_t start_holder(bool blocks_signals) {
  pthread_t thread;
  expect(pthread_create(&thread, NULL, hold,
                        blocks_signals ? &thread : NULL) == 0);
  await(READY);
  return thread;
}

static void finish(pthread_t thread) {
  void *result;
  atomic_store(&step, FINISH);
  expect(pthread_join(thread, &result) == 0);
  ck_assert_ptr_ne(result, &step);
}

/* ------------------------------------------------------ without descriptors */

/* There is none, since others cannot be listed; or it finds all stacks. */
START_TEST(no_descriptors_beside_a_thread) {
  expect(gc_malloc(1) != NULL);
  pthread_t thread = start_holder(_i == 1);
  take_descriptors();
  gc_collect();
  flood();
  finish(thread);
}
END_TEST

START_TEST(no_descriptors_alone) {
  struct node *volatile list = build();
  take_descriptors();
  uint64_t before = collections();
  gc_collect();
  ck_assert_uint_eq(collections(), before + 1);
  flood();
  ck_assert(is_whole(list));
}
END_TEST

/* As daemons do. */
static void reset_signals(void) {
  for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
    signal(number, SIG_DFL);
}

/* A fork goes on, however it is with the thread; and with the library's signal,
   which kills where it has no handler. */
START_TEST(no_descriptors_at_a_fork) {
  int status;
  expect(gc_malloc(1) != NULL);
  pthread_t thread = start_holder((_i & 1) != 0);
  take_descriptors();
  if ((_i & 2) != 0) reset_signals();
  pid_t child = fork();
  if (child == 0) _exit(0);
  expect(waitpid(child, &status, 0) == child);
  ck_assert_int_eq(status, 0);
  finish(thread);
}
END_TEST

_Noreturn static void be_child(const struct node *list) {
  alarm(CHILD_SECONDS);
  uint64_t before = collections();
  gc_collect();
  expect(collections() == before + 1);
  flood();
  _exit(!is_whole(list));
}

static void *fork_alone(void *status) {
  take_descriptors();
  struct node *volatile list = build();
  pid_t child = fork();
  if (child == 0) be_child(list);
  expect(waitpid(child, status, 0) == child);
  return NULL;
}

/* Whose only thread is on a stack that it has to find. */
START_TEST(no_descriptors_in_a_child) {
  pthread_t thread;
  int status = -1;
  expect(gc_malloc(1) != NULL);
  expect(pthread_create(&thread, NULL, fork_alone, &status) == 0);
  expect(pthread_join(thread, NULL) == 0);
  ck_assert_int_eq(status, 0);
}
END_TEST

/* ------------------------------------------------------ without main thread */

#define DONE 7 /* what the process exits with */

static atomic_int held;

static void *hold_on(void *data) {
  struct node *volatile list = build();
  atomic_fetch_add(&held, 1);
  await(FINISH);
  if (!is_whole(list)) _exit(1);
  atomic_fetch_sub(&held, 1);
  return data;
}

/* Nobody's stack was asked for before the main thread was gone. */
static bool main_has_ended(void) {
  char path[] = "/proc/self/stat", text[400] = "";
  FILE *file = fopen(path, "r");
  expect(file != NULL);
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  const char *state = n > 0 ? strrchr(text, ')') : NULL;
  return state != NULL && state[2] == 'Z';
}

static void *collect_alone(void *data) {
  bool bare = data != NULL;
  while (!main_has_ended() || atomic_load(&held) < 2) sched_yield();
  struct node *volatile list = build();
  if (bare) take_descriptors();
  uint64_t before = collections();
  gc_collect();
  if (!bare && collections() != before + 1) _exit(2);
  flood();
  if (!is_whole(list)) _exit(3);
  atomic_store(&step, FINISH);
  while (atomic_load(&held) > 0) sched_yield();
  _exit(DONE);
}

START_TEST(after_the_main_thread) {
  pthread_t threads[3];
  expect(gc_init());
  for (int i = 0; i < 2; i++)
    expect(pthread_create(&threads[i], NULL, hold_on, NULL) == 0);
  expect(pthread_create(&threads[2], NULL, collect_alone,
                        _i == 1 ? &held : NULL) == 0);
  pthread_exit(NULL);
}
END_TEST

/* ------------------------------------------- threads of the kernel that end */

#define RINGS 4
#define ROUNDS 100

static atomic_ulong beats;
static atomic_int blocked, wanted; /* of the slow thread: 1 blocks signals */
static atomic_bool stop_beating;

/* It blocks its signals at times, so that a stop takes a while. */
static void *be_slow(void *data) {
  sigset_t all;
  sigfillset(&all);
  expect(gc_malloc(8) != NULL);
  for (int want; (want = atomic_load(&wanted)) >= 0;) {
    expect(pthread_sigmask(want == 1 ? SIG_BLOCK : SIG_UNBLOCK, &all, NULL) ==
           0);
    atomic_store(&blocked, want);
    while (atomic_load(&wanted) == want) continue;
  }
  return data;
}

static void slow_down(int want) {
  atomic_store(&wanted, want);
  while (want >= 0 && atomic_load(&blocked) != want) sched_yield();
}

static void *beat(void *data) {
  while (!atomic_load(&stop_beating)) atomic_fetch_add(&beats, 1);
  return data;
}

static void sleep_us(size_t us) {
  struct timespec time = {0, (long)us * 1000};
  nanosleep(&time, NULL);
}

/* In a stopped world: nobody beats. */
static bool watch(const struct gc_walk_item *item, void *data) {
  (void)item;
  unsigned long before = atomic_load(&beats);
  uint64_t start_ns = suite_now_ns();
  while (suite_now_ns() - start_ns < 300000) continue;
  *(bool *)data |= atomic_load(&beats) != before;
  return false;
}

static bool is_still(void) {
  bool heard = false;
  gc_heap_walk(watch, &heard);
  return !heard;
}

static bool make_rings(int *rings) {
  for (int i = 0; i < RINGS; i++) {
    struct io_uring_params params = {.flags = IORING_SETUP_SQPOLL,
                                     .sq_thread_idle = 1};
    rings[i] = (int)syscall(SYS_io_uring_setup, 8, &params);
    if (rings[i] < 0) return false;
  }
  return true;
}

/* They are counted with the others, and one that was there a moment ago must
   not stand for a thread that is not known. */
START_TEST(kernel_threads_that_end) {
  pthread_t slow, beating;
  int rings[RINGS];
  expect(gc_malloc(1) != NULL);
  expect(pthread_create(&slow, NULL, be_slow, NULL) == 0);
  for (int round = 0; round < ROUNDS; round++) {
    if (!make_rings(rings)) {
      printf("bare: left out, for want of io_uring\n");
      break;
    }
    slow_down(0);
    ck_assert(is_still()); /* now the kernel's threads are known */
    slow_down(1);
    for (int i = 0; i < RINGS; i++) close(rings[i]);
    sleep_us(suite_below(12000));
    atomic_store(&stop_beating, false);
    expect(pthread_create(&beating, NULL, beat, NULL) == 0);
    bool still = is_still();
    atomic_store(&stop_beating, true);
    expect(pthread_join(beating, NULL) == 0);
    ck_assert(still);
  }
  slow_down(-1);
  expect(pthread_join(slow, NULL) == 0);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("bare");
  tcase_add_loop_test(tests, no_descriptors_beside_a_thread, 0, 2);
  tcase_add_test(tests, no_descriptors_alone);
  tcase_add_loop_test(tests, no_descriptors_at_a_fork, 0, 4);
  tcase_add_test(tests, no_descriptors_in_a_child);
  tcase_add_loop_exit_test(tests, after_the_main_thread, DONE, 0, 2);
  tcase_add_test(tests, kernel_threads_that_end);
  return suite_end();
}
