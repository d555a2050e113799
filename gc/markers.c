/* SPDX-License-Identifier: MIT */
/*
 * markers.c: several threads mark together.
 *
 * The heap is divided into territories, and a territory is held by one marker
 * at a time, which alone blackens there: so marks are plain stores, and a line
 * of tags is in one processor's cache.  (Marks by locked instructions cost 3.5
 * to 4 ns each where an object takes 10 to 15, and lines went to and fro.)  A
 * marker that finds a candidate elsewhere puts it aside and sends it, in
 * packets, to whoever holds that territory or comes to hold it.  While it has
 * the lock, it takes in all that has come for itself.
 *
 * The collecting thread begins with the whole heap.  One who runs dry gives up
 * what it holds and is hungry.  One who sees that, and has entries to spare,
 * gives up the upper half of its territories, and gives entries: its oldest, or
 * the upper half of a long one.  Who finds work takes all that nobody holds.
 * So a list, where there is never anything to spare, stays with one marker.
 * When all are hungry and no packet waits, all is marked.  (Packets: Ossia et
 * al. 2002, A Parallel, Incremental and Concurrent GC for Servers.)
 *
 * With one marker none of this runs.  The other markers' threads are made in
 * helpers.c, where it is decided too whether they help.
 */
#include <sched.h>
#include <string.h>

#include "../alloc/os.h"
#include "mark.h"
#include "threads.h"

/* Territories for each marker, to begin with: so that one with more to do than
   another has some to give.  (With one for each, one of two markers waited for
   a fifth of the time in which trees were marked.) */
#define MARKERS_TERRITORIES_EACH 4

/* Entries given away at once: they fit any stack. */
#define MARKERS_ENTRIES 64

/* With fewer, territory is not given up. */
#define MARKERS_SPARE 192

/* Nor where so many candidates have just been sent, which is something to do;
   unless there are still so many entries. */
#define MARKERS_MEAL ((size_t)32)
#define MARKERS_PLENTY ((size_t)1024)

/* Looks for work before a hungry marker yields the processor, and pauses
   between two of them. */
#define MARKERS_SPINS 64
#define MARKERS_PAUSES 16

/* Packets that a marker keeps for what it will send, so that it need not lock
   for each; but all markers together no more than a part of the pool. */
#define MARKERS_PACKETS ((size_t)16)
#define MARKERS_PACKETS_PART 4

/* First in, first out: neighbours in memory stay together in time. */
struct markers_list {
  struct gl_packet *first, *last;
};

/* Where hungry markers sleep. */
struct markers_bed {
  uint32_t calls; /* that sleepers were woken by; they sleep on it */
  bool taken;     /* somebody may sleep */
};

/*
 * Equations: hungry + markers that have work = working + 1; every territory is
 * unheld or held by one of those that have work.  A helper counts as hungry
 * until it finds work, so one that the system never lets run holds nobody up.
 */
static struct {
  size_t working;     /* helpers in this marking */
  size_t kept;        /* packets that each marker may keep */
  uint64_t helped_ns; /* processor time of theirs, in the last one */
  uint32_t round;     /* number of the marking */
  struct gl_packet *pool;
  unsigned territories;
  uint8_t territory[GL_REGIONS_MAX];  /* of each region */
  uint32_t masks[GL_TERRITORIES_MAX]; /* of each territory, its regions */
  uint32_t lock __attribute__((aligned(64))); /* of what follows */
  bool open;                                  /* not all is marked yet */
  size_t hungry;
  uint32_t unheld;                            /* territories */
  struct markers_list entries;                /* packets of entries, */
  size_t entries_count;                       /* and how many */
  struct markers_list in[GL_TERRITORIES_MAX]; /* packets of candidates */
  uint32_t waiting;       /* territories that have packets */
  uint64_t may_begin;     /* what markers_may_begin_locked last said */
  struct markers_bed helpers, main; /* where they sleep */
  struct gl_packet *free; /* used before */
  size_t used, most;      /* of the pool, now and ever */
} markers GL_DATA = {.working = 0};

