/* SPDX-License-Identifier: MIT */
/*
 * minor.c: minor collections as a program meets them.  It has a tree that is
 * old, megabytes of small objects allocated one after another and so in arenas
 * without room, and makes garbage until some collections were minor ones.
 * Then what only old objects know has to live, and what was old and is dropped
 * has to go, sooner or later.
 *
 * Nothing here keeps the address of an object but the trees, and the stack by
 * chance.
 */
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define MIB ((size_t)1 << 20)
#define CHILD_SECONDS 60

struct setting {
  const char *markers, *mark_stack, *check;
};

static const struct setting settings[] = {
    {NULL, NULL, NULL}, {"1", "64", "1"}, {"4", NULL, "1"}, {"4", "64", NULL}};
#define SETTINGS ((int)(sizeof settings / sizeof *settings))

static void set(const char *name, const char *value) {
  if (value != NULL) setenv(name, value, 1);
}

static void begin(int setting) {
  set("GLEANER_MARKERS", settings[setting].markers);
  set("GLEANER_MARK_STACK", settings[setting].mark_stack);
  set("GLEANER_CHECK", settings[setting].check);
}

/* -------------------------------------------------------------- what is old */

/* A node of a full binary tree, numbered from 1 at the root; those below n are
   2 n and 2 n + 1. */
struct old {
  struct old *below[2];
  char *held[2];
  uint64_t words[6]; /* filled, with its number */
};

#define DEPTH 18 /* 20 MiB */

static struct old *volatile tree[2];
static unsigned depth;

static size_t old_count(void) { return ((size_t)1 << depth) - 1; }
static size_t old_bytes(void) { return old_count() * sizeof(struct old); }

/* Now and then with garbage in between, but not so much that there would be
   room in these arenas. */
static struct old *build(size_t number) {
  if (number > old_count()) return NULL;
  if (number % 400 == 0) expect(gc_malloc(sizeof(struct old)) != NULL);
  struct old *old = gc_malloc(sizeof *old);
  expect(old != NULL);
  suite_fill(old->words, sizeof old->words, number);
  old->below[0] = build(2 * number);
  old->below[1] = build(2 * number + 1);
  return old;
}

static void build_tree(void *data) { tree[*(const int *)data] = build(1); }

static void grow_old(int which, unsigned levels) {
  depth = suite_is_sanitized() ? levels - 2 : levels;
  api_deep(build_tree, &which);
  api_scrub();
}

static struct old *old_at(int which, size_t number) {
  struct old *old = tree[which];
  for (int bit = 62 - __builtin_clzll(number); bit >= 0; bit--)
    old = old->below[number >> bit & 1];
  expect(suite_is_filled(old->words, sizeof old->words, number));
  return old;
}

static void verify_below(const struct old *old, size_t number) {
  expect(suite_is_filled(old->words, sizeof old->words, number));
  for (size_t i = 0; i < 2 && 2 * number <= old_count(); i++)
    verify_below(old->below[i], 2 * number + i);
}

/* Nobody knows the tree any more. */
static void drop_old(void) {
  tree[0] = NULL;
  api_scrub();
}

/* ------------------------------------------------------------------ garbage */

#define STEP_BYTES ((size_t)64 << 10) /* at most one collection in so much */

static size_t random_size(uint64_t *random) {
  uint64_t r = api_random(random);
  if (r % 1024 == 0) return 40000 + r / 1024 % 60000;
  if (r % 64 == 0) return 1 + r / 1024 % 20000;
  return 1 + r / 1024 % 300;
}

/* Whatever was freed and is still in use is written over. */
static void make_garbage(uint64_t *random) {
  for (size_t bytes = 0; bytes < STEP_BYTES;) {
    size_t size = random_size(random);
    void *p = suite_allocate((enum suite_kind)(api_random(random) % 2), size);
    expect(p != NULL);
    memset(p, 0xDB, size);
    bytes += size;
  }
}

static uint64_t chance;

/* Minor collections one after another, by what the statistics say. */
static struct {
  uint64_t collections, minors;
  unsigned run, longest_run;
} seen;

static void watch(void) {
  struct gc_stats s = suite_stats();
  uint64_t minors = s.minor_collections - seen.minors;
  bool full = s.collections - seen.collections > minors;
  seen.run = full ? 0 : seen.run + (unsigned)minors;
  if (seen.run > seen.longest_run) seen.longest_run = seen.run;
  seen.collections = s.collections;
  seen.minors = s.minor_collections;
}

