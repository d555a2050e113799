/* SPDX-License-Identifier: MIT */
/*
 * threads.c: the only reference to an object belongs to another thread: it is
 * in one of its registers while it spins, on its stack, in its red zone, its
 * thread-local storage, its pthread keys, on its alternate signal stack or on
 * the stack beneath that.  But for one case the thread never calls the
 * library.
 */
#include "live.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <threads.h>
#include <unistd.h>

enum { HOLDER_STARTED, HOLDER_READY, HOLDER_DONE };

/* What the holding thread is told.  The state is an int by itself, because the
   functions of registers.S write it. */
struct holder {
  struct live_trial *trial;
  void (*body)(struct holder *holder);
  int state;
  int pipe[2]; /* the thread reads, the test writes when it is done */
};

static void set_state(struct holder *holder, int state) {
  __atomic_store_n(&holder->state, state, __ATOMIC_RELEASE);
}

static int get_state(struct holder *holder) {
  return __atomic_load_n(&holder->state, __ATOMIC_ACQUIRE);
}

static void run_holder(void *data) {
  struct holder *holder = data;
  holder->body(holder);
}

/* Sleep in the kernel until the test is done.  A collection must not disturb
   the read. */
API_NOINLINE static void sleep_until_done(struct holder *holder) {
  char byte;
  api_scrub();
  set_state(holder, HOLDER_READY);
  API_CHECK(read(holder->pipe[0], &byte, 1) == 1);
}

/* ---------------------------------------------------------- kinds of thread */

static void *pthread_main(void *data) {
  run_holder(data);
  return NULL;
}

static int thrd_main(void *data) {
  run_holder(data);
  return 0;
}

#ifdef LIVE_CXX
/* Runs in a thread of the test's own that starts the std::thread: which is
   waited for there. */
static void *std_thread_main(void *data) {
  API_CHECK(live_std_thread(run_holder, data));
  return NULL;
}
#endif

static void judge_while_held(struct holder *holder) {
  while (get_state(holder) != HOLDER_READY) sched_yield();
  live_judge(holder->trial);
  set_state(holder, HOLDER_DONE);
  API_CHECK(write(holder->pipe[1], "", 1) == 1);
}

static void open_holder(struct holder *holder, struct live_trial *trial,
                        void (*body)(struct holder *)) {
  *holder = (struct holder){.trial = trial, .body = body};
  API_CHECK(pipe(holder->pipe) == 0);
}

static void close_holder(struct holder *holder) {
  close(holder->pipe[0]);
  close(holder->pipe[1]);
}

static void hold_by(struct live_trial *trial, void (*body)(struct holder *),
                    void *(*main_function)(void *)) {
  struct holder holder;
  pthread_t thread;
  open_holder(&holder, trial, body);
  API_CHECK(pthread_create(&thread, NULL, main_function, &holder) == 0);
  judge_while_held(&holder);
  API_CHECK(pthread_join(thread, NULL) == 0);
  close_holder(&holder);
}

/* ------------------------------------------------------------------- stacks */

static void keep_on_stack(struct holder *holder) {
  volatile uintptr_t word;
  live_put(holder->trial, &word);
  sleep_until_done(holder);
  word = 0;
}

static void keep_on_stack_after_use(struct holder *holder) {
  void *volatile own = NULL;
  for (int i = 0; i < 100; i++) own = gc_malloc(48);
  API_CHECK(own != NULL);
  own = NULL;
  keep_on_stack(holder);
}

static void hold_stack(struct live_trial *t) {
  hold_by(t, keep_on_stack, pthread_main);
}

static void hold_stack_after_use(struct live_trial *t) {
  hold_by(t, keep_on_stack_after_use, pthread_main);
}

static void hold_thrd(struct live_trial *t) {
  struct holder holder;
  thrd_t thread;
  open_holder(&holder, t, keep_on_stack);
  API_CHECK(thrd_create(&thread, thrd_main, &holder) == thrd_success);
  judge_while_held(&holder);
  API_CHECK(thrd_join(thread, NULL) == thrd_success);
  close_holder(&holder);
}

#ifdef LIVE_CXX
static void hold_std(struct live_trial *t) {
  hold_by(t, keep_on_stack, std_thread_main);
}
#endif

/* The test collects in a second thread, and the main thread holds. */
static void *judge_main(void *data) {
  judge_while_held(data);
  return NULL;
}

static void hold_main(struct live_trial *t) {
  struct holder holder;
  pthread_t thread;
  open_holder(&holder, t, keep_on_stack);
  API_CHECK(pthread_create(&thread, NULL, judge_main, &holder) == 0);
  run_holder(&holder);
  API_CHECK(pthread_join(thread, NULL) == 0);
  close_holder(&holder);
}

/* ---------------------------------------- what a thread that ended returns */

