/* SPDX-License-Identifier: MIT */
/*
 * pace.c: when to collect: after how many bytes of allocation.
 *
 * The square-root rule of MemBalancer (Kirisame, Shenoy, Panchekha: Optimal
 * Heap Limits for Reducing Browser Memory Use, OOPSLA 2022): with L bytes
 * alive, allocation at g bytes a second and marking at s bytes a second, the
 * heap that spends memory best is
 *
 *     L + sqrt(L * g / (c * s))
 *
 * where c says how dear memory is.  Both rates are by processor time: what
 * other processes do to the clock on the wall must not make the heap larger.
 * The rule is kept between two proportions of L: the lower one makes growth
 * geometric, so that a heap that is being built up is marked a bounded number
 * of times over; the upper one bounds the heap where allocation is much faster
 * than marking.  In a fragmented heap, which holds far more than L and the
 * room, the room is a small part of the price: so there is more of it.
 *
 * The budget is what may still be allocated: caches take from it as they
 * charge memory (gl_cache_settle), and whoever finds it spent collects.
 * Everything here is under the heap lock.
 */
#include "../alloc/os.h"
#include "gc.h"

/*
 * The price of memory, per byte: so that at L = 66 MiB and g = s the room is
 * 0.6 of L.  Programs with little alive then live in about 2.5 times that.
 */
#define PACE_PRICE_PER_BYTE 4e-8

/* Room as a proportion of what is alive, at least and at most.  (At least 0.35:
   up to 1.2 times the memory in the same time, where marking is quick, as of
   large blocks.) */
#define PACE_ROOM_MIN 0.25
#define PACE_ROOM_MAX 0.8

/*
 * Where blocks die at random between others free runs are short, each costs a
 * guess of the processor, and more room makes them longer.  So where more than
 * a share of what is allocated comes off such runs there may be more room: by
 * so much of what is alive for each such share above, up to a limit, which is
 * lower where all are of one size, and no guess.  Less from so much alive on,
 * and none from twice that on: the program waits for its blocks then.  (10,000
 * blocks of up to 40 bytes: 0.78 of the time, 3.5 MB resident in place of 3.0;
 * of 48 bytes, 0.8 and 6.4 MB in place of 5.1.  A churn of larger blocks has
 * 0.03 to 0.2 of short runs, strings have 0.45.)
 */
#define PACE_SHORT_SHARE 0.2
#define PACE_SHORT_ROOM 2.5
#define PACE_SHORT_ROOM_MAX 1.3
#define PACE_SHORT_ROOM_ALIKE 0.6
#define PACE_SHORT_BYTES 4e6

/* Of the roots, what counts as alive: where few of their words are pointers
   they are read faster than blocks are marked.  (All: 10.6 MB resident in
   place of 8.5, where 4 MB of tables are roots, in 0.8 of the time.  Half of
   those with many pointers: deep stacks took 1.25 times the time.) */
#define PACE_ROOTS_PART 2
#define PACE_ROOT_POINTER_BYTES ((size_t)32)

/* No collection for less than this: a little less than an arena, so that a
   program with hardly anything alive lives in one.  (Half a megabyte: 2.5 MB
   resident in place of 2.2, in 0.94 times the time.)  And so much more for each
   thread that has to be stopped, which takes several times as long as all else;
   but not for more of them than this, to stay small. */
#define PACE_FLOOR_BYTES ((int64_t)(GL_ARENA_BYTES - GL_ARENA_BYTES / 16))
#define PACE_THREAD_BYTES ((int64_t)3 << 17)
#define PACE_THREADS_MAX 4

/*
 * Memory that is free and still held (a phase with much alive is over) may be
 * used up before the next collection whatever the rule says: it costs nothing
 * for now.  So much of it; and as time goes by less, so that what is not needed
 * any more ages and goes back: half of it in so many seconds.  (By the
 * collection, 2 % at each, it was gone within a tenth of a second where
 * collections are short: GCBench collected twice as often.)
 */
#define PACE_SPARE_USE 0.9
#define PACE_SPARE_HALF_LIFE_NS 3e9

