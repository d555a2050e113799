/* SPDX-License-Identifier: MIT */
/*
 * stress.c: runs one stress test of threads: stress CASE COLLECTIONS SECONDS.
 * The case goes on until so many collections have happened under its load, or
 * so many seconds have passed (0: no matter how many).  Its last line says how
 * far it got; a case that hangs is the driver's to kill.
 */
#include "stress.h"

#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define TEXT_BYTES 40

static struct {
  uint64_t collections; /* wanted */
  uint64_t end_ns;      /* 0: no end */
  bool done;
  pthread_t threads[THREADS_MAX];
  size_t count;
} stress;

/* -------------------------------------------------------------------- trees */

static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 31) * 0x9E3779B97F4A7C15u;
  return x ^ x >> 29;
}

static uint64_t seal_of(const struct stress_tree *tree, uint64_t serial) {
  return mix(~(uintptr_t)tree ^ serial << 20);
}

static __thread struct gc_pool nodes = GC_POOL(sizeof(struct stress_tree));
static __thread struct gc_pool texts = GC_POOL_ATOMIC(TEXT_BYTES);

/* Every other node from pools. */
struct stress_tree *stress_make_tree(unsigned depth, uint64_t serial) {
  bool pooled = serial % 2 == 0;
  struct stress_tree *tree =
      pooled ? gc_pool_take(&nodes) : gc_malloc(sizeof *tree);
  API_CHECK(tree != NULL);
  API_CHECK(tree->seal == 0 && tree->left == NULL && tree->text == NULL);
  tree->seal = seal_of(tree, serial);
  tree->serial = serial;
  tree->text = pooled ? gc_pool_take(&texts) : gc_malloc_atomic(TEXT_BYTES);
  API_CHECK(tree->text != NULL);
  memset(tree->text, (unsigned char)serial, TEXT_BYTES);
  if (depth == 0) return tree;
  tree->left = stress_make_tree(depth - 1, 2 * serial + 1);
  tree->right = stress_make_tree(depth - 1, 2 * serial + 2);
  return tree;
}

static void check_node(const struct stress_tree *tree, uint64_t serial) {
  API_CHECK(tree != NULL);
  if (tree->seal != seal_of(tree, serial) || tree->serial != serial) {
    fprintf(stderr, "node %p of serial %llx has seal %llx, serial %llx\n",
            (const void *)tree, (unsigned long long)serial,
            (unsigned long long)tree->seal, (unsigned long long)tree->serial);
    api_fail(__FILE__, __LINE__, "a node was lost");
  }
  for (size_t i = 0; i < TEXT_BYTES; i++)
    API_CHECK(tree->text[i] == (unsigned char)serial);
}

void stress_check_tree(const struct stress_tree *tree, unsigned depth,
                       uint64_t serial) {
  check_node(tree, serial);
  if (depth == 0) return;
  stress_check_tree(tree->left, depth - 1, 2 * serial + 1);
  stress_check_tree(tree->right, depth - 1, 2 * serial + 2);
}

void stress_free_tree(struct stress_tree *tree, unsigned depth,
                      uint64_t serial) {
  check_node(tree, serial);
  if (depth > 0) {
    stress_free_tree(tree->left, depth - 1, 2 * serial + 1);
    stress_free_tree(tree->right, depth - 1, 2 * serial + 2);
  }
  gc_free(tree->text);
  tree->seal = 0;
  gc_free(tree);
}

/* ------------------------------------------------------------------ running */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t stress_collections(void) {
  struct gc_stats stats;
  gc_get_stats(&stats);
  return stats.collections;
}

bool stress_is_done(void) {
  return __atomic_load_n(&stress.done, __ATOMIC_RELAXED);
}

static bool is_over(void) {
  return stress_collections() >= stress.collections ||
         (stress.end_ns != 0 && now_ns() >= stress.end_ns);
}

void stress_sleep_us(unsigned microseconds) {
  struct timespec time = {0, (long)microseconds * 1000};
  while (nanosleep(&time, &time) != 0) continue;
}

static void until_done(bool collect) {
  while (!is_over()) {
    stress_sleep_us((unsigned)(stress_random() % 1500));
    if (collect) gc_collect();
  }
  __atomic_store_n(&stress.done, true, __ATOMIC_RELAXED);
}

void stress_collect_until_done(void) { until_done(true); }

void stress_sleep_until_done(void) { until_done(false); }

struct start {
  void (*body)(size_t number);
  size_t number;
};

static void *run_body(void *data) {
  struct start start = *(struct start *)data;
  free(data);
  start.body(start.number);
  return NULL;
}

void stress_start(size_t count, void (*body)(size_t number)) {
  for (size_t i = 0; i < count; i++) {
    struct start *start = malloc(sizeof *start);
    API_CHECK(start != NULL && stress.count < THREADS_MAX);
    *start = (struct start){body, i};
    API_CHECK(pthread_create(&stress.threads[stress.count++], NULL, run_body,
                             start) == 0);
  }
}

void stress_join(void) {
  while (stress.count > 0)
    API_CHECK(pthread_join(stress.threads[--stress.count], NULL) == 0);
}

uint64_t stress_random(void) {
  static _Thread_local uint64_t state;
  if (state == 0) state = mix((uintptr_t)&state ^ now_ns()) | 1;
  return api_random(&state);
}

#define KEPT 24
#define KEPT_DEPTH 7

void stress_allocate(size_t number) {
  struct stress_tree *kept[KEPT] = {NULL};
  uint64_t serials[KEPT] = {0};
  uint64_t serial = (uint64_t)number << 32;
  while (!stress_is_done()) {
    size_t i = stress_random() % KEPT;
    if (kept[i] != NULL) stress_check_tree(kept[i], KEPT_DEPTH, serials[i]);
    serials[i] = ++serial;
    kept[i] = stress_make_tree(KEPT_DEPTH, serial);
  }
  for (size_t i = 0; i < KEPT; i++)
    if (kept[i] != NULL) stress_check_tree(kept[i], KEPT_DEPTH, serials[i]);
}

/* --------------------------------------------------------------------- main */

static const struct stress_case *find(const char *name) {
  const struct stress_case *tables[] = {stress_heaps, stress_process,
                                        stress_signals, stress_calls};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const struct stress_case *c = tables[i]; c->name != NULL; c++) {
      if (name == NULL) puts(c->name);
      if (name != NULL && strcmp(c->name, name) == 0) return c;
    }
  return NULL;
}

int main(int argc, char **argv) {
  const struct stress_case *found = find(argc > 1 ? argv[1] : NULL);
  if (argc == 1) return 0;
  if (found == NULL || argc != 4) {
    fprintf(stderr, "usage: stress [CASE COLLECTIONS SECONDS]\n");
    return 2;
  }
  double seconds = strtod(argv[3], NULL);
  uint64_t start_ns = now_ns();
  stress.collections = strtoull(argv[2], NULL, 10);
  if (seconds > 0) stress.end_ns = start_ns + (uint64_t)(seconds * 1e9);
  found->run();
  API_CHECK(gc_heap_check());
  printf("%s: passed after %llu collections, %.1f s\n", found->name,
         (unsigned long long)stress_collections(),
         (double)(now_ns() - start_ns) * 1e-9);
  return 0;
}
