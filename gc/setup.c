/* SPDX-License-Identifier: MIT */
/*
 * setup.c: the library before and after its first use.  Everything is set up
 * once, by the first call that needs it; until then the calling thread has an
 * empty cache (gl_cache_none), so that no fast path has to ask.
 */
#include <errno.h>
#include <pthread.h>

#include "gc.h"

static struct {
  pthread_mutex_t mutex; /* recursive: setting up may allocate */
  bool has_options;
  bool running;
  bool ready;
  int32_t disabled; /* depth of gc_disable, under the heap lock */
} setup GL_DATA = {.mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};

bool gl_is_collecting(void) {
  return gl_options.mode != GL_MODE_EXPLICIT &&
         __atomic_load_n(&setup.disabled, __ATOMIC_RELAXED) == 0;
}

static void setup_limit(size_t bytes) {
  gl_heap.runs.limit_pages =
      bytes == 0 ? SIZE_MAX : ((bytes - 1) >> GL_PAGE_SHIFT) + 1;
}

/* What only the collector needs. */
static bool setup_collector(void) {
  if (!gl_mark_init() || !gl_modules_reserve()) return false;
  gl_pace_init();
  return gl_threads_init() && gl_fork_init();
}

/* What an earlier try has made is used again. */
static bool setup_run(void) {
  if (!gl_heap.ready && !gl_heap_init()) return false;
  setup_limit(gl_options.heap_limit);
  if (gl_options.mode != GL_MODE_EXPLICIT) gl_heap_pad_blocks();
  gl_heap.slow_only = gl_options.stress_every != 0 || gl_options.debug;
  gl_heap.slow_free = gl_options.mode == GL_MODE_IMPLICIT;
  gl_error_init();
  return gl_options.lean ? gl_lean_init() : setup_collector();
}

static bool setup_has_collector(void) {
  pthread_mutex_lock(&setup.mutex);
  if (!setup.has_options) gl_options_read();
  setup.has_options = true;
  pthread_mutex_unlock(&setup.mutex);
  return !gl_options.lean;
}

/* With a layout, or NULL where it is not known or not wanted.  False where it is
   not this call that has set everything up. */
static bool setup_try(const struct gl_tls_layout *layout) {
  bool done = false;
  pthread_mutex_lock(&setup.mutex);
  if (!setup.ready && !setup.running) {
    setup.running = true;
    if (layout != NULL) gl_tls_set_layout(layout);
    done = setup_run();
    setup.running = false;
    __atomic_store_n(&setup.ready, done, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&setup.mutex);
  return done;
}

/*
 * What is looked up in the C library waits for a lock that another thread may
 * have as it waits for our mutex, in a constructor say: so it is looked up
 * before and after.  That may allocate, and then it is a call within this one
 * that sets up the library, with a layout still unknown.
 */
static void setup_with_collector(void) {
  static __thread bool within __attribute__((tls_model("initial-exec")));
  if (within) {
    setup_try(NULL);
    return;
  }
  within = true;
  struct gl_tls_layout layout = gl_tls_find_layout();
  if (!setup_try(&layout)) {
    gl_collect_lock();
    gl_tls_set_layout(&layout);
    gl_collect_unlock();
  }
  gl_modules_init();
  within = false;
}

static GL_COLD bool setup_once(void) {
  int cancel_state = gl_cancel_forbid();
  if (setup_has_collector())
    setup_with_collector();
  else
    setup_try(NULL);
  bool ready = __atomic_load_n(&setup.ready, __ATOMIC_ACQUIRE);
  gl_cancel_restore(cancel_state);
  if (!ready) errno = ENOMEM;
  return ready;
}

bool gl_setup(void) {
  return __atomic_load_n(&setup.ready, __ATOMIC_ACQUIRE) || setup_once();
}

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

static void setup_change_disabled(int32_t change) {
  if (!gl_setup()) return;
  gl_heap_lock(NULL);
  int32_t depth = setup.disabled + change;
  if (depth < 0) depth = 0;
  __atomic_store_n(&setup.disabled, depth, __ATOMIC_RELAXED);
  gl_pace_set_budget();
  gl_heap_unlock();
}

GC_API void gc_disable(void) { setup_change_disabled(1); }

GC_API void gc_enable(void) { setup_change_disabled(-1); }

GC_API bool gc_is_enabled(void) { return gl_setup() && gl_is_collecting(); }
