/* SPDX-License-Identifier: MIT */
/*
 * restart.c: system calls of the program go on after a stop.  Linux on x86-64.
 *
 * The kernel restarts most calls by itself (SA_RESTART).  Some it lets fail
 * with EINTR whenever a handler has run: sleeps, polls, waits with a timeout.
 * No handler of the program has run, so it should not see that.  The handler of
 * the stop signal therefore looks at what it has interrupted: where that is
 * just behind a syscall instruction with -EINTR as the result, it finds the
 * number of the call in the code before it, and then
 *
 *   GO_ON   has the kernel go on with it, as it would have after a stop by a
 *           debugger: restart_syscall knows how much time is left.  That is
 *           done in the handler, with the mask of the interrupted code, since
 *           to return from it would make the kernel forget.  When another stop
 *           interrupts this, its handler does not return either but jumps back
 *           here.  A handler of the program does return, so then the kernel has
 *           forgotten, and the result is EINTR, as it should be.
 *   REPEAT  lets the program return to the syscall instruction: calls without a
 *           timeout, with an absolute one, or one that the kernel has brought
 *           up to date.  Not where a signal waits for the thread: its handler
 *           would run before the call instead of during it.  And not where the
 *           call is made to wait for signals.
 *
 * A thread that is stopped by tracing needs this for what the kernel does not
 * restart after that: the same calls, of which the tracer knows the number.
 *
 * What remains (a relative timeout of which nobody knows how much is left, a
 * call whose number is not to be found) fails with EINTR.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum restart { RESTART_NOT, RESTART_GO_ON, RESTART_REPEAT };

/* ------------------------------------------------------- which call it was */

#define RESTART_MOVE_EAX 0xb8 /* mov $imm32, %eax */
#define RESTART_SYSCALL_BYTES 2

/* Code that is looked at: the call itself, its number, and what compilers put
   between them, which is other arguments. */
#define RESTART_CODE_BYTES 24

_Static_assert(RESTART_CODE_BYTES + RESTART_SYSCALL_BYTES < GL_PAGE_BYTES,
               "in two pages at most");

static bool restart_is_rex(uint8_t byte) { return (byte & 0xf0) == 0x40; }

/* Bytes of an instruction that moves a register, or a word of the stack, to a
   register, or a constant to r8 to r11; 0 for any other. */
static size_t restart_move_bytes(const uint8_t *code) {
  size_t rex = restart_is_rex(code[0]) ? 1 : 0;
  const uint8_t *op = code + rex;
  if (rex == 1 && (code[0] & 9) == 1 && (op[0] & 0xfc) == 0xb8) return 6;
  bool to_memory = op[0] == 0x89, moves = to_memory || op[0] == 0x8b;
  if (!moves) return 0;
  uint8_t mode = op[1] >> 6, base = op[1] & 7;
  if (mode == 3) return rex + 2;
  if (to_memory || base != 4 || op[2] != 0x24) return 0; /* (%rsp) */
  return mode == 0 ? rex + 3 : mode == 1 ? rex + 4 : rex + 7;
}

/* Whether there are only such moves in [code, end). */
static bool restart_is_moves(const uint8_t *code, const uint8_t *end) {
  while (code < end) {
    size_t bytes = restart_move_bytes(code);
    if (bytes == 0) return false;
    code += bytes;
  }
  return code == end;
}

/* The number that a call was given by the code before it, or -1. */
static long restart_parse(const uint8_t *code) {
  const uint8_t *call = code + RESTART_CODE_BYTES;
  if (call[0] != 0x0f || call[1] != 0x05) return -1;
  for (const uint8_t *at = call - 5; at > code; at--) {
    if (at[0] != RESTART_MOVE_EAX || restart_is_rex(at[-1])) continue;
    if (!restart_is_moves(at + 5, call)) continue;
    return at[3] == 0 && at[4] == 0 ? at[1] | at[2] << 8 : -1;
  }
  return -1;
}

