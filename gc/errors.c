/* SPDX-License-Identifier: MIT */
/*
 * errors.c: misuse of the library, named in one line: the call, the address,
 * what is wrong with it, and the block it lies in if there is one.  Nothing
 * here calls malloc or stdio, and no lock is held: the program's handler may
 * do what it likes.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "threads.h"

/* The program's own, and so a root: not in GL_DATA. */
static struct {
  gc_error_handler *handler; /* NULL for the default */
  void *data;
} errors = {.handler = NULL};

/* ------------------------------------------------------------ what is wrong */

/* An address that is not in the heap: whose is it? */
static void errors_name_outside(struct gl_text *text, const void *address,
                                uintptr_t entry_sp) {
  char module[160];
  if ((uintptr_t)address < GL_PAGE_BYTES) {
    gl_text_string(text, "a small number, not an address");
  } else if (gl_stacks_share(address, (void *)entry_sp)) {
    gl_text_string(text, "on the stack of this thread");
  } else if (gl_modules_find(address, module, sizeof module)) {
    gl_text_string(text, "in the code or data of ");
    gl_text_string(text, module);
  } else if (gl_stacks_is_mapped(address)) {
    gl_text_string(text,
                   "not from this heap, but mapped: memory of malloc or mmap");
  } else {
    gl_text_string(text, "not mapped");
  }
}

static void errors_name_interior(struct gl_text *text, const void *address,
                                 const struct gl_block *block) {
  if ((uintptr_t)address % GL_GRANULE_BYTES != 0)
    gl_text_string(text, "misaligned ");
  gl_text_string(text, "interior pointer, ");
  gl_text_number(text, (uint64_t)((const char *)address - block->start));
  gl_text_string(text, " bytes into a ");
  gl_text_number(text, gl_heap_usable(block));
  gl_text_string(text, "-byte block at ");
  gl_text_address(text, block->start);
}

/* Where a block began that is free now.  By whom it was freed is not known
   once the collector has run, unless there is debugging. */
static void errors_name_freed(struct gl_text *text, const void *address,
                              bool freeing) {
  bool known = gl_options.debug && gl_debug_is_freed(address);
  bool collected = gl_stats_collections() > 0 && !known;
  gl_text_string(text, freeing ? "freed twice" : "used after it was freed");
  if (collected && freeing)
    gl_text_string(text, ", or once after the collector had freed it");
  else if (collected)
    gl_text_string(text, ", by the program or by the collector");
}

/* Somewhere in free memory, where no trace of a block is left. */
static void errors_name_free(struct gl_text *text, const void *address,
                             bool freeing) {
  if ((uintptr_t)address % GL_GRANULE_BYTES != 0)
    gl_text_string(text, "misaligned, and in free memory");
  else if (freeing)
    gl_text_string(text, "freed twice, or never allocated: in free memory");
  else
    gl_text_string(text,
                   "used after it was freed, or never allocated: in free "
                   "memory");
}

/* A misuse on its way to the handler. */
struct errors_misuse {
  const char *function;
  const void *address;
  enum gl_fault fault;
  struct gl_block block; /* that the address lies in; start is NULL for none */
  uintptr_t entry_sp;
};

static void errors_name_fault(struct gl_text *text,
                              const struct errors_misuse *misuse) {
  bool freeing = strstr(misuse->function, "free") != NULL;
  gl_assert(misuse->fault != GL_FAULT_NONE);
  switch (misuse->fault) {
    case GL_FAULT_OUTSIDE:
      errors_name_outside(text, misuse->address, misuse->entry_sp);
      break;
    case GL_FAULT_INTERIOR:
      errors_name_interior(text, misuse->address, &misuse->block);
      break;
    case GL_FAULT_FREE:
      errors_name_free(text, misuse->address, freeing);
      break;
    case GL_FAULT_TWICE:
      errors_name_freed(text, misuse->address, freeing);
      break;
    case GL_FAULT_NONE: gl_text_string(text, "no fault"); break;
  }
}

/* ---------------------------------------------------------------- reporting */

static void errors_default(const struct gc_error *error, uintptr_t entry_sp) {
  char buffer[600];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "gleaner: ");
  gl_text_string(&text, error->message);
  gl_text_string(&text, "\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, STDERR_FILENO);
  gl_stack_backtrace(STDERR_FILENO, entry_sp);
  if (gl_options.debug)
    gl_debug_describe(error->base != NULL ? error->base : error->address);
  abort();
}

/* Not where this thread has stopped the world: any lock that the handler or
   libunwind takes may be held by a stopped thread. */
static void errors_report(const struct gc_error *error, uintptr_t entry_sp) {
  gc_error_handler *handler =
      __atomic_load_n(&errors.handler, __ATOMIC_ACQUIRE);
  gl_assert(!gl_threads_are_stopped_here());
  if (handler != NULL)
    handler(error, errors.data);
  else
    errors_default(error, entry_sp);
}

void gl_error_fault(const char *function, const void *address,
                    const char *fault, const void *base, size_t size,
                    uintptr_t entry_sp) {
  char buffer[500];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, function);
  gl_text_string(&text, "(");
  gl_text_address(&text, address);
  gl_text_string(&text, "): ");
  gl_text_string(&text, fault);
  gl_assert(text.length < text.size);
  struct gc_error error = {.function = function,
                           .fault = fault,
                           .address = address,
                           .base = base,
                           .size = size,
                           .message = buffer};
  errors_report(&error, entry_sp);
}

