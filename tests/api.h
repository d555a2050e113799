/* SPDX-License-Identifier: MIT */
/*
 * api.h: what the black-box tests share: a check that is never compiled out,
 * random numbers, whether a thread waits, and the care it takes to test a
 * conservative collector from outside.  Such a test has to hide the addresses
 * it remembers, to do its work deep in the stack, and to wipe what that left
 * behind; otherwise it measures its own stale copies.
 */
#ifndef GLEANER_TESTS_API_H
#define GLEANER_TESTS_API_H

#include <gleaner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define API_NOINLINE __attribute__((noinline))
#define API_UNUSED __attribute__((unused))

/* Check a condition, also under NDEBUG. */
#define API_CHECK(condition)                                              \
  do {                                                                    \
    if (!(condition)) api_fail(__FILE__, __LINE__, #condition);           \
  } while (0)

_Noreturn static inline void api_fail(const char *file, int line,
                                      const char *what) {
  fflush(stdout);
  fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
  exit(1);
}

/* A step of Marsaglia's xorshift64; *state is never 0. */
static inline uint64_t api_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* The complement of an address of user space is never one itself. */
static inline uintptr_t api_hide(const void *p) { return ~(uintptr_t)p; }
static inline void *api_reveal(uintptr_t hidden) { return (void *)~hidden; }

#define API_GAP_BYTES (64u << 10)

/* Call function(data) with a gap below the caller's frame, so that what it
   leaves on the stack is out of the way of the frames that come next. */
API_UNUSED API_NOINLINE static void api_deep(void (*function)(void *),
                                             void *data) {
  API_UNUSED volatile char gap[API_GAP_BYTES];
  gap[0] = 0;
  function(data);
  gap[1] = 0;
}

/* Wipe the stack below the caller, and the registers that calls clobber. */
API_UNUSED API_NOINLINE static void api_scrub(void) {
  char dead[4 * API_GAP_BYTES];
  memset(dead, 0, sizeof dead);
  __asm__ volatile(
      "xor %%eax, %%eax; xor %%ecx, %%ecx; xor %%edx, %%edx\n\t"
      "xor %%esi, %%esi; xor %%edi, %%edi; xor %%r8d, %%r8d\n\t"
      "xor %%r9d, %%r9d; xor %%r10d, %%r10d; xor %%r11d, %%r11d\n\t"
      "pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm2, %%xmm2\n\t"
      "pxor %%xmm3, %%xmm3; pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5\n\t"
      "pxor %%xmm6, %%xmm6; pxor %%xmm7, %%xmm7; pxor %%xmm8, %%xmm8\n\t"
      :
      : "m"(dead)
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0",
        "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
        "memory");
}

/* What can be asked without a copy of the address staying behind. */
struct api_question {
  uintptr_t hidden;
  bool allocated;
};

API_UNUSED static void api_ask(void *data) {
  struct api_question *question = data;
  question->allocated =
      gc_base(api_reveal(question->hidden)) == api_reveal(question->hidden);
}

/* Whether the block at a hidden address is still allocated. */
API_UNUSED API_NOINLINE static bool api_is_allocated(uintptr_t hidden) {
  struct api_question question = {.hidden = hidden};
  api_deep(api_ask, &question);
  api_scrub();
  return question.allocated;
}

/* Whether a thread of this process sleeps in the kernel, since it waits for a
   lock; false where it has ended. */
API_UNUSED static bool api_is_asleep(pid_t tid) {
  char path[64], text[16] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  bool found = fgets(text, sizeof text, file) != NULL;
  fclose(file);
  return found && strtol(text, NULL, 10) == SYS_futex;
}

#endif /* GLEANER_TESTS_API_H */
