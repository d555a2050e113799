/* SPDX-License-Identifier: MIT */
/*
 * breaks.c: what breaks this design, line by line as the design's list has it:
 * the lines that take a collector.  The others are in tests/unit/breaks.c.
 * Links with the convenience library, to fill its tables and to fail its calls.
 */
#include "suite.h"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../../alloc/os.h"
#include "../../gc/mark.h"

#define OBJECTS 200u
#define LUCKY 3u /* objects that a stray word may keep, at most */

/* Objects that nobody knows, but for their hidden addresses. */
static uintptr_t hidden[OBJECTS];

static void make_objects(void *data) {
  size_t size = *(const size_t *)data;
  for (size_t i = 0; i < OBJECTS; i++) {
    void *p = gc_malloc(size);
    expect(p != NULL);
    hidden[i] = api_hide(p);
    expect(gc_malloc(size) != NULL); /* keeps their ends apart */
  }
}

/* From then on collections are those that a test asks for: gc_enable may
   collect. */
static void make(size_t size) {
  gc_disable();
  api_deep(make_objects, &size);
  api_scrub();
}

static size_t count_alive(void) {
  size_t alive = 0;
  for (size_t i = 0; i < OBJECTS; i++) alive += api_is_allocated(hidden[i]);
  return alive;
}

/* ----------------------------------------------------------- 3: two markers */

#define NODES ((size_t)150000)

struct node {
  struct node *edge[3];
  size_t number;
};

static struct node **volatile nodes;

/* Neighbours in memory, which share tag words, are reached by both markers at
   about the same time: every edge goes anywhere. */
static void link_nodes(void) {
  for (size_t i = 0; i < NODES; i++)
    for (int e = 0; e < 3; e++) nodes[i]->edge[e] = nodes[suite_below(NODES)];
}

static void build_nodes(void) {
  nodes = gc_malloc(NODES * sizeof *nodes);
  for (size_t i = 0; i < NODES; i++) {
    nodes[i] = gc_malloc(sizeof **nodes);
    expect(nodes[i] != NULL);
    nodes[i]->number = i;
  }
}

static void verify_nodes(void) {
  for (size_t i = 0; i < NODES; i++) {
    expect(nodes[i]->number == i);
    for (int e = 0; e < 3; e++)
      expect(nodes[nodes[i]->edge[e]->number] == nodes[i]->edge[e]);
  }
}

/* A mark that is lost is an object that is scanned twice, and counted twice, or
   one that is freed. */
