/* SPDX-License-Identifier: MIT */
/*
 * answer.c: a stop, as the threads see it that are stopped; and the count of
 * their answers, which the collecting thread waits for.
 *
 * The handler answers, and sleeps until the stop is over.  But where it
 * interrupted the allocator (the cache is busy) it only leaves a note, and the
 * thread answers when it leaves the allocator: so no allocation is ever seen
 * half-done.  A thread that holds the signal back is answered for by tracing.
 *
 * Invariant: a thread is counted at most once in a stop, and then runs no code
 * of the program until that is over: it sleeps in answer_give, or tracing has
 * stopped it.
 *
 * The numbers of stops tell answers apart; answer.stopping is the number of the
 * stop that is on, and the word that stopped threads sleep on.
 *
 * Whom to ask, and how long to wait, is for threads.c to say.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "threads.h"

/* Answers are counted in the low bits of a word; above them it has those of the
   stop's number.  (The answer to a stop that failed may come so late that there
   is another one: counted for that, it ended the wait for a thread that still
   ran.) */
#define ANSWER_COUNT_BITS GL_TID_BITS
#define ANSWER_COUNT (((uint32_t)1 << ANSWER_COUNT_BITS) - 1)

static struct {
  uint32_t stopping; /* the stop that is on; 0 for none */
  uint32_t answers;  /* to this stop, and the end of its number */
  uint32_t expected;
  int signal;
} answer GL_DATA = {.stopping = 0};

/* ------------------------------------------------- seen by a stopped thread */

/* The kernel's set of signals has 64 bits.  pthread_sigmask and sigfillset
   leave the C library's own signals out, and one of those is cancellation:
   which would run the program's code in a stopped world. */
void gl_threads_hold_signals(int but, uint64_t *before) {
  uint64_t held = UINT64_MAX;
  gl_assert(but >= 0 && but <= 64);
  if (but != 0) held ^= (uint64_t)1 << (but - 1);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &held, before, sizeof held);
}

void gl_threads_restore_signals(const uint64_t *before) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, sizeof *before);
}

bool gl_answer_is_on(uint32_t number) {
  return __atomic_load_n(&answer.stopping, __ATOMIC_ACQUIRE) == number;
}