/* The number of the call that ended at this address, or -1. */
static long restart_number(uintptr_t after) {
  uint8_t code[RESTART_CODE_BYTES + RESTART_SYSCALL_BYTES];
  uintptr_t from = after - sizeof code;
  struct iovec here = {code, sizeof code}, there = {(void *)from, sizeof code};
  if ((from ^ after) < GL_PAGE_BYTES)
    memcpy(code, (const void *)from, sizeof code);
  else if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) !=
           (ssize_t)sizeof code) /* the page before may not be there */
    return -1;
  return restart_parse(code);
}

/* ------------------------------------------------ what may be done about it */

/* Arguments in the order of the call: rdi, rsi, rdx, r10, r8, r9. */
#define RESTART_ARGUMENTS 6

GL_TRACER_UNCHECKED static enum restart restart_repeat_if(bool may) {
  return may ? RESTART_REPEAT : RESTART_NOT;
}

GL_TRACER_UNCHECKED static enum restart restart_futex(const uint64_t *a) {
  uint64_t command = a[1] & (uint64_t)FUTEX_CMD_MASK & 0xff;
  bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
  return waits && a[3] != 0 ? RESTART_GO_ON : RESTART_NOT;
}

GL_TRACER_UNCHECKED static enum restart restart_way(long number,
                                                    const uint64_t *a) {
  switch (number) {
    case SYS_poll:
    case SYS_nanosleep: return RESTART_GO_ON;
    case SYS_clock_nanosleep:
      return (a[1] & TIMER_ABSTIME) != 0 ? RESTART_REPEAT : RESTART_GO_ON;
    case SYS_futex: return restart_futex(a);
    case SYS_select: /* their timeouts are brought up to date */
    case SYS_pselect6:
    case SYS_ppoll:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_semop:
    case SYS_msgrcv:
    case SYS_msgsnd: return RESTART_REPEAT;
    case SYS_epoll_wait:
    case SYS_epoll_pwait: return restart_repeat_if((int32_t)a[3] < 0);
    case SYS_epoll_pwait2:
    case SYS_semtimedop: return restart_repeat_if(a[3] == 0);
    case SYS_rt_sigtimedwait: return restart_repeat_if(a[2] == 0);
    case SYS_io_getevents: return restart_repeat_if(a[4] == 0);
    default: return RESTART_NOT;
  }
}

GL_TRACER_UNCHECKED bool gl_restart_may_repeat(
    const struct user_regs_struct *r) {
  const uint64_t a[RESTART_ARGUMENTS] = {r->rdi, r->rsi, r->rdx,
                                         r->r10, r->r8,  r->r9};
  return (long)r->rax == -EINTR && (long)r->orig_rax >= 0 &&
         restart_way((long)r->orig_rax, a) == RESTART_REPEAT;
}

/* ------------------------------------------------------------- going on */

/* Restart the call that this thread was last interrupted in, with the signals
   of a mask held back; returns its result.  After an interruption by a stop it
   goes on at gl_restart_again. */
long gl_restart_go_on(const uint64_t *mask);
extern const uint8_t gl_restart_again[] __attribute__((visibility("hidden")));
extern const uint8_t gl_restart_done[] __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
        ".hidden gl_restart_go_on, gl_restart_again, gl_restart_done\n"
        ".globl gl_restart_go_on, gl_restart_again, gl_restart_done\n"
        ".type gl_restart_go_on, @function\n"
        "gl_restart_go_on:\n"
        "  .cfi_startproc\n"
        "  push %rbx\n"
        "  .cfi_adjust_cfa_offset 8\n"
        "  .cfi_rel_offset %rbx, 0\n"
        "  mov %rdi, %rbx\n"
        "gl_restart_again:\n"
        "  mov $14, %eax\n" /* rt_sigprocmask(SIG_SETMASK, mask, NULL, 8) */
        "  mov $2, %edi\n"
        "  mov %rbx, %rsi\n"
        "  xor %edx, %edx\n"
        "  mov $8, %r10d\n"
        "  syscall\n"
        "  mov $219, %eax\n" /* restart_syscall() */
        "  syscall\n"
        "gl_restart_done:\n"
        "  pop %rbx\n"
        "  .cfi_adjust_cfa_offset -8\n"
        "  .cfi_restore %rbx\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size gl_restart_go_on, . - gl_restart_go_on\n"
        ".popsection\n");

