/* SPDX-License-Identifier: MIT */
/*
 * places.c: the places of a program with one thread where the only reference
 * to an object may be: registers, the stack, globals, thread-local storage,
 * pthread keys, added roots and other blocks.
 */
#include "live.h"

#include <alloca.h>
#include <pthread.h>

/* ------------------------------------------------------------------ globals */

static volatile uintptr_t in_data = 1;
volatile uintptr_t live_in_bss;
static _Thread_local volatile uintptr_t in_tls;
static _Thread_local volatile uintptr_t in_tls_data = 1;

static void hold_data(struct live_trial *t) { live_hold_at(t, &in_data); }
static void hold_bss(struct live_trial *t) { live_hold_at(t, &live_in_bss); }
static void hold_tls(struct live_trial *t) { live_hold_at(t, &in_tls); }
static void hold_tls_data(struct live_trial *t) {
  live_hold_at(t, &in_tls_data);
}

static void hold_static_local(struct live_trial *t) {
  static volatile uintptr_t word;
  live_hold_at(t, &word);
}

static void hold_plugin_data(struct live_trial *t) {
  live_hold_at(t, live_plugin_place("data"));
}

static void hold_plugin_bss(struct live_trial *t) {
  live_hold_at(t, live_plugin_place("bss"));
}

static void hold_plugin_tls(struct live_trial *t) {
  live_hold_at(t, live_plugin_place("tls"));
}

/* -------------------------------------------------------------------- stack */

static void hold_stack(struct live_trial *t) {
  volatile uintptr_t word;
  live_hold_at(t, &word);
}

static void hold_alloca(struct live_trial *t) {
  volatile uintptr_t *words = alloca(4096);
  live_hold_at(t, &words[100]);
}

/* A structure that lives long, many frames up. */
struct environment {
  char name[24];
  uintptr_t words[40];
  struct live_trial *trial;
};

API_NOINLINE static void descend(struct environment *environment, int depth) {
  volatile char frame[200];
  frame[0] = (char)depth;
  if (depth > 0) {
    descend(environment, depth - 1);
  } else {
    live_hold_at(environment->trial, &environment->words[17]);
  }
  frame[1] = (char)depth;
}

static void hold_structure(struct live_trial *t) {
  struct environment environment = {.name = "far up", .trial = t};
  descend(&environment, 100);
}

/* By value: the callee's copy is the only one, because what is passed is the
   hidden address, which becomes the address in place.  The words are volatile
   themselves: gcc 12 removes accesses that only a pointer makes volatile. */
struct parcel {
  volatile uintptr_t words[12];
};

API_NOINLINE static void take_parcel(struct parcel parcel,
                                     struct live_trial *t) {
  volatile uintptr_t *word = &parcel.words[5];
  *word = ~*word;
  if (t->erase) *word = 0;
  live_judge(t);
  *word = 0;
}

static void hold_argument(struct live_trial *t) {
  struct parcel parcel = {.words = {[5] = t->hidden}};
  take_parcel(parcel, t);
}

/* ------------------------------------------------------------- pthread keys */

#define KEY_COUNT 60

static void hold_key(struct live_trial *t, size_t which) {
  static pthread_key_t keys[KEY_COUNT];
  static bool made;
  for (size_t i = 0; i < KEY_COUNT && !made; i++)
    API_CHECK(pthread_key_create(&keys[i], NULL) == 0);
  made = true;
  API_CHECK(pthread_setspecific(keys[which], (void *)~t->hidden) == 0);
  if (t->erase) pthread_setspecific(keys[which], NULL);
  live_judge(t);
  pthread_setspecific(keys[which], NULL);
}

static void hold_first_key(struct live_trial *t) { hold_key(t, 0); }
static void hold_late_key(struct live_trial *t) { hold_key(t, KEY_COUNT - 1); }

/* ------------------------------------------------ added roots, other blocks */

static void hold_added_roots(struct live_trial *t) {
  static volatile uintptr_t *range;
  size_t words = 1000;
  if (range == NULL) range = calloc(words, sizeof *range);
  API_CHECK(range != NULL);
  const void *start = (const void *)&range[0];
  const void *end = (const void *)&range[words];
  API_CHECK(gc_add_roots(start, end));
  live_hold_at(t, &range[words - 1]);
  API_CHECK(gc_remove_roots(start, end));
}

static uintptr_t hidden_block;

static void make_uncollectable(void *data) {
  (void)data;
  hidden_block = api_hide(gc_malloc_uncollectable(4000));
  API_CHECK(api_reveal(hidden_block) != NULL);
}

static void hold_uncollectable(struct live_trial *t) {
  if (hidden_block == 0) api_deep(make_uncollectable, NULL);
  uintptr_t *words = api_reveal(hidden_block);
  live_hold_at(t, &words[300]);
}