/* Both sides write, then read: one of them sees the other. */
static void answer_count_one(uint32_t number) {
  uint32_t answers = __atomic_load_n(&answer.answers, __ATOMIC_SEQ_CST);
  do {
    if ((answers ^ number << ANSWER_COUNT_BITS) > ANSWER_COUNT) return;
  } while (!__atomic_compare_exchange_n(&answer.answers, &answers, answers + 1,
                                        false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  if ((answers & ANSWER_COUNT) + 1 >=
      __atomic_load_n(&answer.expected, __ATOMIC_SEQ_CST))
    gl_futex_wake(&answer.answers, 1);
}

/*
 * Its frame lies below whatever its caller spilled.  Where the thread has been
 * answered for by tracing, at any point of this, the answer counts no more:
 * before is what acked was when it was found to be asked.
 */
static GL_NOINLINE void answer_give(struct gl_thread *thread, uint32_t number,
                                    uint32_t before) {
  gl_assert(number != 0 && before != number);
  thread->tp = gl_context_thread_pointer();
  if (thread->context == NULL)
    thread->sp = (uintptr_t)__builtin_frame_address(0);
  thread->red_zone_bytes = GL_RED_ZONE_BYTES;
  /* Release: the collecting thread reads the record after the answer. */
  if (__atomic_compare_exchange_n(&thread->acked, &before, number, false,
                                  __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    answer_count_one(number);
  while (gl_answer_is_on(number)) gl_futex_wait(&answer.stopping, number, 0);
}

/* The record of this thread, or NULL. */
static struct gl_thread *answer_find_self(void) {
  return gl_threads_find((pid_t)syscall(SYS_gettid));
}

/* The number of the stop that this thread has yet to answer, or 0; and what it
   answered last. */
static uint32_t answer_asked(const struct gl_thread *thread, uint32_t *before) {
  if (thread == NULL) return 0;
  *before = __atomic_load_n(&thread->acked, __ATOMIC_RELAXED);
  uint32_t number = __atomic_load_n(&answer.stopping, __ATOMIC_ACQUIRE);
  if (number == 0 || *before == number) return 0;
  return __atomic_load_n(&thread->signalled, __ATOMIC_ACQUIRE) == number
             ? number
             : 0;
}

/* The signal: stop here, or at the end of the allocation that it hit. */
static void answer_on_signal(int number, siginfo_t *info, void *data) {
  ucontext_t *context = data;
  struct gl_cache *cache = gl_self;
  int saved = errno;
  (void)info;
  struct gl_thread *thread = answer_find_self();
  uint32_t before;
  uint32_t stop = answer_asked(thread, &before);
  bool busy = __atomic_load_n(&cache->busy, __ATOMIC_RELAXED) != 0;
  if (stop != 0 && cache != &gl_cache_none && busy) {
    __atomic_store_n(&cache->stop_wanted, 1, __ATOMIC_RELAXED);
  } else if (stop != 0) {
    thread->context = context;
    thread->sp = gl_context_sp(context);
    gl_thread_set_signal_stack(thread, &context->uc_stack);
    answer_give(thread, stop, before);
  }
  gl_restart_interrupted(context, number);
  errno = saved;
}

/* The same from ordinary code.  The registers that calls preserve are spilled
   to the frame, which is scanned from here up; all signals are held back, so
   that no handler of the program runs in a stopped world. */
static GL_NOINLINE void answer_stop_self(struct gl_thread *thread,
                                         uint32_t stop, uint32_t before) {
  uint64_t mask;
  stack_t signal_stack;
  gl_assert(__atomic_load_n(&gl_self->busy, __ATOMIC_RELAXED) == 0);
  __builtin_unwind_init();
  gl_threads_hold_signals(0, &mask);
  sigaltstack(NULL, &signal_stack);
  gl_thread_set_signal_stack(thread, &signal_stack);
  thread->context = NULL;
  answer_give(thread, stop, before);
  gl_threads_restore_signals(&mask);
}

/* A stop was asked for while the thread was in the allocator, which it has
   left now. */
static void answer_on_leave(struct gl_cache *cache) {
  gl_assert(cache == gl_self && cache != &gl_cache_none);
  __atomic_store_n(&cache->stop_wanted, 0, __ATOMIC_RELAXED);
  GL_SIGNAL_FENCE();
  int saved = errno;
  struct gl_thread *thread = answer_find_self();
  uint32_t before;
  uint32_t stop = answer_asked(thread, &before);
  if (stop != 0) answer_stop_self(thread, stop, before);
  errno = saved;
}

/* --------------------------------------------------------------- the signal */

static bool answer_is_unused(int number) {
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 &&
         (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

/* The highest real-time signal that nobody uses; or one that hardly anybody
   does. */
static int answer_choose_signal(void) {
  for (int number = SIGRTMAX - 1; number >= SIGRTMIN; number--)
    if (answer_is_unused(number)) return number;
  return answer_is_unused(SIGPWR) ? SIGPWR : SIGRTMAX;
}

/* Take the signal of this number, or choose one for 0. */
static bool answer_take_signal(int number) {
  struct sigaction action = {.sa_sigaction = answer_on_signal,
                             .sa_flags = SA_SIGINFO | SA_RESTART};
  /* sigfillset would leave cancellation out. */
  memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
  answer.signal = number > 0 ? number : answer_choose_signal();
  gl_assert(answer.signal > 0 && answer.signal <= SIGRTMAX);
  return sigaction(answer.signal, &action, NULL) == 0;
}

bool gl_answer_init(int signal) {
  gl_assert(answer.stopping == 0);
  if (!answer_take_signal(signal)) return false;
  gl_heap.on_leave = answer_on_leave;
  return true;
}

void gl_answer_retake_signal(void) {
  struct sigaction action;
  gl_assert(answer.signal > 0);
  if (sigaction(answer.signal, NULL, &action) != 0 ||
      action.sa_sigaction != answer_on_signal)
    answer_take_signal(0);
}

int gl_answer_signal(void) { return answer.signal; }

/* ------------------------------------------- seen by the collecting thread */

void gl_answer_begin(uint32_t number) {
  gl_assert(number != 0 && answer.stopping == 0);
  answer.expected = 0;
  __atomic_store_n(&answer.answers, number << ANSWER_COUNT_BITS,
                   __ATOMIC_SEQ_CST);
  __atomic_store_n(&answer.stopping, number, __ATOMIC_SEQ_CST);
}

void gl_answer_end(void) {
  __atomic_store_n(&answer.stopping, 0, __ATOMIC_SEQ_CST);
  if (answer.expected > 0) gl_futex_wake(&answer.stopping, INT32_MAX);
}

bool gl_threads_are_stopped(void) {
  return __atomic_load_n(&answer.stopping, __ATOMIC_RELAXED) != 0;
}

void gl_answer_expect(void) {
  __atomic_add_fetch(&answer.expected, 1, __ATOMIC_SEQ_CST);
}

void gl_answer_excuse(void) {
  gl_assert(answer.expected > 0);
  __atomic_sub_fetch(&answer.expected, 1, __ATOMIC_SEQ_CST);
}

bool gl_answer_by_tracing(struct gl_thread *thread) {
  gl_assert(answer.stopping != 0 && answer.expected > 0);
  return gl_tracer_add(thread, answer.stopping, &answer.answers, answer.signal);
}

uint32_t gl_answer_count(void) {
  return __atomic_load_n(&answer.answers, __ATOMIC_SEQ_CST) & ANSWER_COUNT;
}

/* Whether all have answered that are expected to.  And what the word of them
   is, to wait for another one. */
static bool answer_are_all(uint32_t *word) {
  *word = __atomic_load_n(&answer.answers, __ATOMIC_SEQ_CST);
  uint32_t answers = *word & ANSWER_COUNT;
  uint32_t expected = __atomic_load_n(&answer.expected, __ATOMIC_SEQ_CST);
  gl_assert(answers <= expected);
  return answers >= expected;
}

bool gl_answer_is_complete(void) {
  uint32_t word;
  return answer_are_all(&word);
}

bool gl_answer_await(uint64_t timeout_ns) {
  for (uint32_t word; !answer_are_all(&word);)
    if (!gl_futex_wait(&answer.answers, word, timeout_ns)) return false;
  return true;
}

void gl_answer_pause(uint64_t most_ns) {
  gl_futex_wait(&answer.answers, answer.answers, most_ns);
}
