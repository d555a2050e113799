/* SPDX-License-Identifier: MIT */
/*
 * shapes.c: structures that are hard on a mark stack: long, deep, wide, ragged,
 * and without any order.  Each is built, with garbage between its parts,
 * collected, flooded, and verified to the last node; with the normal mark
 * stack and one of 64 entries, with one marker, with two, and with three.
 *
 * Under GLEANER_TEST_FULL every shape has its full size in every setting;
 * otherwise the settings after the first take a tenth of it.
 */
#include "suite.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

struct setting {
  const char *markers, *mark_stack, *mark_packets;
};

static const struct setting settings[] = {
    {"1", NULL, NULL},     {"1", "64", NULL},      {"2", NULL, NULL},
    {"2", "64", NULL},     {"2", "1000000", "48"}, {"3", NULL, NULL},
    {"6", "1000000", "48"}};
#define SETTINGS ((int)(sizeof settings / sizeof *settings))

static void *volatile root;

/* The only roots are root and what the compiler keeps: nothing here keeps the
   addresses of nodes in globals of its own. */
static void begin(int setting) {
  setenv("GLEANER_MARKERS", settings[setting].markers, 1);
  if (settings[setting].mark_stack != NULL)
    setenv("GLEANER_MARK_STACK", settings[setting].mark_stack, 1);
  if (settings[setting].mark_packets != NULL) {
    setenv("GLEANER_MARK_PACKETS", settings[setting].mark_packets, 1);
    setenv("GLEANER_CHECK", "1", 1);
  }
}

static size_t scaled(int setting, size_t full) {
  bool whole = suite_is_full() || (setting == 0 && !suite_is_sanitized());
  return whole ? full : full / 10;
}

static void *allocate(size_t size) {
  void *p = gc_malloc(size);
  expect(p != NULL);
  return p;
}

/* Collect, and write over all that was found dead. */
static void collect_and_flood(size_t size) {
  gc_collect();
  for (int i = 0; i < 200000; i++) memset(allocate(size), 0xDB, size);
  gc_collect();
}

/* --------------------------------------------------------------------- list */

struct link {
  struct link *next;
  size_t number;
};

static struct link *build_list(size_t length) {
  struct link *list = NULL;
  for (size_t i = 0; i < length; i++) {
    struct link *l = allocate(sizeof *l);
    *l = (struct link){list, i};
    root = list = l;
  }
  return list;
}

static void verify_list(const struct link *l, size_t length) {
  for (size_t i = length; i-- > 0; l = l->next)
    expect(l != NULL && l->number == i);
  expect(l == NULL);
}

START_TEST(long_list) {
  begin(_i);
  size_t length = scaled(_i, 10000000);
  root = build_list(length);
  collect_and_flood(sizeof(struct link));
  verify_list(root, length);
}
END_TEST

/* --------------------------------------------------------------------- tree */

struct tree {
  struct tree *left, *right;
};

static struct tree *build_tree(unsigned depth) {
  struct tree *t = allocate(sizeof *t);
  if (depth == 0) return t;
  t->left = build_tree(depth - 1);
  t->right = build_tree(depth - 1);
  return t;
}

static size_t count_tree(const struct tree *t) {
  if (t->left == NULL) return expect(t->right == NULL), 1;
  return 1 + count_tree(t->left) + count_tree(t->right);
}

START_TEST(full_binary_tree) {
  begin(_i);
  unsigned depth = scaled(_i, 10) == 10 ? 22 : 19;
  root = build_tree(depth);
  collect_and_flood(sizeof(struct tree));
  ck_assert_uint_eq(count_tree(root), ((size_t)2 << depth) - 1);
}
END_TEST

/* -------------------------------------------------------------------- array */

START_TEST(wide_array) {
  begin(_i);
  size_t length = scaled(_i, 10000000);
  struct link **array = allocate(length * sizeof *array);
  root = array;
  for (size_t i = 0; i < length; i++) {
    array[i] = allocate(sizeof **array);
    array[i]->number = i;
  }
  collect_and_flood(sizeof **array);
  for (size_t i = 0; i < length; i++) expect(array[i]->number == i);
  root = NULL;
}
END_TEST

/* --------------------------------------------------------------------- comb */

#define TOOTH 100

/* A spine of two words a vertebra, each with a list for a tooth: either way a
   marker turns, the other waits on the stack. */
