/* SPDX-License-Identifier: MIT */
/*
 * scan.c: what the threads of a stopped world hold: registers, stacks and
 * thread-local storage, of those that have answered and of the collecting
 * thread, and the stacks that the program has added.  Called by roots.c.
 *
 * Invariant: a thread that runs no more, or has not been stopped, is passed
 * over; and of every other one a word is scanned wherever it may lie, once at
 * least.
 */
#include <signal.h>

#include "threads.h"

struct scan {
  gl_scan_range *scan;
  void *data;
  bool doubtful; /* the thread may be replacing its vector of storage */
};

static void scan_words(const void *low, const void *high, void *data) {
  struct scan *how = data;
  how->doubtful = how->doubtful || gl_tls_may_change(low, high);
  how->scan(low, high, how->data);
}

/* The registers and stacks of a stopped thread. */
static void scan_visit_words(struct gl_thread *thread, gl_scan_range *visit,
                             void *data) {
  gl_assert(gl_thread_has_stopped(thread));
  gl_assert(thread->tracee == NULL || thread->context == NULL);
  if (thread->tracee != NULL)
    gl_tracer_scan(thread->tracee, visit, data);
  else if (thread->context != NULL)
    gl_context_scan(thread->context, visit, data);
  gl_stacks_scan(thread, visit, data);
}

static void scan_visit_again(const struct gl_tls_words *words,
                             gl_scan_range *look, void *data) {
  struct gl_range left_out = gl_stacks_left_out(words->thread);
  scan_visit_words(words->thread, look, data);
  look(left_out.low, left_out.high, data);
}

static void scan_tls(struct gl_thread *thread, const struct scan *how) {
  struct gl_tls_words words = {scan_visit_again, thread};
  struct gl_range left_out = gl_stacks_left_out(thread);
  if (how->doubtful || gl_tls_may_change(left_out.low, left_out.high))
    gl_tls_scan_doubtful(thread->tp, &words, how->scan, how->data);
  else
    gl_tls_scan(thread->tp, how->scan, how->data);
}

static void scan_stopped(struct gl_thread *thread, void *data) {
  struct scan *how = data;
  if (!gl_thread_has_stopped(thread)) return;
  gl_assert(thread->signalled == thread->acked &&
            thread->seen == thread->acked);
  /* The C library holds signals back as it frees the vector of a thread that
     ends. */
  how->doubtful = thread->tracee != NULL;
  scan_visit_words(thread, scan_words, how);
  scan_tls(thread, how);
}

static void scan_self(const struct gl_entry *entry, const struct scan *how) {
  struct gl_thread *self = gl_threads_self();
  stack_t signal_stack;
  gl_assert(self->tracee == NULL && !gl_thread_has_stopped(self));
  gl_assert(entry->register_count <= GL_REGISTERS_MAX);
  sigaltstack(NULL, &signal_stack);
  gl_thread_set_signal_stack(self, &signal_stack);
  self->tp = gl_context_thread_pointer();
  self->sp = entry->sp - sizeof(uintptr_t); /* where it returns to: so it is
                                               in the stack in any case */
  self->red_zone_bytes = 0;
  how->scan(entry->registers, entry->registers + entry->register_count,
            how->data);
  gl_stacks_scan(self, how->scan, how->data);
  gl_tls_scan(self->tp, how->scan, how->data);
}

void gl_scan_threads(const struct gl_entry *entry, gl_scan_range *scan,
                     void *data) {
  struct scan how = {.scan = scan, .data = data};
  gl_assert(gl_threads_are_stopped());
  scan_self(entry, &how);
  gl_threads_each(scan_stopped, &how);
  gl_tls_scan_ended(scan, data);
  gl_stacks_scan_added(scan, data);
}
