/* SPDX-License-Identifier: MIT */
/*
 * late.c: the library comes late, by dlopen (its path is the argument), when
 * there are a thread and a key already.  The thread, which never calls it,
 * then holds the only references to a list.
 */
#include "../api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define LINKS 1000

struct link {
  struct link *next;
  uint64_t number;
};

static atomic_int state;
static _Atomic uintptr_t hidden_list;
static void *(*late_malloc)(size_t);
static void (*late_collect)(void);

static void await(int wanted) {
  while (atomic_load(&state) != wanted) sched_yield();
}

static void *hold(void *data) {
  struct link *volatile list;
  (void)data;
  await(1);
  list = api_reveal(atomic_exchange(&hidden_list, 0));
  atomic_store(&state, 2);
  await(3);
  uint64_t number = LINKS;
  for (struct link *l = list; l != NULL; l = l->next)
    API_CHECK(l->number == --number);
  API_CHECK(number == 0);
  return NULL;
}

static void make_list(void *data) {
  (void)data;
  struct link *list = NULL;
  for (uint64_t i = 0; i < LINKS; i++) {
    struct link *l = late_malloc(sizeof *l);
    API_CHECK(l != NULL);
    *l = (struct link){.next = list, .number = i};
    list = l;
  }
  atomic_store(&hidden_list, api_hide(list));
}

static void flood(void *data) {
  (void)data;
  for (int i = 0; i < 100000; i++) {
    void *block = late_malloc(sizeof(struct link));
    API_CHECK(block != NULL);
    memset(block, 0xDB, sizeof(struct link));
  }
}

int main(int argc, char **argv) {
  pthread_t thread;
  API_CHECK(argc == 2);
  API_CHECK(pthread_create(&thread, NULL, hold, NULL) == 0);
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  API_CHECK(library != NULL);
  *(void **)&late_malloc = dlsym(library, "gc_malloc");
  *(void **)&late_collect = dlsym(library, "gc_collect");
  API_CHECK(late_malloc != NULL && late_collect != NULL);
  api_deep(make_list, NULL);
  api_scrub();
  atomic_store(&state, 1);
  await(2);
  for (int i = 0; i < 3; i++) late_collect();
  api_deep(flood, NULL);
  late_collect();
  atomic_store(&state, 3);
  return pthread_join(thread, NULL);
}
