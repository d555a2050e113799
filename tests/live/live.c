/* SPDX-License-Identifier: MIT */
/*
 * live.c: runs the cases of places.c, contexts.c and threads.c, all of them or
 * those whose names begin with an argument, and says which failed.
 */
#include "live.h"

#include <dlfcn.h>

#define ROUNDS 20u
#define LOST_WITNESS_LIMIT (ROUNDS / 4) /* of the control's objects may stay */
#define FLOOD_BYTES ((size_t)1 << 20)
#define FLOOD_PATTERN 0xDB

static const size_t sizes[] = {48, 16, 1008, 40000, 200000};

/* ------------------------------------------------------------- an object */

/* Words that no address looks like. */
static uint64_t word_at(const struct live_trial *trial, size_t i) {
  return (trial->serial * 0x9E3779B97F4A7C15u + i) | (uint64_t)0xF << 60;
}

static size_t offset_bytes(enum live_offset offset, size_t size) {
  switch (offset) {
    case LIVE_MIDDLE: return size / 2 + 3;
    case LIVE_LAST: return size - 1;
    case LIVE_PAST: return size;
    default: return 0;
  }
}

/* The neighbours are garbage, or else one past the end of the one before would
   hold our object, and the start of the one after would be held by ours. */
static void make_object(void *data) {
  struct live_trial *trial = data;
  void *volatile before = gc_malloc(trial->size);
  uint64_t *words = gc_malloc(trial->size);
  void *volatile after = gc_malloc(trial->size);
  API_CHECK(before != NULL && words != NULL && after != NULL);
  for (size_t i = 0; i < trial->size / sizeof *words; i++)
    words[i] = word_at(trial, i);
  trial->object = api_hide(words);
  before = after = NULL;
}

static void verify_object(void *data) {
  struct live_trial *trial = data;
  const uint64_t *words = api_reveal(trial->object);
  for (size_t i = 0; i < trial->size / sizeof *words; i++)
    if (words[i] != word_at(trial, i)) trial->survived = false;
}

static void flood(void *data) {
  const struct live_trial *trial = data;
  for (size_t i = 0; i < FLOOD_BYTES / trial->size + 4; i++) {
    void *block = gc_malloc(trial->size);
    API_CHECK(block != NULL);
    memset(block, FLOOD_PATTERN, trial->size);
    block = gc_malloc_atomic(trial->size);
    API_CHECK(block != NULL);
    memset(block, FLOOD_PATTERN, trial->size);
  }
}

API_NOINLINE void live_judge(struct live_trial *trial) {
  api_scrub();
  for (int i = 0; i < 3; i++) gc_collect();
  trial->survived = api_is_allocated(trial->object);
  api_deep(flood, trial);
  gc_collect();
  if (trial->survived) api_deep(verify_object, trial);
  api_scrub();
}

API_NOINLINE void live_hold_at(struct live_trial *trial,
                               volatile uintptr_t *place) {
  live_put(trial, place);
  live_judge(trial);
  *place = 0;
}

volatile uintptr_t *live_plugin_place(const char *name) {
  static void *library;
  if (library == NULL) {
    const char *path = getenv("LIVE_PLUGIN");
    if (path != NULL) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "LIVE_PLUGIN does not name a library: %s\n", dlerror());
      exit(1);
    }
  }
  void *(*place)(const char *);
  *(void **)&place = dlsym(library, "plugin_place");
  API_CHECK(place != NULL);
  return place(name);
}

/* ------------------------------------------------------------------ running */

static unsigned run_rounds(const struct live_case *test, bool erase) {
  static uint64_t serial;
  unsigned survivors = 0;
  for (unsigned i = 0; i < ROUNDS; i++) {
    struct live_trial trial = {
        .size = sizes[i % (sizeof sizes / sizeof *sizes)],
        .serial = ++serial,
        .erase = erase};
    /* Until it is held nothing may be collected but for the test's asking. */
    gc_disable();
    api_deep(make_object, &trial);
    /* Without passing through the address: ~(p + n) is ~p - n. */
    trial.hidden = trial.object - offset_bytes(test->offset, trial.size);
    api_scrub();
    test->hold(&trial);
    gc_enable();
    survivors += trial.survived;
  }
  return survivors;
}

static unsigned run_case(const struct live_case *test) {
  printf("%-28s", test->name);
  fflush(stdout);
  unsigned held = run_rounds(test, false);
  unsigned control = run_rounds(test, true);
  bool lost = held < ROUNDS;
  bool lucky = control > LOST_WITNESS_LIMIT;
  printf("held %2u of %u, erased %2u of %u%s%s\n", held, ROUNDS, control,
         ROUNDS, lost ? "  LOST" : "", lucky ? "  NOT COLLECTED" : "");
  fflush(stdout);
  return lost || lucky;
}

static bool is_wanted(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (strncmp(name, argv[i], strlen(argv[i])) == 0) return true;
  return argc == 1;
}

int main(int argc, char **argv) {
  const struct live_case *const tables[] = {live_places, live_registers,
                                            live_contexts, live_threads};
  unsigned run = 0, failed = 0;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const struct live_case *test = tables[i]; test->name != NULL; test++)
      if (is_wanted(test->name, argc, argv)) {
        run++;
        failed += run_case(test);
      }
  printf("%u cases, %u failed\n", run, failed);
  return failed != 0 || run == 0;
}
