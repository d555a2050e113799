/* SPDX-License-Identifier: MIT */
/*
 * heaps.c: stress of the heap: private trees, trees that change hands, blocks
 * freed by other threads, and threads that come and go.
 */
#include "stress.h"

#include <unistd.h>

#define THREADS 8
#define TABLE 256
#define DEPTH 5

static void run_private(void) {
  stress_start(THREADS, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

/* ------------------------------------------------------------ shared tables */

/* The serial number is that of the root. */
static struct stress_tree *table[TABLE];

static struct stress_tree *swap(size_t slot, struct stress_tree *tree) {
  return __atomic_exchange_n(&table[slot], tree, __ATOMIC_ACQ_REL);
}

static void exchange(size_t number) {
  uint64_t serial = (uint64_t)number << 32;
  while (!stress_is_done()) {
    struct stress_tree *tree = stress_make_tree(DEPTH, ++serial);
    for (int i = 0; i < 4; i++) {
      tree = swap(stress_random() % TABLE, tree);
      if (tree == NULL) break;
      stress_check_tree(tree, DEPTH, tree->serial);
    }
  }
}

static void run_tables(void) {
  stress_start(THREADS, exchange);
  stress_collect_until_done();
  stress_join();
}

/* Each thread frees half of what it takes, most of it of others. */
static void exchange_and_free(size_t number) {
  uint64_t serial = (uint64_t)number << 32;
  while (!stress_is_done()) {
    struct stress_tree *tree = stress_make_tree(DEPTH, ++serial);
    tree = swap(stress_random() % TABLE, tree);
    if (tree == NULL) continue;
    if (stress_random() % 2 == 0)
      stress_free_tree(tree, DEPTH, tree->serial);
    else
      stress_check_tree(tree, DEPTH, tree->serial);
  }
}

/* Arrays of trees that grow and shrink, large blocks among them. */
static void resize(size_t number) {
  uint64_t serial = (uint64_t)(number + 100) << 32;
  struct stress_tree **trees = NULL;
  size_t count = 0;
  while (!stress_is_done()) {
    size_t wanted = stress_random() % 9000;
    trees = gc_realloc(trees, (wanted + 1) * sizeof *trees);
    API_CHECK(trees != NULL);
    while (count < wanted) trees[count++] = NULL;
    count = wanted;
    for (int i = 0; i < 30 && count > 0; i++) {
      size_t at = stress_random() % count;
      if (trees[at] != NULL) stress_check_tree(trees[at], 1, trees[at]->serial);
      trees[at] = stress_make_tree(1, ++serial);
    }
  }
}

static void run_mixed(void) {
  stress_start(THREADS - 2, exchange_and_free);
  stress_start(2, resize);
  stress_collect_until_done();
  stress_join();
}

/* ------------------------------------------------------------ short threads */

static void *short_life(void *data) {
  struct stress_tree **slot = data;
  uint64_t serial = stress_random() >> 8;
  *slot = stress_make_tree(3, serial);
  for (int i = 0; i < 20; i++)
    stress_check_tree(stress_make_tree(2, serial + 1), 2, serial + 1);
  return (void *)*slot;
}

static void *idle_life(void *data) { return data; }

static uint64_t short_threads;

/* What a thread leaves is checked and dropped by the one that made it. */
static void spawn(size_t number) {
  (void)number;
  while (!stress_is_done()) {
    struct stress_tree *left[3] = {NULL};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
      API_CHECK(pthread_create(&threads[i], NULL,
                               stress_random() % 3 ? short_life : idle_life,
                               &left[i]) == 0);
    for (size_t i = 0; i < 3; i++)
      API_CHECK(pthread_join(threads[i], NULL) == 0);
    for (size_t i = 0; i < 3; i++)
      if (left[i] != NULL) stress_check_tree(left[i], 3, left[i]->serial);
    __atomic_fetch_add(&short_threads, 3, __ATOMIC_RELAXED);
  }
}

static void run_ending(void) {
  stress_start(4, spawn);
  stress_start(1, stress_allocate);
  stress_collect_until_done();
  stress_join();
}

/* --------------------------------------- short threads leave nothing behind */

#define MANY_THREADS 100000
#define FEW_THREADS 3000
#define AT_ONCE 16

static struct gc_stats stats_now(void) {
  struct gc_stats stats;
  gc_collect();
  gc_get_stats(&stats);
  return stats;
}

static void spawn_batch(void) {
  pthread_t threads[AT_ONCE];
  static struct stress_tree *left[AT_ONCE];
  for (size_t i = 0; i < AT_ONCE; i++)
    API_CHECK(pthread_create(&threads[i], NULL, short_life, &left[i]) == 0);
  for (size_t i = 0; i < AT_ONCE; i++) {
    API_CHECK(pthread_join(threads[i], NULL) == 0);
    stress_check_tree(left[i], 3, left[i]->serial);
  }
}

static void run_spawned(size_t count) {
  for (size_t i = 0; i < 20; i++) spawn_batch();
  struct gc_stats before = stats_now();
  for (size_t i = 0; i < count; i += AT_ONCE) spawn_batch();
  struct gc_stats after = stats_now();
  API_CHECK(after.live_bytes < before.live_bytes + (1u << 20));
  /* On a busy machine more of those in a batch are there at once. */
  API_CHECK(after.heap_bytes < before.heap_bytes + AT_ONCE * (1u << 20));
  API_CHECK(after.metadata_bytes < before.metadata_bytes + (1u << 20));
}

static void run_many(void) {
  const char *all = getenv("STRESS_ALL");
  run_spawned(all != NULL ? MANY_THREADS : FEW_THREADS);
}

/* Threads that ended left memory that is nearly free in their caches; the one
   thread that goes on must get to use it.  64 threads leave a list of blocks
   that is spread over all of their arenas. */
#define HEIRS 64
#define HEIR_BLOCKS 2000

struct bead {
  struct bead *next;
  char bytes[1008];
};

static struct bead *beads;
static pthread_barrier_t all_there;

/* Every thread stays until all have a cache. */
static void leave_beads(size_t number) {
  struct bead *dropped = NULL;
  (void)number;
  for (size_t i = 0; i < HEIR_BLOCKS; i++) {
    struct bead *bead = gc_malloc(sizeof *bead);
    API_CHECK(bead != NULL);
    bead->next = dropped;
    dropped = bead;
    if (i % 200 != 0) continue;
    bead->next = __atomic_load_n(&beads, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&beads, &bead->next, bead, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
      continue;
    dropped = NULL;
  }
  pthread_barrier_wait(&all_there);
}

static void run_heirs(void) {
  void *volatile own = gc_malloc(16); /* to be an heir */
  API_CHECK(own != NULL);
  API_CHECK(pthread_barrier_init(&all_there, NULL, HEIRS) == 0);
  gc_disable(); /* so that their arenas are not given back in between */
  stress_start(HEIRS, leave_beads);
  stress_join();
  gc_enable();
  struct gc_stats before = stats_now(), after;
  size_t room = (size_t)before.heap_bytes;
  char *volatile kept;
  gc_disable();
  for (size_t used = 0; used < room / 2; used += 1024) {
    kept = gc_malloc(1000); /* of the same lane */
    API_CHECK(kept != NULL);
  }
  gc_enable();
  gc_get_stats(&after);
  API_CHECK(room > (16u << 20));
  API_CHECK(after.heap_bytes <= before.heap_bytes + (2u << 20));
}

const struct stress_case stress_heaps[] = {
    {"private", run_private},
    {"tables", run_tables},
    {"mixed", run_mixed},
    {"ending", run_ending},
    {"many", run_many},
    {"heirs", run_heirs},
    {NULL, NULL},
};
