/* SPDX-License-Identifier: MIT */
/*
 * threads.c: every thread of the process, stopped and started again.
 *
 * A stop, as the collecting thread sees it:
 *
 *    ask each thread that has a record to stop, by a signal; wait until all
 *    have answered; while the kernel counts more threads than that, list
 *    /proc/self/task, and ask those that are new: a thread that had not
 *    stopped yet may have made another, and some have never called the library.
 *
 * How the others answer is in answer.c; here is whom to ask, how to make sure
 * that these are all, and what to do about those that tarry.
 *
 * Does a listing have all threads?  Not where one ends meanwhile: the kernel
 * may then end the listing there, or pass over another.  So the last word has
 * the number of threads that the kernel counts: when it is that of those who
 * have answered, there are no others.  (It counts its own threads in the
 * process as well, as for io_uring, and those come and go by themselves.)
 *
 * A thread that holds the signal back is stopped by tracing (tracer.c) after a
 * while.  It need not be a strange one: the C library holds all signals back
 * while a thread starts and ends, and libunwind while it waits for the dynamic
 * linker, and they may be waiting for a lock that a stopped thread has.
 *
 * Invariant: once gl_threads_stop has returned true, every thread but the
 * collecting one and the markers has answered and sleeps, or is stopped by
 * tracing, or is dead.
 */
#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "../alloc/os.h"
#include "mark.h"

/* How long to wait for answers before looking who has died, at first and at
   most; before looking what else may be the matter; and before saying so. */
#define THREADS_FIRST_WAIT_NS ((uint64_t)100000)
#define THREADS_LAST_WAIT_NS ((uint64_t)2000000)
#define THREADS_PATIENCE_NS ((uint64_t)5000000)
#define THREADS_REPORT_NS ((uint64_t)1000000000)

/* How long to look for answers without sleeping, where there are processors to
   give them.  Most come within it; and a processor that slept takes long to
   wake, above all a virtual one. */
#define THREADS_SPIN_NS ((uint64_t)30000)
#define THREADS_SPIN_PAUSES 16

/* How long those are waited for that are known, where no others can be
   found. */
#define THREADS_KNOWN_NS (2 * THREADS_REPORT_NS)

/* Threads that come before it is looked who has gone. */
#define THREADS_BURY_LEAST 16

/* How often a signal is sent that finds the queue full, until some were
   taken. */
#define THREADS_SEND_TRIES 20
#define THREADS_SEND_WAIT_NS ((uint64_t)100000)

/* How long a thread that is not in any listing, or a count that is not to be
   believed, holds a stop up. */
#define THREADS_COUNT_WAIT_NS ((uint64_t)50000)
#define THREADS_COUNT_TRIES 20000

static struct {
  uint32_t number; /* of stops so far */
  size_t count;    /* threads found by the last stop, the caller too */
  bool queue_full; /* for good, it seems; in this stop */
  bool ready;
  bool proc_is_foreign; /* /proc tells of us by other numbers than ours */
  bool reported;        /* a thread that does not stop, in this stop */
  bool was_alone;       /* there was no other thread at the last stop */
  uint64_t again_ns;    /* of waiting, until signals are sent again */
  pid_t pid;
  uint32_t *mark;         /* 0 in a new process; NULL where it cannot be had */
  pid_t fork_tid;         /* the thread that forks */
  pthread_key_t key;      /* its destructor tells of the end of a thread */
  struct gl_thread *self; /* of the collecting thread */
  uint64_t mask;          /* signals that it holds back when it does not stop */
  bool holds_faults;      /* it holds SIGSEGV back as well, now */
  size_t come;            /* threads, since the dead were looked for */
} world GL_DATA = {.was_alone = true};

/* This thread stops the world, or has stopped it. */
static __thread bool threads_stops __attribute__((tls_model("initial-exec")));

static pid_t threads_tid(void) { return (pid_t)syscall(SYS_gettid); }

/* ------------------------------------------------------- asking to stop */

/* By the thread that has begun the stop, while it is on. */
static bool threads_is_asked(const struct gl_thread *thread) {
  return gl_answer_is_on(world.number) && thread != world.self &&
         thread->signalled == world.number;
}

