/* SPDX-License-Identifier: MIT */
/*
 * setup.c: the library before and after its first use.  Everything is set up
 * once, by the first call that needs it; until then the calling thread has an
 * empty cache (gl_cache_none), so that no fast path has to ask.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "gc.h"

static struct {
  pthread_mutex_t mutex; /* recursive: setting up may allocate */
  bool has_options;
  bool running;
  bool ready;
  bool survives_fork; /* the handlers of a fork are there */
  bool forking;       /* a fork holds the mutex, and the library is not ready */
  int32_t disabled;   /* depth of gc_disable, under the heap lock */
} setup GL_DATA = {.mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};

static bool setup_is_ready(void) {
  return __atomic_load_n(&setup.ready, __ATOMIC_ACQUIRE);
}

bool gl_is_collecting(void) {
  return gl_options.mode != GL_MODE_EXPLICIT &&
         __atomic_load_n(&setup.disabled, __ATOMIC_RELAXED) == 0;
}

static void setup_limit(size_t bytes) {
  gl_heap.runs.limit_pages =
      bytes == 0 ? SIZE_MAX : ((bytes - 1) >> GL_PAGE_SHIFT) + 1;
}

/* --------------------------------------------------------------------- fork */

/* The locks of a fork before the library is ready, in the order of one
   after. */
static void setup_hold(void) {
  gl_modules_init();
  gl_modules_before_fork();
  gl_collect_lock();
  pthread_mutex_lock(&setup.mutex);
  gl_heap_lock(NULL);
}

static void setup_let_go(bool in_child) {
  gl_heap_unlock();
  /* The child's only thread has another number than the one that locked. */
  if (in_child) setup.mutex.__data.__owner = gettid();
  pthread_mutex_unlock(&setup.mutex);
  gl_collect_unlock();
  gl_modules_after_fork(in_child);
}

/* Keep the library from being set up; false where it is ready. */
static bool setup_try_hold(void) {
  if (setup_is_ready()) return false;
  setup_hold();
  gl_assert(!setup.forking);
  setup.forking = !setup.ready;
  if (!setup.forking) setup_let_go(false);
  return setup.forking;
}

/*
 * A fork by a handler of a signal that has interrupted the library in this
 * thread, or a fork of it, finds nothing in order, and would wait for itself.
 * So it does nothing, and the child may do no more than after _Fork.  Such
 * forks, one within the other: each ends before the one that it interrupts.
 */
static __thread uint32_t setup_torn __attribute__((tls_model("initial-exec")));
static __thread bool setup_forks __attribute__((tls_model("initial-exec")));

static bool setup_is_interrupted(void) {
  const struct gl_cache *cache = gl_self;
  bool busy = cache != &gl_cache_none && cache->busy != 0;
  bool telling = (uintptr_t)__builtin_frame_address(0) < gl_telling;
  return setup_forks || gl_locks_held != 0 || busy || telling;
}

static void setup_before_fork(void) {
  if (setup_is_interrupted()) {
    setup_torn++;
    return;
  }
  setup_forks = true;
  GL_SIGNAL_FENCE();
  if (setup_try_hold()) return;
  if (gl_options.lean)
    gl_lean_before_fork();
  else
    gl_fork_before();
}

static void setup_finish_fork(bool in_child) {
  gl_assert(!setup.forking || !setup_is_ready());
  if (setup.forking) {
    setup.forking = false;
    setup_let_go(in_child);
  } else if (gl_options.lean) {
    gl_lean_after_fork(in_child);
  } else {
    gl_fork_after(in_child);
  }
}

static void setup_after_fork(bool in_child) {
  if (setup_torn > 0) {
    setup_torn--;
    return;
  }
  gl_assert(setup_forks);
  setup_finish_fork(in_child);
  GL_SIGNAL_FENCE();
  setup_forks = false;
  if (!in_child) gl_error_settle();
}

static void setup_in_parent(void) { setup_after_fork(false); }

static void setup_in_child(void) { setup_after_fork(true); }

static bool setup_survive_fork(void) {
  if (setup.survives_fork) return true;
  int error =
      pthread_atfork(setup_before_fork, setup_in_parent, setup_in_child);
  setup.survives_fork = error == 0;
  return error == 0;
}

/*
 * When the library is loaded: so another thread may be setting it up at a fork;
 * and so what the program does before a fork comes first.  (It may wait there
 * for a lock that another thread has as it allocates, and that one would wait
 * for us.)
 */
__attribute__((constructor)) static void setup_on_load(void) {
  setup_survive_fork();
}

/* ------------------------------------------------------------------- set-up */

