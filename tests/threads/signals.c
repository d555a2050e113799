/* SPDX-License-Identifier: MIT */
/*
 * signals.c: stress of how threads are stopped: signals of the program at
 * 1 kHz, threads that hold all signals back, threads that wait for signals, a
 * program that takes our signal away, cancellation, and the functions that
 * stop the world without collecting.
 */
#include "stress.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define DEPTH 6
#define SIGNAL_STACK_BYTES 65536
#define KEEPERS 500

/* --------------------------------------------------------- signals at 1 kHz */

static uint64_t ticks;

static void on_tick(int number) {
  (void)number;
  int saved = errno;
  __atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
  volatile uintptr_t used[64];
  for (size_t i = 0; i < 64; i++) used[i] = i;
  (void)used[7];
  errno = saved;
}

/* Every other thread takes the signals on a stack of its own. */
static void allocate_on_signal_stack(size_t number) {
  char *stack = malloc(SIGNAL_STACK_BYTES);
  stack_t alternate = {.ss_sp = stack, .ss_size = SIGNAL_STACK_BYTES};
  API_CHECK(stack != NULL);
  if (number % 2 == 0) API_CHECK(sigaltstack(&alternate, NULL) == 0);
  stress_allocate(number);
  alternate.ss_flags = SS_DISABLE;
  API_CHECK(sigaltstack(&alternate, NULL) == 0);
  free(stack);
}

static void run_profile(void) {
  struct sigaction action = {.sa_handler = on_tick,
                             .sa_flags = SA_RESTART | SA_ONSTACK};
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  API_CHECK(sigaction(SIGPROF, &action, NULL) == 0);
  API_CHECK(setitimer(ITIMER_PROF, &often, NULL) == 0);
  stress_start(8, allocate_on_signal_stack);
  stress_collect_until_done();
  stress_join();
  API_CHECK(setitimer(ITIMER_PROF, &never, NULL) == 0);
  API_CHECK(ticks > 0);
  printf("%llu signals\n", (unsigned long long)ticks);
}

/* ---------------------------------------------------- all signals held back */

static void hold_signals(void) {
  sigset_t all;
  sigfillset(&all);
  API_CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
}

/* After it has allocated, and then again and again. */
static void allocate_held_back(size_t number) {
  stress_check_tree(stress_make_tree(DEPTH, number), DEPTH, number);
  hold_signals();
  stress_allocate(number);
}

static struct stress_tree *volatile handed;
static sem_t taken;

/* Never calls the library; the tree is on its stack alone.  One looks at it
   all the time, and two sleep: as long as they wanted to. */
static void keep_held_back(size_t ignored) {
  struct stress_tree *volatile tree = handed;
  struct timespec step = {0, 3000000};
  uint64_t serial = tree->serial;
  sigset_t none;
  (void)ignored;
  handed = NULL;
  hold_signals();
  API_CHECK(sem_post(&taken) == 0);
  sigemptyset(&none);
  while (!stress_is_done()) {
    if (serial == KEEPERS) stress_check_tree(tree, DEPTH, serial);
    if (serial == KEEPERS + 1) API_CHECK(nanosleep(&step, NULL) == 0);
    if (serial == KEEPERS + 2) sigtimedwait(&none, NULL, &step);
  }
  stress_check_tree(tree, DEPTH, serial);
}

API_NOINLINE static void start_keepers(void) {
  API_CHECK(sem_init(&taken, 0, 0) == 0);
  for (uint64_t i = 0; i < 3; i++) {
    handed = stress_make_tree(DEPTH, KEEPERS + i);
    stress_start(1, keep_held_back);
    while (sem_wait(&taken) != 0) continue;
  }
}