/* From glibc 2.32 on: whether it has made no thread that is still there. */
extern char __libc_single_threaded __attribute__((weak));

static bool threads_are_none_by_libc(void) {
  return &__libc_single_threaded != NULL && __libc_single_threaded != 0;
}

/* True where the process has no other thread but helpers.  Where the kernel
   does not tell, the C library knows of those that it has made. */
static bool threads_is_alone(void) {
  if (world.was_alone && gl_proc_is_alone()) return true;
  size_t count = gl_proc_count_threads();
  if (count == 0) return threads_are_none_by_libc() && gl_helpers_count() == 0;
  return count == 1 + gl_helpers_count();
}

static enum gl_proc_signal threads_find_signal(const struct gl_thread *thread) {
  return gl_proc_find_signal(thread->tid, gl_answer_signal());
}

static bool threads_is_held_back(enum gl_proc_signal signal) {
  return signal == GL_PROC_HELD_BACK || signal == GL_PROC_BLOCKED;
}

/* Stop a thread that holds the signal back.  False where it may not be
   traced. */
static bool threads_trace(struct gl_thread *thread) {
  gl_assert(threads_is_asked(thread));
  thread->held_back = true;
  return gl_answer_by_tracing(thread);
}

/* Where the queue of signals is full, tracing stops the thread: others may have
   filled the queue, or the system allows for none.  False where the thread has
   ended. */
static bool threads_send(struct gl_thread *thread) {
  gl_assert(threads_is_asked(thread) && thread->tid > 0);
  for (int tries = 0;; tries++) {
    if (syscall(SYS_tgkill, world.pid, thread->tid, gl_answer_signal()) == 0)
      return true;
    if (errno != EAGAIN) return false;
    world.queue_full |= tries == THREADS_SEND_TRIES;
    if (world.queue_full) break;
    gl_answer_pause(THREADS_SEND_WAIT_NS);
  }
  threads_trace(thread);
  return true;
}

/* One that held the signal back last time has one waiting already, and gets
   another only where it holds none back any more.  (The kernel queues them, and
   the queue has an end.) */
static bool threads_ask_held_back(struct gl_thread *thread) {
  gl_assert(threads_is_asked(thread) && !thread->dead && !thread->kernels);
  if (!thread->held_back) return false;
  thread->held_back = threads_is_held_back(threads_find_signal(thread));
  if (thread->held_back) threads_trace(thread);
  return thread->held_back;
}

/* Ask one listed thread to stop, if it was not asked yet.  Returns 1 where it
   was, 0 where there was nothing to ask, -1 without memory. */
static int threads_ask(pid_t tid) {
  gl_assert(gl_answer_is_on(world.number) && world.self != NULL);
  if (gl_helpers_have(tid)) return 0;
  struct gl_thread *thread = gl_threads_record(tid);
  if (thread == NULL) return -1;
  bool known = thread->seen == world.number;
  thread->seen = world.number;
  world.count += !known;
  if (thread->kernels && !known) thread->kernels = gl_proc_is_kernels(tid);
  if (known || thread == world.self || thread->kernels) return 0;
  /* Another may have its number by now. */
  if (thread->dead) thread->dead = gl_proc_is_dead(world.pid, tid);
  if (thread->dead) return 0;
  /* Release: the handler compares it. */
  __atomic_store_n(&thread->signalled, world.number, __ATOMIC_RELEASE);
  gl_answer_expect();
  if (threads_ask_held_back(thread) || threads_send(thread)) return 1;
  thread->dead = true;
  gl_answer_excuse();
  return 0;
}

/* List the threads and ask all new ones.  Returns how many, or -1. */
static int threads_ask_all(void) {
  int asked = 0;
  gl_proc_begin_threads();
  for (pid_t tid; (tid = gl_proc_next_thread()) != 0;) {
    int result = tid < 0 ? -1 : threads_ask(tid);
    if (result < 0) return -1;
    asked += result;
  }
  gl_assert((size_t)asked < world.count); /* this thread is never asked */
  return asked;
}

/* ------------------------------------------------------ threads that tarry */