static _Atomic pid_t ending;

static void *return_word(void *data) {
  struct live_trial *t = data;
  ending = gettid();
  return (void *)(t->erase ? 0 : ~t->hidden);
}

static void *exit_with_word(void *data) {
  pthread_exit(return_word(data));
}

/* Until it is joined.  On a stack of the program's own as well; that has to be
   there until then. */
static void hold_returned(struct live_trial *t, void *(*body)(void *),
                          bool has_stack) {
  const size_t size = (size_t)256 << 10;
  void *stack = has_stack ? malloc(size) : NULL;
  pthread_attr_t attributes;
  pthread_t thread;
  ending = 0;
  API_CHECK(pthread_attr_init(&attributes) == 0);
  if (has_stack)
    API_CHECK(pthread_attr_setstack(&attributes, stack, size) == 0);
  API_CHECK(pthread_create(&thread, &attributes, body, t) == 0);
  while (ending == 0 || tgkill(getpid(), ending, 0) == 0) sched_yield();
  live_judge(t);
  void *returned = NULL;
  API_CHECK(pthread_join(thread, &returned) == 0);
  API_CHECK((uintptr_t)returned == (t->erase ? 0 : ~t->hidden));
  returned = NULL;
  pthread_attr_destroy(&attributes);
  free(stack);
}

static void hold_return(struct live_trial *t) {
  hold_returned(t, return_word, false);
}

static void hold_exit(struct live_trial *t) {
  hold_returned(t, exit_with_word, false);
}

static void hold_return_on_own_stack(struct live_trial *t) {
  hold_returned(t, return_word, true);
}

/* ----------------------------------------------- thread-local storage, keys */

static _Thread_local volatile uintptr_t in_tls[300];
static pthread_key_t keys[70];

static void keep_in_tls(struct holder *holder) {
  live_put(holder->trial, &in_tls[299]);
  sleep_until_done(holder);
}

static void keep_in_plugin_tls(struct holder *holder) {
  live_put(holder->trial, live_plugin_place("tls"));
  sleep_until_done(holder);
}

static void keep_in_key(struct holder *holder, size_t which) {
  void *word = (void *)~holder->trial->hidden;
  API_CHECK(pthread_setspecific(keys[which], word) == 0);
  word = NULL;
  if (holder->trial->erase) pthread_setspecific(keys[which], NULL);
  sleep_until_done(holder);
}

static void keep_in_first_key(struct holder *holder) {
  keep_in_key(holder, 0);
}
static void keep_in_late_key(struct holder *holder) { keep_in_key(holder, 69); }

static void make_keys(void) {
  static bool made;
  for (size_t i = 0; i < sizeof keys / sizeof *keys && !made; i++)
    API_CHECK(pthread_key_create(&keys[i], NULL) == 0);
  made = true;
}

static void hold_tls(struct live_trial *t) {
  hold_by(t, keep_in_tls, pthread_main);
}

static void hold_plugin_tls(struct live_trial *t) {
  hold_by(t, keep_in_plugin_tls, pthread_main);
}

static void hold_first_key(struct live_trial *t) {
  make_keys();
  hold_by(t, keep_in_first_key, pthread_main);
}

static void hold_late_key(struct live_trial *t) {
  make_keys();
  hold_by(t, keep_in_late_key, pthread_main);
}

/* -------------------------------------------------- alternate signal stacks */

static _Thread_local struct holder *signalled;

static void sleep_in_handler(int number) {
  (void)number;
  sleep_until_done(signalled);
}

static void keep_in_handler(int number) {
  (void)number;
  keep_on_stack(signalled);
}

static void raise_on_signal_stack(struct holder *holder, int number,
                                  void (*handler)(int)) {
  size_t size = (size_t)512 << 10;
  stack_t stack = {.ss_sp = calloc(1, size), .ss_size = size};
  stack_t none = {.ss_flags = SS_DISABLE};
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  API_CHECK(stack.ss_sp != NULL);
  API_CHECK(sigaltstack(&stack, NULL) == 0);
  API_CHECK(sigaction(number, &action, NULL) == 0);
  signalled = holder;
  API_CHECK(raise(number) == 0);
  API_CHECK(sigaltstack(&none, NULL) == 0);
  free(stack.ss_sp);
}

static void keep_on_signal_stack(struct holder *holder) {
  raise_on_signal_stack(holder, SIGUSR1, keep_in_handler);
}

static void keep_beneath_signal_stack(struct holder *holder) {
  volatile uintptr_t word;
  live_put(holder->trial, &word);
  api_scrub();
  raise_on_signal_stack(holder, SIGUSR2, sleep_in_handler);
  word = 0;
}

static void hold_signal_stack(struct live_trial *t) {
  hold_by(t, keep_on_signal_stack, pthread_main);
}

