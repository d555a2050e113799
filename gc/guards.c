/* SPDX-License-Identifier: MIT */
/*
 * guards.c: pages that may not be read, where the collector reads them.
 *
 * A program makes a page a guard in a static array, in a block or in a range
 * that it has added: below a coroutine's stack, as often as not.  To ask of
 * each page whether it may be read takes longer than to scan it.  So it is
 * read, and where that faults the page is opened for as long as the world is
 * stopped, when nobody can run into it, and shut again before the world goes
 * on.
 *
 *    made so by              the fault is  opened by        shut by
 *    mprotect(PROT_NONE)     SEGV_ACCERR   mprotect         mprotect
 *    MADV_GUARD_INSTALL      SEGV_MAPERR   ..._REMOVE       ..._INSTALL
 *    munmap                  SEGV_MAPERR   a page of zeros  munmap
 *
 * The last is a mistake of the program, and said to be one; elsewhere than in
 * roots it is one of ours, and the signal does what it would have done.
 *
 * So from gl_guards_begin to gl_guards_end the handler of SIGSEGV is ours.  All
 * threads but markers are stopped, so no fault is anybody else's; what was sent
 * is sent on afterwards, of several the last.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "threads.h"

/* Pages open at a time.  Where there are more, the one that was opened first is
   shut: it has been read, or is opened again. */
#define GUARDS_OPEN_MAX 256

/* As often a page is opened before it is believed that this does not help. */
#define GUARDS_TRIES 1000

/* How long helpers are waited for. */
#define GUARDS_WAITS 100
#define GUARDS_WAIT_NS ((uint64_t)1000000)

/* Since Linux 6.13. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

enum guards_bar {
  GUARDS_PROTECTED = 1,
  GUARDS_MARKED = 2,
  GUARDS_UNMAPPED = 4
};

struct guards_page {
  uintptr_t address; /* 0 for none */
  unsigned bars;     /* what it was shut by */
  unsigned tries;
};

static struct {
  struct guards_page open[GUARDS_OPEN_MAX];
  size_t next; /* the one that was opened first */
  bool any;
  bool on;
  bool sent;        /* the signal, by somebody: */
  siginfo_t info;   /* who, the last time */
  uint32_t awake;   /* helpers that the signal is let through to */
  uint32_t busy;    /* a marker opens a page */
  uintptr_t absent; /* in a root, but not mapped; 0: none was met */
  bool told;        /* of one */
  struct sigaction before;
} guards GL_DATA = {.next = 0};

/* Of a helper: it lets the signal through. */
static __thread bool guards_lets __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------------------ open and shut */

static bool guards_unbar(uintptr_t page, unsigned bar) {
  void *p = (void *)page;
  gl_assert(page % GL_PAGE_BYTES == 0);
  if (bar == GUARDS_PROTECTED)
    return mprotect(p, GL_PAGE_BYTES, PROT_READ) == 0;
  if (bar == GUARDS_MARKED)
    return madvise(p, GL_PAGE_BYTES, MADV_GUARD_REMOVE) == 0;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void *made = mmap(p, GL_PAGE_BYTES, PROT_READ, flags, -1, 0);
  if (made == p) return true;
  if (made != MAP_FAILED) munmap(made, GL_PAGE_BYTES); /* before Linux 4.17 */
  return false;
}

/* In the order opposite to that in which they were found. */
static void guards_shut(struct guards_page *open) {
  void *p = (void *)open->address;
  gl_assert(open->bars != 0 && open->address % GL_PAGE_BYTES == 0);
  if (open->bars & GUARDS_UNMAPPED) munmap(p, GL_PAGE_BYTES);
  if (open->bars & GUARDS_MARKED)
    madvise(p, GL_PAGE_BYTES, MADV_GUARD_INSTALL);
  if (open->bars & GUARDS_PROTECTED) mprotect(p, GL_PAGE_BYTES, PROT_NONE);
  *open = (struct guards_page){.address = 0};
}

static struct guards_page *guards_find(uintptr_t page) {
  for (size_t i = 0; i < GUARDS_OPEN_MAX; i++)
    if (guards.open[i].address == page) return &guards.open[i];
  return NULL;
}

static struct guards_page *guards_add(uintptr_t page) {
  struct guards_page *open = &guards.open[guards.next];
  guards.next = (guards.next + 1) % GUARDS_OPEN_MAX;
  if (open->address != 0) guards_shut(open);
  *open = (struct guards_page){.address = page};
  guards.any = true;
  return open;
}

static bool guards_is_root(uintptr_t address) {
  const void *p = (const void *)address;
  return gl_ranges_find(&gl_added_roots, p) != NULL ||
         gl_ranges_find(&gl_modules.data, p) != NULL;
}

/* What bars the page, or 0.  Where a mapping is there, a fault as if there were
   none comes of a mark. */