void gl_error_misuse(const char *function, const void *address,
                     enum gl_fault fault, uintptr_t entry_sp) {
  char named[300];
  struct gl_text name = {named, sizeof named, 0};
  struct errors_misuse misuse = {function, address, fault, {.start = NULL},
                                 entry_sp};
  gl_cache_enter_slow(gl_self);
  if (fault == GL_FAULT_INTERIOR) gl_heap_find(address, &misuse.block);
  if (fault == GL_FAULT_FREE && gl_heap_was_block(address))
    misuse.fault = GL_FAULT_TWICE;
  gl_cache_leave(gl_self);
  errors_name_fault(&name, &misuse);
  gl_assert(name.length < name.size);
  gl_error_fault(function, address, named, misuse.block.start,
                 gl_heap_usable(&misuse.block), entry_sp);
}

/* ------------------------------------------------- corruption of the heap */

/* Found while this thread had a lock of ours, or had stopped the world; to be
   told of afterwards.  Of more than this the first. */
#define ERRORS_NOTES 8

/* Who sets the address of one without has it until it sets the fault; then who
   takes that has it until it sets the address to NULL. */
static struct errors_note {
  const void *address;
  const char *fault;
} errors_notes[ERRORS_NOTES] GL_DATA = {{NULL, NULL}};

static bool errors_unsettled GL_DATA = false;

static void errors_note(const void *address, const char *fault) {
  gl_assert(address != NULL && fault != NULL);
  for (int i = 0; i < ERRORS_NOTES; i++) {
    struct errors_note *note = &errors_notes[i];
    const void *none = NULL;
    if (!__atomic_compare_exchange_n(&note->address, &none, address, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      continue;
    __atomic_store_n(&note->fault, fault, __ATOMIC_RELEASE);
    __atomic_store_n(&errors_unsettled, true, __ATOMIC_RELEASE);
    return;
  }
}

static bool errors_take(struct errors_note *note, struct errors_note *taken) {
  taken->fault = __atomic_exchange_n(&note->fault, NULL, __ATOMIC_ACQ_REL);
  if (taken->fault == NULL) return false;
  taken->address = __atomic_load_n(&note->address, __ATOMIC_RELAXED);
  gl_assert(taken->address != NULL);
  __atomic_store_n(&note->address, NULL, __ATOMIC_RELEASE);
  return true;
}

/* What was in the memory can no longer be followed.  This comes in the middle
   of an allocation or a free, so the program's handler must not call the
   library.  The thread counts as outside of the allocator meanwhile: a
   backtrace waits for the dynamic linker's lock, which one that waits for this
   thread to stop may hold. */
static void errors_report_corruption(const void *address, const char *fault) {
  char buffer[200];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "heap corruption at ");
  gl_text_address(&text, address);
  gl_text_string(&text, ": ");
  gl_text_string(&text, fault);
  gl_assert(text.length < text.size);
  struct gc_error error = {.function = "heap",
                           .fault = fault,
                           .address = address,
                           .message = buffer};
  struct gl_cache *cache = gl_self;
  bool busy = cache != &gl_cache_none && cache->busy != 0;
  gl_assert(gl_locks_held == 0);
  if (busy) gl_telling = (uintptr_t)__builtin_frame_address(0);
  if (busy) gl_cache_leave(cache);
  errors_report(&error, 0);
  if (busy) gl_cache_enter(cache);
  gl_telling = 0;
}

/* The program wrote to memory that is free, or freed a block twice. */
static void errors_corruption(const void *address, const char *fault) {
  if (gl_locks_held != 0 || gl_threads_are_stopped_here())
    errors_note(address, fault);
  else
    errors_report_corruption(address, fault);
}

static GL_COLD void errors_settle_all(void) {
  struct errors_note note;
  /* First: what is noted from here on sets it again. */
  __atomic_store_n(&errors_unsettled, false, __ATOMIC_SEQ_CST);
  for (int i = 0; i < ERRORS_NOTES; i++)
    if (errors_take(&errors_notes[i], &note))
      errors_report_corruption(note.address, note.fault);
}

/* Where another lock is held still, or an operation is not over, later. */
void gl_error_settle(void) {
  if (GL_LIKELY(!__atomic_load_n(&errors_unsettled, __ATOMIC_ACQUIRE))) return;
  if (gl_locks_held == 0 && !gl_threads_are_stopped_here()) errors_settle_all();
}

void gl_error_init(void) {
  gl_heap.on_corruption = errors_corruption;
  gl_heap.on_unlock = gl_error_settle;
}

GC_API gc_error_handler *gc_set_error_handler(gc_error_handler *handler,
                                              void *data) {
  gl_heap_lock(NULL);
  gc_error_handler *before = errors.handler;
  errors.data = data;
  /* Release: who finds the handler finds its data. */
  __atomic_store_n(&errors.handler, handler, __ATOMIC_RELEASE);
  gl_heap_unlock();
  return before;
}