static void step(void) {
  if (chance == 0) chance = suite_random() | 1;
  make_garbage(&chance);
  watch();
}

/* Of any kind of collection there is one for as much garbage as is alive, or
   more often; a minor one comes after a few. */
static void flood(unsigned minors) {
  watch();
  uint64_t end = seen.minors + minors;
  uint64_t most = seen.collections + 40 + 10 * minors;
  while (seen.minors < end) {
    step();
    expect(seen.collections < most);
  }
}

/* Until minor collections have proven their worth: some more are to come before
   the next full one. */
#define LONG_RUN 10

static void flood_until_they_are_many(void) {
  while (seen.run != LONG_RUN) {
    step();
    expect(seen.collections < 200);
  }
}

/* ------------------------------------------------------------ what is young */

#define KEPTS ((size_t)500)

/* An object to which the only pointer is in an old one. */
struct kept {
  size_t holder; /* its number, */
  size_t offset; /* and where in the object it points */
  size_t size;
  uint64_t id;
};

/* One who stores into a tree: of several each has a place in every old
   object. */
struct storer {
  pthread_t thread;
  int self, into;
  uint64_t random, ids;
  struct kept kept[KEPTS];
};

static size_t storer_below(struct storer *s, size_t n) {
  return api_random(&s->random) % n;
}

static void storer_begin(struct storer *s, int self, int into) {
  memset(s, 0, sizeof *s);
  s->self = self;
  s->into = into;
  s->random = suite_random() | 1;
}

/* No two of them have the same holder. */
static void store(struct storer *s, size_t i) {
  struct kept *k = &s->kept[i];
  size_t share = old_count() / KEPTS, kind = storer_below(s, 2);
  k->holder = 1 + i * share + storer_below(s, share);
  k->size = random_size(&s->random);
  k->offset = storer_below(s, 2) * storer_below(s, k->size);
  k->id = s->ids++;
  char *p = suite_allocate((enum suite_kind)kind, k->size);
  expect(p != NULL);
  suite_fill(p, k->size, k->id);
  old_at(s->into, k->holder)->held[s->self] = p + k->offset;
}

static void forget(struct storer *s, size_t i) {
  old_at(s->into, s->kept[i].holder)->held[s->self] = NULL;
}

static void verify_kept(const struct storer *s, size_t i) {
  const struct kept *k = &s->kept[i];
  const char *p = old_at(s->into, k->holder)->held[s->self] - k->offset;
  expect(suite_is_filled(p, k->size, k->id));
}

static void store_all(struct storer *s) {
  for (size_t i = 0; i < KEPTS; i++) store(s, i);
}

static void verify_all(const struct storer *s) {
  for (size_t i = 0; i < KEPTS; i++) verify_kept(s, i);
}

static struct storer storer;

START_TEST(old_objects_hold_young_ones) {
  begin(_i);
  grow_old(0, DEPTH);
  flood(1);
  storer_begin(&storer, 0, 0);
  store_all(&storer);
  for (int round = 0; round < 4; round++) {
    flood(1);
    verify_all(&storer);
    for (size_t i = (size_t)round; i < KEPTS; i += 3) {
      forget(&storer, i);
      store(&storer, i);
    }
  }
  gc_collect();
  verify_all(&storer);
  flood(1);
  verify_all(&storer);
  verify_below(tree[0], 1);
  ck_assert(gc_heap_check());
}
END_TEST

/* --------------------------------------------------------------- old to old */

#define CHAINS ((size_t)300)

struct link {
  struct old *next;
  uint64_t words[5]; /* filled, with the number of the chain */
};

/* From a node of the tree's upper half to a leaf that was cut off the tree. */
static size_t chain_holder(size_t i) {
  return 1 + i * (old_count() / 2 / CHAINS);
}

static size_t chain_leaf(size_t i) {
  return old_count() - i * (old_count() / 2 / CHAINS);
}

#define LAST_BYTES ((size_t)100)

/* Old, young, old, young. */
static void make_chain(size_t i) {
  size_t number = chain_leaf(i);
  struct link *link = gc_malloc(sizeof *link);
  char *last = gc_malloc_atomic(LAST_BYTES);
  expect(link != NULL && last != NULL);
  struct old *leaf = old_at(0, number);
  suite_fill(last, LAST_BYTES, i);
  suite_fill(link->words, sizeof link->words, i);
  leaf->held[0] = last;
  link->next = leaf;
  old_at(0, chain_holder(i))->held[0] = (char *)link;
  old_at(0, number / 2)->below[number % 2] = NULL;
}

