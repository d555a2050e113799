/* SPDX-License-Identifier: MIT */
/*
 * markers.c: several threads mark together.
 *
 * The collecting thread marks, and so do helpers, which sleep between
 * collections.  A marker that runs dry says that it is hungry; one that has
 * entries then puts some, the oldest it has, into the pool, as a packet; a
 * hungry one takes a packet.  When all are hungry and the pool is empty, all is
 * marked.  (Work packets: Ossia et al. 2002, A Parallel, Incremental and
 * Concurrent GC for Servers.)
 *
 * Helpers are made on first need, block all signals, never touch the heap but
 * to mark, and are gone in the child of a fork.  With one marker none of this
 * runs, and marking uses no atomic operation.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "mark.h"
#include "threads.h"

#define MARKERS_MAX 32

/* Entries given away at once, and packets that may wait. */
#define MARKERS_PACKET 64
#define MARKERS_PACKETS 64

/* No help for less than this: to wake a helper takes some 50 us, in which one
   marker marks about so much. */
#define MARKERS_MIN_BYTES ((size_t)4 << 20)

/* Looks for work before a hungry marker yields the processor, and pauses
   between two of them. */
#define MARKERS_SPINS 64
#define MARKERS_PAUSES 16

struct markers_packet {
  gl_mark_entry entries[MARKERS_PACKET];
  size_t count;
};

struct markers_helper {
  struct gl_marker marker;
  uint32_t round; /* the marking that the marker was last used in */
  pid_t tid;      /* 0 until the thread is ready */
};

/*
 * Equation: hungry + markers that have work = working + 1.  A helper counts as
 * hungry until it takes a packet, so one that the system never lets run holds
 * nobody up.
 */
static struct {
  struct markers_helper *helpers[MARKERS_MAX];
  size_t count;   /* helpers that are there */
  size_t wanted;  /* of them, by the options and the machine */
  bool asked;     /* wanted is known */
  size_t working; /* helpers in this marking */
  uint32_t round; /* number of the marking; helpers sleep on it */
  bool open;      /* not all is marked yet */
  uint32_t lock;  /* of what follows */
  size_t hungry;
  size_t packet_count;
  struct markers_packet packets[MARKERS_PACKETS];
} markers GL_DATA = {.count = 0};

struct gl_marker gl_marker_main GL_DATA = {.depth = 0};
int32_t gl_markers_hungry GL_DATA = 0;

/* ------------------------------------------------------------------- the pool */

static void markers_lock(void) {
  while (__atomic_exchange_n(&markers.lock, 1, __ATOMIC_ACQUIRE) != 0)
    sched_yield();
}

static void markers_unlock(void) {
  /* For the others' peeping: markers that no packet waits for. */
  __atomic_store_n(&gl_markers_hungry,
                   (int32_t)markers.hungry - (int32_t)markers.packet_count,
                   __ATOMIC_RELAXED);
  __atomic_store_n(&markers.lock, 0, __ATOMIC_RELEASE);
}

static bool markers_are_open(void) {
  return __atomic_load_n(&markers.open, __ATOMIC_ACQUIRE);
}

void gl_markers_feed(struct gl_marker *m) {
  size_t entries = m->depth - m->bottom;
  size_t count = entries / 2 < MARKERS_PACKET ? entries / 2 : MARKERS_PACKET;
  if (count == 0) return;
  markers_lock();
  if (markers.packet_count < MARKERS_PACKETS) {
    struct markers_packet *packet = &markers.packets[markers.packet_count++];
    memcpy(packet->entries, m->stack + m->bottom,
           count * sizeof packet->entries[0]);
    packet->count = count;
    m->bottom += count;
  }
  markers_unlock();
}

/* A helper's first packet in a marking: what it holds is of the last one. */
static void markers_join(struct gl_marker *m) {
  struct markers_helper *helper = (struct markers_helper *)m;
  if (m == &gl_marker_main || helper->round == markers.round) return;
  helper->round = markers.round;
  gl_marker_begin(m);
}

/* Take a packet.  Where there is none and nobody could make one, all is
   marked. */
static bool markers_try_take(struct gl_marker *m) {
  markers_lock();
  bool taken = markers.packet_count > 0;
  if (taken) {
    const struct markers_packet *packet =
        &markers.packets[--markers.packet_count];
    markers.hungry--;
    markers_join(m);
    m->bottom = m->depth = 0; /* empty; so a packet fits, however small it is */
    for (size_t i = 0; i < packet->count; i++)
      gl_marker_push(m, packet->entries[i]);
  } else if (markers.hungry == markers.working + 1) {
    __atomic_store_n(&markers.open, false, __ATOMIC_RELEASE);
  }
  markers_unlock();
  return taken;
}

