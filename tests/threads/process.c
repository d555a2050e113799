/* SPDX-License-Identifier: MIT */
/*
 * process.c: stress of what a process does as a whole: fork, in any thread and
 * at any time, other ways to start a program, loading and unloading a library,
 * and allocating where libraries are listed.
 */
#include "stress.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define DEPTH 6
#define CHILD_SECONDS 60

/* --------------------------------------------------------------------- fork */

static struct stress_tree *inherited;
static uint64_t forks;

/* Whether a library may be half loaded at the moment of a fork.  Then the
   dynamic linker (glibc 2.36) is in no state in the child to start a thread: it
   finds its own tables of thread-local storage inconsistent. */
static bool may_be_loading;

/* The child collects, checks what it has inherited, allocates, collects, and
   checks again; and starts a thread, which does the same. */
static void *use_heap(void *data) {
  struct stress_tree *own = data;
  for (uint64_t i = 0; i < 10; i++)
    stress_check_tree(stress_make_tree(4, i), 4, i);
  gc_collect();
  stress_check_tree(own, DEPTH, own->serial);
  stress_check_tree(inherited, DEPTH, 77);
  return NULL;
}

_Noreturn static void be_child(struct stress_tree *own) {
  pthread_t thread;
  alarm(CHILD_SECONDS);
  gc_collect();
  use_heap(own);
  if (!may_be_loading) {
    API_CHECK(pthread_create(&thread, NULL, use_heap, own) == 0);
    gc_collect();
    API_CHECK(pthread_join(thread, NULL) == 0);
  }
  if (stress_random() % 8 == 0) API_CHECK(gc_heap_check());
  _exit(0);
}

static void await(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0) API_CHECK(errno == EINTR);
  if (status != 0)
    fprintf(stderr, "status of the child: %x\n", (unsigned)status);
  API_CHECK(status == 0);
}

static void fork_once(uint64_t serial) {
  struct stress_tree *own = stress_make_tree(DEPTH, serial);
  fflush(NULL);
  pid_t child = fork();
  API_CHECK(child >= 0);
  if (child == 0) be_child(own);
  await(child);
  stress_check_tree(own, DEPTH, serial);
  __atomic_fetch_add(&forks, 1, __ATOMIC_RELAXED);
}

static void fork_often(size_t number) {
  while (!stress_is_done()) fork_once((uint64_t)number << 32 | forks);
}

static void run_fork(void) {
  inherited = stress_make_tree(DEPTH, 77);
  stress_start(1, fork_often);
  stress_start(3, stress_allocate);
  stress_collect_until_done();
  stress_join();
  printf("%llu forks\n", (unsigned long long)forks);
}

static void collect_often(size_t number) {
  (void)number;
  stress_collect_until_done();
}

/* From the main thread, while another thread collects all the time. */
static void run_fork_main(void) {
  inherited = stress_make_tree(DEPTH, 77);
  stress_start(1, collect_often);
  stress_start(2, stress_allocate);
  fork_often(0);
  stress_join();
  printf("%llu forks\n", (unsigned long long)forks);
}

/* -------------------------------------------------------------------- spawn */

static uint64_t spawned;

static void spawn_often(size_t number) {
  char *arguments[] = {(char *)"true", NULL};
  while (!stress_is_done()) {
    pid_t child = -1;
    if (number % 2 == 0) {
      API_CHECK(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) ==
                0);
    } else {
      child = vfork();
      if (child == 0) {
        execvp("true", arguments);
        _exit(127);
      }
      API_CHECK(child > 0);
    }
    await(child);
    __atomic_fetch_add(&spawned, 1, __ATOMIC_RELAXED);
  }
}

static void run_spawn(void) {
  stress_start(2, spawn_often);
  stress_start(3, stress_allocate);
  stress_collect_until_done();
  stress_join();
  printf("%llu programs\n", (unsigned long long)spawned);
}

/* ------------------------------------------------------------------- dlopen */

static uint64_t loads;

static volatile uintptr_t *place(void *library, const char *name) {
  volatile uintptr_t *(*find)(const char *);
  *(void **)&find = dlsym(library, "plugin_place");
  API_CHECK(find != NULL);
  return find(name);
}

API_NOINLINE static void fill(volatile uintptr_t *word, uint64_t serial) {
  *word = (uintptr_t)stress_make_tree(2, serial);
}

/* Trees that only the library refers to: from its data and its thread-local
   storage.  The library is loaded by one thread at a time. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static void load_often(size_t number) {
  static const char *const names[] = {"data", "bss", "tls"};
  uint64_t serial = (uint64_t)number << 32;
  const char *path = getenv("LIVE_PLUGIN");
  API_CHECK(path != NULL);
  while (!stress_is_done()) {
    pthread_mutex_lock(&loading);
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) fprintf(stderr, "%s\n", dlerror());
    API_CHECK(library != NULL);
    for (size_t i = 0; i < 3; i++) fill(place(library, names[i]), serial + i);
    for (uint64_t i = 0; i < 5; i++)
      stress_check_tree(stress_make_tree(4, i), 4, i);
    for (size_t i = 0; i < 3; i++)
      stress_check_tree((struct stress_tree *)*place(library, names[i]), 2,
                        serial + i);
    API_CHECK(dlclose(library) == 0);
    pthread_mutex_unlock(&loading);
    serial += 3;
    __atomic_fetch_add(&loads, 1, __ATOMIC_RELAXED);
  }
}

static void run_load(void) {
  stress_start(2, load_often);
  stress_start(3, stress_allocate);
  stress_collect_until_done();
  stress_join();
  printf("%llu loads\n", (unsigned long long)loads);
}

/* Forks while other threads hold the dynamic linker's lock. */
static void run_fork_load(void) {
  may_be_loading = true;
  inherited = stress_make_tree(DEPTH, 77);
  stress_start(1, fork_often);
  stress_start(2, load_often);
  stress_collect_until_done();
  stress_join();
  printf("%llu forks, %llu loads\n", (unsigned long long)forks,
         (unsigned long long)loads);
}

/* ------------------------------------------------------ dl_iterate_phdr */

static uint64_t listings;

/* The dynamic linker's lock is held, and a collection may begin here. */
static int allocate_listed(struct dl_phdr_info *info, size_t size, void *data) {
  uint64_t serial = *(uint64_t *)data;
  (void)size;
  stress_check_tree(stress_make_tree(4, serial), 4, serial);
  if (stress_random() % 16 == 0) gc_collect();
  return info->dlpi_phnum == 0;
}

static void list_often(size_t number) {
  uint64_t serial = (uint64_t)number << 32;
  while (!stress_is_done()) {
    API_CHECK(dl_iterate_phdr(allocate_listed, &serial) == 0);
    serial++;
    __atomic_fetch_add(&listings, 1, __ATOMIC_RELAXED);
  }
}

static void run_list(void) {
  inherited = stress_make_tree(DEPTH, 77);
  stress_start(2, list_often);
  stress_start(1, fork_often);
  stress_start(2, stress_allocate);
  stress_collect_until_done();
  stress_join();
  printf("%llu listings, %llu forks\n", (unsigned long long)listings,
         (unsigned long long)forks);
}

const struct stress_case stress_process[] = {
    {"fork", run_fork},
    {"fork-main", run_fork_main},
    {"fork-load", run_fork_load},
    {"spawn", run_spawn},
    {"load", run_load},
    {"list", run_list},
    {NULL, NULL},
};