static void verify_chain(size_t i) {
  const struct link *link = (void *)old_at(0, chain_holder(i))->held[0];
  expect(suite_is_filled(link->words, sizeof link->words, i));
  const struct old *leaf = link->next;
  expect(suite_is_filled(leaf->words, sizeof leaf->words, chain_leaf(i)));
  expect(suite_is_filled(leaf->held[0], LAST_BYTES, i));
}

START_TEST(young_objects_hold_old_ones) {
  begin(_i);
  grow_old(0, DEPTH);
  flood(1);
  for (size_t i = 0; i < CHAINS; i++) make_chain(i);
  api_scrub();
  for (int round = 0; round < 3; round++) {
    flood(1);
    for (size_t i = 0; i < CHAINS; i++) verify_chain(i);
  }
  gc_collect();
  flood(1);
  for (size_t i = 0; i < CHAINS; i++) verify_chain(i);
  ck_assert(gc_heap_check());
}
END_TEST

/* ---------------------------------------------------------- what is dropped */

/* MINOR_RUN_MAX of gc/minor.c: minor collections in a row, at most. */
#define RUN_MOST 16

START_TEST(a_collection_asked_for_frees_what_was_old) {
  grow_old(0, DEPTH);
  flood_until_they_are_many();
  ck_assert_uint_ge(suite_stats().live_bytes, old_bytes());
  drop_old();
  gc_collect();
  ck_assert_uint_lt(suite_stats().live_bytes, old_bytes() / 8);
}
END_TEST

/* At the latest the full collection after a run of minor ones finds it. */
START_TEST(what_was_old_goes_without_being_asked_for) {
  grow_old(0, DEPTH);
  flood_until_they_are_many();
  drop_old();
  uint64_t before = seen.collections;
  while (suite_stats().live_bytes > old_bytes() / 8) {
    step();
    ck_assert_uint_le(seen.collections - before, RUN_MOST + 1);
  }
  ck_assert_uint_gt(seen.collections, before);
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 3 * old_bytes());
}
END_TEST

START_TEST(minor_ones_do_not_go_on_for_ever) {
  grow_old(0, DEPTH - 2);
  while (seen.collections < 120) step();
  ck_assert_uint_gt(seen.longest_run, RUN_MOST / 2);
  ck_assert_uint_le(seen.longest_run, RUN_MOST);
  ck_assert_uint_ge(seen.minors, 80);
  verify_below(tree[0], 1);
}
END_TEST

/* Data that is replaced again and again, each time when it is old. */
START_TEST(old_data_does_not_pile_up) {
  for (int generation = 0; generation < 8; generation++) {
    drop_old();
    grow_old(0, DEPTH - 2);
    flood(2);
    verify_below(tree[0], 1);
  }
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 4 * old_bytes());
}
END_TEST

START_TEST(a_collection_asked_for_is_full) {
  grow_old(0, DEPTH - 2);
  flood_until_they_are_many();
  struct gc_stats before = suite_stats();
  for (int i = 0; i < 20; i++) gc_collect();
  struct gc_stats after = suite_stats();
  ck_assert_uint_eq(after.collections - before.collections, 20);
  ck_assert_uint_eq(after.minor_collections, before.minor_collections);
  ck_assert_uint_ge(after.marked_objects, old_count());
}
END_TEST

START_TEST(half_of_what_was_old_goes_too) {
  grow_old(0, DEPTH - 1);
  flood_until_they_are_many();
  tree[0]->below[1] = NULL; /* the other one ends where the root begins */
  api_scrub();
  uint64_t before = seen.collections;
  while (suite_stats().live_bytes > old_bytes() * 3 / 4) {
    step();
    ck_assert_uint_le(seen.collections - before, RUN_MOST + 1);
  }
}
END_TEST

/* Of the policy: where most of what is new lives on, a minor collection would
   find as much to mark as a full one, and leave no room. */
START_TEST(what_is_built_up_takes_full_ones) {
  grow_old(0, DEPTH);
  ck_assert_uint_ge(suite_stats().collections, 4);
  ck_assert_uint_le(suite_stats().minor_collections, 1);
}
END_TEST

static void *volatile lives_for_a_while;

/* Of the policy: what dies when it is old makes full ones more frequent, but
   many are still minor, and the heap holds no more for it. */