struct gl_marker gl_marker_main GL_DATA = {.held = GL_TERRITORIES_ALL};
struct gl_markers_news gl_markers_news GL_DATA = {0};

_Static_assert(GL_MARKERS_MAX <= GL_TERRITORIES_MAX, "a territory for each");
_Static_assert(MARKERS_ENTRIES <= GL_PACKET_WORDS, "they fit a packet");
_Static_assert(MARKERS_ENTRIES < MARKERS_SPARE, "some are left");

/* ----------------------------------------------------------------- the pool */

/* It is held for some dozens of nanoseconds; unless whoever holds it lost its
   processor. */
static void markers_lock(void) {
  for (unsigned turn = 1;
       __atomic_exchange_n(&markers.lock, 1, __ATOMIC_ACQUIRE) != 0; turn++) {
    while (turn % MARKERS_SPINS != 0 &&
           __atomic_load_n(&markers.lock, __ATOMIC_RELAXED) != 0) {
      __builtin_ia32_pause();
      turn++;
    }
    if (turn % MARKERS_SPINS == 0) sched_yield();
  }
}

/* For assertions, of whoever should have it: whether anybody does. */
static bool markers_are_locked(void) {
  return __atomic_load_n(&markers.lock, __ATOMIC_RELAXED) != 0;
}

/* Whether the equations hold: that of the packets, those of a marking that is
   not at its end.  (The number of those who work is that of the next one then,
   and the rest of the last.) */
static bool markers_are_sound_locked(void) {
  if ((markers.entries.first == NULL) != (markers.entries_count == 0))
    return false;
  if (!markers.open) return true;
  return markers.hungry <= markers.working ||
         (markers.hungry == markers.working + 1 &&
          markers.unheld == GL_TERRITORIES_ALL);
}

/* Whether it is one of the pool, with room for what it has. */
static bool markers_is_packet(const struct gl_packet *packet) {
  return (size_t)(packet - markers.pool) < gl_options.mark_packets &&
         packet->count <= GL_PACKET_WORDS;
}

static bool markers_is_empty(const struct gl_marker *m) {
  return m->depth == m->bottom && m->coming == NULL && m->away_count == 0 &&
         m->unsent == 0;
}

/* Whether there is something for a hungry marker. */
static bool markers_have_work_locked(void) {
  gl_assert(markers_are_locked());
  return markers.entries.first != NULL ||
         (markers.waiting & markers.unheld) != 0;
}

/* Whether a hungry marker could do something: take up work, or see that there
   is none, which is for the collecting thread alone. */
static bool markers_may_begin_locked(void) {
  return markers_have_work_locked() ||
         (markers.open && markers.hungry == markers.working + 1);
}

/* Whether somebody is hungry for whom there is nothing.  (Who takes up work in
   territory that nobody holds takes all of that.) */
static bool markers_is_hungry_locked(void) {
  bool sent = (markers.waiting & markers.unheld) != 0;
  return markers.hungry > markers.entries_count + sent;
}

