/* SPDX-License-Identifier: MIT */
/*
 * collect.c: what a collection is, top to bottom.
 *
 * A collection finds the blocks that the program can still reach and hands all
 * others back to the heap.  It is mark-sweep: nothing moves.  It is
 * conservative: a word that looks like the address of a block is taken for a
 * pointer to it.  It stops the world for as long as it marks; the sweeping is
 * left to the allocators, an arena at a time, as they come to need the memory
 * (gl_arena_sweep).
 *
 * Three locks are held throughout: the dynamic linker's (no module comes or
 * goes), our own (nobody else stops the world), and the heap's (no arena or page
 * run changes hands).  They are taken in this order, and before the world is
 * stopped, since a stopped thread may hold any lock there is; from then on until
 * the threads run again nothing here allocates, locks or prints.
 */
#include <unistd.h>

#include "../alloc/os.h"
#include "mark.h"

/* Held by whoever stops the world.  Whoever has it never waits for the dynamic
   linker's lock: a thread that allocates in a callback of dl_iterate_phdr has
   that one, and waits for this. */
static pthread_mutex_t collect_mutex GL_DATA = PTHREAD_MUTEX_INITIALIZER;

/* Whether this thread holds it: making a helper may allocate. */
static __thread bool collect_is_mine __attribute__((tls_model("initial-exec")));

/* Of the thread that holds it: whether it may be cancelled. */
static int collect_cancel_state GL_DATA = PTHREAD_CANCEL_ENABLE;

void gl_collect_lock(void) {
  int state = gl_cancel_forbid();
  pthread_mutex_lock(&collect_mutex);
  collect_cancel_state = state;
}

void gl_collect_unlock(void) {
  int state = collect_cancel_state;
  pthread_mutex_unlock(&collect_mutex);
  gl_cancel_restore(state);
}

struct collect_request {
  enum gl_cause cause;
  size_t epoch; /* collections when it was made */
  uintptr_t entry_sp;
  struct gl_entry entry; /* the program, where it called the library */
  struct gl_cycle *cycle;
};

/* ------------------------------------------------------------- the phases */

static void collect_stop(struct gl_cycle *cycle) {
  cycle->before_bytes = gl_heap_held_bytes();
  cycle->stopped = gl_threads_stop();
  cycle->threads = gl_threads_count();
  cycle->stopped_ns = gl_os_now_ns();
}

/* Close the open holes, sweep what the last collection left, make all white. */
static void collect_prepare(void) {
  gl_heap_prepare_mark();
  gl_mark_begin();
}

static void collect_mark_roots(struct gl_cycle *cycle,
                               const struct gl_entry *entry) {
  cycle->root_bytes = gl_roots_scan(entry);
  cycle->roots_ns = gl_os_now_ns();
}

static void collect_mark_rest(struct gl_cycle *cycle) {
  gl_mark_finish();
  if (gl_options.debug) gl_debug_note_dead();
  cycle->marked_ns = gl_os_now_ns();
  cycle->marked_cpu_ns = gl_os_cpu_ns();
}

/* White blocks are free from now on, though most tags do not know it yet. */
static void collect_begin_sweep(struct gl_cycle *cycle) {
  cycle->marked_objects = gl_mark_objects();
  cycle->live_bytes = gl_heap_begin_sweep(gl_mark_live());
  cycle->live_bytes += gl_heap_sweep_large();
}

static void collect_check(void) {
  if (gl_options.check && !gl_heap_prove())
    gl_panic("the heap is broken after a collection", __FILE__, __LINE__);
}

static void collect_resume(struct gl_cycle *cycle) {
  gl_threads_resume();
  cycle->end_ns = gl_os_now_ns();
}

static void collect_settle(struct gl_cycle *cycle) {
  gl_pace_note(cycle->live_bytes, cycle);
  cycle->next_bytes = gl_pace_set_budget();
  gl_heap_tick();
  cycle->after_bytes = gl_heap_held_bytes();
  gl_stats_note(cycle);
}

/* The whole of it, with all locks held. */
static bool collect_locked(const struct collect_request *request) {
  struct gl_cycle *cycle = request->cycle;
  /* Another thread may have collected while this one waited for the locks. */
  if (request->cause != GL_CAUSE_PROGRAM && gl_heap.epoch != request->epoch)
    return false;
  if (!gl_modules_list()) return false;
  cycle->start_ns = gl_os_now_ns();
  cycle->start_cpu_ns = gl_os_cpu_ns();
  collect_stop(cycle);
  if (cycle->stopped) {
    collect_prepare();
    collect_mark_roots(cycle, &request->entry);
    collect_mark_rest(cycle);
    collect_begin_sweep(cycle);
    collect_check();
  }
  collect_resume(cycle);
  if (cycle->stopped) collect_settle(cycle);
  return cycle->stopped;
}

/* ------------------------------------------------------------ entry points */

/* With the dynamic linker's lock held: only now, since libunwind waits for it
   with all signals held back, and another thread that collects has it. */
static bool collect_held(void *data) {
  struct collect_request *request = data;
  gl_collect_lock();
  collect_is_mine = true;
  gl_stack_capture(&request->entry, request->entry_sp);
  gl_heap_lock(NULL);
  bool done = collect_locked(request);
  gl_heap_unlock();
  collect_is_mine = false;
  if (done) gl_log_cycle(request->cycle);
  gl_collect_unlock();
  return done;
}

/* Not where the dynamic linker's lock is held: to make a thread takes another of
   its locks, and a thread that unloads a library takes that one first. */
static void collect_make_helpers(void) {
  if (gl_modules_are_held()) return;
  gl_collect_lock();
  collect_is_mine = true;
  gl_markers_prepare();
  collect_is_mine = false;
  gl_collect_unlock();
}

static GL_NOINLINE bool collect_cycle(enum gl_cause cause, uintptr_t entry_sp) {
  struct gl_cycle cycle = {.cause = cause};
  struct collect_request request = {
      .cause = cause,
      .epoch = __atomic_load_n(&gl_heap.epoch, __ATOMIC_RELAXED),
      .entry_sp = entry_sp,
      .cycle = &cycle};
  if (gl_options.debug) gl_debug_check(entry_sp);
  collect_make_helpers();
  return gl_modules_hold(collect_held, &request) ||
         request.epoch != __atomic_load_n(&gl_heap.epoch, __ATOMIC_RELAXED);
}

bool gl_collect(enum gl_cause cause, uintptr_t entry_sp) {
  if (collect_is_mine) return false;
  bool done = collect_cycle(cause, entry_sp);
  gl_stack_wipe();
  return done;
}

bool gl_collect_stopped(void (*body)(void *data), void *data) {
  /* Or a helper might be stopped that another thread is just making. */
  if (collect_is_mine) return false;
  gl_collect_lock();
  gl_heap_lock(NULL);
  bool stopped = gl_threads_stop();
  if (stopped) body(data);
  gl_threads_resume();
  gl_heap_unlock();
  gl_collect_unlock();
  return stopped;
}
