/* SPDX-License-Identifier: MIT */
/*
 * collect.c: what a collection is, top to bottom.
 *
 * A collection finds the blocks that the program can still reach and hands all
 * others back to the heap.  It is mark-sweep: nothing moves.  It is
 * conservative: a word that looks like the address of a block is taken for a
 * pointer to it.  It stops the world for as long as it marks; the sweeping is
 * left to the allocators, an arena at a time, as they come to need the memory
 * (gl_arena_sweep).  Where much of a heap is old most collections are minor
 * ones, which leave that alone (minor.c).
 *
 * Four locks are held throughout: whose turn it is, the dynamic linker's (no
 * module comes or goes), our own (nobody else stops the world), and the heap's
 * (no arena or page run changes hands).  They are taken in this order, and
 * before the world is stopped, since a stopped thread may hold any lock there
 * is; from then on until the threads run again nothing here allocates, locks or
 * prints.
 */
#include <errno.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "mark.h"

/* Held by whoever stops the world.  Whoever has it never waits for the dynamic
   linker's lock: a thread that allocates in a callback of dl_iterate_phdr has
   that one, and waits for this. */
static pthread_mutex_t collect_mutex GL_DATA = PTHREAD_MUTEX_INITIALIZER;

/*
 * Whose turn it is to collect: held from before all other locks, and so across
 * calls that wait for those of the C library and of libunwind, which other
 * threads have as they wait for the dynamic linker's.  Who has that one already
 * collects out of turn, and neither unwinds nor makes helpers.
 */
static pthread_mutex_t collect_turn GL_DATA = PTHREAD_MUTEX_INITIALIZER;

/* A helper is being made: it can be neither asked nor stopped.  Under the
   collecting mutex. */
static bool collect_makes_helpers GL_DATA = false;

/* Collections so far, and the full ones among them. */
static size_t collect_all GL_DATA = 0;
static size_t collect_full GL_DATA = 0;

/* Whether this thread collects: making a helper may allocate. */
static __thread bool collect_is_mine __attribute__((tls_model("initial-exec")));

/* Of the thread that holds it: whether it may be cancelled. */
static int collect_cancel_state GL_DATA = PTHREAD_CANCEL_ENABLE;

void gl_collect_lock(void) {
  int state = gl_cancel_forbid();
  gl_locks_held++;
  pthread_mutex_lock(&collect_mutex);
  collect_cancel_state = state;
}

void gl_collect_unlock(void) {
  int state = collect_cancel_state;
  pthread_mutex_unlock(&collect_mutex);
  gl_locks_held--;
  gl_cancel_restore(state);
}

bool gl_collect_take_turn(void) {
  if (gl_modules_are_held()) return false;
  gl_locks_held++;
  pthread_mutex_lock(&collect_turn);
  return true;
}

void gl_collect_end_turn(bool taken) {
  if (!taken) return;
  pthread_mutex_unlock(&collect_turn);
  gl_locks_held--;
}

/* Whose turn it was is not in the child. */
void gl_collect_turn_after_fork(bool taken) {
  if (taken) return;
  pthread_mutex_init(&collect_turn, NULL);
  gl_stack_forget_ways();
}

struct collect_request {
  enum gl_cause cause;
  size_t count; /* of collections that would do, when it was made */
  bool in_turn;
  struct gl_entry entry; /* the program, where it called the library */
  struct gl_cycle *cycle;
};

/* ------------------------------------------------------------- the phases */

static void collect_check(bool (*prove)(void), const char *otherwise) {
  if (gl_options.check && !prove()) gl_panic(otherwise, __FILE__, __LINE__);
}

/* Processor time of this thread; or what stands for it where it does not
   matter: to ask for it takes as long as to mark a hundred objects. */
static uint64_t collect_cpu_ns(const struct gl_cycle *cycle, uint64_t now_ns) {
  return cycle->timed ? gl_os_thread_cpu_ns() : now_ns;
}

/* The kernel knows the time of a thread that runs on another processor by some
   milliseconds only, and all exactly when they have stopped. */
