/* SPDX-License-Identifier: MIT */
/*
 * stack.c: a stack deep enough for a million Scheme calls.  The main thread's
 * stack grows by itself, touching only the pages in use, up to a limit which
 * is set when a program starts: raise it and start again.
 */
#include "lisp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A call of a small procedure that is no tail call takes some 140 bytes. */
#define WANTED ((rlim_t)1 << 30)
#define MARKER "GLEANER_LISP_STACK"

char *stack_base;
static uintptr_t lowest;  /* that frames may reach, but for handlers */
static uintptr_t current; /* the limit now */

void stack_grow(char **argv) {
  struct rlimit limit;
  if (getenv(MARKER) || getrlimit(RLIMIT_STACK, &limit) != 0) return;
  rlim_t wanted = WANTED < limit.rlim_max ? WANTED : limit.rlim_max;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_STACK, &limit) != 0) return;
    setenv(MARKER, "1", 1);
    execv("/proc/self/exe", argv); /* where it fails, go on with less */
  }
}

/* base: an address in main's frame. */
void stack_start(void *base) {
  struct rlimit limit;
  stack_base = base;
  unsetenv(MARKER);
  rlim_t size = (rlim_t)8 << 20;
  if (getrlimit(RLIMIT_STACK, &limit) == 0)
    size = limit.rlim_cur < WANTED ? limit.rlim_cur : WANTED;
  lowest = (uintptr_t)base - (size_t)size + STACK_RESERVE;
  stack_limit_set(false);
}

bool stack_limit_set(bool handling) {
  bool was_handling = current < lowest;
  current = handling ? lowest - STACK_RESERVE / 2 : lowest;
  vm.stack_limit = vm.interrupted || vm.steps ? UINTPTR_MAX : current;
  return was_handling;
}

bool stack_is_full(void) {
  return (uintptr_t)__builtin_frame_address(0) < current;
}