START_TEST(comb) {
  begin(_i);
  size_t teeth = scaled(_i, 50000);
  struct tree *spine = NULL;
  for (size_t i = 0; i < teeth; i++) {
    struct tree *s = allocate(sizeof *s);
    bool left = i % 2 == 0;
    *(left ? &s->left : &s->right) = spine;
    root = spine = s;
    struct link **tooth = (struct link **)(left ? &s->right : &s->left);
    for (size_t j = 0; j < TOOTH; j++) {
      struct link *l = allocate(sizeof *l);
      *l = (struct link){*tooth, j};
      *tooth = l;
    }
  }
  collect_and_flood(sizeof(struct tree));
  for (size_t i = teeth; i-- > 0;) {
    bool left = i % 2 == 0;
    verify_list((struct link *)(left ? spine->right : spine->left), TOOTH);
    spine = left ? spine->left : spine->right;
  }
  ck_assert_ptr_null(spine);
}
END_TEST

/* -------------------------------------------------------------------- graph */

#define EDGES 6

struct node {
  size_t number;
  struct node *edge[EDGES];
};

static uint64_t graph_random;

static struct node *random_node(struct node **all, size_t count) {
  return all[api_random(&graph_random) % count];
}

/* Nodes that are reached by edges only: their addresses are hidden.  Each is
   the edge of one made before it, so all are reached from the first. */
static void build_graph(uintptr_t *hidden, size_t count) {
  struct node **all = gc_malloc_uncollectable(count * sizeof *all);
  expect(all != NULL);
  graph_random = suite_random() | 1;
  for (size_t i = 0; i < count; i++) {
    all[i] = allocate(sizeof(struct node));
    all[i]->number = i;
    if (i > 0) all[(i - 1) / 2]->edge[i % 2] = all[i];
    allocate(48);
  }
  for (size_t i = 0; i < count; i++)
    for (int e = 2; e < EDGES; e++) all[i]->edge[e] = random_node(all, count);
  for (size_t i = 0; i < count; i++) hidden[i] = api_hide(all[i]);
  root = all[0];
  gc_free(all);
}

/* Every node is what it was, and its edges point at nodes. */
static void verify_graph(const uintptr_t *hidden, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct node *node = api_reveal(hidden[i]);
    expect(node->number == i);
    for (int e = 0; e < EDGES; e++) {
      const struct node *to = node->edge[e];
      expect(to == NULL ||
             (to->number < count && api_hide(to) == hidden[to->number]));
    }
  }
}

START_TEST(random_graph) {
  begin(_i);
  size_t count = scaled(_i, 1000000);
  uintptr_t *hidden = malloc(count * sizeof *hidden);
  ck_assert_ptr_nonnull(hidden);
  build_graph(hidden, count);
  collect_and_flood(sizeof(struct node));
  verify_graph(hidden, count);
  free(hidden);
}
END_TEST

/* ---------------------------------------------------------- unlike lengths */

/* A block of random length, with a leaf for each word. */
struct tuft {
  size_t words;
  size_t **leaf;
};

static struct tuft make_tuft(size_t granules) {
  struct tuft t = {2 * (1 + suite_below(granules)) - suite_below(2), NULL};
  t.leaf = allocate(t.words * sizeof *t.leaf);
  return t;
}

static void grow_tuft(struct tuft *t, size_t number) {
  for (size_t i = 0; i < t->words; i++) {
    t->leaf[i] = allocate(sizeof **t->leaf);
    *t->leaf[i] = number + i;
  }
}

/* Blocks are cut off from the top down: each lies below one that is dropped, of
   which leaves live on where a marker reads beyond its end.  Returns how many
   leaves are to live. */
static size_t grow_meadow(struct tuft *tuft, size_t count, size_t granules) {
  size_t leaves = 0;
  for (size_t i = 0; i < count; i++) {
    struct tuft dropped = make_tuft(granules);
    tuft[i] = make_tuft(granules);
    grow_tuft(&dropped, i);
    grow_tuft(&tuft[i], i);
    leaves += tuft[i].words;
  }
  return leaves;
}

START_TEST(unlike_lengths) {
  static const size_t most[] = {3, 4, 8, 12}; /* granules */
  begin(_i);
  size_t count = scaled(_i, 50000);
  for (size_t k = 0; k < sizeof most / sizeof *most; k++) {
    root = NULL;
    struct tuft *tuft = root = allocate(count * sizeof *tuft);
    size_t leaves = grow_meadow(tuft, count, most[k]);
    gc_collect();
    size_t marked = suite_stats().marked_objects;
    ck_assert_uint_ge(marked, leaves + count);
    ck_assert_uint_le(marked, leaves + count + 200);
    collect_and_flood(64);
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < tuft[i].words; j++)
        expect(*tuft[i].leaf[j] == i + j);
  }
}
END_TEST

/* -------------------------------------------------------------------- chain */

/* Linked both ways, each with a pointer into the middle of a block of another
   length, whose last word leads to a leaf: a marker follows such a chain one by
   one. */
struct bead {
  struct bead *next, *before;
  char *inside;
  size_t number;
};

static size_t bead_block_bytes(size_t number) {
  if (number % 1009 == 0) return 300000; /* large */
  if (number % 97 == 0) return 9000;     /* medium, longer than a piece */
  return 16 * (1 + number * 7919 % 40);
}

