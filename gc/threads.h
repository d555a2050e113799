/* SPDX-License-Identifier: MIT */
/*
 * threads.h: what the collector keeps about a thread, for the files that stop
 * threads and scan them: threads.c, answer.c, scan.c, stacks.c, context.c,
 * fork.c.
 */
#ifndef GL_THREADS_H
#define GL_THREADS_H

#include <signal.h>
#include <sys/types.h>
#include <ucontext.h>

#include "gc.h"

/*
 * A thread of the process, known to the library or not.  A record is made when
 * the thread first allocates, or when a stop first finds it; it never moves,
 * and is used again once its thread is gone.
 *
 * Written by the thread itself in the handler of the stop signal (acked, and
 * what is below the line), and else under the heap lock.
 */
struct gl_thread {
  pid_t tid;              /* 0 where the record is free */
  uint32_t seen;          /* the stop whose listing last found it */
  uint32_t signalled;     /* the stop that it was last asked for */
  bool dead;              /* a zombie, or on its way out: runs no more code */
  bool kernels;           /* made by the kernel, for its own ends */
  bool held_back;         /* it blocked the signal when it was last asked */
  bool lets_faults;       /* it did not block SIGSEGV at its last stop */
  struct gl_cache *cache; /* its own, NULL for none */
  struct gl_thread *next_free;
  /* the stack that the thread was started on, found when it is first asked
     for; of the main thread, low moves */
  const void *stack_tp; /* the thread pointer it was found for */
  uintptr_t stack_low, stack_high;
  /* -- while stopped -- */
  uint32_t acked;              /* the stop that it answered */
  const void *tp;              /* thread pointer */
  uintptr_t sp;                /* stack pointer, */
  size_t red_zone_bytes;       /* and what may be in use below it */
  const ucontext_t *context;   /* where it was interrupted; NULL: it stopped by
                                itself, and has its registers on its stack */
  struct gl_tracee *tracee;    /* its registers, where tracing has stopped it */
  uintptr_t alt_low, alt_high; /* its alternate signal stack; 0 for none */
};

/* What sigaltstack, or the kernel, says of it. */
GL_INLINE void gl_thread_set_signal_stack(struct gl_thread *thread,
                                          const stack_t *stack) {
  bool none = (stack->ss_flags & SS_DISABLE) != 0;
  thread->alt_low = none ? 0 : (uintptr_t)stack->ss_sp;
  thread->alt_high = none ? 0 : (uintptr_t)stack->ss_sp + stack->ss_size;
}

/* The collecting thread, and whether another is stopped: so that it may be
   scanned.  In a stopped world. */
struct gl_thread *gl_threads_self(void);
bool gl_thread_has_stopped(const struct gl_thread *thread);

/* Let the signal of a fault through to the thread that has stopped the world;
   and hold it back again.  The second returns whether it holds it back when it
   does not collect, or may do so: else neither does anything. */
void gl_threads_let_faults(void);
bool gl_threads_hold_faults(void);

/* --------------------------------------------------- answering (answer.c) */

/* Hold all signals back from the calling thread, those of the C library too,
   but for one (0 for none); and undo it.  before may be NULL. */
void gl_threads_hold_signals(int but, uint64_t *before);
void gl_threads_restore_signals(const uint64_t *before);

/* Take the signal of this number to stop threads by, or choose one for 0.
   False where the system does not let us. */
bool gl_answer_init(int signal);

/* The signal that was taken; and take another, where the program has taken that
   one for itself. */
int gl_answer_signal(void);
void gl_answer_retake_signal(void);

/* The rest is for the collecting thread.  The stop of this number is on, and
   nobody is expected to answer yet; and it is over: all that sleep go on. */
void gl_answer_begin(uint32_t number);
void gl_answer_end(void);

/* Whether the stop of this number is on. */
bool gl_answer_is_on(uint32_t number);

/* One more thread is expected to answer, before the signal is sent; one less,
   since it never will. */
void gl_answer_expect(void);
void gl_answer_excuse(void);

/* Have a thread that was asked, but holds the signal back, answered for by
   tracing.  False where it may not be traced. */
bool gl_answer_by_tracing(struct gl_thread *thread);

/* How many have answered in this stop, and whether all have that are
   expected to. */
uint32_t gl_answer_count(void);
bool gl_answer_is_complete(void);

/* Sleep until all have; false after timeout_ns in which nothing woke us. */
bool gl_answer_await(uint64_t timeout_ns);

/* Sleep for most_ns, or until an answer wakes us. */
void gl_answer_pause(uint64_t most_ns);

/* -------------------------------------------------- records (records.c) */

/* The kernel's largest thread id is below 2^22 (linux/threads.h). */
#define GL_TID_BITS 22

/* The record of a thread, or NULL.  From a signal handler as well; the others
   of these want the heap lock. */
struct gl_thread *gl_threads_find(pid_t tid);

/* The same, made where there is none; NULL without memory. */
struct gl_thread *gl_threads_record(pid_t tid);

/* The thread is gone: so are its record, and its hold on a cache. */
void gl_threads_forget(struct gl_thread *thread);

/* The thread has this cache. */
void gl_threads_give_cache(struct gl_thread *thread, struct gl_cache *cache);

/* A cache that the thread did not give back itself is free for another thread
   to take: nobody was in the middle of using it. */
void gl_threads_abandon_cache(struct gl_thread *thread);

/* Call visit for every record in use. */
void gl_threads_each(void (*visit)(struct gl_thread *thread, void *data),
                     void *data);

/* ------------------------------------------- what the kernel tells (proc.c) */

