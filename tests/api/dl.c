/* SPDX-License-Identifier: MIT */
/*
 * dl.c: libraries come and go between collections, and during them.  The first
 * argument is "shared", or "apart" where each is to have a namespace of its
 * own.  Each other one is the path of a copy of the liveness test's plugin: it
 * has data, bss and thread-local storage, and knows nothing of the collector.
 * The first has little thread-local storage, the second much.
 */
#include "../api.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ROUNDS 60
#define OBJECTS 20u
#define COLLECTIONS 300

static const char *const places[] = {"data", "bss", "tls"};
#define PLACES (sizeof places / sizeof *places)

static Lmid_t space = LM_ID_BASE;

static void *open_plugin(const char *path) {
  void *library = dlmopen(space, path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  API_CHECK(library != NULL);
  return library;
}

static uintptr_t *plugin_place(void *library, const char *name) {
  void *(*place)(const char *);
  *(void **)&place = dlsym(library, "plugin_place");
  API_CHECK(place != NULL);
  return place(name);
}

/* An object whose only reference is in a library that was loaded after the
   last collection; it goes when the library has gone. */
struct visit {
  void *library;
  size_t which; /* of the places */
  uintptr_t hidden;
};

static void leave_object(void *data) {
  struct visit *visit = data;
  uintptr_t *place = plugin_place(visit->library, places[visit->which]);
  void *object = gc_malloc(48);
  API_CHECK(object != NULL);
  memset(object, 0x5A, 48);
  *place = (uintptr_t)object;
  visit->hidden = api_hide(object);
  API_CHECK(gc_malloc(48) != NULL);
}

static void check_object(void *data) {
  struct visit *visit = data;
  const char *object = api_reveal(visit->hidden);
  API_CHECK(*plugin_place(visit->library, places[visit->which]) ==
            (uintptr_t)object);
  for (int i = 0; i < 48; i++) API_CHECK(object[i] == 0x5A);
}

static bool come_and_go(const char *path, size_t which) {
  struct visit visit = {.library = open_plugin(path), .which = which};
  api_deep(leave_object, &visit);
  api_scrub();
  gc_collect();
  gc_collect();
  API_CHECK(api_is_allocated(visit.hidden));
  for (int i = 0; i < 1000; i++) memset(gc_malloc(48), 0xDB, 48);
  api_deep(check_object, &visit);
  API_CHECK(dlclose(visit.library) == 0);
  api_scrub();
  gc_collect();
  return api_is_allocated(visit.hidden);
}

static void test_rounds(char **paths, size_t count) {
  unsigned stayed = 0;
  for (size_t i = 0; i < ROUNDS; i++)
    stayed += come_and_go(paths[i % count], i % PLACES);
  printf("%d libraries came and went, %u objects stayed\n", ROUNDS, stayed);
  API_CHECK(stayed <= 3);
}

/* ------------------------------------------------ numbers are given again */

static atomic_int step;

static void *use_and_wait(void *library) {
  *plugin_place(library, "tls") = 1;
  atomic_store(&step, 1);
  while (atomic_load(&step) == 1) sched_yield();
  return NULL;
}

static size_t tls_number(void *library) {
  size_t number = 0;
  API_CHECK(dlinfo(library, RTLD_DI_TLS_MODID, &number) == 0);
  return number;
}

/* A thread has storage of a library that is gone; the next one gets its number,
   and has more. */
static void test_numbers_again(const char *small, const char *large) {
  pthread_t thread;
  void *library = open_plugin(small);
  size_t number = tls_number(library);
  API_CHECK(pthread_create(&thread, NULL, use_and_wait, library) == 0);
  while (atomic_load(&step) == 0) sched_yield();
  API_CHECK(dlclose(library) == 0);
  library = open_plugin(large);
  bool again = tls_number(library) == number;
  for (int i = 0; i < 3; i++) gc_collect();
  atomic_store(&step, 2);
  pthread_join(thread, NULL);
  API_CHECK(dlclose(library) == 0);
  printf("a number was%s given again\n", again ? "" : " not");
}

/* ------------------------------------------------- while a thread collects */

static atomic_bool finished;
static char **all_paths;
static size_t path_count;

/* Opens and closes libraries, and leaves an object in a place of each.  Every
   second one, so that the other thread does not use the same place. */
static void *load_and_unload(void *data) {
  size_t first = *(const size_t *)data;
  for (size_t at = 0; !atomic_load(&finished); at++) {
    size_t path = first + 2 * (at % (path_count / 2));
    void *library = open_plugin(all_paths[path]);
    uintptr_t *place = plugin_place(library, places[at % PLACES]);
    void **object = gc_malloc(100);
    API_CHECK(object != NULL);
    object[0] = object;
    *place = (uintptr_t)object;
    object = NULL;
    API_CHECK(gc_malloc(100) != NULL);
    void **found = (void **)*place;
    API_CHECK(found[0] == found);
    *place = 0;
    API_CHECK(dlclose(library) == 0);
  }
  return NULL;
}

static void test_during_collections(void) {
  static size_t start[2] = {0, 1};
  pthread_t thread[2];
  for (int i = 0; i < 2; i++)
    API_CHECK(pthread_create(&thread[i], NULL, load_and_unload, &start[i]) ==
              0);
  for (int i = 0; i < COLLECTIONS; i++) gc_collect();
  atomic_store(&finished, true);
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  printf("%d collections beside threads that load and unload\n", COLLECTIONS);
}

/* Only a C library that has this function tells of other namespaces.  That the
   program uses the symbol gives it a copy, where it is linked to lie at a fixed
   address. */
static bool choose_space(const char *how) {
  API_CHECK(_r_debug.r_version >= 1);
  if (strcmp(how, "shared") == 0) return true;
  API_CHECK(strcmp(how, "apart") == 0);
  space = LM_ID_NEWLM;
  return dlsym(RTLD_DEFAULT, "_dl_find_object") != NULL;
}

int main(int argc, char **argv) {
  API_CHECK(argc > 4);
  if (!choose_space(argv[1])) {
    printf("other namespaces cannot be seen\n");
    return 0;
  }
  gc_collect();
  test_numbers_again(argv[2], argv[3]);
  all_paths = argv + 4;
  path_count = (size_t)argc - 4;
  test_rounds(all_paths, path_count);
  test_during_collections();
  API_CHECK(gc_heap_check());
  return 0;
}