static size_t bead_offset(size_t number) {
  return number * 8 % bead_block_bytes(number);
}

static size_t **bead_last_word(const struct bead *b) {
  char *start = b->inside - bead_offset(b->number);
  return (size_t **)(start + bead_block_bytes(b->number) - sizeof(size_t *));
}

static void verify_chain(const struct bead *b, size_t length) {
  const struct bead *before = NULL;
  for (size_t i = length; i-- > 0; before = b, b = b->next)
    expect(b != NULL && b->number == i && b->before == before &&
           **bead_last_word(b) == i);
  expect(b == NULL);
}

START_TEST(chain_of_all_kinds) {
  begin(_i);
  size_t length = scaled(_i, 100000);
  struct bead *chain = NULL;
  for (size_t i = 0; i < length; i++) {
    struct bead *b = allocate(sizeof *b);
    *b = (struct bead){chain, NULL, NULL, i};
    b->inside = (char *)allocate(bead_block_bytes(i)) + bead_offset(i);
    size_t *leaf = gc_malloc_atomic(sizeof *leaf);
    expect(leaf != NULL);
    *leaf = i;
    *bead_last_word(b) = leaf;
    if (chain != NULL) chain->before = b;
    root = chain = b;
  }
  collect_and_flood(32);
  collect_and_flood(640);
  verify_chain(root, length);
}
END_TEST

/* --------------------------------------------- arrays larger than the stack */

START_TEST(arrays_of_arrays) {
  begin(_i);
  size_t outer = 300, inner = scaled(_i, 30000);
  struct link ***array = allocate(outer * sizeof *array);
  root = array;
  for (size_t i = 0; i < outer; i++) {
    array[i] = allocate(inner * sizeof **array);
    for (size_t j = 0; j < inner; j += 10) {
      array[i][j] = allocate(sizeof(struct link));
      array[i][j]->number = i * j;
    }
  }
  collect_and_flood(sizeof(struct link));
  for (size_t i = 0; i < outer; i++)
    for (size_t j = 0; j < inner; j += 10) expect(array[i][j]->number == i * j);
}
END_TEST

/* ---------------------------------------------------------- too few packets */

#define CROWD 300000
#define EDGES 6
#define CROWDED_MARKINGS 40

struct crowded {
  struct crowded *edge[EDGES];
};

/* Nodes with edges to others at random: from one, nearly all are reached. */
static struct crowded *build_crowd(uint64_t *random) {
  struct crowded **all = allocate(CROWD * sizeof *all);
  for (size_t i = 0; i < CROWD; i++) all[i] = allocate(sizeof **all);
  for (size_t i = 0; i < CROWD; i++)
    for (size_t j = 0; j < EDGES; j++)
      all[i]->edge[j] = all[api_random(random) % CROWD];
  return all[0];
}

static void collect_crowd(void) {
  gc_collect();
  ck_assert_uint_ge(suite_stats().marked_objects, CROWD - CROWD / 20);
}

/* A marker that finds the packets used up blackens what was sent to others, and
   may have something to scan just when it thought that it had not. */
START_TEST(more_candidates_than_packets) {
  setenv("GLEANER_MARKERS", "6", 1);
  setenv("GLEANER_MARK_STACK", "1000000", 1);
  setenv("GLEANER_MARK_PACKETS", "48", 1);
  setenv("GLEANER_CHECK", "1", 1);
  uint64_t random = suite_random() | 1;
  root = build_crowd(&random);
  for (int i = 0; i < CROWDED_MARKINGS; i++) {
    struct crowded *from = root;
    for (int hops = 0; hops < 1000; hops++) {
      struct crowded *node = allocate(sizeof *node);
      *node = *from;
      struct crowded *next = from->edge[api_random(&random) % EDGES];
      from->edge[api_random(&random) % EDGES] = node;
      from = next;
    }
    collect_crowd();
  }
}
END_TEST

/* The arenas lie between large blocks that are much longer than all of them. */
START_TEST(crowd_between_large_blocks) {
  static void *below, *above;
  setenv("GLEANER_MARKERS", "3", 1);
  setenv("GLEANER_CHECK", "1", 1);
  uint64_t random = suite_random() | 1;
  below = gc_malloc_atomic((size_t)1 << 29);
  root = build_crowd(&random);
  above = gc_malloc_atomic((size_t)1 << 30);
  ck_assert_ptr_nonnull(below);
  ck_assert_ptr_nonnull(above);
  for (int i = 0; i < 5; i++) collect_crowd();
}
END_TEST

/* And the same when roots are followed, in globals, some of them to much and
   most to little. */
#define CROWD_TREES 8
#define CROWD_DEPTH 14
#define CROWD_ROOTS 100000