static void threads_report(const struct gl_thread *thread, bool held_back) {
  char buffer[200];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "gleaner: thread ");
  gl_text_number(&text, (uint64_t)thread->tid);
  gl_text_string(&text, " does not stop: ");
  gl_text_string(&text,
                 held_back ? "it blocks signal " : "no answer to signal ");
  gl_text_number(&text, (uint64_t)gl_answer_signal());
  gl_text_string(&text, held_back ? ", and may not be traced" : "");
  gl_text_string(&text, "; waiting for it\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
}

struct threads_tardy {
  bool patient; /* look for the dead only */
  bool again;   /* send the signal again */
  bool report;
};

static bool threads_has_answered(const struct gl_thread *thread) {
  return thread->signalled != world.number || thread->dead || thread->kernels ||
         __atomic_load_n(&thread->acked, __ATOMIC_ACQUIRE) == world.number;
}

static void threads_look_at(struct gl_thread *thread, void *data) {
  const struct threads_tardy *tardy = data;
  if (threads_has_answered(thread)) return;
  gl_assert(threads_is_asked(thread) && thread->seen == world.number);
  thread->dead = gl_proc_is_dead(world.pid, thread->tid);
  thread->kernels = !tardy->patient && gl_proc_is_kernels(thread->tid);
  if (thread->dead || thread->kernels) gl_answer_excuse();
  if (thread->dead || thread->kernels || tardy->patient) return;
  enum gl_proc_signal signal = threads_find_signal(thread);
  bool held_back = threads_is_held_back(signal);
  bool traced = held_back && threads_trace(thread);
  /* Most often the thread is on its way out of the allocator; but the program
     may have eaten the signal, and a second one does no harm.  And one that may
     not be traced may let signals through for a moment only: one must be there
     then. */
  bool lacks_one =
      signal == GL_PROC_TAKEN || (signal == GL_PROC_BLOCKED && !traced);
  if (lacks_one && tardy->again) threads_send(thread);
  if (tardy->report) threads_report(thread, held_back);
}

static void threads_look_at_all(uint64_t waited_ns) {
  struct threads_tardy tardy = {.patient = waited_ns < THREADS_PATIENCE_NS};
  gl_assert(world.ready);
  if (!tardy.patient) gl_answer_retake_signal();
  /* Ever more rarely, or a thread that takes signals otherwise than by handlers
     would be busy with ours. */
  tardy.again = waited_ns >= world.again_ns;
  if (!tardy.patient && tardy.again) world.again_ns = 2 * waited_ns;
  tardy.report = waited_ns > THREADS_REPORT_NS && !world.reported;
  world.reported |= tardy.report;
  gl_threads_each(threads_look_at, &tardy);
}

static void threads_spin(uint64_t start_ns) {
  if (gl_heap.processors == 1) return;
  while (!gl_answer_is_complete() &&
         gl_os_now_ns() - start_ns < THREADS_SPIN_NS)
    for (int i = 0; i < THREADS_SPIN_PAUSES; i++) __builtin_ia32_pause();
}

/* Wait for the answers of all that were asked.  False where that takes longer
   than most_ns. */
static bool threads_await(uint64_t most_ns) {
  gl_assert(world.self != NULL && gl_answer_is_on(world.number));
  uint64_t start_ns = gl_os_now_ns(), wait_ns = THREADS_FIRST_WAIT_NS;
  world.again_ns = 0;
  threads_spin(start_ns);
  while (!gl_answer_await(wait_ns)) {
    uint64_t waited_ns = gl_os_now_ns() - start_ns;
    if (waited_ns > most_ns) return false;
    threads_look_at_all(waited_ns);
    if (wait_ns < THREADS_LAST_WAIT_NS) wait_ns *= 2;
  }
  return true;
}

/* ------------------------------------------------------- another process */

/* A system call in place of a word, where there is no page for it. */
static bool threads_are_in_new_process(void) {
  return world.mark != NULL ? *world.mark == 0 : getpid() != world.pid;
}

static void threads_note_process(void) {
  world.pid = getpid();
  if (world.mark != NULL) *world.mark = 1;
  world.proc_is_foreign = gl_proc_is_foreign(world.pid);
}