static void collect_stop(struct gl_cycle *cycle) {
  gl_assert(collect_is_mine && !gl_threads_are_stopped());
  cycle->before_bytes = gl_heap_held_bytes();
  cycle->timed = gl_pace_is_guided();
  cycle->stopping_cpu_ns = collect_cpu_ns(cycle, cycle->start_ns);
  cycle->stopped = gl_threads_stop();
  cycle->threads = gl_threads_count();
  cycle->stopped_ns = gl_os_now_ns();
  gl_assert(!cycle->stopped || cycle->threads > 0);
  cycle->marking_cpu_ns = collect_cpu_ns(cycle, cycle->stopped_ns);
  if (cycle->timed)
    cycle->stopped_cpu_ns =
        gl_os_cpu_ns() - (cycle->marking_cpu_ns - cycle->stopping_cpu_ns);
  if (cycle->stopped) gl_guards_begin();
}

/* Close the open holes, sweep what the last collection left, make all white but
   what stays. */
static void collect_prepare(struct gl_cycle *cycle) {
  gl_assert(gl_threads_are_stopped());
  cycle->minor = gl_minor_choose(cycle);
  __atomic_add_fetch(&collect_all, 1, __ATOMIC_RELAXED);
  if (!cycle->minor) __atomic_add_fetch(&collect_full, 1, __ATOMIC_RELAXED);
  gl_heap_prepare_mark(cycle->minor);
  cycle->allocated_bytes = gl_pace_allocated_bytes();
  gl_assert(gl_heap.minor == cycle->minor);
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
  gl_assert(collect_cpu_ns(cycle, cycle->marked_ns) >= cycle->marking_cpu_ns);
  cycle->mark_cpu_ns = collect_cpu_ns(cycle, cycle->marked_ns) -
                       cycle->marking_cpu_ns + gl_markers_helped_ns();
  collect_check(gl_mark_prove, "a marking missed a block");
}

/* White blocks are free from now on, though most tags do not know it yet. */
static void collect_begin_sweep(struct gl_cycle *cycle) {
  cycle->marked_objects = gl_mark_objects();
  cycle->root_pointers = gl_mark_root_pointers();
  cycle->live_bytes =
      gl_heap_begin_sweep(gl_mark_live(), &cycle->tenured_bytes);
  gl_assert(cycle->tenured_bytes <= cycle->live_bytes);
  cycle->live_bytes += gl_heap_sweep_large(&cycle->large_atomic_bytes);
  gl_assert(cycle->live_bytes <= gl_heap_held_bytes());
}

static void collect_resume(struct gl_cycle *cycle) {
  if (cycle->stopped) gl_guards_end();
  gl_threads_resume();
  cycle->end_ns = gl_os_now_ns();
  gl_assert(!gl_threads_are_stopped());
}

static void collect_settle(struct gl_cycle *cycle) {
  cycle->floating_bytes = cycle->minor ? gl_minor_floating_bytes(cycle)
                                       : gl_endings_kept_bytes();
  gl_assert(cycle->floating_bytes <= cycle->live_bytes);
  gl_pace_note(cycle);
  gl_helpers_note(cycle);
  cycle->next_bytes = gl_pace_set_budget();
  gl_minor_note(cycle);
  gl_heap_tick();
  cycle->after_bytes = gl_heap_held_bytes();
  gl_stats_note(cycle);
}

/* Of the collections so far, those that would do for this cause: where there is
   no room, only a full one may find some. */
static size_t collect_count(enum gl_cause cause) {
  return __atomic_load_n(cause == GL_CAUSE_ROOM ? &collect_full : &collect_all,
                         __ATOMIC_RELAXED);
}

/* Another thread may have collected while this one waited for the locks. */
static bool collect_is_late(const struct collect_request *request) {
  gl_assert(request->count <= collect_count(request->cause));
  return request->count != collect_count(request->cause);
}