/* Written only where it differs: others look at it all the time. */
static void markers_tell(uint64_t *word, uint64_t value) {
  if (*word != value) __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Whether sleepers are to be woken, once the lock has been let go. */
static bool markers_call_locked(struct markers_bed *bed, bool wanted) {
  if (!bed->taken || !wanted) return false;
  bed->taken = false;
  __atomic_add_fetch(&bed->calls, 1, __ATOMIC_RELAXED);
  return true;
}

static void markers_unlock(void) {
  gl_assert(markers_are_locked() && markers_are_sound_locked());
  bool hungry = markers_is_hungry_locked();
  bool may_begin = markers_may_begin_locked();
  bool helpers =
      markers_call_locked(&markers.helpers, markers_have_work_locked());
  bool main = markers_call_locked(&markers.main, may_begin);
  markers_tell(&gl_markers_news.word,
               markers.waiting | (hungry ? GL_NEWS_HUNGRY : 0));
  markers_tell(&markers.may_begin, may_begin);
  __atomic_store_n(&markers.lock, 0, __ATOMIC_RELEASE);
  if (helpers) gl_futex_wake(&markers.helpers.calls, INT32_MAX);
  if (main) gl_futex_wake(&markers.main.calls, 1);
}

static struct gl_packet *markers_new_locked(void) {
  struct gl_packet *packet = markers.free;
  gl_assert(markers.used <= gl_options.mark_packets);
  if (packet != NULL) {
    markers.free = packet->next;
  } else {
    if (markers.used == gl_options.mark_packets) return NULL;
    packet = &markers.pool[markers.used++];
  }
  gl_assert(markers_is_packet(packet));
  packet->count = 0;
  return packet;
}

static unsigned markers_territory(struct gl_word word) {
  gl_assert(markers.territory[gl_region(word)] < markers.territories);
  return markers.territory[gl_region(word)];
}

static void markers_put_locked(struct markers_list *list,
                               struct gl_packet *packet) {
  gl_assert(markers_is_packet(packet) && packet->count > 0);
  gl_assert(list->first == NULL || list->last->next == NULL);
  packet->next = NULL;
  if (list->first == NULL)
    list->first = packet;
  else
    list->last->next = packet;
  list->last = packet;
}

/* All candidates that were sent to these territories; NULL for none. */
static struct gl_packet *markers_receive_locked(uint32_t held) {
  struct gl_packet *first = NULL;
  for (unsigned t = 0; (markers.waiting & held) != 0; t++) {
    if ((markers.waiting & held & markers.masks[t]) == 0) continue;
    struct markers_list *list = &markers.in[t];
    gl_assert(t < markers.territories && list->first != NULL);
    list->last->next = first;
    first = list->first;
    list->first = NULL;
    markers.waiting &= ~markers.masks[t];
  }
  return first;
}

static void markers_send_locked(struct gl_packet *packet) {
  unsigned t = markers_territory(packet->candidates[0]);
  gl_assert(markers_are_locked() && markers.open);
  markers_put_locked(&markers.in[t], packet);
  markers.waiting |= markers.masks[t];
}

/* Give the pool what is more than some. */
static void markers_give_spares_locked(struct gl_marker *m, size_t kept) {
  while (m->spare_count > kept) {
    struct gl_packet *packet = m->spare;
    m->spare = packet->next;
    m->spare_count--;
    packet->next = markers.free;
    markers.free = packet;
  }
  gl_assert((m->spare == NULL) == (m->spare_count == 0));
}

void gl_markers_return(struct gl_marker *m, struct gl_packet *packet) {
  gl_assert(m->shared && markers_is_packet(packet));
  packet->next = m->spare;
  m->spare = packet;
  if (++m->spare_count <= markers.kept) return;
  markers_lock();
  markers_give_spares_locked(m, markers.kept / 2);
  markers_unlock();
}

/* ------------------------------------------------------------------ sending */

/* Send a packet, and while the lock is held take in what has come. */
static void markers_exchange(struct gl_marker *m, struct gl_packet *packet) {
  gl_assert(m->coming != NULL || m->taken == 0);
  markers_lock();
  markers_send_locked(packet);
  if (m->coming == NULL) m->coming = markers_receive_locked(m->held);
  markers_unlock();
}

static void markers_publish(struct gl_marker *m, unsigned t) {
  struct gl_packet *packet = m->out[t];
  gl_assert(packet->count > 0 && packet->count <= m->unsent);
  m->out[t] = NULL;
  m->unsent -= packet->count;
  markers_exchange(m, packet);
}

static void markers_publish_all(struct gl_marker *m) {
  for (unsigned t = 0; m->unsent > 0 && t < markers.territories; t++)
    if (m->out[t] != NULL) markers_publish(m, t);
}

/* A packet of a territory that this marker holds or can have, but for the one
   that it is taking in. */
static struct gl_packet *markers_take_for_relief(struct gl_marker *m) {
  struct gl_packet **at = m->coming == NULL ? &m->coming : &m->coming->next;
  gl_assert(m->coming != NULL || m->taken == 0);
  markers_lock();
  m->held |= markers.unheld;
  markers.unheld = 0;
  if (*at == NULL) *at = markers_receive_locked(m->held);
  markers_unlock();
  struct gl_packet *packet = *at;
  if (packet != NULL) *at = packet->next;
  return packet;
}

/*
 * The pool is full: take a packet out of it, of a territory that this marker
 * holds or can have, and blacken what it can.  That finds no new candidates, so
 * there is always somebody who can go on.  What is left of a packet is sent on.
 * Returns it where nothing is.
 */
static GL_COLD struct gl_packet *markers_relieve(struct gl_marker *m) {
  struct gl_packet *packet = markers_take_for_relief(m);
  if (packet == NULL) {
    markers_publish_all(m); /* or they might lack in the pool */
    sched_yield();
    return NULL;
  }
  size_t count = packet->count;
  gl_assert(markers_is_packet(packet) && count > 0 && m->spare == NULL);
  packet->count = 0;
  for (size_t i = 0; i < count; i++)
    if (gl_marker_holds(m, packet->candidates[i]))
      gl_marker_blacken(m, packet->candidates[i]);
    else
      packet->candidates[packet->count++] = packet->candidates[i];
  if (packet->count == 0) return packet;
  markers_lock();
  markers_send_locked(packet);
  markers_unlock();
  return NULL;
}

/* An empty one; NULL where the pool is full. */
static struct gl_packet *markers_try_new(struct gl_marker *m) {
  struct gl_packet *packet = m->spare;
  gl_assert((packet == NULL) == (m->spare_count == 0));
  if (packet != NULL) {
    m->spare = packet->next;
    m->spare_count--;
    packet->count = 0;
    return packet;
  }
  markers_lock();
  packet = markers_new_locked();
  markers_unlock();
  return packet;
}

static struct gl_packet *markers_new(struct gl_marker *m) {
  for (;;) {
    struct gl_packet *packet = markers_try_new(m);
    if (packet == NULL) packet = markers_relieve(m);
    gl_assert(packet == NULL || packet->count == 0);
    if (packet != NULL) return packet;
  }
}

static void markers_send_packet(struct gl_marker *m,
                                const struct gl_word *candidates,
                                size_t count) {
  gl_assert(count > 0 && count <= GL_PACKET_WORDS);
  struct gl_packet *packet = markers_new(m);
  memcpy(packet->candidates, candidates, count * sizeof *candidates);
  packet->count = count;
  markers_exchange(m, packet);
}

/* Between two markers there is one other to send to.  (Territory may change
   hands meanwhile, and one that holds nothing finds candidates for both; who
   receives them sends them on.) */
static void markers_send_to_other(struct gl_marker *m) {
  size_t count = m->away_count, at = 0;
  gl_assert(m->unsent == 0);
  m->away_count = 0;
  for (size_t n; at < count; at += n) {
    n = count - at < GL_PACKET_WORDS ? count - at : GL_PACKET_WORDS;
    markers_send_packet(m, m->away + at, n);
  }
}

/* Sort candidates into packets; those that are full are sent. */
static void markers_send_to_others(struct gl_marker *m) {
  size_t count = m->away_count;
  m->away_count = 0;
  m->unsent += count;
  for (size_t i = 0; i < count; i++) {
    unsigned t = markers_territory(m->away[i]);
    struct gl_packet *packet = m->out[t];
    if (packet == NULL) packet = m->out[t] = markers_new(m);
    gl_assert(packet->count < GL_PACKET_WORDS && packet->count < m->unsent);
    packet->candidates[packet->count++] = m->away[i];
    if (packet->count == GL_PACKET_WORDS) markers_publish(m, t);
  }
}

void gl_markers_send(struct gl_marker *m) {
  gl_assert(m->shared && markers.working > 0);
  if (markers.working == 1)
    markers_send_to_other(m);
  else
    markers_send_to_others(m);
}

static void markers_send_all(struct gl_marker *m) {
  gl_markers_send(m);
  markers_publish_all(m);
  gl_assert(m->away_count == 0 && m->unsent == 0);
}

/* ------------------------------------------------------------------- giving */

/* Move some entries to a packet: half of them, the oldest; but of the very
   oldest, where it is long, the upper half.  (All of it, and the helper had
   most of an array and half of the territory that it leads to.) */
static void markers_move_entries(struct gl_marker *m,
                                 struct gl_packet *packet) {
  size_t count = (m->depth - m->bottom) / 2, halves = 0;
  if (gl_marker_can_split(m)) packet->entries[halves++] = gl_marker_split(m);
  if (count > MARKERS_ENTRIES - halves) count = MARKERS_ENTRIES - halves;
  gl_assert(count + halves > 0 && count + halves <= m->depth - m->bottom);
  const gl_mark_entry *whole = m->stack + m->bottom + halves;
  memcpy(packet->entries + halves, whole, count * sizeof *whole);
  if (halves > 0) m->stack[m->bottom + count] = m->stack[m->bottom];
  m->bottom += count;
  packet->count = halves + count;
}

/* The upper half of the territories in a mask: it goes with the upper half of a
   long entry and with a marker's oldest ones, and where blocks lie as they were
   allocated, to much of what those lead to. */
static uint32_t markers_half(uint32_t held) {
  uint32_t half = 0;
  size_t count = 0;
  for (unsigned t = 0; t < markers.territories; t++)
    count += (held & markers.masks[t]) != 0;
  for (size_t t = markers.territories, given = 0; given < count / 2;) {
    if ((held & markers.masks[--t]) == 0) continue;
    half |= markers.masks[t];
    given++;
  }
  gl_assert((half & ~held) == 0 && (half != held || held == 0));
  return half;
}

static bool markers_has_spare(const struct gl_marker *m) {
  return m->depth - m->bottom >= MARKERS_SPARE || gl_marker_can_split(m);
}

static void markers_give(struct gl_marker *m) {
  gl_assert(m->away_count == 0 && m->unsent == 0);
  if (m->depth == m->bottom || !markers_has_spare(m)) return;
  struct gl_packet *packet = markers_try_new(m);
  if (packet != NULL) markers_move_entries(m, packet);
  markers_lock();
  uint32_t half = markers_half(m->held);
  m->held &= ~half;
  markers.unheld |= half;
  if (packet != NULL) {
    markers_put_locked(&markers.entries, packet);
    markers.entries_count++;
  }
  markers_unlock();
}

void gl_markers_share(struct gl_marker *m) {
  gl_assert(m->shared && m->taken == 0);
  markers_lock();
  if (m->coming == NULL) m->coming = markers_receive_locked(m->held);
  bool hungry = markers_is_hungry_locked();
  markers_unlock();
  if (!hungry) return;
  size_t sent = m->away_count + m->unsent;
  markers_send_all(m);
  if (sent < MARKERS_MEAL || m->depth - m->bottom >= MARKERS_PLENTY)
    markers_give(m);
}

/* ------------------------------------------------------------------- hunger */

/* A helper's first work in a marking: what it holds is of the last one. */
static void markers_join(struct gl_marker *m) {
  struct gl_helper *helper = (struct gl_helper *)m;
  if (m == &gl_marker_main || helper->round == markers.round) return;
  gl_assert(m->shared && markers_is_empty(m));
  helper->round = markers.round;
  helper->joined_ns = gl_os_cpu_ns_by(helper->clock);
  gl_marker_begin(m);
}

static void markers_take_entries(struct gl_marker *m,
                                 struct gl_packet *packet) {
  gl_assert(m->depth == m->bottom && packet->count <= m->capacity);
  m->bottom = m->depth = 0; /* empty, so they fit, however small it is */
  for (size_t i = 0; i < packet->count; i++)
    gl_marker_push(m, packet->entries[i]);
  gl_markers_return(m, packet);
}

/* Take up work: entries, or a territory that has been sent candidates. */
static bool markers_try_begin(struct gl_marker *m) {
  struct gl_packet *packet = NULL;
  markers_lock();
  bool found = (markers.waiting & markers.unheld) != 0;
  if (!found && markers.entries.first != NULL) {
    packet = markers.entries.first;
    markers.entries.first = packet->next;
    markers.entries_count--;
    found = true;
  }
  if (found) {
    gl_assert(markers.open && markers.hungry > 0 && m->held == 0);
    markers.hungry--;
    m->held = markers.unheld;
    markers.unheld = 0;
    markers_join(m);
    m->coming = markers_receive_locked(m->held);
  }
  markers_unlock();
  if (packet != NULL) markers_take_entries(m, packet);
  return found;
}

/* All are hungry, and no packet waits: all is marked. */
static bool markers_try_close(void) {
  markers_lock();
  bool all = markers.hungry == markers.working + 1 &&
             markers.entries_count == 0 && markers.waiting == 0;
  gl_assert(markers.open && markers.hungry > 0);
  if (all) markers.open = false;
  markers_unlock();
  return all;
}

/* Sleep until there is something to do: a marker that only looks for it takes
   the processor from others that have.  (Under valgrind, for ever: a thread
   that spins is not made to let others run.) */
static void markers_sleep(const struct gl_marker *m) {
  bool is_main = m == &gl_marker_main;
  struct markers_bed *bed = is_main ? &markers.main : &markers.helpers;
  markers_lock();
  uint32_t calls = bed->calls;
  bool sleeps =
      is_main ? !markers_may_begin_locked() : !markers_have_work_locked();
  bed->taken |= sleeps;
  markers_unlock();
  if (!sleeps) return;
  gl_guards_sleep();
  while (__atomic_load_n(&bed->calls, __ATOMIC_RELAXED) == calls)
    gl_futex_wait(&bed->calls, calls, 0);
}

/* Look for work; false when all is marked, which is for the collecting thread
   alone to see. */
static bool markers_find_work(struct gl_marker *m) {
  gl_assert(m->held == 0 && markers_is_empty(m));
  for (unsigned turn = 1;; turn++) {
    if (__atomic_load_n(&markers.may_begin, __ATOMIC_RELAXED) != 0) {
      if (markers_try_begin(m)) return true;
      if (m == &gl_marker_main && markers_try_close()) return false;
    }
    for (int i = 0; i < MARKERS_PAUSES; i++) __builtin_ia32_pause();
    if (turn % MARKERS_SPINS == 0) markers_sleep(m);
  }
}

/* To send may take room in the pool, and to make some it may blacken. */
static void markers_become_hungry(struct gl_marker *m) {
  markers_send_all(m);
  while (m->depth > m->bottom || m->coming != NULL) {
    gl_marker_drain(m);
    markers_send_all(m);
  }
  markers_lock();
  gl_assert((markers.unheld & m->held) == 0);
  markers.unheld |= m->held;
  m->held = 0;
  markers.hungry++;
  markers_give_spares_locked(m, 0);
  markers_unlock();
}

GL_NORETURN void gl_markers_serve(struct gl_marker *m) {
  for (;;) {
    gl_assert(m != &gl_marker_main && m->held == 0);
    markers_find_work(m);
    gl_guards_wake();
    gl_marker_drain(m);
    markers_become_hungry(m);
  }
}

/* ------------------------------------------------------- a marking together */

bool gl_markers_init(void) {
  if (markers.pool == NULL)
    markers.pool = gl_os_map(gl_options.mark_packets * sizeof *markers.pool);
  return markers.pool != NULL;
}

/* Deal the regions out to territories, neighbours to the same one, until each
   has about as many arenas as any other.  (A large block has no tags of its own
   to write.) */
static void markers_deal(void) {
  size_t arenas[GL_REGIONS_MAX] = {0}, all = 0, before = 0;
  for (size_t slot = 0; slot < gl_mark_slots(); slot++) {
    if (gl_heap.slots[slot] == GL_SLOT_RUNS) continue;
    uintptr_t start = gl_heap.base + (slot << GL_ARENA_SHIFT);
    arenas[gl_region(gl_word_of(start))]++;
    all++;
  }
  gl_assert(all == gl_heap.arena_count);
  memset(markers.masks, 0, sizeof markers.masks);
  for (size_t region = 0; region < GL_REGIONS_MAX; region++) {
    size_t here = arenas[region];
    size_t t = (before + here / 2) * markers.territories / (all + 1);
    gl_assert(t < markers.territories);
    before += here;
    markers.territory[region] = (uint8_t)t;
    markers.masks[t] |= (uint32_t)1 << region;
  }
}

static void markers_divide(void) {
  size_t most = MARKERS_TERRITORIES_EACH * (markers.working + 1);
  markers.territories = 1;
  while (markers.territories < most && markers.territories < GL_TERRITORIES_MAX)
    markers.territories *= 2;
  gl_assert(markers.territories > markers.working);
  markers_deal();
  markers.kept = gl_options.mark_packets /
                 (MARKERS_PACKETS_PART * (markers.working + 1));
  if (markers.kept > MARKERS_PACKETS) markers.kept = MARKERS_PACKETS;
  gl_assert(markers.kept * (markers.working + 1) < gl_options.mark_packets);
}

void gl_markers_start(void) {
  gl_assert(!markers.open && markers.waiting == 0 &&
            markers.entries_count == 0);
  markers.working = gl_helpers_are_chosen() ? gl_helpers_count() : 0;
  gl_marker_main.shared = markers.working > 0;
  gl_marker_main.held = GL_TERRITORIES_ALL;
  markers.helped_ns = 0;
  if (markers.working == 0) return;
  markers_lock();
  markers_divide();
  markers.hungry = markers.working;
  markers.unheld = 0;
  markers.free = NULL;
  markers.used = 0;
  markers.open = true;
  markers.round++;
  markers_unlock();
}

static void markers_add_up(const struct gl_helper *helper) {
  for (size_t i = 0; i < gl_mark_slots(); i++) {
    gl_marker_main.live[i] += helper->marker.live[i];
    gl_assert(gl_marker_main.live[i] <= GL_ARENA_GRANULES);
  }
  gl_marker_main.objects += helper->marker.objects;
  markers.helped_ns += gl_os_cpu_ns_by(helper->clock) - helper->joined_ns;
}

void gl_markers_finish(void) {
  if (markers.working == 0) return;
  do {
    gl_marker_drain(&gl_marker_main);
    markers_become_hungry(&gl_marker_main);
  } while (markers_find_work(&gl_marker_main));
  gl_assert(!markers.open && markers_is_empty(&gl_marker_main));
  for (size_t i = 0; i < markers.working; i++)
    if (gl_helpers_get(i)->round == markers.round)
      markers_add_up(gl_helpers_get(i));
  gl_marker_main.shared = false;
  gl_marker_main.held = GL_TERRITORIES_ALL;
  if (markers.most < markers.used) markers.most = markers.used;
}

uint64_t gl_markers_helped_ns(void) { return markers.helped_ns; }

size_t gl_markers_pool_bytes(void) {
  return markers.most * sizeof *markers.pool;
}

/* A helper may have held the lock, on its way to sleep. */
void gl_markers_after_fork(void) {
  gl_assert(!markers.open);
  markers.working = 0;
  markers.lock = 0;
}
