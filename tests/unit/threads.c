/* SPDX-License-Identifier: MIT */
/*
 * threads.c: alloc/ with real threads: blocks freed by others, a world that is
 * stopped a thousand times under load, and the two ways a stop could be lost.
 * The stop here is the protocol of types.h and no more: what the collector
 * builds on.
 */
#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "harness.h"

#define THREADS 4
#define SLOTS 200
#define MAILBOXES 64
#define STOPS 300
#define HEAP_BYTES ((size_t)256 << 20)

enum slot_state { EMPTY, LIVE, DROPPED };

struct slot {
  char *start;
  size_t size;
  uint64_t id;
  enum slot_state state; /* DROPPED is the thread's last word on it */
};

struct worker {
  pthread_t thread;
  uint64_t random;
  struct slot slot[SLOTS];
};

/* A block on its way from one thread to any other. */
struct letter {
  char *start;
  size_t size;
  uint64_t id;
};

static struct worker worker[THREADS];
static struct letter *mailbox[MAILBOXES];
static bool finished;
static uint8_t *dropped; /* of a granule: its block was dropped */

/* ------------------------------------------------------- stopping the world */

static int stopped, parked, running;

static void pause_ns(long ns) { nanosleep(&(struct timespec){0, ns}, NULL); }

static void park(void) {
  __atomic_fetch_add(&parked, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&stopped, __ATOMIC_SEQ_CST)) pause_ns(20000);
  __atomic_fetch_sub(&parked, 1, __ATOMIC_SEQ_CST);
}

static void on_stop_signal(int number) {
  (void)number;
  struct gl_cache *cache = gl_self;
  if (cache->busy != 0)
    cache->stop_wanted = 1;
  else
    park();
}

static void on_leave(struct gl_cache *cache) {
  cache->stop_wanted = 0;
  park();
}

/* With the heap lock held. */
static void stop_world(void) {
  __atomic_store_n(&stopped, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < THREADS; i++) pthread_kill(worker[i].thread, SIGUSR2);
  while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST) < running) sched_yield();
}

static void resume_world(void) {
  __atomic_store_n(&stopped, 0, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST) > 0) sched_yield();
}

/* ----------------------------------------------------------------- workers */

static uint64_t worker_random(struct worker *self) {
  uint64_t x = self->random;
  x ^= x << 13;
  x ^= x >> 7;
  return self->random = x ^ x << 17;
}

static size_t worker_size(struct worker *self) {
  uint64_t r = worker_random(self) % 1000;
  if (r < 4) return GL_MEDIUM_MAX_BYTES + 1 + worker_random(self) % 100000;
  if (r < 60) return worker_random(self) % GL_MEDIUM_MAX_BYTES;
  return worker_random(self) % 300;
}

static void worker_allocate(struct worker *self, struct slot *slot) {
  enum gl_kind kind = (enum gl_kind)(worker_random(self) % GL_KIND_COUNT);
  size_t size = worker_size(self);
  char *p = test_allocate(gl_self, size, kind);
  expect(p != NULL);
  if (gl_kind_is_zeroed(kind)) expect(test_is_zero(p, size));
  *slot = (struct slot){p, size, worker_random(self), EMPTY};
  test_fill(p, size, slot->id);
  __atomic_store_n(&slot->state, LIVE, __ATOMIC_RELEASE);
}

static void worker_free(char *p) {
  expect(test_free(gl_self, p) == GL_FAULT_NONE);
}

static void worker_post(struct worker *self, struct slot *slot) {
  struct letter *letter = malloc(sizeof *letter);
  expect(letter != NULL);
  *letter = (struct letter){slot->start, slot->size, slot->id};
  slot->state = EMPTY;
  letter = __atomic_exchange_n(&mailbox[worker_random(self) % MAILBOXES],
                               letter, __ATOMIC_ACQ_REL);
  if (letter == NULL) return;
  expect(test_is_filled(letter->start, letter->size, letter->id));
  worker_free(letter->start);
  free(letter);
}

/* A lookup by a thread that may be stopped: inside the allocator. */
static void worker_look(struct worker *self) {
  struct gl_block block;
  struct gl_cache *cache = gl_self;
  const char *p = (const char *)gl_heap.base +
                  worker_random(self) % (gl_heap.extent_bytes + 1);
  gl_cache_enter(cache);
  gl_heap_find(p, &block);
  gl_cache_leave(cache);
}