START_TEST(what_dies_old_takes_full_ones_now_and_then) {
  size_t bytes = 0;
  grow_old(0, DEPTH);
  flood_until_they_are_many();
  struct gc_stats before = suite_stats();
  while (suite_stats().collections - before.collections < 100) {
    struct old *list = NULL;
    for (int i = 0; i < 4000; i++) {
      struct old *next = gc_malloc(sizeof *next);
      expect(next != NULL);
      next->below[0] = list;
      lives_for_a_while = list = next;
    }
    bytes += 4000 * sizeof(struct old);
  }
  struct gc_stats after = suite_stats();
  uint64_t minors = after.minor_collections - before.minor_collections;
  ck_assert_uint_ge(minors, 40);
  ck_assert_uint_le(minors, 96);
  ck_assert_uint_ge(bytes, 20 * old_bytes());
  ck_assert_uint_le(after.peak_heap_bytes, before.peak_heap_bytes * 5 / 4);
}
END_TEST

static struct old *volatile more;

static void grow_more(void) {
  for (size_t bytes = 0; bytes < STEP_BYTES; bytes += sizeof *more) {
    struct old *old = gc_malloc(sizeof *old);
    expect(old != NULL);
    old->below[0] = more;
    more = old;
  }
  watch();
}

/* After a minor one that found a good deal more alive there is no other.
   Torture builds make as many as they can. */
START_TEST(growth_is_looked_into) {
  unsigned grown = 0;
  grow_old(0, DEPTH - 1);
  flood_until_they_are_many();
  uint64_t live_bytes = suite_stats().live_bytes,
           collections = seen.collections;
  while (seen.run > 0) {
    grow_more();
    if (seen.collections == collections || seen.run == 0) continue;
    collections = seen.collections;
    grown += suite_stats().live_bytes > live_bytes + live_bytes / 8;
    ck_assert_uint_le(grown, GL_TORTURE ? RUN_MOST : 1);
  }
  ck_assert_uint_gt(seen.collections, collections);
}
END_TEST

static bool count_call(size_t size, void *data) {
  (void)size;
  ++*(int *)data;
  return false;
}

/* The heap may not grow, and has no room for more without what was dropped. */
START_TEST(no_room_makes_a_full_one) {
  int calls = 0;
  grow_old(0, DEPTH);
  flood_until_they_are_many();
  gc_set_oom_handler(count_call, &calls);
  drop_old();
  struct gc_stats before = suite_stats();
  gc_set_heap_limit(before.heap_bytes);
  size_t size = before.heap_bytes - before.live_bytes + 2 * MIB;
  ck_assert_ptr_nonnull(gc_malloc_atomic(size));
  struct gc_stats after = suite_stats();
  ck_assert_int_eq(calls, 0);
  ck_assert_uint_eq(after.collections - before.collections, 1);
  ck_assert_uint_eq(after.minor_collections, before.minor_collections);
}
END_TEST

/*
 * The same while another thread is about to collect, since the budget is spent:
 *
 *    lists     has the dynamic linker's lock until the other two sleep
 *    floods    has the turn to collect, and waits for that lock
 *    main      finds no room, and waits for its turn
 *
 * The collection of the one that floods comes in between, and is a minor one.
 */
static _Atomic pid_t main_tid, flooding_tid;
static atomic_bool lists, asks;

static int hold_listed(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  atomic_store(&lists, true);
  while (!atomic_load(&asks)) sched_yield();
  while (!api_is_asleep(atomic_load(&main_tid))) sched_yield();
  return 1;
}

static void *list_main(void *data) {
  expect(dl_iterate_phdr(hold_listed, NULL) == 1);
  return data;
}

/* No more once it has collected, or it would take what main finds. */
static void *flood_main(void *data) {
  atomic_store(&flooding_tid, (pid_t)syscall(SYS_gettid));
  while (!atomic_load(&asks)) expect(gc_malloc(256) != NULL);
  return data;
}

static void await_flood(pthread_t *listing, pthread_t *flooding) {
  expect(pthread_create(listing, NULL, list_main, NULL) == 0);
  while (!atomic_load(&lists)) sched_yield();
  expect(pthread_create(flooding, NULL, flood_main, NULL) == 0);
  while (atomic_load(&flooding_tid) == 0) sched_yield();
  while (!api_is_asleep(atomic_load(&flooding_tid))) sched_yield();
}

