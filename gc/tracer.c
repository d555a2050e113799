/* SPDX-License-Identifier: MIT */
/*
 * tracer.c: stops threads that hold the stop signal back, as a debugger would.
 *
 * A thread cannot trace another of its own process.  So the collecting thread
 * makes a helper process that shares this one's memory and files, and is gone
 * at the end of the stop:
 *
 *    collecting thread                  helper                      tracee
 *    gl_tracer_add: WANTED  --------->  PTRACE_SEIZE, INTERRUPT  -> stops
 *    waits for answers      <---------  reads its registers into
 *                                       its record, answers for it
 *    gl_tracer_finish       --------->  PTRACE_DETACH            -> goes on
 *                           <---------  exits
 *
 * Nobody sees the helper come or go: it blocks all signals, and its end sends
 * none.  A tracee that is in the allocator is let go and stops by itself as it
 * leaves.  One that has answered by itself meanwhile is let go too.  Our
 * signals that wait at a tracee are taken away: should it call execve, the next
 * program would die of one.
 *
 * The helper shares the thread pointer of the thread that made it, and so its
 * errno: it calls nothing but the kernel, directly.  It allocates nothing.
 *
 * Where tracing is forbidden (a debugger is there already, a security module,
 * a process that may not dump core) the tracee is REFUSED, and the stop has to
 * wait for it.  Linux on x86-64.  The idea is LeakSanitizer's.
 */
#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "../alloc/os.h"
#include "threads.h"

#define TRACER_STACK_BYTES ((size_t)65536)

/* The extended state with AMX takes 11 KiB. */
#define TRACER_STATE_BYTES ((size_t)16384)

/* Between two looks at tracees that have not stopped yet: at first, at most. */
#define TRACER_FIRST_WAIT_NS 20000
#define TRACER_LAST_WAIT_NS 1000000

_Static_assert(TRACER_FIRST_WAIT_NS < TRACER_LAST_WAIT_NS &&
                   2 * TRACER_LAST_WAIT_NS < 1000000000,
               "less than a second, doubled too");

/* In a long stop the tracees are let join a stop of the whole process. */
#define TRACER_JOIN_NS 50000000

/* Signals of ours that are taken away from one tracee: more than ever wait. */
#define TRACER_TAKES_MAX 16

/* Looks at tracees that have not stopped when the stop is over: some 10 ms. */
#define TRACER_LAST_TRIES 200

enum tracee_state {
  TRACEE_UNUSED,
  TRACEE_WANTED,  /* by the collecting thread, to be stopped */
  TRACEE_SEIZED,  /* asked to stop */
  TRACEE_STOPPED, /* its registers are known, and it has been answered for */
  TRACEE_LET_GO,  /* it will answer by itself, or has to be asked again */
  TRACEE_REFUSED  /* it cannot be traced */
};

struct gl_tracee {
  struct gl_tracee *next;
  struct gl_thread *thread;
  pid_t tid;
  uint32_t state; /* enum tracee_state */
  int signal;     /* that it was about to take when it stopped; 0 for none */
  struct user_regs_struct registers;
  size_t extended_bytes;
  uint64_t extended[TRACER_STATE_BYTES / sizeof(uint64_t)];
};

static struct {
  struct gl_tracee *tracees; /* ever made; only grows */
  char *stack;               /* of the helper */
  pid_t helper;              /* 0 for none */
  pid_t parent;
  uint32_t commands; /* given so far; the helper sleeps on it */
  bool finish;
  uint32_t *answers; /* to be counted up for each tracee stopped */
  uint32_t number;   /* of the stop */
  int stop_signal;
} tracer GL_DATA = {.tracees = NULL};

/* -------------------------------------------------------------- the helper */

/* A system call that touches no errno; the result is negative on failure. */
GL_TRACER_UNCHECKED static long tracer_call(long number, long a, long b, long c,
                                            long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}

GL_TRACER_UNCHECKED static long tracer_ptrace(long request,
                                              const struct gl_tracee *tracee,
                                              long address, long data) {
  return tracer_call(SYS_ptrace, request, tracee->tid, address, data);
}