/* A collection of an empty heap costs about a microsecond an arena, as much as
   the allocation of a kilobyte. */
#define PACE_SLACK_SHARE 16

/* A small heap becomes thrifty when it holds what lives and the room beside it,
   times this.  (A megabyte of mixed sizes alive: 5.2 MB resident in place of
   6.8, in 1.13 times the time.  In larger heaps it saves little: 25 MB of
   strings took 1.2 times the time in the same memory.) */
#define PACE_THRIFT 1.2
#define PACE_THRIFT_MOST_BYTES 4e6
#define PACE_THRIFT_GROWTH 4
#define PACE_LEAST_THRIFT 8

/* The heap grows for large blocks, where as much is free as they need but
   nowhere in one piece, until this share of a budget is left: so it is
   collected twice as often at most. (48 blocks of up to 4 MB: 72 -> 66 MB, 12
   of them 33 -> 29, in the same time.  Down to three quarters: no smaller.) */
#define PACE_LARGE_THRIFT 2

/* The weight of the newest measurement in the moving averages. */
#define PACE_SMOOTHING 0.5

static struct {
  double allocation_rate; /* bytes a second, 0 before the first measurement */
  double marking_rate;
  uint64_t
      last_end_cpu_ns; /* when the mutator began to run, where that counts */
  uint64_t last_allocated_bytes;
  uint64_t last_short_bytes;
  double short_share; /* of what was allocated: off short free runs */
  bool alike; /* all small blocks were of one size */
  size_t live_bytes; /* a part of the roots too: they are looked through */
  size_t floating_bytes; /* beside them, and perhaps dead */
  double goal_bytes; /* what was to be the heap at the end of the last budget */
  uint64_t goal_ns;  /* and when it was set */
  int64_t floor_bytes; /* no collection for less; read without the lock too */
} pace GL_DATA = {.floor_bytes = PACE_FLOOR_BYTES};

uint64_t gl_pace_allocated_bytes(void) {
  uint64_t bytes = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    bytes += c->charged_bytes + gl_cache_reused_bytes(c);
  return bytes;
}

/* Bytes allocated off short free runs: popped from quick lists, but for those
   that the program has freed into them. */
static uint64_t pace_short_bytes(void) {
  uint64_t bytes = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    bytes -= gl_cache_net_freed_bytes(c);
  return bytes;
}

/* Sizes of small blocks that were asked for, a bit each. */
static uint64_t pace_sizes(void) {
  uint64_t sizes = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    for (int kind = 0; kind < GL_KIND_COUNT; kind++)
      sizes |= c->lane[kind].asked[1];
  return sizes;
}

static void pace_note_short(uint64_t allocated) {
  uint64_t now = pace_short_bytes(), sizes = pace_sizes();
  pace.alike = (sizes & (sizes - 1)) == 0;
  double bytes = (double)(int64_t)(now - pace.last_short_bytes);
  pace.short_share = allocated > 0 ? bytes / (double)allocated : 0;
  pace.last_short_bytes = now;
}

static void pace_measure(double *rate, double bytes, double ns) {
  gl_assert(bytes >= 0 && *rate >= 0);
  if (ns < 1) ns = 1;
  double now = bytes / (ns * 1e-9);
  *rate = *rate == 0 ? now : *rate + PACE_SMOOTHING * (now - *rate);
}

/* With so little alive the smallest budget is larger than any room. */
bool gl_pace_is_guided(void) {
  return (double)pace.live_bytes * PACE_ROOM_MAX > (double)pace.floor_bytes;
}

static void pace_set_floor(size_t threads) {
  gl_assert(threads > 0);
  int64_t others = (int64_t)threads - 1;
  if (others > PACE_THREADS_MAX) others = PACE_THREADS_MAX;
  __atomic_store_n(&pace.floor_bytes,
                   PACE_FLOOR_BYTES + others * PACE_THREAD_BYTES,
                   __ATOMIC_RELAXED);
}

/* What the program ran between two collections.  (That of a thread that runs on
   another processor is known to some milliseconds only.) */