struct branch {
  struct branch *below[2];
  void *more[2];
};

static struct {
  struct branch *volatile large[CROWD_TREES];
  struct branch *volatile small[CROWD_ROOTS];
} crowd;

static struct branch *grow(int depth) {
  struct branch *branch = allocate(sizeof *branch);
  for (int i = 0; i < 2 && depth > 0; i++) branch->below[i] = grow(depth - 1);
  return branch;
}

START_TEST(more_roots_than_packets) {
  setenv("GLEANER_MARKERS", "2", 1);
  setenv("GLEANER_MARK_PACKETS", "48", 1);
  setenv("GLEANER_CHECK", "1", 1);
  gc_disable();
  for (size_t i = 0; i < CROWD_TREES; i++) crowd.large[i] = grow(CROWD_DEPTH);
  for (size_t i = 0; i < CROWD_ROOTS; i++)
    crowd.small[i * 7919 % CROWD_ROOTS] = grow(1);
  gc_enable();
  for (int i = 0; i < 10; i++) gc_collect();
  ck_assert_uint_ge(suite_stats().marked_objects,
                    3 * CROWD_ROOTS + (CROWD_TREES << CROWD_DEPTH));
}
END_TEST

/* ------------------------------------------------------ priority of markers */

/* All threads of the process to the processor that this one is on. */
static void share_a_processor(void) {
  cpu_set_t here;
  DIR *tasks = opendir("/proc/self/task");
  ck_assert_ptr_nonnull(tasks);
  CPU_ZERO(&here);
  CPU_SET((size_t)sched_getcpu(), &here);
  for (struct dirent *task; (task = readdir(tasks)) != NULL;)
    if (task->d_name[0] != '.')
      sched_setaffinity(atoi(task->d_name), sizeof here, &here);
  closedir(tasks);
}

static double collect_for_s(int count) {
  clock_t before = clock();
  for (int i = 0; i < count; i++) gc_collect();
  return (double)(clock() - before) / CLOCKS_PER_SEC;
}

/* A helper that has nothing to do sleeps, and so does not keep the collecting
   thread, which may be of lower priority, from seeing that all is marked.  (30 s
   where it did.) */
START_TEST(helpers_let_the_collector_run) {
  const struct sched_param none = {.sched_priority = 0};
  setenv("GLEANER_MARKERS", "2", 1);
  root = grow(17);
  collect_for_s(5);
  double alike = collect_for_s(50);
  share_a_processor();
  ck_assert_int_eq(sched_setscheduler(0, SCHED_IDLE, &none), 0);
  double unlike = collect_for_s(50);
  ck_assert_double_lt(unlike, 10 * alike + 1);
}
END_TEST

/* ---------------------------------------------------- the stack of a marker */

/* Pages that the process was given memory for. */
static long faults(void) {
  struct rusage usage;
  ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_minflt;
}

/* A mark stack that had to grow is there for the next marking; when markings
   need less of it, it is given up bit by bit. */
START_TEST(deep_stack_is_kept_while_it_is_needed) {
  setenv("GLEANER_MARKERS", "1", 1);
  uint64_t random = suite_random() | 1;
  uint64_t before = suite_stats().metadata_bytes;
  root = build_crowd(&random);
  for (int i = 0; i < 3; i++) gc_collect();
  uint64_t deep = suite_stats().metadata_bytes;
  long from = faults();
  gc_collect();
  ck_assert_int_lt(faults() - from, 50);
  ck_assert_uint_eq(suite_stats().metadata_bytes, deep);
  root = NULL;
  for (int i = 0; i < 12; i++) gc_collect();
  if (GL_TORTURE) return; /* then it never grows */
  ck_assert_uint_lt(suite_stats().metadata_bytes, deep - (1 << 19));
  ck_assert_uint_lt(before, deep);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("shapes");
  tcase_add_loop_test(tests, long_list, 0, SETTINGS);
  tcase_add_loop_test(tests, full_binary_tree, 0, SETTINGS);
  tcase_add_loop_test(tests, wide_array, 0, SETTINGS);
  tcase_add_loop_test(tests, comb, 0, SETTINGS);
  tcase_add_loop_test(tests, random_graph, 0, SETTINGS);
  tcase_add_loop_test(tests, unlike_lengths, 0, SETTINGS);
  tcase_add_loop_test(tests, chain_of_all_kinds, 0, SETTINGS);
  tcase_add_loop_test(tests, arrays_of_arrays, 0, SETTINGS);
  tcase_add_test(tests, more_candidates_than_packets);
  tcase_add_test(tests, crowd_between_large_blocks);
  tcase_add_test(tests, more_roots_than_packets);
  tcase_add_test(tests, helpers_let_the_collector_run);
  tcase_add_test(tests, deep_stack_is_kept_while_it_is_needed);
  return suite_end();
}