START_TEST(breaks_3_markers_lose_no_mark) {
  static const char *const markers[] = {"2", "4"};
  setenv("GLEANER_MARKERS", markers[_i], 1);
  build_nodes();
  int rounds = suite_is_full() ? 100 : 3;
  for (int round = 0; round < rounds; round++) {
    link_nodes();
    for (int i = 0; i < 8; i++) {
      gc_collect();
      ck_assert_uint_ge(suite_stats().marked_objects, NODES + 1);
      ck_assert_uint_le(suite_stats().marked_objects, NODES + 200);
    }
    for (size_t i = 0; i < NODES / 4; i++)
      memset(gc_malloc(sizeof(struct node)), 0xDB, sizeof(struct node));
    verify_nodes();
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* ---------------------------------------------------- 4, 5: other threads */

static atomic_bool finished;

#define LINKS 200
#define SECONDS_MOST 2u

/* A list, built over and over, whose only reference is in this thread. */
static void *build_lists(void *data) {
  (void)data;
  while (!atomic_load(&finished)) {
    void **list = NULL;
    for (size_t i = 0; i < LINKS; i++) {
      void **link = gc_malloc(24 + i);
      expect(link != NULL);
      link[0] = list;
      link[2] = (void *)(i | (uintptr_t)1 << 62);
      list = link;
    }
    for (size_t i = LINKS; i-- > 0; list = list[0])
      expect(list[2] == (void *)(i | (uintptr_t)1 << 62));
    expect(list == NULL);
  }
  return NULL;
}

/* On a busy machine a stop takes as long as it takes for every thread to get a
   processor: after some seconds, fewer collections do. */
static void collect_with(void *(*const bodies[])(void *), int threads,
                         int collections) {
  pthread_t thread[8];
  uint64_t end_ns = suite_now_ns() + SECONDS_MOST * 1000000000u;
  int done = 0;
  for (int i = 0; i < threads; i++)
    ck_assert_int_eq(pthread_create(&thread[i], NULL, bodies[i], NULL), 0);
  for (; done < collections; done++) {
    if (suite_now_ns() > end_ns && !suite_is_full()) break;
    gc_collect();
  }
  atomic_store(&finished, true);
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  ck_assert_uint_ge(suite_stats().collections, (uint64_t)done);
  ck_assert(gc_heap_check());
}

START_TEST(breaks_4_stops_at_any_instruction) {
  void *(*const bodies[])(void *) = {build_lists, build_lists, build_lists};
  collect_with(bodies, 3, suite_is_full() ? 20000 : 1000);
}
END_TEST

/* In malloc nearly all the time, in the one arena that everybody shares. */
static void *hold_malloc(void *data) {
  while (!atomic_load(&finished)) {
    void *volatile block[50];
    for (size_t i = 0; i < 50; i++) block[i] = malloc(2000 + i * 500);
    for (size_t i = 0; i < 50; i++) free(block[i]);
  }
  return data;
}

/* The locks of the standard streams, from the beginning to the end. */
static void *hold_stdio(void *data) {
  flockfile(stdout);
  flockfile(stderr);
  while (!atomic_load(&finished)) sched_yield();
  funlockfile(stderr);
  funlockfile(stdout);
  return data;
}

static int spin_in_loader(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  for (volatile int i = 0; i < 2000; i++) continue;
  return 0;
}

/* In the dynamic linker nearly all the time, with its lock. */
static void *hold_loader(void *data) {
  while (!atomic_load(&finished)) {
    dl_iterate_phdr(spin_in_loader, NULL);
    void *library = dlopen("libm.so.6", RTLD_NOW);
    if (library != NULL) dlclose(library);
  }
  return data;
}

START_TEST(breaks_5_nothing_waits_for_a_stopped_thread) {
  void *(*const bodies[])(void *) = {hold_malloc, hold_stdio, hold_loader,
                                     build_lists};
  mallopt(M_ARENA_MAX, 1);
  setenv("GLEANER_LOG", "1", 1);
  suite_catch_errors();
  collect_with(bodies, 4, 1000);
}
END_TEST

/* ------------------------------------------------------ 6: one past the end */

static uintptr_t *roots; /* in memory that is added to the roots */

static bool is_padded(size_t size) {
  char *block = gc_malloc(size);
  ck_assert_ptr_nonnull(block);
  return gc_base(block + size) == block;
}

/* From a root, the end of a block keeps it; from a block it does not, unless
   the block is padded: then its end is a byte of it. */
static void point_past(size_t size, bool from_block) {
  const size_t words = 1000;
  uintptr_t *block = gc_malloc_uncollectable(words * sizeof *block);
  uintptr_t *other = calloc(words, sizeof *other);
  ck_assert(block != NULL && other != NULL);
  ck_assert(gc_add_roots(other, other + words));
  make(size);
  roots = from_block ? block : other;
  for (size_t i = 0; i < OBJECTS; i++)
    roots[i * 3] = (uintptr_t)~hidden[i] + size;
  api_scrub();
  gc_collect();
  gc_collect();
  if (from_block && !is_padded(size))
    ck_assert_uint_le(count_alive(), LUCKY);
  else
    ck_assert_uint_eq(count_alive(), OBJECTS);
  gc_free(block);
  ck_assert(gc_remove_roots(other, other + words));
  free(other);
}

START_TEST(breaks_6_one_past_the_end_from_roots) {
  static const size_t sizes[] = {16,    32,           48,     1024,
                                 32768, 32768 + 4096, 1 << 18};
  point_past(sizes[_i], false);
  point_past(sizes[_i], true);
}
END_TEST

/* Large blocks without pointers, side by side, of which roots point to every
   second: each of these begins where a dead one ends, which is padded, and so
   not kept. */
START_TEST(breaks_6_large_blocks_do_not_keep_neighbours) {
  static char *volatile blocks[200];
  static uintptr_t gone[100];
  const size_t size = (size_t)16 * 4096;
  for (size_t i = 0; i < 200; i++) {
    blocks[i] = gc_malloc_atomic(size);
    expect(blocks[i] != NULL);
    blocks[i][size - 1] = (char)i;
  }
  for (size_t i = 0; i < 100; i++) {
    gone[i] = ~(uintptr_t)blocks[2 * i];
    blocks[2 * i] = NULL;
  }
  api_scrub();
  gc_collect();
  size_t kept = 0;
  for (size_t i = 0; i < 100; i++) {
    kept += gc_base((void *)~gone[i]) != NULL;
    expect(blocks[2 * i + 1][size - 1] == (char)(2 * i + 1));
  }
  ck_assert_uint_le(kept, LUCKY);
}
END_TEST

/* A queue, and the item that was the first in it, which ends where the queue
   begins: a root that points to the queue must not keep all that was ever in
   it. */
struct item {
  struct item *next;
};

struct queue {
  struct item *first, *last;
};

static struct queue *volatile queue;

static struct item *enqueue(size_t size) {
  struct item *item = gc_malloc(size);
  expect(item != NULL);
  if (queue->last != NULL)
    queue->last->next = item;
  else
    queue->first = item;
  queue->last = item;
  return item;
}

static void dequeue(void) { queue->first = queue->first->next; }

/* Until it lies so. */
static void make_queue(void *data) {
  size_t size = *(const size_t *)data;
  const char *first;
  do {
    queue = gc_malloc(size);
    first = (const char *)enqueue(size);
  } while (first + size != (const char *)queue);
}

START_TEST(breaks_6_an_end_does_not_keep_a_queue) {
  static const size_t sizes[] = {16, 32};
  size_t size = sizes[_i];
  api_deep(make_queue, &size);
  for (int i = 0; i < 100; i++) enqueue(size);
  for (size_t bytes = 0; bytes < 128 << 20; bytes += size) {
    enqueue(size);
    dequeue();
  }
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 24 << 20);
  ck_assert(gc_heap_check());
}
END_TEST

/* So with many of them, and many other roots that are no better. */
#define QUEUES 200
#define STRAYS 2000

static struct queue *volatile queues[QUEUES];
static void *volatile strays[STRAYS];

START_TEST(breaks_6_ends_do_not_keep_queues) {
  size_t size = sizeof(struct queue);
  for (size_t i = 0; i < QUEUES; i++) {
    make_queue(&size);
    enqueue(size);
    queues[i] = queue;
  }
  for (size_t i = 0; i < (_i == 0 ? 0 : STRAYS); i++)
    ck_assert((strays[i] = gc_malloc(size)) != NULL);
  for (size_t i = 0; i < 128 << 20; i += size) {
    queue = queues[i / size * 7919 % QUEUES];
    enqueue(size);
    dequeue();
  }
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 64 << 20);
}
END_TEST