GL_TRACER_UNCHECKED static void tracer_set(struct gl_tracee *tracee,
                                           enum tracee_state state) {
  /* Release: the collecting thread reads what was found of a tracee. */
  __atomic_store_n(&tracee->state, (uint32_t)state, __ATOMIC_RELEASE);
}

GL_TRACER_UNCHECKED static uint32_t tracer_state(
    const struct gl_tracee *tracee) {
  return __atomic_load_n(&tracee->state, __ATOMIC_ACQUIRE);
}

GL_TRACER_UNCHECKED static void tracer_seize(struct gl_tracee *tracee) {
  gl_assert(tracer_state(tracee) == TRACEE_WANTED && tracee->tid > 0);
  tracee->signal = 0;
  if (tracer_ptrace(PTRACE_SEIZE, tracee, 0, 0) < 0) {
    tracer_set(tracee, TRACEE_REFUSED);
    return;
  }
  tracer_ptrace(PTRACE_INTERRUPT, tracee, 0, 0);
  tracer_set(tracee, TRACEE_SEIZED);
}

/* A system call that has come to an end by the stop alone is made again. */
GL_TRACER_UNCHECKED static void tracer_repeat_call(struct gl_tracee *tracee) {
  struct user_regs_struct *r = &tracee->registers;
  struct iovec general = {r, sizeof *r};
  if (!gl_restart_may_repeat(r)) return;
  r->rax = r->orig_rax;
  r->orig_rax = (unsigned long long)-1;
  r->rip -= 2; /* the length of a syscall instruction */
  tracer_ptrace(PTRACE_SETREGSET, tracee, NT_PRSTATUS, (long)&general);
}

GL_TRACER_UNCHECKED static void tracer_let_go(struct gl_tracee *tracee) {
  gl_assert(tracer_state(tracee) == TRACEE_SEIZED ||
            tracer_state(tracee) == TRACEE_STOPPED);
  tracer_ptrace(PTRACE_DETACH, tracee, 0, tracee->signal);
  tracer_set(tracee, TRACEE_LET_GO);
}

GL_TRACER_UNCHECKED static bool tracer_read(struct gl_tracee *tracee) {
  struct iovec general = {&tracee->registers, sizeof tracee->registers};
  struct iovec extended = {tracee->extended, sizeof tracee->extended};
  if (tracer_ptrace(PTRACE_GETREGSET, tracee, NT_PRSTATUS, (long)&general) < 0)
    return false;
  if (tracer_ptrace(PTRACE_GETREGSET, tracee, NT_X86_XSTATE, (long)&extended) <
      0)
    extended.iov_len = 0; /* a processor without it */
  gl_assert(extended.iov_len <= sizeof tracee->extended);
  tracee->extended_bytes = extended.iov_len;
  return true;
}

/* Whether our signal waits at a tracee. */
GL_TRACER_UNCHECKED static bool tracer_has_signal(
    const struct gl_tracee *tracee) {
  struct __ptrace_peeksiginfo_args which = {.off = 0, .flags = 0, .nr = 1};
  siginfo_t info;
  gl_assert(tracer.stop_signal > 0);
  for (; tracer_ptrace(PTRACE_PEEKSIGINFO, tracee, (long)&which,
                       (long)&info) == 1;
       which.off++)
    if (info.si_signo == tracer.stop_signal) return true;
  return false;
}

/* Let our signal through, and no other: the tracee stops again as it is about
   to take it, and takes none.  False where it has ended. */