static double pace_mutator_ns(const struct gl_cycle *cycle) {
  return (double)(int64_t)(cycle->stopped_cpu_ns - pace.last_end_cpu_ns);
}

static size_t pace_root_bytes(const struct gl_cycle *cycle) {
  size_t least = cycle->root_bytes / PACE_ROOTS_PART;
  size_t bytes = least + cycle->root_pointers * PACE_ROOT_POINTER_BYTES;
  return bytes < cycle->root_bytes ? bytes : cycle->root_bytes;
}

void gl_pace_note(const struct gl_cycle *cycle) {
  gl_assert(cycle->stopped && cycle->floating_bytes <= cycle->live_bytes);
  gl_assert(cycle->allocated_bytes >= pace.last_allocated_bytes);
  /* What floats may be old garbage: it is not to make the heap larger. */
  pace.floating_bytes = cycle->floating_bytes;
  pace_set_floor(cycle->threads);
  pace.live_bytes =
      cycle->live_bytes - cycle->floating_bytes + pace_root_bytes(cycle);
  if (cycle->timed)
    pace_measure(&pace.allocation_rate,
                 (double)(cycle->allocated_bytes - pace.last_allocated_bytes),
                 pace_mutator_ns(cycle));
  if (cycle->timed && !cycle->minor)
    pace_measure(&pace.marking_rate, (double)pace.live_bytes,
                 (double)cycle->mark_cpu_ns);
  pace_note_short(cycle->allocated_bytes - pace.last_allocated_bytes);
  pace.last_allocated_bytes = cycle->allocated_bytes;
  if (gl_pace_is_guided()) pace.last_end_cpu_ns = gl_os_cpu_ns();
}

/* Newton's method, from above: no library for one root. */
static double pace_square_root(double x) {
  double root = x > 1 ? x : 1;
  gl_assert(x >= 0);
  for (int i = 0; i < 80; i++) root = (root + x / root) / 2;
  return root;
}

/* 2^-x to a hundredth, for x >= 0: half as much for each whole, and along a
   chord in between. */
static double pace_halved(double x) {
  double share = 1;
  gl_assert(x >= 0);
  for (; x >= 1 && share > 1e-6; x--) share /= 2;
  return share * (1 - x / 2);
}

static double pace_spare_bytes(void) {
  uint64_t now_ns = gl_os_coarse_ns();
  gl_assert(now_ns >= pace.goal_ns);
  double age = (double)(now_ns - pace.goal_ns) / PACE_SPARE_HALF_LIFE_NS;
  double free = PACE_SPARE_USE * (double)gl_heap_dirty_bytes();
  double decayed = pace.goal_bytes * pace_halved(age) - (double)pace.live_bytes;
  pace.goal_ns = now_ns;
  return free < decayed ? free : decayed;
}

static double pace_used_bytes(void) {
  gl_assert(gl_heap_held_bytes() >= gl_heap_dirty_bytes());
  return (double)(gl_heap_held_bytes() - gl_heap_dirty_bytes());
}

/* How many times as much as it should a heap holds, since no hole in it is long
   enough for what is asked for; 1 where it does not, or nothing was marked
   yet. */
static double pace_fragmentation(double live) {
  double most = live * (1 + PACE_ROOM_MAX), used = pace_used_bytes();
  return most > 0 && used > most ? used / most : 1;
}

/* Of the room, what is left beside that which floats; but a quarter of it in
   any case.  (Then the next collection is a full one: gc/minor.c.) */
static double pace_less_floating(double room) {
  double left = room - (double)pace.floating_bytes;
  return left > room / 4 ? left : room / 4;
}

static double pace_most_bytes(double live) {
  double more = PACE_SHORT_ROOM * (pace.short_share - PACE_SHORT_SHARE);
  double base = live < PACE_SHORT_BYTES ? live : 2 * PACE_SHORT_BYTES - live;
  double limit = pace.alike ? PACE_SHORT_ROOM_ALIKE : PACE_SHORT_ROOM_MAX;
  if (more < 0 || base < 0) more = 0;
  if (more > limit) more = limit;
  return live * PACE_ROOM_MAX + base * more;
}