/* But what is reached by such a root in earnest stays, however much that is. */
static uintptr_t end_of_list;

/* A block, and the one that begins where it ends: so there is a doubt. */
static struct item *make_end(size_t size) {
  char *above, *block;
  do {
    above = gc_malloc(size);
    block = gc_malloc(size);
  } while (block + size != above);
  end_of_list = (uintptr_t)above;
  return (struct item *)block;
}

static struct item *list_by_end(size_t size) {
  return (struct item *)(end_of_list - size);
}

static void make_list_by_end(void *data) {
  struct item *last = make_end(*(const size_t *)data);
  for (int i = 0; i < 50000; i++) {
    last->next = gc_malloc(sizeof *last);
    last = last->next;
  }
}

START_TEST(breaks_6_an_end_keeps_what_does_not_grow) {
  static const size_t sizes[] = {16, 32};
  size_t size = sizes[_i], count = 0;
  api_deep(make_list_by_end, &size);
  api_scrub();
  for (int i = 0; i < 20; i++) {
    gc_collect();
    for (int k = 0; k < 50000; k++) expect(gc_malloc(size) != NULL);
  }
  for (const struct item *item = list_by_end(size); item != NULL;
       item = item->next)
    count++;
  ck_assert_uint_eq(count, 50001);
}
END_TEST

