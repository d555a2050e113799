/* SPDX-License-Identifier: MIT */
/*
 * fork.c: a heap that is whole in the child.
 *
 * The child has one thread and a copy of whatever the others were doing.  So
 * before the fork the world is stopped for a moment: every hole is closed and
 * every quick list forgotten, so that no fast path can succeed; the gate is
 * shut, so that slow paths wait before they touch anything; and the world runs
 * on, since a fork takes locks of the C library that a stopped thread may
 * hold.  The locks are taken in the order of a collection: turn, dynamic
 * linker, collecting, heap.  The heap stays as it is until the gate opens, in
 * the parent and in the child.
 *
 * Called by setup.c, which knows whether there is a heap yet.
 */
#include "gc.h"

static void fork_close_heap(void) {
  gl_assert(__atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) == 0);
  if (gl_threads_stop() || gl_threads_stop_known()) gl_heap_shut_gate();
  gl_threads_resume();
}

static bool fork_in_turn GL_DATA = false; /* under the collecting mutex */

void gl_fork_before(void) {
  gl_assert(gl_heap.ready && !gl_options.lean);
  bool in_turn = gl_collect_take_turn();
  gl_modules_before_fork();
  gl_collect_lock();
  fork_in_turn = in_turn;
  gl_heap_lock(NULL);
  gl_threads_before_fork();
  fork_close_heap();
}

void gl_fork_after(bool in_child) {
  gl_assert(!gl_threads_are_stopped() && !gl_options.lean);
  if (in_child) gl_threads_after_fork();
  bool in_turn = fork_in_turn;
  gl_heap_open_gate();
  gl_heap_unlock();
  gl_collect_unlock();
  gl_modules_after_fork(in_child);
  if (in_child) gl_collect_turn_after_fork(in_turn);
  gl_collect_end_turn(in_turn);
}