_Static_assert(SYS_rt_sigprocmask == 14 && SYS_restart_syscall == 219, "above");

/* Whether what was interrupted is the above, before it had a result. */
static bool restart_is_going_on(const greg_t *r) {
  uintptr_t at = (uintptr_t)r[REG_RIP];
  return (at >= (uintptr_t)gl_restart_again &&
          at < (uintptr_t)gl_restart_done) ||
         (at == (uintptr_t)gl_restart_done && r[REG_RAX] == -EINTR);
}

/* Back to where it was interrupted, past the handler and the kernel. */
static _Noreturn void restart_jump(const greg_t *r) {
  gl_assert(restart_is_going_on(r));
  __asm__ volatile(
      "mov %c[rbx](%0), %%rbx\n"
      "mov %c[rbp](%0), %%rbp\n"
      "mov %c[r12](%0), %%r12\n"
      "mov %c[r13](%0), %%r13\n"
      "mov %c[r14](%0), %%r14\n"
      "mov %c[r15](%0), %%r15\n"
      "mov %c[rsp](%0), %%rsp\n"
      "jmp gl_restart_again"
      :
      : "a"(r), [rbx] "i"(8 * REG_RBX), [rbp] "i"(8 * REG_RBP),
        [r12] "i"(8 * REG_R12), [r13] "i"(8 * REG_R13), [r14] "i"(8 * REG_R14),
        [r15] "i"(8 * REG_R15), [rsp] "i"(8 * REG_RSP)
      : "memory");
  __builtin_unreachable();
}

/* Whether a signal waits that a mask lets through, other than one. */
static bool restart_signal_waits(uint64_t mask, int other) {
  uint64_t waiting = 0;
  gl_assert(other >= 1 && other <= 64);
  syscall(SYS_rt_sigpending, &waiting, sizeof waiting);
  return (waiting & ~mask & ~((uint64_t)1 << (other - 1))) != 0;
}

/*
 * Whether the call lets signals through that are held back otherwise.  A stop
 * may come just as a handler of the program returns, and nothing tells that
 * from one that interrupts the call.  Where signals may come at any time, the
 * program has to expect that one comes before the call, and that is what it
 * sees then; here it need not, and would sleep for good.  (A tracer sees which
 * it was, and so asks restart_way alone.)
 */
static bool restart_waits_for_signals(long number, const uint64_t *a) {
  gl_assert(restart_way(number, a) == RESTART_REPEAT);
  switch (number) {
    case SYS_rt_sigsuspend: return true;
    case SYS_ppoll: return a[3] != 0;
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2: return a[4] != 0;
    case SYS_pselect6: /* the kernel has read the pair of words a moment ago */
      return a[5] != 0 && *(const uint64_t *)a[5] != 0;
    default: return false;
  }
}

void gl_restart_interrupted(ucontext_t *context, int stop_signal) {
  greg_t *r = context->uc_mcontext.gregs;
  uint64_t mask;
  if (restart_is_going_on(r)) restart_jump(r);
  if (r[REG_RAX] != -EINTR) return;
  long number = restart_number((uintptr_t)r[REG_RIP]);
  const uint64_t a[RESTART_ARGUMENTS] = {
      (uint64_t)r[REG_RDI], (uint64_t)r[REG_RSI], (uint64_t)r[REG_RDX],
      (uint64_t)r[REG_R10], (uint64_t)r[REG_R8],  (uint64_t)r[REG_R9]};
  enum restart way = restart_way(number, a);
  memcpy(&mask, &context->uc_sigmask, sizeof mask);
  if (way == RESTART_GO_ON) {
    long result = gl_restart_go_on(&mask);
    r[REG_RAX] = result == -ENOSYS ? -EINTR : result;
  } else if (way == RESTART_REPEAT && !restart_waits_for_signals(number, a) &&
             !restart_signal_waits(mask, stop_signal)) {
    gl_assert(number >= 0);
    r[REG_RAX] = number;
    r[REG_RIP] -= RESTART_SYSCALL_BYTES;
  }
}