/* Whatever was thought of it: a block that something else leads to is not
   cleared, nor one that was written to. */
static struct item *volatile known;

static void grow_list_by_end(void *data) {
  size_t size = sizeof(struct queue);
  struct item *first = list_by_end(size);
  struct item *last = first->next;
  while (last->next != NULL) last = last->next;
  for (int i = *(const int *)data; i > 0; i--) {
    last->next = gc_malloc(size);
    last = last->next;
  }
}

static void collect_by_end(void) {
  api_scrub();
  gc_enable();
  gc_collect();
  gc_disable();
}

START_TEST(breaks_6_what_is_known_is_not_cleared) {
  gc_disable();
  make_end(sizeof(struct queue))->next = gc_malloc(sizeof(struct queue));
  for (int i = 1; i <= 4; i++) {
    int count = 20000 * i;
    api_deep(grow_list_by_end, &count);
    collect_by_end();
  }
  struct item *first = list_by_end(sizeof(struct queue));
  struct item *next = first->next;
  ck_assert_ptr_nonnull(next);
  if (_i == 0)
    known = first;
  else
    ((struct queue *)first)->last = next;
  first = NULL;
  collect_by_end();
  ck_assert_ptr_eq(list_by_end(sizeof(struct queue))->next, next);
}
END_TEST

/* ---------------------------------------------------------- 7: dead words */

/* Every function of the library that is given an address leaves it in its
   frames, registers and tables. */
API_NOINLINE static void touch(uintptr_t object) {
  void *p = api_reveal(object);
  expect(gc_base(p) == p && gc_size(p) >= 100);
  expect(gc_base((char *)p + 50) == p);
  expect(gc_realloc(p, 101) == p);
  expect(!gc_remove_roots(p, (char *)p + 100));
  expect(gc_add_roots(p, (char *)p + 96));
  expect(gc_remove_roots(p, (char *)p + 96));
}

/* Nothing is wiped between the touching and the collection. */
API_NOINLINE static void touch_and_collect(uintptr_t object) {
  touch(object);
  gc_collect();
}

START_TEST(breaks_7_own_frames_pin_nothing) {
  make(104);
  for (size_t i = 0; i < OBJECTS; i++)
    if (api_is_allocated(hidden[i])) touch_and_collect(hidden[i]);
  ck_assert_uint_le(count_alive(), LUCKY);
  /* Not by the next collection, but by the first one. */
  size_t alive = 0;
  for (size_t i = 0; i < OBJECTS; i++) {
    size_t size = 104;
    if (i % 50 == 0) make(size);
    touch_and_collect(hidden[0]);
    alive += api_is_allocated(hidden[0]);
    make(size);
  }
  ck_assert_uint_le(alive, LUCKY);
}
END_TEST

/* ---------------------------------------------------------------- 10: depth */

/* Each entry of a wide array has more to mark behind it than the stack holds,
   and the stack may not grow: no call of the system succeeds. */
START_TEST(breaks_10_depth_without_memory) {
  const size_t width = 200000;
  setenv("GLEANER_MARKERS", _i == 0 ? "1" : "2", 1);
  struct node **array = gc_malloc(width * sizeof *array);
  for (size_t i = 0; i < width; i++) {
    array[i] = gc_malloc(sizeof **array);
    for (int e = 0; e < 3; e++) array[i]->edge[e] = gc_malloc(sizeof **array);
    array[i]->number = i;
  }
  gc_collect(); /* makes the tables that it needs */
  uint64_t marked = suite_stats().marked_objects;
  ck_assert_uint_ge(marked, 4 * width + 1);
  uint64_t collections = suite_stats().collections;
  gl_os_fail_at(1, true);
  for (int i = 0; i < 3; i++) gc_collect();
  ck_assert_uint_eq(suite_stats().collections, collections + 3);
  ck_assert_uint_ge(suite_stats().marked_objects, 4 * width + 1);
  gl_os_fail_at(0, false);
  for (size_t i = 0; i < width / 2; i++) memset(gc_malloc(32), 0xDB, 32);
  for (size_t i = 0; i < width; i++) expect(array[i]->number == i);
  for (size_t i = 0; i < width; i++)
    for (int e = 0; e < 3; e++)
      expect(suite_is_zero(array[i]->edge[e], sizeof **array));
}
END_TEST