/* The square-root rule within its bounds, and what is spare. */
static int64_t pace_room_bytes(void) {
  double live = (double)pace.live_bytes, most = pace_most_bytes(live);
  double room = 0; /* before anything was measured, the least */
  if (pace.marking_rate > 0 && pace.allocation_rate > 0)
    room = pace_square_root(live * pace.allocation_rate /
                            (PACE_PRICE_PER_BYTE * pace.marking_rate));
  room *= pace_fragmentation(live);
  if (room < live * PACE_ROOM_MIN) room = live * PACE_ROOM_MIN;
  if (room > most) room = most;
  room = pace_less_floating(room);
  double spare = pace_spare_bytes();
  if (room < spare) room = spare;
  if (room < (double)pace.floor_bytes) room = (double)pace.floor_bytes;
  gl_assert(room < (double)GL_BUDGET_UNLIMITED);
  pace.goal_bytes = live + room;
  return (int64_t)room;
}

/*
 * Beyond the budget a collection is due as soon as the heap would have to grow;
 * beyond as much again as is alive, in any case.  But not for less than a share
 * of the heap, since its tags are swept each time.
 */
static int64_t pace_slack_bytes(void) {
  int64_t live = (int64_t)pace.live_bytes;
  gl_assert(live >= 0);
  int64_t share =
      (int64_t)(gl_heap.arena_count << GL_ARENA_SHIFT) / PACE_SLACK_SHARE;
  if (share < pace.floor_bytes) share = pace.floor_bytes;
  return live > share ? live : share;
}

/* A small heap that holds more than it should, since no hole in it is long
   enough for what is asked for, grows in the first quarter of a budget only,
   and collects after that.  (A megabyte of mixed sizes: in the first half 5.5
   MB, not 5.3, in 0.97 of the time.)  The smallest do so in the last eighth:
   beside some objects that live an arena has room for a little less than the
   least budget. */
static int64_t pace_thrift_bytes(int64_t budget) {
  gl_assert(budget > 0);
  double wanted = (double)pace.live_bytes + (double)budget;
  int64_t least = budget <= PACE_FLOOR_BYTES ? budget / PACE_LEAST_THRIFT : 0;
  bool thrifty = wanted < PACE_THRIFT_MOST_BYTES &&
                 pace_used_bytes() > PACE_THRIFT * wanted;
  return thrifty ? budget - budget / PACE_THRIFT_GROWTH : least;
}

/* While the collector is off the budget is larger by so much that it is never
   spent; and counted all the same, or a program that turns it off for a moment,
   again and again, would never collect. */
size_t gl_pace_set_budget(void) {
  int64_t room = pace_room_bytes();
  int64_t more = gl_is_collecting() ? 0 : GL_BUDGET_UNLIMITED;
  __atomic_store_n(&gl_heap.thrift_bytes, pace_thrift_bytes(room),
                   __ATOMIC_RELAXED);
  __atomic_store_n(&gl_heap.large_thrift_bytes, room / PACE_LARGE_THRIFT,
                   __ATOMIC_RELAXED);
  __atomic_store_n(&gl_heap.slack_bytes, pace_slack_bytes(), __ATOMIC_RELAXED);
  __atomic_store_n(&gl_heap.budget_bytes, room + more, __ATOMIC_RELAXED);
  return (size_t)room;
}

void gl_pace_turn(bool on) {
  __atomic_fetch_add(&gl_heap.budget_bytes,
                     on ? -GL_BUDGET_UNLIMITED : GL_BUDGET_UNLIMITED,
                     __ATOMIC_RELAXED);
}

void gl_pace_extend_budget(void) {
  __atomic_store_n(&gl_heap.thrift_bytes, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&gl_heap.large_thrift_bytes, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&gl_heap.budget_bytes,
                   __atomic_load_n(&pace.floor_bytes, __ATOMIC_RELAXED),
                   __ATOMIC_RELAXED);
}

void gl_pace_init(void) { gl_pace_set_budget(); }