static void worker_step(struct worker *self) {
  struct slot *slot = &self->slot[worker_random(self) % SLOTS];
  if (worker_random(self) % 16 == 0) worker_look(self);
  if (slot->state == DROPPED) return;
  if (slot->state == EMPTY) {
    worker_allocate(self, slot);
    return;
  }
  expect(test_is_filled(slot->start, slot->size, slot->id));
  switch (worker_random(self) % 8) {
    case 0:
    case 1:
      slot->state = EMPTY;
      worker_free(slot->start);
      break;
    case 2:
    case 3: worker_post(self, slot); break;
    case 4: __atomic_store_n(&slot->state, DROPPED, __ATOMIC_RELEASE); break;
    default: break;
  }
}

static void *worker_main(void *data) {
  struct worker *self = data;
  test_cache();
  __atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) worker_step(self);
  return NULL;
}

static void start_workers(void) {
  finished = false;
  for (int i = 0; i < THREADS; i++) {
    worker[i].random = test_random() | 1;
    ck_assert_int_eq(
        pthread_create(&worker[i].thread, NULL, worker_main, &worker[i]), 0);
  }
  while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) < THREADS) sched_yield();
}

static void finish_workers(void) {
  __atomic_store_n(&finished, true, __ATOMIC_RELAXED);
  for (int i = 0; i < THREADS; i++) pthread_join(worker[i].thread, NULL);
}

/* ------------------------------------------------------------- collections */

static bool keep_not_dropped(const struct gl_block *block, void *data) {
  size_t *kept = data;
  bool keep = !dropped[gl_granule_of(block->start)];
  *kept += keep;
  return keep;
}

/* What the workers have dropped dies, and nothing else. */
static void each_dropped(bool die) {
  for (int i = 0; i < THREADS; i++) {
    for (int j = 0; j < SLOTS; j++) {
      struct slot *slot = &worker[i].slot[j];
      if (slot->state != DROPPED) continue;
      dropped[gl_granule_of(slot->start)] = !die;
      if (die) slot->state = EMPTY;
    }
  }
}

struct marking {
  size_t kept;
  uint32_t *live;
};

static bool mark_visit(const struct gl_block *item, bool allocated,
                       void *data) {
  struct marking *marking = data;
  if (!allocated || !keep_not_dropped(item, &marking->kept)) return true;
  size_t granule = gl_granule_of(item->start);
  gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
  if (!item->large)
    marking->live[granule / GL_ARENA_GRANULES] +=
        (uint32_t)(item->size >> GL_GRANULE_SHIFT);
  return true;
}

/* A stopped thread may hold malloc's lock: nothing here allocates. */
static void collect_stopped(uint32_t *live) {
  struct marking marking = {0, live};
  memset(live, 0, (HEAP_BYTES >> GL_ARENA_SHIFT) * sizeof *live);
  expect(gl_heap.extent_bytes <= HEAP_BYTES);
  expect(gl_heap_prove());
  each_dropped(false);
  gl_heap_prepare_mark(false);
  gl_heap_visit(mark_visit, &marking);
  each_dropped(true);
  size_t tenured, atomic;
  gl_heap_begin_sweep(live, &tenured);
  gl_heap_sweep_large(&atomic);
  expect(gl_heap_prove());
}

START_TEST(breaks_4_world_stops_under_load) {
  ck_assert(gl_heap_init());
  gl_heap.on_leave = on_leave;
  signal(SIGUSR2, on_stop_signal);
  dropped = calloc(HEAP_BYTES >> GL_GRANULE_SHIFT, 1);
  uint32_t *live = calloc(HEAP_BYTES >> GL_ARENA_SHIFT, sizeof *live);
  start_workers();
  for (int i = 0; i < STOPS; i++) {
    pause_ns((long)test_below(1000000));
    gl_heap_lock(NULL);
    stop_world();
    if (test_one_in(8))
      gl_heap_release_empty();
    else
      collect_stopped(live);
    resume_world();
    gl_heap_unlock();
  }
  finish_workers();
  ck_assert(test_prove());
  free(live);
}
END_TEST

START_TEST(frees_cross_without_collections) {
  ck_assert(gl_heap_init());
  start_workers();
  pause_ns(300000000);
  finish_workers();
  ck_assert(test_prove());
  uint64_t bytes = 0;
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    ck_assert(test_accounts_balance(c));
  for (struct gl_cache *c = gl_heap.caches; c != NULL; c = c->next)
    bytes += test_freed_bytes(c);
  ck_assert_uint_gt(bytes, 0);
}
END_TEST