static void hold_block(struct live_trial *t) {
  static uintptr_t *volatile block;
  block = gc_malloc(640);
  API_CHECK(block != NULL);
  live_hold_at(t, &block[79]);
  block = NULL;
}

/* The only way there is a chain of blocks, each by its last byte. */
static uintptr_t *volatile chain;

static void make_chain(void *data) {
  uintptr_t *tail = gc_malloc(96);
  API_CHECK(tail != NULL);
  chain = tail;
  for (int i = 0; i < 1000; i++) {
    uintptr_t *link = gc_malloc(96);
    API_CHECK(link != NULL);
    link[3] = (uintptr_t)chain + 95;
    chain = link;
  }
  live_put(data, &tail[11]);
}

static void hold_chain(struct live_trial *t) {
  api_deep(make_chain, t);
  live_judge(t);
  chain = NULL;
}

static void hold_large_block(struct live_trial *t) {
  static uintptr_t *volatile block;
  size_t words = (size_t)1 << 18;
  block = gc_malloc(words * sizeof *block);
  API_CHECK(block != NULL);
  live_hold_at(t, &block[words - 1]);
  block = NULL;
}

const struct live_case live_places[] = {
    {"data", hold_data, LIVE_FIRST},
    {"data middle", hold_data, LIVE_MIDDLE},
    {"data last byte", hold_data, LIVE_LAST},
    {"data one past the end", hold_data, LIVE_PAST},
    {"bss", hold_bss, LIVE_FIRST},
    {"bss one past the end", hold_bss, LIVE_PAST},
    {"static local", hold_static_local, LIVE_FIRST},
    {"plugin data", hold_plugin_data, LIVE_FIRST},
    {"plugin bss", hold_plugin_bss, LIVE_MIDDLE},
    {"plugin tls", hold_plugin_tls, LIVE_FIRST},
    {"tls", hold_tls, LIVE_FIRST},
    {"tls last byte", hold_tls, LIVE_LAST},
    {"tls data", hold_tls_data, LIVE_FIRST},
    {"stack", hold_stack, LIVE_FIRST},
    {"stack middle", hold_stack, LIVE_MIDDLE},
    {"stack last byte", hold_stack, LIVE_LAST},
    {"stack one past the end", hold_stack, LIVE_PAST},
    {"alloca", hold_alloca, LIVE_FIRST},
    {"structure far up the stack", hold_structure, LIVE_FIRST},
    {"argument by value", hold_argument, LIVE_FIRST},
    {"pthread key", hold_first_key, LIVE_FIRST},
    {"pthread key above 32", hold_late_key, LIVE_FIRST},
    {"added roots", hold_added_roots, LIVE_FIRST},
    {"added roots one past the end", hold_added_roots, LIVE_PAST},
    {"uncollectable block", hold_uncollectable, LIVE_FIRST},
    {"block", hold_block, LIVE_FIRST},
    {"block middle", hold_block, LIVE_MIDDLE},
    {"block last byte", hold_block, LIVE_LAST},
    {"chain of interior pointers", hold_chain, LIVE_FIRST},
    {"large block", hold_large_block, LIVE_FIRST},
    {NULL, NULL, LIVE_FIRST},
};

/* ---------------------------------------------------------------- registers */

/* In registers.S: reveal the address in a callee-saved register, or clear it
   where keep is 0, call collect three times, then judge(trial). */
#define REGISTER(name)                                                        \
  extern void live_hold_##name(uintptr_t hidden, uintptr_t keep,              \
                               void (*collect)(void),                         \
                               void (*judge)(struct live_trial *),            \
                               struct live_trial *trial);                     \
  static void hold_##name(struct live_trial *t) {                             \
    live_hold_##name(t->hidden, t->erase ? 0 : ~(uintptr_t)0, gc_collect,     \
                     live_judge, t);                                          \
  }

REGISTER(rbx)
REGISTER(rbp)
REGISTER(r12)
REGISTER(r13)
REGISTER(r14)
REGISTER(r15)

const struct live_case live_registers[] = {
    {"register rbx", hold_rbx, LIVE_FIRST},
    {"register rbp", hold_rbp, LIVE_FIRST},
    {"register r12", hold_r12, LIVE_FIRST},
    {"register r13", hold_r13, LIVE_FIRST},
    {"register r14", hold_r14, LIVE_FIRST},
    {"register r15", hold_r15, LIVE_FIRST},
    {"register r12 middle", hold_r12, LIVE_MIDDLE},
    {"register r15 one past the end", hold_r15, LIVE_PAST},
    {NULL, NULL, LIVE_FIRST},
};
