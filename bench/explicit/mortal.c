/* SPDX-License-Identifier: MIT */
/*
 * mortal.c: objects that die with their thread.  Short threads build a
 * structure each, give back most of it as they end, and leave a few results,
 * which the main thread frees when they are gone.
 *
 * mortal [THREADS [OBJECTS]]: threads, one after another two at a time, and
 * the objects of each.
 */
#include "allocator.h"

#include <pthread.h>

enum { AT_A_TIME = 2, LEAVE_EVERY = 16 };

struct object {
  struct object *next;
  uint64_t value;
};

static size_t object_count;

/* Returns the objects left behind. */
static void *live(void *argument) {
  uint64_t random = (uintptr_t)argument + 1;
  struct object *own = NULL;
  struct object *left = NULL;
  for (size_t i = 0; i < object_count; i++) {
    size_t size = bench_log_size(&random, sizeof(struct object), 400);
    struct object *object = (struct object *)bench_take(size);
    struct object **list = i % LEAVE_EVERY == 0 ? &left : &own;
    object->value = size;
    object->next = *list;
    *list = object;
  }
  while (own != NULL) {
    struct object *next = own->next;
    bench_give(own);
    own = next;
  }
  return left;
}

static uint64_t bury(struct object *left) {
  uint64_t sum = 0;
  while (left != NULL) {
    struct object *next = left->next;
    sum = bench_mix(sum, left->value);
    bench_give(left);
    left = next;
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_allocator_init();
  size_t count = bench_argument(argc, argv, 1, 4000);
  object_count = bench_argument(argc, argv, 2, 5000);
  uint64_t sum = 0;
  bench_begin("mortal");
  for (size_t i = 0; i < count; i += AT_A_TIME) {
    pthread_t threads[AT_A_TIME];
    for (size_t j = 0; j < AT_A_TIME; j++) {
      if (pthread_create(&threads[j], NULL, live, (void *)(i + j)) != 0)
        bench_die("cannot start a thread");
    }
    for (size_t j = 0; j < AT_A_TIME; j++) {
      void *left;
      pthread_join(threads[j], &left);
      sum += bury((struct object *)left);
    }
  }
  bench_end(sum);
}