/* Look for work; false when there is none left anywhere. */
static bool markers_find_work(struct gl_marker *m) {
  for (unsigned turn = 1; markers_are_open(); turn++) {
    if (markers_try_take(m)) return true;
    if (turn % MARKERS_SPINS == 0) sched_yield();
    for (int i = 0; i < MARKERS_PAUSES; i++) __builtin_ia32_pause();
  }
  return false;
}

static void markers_become_hungry(void) {
  markers_lock();
  markers.hungry++;
  markers_unlock();
}

/* -------------------------------------------------------------------- helpers */

static void *markers_main(void *data) {
  struct markers_helper *helper = data;
  uint32_t round = __atomic_load_n(&markers.round, __ATOMIC_ACQUIRE);
  __atomic_store_n(&helper->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  gl_futex_wake((uint32_t *)&helper->tid, 1);
  for (;;) {
    while (__atomic_load_n(&markers.round, __ATOMIC_ACQUIRE) == round)
      gl_futex_wait(&markers.round, round, 0);
    round = __atomic_load_n(&markers.round, __ATOMIC_ACQUIRE);
    while (markers_find_work(&helper->marker)) {
      gl_marker_drain(&helper->marker);
      markers_become_hungry();
    }
  }
  return NULL;
}

static bool markers_start_thread(struct markers_helper *helper) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool made = pthread_create(&thread, NULL, markers_main, helper) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!made) return false;
  pthread_detach(thread);
  while (__atomic_load_n(&helper->tid, __ATOMIC_ACQUIRE) == 0)
    gl_futex_wait((uint32_t *)&helper->tid, 0, 0);
  return true;
}

static bool markers_add_helper(void) {
  struct markers_helper *helper = gl_os_map(sizeof *helper);
  if (helper == NULL) return false;
  if (!gl_marker_init(&helper->marker) || !markers_start_thread(helper))
    return false; /* and never try again */
  helper->marker.shared = true;
  markers.helpers[markers.count++] = helper;
  return true;
}

/* Processors this process may use, of which the collecting thread has one. */
static size_t markers_wanted(void) {
  unsigned in_all = gl_options.markers;
  if (in_all == 0) in_all = gl_processors();
  if (in_all > MARKERS_MAX) in_all = MARKERS_MAX;
  return in_all - 1;
}

void gl_markers_prepare(void) {
  if (!markers.asked) markers.wanted = markers_wanted();
  markers.asked = true;
  if (gl_heap_held_bytes() < MARKERS_MIN_BYTES) return;
  while (markers.count < markers.wanted)
    if (!markers_add_helper()) markers.wanted = markers.count;
}

void gl_markers_start(void) {
  bool wanted = gl_heap_held_bytes() >= MARKERS_MIN_BYTES;
  markers.working = wanted ? markers.count : 0;
  gl_marker_main.shared = markers.working > 0;
  if (markers.working == 0) return;
  markers_lock();
  markers.hungry = markers.working;
  markers.packet_count = 0;
  __atomic_store_n(&markers.open, true, __ATOMIC_RELEASE);
  __atomic_add_fetch(&markers.round, 1, __ATOMIC_RELEASE);
  markers_unlock();
  gl_futex_wake(&markers.round, INT32_MAX);
}

static void markers_add_up(const struct gl_marker *m) {
  for (size_t i = 0; i < gl_mark_slots(); i++)
    gl_marker_main.accounts[i] += m->accounts[i] >> GL_ACCOUNT_BITS
                                                        << GL_ACCOUNT_BITS;
  gl_marker_main.objects += m->objects;
}

void gl_markers_finish(void) {
  if (markers.working == 0) return;
  do {
    gl_marker_drain(&gl_marker_main);
    markers_become_hungry();
  } while (markers_find_work(&gl_marker_main));
  for (size_t i = 0; i < markers.working; i++)
    if (markers.helpers[i]->round == markers.round)
      markers_add_up(&markers.helpers[i]->marker);
}

bool gl_markers_is_helper(pid_t tid) {
  for (size_t i = 0; i < markers.count; i++)
    if (markers.helpers[i]->tid == tid) return true;
  return false;
}

size_t gl_markers_helpers(void) { return markers.count; }

/* A helper may have held the lock, on its way to sleep. */
void gl_markers_after_fork(void) {
  markers.count = markers.working = 0;
  markers.lock = 0;
}
