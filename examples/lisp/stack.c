/* SPDX-License-Identifier: MIT */
/*
 * stack.c: a stack deep enough for a million Scheme calls.  The main thread's
 * stack grows by itself, touching only the pages in use, up to a limit which
 * is set when a program starts: raise it and start again.
 */
#include "lisp.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A call of a small procedure that is no tail call takes some 140 bytes. */
#define WANTED ((rlim_t)1 << 30)
#define MARKER "GLEANER_LISP_STACK"
#define RESERVE ((size_t)512 << 10) /* for C code, handlers, the kernel */

char *stack_base;
static uintptr_t lowest;  /* that frames may reach, but for handlers */
static uintptr_t current; /* the limit now */

static rlim_t smaller(rlim_t a, rlim_t b) { return a < b ? a : b; }

void stack_start(void *base, char **argv) {
  struct rlimit limit = {(rlim_t)8 << 20, (rlim_t)8 << 20};
  getrlimit(RLIMIT_STACK, &limit);
  struct rlimit more = {smaller(WANTED, limit.rlim_max), limit.rlim_max};
  if (limit.rlim_cur < more.rlim_cur && !getenv(MARKER) &&
      setrlimit(RLIMIT_STACK, &more) == 0) {
    setenv(MARKER, "1", 1);
    execv("/proc/self/exe", argv); /* where it fails, go on with less */
  }
  unsetenv(MARKER);
  stack_base = base;
  lowest = (uintptr_t)base - smaller(WANTED, limit.rlim_cur) + RESERVE;
  stack_limit_set(false);
}

bool stack_limit_set(bool handling) {
  bool was_handling = current < lowest;
  current = handling ? lowest - RESERVE / 2 : lowest;
  vm.stack_limit = vm.interrupted || vm.steps ? UINTPTR_MAX : current;
  return was_handling;
}

bool stack_is_full(void) {
  return (uintptr_t)__builtin_frame_address(0) < current;
}