/* In a process that has just been made nobody helps to mark. */
static void threads_enter_process(void) {
  gl_assert(!gl_threads_are_stopped());
  gl_helpers_after_fork();
  gl_markers_after_fork();
  threads_note_process();
}

static void threads_disown(struct gl_thread *thread, void *data) {
  (void)data;
  if (thread->cache != NULL) thread->cache->thread = NULL;
  thread->cache = NULL; /* or it would be abandoned */
  gl_threads_forget(thread);
}

/* In a process that was made by _Fork or clone nobody has told us: what is
   known of threads is true of the parent's.  The caches that they had are
   nobody's to take, since one of them is that of the only thread there is here,
   and it is not known which. */
static void threads_mind_process(void) {
  if (!threads_are_in_new_process()) return;
  threads_enter_process();
  gl_threads_each(threads_disown, NULL);
  gl_stacks_after_fork(false);
}

/* ------------------------------------------------------------- stop, resume */

/* Threads that this stop did not find are gone. */
static void threads_forget_unseen(struct gl_thread *thread, void *data) {
  (void)data;
  if (thread->seen != world.number && thread != world.self) {
    gl_assert(thread->acked != world.number);
    gl_threads_forget(thread);
  }
}

static void threads_count_kernels(struct gl_thread *thread, void *data) {
  if (thread->kernels && thread->seen == world.number)
    *(size_t *)data += gl_proc_is_kernels(thread->tid);
}

static void threads_count_dead(struct gl_thread *thread, void *data) {
  *(size_t *)data += thread->dead && thread->seen == world.number;
}

/* Whether the threads that have answered, this one and the helpers, and some
   dead ones, are all that the kernel counts.  Of the kernel's own, which end as
   they like, those were that are still there after. */
static bool threads_have_all_answered(size_t dead) {
  gl_assert(gl_answer_is_complete());
  size_t count = gl_proc_count_threads(), kernels = 0;
  gl_threads_each(threads_count_kernels, &kernels);
  return count == gl_answer_count() + 1 + gl_helpers_count() + kernels + dead;
}

/* The same.  A main thread that has ended goes on to be counted. */
static bool threads_are_complete(void) {
  const struct gl_thread *main = gl_threads_find(world.pid);
  return threads_have_all_answered(main != NULL && main->dead);
}

/* The same where that does not come true: others that have ended go on to be
   counted as well while a debugger has them. */
static bool threads_are_complete_at_last(void) {
  size_t dead = 0;
  gl_threads_each(threads_count_dead, &dead);
  return threads_have_all_answered(dead);
}

/* Threads that are listed by other numbers, or not at all, cannot be
   stopped. */
