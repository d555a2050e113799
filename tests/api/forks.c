/* SPDX-License-Identifier: MIT */
/*
 * forks.c: a process is forked while another thread is at some point of using
 * the library for the first time, or waits for it.  The child uses the library
 * then.  Threads are brought to that point one after another; none hurries.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define CHILD_SECONDS 20

static pid_t self_tid(void) { return (pid_t)syscall(SYS_gettid); }

/* ------------------------------------------------- the thread that forks */

static _Atomic pid_t forking_tid;
static atomic_bool forked;

/* Wait until the fork is done, or waits for us: true where it waits. */
static bool hold_fork_up(void) {
  while (atomic_load(&forking_tid) == 0) sched_yield();
  while (!atomic_load(&forked)) {
    if (api_is_asleep(atomic_load(&forking_tid))) return true;
    sched_yield();
  }
  return false;
}

_Noreturn static void be_child(void) {
  alarm(CHILD_SECONDS);
  expect(gc_malloc(100) != NULL);
  gc_collect();
  _exit(gc_heap_check() ? 0 : 1);
}

static void fork_and_use(void) {
  int status;
  atomic_store(&forking_tid, self_tid());
  pid_t child = fork();
  if (child == 0) be_child();
  expect(child > 0);
  atomic_store(&forked, true);
  expect(waitpid(child, &status, 0) == child);
  ck_assert_int_eq(status, 0);
}

/* ------------------------------------------------------------ other threads */

struct other {
  pthread_t thread;
  void (*act)(void);
  _Atomic pid_t tid;
  atomic_bool done;
};

static void *other_main(void *data) {
  struct other *other = data;
  atomic_store(&other->tid, self_tid());
  other->act();
  atomic_store(&other->done, true);
  return NULL;
}

static void start(struct other *other, void (*act)(void)) {
  *other = (struct other){.act = act};
  expect(pthread_create(&other->thread, NULL, other_main, other) == 0);
  while (atomic_load(&other->tid) == 0) sched_yield();
}

/* It waits for somebody, or need not. */
static void await_sleep(struct other *other) {
  while (!api_is_asleep(atomic_load(&other->tid))) {
    if (atomic_load(&other->done)) return;
    sched_yield();
  }
}

static void join(struct other *other) {
  expect(pthread_join(other->thread, NULL) == 0);
}

static void await(atomic_bool *flag) {
  while (!atomic_load(flag)) sched_yield();
}

static void use(void) { expect(gc_malloc(100) != NULL); }

/* Has the dynamic linker's lock until the fork is done, or waits for it. */
static atomic_bool lists;

static int hold_listed(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  atomic_store(&lists, true);
  hold_fork_up();
  return 1;
}

static void list(void) { expect(dl_iterate_phdr(hold_listed, NULL) == 1); }

static void fork_while_listed(void) {
  struct other lister;
  start(&lister, list);
  await(&lists);
  fork_and_use();
  join(&lister);
}

/* -------------------------------------------------------------------- tests */

/* Nobody has used it: the child's own first use needs the linker's lock. */
START_TEST(before_the_first_use) { fork_while_listed(); }
END_TEST

/* A thread has the linker's lock, and another waits for it in its first use. */
START_TEST(during_the_first_use) {
  struct other lister, user;
  start(&lister, list);
  await(&lists);
  start(&user, use);
  await_sleep(&user);
  fork_and_use();
  join(&user);
  join(&lister);
}
END_TEST

static int use_listed(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  use();
  return 1;
}

/* The first use was made by a thread that had the linker's lock. */
START_TEST(after_a_first_use_with_the_lock) {
  expect(dl_iterate_phdr(use_listed, NULL) == 1);
  fork_while_listed();
}
END_TEST

/* The set-up makes a key, and waits here. */
static bool holds_set_up;
static atomic_bool sets_up;

int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *));

__attribute__((visibility("default"))) int pthread_key_create(
    pthread_key_t *key, void (*destructor)(void *)) {
  if (holds_set_up) {
    atomic_store(&sets_up, true);
    hold_fork_up();
  }
  return __pthread_key_create(key, destructor);
}

START_TEST(during_the_set_up) {
  struct other user;
  holds_set_up = true;
  start(&user, use);
  await(&sets_up);
  fork_and_use();
  join(&user);
}
END_TEST

/* A lock of the program, which it takes before a fork; a thread allocates with
   it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool locked, waited;

static void lock_program(void) { pthread_mutex_lock(&lock); }

static void unlock_program(void) { pthread_mutex_unlock(&lock); }

static void use_locked(void) {
  lock_program();
  atomic_store(&locked, true);
  atomic_store(&waited, hold_fork_up());
  for (int i = 0; i < 1000; i++) expect(gc_malloc(1000) != NULL);
  unlock_program();
}

START_TEST(with_a_lock_of_the_program) {
  struct other user;
  expect(pthread_atfork(lock_program, unlock_program, unlock_program) == 0);
  use();
  start(&user, use_locked);
  await(&locked);
  fork_and_use();
  join(&user);
  expect(atomic_load(&waited));
}
END_TEST

static void do_nothing(void) { hold_fork_up(); }

/* Nobody can list the threads.  Those of the heap are stopped all the same:
   they have forgotten what they have freed, so what was freed last is not what
   comes next, and no thread has the heap half-way changed in the child. */