GL_TRACER_UNCHECKED static bool tracer_take_signal(struct gl_tracee *tracee) {
  uint64_t held, ours = (uint64_t)1 << (tracer.stop_signal - 1), open = ~ours;
  int status = 0;
  if (tracer_ptrace(PTRACE_GETSIGMASK, tracee, sizeof held, (long)&held) < 0 ||
      tracer_ptrace(PTRACE_SETSIGMASK, tracee, sizeof open, (long)&open) < 0)
    return true;
  tracer_ptrace(PTRACE_CONT, tracee, 0, 0);
  long tid = tracer_call(SYS_wait4, tracee->tid, (long)&status, __WALL, 0);
  if (tid != tracee->tid || !WIFSTOPPED(status)) return false;
  tracer_ptrace(PTRACE_SETSIGMASK, tracee, sizeof held, (long)&held);
  if (status >> 16 == 0 && WSTOPSIG(status) != tracer.stop_signal)
    tracee->signal = WSTOPSIG(status); /* one that cannot be held back */
  return true;
}

GL_TRACER_UNCHECKED static bool tracer_take_signals(struct gl_tracee *tracee) {
  for (int i = 0; i < TRACER_TAKES_MAX && tracee->signal == 0; i++) {
    if (!tracer_has_signal(tracee)) return true;
    if (!tracer_take_signal(tracee)) return false;
  }
  return true;
}

/* It has stopped outside of the allocator: answer for it. */
GL_TRACER_UNCHECKED static void tracer_answer(struct gl_tracee *tracee) {
  struct gl_thread *thread = tracee->thread;
  gl_assert(thread->signalled == tracer.number && thread->tracee == NULL);
  thread->context = NULL;
  thread->tracee = tracee;
  thread->tp = (const void *)tracee->registers.fs_base;
  thread->sp = (uintptr_t)tracee->registers.rsp;
  thread->red_zone_bytes = GL_RED_ZONE_BYTES;
  thread->alt_low = thread->alt_high = 0; /* nobody tells */
  tracer_set(tracee, TRACEE_STOPPED);
  /* Release: the collecting thread reads the record after the answer. */
  __atomic_store_n(&thread->acked, tracer.number, __ATOMIC_RELEASE);
  __atomic_add_fetch(tracer.answers, 1, __ATOMIC_SEQ_CST);
  tracer_call(SYS_futex, (long)tracer.answers, FUTEX_WAKE_PRIVATE, 1, 0);
}

GL_TRACER_UNCHECKED static void tracer_on_stop(struct gl_tracee *tracee,
                                               int status) {
  struct gl_thread *thread = tracee->thread;
  struct gl_cache *cache = thread->cache;
  bool by_request = status >> 16 == PTRACE_EVENT_STOP;
  gl_assert(thread->tid == tracee->tid);
  bool known = tracer_read(tracee);
  tracee->signal = by_request ? 0 : WSTOPSIG(status);
  bool answers_itself =
      tracee->signal == tracer.stop_signal ||
      __atomic_load_n(&thread->acked, __ATOMIC_ACQUIRE) == tracer.number;
  bool busy = cache != NULL && cache->thread == thread &&
              __atomic_load_n(&cache->busy, __ATOMIC_RELAXED) != 0;
  /* It reads this as it leaves the allocator. */
  if (busy) __atomic_store_n(&cache->stop_wanted, 1, __ATOMIC_RELAXED);
  if (known && !answers_itself && !busy) {
    if (tracer_take_signals(tracee))
      tracer_answer(tracee);
    else
      tracer_set(tracee, TRACEE_LET_GO); /* it has ended */
    return;
  }
  if (known && by_request) tracer_repeat_call(tracee);
  tracer_let_go(tracee);
}

/* Take note of one tracee that has stopped or ended; false where none has. */
GL_TRACER_UNCHECKED static bool tracer_wait(void) {
  int status = 0;
  long tid = tracer_call(SYS_wait4, -1, (long)&status, __WALL | WNOHANG, 0);
  if (tid <= 0) return false;
  for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next) {
    if (t->tid != tid || tracer_state(t) != TRACEE_SEIZED) continue;
    if (WIFSTOPPED(status))
      tracer_on_stop(t, status);
    else
      tracer_set(t, TRACEE_LET_GO); /* it has ended */
  }
  return true;
}

