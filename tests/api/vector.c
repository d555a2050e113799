/* SPDX-License-Identifier: MIT */
/*
 * vector.c: a collection while a thread's dynamic thread vector is replaced.
 *
 * The vector leads to the thread-local storage of libraries that were loaded
 * late.  The C library makes it longer by realloc, and this program's own
 * realloc waits at the worst moment: the old vector is freed, and the new one,
 * which alone leads to an object, not yet in its place.  The first argument
 * says what has become of the old one, the second how the thread waits: as any
 * does, in a coroutine, or with all signals held back.  The others are the
 * paths of copies of the liveness test's plugin.
 */
#include "../api.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define VECTOR_BYTES ((size_t)65536)
#define OBJECT_BYTES 48
#define STACK_BYTES ((size_t)1 << 20)

/* No memory is there. */
#define NOWHERE ((uintptr_t)0x123456789000)

enum step { LOADED = 1, REPLACED, MORE_LOADED, REPLACING, COLLECTED, SEEN };

static _Atomic enum step step;
static const char *fate, *way;
static void **library;
static size_t count;
static uintptr_t hidden;

static void await(enum step wanted) {
  while (atomic_load(&step) != wanted) sched_yield();
}

/* ------------------------------------------------------ the vector's memory */

static __thread size_t replaced_bytes; /* of the vector that was made here */
static __thread bool makes_vector;     /* in the call of a library */

/* What freed memory may be: gone, in a list, cleared, written over, or
   whole. */
static void spoil(uintptr_t *old) {
  size_t words = VECTOR_BYTES / sizeof *old;
  if (strcmp(fate, "unmapped") == 0)
    API_CHECK(munmap(old, VECTOR_BYTES) == 0);
  else if (strcmp(fate, "linked") == 0)
    old[0] = old[1] = NOWHERE;
  else if (strcmp(fate, "cleared") == 0)
    memset(old, 0, VECTOR_BYTES);
  else if (strcmp(fate, "reused") == 0)
    for (size_t i = 0; i < words; i++) old[i] = i < 2 ? words / 4 : NOWHERE;
  else
    API_CHECK(strcmp(fate, "whole") == 0);
}

/* The new one is in no register as it waits. */
static void *replace(void *old, size_t bytes) {
  void *volatile vector = mmap(NULL, VECTOR_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  API_CHECK(vector != MAP_FAILED && bytes <= VECTOR_BYTES);
  bool again = replaced_bytes != 0;
  memcpy(vector, old, again ? replaced_bytes : malloc_usable_size(old));
  replaced_bytes = bytes;
  if (!again) return vector;
  spoil(old);
  api_scrub();
  atomic_store(&step, REPLACING);
  await(COLLECTED);
  return vector;
}

void *__libc_realloc(void *p, size_t bytes);

void *realloc(void *p, size_t bytes) {
  return makes_vector && p != NULL ? replace(p, bytes)
                                   : __libc_realloc(p, bytes);
}

/* ------------------------------------------------------------------ threads */

static uintptr_t *place(void *from) {
  void *(*find)(const char *);
  *(void **)&find = dlsym(from, "plugin_place");
  API_CHECK(find != NULL);
  makes_vector = true;
  uintptr_t *word = find("tls");
  makes_vector = false;
  return word;
}

/* In storage that the thread has got already. */
static void leave_object(void *data) {
  void *object = gc_malloc(OBJECT_BYTES);
  API_CHECK(object != NULL);
  memset(object, 0x5A, OBJECT_BYTES);
  *place(data) = (uintptr_t)object;
  hidden = api_hide(object);
  API_CHECK(gc_malloc(OBJECT_BYTES) != NULL);
}

static void use_last_library(void) { *place(library[count - 1]) = 1; }

static ucontext_t thread_context, coroutine;

/* Before there is an object, whose address it might note with the registers. */
static void make_coroutine(void) {
  API_CHECK(getcontext(&coroutine) == 0);
  coroutine.uc_stack.ss_sp = gc_malloc(STACK_BYTES);
  coroutine.uc_stack.ss_size = STACK_BYTES;
  coroutine.uc_link = &thread_context;
  makecontext(&coroutine, use_last_library, 0);
}

static void use_in_its_way(void) {
  sigset_t all;
  sigfillset(&all);
  if (strcmp(way, "coroutine") == 0) {
    API_CHECK(swapcontext(&thread_context, &coroutine) == 0);
    return;
  }
  if (strcmp(way, "held-back") == 0)
    API_CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
  use_last_library();
}

/* It never ends: its vector is none that the C library can free. */
static void *use_libraries(void *ignored) {
  make_coroutine();
  await(LOADED);
  *place(library[count / 2 - 1]) = 1;
  API_CHECK(replaced_bytes != 0);
  api_deep(leave_object, library[0]);
  atomic_store(&step, REPLACED);
  await(MORE_LOADED);
  api_scrub();
  use_in_its_way();
  const char *object = (const char *)*place(library[0]);
  for (int i = 0; i < OBJECT_BYTES; i++) API_CHECK(object[i] == 0x5A);
  atomic_store(&step, SEEN);
  for (;;) pause();
  return ignored;
}

static void load(char **paths, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    library[i] = dlopen(paths[i], RTLD_NOW | RTLD_LOCAL);
    if (library[i] == NULL) fprintf(stderr, "%s\n", dlerror());
    API_CHECK(library[i] != NULL);
  }
}

int main(int argc, char **argv) {
  pthread_t thread;
  API_CHECK(argc > 4);
  alarm(60);
  gc_collect();
  fate = argv[1];
  way = argv[2];
  char **paths = argv + 3;
  count = (size_t)argc - 3;
  library = calloc(count, sizeof *library);
  API_CHECK(pthread_create(&thread, NULL, use_libraries, NULL) == 0);
  load(paths, 0, count / 2);
  atomic_store(&step, LOADED);
  await(REPLACED);
  load(paths, count / 2, count);
  atomic_store(&step, MORE_LOADED);
  await(REPLACING);
  for (int i = 0; i < 3; i++) gc_collect();
  API_CHECK(api_is_allocated(hidden));
  for (int i = 0; i < 1000; i++)
    memset(gc_malloc(OBJECT_BYTES), 0xDB, OBJECT_BYTES);
  atomic_store(&step, COLLECTED);
  await(SEEN);
  printf("a vector that is replaced, the old one %s, %s\n", fate, way);
  return 0;
}