/* And that is as good, unless the program asked for one of its own. */
static bool collect_is_done(const struct collect_request *request) {
  return request->cause != GL_CAUSE_PROGRAM && collect_is_late(request);
}

/* The whole of it, with all locks held. */
static bool collect_locked(const struct collect_request *request) {
  struct gl_cycle *cycle = request->cycle;
  gl_assert(collect_is_mine && !cycle->stopped);
  if (collect_is_done(request)) return false;
  if (!gl_modules_list()) return false;
  cycle->start_ns = gl_os_now_ns();
  collect_stop(cycle);
  if (cycle->stopped) {
    collect_prepare(cycle);
    collect_mark_roots(cycle, &request->entry);
    collect_mark_rest(cycle);
    collect_begin_sweep(cycle);
    collect_check(gl_heap_prove, "the heap is broken after a collection");
  }
  collect_resume(cycle);
  if (cycle->stopped) collect_settle(cycle);
  return cycle->stopped;
}

/* ------------------------------------------------------------ entry points */

static bool collect_can_stop(bool in_turn) {
  return in_turn || !collect_makes_helpers;
}

/* With the dynamic linker's lock held. */
static bool collect_held(void *data) {
  struct collect_request *request = data;
  gl_collect_lock();
  gl_heap_lock(NULL);
  bool done = collect_can_stop(request->in_turn) && collect_locked(request);
  gl_heap_unlock();
  if (done) gl_log_cycle(request->cycle);
  gl_collect_unlock();
  return done;
}

static void collect_note_helpers(bool makes) {
  gl_collect_lock();
  gl_assert(collect_makes_helpers != makes);
  collect_makes_helpers = makes;
  gl_collect_unlock();
}

/* What can only be done before the other locks are taken. */
static void collect_ready(struct collect_request *request, uintptr_t entry_sp) {
  gl_assert(collect_is_mine && request->in_turn != gl_modules_are_held());
  if (!request->in_turn) {
    gl_stack_capture_here(&request->entry);
    return;
  }
  if (gl_helpers_are_wanted()) {
    collect_note_helpers(true);
    gl_helpers_prepare();
    collect_note_helpers(false);
  }
  gl_stack_capture(&request->entry, entry_sp);
}

static GL_NOINLINE bool collect_cycle(enum gl_cause cause, uintptr_t entry_sp) {
  struct gl_cycle cycle = {.cause = cause};
  struct collect_request request = {
      .cause = cause,
      .count = collect_count(cause),
      .cycle = &cycle};
  if (gl_options.debug) gl_debug_check(entry_sp);
  int state = gl_cancel_forbid();
  request.in_turn = gl_collect_take_turn();
  collect_is_mine = true;
  bool done = collect_is_done(&request);
  if (!done) {
    collect_ready(&request, entry_sp);
    done = gl_modules_hold(collect_held, &request) || collect_is_late(&request);
  }
  gl_assert(collect_is_mine && (done || !cycle.stopped));
  collect_is_mine = false;
  gl_collect_end_turn(request.in_turn);
  gl_cancel_restore(state);
  if (cycle.stopped) {
    gl_error_settle();
    gl_guards_settle();
  }
  return done;
}

bool gl_collect(enum gl_cause cause, uintptr_t entry_sp) {
  if (collect_is_mine) return false;
  int saved = errno;
  bool done = collect_cycle(cause, entry_sp);
  gl_stack_wipe();
  errno = saved;
  return done;
}

bool gl_collect_stopped(void (*body)(void *data), void *data) {
  if (collect_is_mine) return false;
  int saved = errno;
  bool in_turn = gl_collect_take_turn();
  gl_collect_lock();
  gl_heap_lock(NULL);
  gl_assert(!gl_threads_are_stopped());
  bool stopped = collect_can_stop(in_turn) && gl_threads_stop();
  if (stopped) body(data);
  gl_threads_resume();
  gl_heap_unlock();
  gl_collect_unlock();
  gl_collect_end_turn(in_turn);
  gl_error_settle();
  errno = saved;
  return stopped;
}