/* Returns how many are on their way to a stop. */
GL_TRACER_UNCHECKED static size_t tracer_seize_wanted(void) {
  size_t seized = 0;
  struct gl_tracee *t = __atomic_load_n(&tracer.tracees, __ATOMIC_ACQUIRE);
  for (; t != NULL; t = t->next) {
    if (tracer_state(t) == TRACEE_WANTED) tracer_seize(t);
    seized += tracer_state(t) == TRACEE_SEIZED;
  }
  return seized;
}

GL_TRACER_UNCHECKED static void tracer_sleep(uint32_t commands, long ns) {
  struct timespec timeout = {0, ns};
  gl_assert(ns > 0 && ns < 1000000000);
  tracer_call(SYS_futex, (long)&tracer.commands, FUTEX_WAIT_PRIVATE,
              (long)commands, (long)&timeout);
}

/*
 * Should the process be stopped (SIGSTOP, job control), the kernel waits for
 * every thread to take part, before it tells a shell, and a tracee that we have
 * stopped takes part only as it stops anew.  So each is let stop anew: asked to
 * first, it comes by no instruction of the program's.  One that is about to
 * take a signal would lose it, and is left alone.
 */
GL_TRACER_UNCHECKED static void tracer_let_join(void) {
  int status = 0;
  for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next) {
    if (tracer_state(t) != TRACEE_STOPPED || t->signal != 0) continue;
    if (tracer_ptrace(PTRACE_INTERRUPT, t, 0, 0) < 0 ||
        tracer_ptrace(PTRACE_CONT, t, 0, 0) < 0)
      continue;
    tracer_call(SYS_wait4, t->tid, (long)&status, __WALL, 0);
  }
}

GL_TRACER_UNCHECKED static size_t tracer_count_seized(void) {
  size_t seized = 0;
  for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next)
    seized += tracer_state(t) == TRACEE_SEIZED;
  return seized;
}

/* Also those that are about to stop, having answered by themselves meanwhile:
   should the helper be gone by then, their system calls fail.  Those that are
   in a wait for a disk are not waited for. */
GL_TRACER_UNCHECKED static void tracer_let_all_go(uint32_t commands) {
  gl_assert(__atomic_load_n(&tracer.finish, __ATOMIC_ACQUIRE));
  for (int tries = 0; tries < TRACER_LAST_TRIES; tries++) {
    for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next) {
      if (tracer_state(t) != TRACEE_STOPPED) continue;
      if (t->signal == 0) tracer_repeat_call(t);
      tracer_let_go(t);
    }
    if (tracer_count_seized() == 0) return;
    if (!tracer_wait()) tracer_sleep(commands, TRACER_FIRST_WAIT_NS);
  }
}

GL_TRACER_UNCHECKED static int tracer_main(void *data) {
  long wait_ns = TRACER_FIRST_WAIT_NS, slept_ns = 0;
  uint32_t commands;
  (void)data;
  /* Gone with the process, whatever ends that. */
  tracer_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
  if (tracer_call(SYS_getppid, 0, 0, 0, 0) != tracer.parent) return 1;
  gl_assert(tracer.number != 0 && tracer.answers != NULL);
  for (;;) {
    commands = __atomic_load_n(&tracer.commands, __ATOMIC_ACQUIRE);
    /* Acquire: the command came with a change of state. */
    if (__atomic_load_n(&tracer.finish, __ATOMIC_ACQUIRE)) break;
    size_t seized = tracer_seize_wanted();
    if (tracer_wait()) {
      wait_ns = TRACER_FIRST_WAIT_NS;
      continue;
    }
    long ns = seized > 0 ? wait_ns : TRACER_JOIN_NS;
    tracer_sleep(commands, ns);
    slept_ns += ns;
    if (slept_ns >= TRACER_JOIN_NS) {
      tracer_let_join();
      slept_ns = 0;
    }
    if (wait_ns < TRACER_LAST_WAIT_NS) wait_ns *= 2;
  }
  tracer_let_all_go(__atomic_load_n(&tracer.commands, __ATOMIC_ACQUIRE));
  return 0;
}

