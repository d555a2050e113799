/* SPDX-License-Identifier: MIT */
/*
 * valid.c: random programs that do nothing wrong.  Whatever sequence of calls
 * they make, the library has nothing to report, and every block has in it what
 * was written there.
 *
 * valid [PROGRAMS [SEED]]
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "../api.h"

enum { SLOTS = 64, STEPS = 150, PASSED = 32 };

struct slot {
  unsigned char *block;
  size_t size;
  unsigned char fill;
  bool scanned; /* the collector looks into it: do not put pointers there */
};

struct program {
  struct slot slots[SLOTS];
  uint64_t random;
};

static unsigned long long seed;
static size_t number;

static void on_error(const struct gc_error *error, void *data) {
  (void)data;
  fprintf(stderr, "program %zu, seed %llu: %s\n", number, seed, error->message);
  exit(1);
}

static size_t below(struct program *program, size_t n) {
  return api_random(&program->random) % n;
}

/* Mostly small, some large. */
static size_t random_size(struct program *program) {
  size_t octave = below(program, 100) == 0 ? 20 : 11;
  return below(program, (size_t)1 << below(program, octave));
}

static bool is_filled(const struct slot *slot, size_t size) {
  for (size_t i = 0; i < size; i += 1 + size / 64)
    if (slot->block[i] != slot->fill) return false;
  return size == 0 || slot->block[size - 1] == slot->fill;
}

static void fill(struct program *program, struct slot *slot) {
  slot->fill = (unsigned char)(1 + below(program, 127));
  memset(slot->block, slot->fill, slot->size);
}

static void check(const struct slot *slot) {
  if (slot->block == NULL) return;
  API_CHECK(is_filled(slot, slot->size));
  API_CHECK(gc_base(slot->block) == slot->block);
  API_CHECK(gc_size(slot->block) >= slot->size);
  if (slot->size > 0)
    API_CHECK(gc_base(slot->block + slot->size / 2) == slot->block);
}

static void *allocate(struct program *program, size_t size) {
  static const char text[] = "a string to copy";
  switch (below(program, 8)) {
    case 0: return gc_malloc_atomic(size);
    case 1: return gc_malloc_uncollectable(size);
    case 2: return gc_calloc(1 + size / 8, 8);
    case 3: return gc_aligned_alloc((size_t)1 << below(program, 15), size);
    case 4: return gc_realloc(NULL, size);
    case 5:
      return size < sizeof text ? gc_strndup(text, size) : gc_malloc(size);
    default: return gc_malloc(size);
  }
}

static void *free_passed(void *data) {
  void **passed = data;
  for (size_t i = 0; i < PASSED; i++) gc_free(passed[i]);
  return NULL;
}

/* Blocks of this thread freed by another, and one of its in exchange. */
static void pass(struct program *program) {
  pthread_t thread;
  void *passed[PASSED];
  for (size_t i = 0; i < PASSED; i++)
    passed[i] = gc_malloc(random_size(program));
  API_CHECK(pthread_create(&thread, NULL, free_passed, passed) == 0);
  pthread_join(thread, NULL);
}

static void resize(struct program *program, struct slot *slot) {
  size_t size = random_size(program);
  size_t kept = size < slot->size ? size : slot->size;
  slot->block = gc_realloc(slot->block, size);
  API_CHECK(slot->block != NULL);
  API_CHECK(is_filled(slot, kept));
  slot->size = size;
  fill(program, slot);
}

static void step_once_in_a_while(struct program *program) {
  switch (below(program, 64)) {
    case 0: gc_collect(); break;
    case 1: gc_disable(); break;
    case 2: gc_enable(); break;
    case 3: gc_trim(); break;
    case 4: pass(program); break;
    case 5: API_CHECK(gc_heap_check()); break;
    default: break;
  }
}

static void step(struct program *program) {
  struct slot *slot = &program->slots[below(program, SLOTS)];
  check(slot);
  errno = 123;
  size_t action = below(program, 16);
  if (slot->block == NULL) {
    slot->size = random_size(program);
    slot->block = allocate(program, slot->size);
    API_CHECK(slot->block != NULL);
    fill(program, slot);
  } else if (action < 3) {
    resize(program, slot);
  } else if (action < 5) {
    slot->block = NULL; /* the collector's */
  } else {
    gc_free(slot->block);
    API_CHECK(errno == 123);
    slot->block = NULL;
  }
  if (action == 15) step_once_in_a_while(program);
}

static void run(struct program *program) {
  memset(program->slots, 0, sizeof program->slots);
  for (int i = 0; i < STEPS; i++) step(program);
  gc_free(NULL);
  for (int i = 0; i < SLOTS; i++) {
    check(&program->slots[i]);
    if (i % 4 != 0) gc_free(program->slots[i].block);
  }
}

int main(int argc, char **argv) {
  static struct program program;
  size_t programs = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
  seed = argc > 2 ? strtoull(argv[2], NULL, 10)
                  : (unsigned long long)time(NULL) * 2654435761u + 1;
  program.random = seed | 1;
  gc_set_error_handler(on_error, NULL);
  for (number = 0; number < programs; number++) run(&program);
  API_CHECK(gc_heap_check());
  printf("%zu programs, seed %llu\n", programs, seed);
  return 0;
}
