/* SPDX-License-Identifier: MIT */
/*
 * first.c: two threads use the library for the first time at once, and one of
 * them is in a constructor of a module that is just being loaded, and so has
 * the dynamic linker's lock.  Compiled twice: with FIRST_PLUGIN defined it is
 * that module, whose path is the program's argument.
 */
#include "../api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

/* Of the program; the module's constructor calls it. */
void first_meet(void);

#ifdef FIRST_PLUGIN

static void *word; /* the only reference to an object */

__attribute__((constructor)) static void first_construct(void) {
  first_meet();
  word = gc_malloc(48);
  API_CHECK(word != NULL);
  memset(word, 0x5A, 48);
}

const char *first_word(void);
const char *first_word(void) { return word; }

#else

static pthread_barrier_t meeting;

void first_meet(void) {
  pthread_barrier_wait(&meeting);
  usleep(100000); /* the other is well into its call by now */
}

static void *allocate(void *ignored) {
  pthread_barrier_wait(&meeting);
  API_CHECK(gc_malloc(16) != NULL);
  return ignored;
}

int main(int argc, char **argv) {
  pthread_t thread;
  const char *(*get_word)(void);
  API_CHECK(argc == 2);
  alarm(60); /* two that wait for each other would do so for ever */
  API_CHECK(pthread_barrier_init(&meeting, NULL, 2) == 0);
  API_CHECK(pthread_create(&thread, NULL, allocate, NULL) == 0);
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  API_CHECK(library != NULL);
  API_CHECK(pthread_join(thread, NULL) == 0);
  gc_collect();
  for (int i = 0; i < 1000; i++) memset(gc_malloc(48), 0, 48);
  *(void **)&get_word = dlsym(library, "first_word");
  API_CHECK(get_word != NULL);
  for (int i = 0; i < 48; i++) API_CHECK(get_word()[i] == 0x5A);
  API_CHECK(gc_heap_check());
  return 0;
}

#endif