/* ---------------------------------------------------- the collecting thread */

static void tracer_command(void) {
  gl_assert(tracer.helper > 0 && tracer.parent == getpid());
  __atomic_add_fetch(&tracer.commands, 1, __ATOMIC_RELEASE);
  gl_futex_wake(&tracer.commands, 1);
}

/* Where Yama is on, no process may trace another but its children; this one
   lets its child trace it. */
static void tracer_permit(pid_t helper) {
  prctl(PR_SET_PTRACER, (unsigned long)helper, 0, 0, 0);
}

static bool tracer_start(uint32_t number, uint32_t *answers, int stop_signal) {
  uint64_t before;
  gl_assert(tracer.helper == 0 || tracer.number == number); /* of this stop */
  if (tracer.helper != 0) return true;
  if (tracer.stack == NULL) tracer.stack = gl_os_map(TRACER_STACK_BYTES);
  if (tracer.stack == NULL) return false;
  tracer.number = number;
  tracer.answers = answers;
  tracer.stop_signal = stop_signal;
  tracer.finish = false;
  tracer.parent = getpid();
  gl_threads_hold_signals(0, &before);
  pid_t helper =
      clone(tracer_main, tracer.stack + TRACER_STACK_BYTES,
            CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, NULL);
  gl_threads_restore_signals(&before);
  if (helper < 0) return false;
  tracer.helper = helper;
  tracer_permit(helper);
  return true;
}

/* An item for a thread: its own of this stop, an unused one, or a new one. */
static struct gl_tracee *tracer_item(struct gl_thread *thread) {
  struct gl_tracee *unused = NULL;
  for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next) {
    uint32_t state = tracer_state(t);
    gl_assert(state == TRACEE_UNUSED || t->tid == t->thread->tid);
    if (state != TRACEE_UNUSED && t->thread == thread) return t;
    if (state == TRACEE_UNUSED) unused = t;
  }
  if (unused == NULL) {
    unused = gl_os_map(sizeof *unused);
    if (unused == NULL) return NULL;
    unused->next = tracer.tracees;
    /* Release: the helper walks the list. */
    __atomic_store_n(&tracer.tracees, unused, __ATOMIC_RELEASE);
  }
  unused->thread = thread;
  unused->tid = thread->tid;
  return unused;
}

bool gl_tracer_add(struct gl_thread *thread, uint32_t number, uint32_t *answers,
                   int stop_signal) {
  gl_assert(thread->tid > 0 && thread->signalled == number);
  struct gl_tracee *tracee = tracer_item(thread);
  if (tracee == NULL) return false;
  uint32_t state = tracer_state(tracee);
  if (state == TRACEE_REFUSED) return false;
  if (state != TRACEE_UNUSED && state != TRACEE_LET_GO) return true;
  if (!tracer_start(number, answers, stop_signal)) return false;
  tracer_set(tracee, TRACEE_WANTED);
  tracer_command();
  return true;
}

void gl_tracer_finish(void) {
  if (tracer.helper == 0) return;
  gl_assert(!tracer.finish);
  __atomic_store_n(&tracer.finish, true, __ATOMIC_RELEASE);
  tracer_command();
  while (syscall(SYS_wait4, tracer.helper, NULL, __WALL, NULL) < 0 &&
         errno == EINTR)
    continue;
  tracer.helper = 0;
  for (struct gl_tracee *t = tracer.tracees; t != NULL; t = t->next) {
    t->thread->tracee = NULL;
    t->state = TRACEE_UNUSED;
  }
}

void gl_tracer_scan(const struct gl_tracee *tracee, gl_scan_range *scan,
                    void *data) {
  const char *extended = (const char *)tracee->extended;
  gl_assert(tracer_state(tracee) == TRACEE_STOPPED);
  gl_assert(tracee->extended_bytes <= sizeof tracee->extended);
  scan(&tracee->registers, &tracee->registers + 1, data);
  scan(extended, extended + tracee->extended_bytes, data);
}