START_TEST(without_file_descriptors) {
  struct other user;
  struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  use();
  start(&user, do_nothing);
  expect(setrlimit(RLIMIT_NOFILE, &none) == 0);
  void *freed = gc_malloc(48), *newest = gc_malloc(48);
  expect(freed != NULL && newest != NULL);
  gc_free(freed);
  uintptr_t hidden = api_hide(freed);
  fork_and_use();
  ck_assert_uint_ne(api_hide(gc_malloc(48)), hidden);
  join(&user);
}
END_TEST

/* --------------------------------------------------------- no fork at all */

#define BLOCKS ((size_t)2000)
#define BLOCK_BYTES ((size_t)48)

/* Two threads that used one cache would have each other's blocks.  (Volatile: gcc
   would keep nothing of the array but its address less 8 times the id.) */
static void fill_and_verify(uint64_t id) {
  char **volatile blocks = gc_malloc(BLOCKS * sizeof *blocks);
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < BLOCKS; i++) {
      blocks[i] = gc_malloc(BLOCK_BYTES);
      suite_fill(blocks[i], BLOCK_BYTES, id + i);
    }
    for (size_t i = 0; i < BLOCKS; i++)
      expect(suite_is_filled(blocks[i], BLOCK_BYTES, id + i));
  }
}

static atomic_bool ended;

static void fill_meanwhile(void) {
  while (!atomic_load(&ended)) fill_and_verify(1000000);
}

_Noreturn static void be_clone(bool collect_first) {
  struct other others[2];
  struct gc_stats before = suite_stats();
  uint64_t start_ns = suite_now_ns();
  alarm(CHILD_SECONDS);
  if (collect_first) gc_collect(); /* or the other thread is the first to */
  for (int i = 0; i < 2; i++) start(&others[i], fill_meanwhile);
  for (int i = 0; i < 20; i++) {
    gc_collect();
    fill_and_verify(0);
  }
  atomic_store(&ended, true);
  for (int i = 0; i < 2; i++) join(&others[i]);
  expect(suite_stats().collections >= before.collections + 20);
  expect(suite_is_full() || suite_now_ns() - start_ns < 10000000000u);
  _exit(gc_heap_check() ? 0 : 1);
}

/* A process made by the system call: no handlers have run. */
START_TEST(by_clone) {
  int status;
  if (_i / 2 != 0) gc_collect();
  fill_and_verify(0);
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) be_clone(_i % 2 == 0);
  ck_assert_int_gt(child, 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  fill_and_verify(0);
}
END_TEST

/* ------------------------------------------- by the handler of a signal */

#define HANDLER_FORKS 300

static volatile sig_atomic_t handler_forks, handler_faults;

/* As a handler does that starts another program. */
static void fork_in_handler(int number) {
  int status = -1;
  (void)number;
  pid_t child = fork();
  if (child == 0) {
    alarm(CHILD_SECONDS);
    _exit(7);
  }
  pid_t gone = waitpid(child, &status, 0);
  if (child <= 0 || gone != child || status != 7 << 8) handler_faults++;
  handler_forks++;
}

static void work_until_forked(bool forks) {
  char *kept[64] = {NULL};
  for (size_t i = 0; handler_forks < HANDLER_FORKS; i++) {
    size_t bytes = i % 7 == 0 ? 40000 : i % 500 + 1;
    kept[i % 64] = gc_malloc(bytes);
    suite_fill(kept[i % 64], bytes, i);
    gc_free(kept[(i * 7) % 64]);
    kept[(i * 7) % 64] = NULL;
    if (i % 50 == 0) gc_collect();
    if (forks && i % 3 == 0) fork_and_use();
  }
}

/* It is nearly always in the middle of something of the library's; or of a fork
   that the program makes itself. */
START_TEST(by_a_handler) {
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  const struct itimerval never = {{0, 0}, {0, 0}};
  struct sigaction action = {.sa_handler = fork_in_handler,
                             .sa_flags = SA_RESTART};
  struct other user;
  if (_i == 1) start(&user, fill_meanwhile);
  expect(sigaction(SIGALRM, &action, NULL) == 0);
  expect(setitimer(ITIMER_REAL, &often, NULL) == 0);
  work_until_forked(_i == 2);
  expect(setitimer(ITIMER_REAL, &never, NULL) == 0);
  atomic_store(&ended, true);
  if (_i == 1) join(&user);
  ck_assert_int_eq(handler_faults, 0);
  expect(gc_heap_check());
  fork_and_use();
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("forks");
  tcase_add_test(tests, before_the_first_use);
  tcase_add_test(tests, during_the_first_use);
  tcase_add_test(tests, after_a_first_use_with_the_lock);
  tcase_add_test(tests, during_the_set_up);
  tcase_add_test(tests, with_a_lock_of_the_program);
  tcase_add_test(tests, without_file_descriptors);
  tcase_add_loop_test(tests, by_clone, 0, 4);
  tcase_add_loop_test(tests, by_a_handler, 0, 3);
  return suite_end();
}
