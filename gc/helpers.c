/* SPDX-License-Identifier: MIT */
/*
 * helpers.c: the threads that help to mark, and whether they do.
 *
 * Helpers are made on first need, block all signals but, while they mark, that
 * of a fault (guards.c), touch the heap only to mark, and are gone in the child
 * of a fork.  They are never stopped.
 *
 * To be helped may take longer than to mark alone: where most candidates have
 * to be sent and processors are far apart, or busy with something else.  So
 * both are tried, now and then, and the one that takes less time for a byte is
 * what is done in between.
 *
 * Everything here is for the thread whose turn it is to collect.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "mark.h"
#include "threads.h"

/* No help for less than this: to wake a helper takes some 50 us, in which one
   marker marks about so much. */
#define HELPERS_MIN_BYTES ((size_t)4 << 20)

static struct {
  struct gl_helper *all[GL_MARKERS_MAX];
  size_t count;  /* helpers that are there */
  size_t wanted; /* by the options and the machine */
  bool asked;    /* wanted is known */
  bool is_tried; /* whether to be helped, in this marking */
} helpers GL_DATA = {.count = 0};

/* To mark alone, or to be helped, in a full collection and in a minor one. With
   help at first. */
static struct gl_trial helpers_trials[2] GL_DATA = {GL_TRIAL_OF(true),
                                                    GL_TRIAL_OF(true)};

/* ------------------------------------------------------------------ threads */

static void *helper_main(void *data) {
  struct gl_helper *helper = data;
  gl_assert(helper->tid == 0 && helper->marker.stack != NULL);
  pthread_getcpuclockid(pthread_self(), &helper->clock);
  __atomic_store_n(&helper->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  gl_futex_wake((uint32_t *)&helper->tid, 1);
  gl_markers_serve(&helper->marker);
}

static bool helper_start(struct gl_helper *helper) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool made = pthread_create(&thread, NULL, helper_main, helper) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!made) return false;
  gl_assert(helper->marker.held == 0);
  pthread_detach(thread);
  while (__atomic_load_n(&helper->tid, __ATOMIC_ACQUIRE) == 0)
    gl_futex_wait((uint32_t *)&helper->tid, 0, 0);
  return true;
}

static bool helpers_add(void) {
  gl_assert(helpers.count < GL_MARKERS_MAX - 1);
  struct gl_helper *helper = gl_os_map(sizeof *helper);
  if (helper == NULL) return false;
  if (!gl_marker_init(&helper->marker) || !helper_start(helper))
    return false; /* and never try again */
  helper->marker.shared = true;
  helpers.all[helpers.count++] = helper;
  return true;
}

/* Processors this process may use, of which the collecting thread has one. */
static size_t helpers_wanted(void) {
  unsigned in_all = gl_options.markers;
  if (in_all == 0) in_all = gl_processors();
  if (in_all > GL_MARKERS_MAX) in_all = GL_MARKERS_MAX;
  gl_assert(in_all > 0);
  return in_all - 1;
}

bool gl_helpers_are_wanted(void) {
  if (gl_heap_held_bytes() < HELPERS_MIN_BYTES) return false;
  return !helpers.asked || helpers.count < helpers.wanted;
}

void gl_helpers_prepare(void) {
  if (!helpers.asked) helpers.wanted = helpers_wanted();
  helpers.asked = true;
  if (helpers.wanted > 0 && !gl_markers_init()) helpers.wanted = 0;
  while (helpers.count < helpers.wanted)
    if (!helpers_add()) helpers.wanted = helpers.count;
  gl_assert(!gl_helpers_are_wanted());
}

bool gl_helpers_have(pid_t tid) {
  gl_assert(tid > 0 && helpers.count < GL_MARKERS_MAX);
  for (size_t i = 0; i < helpers.count; i++)
    if (helpers.all[i]->tid == tid) return true;
  return false;
}

size_t gl_helpers_count(void) { return helpers.count; }

struct gl_helper *gl_helpers_get(size_t i) {
  gl_assert(i < helpers.count);
  return helpers.all[i];
}

void gl_helpers_after_fork(void) {
  helpers.count = 0;
  gl_guards_after_fork();
}

/* -------------------------------------------------------- whether they help */

/* A program that says how many markers it wants has them. */
bool gl_helpers_are_chosen(void) {
  helpers.is_tried = false;
  if (gl_heap_held_bytes() < HELPERS_MIN_BYTES || helpers.count == 0)
    return false;
  helpers.is_tried = gl_options.markers == 0 && !GL_TORTURE;
  return !helpers.is_tried || gl_trial_choose(&helpers_trials[gl_heap.minor]);
}

void gl_helpers_note(const struct gl_cycle *cycle) {
  size_t bytes = cycle->live_bytes + cycle->root_bytes;
  uint64_t ns = cycle->marked_ns - cycle->stopped_ns;
  gl_assert(cycle->stopped && cycle->marked_ns >= cycle->stopped_ns);
  if (helpers.is_tried && bytes > 0)
    gl_trial_note(&helpers_trials[cycle->minor], (double)ns / (double)bytes);
}