START_TEST(no_room_makes_a_full_one_whoever_collects) {
  pthread_t listing, flooding;
  grow_old(0, DEPTH);
  char *freed = gc_malloc_atomic(2 * MIB);
  flood_until_they_are_many();
  drop_old();
  atomic_store(&main_tid, (pid_t)syscall(SYS_gettid));
  await_flood(&listing, &flooding);
  gc_free(freed); /* or its budget would be spent too */
  struct gc_stats s = suite_stats();
  gc_set_heap_limit(s.heap_bytes);
  atomic_store(&asks, true);
  void *p = gc_malloc_atomic(s.heap_bytes - s.live_bytes + 4 * MIB);
  gc_set_heap_limit(0);
  expect(pthread_join(listing, NULL) == 0);
  expect(pthread_join(flooding, NULL) == 0);
  ck_assert_ptr_nonnull(p);
}
END_TEST

/* -------------------------------------------------------------- two threads */

#define THREAD_MINORS 25

static struct storer storers[2];
static pthread_barrier_t barrier;
static uint64_t thread_minors; /* where they may end */

static void rendezvous(void) { pthread_barrier_wait(&barrier); }

/* Some come, and some are looked at. */
static void storer_round(struct storer *s) {
  for (int i = 0; i < 50; i++) {
    size_t kept = storer_below(s, KEPTS);
    forget(s, kept);
    store(s, kept);
  }
  for (int i = 0; i < 10; i++) make_garbage(&s->random);
  for (int i = 0; i < 50; i++) verify_kept(s, storer_below(s, KEPTS));
}

static void *storer_main(void *data) {
  struct storer *s = data;
  tree[s->self] = build(1);
  rendezvous();
  store_all(s);
  while (suite_stats().minor_collections < thread_minors) storer_round(s);
  verify_all(s);
  rendezvous();
  verify_below(tree[s->self], 1);
  return NULL;
}

START_TEST(threads_store_into_each_others_objects) {
  begin(_i);
  depth = suite_is_sanitized() ? DEPTH - 4 : DEPTH - 2;
  thread_minors = THREAD_MINORS;
  expect(pthread_barrier_init(&barrier, NULL, 2) == 0);
  for (int i = 0; i < 2; i++) storer_begin(&storers[i], i, 1 - i);
  for (int i = 0; i < 2; i++)
    expect(pthread_create(&storers[i].thread, NULL, storer_main, &storers[i]) ==
           0);
  for (int i = 0; i < 2; i++)
    expect(pthread_join(storers[i].thread, NULL) == 0);
  for (int i = 0; i < 2; i++) verify_all(&storers[i]);
  flood(1); /* their arenas have another owner now */
  for (int i = 0; i < 2; i++) verify_all(&storers[i]);
  ck_assert(gc_heap_check());
}
END_TEST

/* --------------------------------------------------------------------- fork */

static void go_on(void) {
  flood(2);
  verify_all(&storer);
  for (size_t i = 0; i < KEPTS; i += 2) store(&storer, i);
  flood(2);
  verify_all(&storer);
  gc_collect();
  verify_all(&storer);
  verify_below(tree[0], 1);
  expect(gc_heap_check());
}

_Noreturn static void be_child(void) {
  alarm(CHILD_SECONDS);
  go_on();
  _exit(0);
}

START_TEST(a_child_goes_on) {
  int status;
  begin(_i);
  grow_old(0, DEPTH - 1);
  flood(2);
  storer_begin(&storer, 0, 0);
  store_all(&storer);
  pid_t child = fork();
  if (child == 0) be_child();
  expect(child > 0);
  go_on();
  expect(waitpid(child, &status, 0) == child);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("minor");
  tcase_add_loop_test(tests, old_objects_hold_young_ones, 0, SETTINGS);
  tcase_add_loop_test(tests, young_objects_hold_old_ones, 0, SETTINGS);
  tcase_add_test(tests, a_collection_asked_for_frees_what_was_old);
  tcase_add_test(tests, what_was_old_goes_without_being_asked_for);
  tcase_add_test(tests, minor_ones_do_not_go_on_for_ever);
  tcase_add_test(tests, old_data_does_not_pile_up);
  tcase_add_test(tests, a_collection_asked_for_is_full);
  tcase_add_test(tests, half_of_what_was_old_goes_too);
  if (!GL_TORTURE) {
    tcase_add_test(tests, what_is_built_up_takes_full_ones);
    tcase_add_test(tests, what_dies_old_takes_full_ones_now_and_then);
  }
  tcase_add_test(tests, growth_is_looked_into);
  tcase_add_test(tests, no_room_makes_a_full_one);
  tcase_add_test(tests, no_room_makes_a_full_one_whoever_collects);
  tcase_add_loop_test(tests, threads_store_into_each_others_objects, 0,
                      SETTINGS);
  tcase_add_loop_test(tests, a_child_goes_on, 0, SETTINGS);
  return suite_end();
}