static unsigned guards_find_bar(uintptr_t address, int code) {
  uintptr_t page = address & ~(GL_PAGE_BYTES - 1);
  if (code == SEGV_ACCERR) return GUARDS_PROTECTED;
  if (code != SEGV_MAPERR) return 0;
  if (guards_unbar(page, GUARDS_MARKED)) return GUARDS_MARKED;
  return guards_is_root(address) ? GUARDS_UNMAPPED : 0;
}

/* Another marker may have opened it meanwhile. */
static bool guards_open(uintptr_t address, int code) {
  uintptr_t page = address & ~(GL_PAGE_BYTES - 1);
  struct guards_page *open = guards_find(page);
  if (open != NULL && ++open->tries > GUARDS_TRIES) return false;
  unsigned bar = guards_find_bar(address, code);
  if (bar == 0) return false;
  if (open != NULL && (open->bars & bar) != 0) return true;
  if (bar != GUARDS_MARKED && !guards_unbar(page, bar)) return false;
  if (open == NULL) open = guards_add(page);
  open->bars |= bar;
  if (bar == GUARDS_UNMAPPED)
    __atomic_store_n(&guards.absent, address, __ATOMIC_RELAXED);
  return true;
}

/* --------------------------------------------------------------- the signal */

/* Where it is no guard: the instruction is made again, and the signal does what
   the program, or the system, has it do. */
static void guards_on_fault(int number, siginfo_t *info, void *context) {
  int saved = errno;
  (void)context;
  if (info->si_code <= 0) { /* by kill and the like */
    guards.info = *info;
    __atomic_store_n(&guards.sent, true, __ATOMIC_RELEASE);
    return;
  }
  while (__atomic_exchange_n(&guards.busy, 1, __ATOMIC_ACQUIRE) != 0)
    __builtin_ia32_pause();
  if (guards.on && !guards_open((uintptr_t)info->si_addr, info->si_code)) {
    sigaction(number, &guards.before, NULL);
    guards.on = false;
  }
  __atomic_store_n(&guards.busy, 0, __ATOMIC_RELEASE);
  errno = saved;
}

void gl_guards_wake(void) {
  if (guards_lets) return;
  guards_lets = true;
  __atomic_add_fetch(&guards.awake, 1, __ATOMIC_SEQ_CST);
  gl_threads_hold_signals(SIGSEGV, NULL);
}

void gl_guards_sleep(void) {
  if (!guards_lets) return;
  guards_lets = false;
  gl_threads_hold_signals(0, NULL);
  gl_assert(__atomic_load_n(&guards.awake, __ATOMIC_RELAXED) > 0);
  if (__atomic_sub_fetch(&guards.awake, 1, __ATOMIC_SEQ_CST) == 0)
    gl_futex_wake(&guards.awake, INT32_MAX);
}

/* A helper that is not asleep yet would take what is sent, where no thread of
   the program does. */
static void guards_await_helpers(void) {
  for (int i = 0; i < GUARDS_WAITS; i++) {
    uint32_t awake = __atomic_load_n(&guards.awake, __ATOMIC_SEQ_CST);
    if (awake == 0) return;
    gl_futex_wait(&guards.awake, awake, GUARDS_WAIT_NS);
  }
}

void gl_guards_after_fork(void) { guards.awake = 0; }

void gl_guards_begin(void) {
  struct sigaction action = {.sa_sigaction = guards_on_fault,
                             .sa_flags = SA_SIGINFO};
  gl_assert(gl_threads_are_stopped() && !guards.on && !guards.any);
  sigfillset(&action.sa_mask);
  guards.on = sigaction(SIGSEGV, &action, &guards.before) == 0;
  gl_threads_let_faults();
}

void gl_guards_end(void) {
  gl_assert(gl_threads_are_stopped());
  if (guards.any)
    for (size_t i = 0; i < GUARDS_OPEN_MAX; i++)
      if (guards.open[i].address != 0) guards_shut(&guards.open[i]);
  guards.any = false;
  if (gl_threads_hold_faults()) guards_await_helpers();
  if (guards.on) sigaction(SIGSEGV, &guards.before, NULL);
  guards.on = false;
}

/* ------------------------------------------------------- what is left over */

static void guards_report(uintptr_t absent) {
  char buffer[128];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "gleaner: a root at ");
  gl_text_address(&text, (const void *)absent);
  gl_text_string(&text, " is not mapped any more: passed over\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
}

/* Several threads may come here, of different collections. */
void gl_guards_settle(void) {
  uintptr_t absent = __atomic_load_n(&guards.absent, __ATOMIC_RELAXED);
  if (absent != 0 && !__atomic_exchange_n(&guards.told, true, __ATOMIC_RELAXED))
    guards_report(absent);
  if (!__atomic_exchange_n(&guards.sent, false, __ATOMIC_ACQUIRE)) return;
  siginfo_t info = guards.info;
  guards_await_helpers();
  if (info.si_code == SI_TKILL)
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, &info);
  else
    syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info);
}