static void run_held_back(void) {
  start_keepers();
  api_scrub();
  stress_start(2, allocate_held_back);
  stress_start(2, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

/* Threads that hold signals back for a moment only, over and over. */
static void hold_now_and_then(size_t number) {
  uint64_t serial = (uint64_t)number << 32;
  sigset_t all, before;
  sigfillset(&all);
  while (!stress_is_done()) {
    struct stress_tree *tree = stress_make_tree(DEPTH, ++serial);
    API_CHECK(pthread_sigmask(SIG_BLOCK, &all, &before) == 0);
    if (stress_random() % 4 == 0) stress_sleep_us(8000);
    stress_check_tree(tree, DEPTH, serial);
    stress_check_tree(stress_make_tree(DEPTH, serial), DEPTH, serial);
    API_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (stress_random() % 4 == 0) stress_sleep_us(1000);
    stress_check_tree(tree, DEPTH, serial);
  }
}

static void run_masks(void) {
  stress_start(4, hold_now_and_then);
  stress_start(1, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

/* A thread that waits for any signal: ours must not hang it, nor it us. */
static void wait_for_signals(size_t number) {
  struct stress_tree *tree = stress_make_tree(DEPTH, number);
  struct timespec step = {0, 5000000};
  sigset_t all;
  hold_signals();
  sigfillset(&all);
  while (!stress_is_done()) sigtimedwait(&all, NULL, &step);
  stress_check_tree(tree, DEPTH, number);
}

static void run_waiting(void) {
  stress_start(2, wait_for_signals);
  stress_start(2, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

/* ------------------------------------------------------ our signal is taken */

static void on_any(int number) { (void)number; }

/* The program takes every real-time signal for itself, one time by a handler,
   another by ignoring it. */
static void run_taken(void) {
  stress_start(4, stress_allocate);
  for (int round = 0; round < 4; round++) {
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = round % 2 == 0 ? on_any : SIG_IGN;
    for (int i = 0; i < 3; i++) gc_collect();
    /* SIGRTMIN is left to it. */
    for (int number = SIGRTMIN + 1; number <= SIGRTMAX; number++)
      API_CHECK(sigaction(number, &action, NULL) == 0);
    for (int i = 0; i < 3; i++) gc_collect();
    action.sa_handler = SIG_DFL;
    for (int number = SIGRTMIN + 1; number <= SIGRTMAX; number++)
      API_CHECK(sigaction(number, &action, NULL) == 0);
  }
  stress_collect_until_done();
  stress_join();
}

/* ------------------------------------------------------------- cancellation */

static uint64_t cancelled;

static void check_on_exit(void *data) {
  struct stress_tree *tree = data;
  stress_check_tree(tree, DEPTH, tree->serial);
  stress_check_tree(stress_make_tree(DEPTH, 9), DEPTH, 9);
  __atomic_fetch_add(&cancelled, 1, __ATOMIC_RELAXED);
}

static void *read_until_cancelled(void *data) {
  int fd = *(const int *)data;
  struct stress_tree *tree = stress_make_tree(DEPTH, stress_random() >> 20);
  pthread_cleanup_push(check_on_exit, tree);
  for (char byte;;) API_CHECK(read(fd, &byte, 1) != 0);
  pthread_cleanup_pop(0);
  return NULL;
}

static void cancel_often(size_t number) {
  int ends[2];
  (void)number;
  API_CHECK(pipe(ends) == 0);
  while (!stress_is_done()) {
    pthread_t thread;
    void *result;
    API_CHECK(pthread_create(&thread, NULL, read_until_cancelled, ends) == 0);
    stress_sleep_us((unsigned)(stress_random() % 1000));
    API_CHECK(pthread_cancel(thread) == 0);
    API_CHECK(pthread_join(thread, &result) == 0);
    API_CHECK(result == PTHREAD_CANCELED);
  }
  close(ends[0]);
  close(ends[1]);
}

static void run_cancel(void) {
  stress_start(4, cancel_often);
  stress_start(1, stress_allocate);
  stress_collect_until_done();
  stress_join();
  API_CHECK(cancelled > 0);
  printf("%llu cancelled\n", (unsigned long long)cancelled);
}

/* ------------------------------------------------ stops that do not collect */

static bool count_item(const struct gc_walk_item *item, void *data) {
  (void)item;
  ++*(size_t *)data;
  return true;
}

static void look_often(size_t number) {
  while (!stress_is_done()) {
    size_t count = 0;
    if (number == 0) API_CHECK(gc_heap_check());
    if (number == 1) gc_heap_walk(count_item, &count);
    if (number == 2) gc_trim();
    stress_sleep_us(500);
  }
}

static void run_looks(void) {
  stress_start(3, look_often);
  stress_start(3, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

const struct stress_case stress_signals[] = {
    {"profile", run_profile}, {"held-back", run_held_back},
    {"masks", run_masks},     {"waiting", run_waiting},
    {"taken", run_taken},     {"cancel", run_cancel},
    {"looks", run_looks},     {NULL, NULL},
};
