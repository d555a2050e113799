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
  gl_tls_init();
  gl_pace_init();
  return gl_threads_init() && gl_fork_init();
}

/* What an earlier try has made is used again. */
static bool setup_run(void) {
  gl_options_read();
  if (!gl_heap.ready && !gl_heap_init()) return false;
  setup_limit(gl_options.heap_limit);
  if (gl_options.mode != GL_MODE_EXPLICIT) gl_heap_pad_blocks();
  gl_heap.slow_only = gl_options.stress_every != 0 || gl_options.debug;
  gl_heap.slow_free = gl_options.mode == GL_MODE_IMPLICIT;
  gl_error_init();
  return gl_options.lean ? gl_lean_init() : setup_collector();
}

static GL_COLD bool setup_once(void) {
  int cancel_state = gl_cancel_forbid();
  bool done = false;
  pthread_mutex_lock(&setup.mutex);
  if (!setup.ready && !setup.running) {
    setup.running = true;
    done = setup_run();
    setup.running = false;
    __atomic_store_n(&setup.ready, done, __ATOMIC_RELEASE);
  }
  bool ready = setup.ready;
  pthread_mutex_unlock(&setup.mutex);
  /* Waits for a lock that another thread may have as it waits for the mutex. */
  if (done && !gl_options.lean) gl_modules_init();
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