/* How many threads the kernel counts, 0 where it does not tell. */
size_t gl_proc_count_threads(void);

/* Whether it counts one only; false where that is not sure.  Takes less than
   half of the time. */
bool gl_proc_is_alone(void);

/* They are listed in a directory: make room for a part of the list, false
   without memory (once, before any other of these); open the directory, false
   and errno where that fails; begin to read it, from the start; the next one
   that it lists, 0 after the last one, -1 where the program has closed the
   descriptor meanwhile; close it.  One listing at a time. */
bool gl_proc_init(void);
bool gl_proc_open_threads(void);
void gl_proc_begin_threads(void);
pid_t gl_proc_next_thread(void);
void gl_proc_close_threads(void);

/* Whether /proc is that of another pid namespace, where this process has
   another number. */
bool gl_proc_is_foreign(pid_t pid);

/* There is no such thread of the process any more.  A system call. */
bool gl_proc_is_gone(pid_t pid, pid_t tid);

/* Gone or a zombie: it runs no more code of the program. */
bool gl_proc_is_dead(pid_t pid, pid_t tid);

/* A thread that the kernel has made in the process, as for io_uring: it runs no
   code of the program either, but it is listed and counted with the others. */
bool gl_proc_is_kernels(pid_t tid);

/*
 * What becomes of the signal at a thread.  While one is in sigwait the kernel
 * does not count what it waits for as held back; it has then taken our signal
 * for one of its own.
 */
enum gl_proc_signal {
  GL_PROC_TAKEN, /* by the handler, or by the program */
  GL_PROC_ON_THE_WAY,
  GL_PROC_HELD_BACK, /* it waits there */
  GL_PROC_BLOCKED    /* it would be held back, but none waits there */
};

enum gl_proc_signal gl_proc_find_signal(pid_t tid, int signal);

/* ------------------------------------------- stopping by tracing (tracer.c) */

/*
 * Ask for a thread to be stopped by tracing, as often as one likes: it is
 * answered for (acked, *answers) once it has stopped.  It may answer by itself
 * instead.  number: of the stop; stop_signal: the one that it holds back.
 * False where the system does not let us.
 */
bool gl_tracer_add(struct gl_thread *thread, uint32_t number, uint32_t *answers,
                   int stop_signal);

/* Let all go on that were stopped so. */
void gl_tracer_finish(void);

/* Scan the registers of a thread that was stopped so. */
void gl_tracer_scan(const struct gl_tracee *tracee, gl_scan_range *scan,
                    void *data);

/* ----------------------------------------------------- context, by platform */

#define GL_RED_ZONE_BYTES 128

_Static_assert(GL_RED_ZONE_BYTES % sizeof(uintptr_t) == 0,
               "it is scanned by words");

uintptr_t gl_context_sp(const ucontext_t *context);
const void *gl_context_thread_pointer(void);

/* Scan all registers of an interrupted thread, vector registers too. */
void gl_context_scan(const ucontext_t *context, gl_scan_range *scan,
                     void *data);

/* The context of the frame that a signal interrupted when it made the kernel
   switch to the alternate stack [low, high), on which the stack pointer now is
   at sp.  NULL where it is not to be found. */
const ucontext_t *gl_context_find_beneath(uintptr_t sp, uintptr_t low,
                                          uintptr_t high);

/* The last thing that the handler of the stop signal does: let a system call
   that it has interrupted go on.  May not return. */
void gl_restart_interrupted(ucontext_t *context, int stop_signal);

/* Whether registers, as a tracer sees them, are those of a system call that has
   failed with EINTR and should be made again.  Called by the tracer's
   helper. */
struct user_regs_struct;
bool gl_restart_may_repeat(const struct user_regs_struct *registers);

/* Runs on the thread pointer of another thread: no sanitizer can follow. */
#define GL_TRACER_UNCHECKED                                                    \
  __attribute__((no_sanitize("address", "thread", "undefined")))

/* ------------------------------------------------------------------- stacks */

void gl_stacks_init(void);

/* In the child of a fork: whether the main thread has forked.  Otherwise the
   main thread of the child is on a stack like any other. */
void gl_stacks_after_fork(bool by_main);

/* A stop begins: what is known of the process's mappings is out of date. */
void gl_stacks_begin(void);

/* Scan the stacks of a stopped thread, from its stack pointer on. */
void gl_stacks_scan(struct gl_thread *thread, gl_scan_range *scan, void *data);

/* What gl_stacks_scan leaves out, since it is scanned in another way: the rest
   of a stack that was added, or that is a block.  May be empty. */
struct gl_range gl_stacks_left_out(const struct gl_thread *thread);

/* Whether all of [low, high) may be read and written.  In a stopped world. */
bool gl_stacks_are_mapped(const char *low, const char *high);

/* Copy what is there; false where that cannot be read.  In a stopped world. */
bool gl_stacks_try_copy(void *to, const void *from, size_t bytes);

/* For messages: whether two addresses are in one writable mapping, and whether
   one is in any.  Take the heap lock. */
bool gl_stacks_share(const void *one, const void *other);
bool gl_stacks_is_mapped(const void *address);

/* Scan the stacks that the program has added. */
void gl_stacks_scan_added(gl_scan_range *scan, void *data);

/* ----------------------------------------------------------- system calls */

/* Sleep until *word is no longer value, a wake-up, or timeout_ns (0: none).
   False after a timeout.  No side effect on anything the program can see. */
bool gl_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns);
void gl_futex_wake(uint32_t *word, int count);

#endif