static void hold_beneath_signal_stack(struct live_trial *t) {
  hold_by(t, keep_beneath_signal_stack, pthread_main);
}

/* ---------------------------------------------------------------- registers */

/* In registers.S: hold the address in a place while *state is not 2, which is
   HOLDER_DONE. */
#define SPIN(place)                                                           \
  extern void live_spin_##place(uintptr_t hidden, uintptr_t keep,             \
                                int *state);                                  \
  static void spin_##place(struct holder *holder) {                           \
    api_scrub();                                                              \
    live_spin_##place(holder->trial->hidden,                                  \
                      holder->trial->erase ? 0 : ~(uintptr_t)0,               \
                      &holder->state);                                        \
  }                                                                           \
  static void hold_spin_##place(struct live_trial *t) {                       \
    hold_by(t, spin_##place, pthread_main);                                   \
  }

SPIN(rax)
SPIN(rbx)
SPIN(rcx)
SPIN(rdx)
SPIN(rsi)
SPIN(rdi)
SPIN(rbp)
SPIN(r8)
SPIN(r9)
SPIN(r10)
SPIN(r11)
SPIN(r12)
SPIN(r13)
SPIN(r14)
SPIN(r15)
SPIN(xmm0)
SPIN(xmm7)
SPIN(xmm15)
SPIN(xmm3_high)
SPIN(red_zone_near)
SPIN(red_zone_far)
SPIN(ymm9_high)

static void hold_ymm(struct live_trial *t) {
  if (__builtin_cpu_supports("avx")) {
    hold_spin_ymm9_high(t);
  } else {
    printf("(no AVX: nothing to test) ");
    t->survived = !t->erase;
  }
}

const struct live_case live_threads[] = {
    {"thread stack", hold_stack, LIVE_FIRST},
    {"thread stack middle", hold_stack, LIVE_MIDDLE},
    {"thread stack one past end", hold_stack, LIVE_PAST},
    {"thread stack after use", hold_stack_after_use, LIVE_FIRST},
    {"thread of thrd_create", hold_thrd, LIVE_FIRST},
#ifdef LIVE_CXX
    {"thread of std::thread", hold_std, LIVE_FIRST},
#endif
    {"main thread from another", hold_main, LIVE_FIRST},
    {"return value", hold_return, LIVE_FIRST},
    {"return value middle", hold_return, LIVE_MIDDLE},
    {"pthread_exit value", hold_exit, LIVE_FIRST},
    {"return value on own stack", hold_return_on_own_stack, LIVE_FIRST},
    {"thread tls", hold_tls, LIVE_FIRST},
    {"thread plugin tls", hold_plugin_tls, LIVE_FIRST},
    {"thread key", hold_first_key, LIVE_FIRST},
    {"thread key above 32", hold_late_key, LIVE_FIRST},
    {"thread signal stack", hold_signal_stack, LIVE_FIRST},
    {"thread beneath signal stack", hold_beneath_signal_stack, LIVE_FIRST},
    {"thread register rax", hold_spin_rax, LIVE_FIRST},
    {"thread register rbx", hold_spin_rbx, LIVE_FIRST},
    {"thread register rcx", hold_spin_rcx, LIVE_FIRST},
    {"thread register rdx", hold_spin_rdx, LIVE_FIRST},
    {"thread register rsi", hold_spin_rsi, LIVE_FIRST},
    {"thread register rdi", hold_spin_rdi, LIVE_FIRST},
    {"thread register rbp", hold_spin_rbp, LIVE_FIRST},
    {"thread register r8", hold_spin_r8, LIVE_FIRST},
    {"thread register r9", hold_spin_r9, LIVE_FIRST},
    {"thread register r10", hold_spin_r10, LIVE_FIRST},
    {"thread register r11", hold_spin_r11, LIVE_FIRST},
    {"thread register r12", hold_spin_r12, LIVE_FIRST},
    {"thread register r13", hold_spin_r13, LIVE_FIRST},
    {"thread register r14", hold_spin_r14, LIVE_FIRST},
    {"thread register r15", hold_spin_r15, LIVE_FIRST},
    {"thread register rax past", hold_spin_rax, LIVE_PAST},
    {"thread register xmm0", hold_spin_xmm0, LIVE_FIRST},
    {"thread register xmm7", hold_spin_xmm7, LIVE_FIRST},
    {"thread register xmm15", hold_spin_xmm15, LIVE_FIRST},
    {"thread register xmm3 high", hold_spin_xmm3_high, LIVE_FIRST},
    {"thread register ymm9 high", hold_ymm, LIVE_FIRST},
    {"thread red zone -8", hold_spin_red_zone_near, LIVE_FIRST},
    {"thread red zone -128", hold_spin_red_zone_far, LIVE_FIRST},
    {NULL, NULL, LIVE_FIRST},
};
