/* SPDX-License-Identifier: MIT */
/*
 * calls.c: stress of what a stop does to system calls of the program: nothing.
 * Those that end by themselves take their time and no longer, those that wait
 * go on waiting, and none fails with EINTR; but where a handler of the program
 * has run, they do.
 */
#include "stress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 6

/* -------------------------------------------- calls that a stop interrupts */

#define CALL_NS 30000000

static const struct timespec call_time = {0, CALL_NS};
static sem_t never_posted;
static int quiet_pipe[2], quiet_poll, busy_pipe[2], busy_poll;
static int queue, semaphores;
static uint64_t calls;

static struct timespec call_end(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_nsec += CALL_NS;
  now.tv_sec += now.tv_nsec / 1000000000;
  now.tv_nsec %= 1000000000;
  return now;
}

static int call_nanosleep(void) { return nanosleep(&call_time, NULL); }

/* From code that is on two pages: the number of the call on the first. */
static int (*stub)(const struct timespec *time, struct timespec *left);

static void make_stub(void) {
  static const unsigned char code[] = {0xb8, SYS_nanosleep, 0,    0,
                                       0,    0x0f,          0x05, 0xc3};
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  API_CHECK(pages != MAP_FAILED);
  memcpy(pages + 4096 - 5, code, sizeof code);
  *(void **)&stub = pages + 4096 - 5;
}

static int call_stub(void) { return stub(&call_time, NULL); }

static int call_usleep(void) { return usleep(CALL_NS / 1000); }

static int call_sleep_until(void) {
  struct timespec end = call_end();
  return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL);
}

static int call_poll(void) {
  struct pollfd fd = {quiet_pipe[0], POLLIN, 0};
  return poll(&fd, 1, CALL_NS / 1000000);
}

static int call_ppoll(void) {
  struct pollfd fd = {quiet_pipe[0], POLLIN, 0};
  return ppoll(&fd, 1, &call_time, NULL);
}

static int call_select(void) {
  struct timeval time = {0, CALL_NS / 1000};
  fd_set set;
  FD_ZERO(&set);
  FD_SET(quiet_pipe[0], &set);
  return select(quiet_pipe[0] + 1, &set, NULL, NULL, &time);
}

static int call_pselect(void) {
  return pselect(0, NULL, NULL, NULL, &call_time, NULL);
}

static int call_sem_timedwait(void) {
  struct timespec end = call_end();
  int result = sem_timedwait(&never_posted, &end);
  API_CHECK(result == -1);
  return errno == ETIMEDOUT ? 0 : -1;
}

/* Each takes at least its time, not much more however often it is stopped, and
   never fails. */
