/* SPDX-License-Identifier: MIT */
/*
 * unmodified.c: a program that knows of malloc only.  tests/malloc.sh preloads
 * the library into it.  It allocates before main and after it, in every thread
 * and at its end, on both sides of a fork, and while libraries come and go.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x)                                                               \
  ((x) ? (void)0                                                               \
       : (fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #x),      \
          _Exit(1)))

enum { THREADS = 8, STEPS = 4000, FORKS = 30 };

/* The compiler knows too much about these functions. */
static void *(*volatile call_malloc)(size_t) = malloc;
static void *(*volatile call_calloc)(size_t, size_t) = calloc;
static void *(*volatile call_realloc)(void *, size_t) = realloc;
static void (*volatile call_free)(void *) = free;

static char *before_main;
static pthread_key_t key;

static int is_zero(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != 0) return 0;
  return 1;
}

static void *filled(size_t size) {
  char *p = call_malloc(size);
  CHECK(p != NULL && malloc_usable_size(p) >= size);
  CHECK((uintptr_t)p % 16 == 0);
  return memset(p, 0xa5, size);
}

__attribute__((constructor)) static void construct(void) {
  before_main = filled(1000);
}

__attribute__((destructor)) static void destruct(void) {
  call_free(filled(100));
  call_free(before_main);
  call_free(filled(1 << 20));
}

/* ---------------------------------------------------------------- each name */

static void check_zeroed(void) {
  for (size_t size = 1; size < 400000; size += 1 + size / 3) {
    call_free(filled(size));
    char *p = call_calloc(size, 1);
    CHECK(p != NULL && is_zero(p, size));
    p[size - 1] = 1;
    char *grown = call_realloc(p, 2 * size);
    CHECK(grown != NULL && is_zero(grown, size - 1) && grown[size - 1] == 1);
    call_free(grown);
  }
}

static void check_sizes(void) {
  volatile size_t huge = SIZE_MAX - 100, half = SIZE_MAX / 2;
  errno = 0;
  CHECK(call_malloc(huge) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(call_calloc(half, 3) == NULL && errno == ENOMEM);
  errno = 0;
  char *kept = filled(10);
  CHECK(reallocarray(kept, half, 4) == NULL && errno == ENOMEM);
  CHECK(pvalloc(huge) == NULL);
  call_free(kept);
  char *a = call_malloc(0), *b = call_malloc(0);
  CHECK(a != NULL && b != NULL && a != b);
  CHECK(call_realloc(a, 0) == NULL);
  call_free(b);
  errno = 77;
  call_free(NULL);
  call_free(filled(1 << 22));
  CHECK(errno == 77);
}

static void check_aligned(void) {
  for (size_t align = sizeof(void *); align <= 1 << 21; align *= 2) {
    void *p = NULL;
    CHECK(posix_memalign(&p, align, 1000) == 0 && (uintptr_t)p % align == 0);
    memset(p, 1, 1000);
    call_free(p);
    p = aligned_alloc(align, 3 * align);
    CHECK(p != NULL && (uintptr_t)p % align == 0);
    p = call_realloc(p, 4 * align);
    CHECK(p != NULL);
    call_free(p);
    p = memalign(align - 1, 10);
    CHECK(p != NULL && (uintptr_t)p % align == 0);
    call_free(p);
  }
  void *p = &p;
  CHECK(posix_memalign(&p, 24, 10) == EINVAL && p == &p);
  CHECK(posix_memalign(&p, 4, 10) == EINVAL);
  p = valloc(10);
  CHECK(p != NULL && (uintptr_t)p % 4096 == 0);
  call_free(p);
  p = pvalloc(10);
  CHECK((uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 4096);
  call_free(p);
}

static void check_figures(void) {
  struct mallinfo2 before = mallinfo2();
  char *p = filled((size_t)32 << 20);
  struct mallinfo2 with = mallinfo2();
  CHECK(with.uordblks - before.uordblks >= (size_t)32 << 20);
  CHECK(with.arena >= with.uordblks - ((size_t)1 << 20));
  call_free(p);
  CHECK(mallinfo2().uordblks < with.uordblks);
  CHECK(malloc_trim(0) == 1);
  CHECK(malloc_usable_size(NULL) == 0);
}

/* ------------------------------------------------------------------ threads */

static void at_thread_end(void *p) {
  call_free(p);
  call_free(filled(200));
}

static void *work(void *passed) {
  char *slots[64] = {NULL};
  unsigned random = (unsigned)(uintptr_t)passed | 1;
  pthread_setspecific(key, filled(100));
  for (int i = 0; i < STEPS; i++) {
    random = random * 1664525u + 1013904223u;
    char **slot = &slots[random >> 26];
    size_t size = (random >> 8) % 3000 + 1;
    if (*slot != NULL) CHECK((*slot)[0] == (char)0xa5);
    if (random >> 31) {
      call_free(*slot);
      *slot = filled(size);
    } else {
      *slot = call_realloc(*slot, size);
      CHECK(*slot != NULL);
      memset(*slot, 0xa5, size);
    }
  }
  for (int i = 0; i < 63; i++) call_free(slots[i]);
  call_free(passed);
  return slots[63];
}

static void run_threads(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, filled(50)) == 0);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    call_free(result);
  }
}

/* --------------------------------------------------------------------- fork */

static volatile int stop_working;

static void *work_on(void *data) {
  while (!stop_working) call_free(work(filled(10)));
  return data;
}

static void check_fork(void) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, work_on, NULL) == 0);
  for (int i = 0; i < FORKS; i++) {
    char *from_parent = filled(5000);
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      call_free(from_parent);
      run_threads();
      _exit(0);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    call_free(from_parent);
  }
  stop_working = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

/* ---------------------------------------------------------------- libraries */

static void check_dlopen(void) {
  static const char *const names[] = {"libm.so.6", "libstdc++.so.6",
                                      "libz.so.1", "libcrypt.so.1",
                                      "libresolv.so.2", "no-such-library.so"};
  for (int round = 0; round < 3; round++)
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
      if (library == NULL)
        CHECK(dlerror() != NULL);
      else
        dlclose(library);
    }
}

int main(int argc, char **argv) {
  (void)argv;
  alarm(300);
  CHECK(before_main[999] == (char)0xa5);
  CHECK(pthread_key_create(&key, at_thread_end) == 0);
  check_zeroed();
  check_sizes();
  check_aligned();
  check_figures();
  run_threads();
  check_dlopen();
  check_fork();
  /* Signals are the program's own affair. */
  for (int number = 1; number <= SIGRTMAX; number++) {
    struct sigaction action;
    if (argc == 1 && sigaction(number, NULL, &action) == 0)
      CHECK(action.sa_handler == SIG_DFL);
  }
  puts("all is well");
  return 0;
}