static void threads_report_proc(const char *what) {
  char buffer[128];
  static bool done GL_DATA;
  struct gl_text text = {buffer, sizeof buffer, 0};
  if (done) return;
  done = true;
  gl_text_string(&text, "gleaner: /proc ");
  gl_text_string(&text, what);
  gl_text_string(&text, ": no collection while there are threads\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
}

/* For want of a descriptor or memory there is none for the moment only. */
static void threads_report_listing(int error) {
  if (error != EMFILE && error != ENFILE && error != ENOMEM)
    threads_report_proc("cannot be read");
}

/* Of those that have ended, the kernel goes on to count the main thread
   alone. */
static void threads_ask_recorded(struct gl_thread *thread, void *data) {
  (void)data;
  if (thread == world.self || threads_ask(thread->tid) != 0) return;
  if (!thread->dead || thread->tid == world.pid) return;
  gl_assert(world.count > 1 || thread->seen != world.number);
  world.count -= thread->seen == world.number;
  thread->seen = 0;
}

/* Those that are known are asked at once, and answer while others are looked
   for. Where all that the kernel counts have answered there are none: to list
   the threads takes longer than to stop one.  One that is neither new nor
   stopped is about to end.  Where the kernel does not count, there is none when
   two listings have found no other. */
static bool threads_stop_listed(void) {
  bool counts = gl_proc_count_threads() > 0;
  int quiet = 0;
  gl_threads_each(threads_ask_recorded, NULL);
  threads_await(UINT64_MAX);
  for (int tries = 0; tries < THREADS_COUNT_TRIES; tries++) {
    if (counts ? threads_are_complete() : quiet >= 2) return true;
    int asked = threads_ask_all();
    if (asked < 0) return false;
    threads_await(UINT64_MAX);
    quiet = asked == 0 ? quiet + 1 : 0;
    if (asked == 0) gl_answer_pause(THREADS_COUNT_WAIT_NS);
  }
  return threads_are_complete_at_last();
}

/* Nobody is asked before it is certain that all can be found: there would be no
   end to waiting for one that has died or holds the signal back.  And the
   descriptor is one that stacks can be found with when all have stopped. */
static bool threads_stop_others(void) {
  gl_assert(world.ready);
  gl_answer_retake_signal(); /* at a fork, whoever has a cache is asked */
  if (world.proc_is_foreign) {
    threads_report_proc("is that of another pid namespace");
    return false;
  }
  if (!gl_proc_open_threads()) {
    threads_report_listing(errno);
    return false;
  }
  bool done = threads_stop_listed();
  gl_proc_close_threads();
  return done;
}

bool gl_threads_are_stopped_here(void) { return threads_stops; }

static bool threads_has_signal(uint64_t set, int signal) {
  return (set >> (signal - 1) & 1) != 0;
}

/* All of them, but for a fault, which guards.c waits for: unless the program
   holds that back too.  Then one may wait there, which is not to be let through
   before it is known what to do with it.  (Where the thread held none back last
   time, that is done by one system call instead of three.) */
static void threads_hold_signals(void) {
  struct gl_thread *self = gl_self->thread;
  bool lets = self != NULL && self->lets_faults;
  gl_threads_hold_signals(lets ? SIGSEGV : 0, &world.mask);
  bool held = threads_has_signal(world.mask, SIGSEGV);
  if (lets && held) gl_threads_hold_signals(0, NULL);
  if (self != NULL) self->lets_faults = !held;
  world.holds_faults = !lets || held;
}

void gl_threads_let_faults(void) {
  gl_assert(threads_stops);
  if (world.holds_faults) gl_threads_hold_signals(SIGSEGV, NULL);
}

bool gl_threads_hold_faults(void) {
  gl_assert(threads_stops);
  if (world.holds_faults) gl_threads_hold_signals(0, NULL);
  return world.holds_faults;
}

bool gl_threads_stop(void) {
  gl_assert(world.ready && !gl_threads_are_stopped());
  threads_stops = true;
  threads_hold_signals();
  world.number += world.number == UINT32_MAX ? 2 : 1;
  threads_mind_process();
  world.self = gl_self->thread; /* or it takes a system call */
  if (world.self == NULL) world.self = gl_threads_record(threads_tid());
  if (world.self == NULL) return false;
  gl_assert(world.self->tid == threads_tid());
  if (world.self->cache == NULL && gl_self != &gl_cache_none)
    gl_threads_give_cache(world.self, gl_self); /* as it has been all along */
  world.self->seen = world.number;
  world.self->dead = world.self->kernels =
      false; /* who had its number may have been */
  world.count = 1;
  world.reported = world.queue_full = false;
  gl_stacks_begin();
  gl_answer_begin(world.number);
  world.was_alone = threads_is_alone();
  if (!world.was_alone && !threads_stop_others()) return false;
  gl_assert(gl_answer_is_complete() && world.count > 0);
  gl_threads_each(threads_forget_unseen, NULL);
  return true;
}

static void threads_ask_known(struct gl_thread *thread, void *data) {
  (void)data;
  if (thread->cache != NULL) threads_ask(thread->tid);
}

bool gl_threads_stop_known(void) {
  if (world.self == NULL) return false;
  gl_threads_each(threads_ask_known, NULL);
  return threads_await(THREADS_KNOWN_NS);
}

void gl_threads_resume(void) {
  threads_stops = false;
  gl_assert(!gl_threads_are_stopped() || gl_answer_is_on(world.number));
  gl_answer_end();
  gl_tracer_finish();
  gl_threads_restore_signals(&world.mask);
}

size_t gl_threads_count(void) { return world.count; }

struct gl_thread *gl_threads_self(void) { return world.self; }

bool gl_thread_has_stopped(const struct gl_thread *thread) {
  return thread != world.self && !thread->dead && thread->acked == world.number;
}

/* ------------------------------------------------------- coming and going */

static void threads_on_exit(void *data) {
  struct gl_cache *cache = data;
  if (gl_self != cache) return;
  gl_assert(cache != &gl_cache_none && cache->in_use);
  gl_cache_release(cache);
  gl_heap_lock(NULL);
  struct gl_thread *thread = gl_threads_find(threads_tid());
  if (thread != NULL) gl_threads_forget(thread);
  gl_heap_unlock();
}

static void threads_unblock_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, gl_answer_signal());
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void threads_bury(struct gl_thread *thread, void *self) {
  if (thread == self || thread->cache == NULL) return;
  if (gl_proc_is_gone(world.pid, thread->tid)) gl_threads_forget(thread);
}