static void check_timed(int (*call)(void)) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  int result = call();
  if (result != 0) perror("a call that takes its time");
  API_CHECK(result == 0);
  clock_gettime(CLOCK_MONOTONIC, &to);
  int64_t ns =
      (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
  API_CHECK(ns >= CALL_NS - 2000000 && ns < 5000000000);
  __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

static void call_timed(size_t number) {
  int (*const all[])(void) = {
      call_nanosleep, call_usleep,  call_sleep_until,   call_poll, call_ppoll,
      call_select,    call_pselect, call_sem_timedwait, call_stub};
  struct stress_tree *tree = stress_make_tree(DEPTH, number);
  while (!stress_is_done()) check_timed(all[number]);
  stress_check_tree(tree, DEPTH, number);
}

static int wait_poll(void) {
  struct pollfd fd = {busy_pipe[0], POLLIN, 0};
  return poll(&fd, 1, -1);
}

static int wait_epoll(void) {
  struct epoll_event event;
  return epoll_wait(busy_poll, &event, 1, -1);
}

static int wait_queue(void) {
  struct {
    long type;
    char text[8];
  } message;
  return msgrcv(queue, &message, sizeof message.text, 0, 0) >= 0 ? 1 : -1;
}

static int wait_semaphore(void) {
  struct sembuf down = {0, -1, 0};
  return semop(semaphores, &down, 1) == 0 ? 1 : -1;
}

/* Without an end: they come back when there is something. */
static void call_untimed(size_t number) {
  int (*const all[])(void) = {wait_poll, wait_epoll, wait_queue,
                              wait_semaphore};
  struct stress_tree *tree = stress_make_tree(DEPTH, number);
  while (!stress_is_done()) {
    int result = all[number]();
    if (result != 1) perror("a call that waits");
    API_CHECK(result == 1);
    char byte;
    if (number < 2 && read(busy_pipe[0], &byte, 1) < 0)
      API_CHECK(errno == EAGAIN);
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
  }
  stress_check_tree(tree, DEPTH, number);
}

/* Such a thread is stopped by tracing. */
static void call_untimed_held_back(size_t number) {
  sigset_t all;
  sigfillset(&all);
  API_CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
  call_untimed(number);
}

static void wake_untimed(void) {
  struct {
    long type;
    char text[8];
  } message = {1, "hello"};
  struct sembuf up = {0, 2, 0};
  API_CHECK(write(busy_pipe[1], "1234", 4) == 4);
  for (int i = 0; i < 2; i++)
    API_CHECK(msgsnd(queue, &message, sizeof message.text, 0) == 0);
  API_CHECK(semop(semaphores, &up, 1) == 0);
}

static void wake_often(size_t number) {
  (void)number;
  while (!stress_is_done()) {
    wake_untimed();
    stress_sleep_us(20000);
  }
  for (int i = 0; i < 16; i++) wake_untimed();
}

static void open_calls(void) {
  struct epoll_event event = {.events = EPOLLIN};
  API_CHECK(sem_init(&never_posted, 0, 0) == 0);
  API_CHECK(pipe(quiet_pipe) == 0 && pipe2(busy_pipe, O_NONBLOCK) == 0);
  quiet_poll = epoll_create1(0);
  busy_poll = epoll_create1(0);
  API_CHECK(epoll_ctl(busy_poll, EPOLL_CTL_ADD, busy_pipe[0], &event) == 0);
  queue = msgget(IPC_PRIVATE, 0600);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  make_stub();
  API_CHECK(queue >= 0 && semaphores >= 0);
}

static void run_calls(void) {
  open_calls();
  stress_start(9, call_timed);
  stress_start(4, call_untimed);
  stress_start(4, call_untimed_held_back);
  stress_start(1, wake_often);
  stress_collect_until_done();
  stress_join();
  API_CHECK(msgctl(queue, IPC_RMID, NULL) == 0);
  API_CHECK(semctl(semaphores, 0, IPC_RMID) == 0);
  printf("%llu calls\n", (unsigned long long)calls);
}

/* ------------------------------------ but signals of the program interrupt */

static uint64_t taken_signals, returned;

static void on_user(int number) {
  (void)number;
  __atomic_fetch_add(&taken_signals, 1, __ATOMIC_RELAXED);
}

static void sleep_for_good(size_t number) {
  struct stress_tree *tree = stress_make_tree(DEPTH, number);
  while (!stress_is_done()) {
    struct pollfd fd = {quiet_pipe[0], POLLIN, 0};
    struct timespec hour = {3600, 0};
    int result = number == 0   ? poll(&fd, 1, 3600000)
                 : number == 1 ? nanosleep(&hour, NULL)
                               : pause();
    API_CHECK(result == -1 && errno == EINTR);
    __atomic_fetch_add(&returned, 1, __ATOMIC_RELAXED);
  }
  stress_check_tree(tree, DEPTH, number);
}

static pthread_t sleepers[3];

static void *sleeper(void *data) {
  sleep_for_good((size_t)(pthread_t *)data);
  return NULL;
}

/* Wake any of them, again after 50 ms: the signal came between two calls, or the
   machine is busy. */
static void wake_sleepers(size_t number) {
  (void)number;
  for (size_t i = 0; i < 3; i++)
    API_CHECK(pthread_create(&sleepers[i], NULL, sleeper, (void *)i) == 0);
  while (!stress_is_done()) {
    uint64_t before = __atomic_load_n(&returned, __ATOMIC_RELAXED);
    API_CHECK(pthread_kill(sleepers[stress_random() % 3], SIGUSR1) == 0);
    for (int i = 0; i < 500 && !stress_is_done(); i++) {
      if (__atomic_load_n(&returned, __ATOMIC_RELAXED) != before) break;
      stress_sleep_us(100);
    }
  }
  for (size_t i = 0; i < 3; i++)
    while (pthread_tryjoin_np(sleepers[i], NULL) != 0) {
      API_CHECK(pthread_kill(sleepers[i], SIGUSR1) == 0);
      stress_sleep_us(1000);
    }
}

static void run_woken(void) {
  struct sigaction action = {.sa_handler = on_user, .sa_flags = SA_RESTART};
  open_calls();
  API_CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  stress_start(1, wake_sleepers);
  stress_start(1, stress_allocate);
  stress_collect_until_done();
  stress_join();
  API_CHECK(returned * 2 > taken_signals);
  printf("%llu of %llu signals woke\n", (unsigned long long)returned,
         (unsigned long long)taken_signals);
}

const struct stress_case stress_calls[] = {
    {"calls", run_calls},
    {"woken", run_woken},
    {NULL, NULL},
};
