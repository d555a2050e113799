/* SPDX-License-Identifier: MIT */
/*
 * context.c: the registers of an interrupted thread, as the kernel leaves them
 * on its stack for a signal handler.  Linux on x86-64: another platform is
 * another file.
 *
 *    higher addresses
 *    | ...              | the interrupted frame; below it the red zone,
 *    | red zone         | which leaf functions use without moving rsp
 *    | extended state   | xmm, ymm and zmm registers (xsave area)
 *    | ucontext         | general registers, and a pointer to the above
 *    | handler's frame  |
 *
 * Vector registers count: compilers copy pointers two and four at a time.
 */
#include <string.h>

#include "mark.h"
#include "threads.h"

/* Where the kernel says how long the extended state is: the bytes it leaves to
   software in the legacy area (asm/sigcontext.h: struct _fpx_sw_bytes). */
#define CONTEXT_SW_OFFSET 464
#define CONTEXT_LEGACY_BYTES 512
#define CONTEXT_MAGIC 0x46505853u
#define CONTEXT_STATE_MAX_BYTES ((size_t)16384)

struct context_sw_bytes {
  uint32_t magic;
  uint32_t extended_size;
};

_Static_assert(CONTEXT_SW_OFFSET + sizeof(struct context_sw_bytes) <=
                   CONTEXT_LEGACY_BYTES,
               "they lie in the legacy area");

uintptr_t gl_context_sp(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}

const void *gl_context_thread_pointer(void) {
  const void *tp;
  __asm__("mov %%fs:0, %0" : "=r"(tp));
  return tp;
}

GL_MARK_UNCHECKED static size_t context_state_bytes(const char *state) {
  struct context_sw_bytes sw;
  memcpy(&sw, state + CONTEXT_SW_OFFSET, sizeof sw);
  if (sw.magic != CONTEXT_MAGIC || sw.extended_size > CONTEXT_STATE_MAX_BYTES)
    return CONTEXT_LEGACY_BYTES;
  return sw.extended_size;
}

GL_MARK_UNCHECKED void gl_context_scan(const ucontext_t *context,
                                       gl_scan_range *scan, void *data) {
  const mcontext_t *machine = &context->uc_mcontext;
  scan(machine->gregs, machine->gregs + NGREG, data);
  const char *state = (const char *)machine->fpregs;
  if (state != NULL) scan(state, state + context_state_bytes(state), data);
}

/* A context on an alternate stack names that stack; one that was interrupted
   elsewhere is the one by which the thread came there. */
GL_MARK_UNCHECKED static bool context_is_beneath(const ucontext_t *context,
                                                 uintptr_t low,
                                                 uintptr_t high) {
  uintptr_t state = (uintptr_t)context->uc_mcontext.fpregs;
  return (uintptr_t)context->uc_stack.ss_sp == low &&
         context->uc_stack.ss_size == high - low && state < high &&
         state >= (uintptr_t)context &&
         gl_context_sp(context) - low >= high - low;
}

GL_MARK_UNCHECKED const ucontext_t *gl_context_find_beneath(uintptr_t sp,
                                                            uintptr_t low,
                                                            uintptr_t high) {
  gl_assert(sp >= low && sp < high);
  if (high - sp < sizeof(ucontext_t)) return NULL;
  uintptr_t at = (high - sizeof(ucontext_t)) & ~(uintptr_t)7;
  for (; at >= sp; at -= sizeof(uintptr_t)) {
    const ucontext_t *context = (const ucontext_t *)at;
    if (context_is_beneath(context, low, high)) return context;
  }
  return NULL;
}