/* A thread that allocates in the last round of its keys' destructors tells of
   its end no more, and where it frees it all no stop may ever come: so the
   caches of the dead are looked for, when as many threads have come as there
   are caches. */
static void threads_bury_at_times(struct gl_thread *self) {
  world.come++;
  if (world.come < THREADS_BURY_LEAST || world.come < gl_heap.cache_count)
    return;
  world.come = 0;
  int saved = errno;
  gl_threads_each(threads_bury, self);
  errno = saved;
}

bool gl_threads_adopt(const void *freed) {
  gl_heap_lock(NULL);
  threads_mind_process();
  struct gl_thread *thread = gl_threads_record(threads_tid());
  /* A thread that ended unnoticed may have had the same number. */
  if (thread != NULL) gl_threads_abandon_cache(thread);
  threads_bury_at_times(thread);
  struct gl_cache *cache = thread == NULL ? NULL : gl_cache_acquire(freed);
  if (cache != NULL) gl_threads_give_cache(thread, cache);
  gl_heap_unlock();
  if (cache == NULL) return false;
  gl_assert(gl_self == cache && cache->in_use && cache->thread == thread);
  threads_unblock_signal();
  /* Without memory for it the end of the thread is noticed by a stop. */
  pthread_setspecific(world.key, cache);
  return true;
}

bool gl_threads_init(void) {
  gl_assert(!gl_options.lean && !world.ready);
  world.mark = gl_os_map_for_process(GL_PAGE_BYTES);
  threads_note_process();
  gl_stacks_init();
  if (!gl_proc_init()) return false;
  if (!gl_answer_init(gl_options.stop_signal)) return false;
  if (pthread_key_create(&world.key, threads_on_exit) != 0) return false;
  world.ready = true;
  return true;
}

/* -------------------------------------------------------------------- fork */

void gl_threads_before_fork(void) {
  gl_assert(world.ready && !gl_threads_are_stopped());
  threads_mind_process();
  world.fork_tid = threads_tid();
}

static void threads_forget_other(struct gl_thread *thread, void *data) {
  if (thread != data) gl_threads_forget(thread);
}

/* The calling thread works in a cache no more: another thread, that stops it by
   tracing, could not tell that it is busy in it.  (Unless it is so now: then a
   handler of a signal has forked.) */
static void threads_leave_cache(struct gl_cache *cache) {
  if (cache != gl_self || cache->busy != 0) return;
  gl_self = gl_lean_self = &gl_cache_none;
  gl_cache_abandon(cache);
}

/* In the child the forking thread is all there is, under another id. */
void gl_threads_after_fork(void) {
  struct gl_thread *self = gl_threads_find(world.fork_tid);
  bool was_main = world.fork_tid == world.pid;
  gl_assert(world.fork_tid != 0);
  threads_enter_process();
  gl_threads_each(threads_forget_other, self);
  if (self == NULL) return;
  struct gl_cache *cache = self->cache;
  self->cache = NULL; /* or it would be abandoned */
  gl_threads_forget(self);
  gl_stacks_after_fork(was_main);
  self = gl_threads_record(threads_tid());
  if (self != NULL)
    gl_threads_give_cache(self, cache);
  else if (cache != NULL)
    threads_leave_cache(cache);
}