/* --------------------------------------------------------- 12: own data */

/* By way of the collector itself: what it has marked has been in its rings and
   on its stack. */
START_TEST(breaks_12_marked_once_is_not_kept) {
  setenv("GLEANER_MARKERS", _i == 0 ? "1" : "2", 1);
  const size_t words = 400000;
  uintptr_t *many = calloc(words, sizeof *many);
  ck_assert_ptr_nonnull(many);
  expect(gc_malloc(8 << 20) != NULL); /* enough for helpers to be asked */
  ck_assert(gc_add_roots(many, many + words));
  make(64);
  for (size_t i = 0; i < words; i++) many[i] = ~hidden[i % OBJECTS];
  gc_collect();
  ck_assert_uint_eq(count_alive(), OBJECTS);
  ck_assert(gc_remove_roots(many, many + words));
  api_scrub();
  gc_collect();
  ck_assert_uint_le(count_alive(), LUCKY);
  free(many);
}
END_TEST

static void fill(void *table, size_t bytes, size_t from) {
  uintptr_t *word = table;
  for (size_t i = from; i < bytes / sizeof *word; i++)
    word[i] = ~hidden[i % OBJECTS];
  /* Nobody reads it: or the compiler leaves it out. */
  __asm__ volatile("" : : "r"(table) : "memory");
}

/* By hand: in the parts of its tables that are not in use, and in a variable of
   its own section. */
START_TEST(breaks_12_own_data_is_no_root) {
  static uintptr_t own[4 * OBJECTS] GL_DATA = {1};
  static uintptr_t foreign[OBJECTS];
  gc_collect();
  make(64);
  struct gl_marker *m = &gl_marker_main;
  fill(m->stack, m->capacity * sizeof *m->stack, m->depth);
  fill(m->ring, sizeof m->ring, 0);
  fill(own, sizeof own, 0);
  struct gl_ranges *data = &gl_modules.data;
  fill(data->items, data->capacity * sizeof *data->items, data->count * 2);
  api_scrub();
  gc_collect();
  ck_assert_uint_le(count_alive(), LUCKY);
  make(64); /* the same in data of the program: a root */
  fill(foreign, sizeof foreign, 0);
  gc_collect();
  ck_assert_uint_eq(count_alive(), OBJECTS);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("breaks");
  tcase_add_loop_test(tests, breaks_3_markers_lose_no_mark, 0, 2);
  tcase_add_test(tests, breaks_4_stops_at_any_instruction);
  tcase_add_test(tests, breaks_5_nothing_waits_for_a_stopped_thread);
  tcase_add_loop_test(tests, breaks_6_one_past_the_end_from_roots, 0, 7);
  tcase_add_test(tests, breaks_6_large_blocks_do_not_keep_neighbours);
  tcase_add_loop_test(tests, breaks_6_an_end_does_not_keep_a_queue, 0, 2);
  tcase_add_loop_test(tests, breaks_6_ends_do_not_keep_queues, 0, 2);
  tcase_add_loop_test(tests, breaks_6_an_end_keeps_what_does_not_grow, 0, 2);
  tcase_add_loop_test(tests, breaks_6_what_is_known_is_not_cleared, 0, 2);
  tcase_add_test(tests, breaks_7_own_frames_pin_nothing);
  tcase_add_loop_test(tests, breaks_10_depth_without_memory, 0, 2);
  tcase_add_loop_test(tests, breaks_12_marked_once_is_not_kept, 0, 2);
  tcase_add_test(tests, breaks_12_own_data_is_no_root);
  return suite_end();
}