/* ------------------------------------------------------ lookups by others */

static char *watched; /* 64 bytes, allocated, of another thread */

/* What happens beside a block must not change its size: the block behind it is
   freed and reused, the newest, before it, comes and goes, the hole moves. */
static void *work_behind(void *data) {
  int way = *(int *)data;
  gl_heap_lock(NULL);
  struct gl_cache *cache = gl_cache_acquire(NULL);
  gl_heap_unlock();
  char *behind = test_allocate(cache, 64, GL_SCANNED);
  char *x = test_allocate(cache, 64, GL_SCANNED);
  char *y = way == 0 ? behind : test_allocate(cache, 64, GL_SCANNED);
  __atomic_store_n(&watched, x, __ATOMIC_RELEASE);
  for (int i = 0; !__atomic_load_n(&finished, __ATOMIC_RELAXED); i++) {
    if (way < 2) expect(test_free(cache, y) == GL_FAULT_NONE);
    y = test_allocate(cache, 64, GL_SCANNED);
    expect(y != NULL);
    if (way == 2 && i % 8 == 0) __atomic_store_n(&watched, y, __ATOMIC_RELEASE);
  }
  return NULL;
}

START_TEST(sizes_hold_for_others) {
  pthread_t thread;
  struct gl_block block;
  ck_assert(gl_heap_init());
  ck_assert_int_eq(pthread_create(&thread, NULL, work_behind, &_i), 0);
  uint64_t end = gl_os_now_ns() + 500000000;
  while (gl_os_now_ns() < end) {
    for (int i = 0; i < 100; i++) {
      char *p = __atomic_load_n(&watched, __ATOMIC_ACQUIRE);
      if (p == NULL) continue;
      expect(gl_heap_find(p, &block));
      expect(block.start == p && block.size == 64);
    }
  }
  __atomic_store_n(&finished, true, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
}
END_TEST

/* -------------------------------------------------- the two ways to lose it */

static uint64_t asked, answered;

static void on_ask(int number) {
  (void)number;
  if (gl_self->busy == 0 || gl_self->stop_wanted) return;
  gl_self->stop_wanted = 1;
  asked++;
}

static void on_answer(struct gl_cache *cache) {
  cache->stop_wanted = 0;
  answered++;
}

/* A stop that is asked for between any two instructions of the fast paths is
   honoured: however the compiler writes the two words. */
START_TEST(no_stop_is_lost) {
  struct gl_cache *cache = test_heap();
  struct itimerval often = {{0, 20}, {0, 20}}, never = {{0, 0}, {0, 0}};
  gl_heap.on_leave = on_answer;
  signal(SIGALRM, on_ask);
  ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
  uint64_t end = gl_os_now_ns() + 700000000;
  while (gl_os_now_ns() < end) {
    for (int i = 0; i < 1000; i++) {
      char *p = gl_cache_allocate(cache, 48, GL_SCANNED);
      if (p == NULL) p = test_allocate(cache, 48, GL_SCANNED);
      expect(test_free(cache, p) == GL_FAULT_NONE);
    }
  }
  ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
  expect(test_allocate(cache, 48, GL_SCANNED) != NULL);
  ck_assert_uint_gt(asked, 100);
  ck_assert_uint_eq(asked, answered);
}
END_TEST

static struct gl_cache *left;

static void note_leave(struct gl_cache *cache) {
  left = cache;
  cache->stop_wanted = 0;
}

static void *without_cache(void *data) {
  for (int i = 0; i < 2000000; i++)
    gl_cache_allocate(&gl_cache_none, 16, GL_SCANNED);
  return data;
}

/* Threads that have no cache yet share an empty one, whose busy word means
   nothing: nobody has asked any of them to stop. */
START_TEST(nobody_stops_in_the_empty_cache) {
  pthread_t thread[THREADS];
  ck_assert(gl_heap_init());
  gl_heap.on_leave = note_leave;
  for (int i = 0; i < THREADS; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, without_cache, NULL), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  ck_assert_ptr_null(left);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("threads");
  tcase_add_test(tests, breaks_4_world_stops_under_load);
  tcase_add_test(tests, frees_cross_without_collections);
  tcase_add_loop_test(tests, sizes_hold_for_others, 0, 3);
  tcase_add_test(tests, no_stop_is_lost);
  tcase_add_test(tests, nobody_stops_in_the_empty_cache);
  return test_end();
}