/* What only the collector needs. */
static bool setup_collector(void) {
  gl_assert(gl_heap.ready && !gl_options.lean);
  gl_heap.processors = gl_processors_by_affinity();
  if (!gl_mark_init() || !gl_modules_reserve()) return false;
  gl_pace_init();
  return gl_threads_init();
}

/* What an earlier try has made is used again. */
static bool setup_run(void) {
  gl_assert(setup.has_options && setup.running && !setup.ready);
  if (!gl_heap.ready && !gl_heap_init()) return false;
  setup_limit(gl_options.heap_limit);
  if (gl_options.mode != GL_MODE_EXPLICIT) gl_heap_pad_blocks();
  gl_heap.slow_only = gl_options.stress_every != 0 || gl_options.debug;
  gl_heap.slow_free = gl_options.mode == GL_MODE_IMPLICIT;
  gl_error_init();
  if (!setup_survive_fork()) return false;
  return gl_options.lean ? gl_lean_init() : setup_collector();
}

static bool setup_has_collector(void) {
  pthread_mutex_lock(&setup.mutex);
  if (!setup.has_options) gl_options_read();
  setup.has_options = true;
  pthread_mutex_unlock(&setup.mutex);
  return !gl_options.lean;
}

/* With a layout, or NULL where it is not known or not wanted.  False where it
   is not this call that has set everything up. */
static bool setup_try(const struct gl_tls_layout *layout) {
  bool done = false;
  pthread_mutex_lock(&setup.mutex);
  if (!setup.ready && !setup.running) {
    setup.running = true;
    if (layout != NULL) gl_tls_set_layout(layout);
    done = setup_run();
    setup.running = false;
    gl_assert(!done || gl_heap.ready);
    __atomic_store_n(&setup.ready, done, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&setup.mutex);
  return done;
}

/*
 * What is looked up in the C library waits for a lock that another thread may
 * have as it waits for our mutex, in a constructor say: so it is looked up
 * before and after.  That may allocate, and then it is a call within this one
 * that sets up the library, with a layout still unknown.  The dynamic linker's
 * lock is known by then: whoever sees the library ready relies on it.
 */
static void setup_with_collector(void) {
  static __thread bool within __attribute__((tls_model("initial-exec")));
  gl_assert(setup.has_options && !gl_options.lean);
  if (within) {
    setup_try(NULL);
    return;
  }
  within = true;
  gl_modules_init();
  gl_namespaces_init();
  struct gl_tls_layout layout = gl_tls_find_layout();
  if (!setup_try(&layout)) {
    gl_collect_lock();
    gl_tls_set_layout(&layout);
    gl_collect_unlock();
  }
  within = false;
}

static GL_COLD bool setup_once(void) {
  int cancel_state = gl_cancel_forbid(), saved = errno;
  if (setup_has_collector())
    setup_with_collector();
  else
    setup_try(NULL);
  bool ready = setup_is_ready();
  gl_cancel_restore(cancel_state);
  errno = ready ? saved : ENOMEM;
  return ready;
}

bool gl_setup(void) { return setup_is_ready() || setup_once(); }

/* ------------------------------------------------------------------ the API */

GC_API bool gc_init(void) { return gl_setup(); }

#define SETUP_TEXT(x) #x
#define SETUP_DOTTED(a, b, c) SETUP_TEXT(a) "." SETUP_TEXT(b) "." SETUP_TEXT(c)

GC_API const char *gc_version(void) {
  return SETUP_DOTTED(GC_VERSION_MAJOR, GC_VERSION_MINOR, GC_VERSION_PATCH);
}

GC_API void gc_set_heap_limit(size_t limit) {
  if (!gl_setup()) return;
  gl_heap_lock(NULL);
  setup_limit(limit);
  gl_heap_unlock();
}

/* Returns whether that has turned the collector on, and a collection is due. */
static bool setup_change_disabled(int32_t change) {
  if (!gl_setup()) return false;
  gl_heap_lock(NULL);
  bool was_on = gl_is_collecting();
  gl_assert(setup.disabled >= 0 && (change == 1 || change == -1));
  int32_t depth = setup.disabled + change;
  if (depth < 0) depth = 0;
  __atomic_store_n(&setup.disabled, depth, __ATOMIC_RELAXED);
  bool turned = gl_is_collecting() != was_on;
  if (turned) gl_pace_turn(!was_on);
  bool due = turned && !was_on && gl_heap_budget_is_spent();
  gl_heap_unlock();
  return due;
}

GC_API void gc_disable(void) { setup_change_disabled(1); }

GC_API void gc_enable(void) {
  if (setup_change_disabled(-1)) gl_collect(GL_CAUSE_BUDGET, GL_ENTRY_SP());
}

GC_API bool gc_is_enabled(void) { return gl_setup() && gl_is_collecting(); }
