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

/* Sleeps until a handler has run: one that runs first is not missed, since the
   signal is held back.  Collections may interrupt it. */
static int wait_for_signal(const bool *has_come) {
  sigset_t set, before;
  int result = -1;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  API_CHECK(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
  while (!__atomic_load_n(has_come, __ATOMIC_RELAXED))
    result = sigsuspend(&before);
  API_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  errno = EINTR;
  return result;
}

#define SLEEPERS 4
#define PAUSING 3

/* A thread that sleeps for good, and what signals have come of it. */
static struct sleeper {
  pthread_t thread;
  size_t number;
  bool sleeping;  /* it is about to, does, or did */
  bool disturbed; /* a signal has come in its sleep, which has to end then */
  uint64_t taken, woken, lost;
} sleepers[SLEEPERS];

static __thread struct sleeper *self;

/* A system call has just failed with EINTR where the signal came. */
static bool is_behind_call(const ucontext_t *context) {
#ifdef __x86_64__
  return context->uc_mcontext.gregs[REG_RAX] == -EINTR;
#else
  (void)context;
  return true;
#endif
}

/* A signal that comes just before the call is no matter of ours. */
static void on_user(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  if (self->sleeping && is_behind_call(context)) self->disturbed = true;
  __atomic_fetch_add(&self->taken, 1, __ATOMIC_RELEASE);
}

static int sleep_for_good(void) {
  struct pollfd fd = {quiet_pipe[0], POLLIN, 0};
  struct timespec hour = {3600, 0};
  switch (self->number) {
    case 0: return poll(&fd, 1, 3600000);
    case 1: return nanosleep(&hour, NULL);
    case PAUSING: return pause();
    default: return wait_for_signal(&self->disturbed);
  }
}

static void *sleep_often(void *data) {
  self = data;
  struct stress_tree *tree = stress_make_tree(DEPTH, self->number);
  while (!stress_is_done()) {
    __atomic_store_n(&self->sleeping, true, __ATOMIC_RELEASE);
    int result = sleep_for_good();
    __atomic_store_n(&self->sleeping, false, __ATOMIC_RELAXED);
    API_CHECK(result == -1 && errno == EINTR);
    __atomic_store_n(&self->disturbed, false, __ATOMIC_RELAXED);
    __atomic_fetch_add(&self->woken, 1, __ATOMIC_RELEASE);
  }
  stress_check_tree(tree, DEPTH, self->number);
  return NULL;
}

/* Until it has run the handler, and has returned from the call if that was
   interrupted.  From pause it need not, if a stop came with the end of the
   handler: taken after a second for one that has not. */
static void wake(struct sleeper *one) {
  uint64_t taken = one->taken;
  uint64_t woken = __atomic_load_n(&one->woken, __ATOMIC_ACQUIRE);
  API_CHECK(pthread_kill(one->thread, SIGUSR1) == 0);
  while (__atomic_load_n(&one->taken, __ATOMIC_ACQUIRE) == taken)
    stress_sleep_us(100);
  for (int i = 0; __atomic_load_n(&one->disturbed, __ATOMIC_RELAXED) &&
                  __atomic_load_n(&one->woken, __ATOMIC_ACQUIRE) == woken;
       i++) {
    if (one->number == PAUSING && i == 10000) {
      one->lost++;
      break;
    }
    stress_sleep_us(100);
  }
}

static void wake_sleepers(size_t number) {
  (void)number;
  for (size_t i = 0; i < SLEEPERS; i++) {
    struct sleeper *one = &sleepers[i];
    one->number = i;
    API_CHECK(pthread_create(&one->thread, NULL, sleep_often, one) == 0);
    while (!__atomic_load_n(&one->sleeping, __ATOMIC_ACQUIRE))
      stress_sleep_us(100);
  }
  while (!stress_is_done()) wake(&sleepers[stress_random() % SLEEPERS]);
  for (size_t i = 0; i < SLEEPERS; i++)
    while (pthread_tryjoin_np(sleepers[i].thread, NULL) != 0) {
      API_CHECK(pthread_kill(sleepers[i].thread, SIGUSR1) == 0);
      stress_sleep_us(1000);
    }
}

/* One that is not woken sleeps on, and hangs the test. */
static void run_woken(void) {
  struct sigaction action = {.sa_sigaction = on_user,
                             .sa_flags = SA_RESTART | SA_SIGINFO};
  open_calls();
  API_CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  stress_start(1, wake_sleepers);
  stress_start(1, stress_allocate);
  stress_collect_until_done();
  stress_join();
  for (size_t i = 0; i < SLEEPERS; i++) {
    API_CHECK(sleepers[i].woken > 0);
    API_CHECK(sleepers[i].lost * 2 <= sleepers[i].woken + 1);
    printf("%llu of %llu signals woke\n", (unsigned long long)sleepers[i].woken,
           (unsigned long long)sleepers[i].taken);
  }
}

const struct stress_case stress_calls[] = {
    {"calls", run_calls},
    {"woken", run_woken},
    {NULL, NULL},
};
