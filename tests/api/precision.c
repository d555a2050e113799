/* SPDX-License-Identifier: MIT */
/*
 * precision.c: objects that are dropped are collected.  At each of five depths
 * of the stack a function makes 500 objects, works with them as programs do,
 * with pointers to them in variables, arrays, arguments and structures on the
 * stack, and returns; a collection from its caller, which wipes nothing, finds
 * at most three of them.  Every time.
 */
#include "../api.h"

#define OBJECTS 500u
#define KEPT_MOST 3u
#define ROUNDS 20

static const unsigned depths[] = {0, 10, 100, 1000, 5000};
#define DEPTHS (sizeof depths / sizeof *depths)

struct object {
  struct object *next;
  uint64_t number;
};

static uintptr_t hidden[OBJECTS];

API_NOINLINE static uint64_t sum_list(const struct object *list) {
  uint64_t sum = 0;
  for (const struct object *o = list; o != NULL; o = o->next) sum += o->number;
  return sum;
}

API_NOINLINE static uint64_t sum_array(struct object *const *array, size_t n) {
  return n == 0 ? 0 : array[0]->number + sum_array(array + 1, n - 1);
}

/* Single objects, not a list: one that is kept keeps no other. */
API_NOINLINE static uint64_t use_objects(size_t size) {
  struct object *array[OBJECTS];
  struct {
    struct object *first, *last;
  } ends = {NULL, NULL};
  for (size_t i = 0; i < OBJECTS; i++) {
    struct object *o = gc_malloc(size);
    API_CHECK(o != NULL);
    o->number = i;
    array[i] = ends.last = o;
    if (ends.first == NULL) ends.first = o;
    hidden[i] = api_hide(o);
    /* Its neighbour's end would hold it. */
    API_CHECK(gc_malloc(size) != NULL);
  }
  uint64_t sum = sum_array(array, OBJECTS) + sum_list(ends.first);
  API_CHECK(gc_base(ends.last) == ends.last);
  return sum;
}

API_NOINLINE static void drop_and_collect(size_t size) {
  API_CHECK(use_objects(size) == OBJECTS * (OBJECTS - 1) / 2);
  gc_collect();
}

API_NOINLINE static unsigned at_depth(unsigned depth, size_t size) {
  unsigned below = 0;
  if (depth > 0)
    below = at_depth(depth - 1, size);
  else
    drop_and_collect(size);
  return below + 1;
}

static unsigned count_kept(void) {
  unsigned kept = 0;
  for (size_t i = 0; i < OBJECTS; i++)
    kept += gc_base(api_reveal(hidden[i])) != NULL;
  return kept;
}

/* The most that were kept in any round. */
static unsigned try_depth(unsigned depth) {
  static const size_t sizes[] = {16, 48, 400, 5000};
  unsigned most = 0;
  for (unsigned i = 0; i < ROUNDS; i++) {
    API_CHECK(at_depth(depth, sizes[i % 4]) == depth + 1);
    unsigned kept = count_kept();
    if (kept > most) most = kept;
  }
  return most;
}

int main(void) {
  unsigned failed = 0;
  gc_disable(); /* the collections are ours */
  for (size_t i = 0; i < DEPTHS; i++) {
    unsigned kept = try_depth(depths[i]);
    printf("depth %4u: kept %u of %u at most\n", depths[i], kept, OBJECTS);
    failed += kept > KEPT_MOST;
  }
  return failed != 0;
}
