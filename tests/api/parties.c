/* SPDX-License-Identifier: MIT */
/*
 * parties.c: three threads, of which each could wait for the next one:
 *
 *    lists     is in a callback of dl_iterate_phdr and has the dynamic linker's
 *              lock of the list; it collects
 *    unloads   is in dlclose, has the linker's lock of thread-local storage,
 *              and waits for that of the list
 *    collects  makes a helper for marking, and waits for that of thread-local
 *              storage, which a new thread needs
 *
 * They are brought there one after another, and each is seen to sleep before
 * the next one goes on.  The argument is the path of a library that has
 * thread-local storage.
 */
#include "../api.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE_S 60

/* More than a heap has that is marked without help. */
#define HEAP_BYTES ((size_t)16 << 20)

enum step { NONE, UNLOAD, COLLECT };

static _Atomic enum step step;

struct party {
  pthread_t thread;
  enum step begins;
  void (*act)(void);
  _Atomic pid_t tid; /* once it acts */
};

static void *library;

static void unload(void) { API_CHECK(dlclose(library) == 0); }

static struct party unloads = {.begins = UNLOAD, .act = unload};
static struct party collects = {.begins = COLLECT, .act = gc_collect};

static void *party_main(void *data) {
  struct party *party = data;
  while (atomic_load(&step) != party->begins) sched_yield();
  atomic_store(&party->tid, (pid_t)syscall(SYS_gettid));
  party->act();
  return NULL;
}

static void let_act(struct party *party) {
  atomic_store(&step, party->begins);
  while (atomic_load(&party->tid) == 0) sched_yield();
  while (!api_is_asleep(atomic_load(&party->tid))) sched_yield();
}

static int collect_listed(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info;
  (void)size;
  (void)data;
  let_act(&unloads);
  let_act(&collects);
  gc_collect();
  return 1;
}

int main(int argc, char **argv) {
  API_CHECK(argc == 2);
  setenv("GLEANER_MARKERS", "2", 1);
  alarm(PATIENCE_S); /* they would wait for ever */
  void *volatile kept = gc_malloc(HEAP_BYTES);
  API_CHECK(kept != NULL);
  library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  API_CHECK(library != NULL);
  struct party *all[] = {&unloads, &collects};
  for (int i = 0; i < 2; i++)
    API_CHECK(pthread_create(&all[i]->thread, NULL, party_main, all[i]) == 0);
  API_CHECK(dl_iterate_phdr(collect_listed, NULL) == 1);
  for (int i = 0; i < 2; i++)
    API_CHECK(pthread_join(all[i]->thread, NULL) == 0);
  API_CHECK(gc_heap_check());
  return 0;
}
