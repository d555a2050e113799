/* SPDX-License-Identifier: MIT */
/*
 * oom.c: the n-th call of the system fails, for every n until the operation has
 * fewer calls than that; once only, or for as long as it takes.  Nothing is
 * lost, nothing aborts, the heap check passes, and when the system relents the
 * operation works.
 *
 * Links with the convenience library, to fail its calls (alloc/os.h).
 */
#include "suite.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../alloc/os.h"

#define MIB ((size_t)1 << 20)
#define CALLS_MOST 3000

enum { FAULT_HIT = 0, FAULT_NOT_HIT = 42 };

struct operation {
  const char *name;
  bool fresh;               /* the library is not set up before it */
  void (*run)(bool faulty); /* faulty: any step may fail */
};

/* ---------------------------------------------------------------- witnesses */

#define WITNESSES ((size_t)300)

/* Blocks that are there before, of all kinds, and have to be there afterwards.
   Only scanned memory knows those of the collector. */
static struct witness {
  char *start;
  size_t size;
} * witnesses;

static size_t witness_size(size_t i) {
  return i % 50 == 0 ? i * 2000 : i % 9 == 0 ? 5000 + i : i;
}

static void make_witnesses(void) {
  witnesses = gc_malloc(WITNESSES * sizeof *witnesses);
  for (size_t i = 0; i < WITNESSES; i++) {
    struct witness *w = &witnesses[i];
    w->size = witness_size(i);
    w->start = suite_allocate((enum suite_kind)(i % SUITE_KINDS), w->size);
    suite_fill(w->start, w->size, i);
    expect(gc_malloc(witness_size(i)) != NULL);
  }
}

static void verify_witnesses(void) {
  for (size_t i = 0; witnesses != NULL && i < WITNESSES; i++) {
    expect(gc_base(witnesses[i].start) == witnesses[i].start);
    expect(gc_size(witnesses[i].start) >= witnesses[i].size);
    expect(suite_is_filled(witnesses[i].start, witnesses[i].size, i));
  }
}

/* A pointer, or NULL with ENOMEM where that may be. */
static bool got(const void *p, bool faulty) {
  expect(p != NULL || (faulty && errno == ENOMEM));
  return p != NULL;
}

/* --------------------------------------------------------------- operations */

static void set_up(bool faulty) {
  errno = 0;
  bool done = gc_init();
  expect(done || (faulty && errno == ENOMEM));
}

static void allocate_first(bool faulty) {
  static void *volatile p;
  errno = 0;
  p = gc_malloc(40);
  if (got(p, faulty)) expect(suite_is_zero(p, gc_size(p)));
  if (p != NULL) gc_free(p);
}

static const size_t sizes[] = {16, 1000, 20000, 40000, 300000};
#define SIZES (sizeof sizes / sizeof *sizes)

/* Enough of each to need memory from the system. */
static void allocate_kind(enum suite_kind kind, bool faulty) {
  static void *p[800];
  for (size_t i = 0; i < SIZES; i++) {
    size_t count = 300000 / sizes[i];
    count = count > 800 ? 800 : count < 2 ? 2 : count;
    for (size_t j = 0; j < count; j++) {
      errno = 0;
      p[j] = suite_allocate(kind, sizes[i]);
      if (!got(p[j], faulty)) continue;
      expect(kind == SUITE_ATOMIC || suite_is_zero(p[j], sizes[i]));
      suite_fill(p[j], sizes[i], j);
    }
    for (size_t j = 0; j < count; j++) {
      if (p[j] == NULL) continue;
      expect(suite_is_filled(p[j], sizes[i], j));
      gc_free(p[j]);
    }
  }
}

static void allocate_scanned(bool faulty) {
  allocate_kind(SUITE_SCANNED, faulty);
}

static void allocate_atomic(bool faulty) {
  allocate_kind(SUITE_ATOMIC, faulty);
}

static void allocate_uncollectable(bool faulty) {
  allocate_kind(SUITE_UNCOLLECTABLE, faulty);
}

static void allocate_others(bool faulty) {
  for (size_t i = 0; i < SIZES; i++) {
    errno = 0;
    got(gc_calloc(sizes[i], 2), faulty);
    for (size_t alignment = 32; alignment <= MIB; alignment *= 32) {
      errno = 0;
      void *p = gc_aligned_alloc(alignment, sizes[i]);
      if (got(p, faulty)) expect((uintptr_t)p % alignment == 0);
    }
  }
  for (int i = 0; i < 3000; i++) {
    errno = 0;
    char *s = gc_strdup("a string of some length, say a hundred bytes or so");
    if (got(s, faulty)) expect(s[2] == 's');
  }
}

static void resize(bool faulty) {
  static char *p;
  size_t size = 100;
  errno = 0;
  p = gc_malloc(size);
  if (!got(p, faulty)) return;
  suite_fill(p, size, 1);
  while (size < MIB) {
    size_t next = size * 5 / 3;
    errno = 0;
    char *q = gc_realloc(p, next);
    if (got(q, faulty)) p = q;
    expect(suite_is_filled(p, size, 1));
    if (q == NULL) break;
    size = next;
    suite_fill(p, size, 1);
  }
  for (; size > 10; size /= 3) {
    errno = 0;
    char *q = gc_realloc(p, size);
    if (got(q, faulty)) p = q;
    expect(suite_is_filled(p, size, 1));
  }
  gc_free(p);
}

/* Deep enough for a mark stack to want to grow. */
static void collect(bool faulty) {
  static void **volatile array;
  errno = 0;
  void **p = gc_malloc(20000 * sizeof *p);
  array = p;
  for (size_t i = 0; got(p, faulty) && i < 20000; i++) {
    errno = 0;
    p[i] = gc_malloc(16);
    if (got(p[i], faulty)) memset(p[i], 0xFF, 16);
  }
  gc_collect();
  gc_collect();
  p = array;
  for (size_t i = 0; p != NULL && i < 20000; i++)
    expect(p[i] == NULL || *(uint64_t *)p[i] == UINT64_MAX);
  array = NULL;
}

static void add_roots(bool faulty) {
  static uintptr_t words[1000];
  bool added[1000];
  for (size_t i = 0; i < 1000; i++) {
    errno = 0;
    added[i] = i % 2 == 0 ? gc_add_roots(words, words + i)
                          : gc_add_stack(words, words + i);
    expect(added[i] || (faulty && errno == ENOMEM));
  }
  for (size_t i = 0; i < 1000; i++) {
    bool removed = i % 2 == 0 ? gc_remove_roots(words, words + i)
                              : gc_remove_stack(words, words + i);
    expect(removed == added[i]);
  }
}

/* What a thread without a cache, and without memory for one, may do. */
static void *thread_main(void *data) {
  bool faulty = *(bool *)data;
  struct witness *w = &witnesses[2];
  expect(gc_base(w->start) == w->start);
  expect(gc_size(w->start) >= w->size);
  errno = 0;
  void *p = gc_malloc(100);
  if (got(p, faulty)) gc_free(p);
  errno = 0;
  p = gc_realloc(w->start, 100);
  if (got(p, faulty)) {
    w->start = p;
    w->size = 100;
    suite_fill(p, 100, 2);
  }
  gc_free(witnesses[3].start); /* by another thread than its owner */
  witnesses[3] = witnesses[0];
  gc_collect();
  return NULL;
}

static void start_threads(bool faulty) {
  pthread_t thread;
  for (int i = 0; i < 3; i++) {
    witnesses[3].start = NULL;
    expect(pthread_create(&thread, NULL, thread_main, &faulty) == 0);
    expect(pthread_join(thread, NULL) == 0);
  }
  witnesses[3].start = witnesses[0].start;
  witnesses[3].size = 0;
}

/* More threads than there are records at first, none of which the library has
   met, and each with the only pointer to a block: a stop may fail when it has
   asked some of them. */
#define STRANGERS 100

static struct {
  char *volatile block[STRANGERS]; /* handed over, then forgotten */
  pthread_barrier_t ready;
  int finish;
} strangers;

static void *stranger_main(void *data) {
  char *volatile *place = data;
  char *volatile mine = *place;
  *place = NULL;
  pthread_barrier_wait(&strangers.ready);
  while (__atomic_load_n(&strangers.finish, __ATOMIC_ACQUIRE) == 0)
    usleep(2000);
  if (mine != NULL) expect(suite_is_filled(mine, 100, 5));
  return NULL;
}

static void stop_strangers(bool faulty) {
  pthread_t threads[STRANGERS];
  gc_collect(); /* what any collection needs is there */
  strangers.finish = 0;
  pthread_barrier_init(&strangers.ready, NULL, STRANGERS + 1);
  for (size_t i = 0; i < STRANGERS; i++) {
    errno = 0;
    char *p = gc_malloc(100);
    if (got(p, faulty)) suite_fill(p, 100, 5);
    strangers.block[i] = p;
    expect(pthread_create(&threads[i], NULL, stranger_main,
                          (void *)&strangers.block[i]) == 0);
  }
  pthread_barrier_wait(&strangers.ready);
  for (int i = 0; i < 4; i++) gc_collect();
  for (int i = 0; i < 1000; i++) {
    errno = 0;
    char *p = gc_malloc(100);
    if (got(p, faulty)) memset(p, 0xFF, 100);
  }
  __atomic_store_n(&strangers.finish, 1, __ATOMIC_RELEASE);
  for (size_t i = 0; i < STRANGERS; i++)
    expect(pthread_join(threads[i], NULL) == 0);
  pthread_barrier_destroy(&strangers.ready);
}

static bool count_item(const struct gc_walk_item *item, void *data) {
  *(size_t *)data += item->size;
  return true;
}

static void trim_and_look(bool faulty) {
  struct gc_stats stats;
  size_t bytes = 0;
  errno = 0;
  void *p = gc_malloc_atomic(5 * MIB);
  if (got(p, faulty)) gc_free(p);
  gc_trim();
  gc_heap_walk(count_item, &bytes);
  gc_get_stats(&stats);
  expect(gc_heap_check());
  gc_set_heap_limit(0);
  expect(faulty || bytes > 0);
}

static const struct operation operations[] = {
    {"set-up", true, set_up},
    {"first allocation", true, allocate_first},
    {"scanned blocks", false, allocate_scanned},
    {"pointer-free blocks", false, allocate_atomic},
    {"uncollectable blocks", false, allocate_uncollectable},
    {"calloc, aligned, strdup", false, allocate_others},
    {"realloc", false, resize},
    {"collection", false, collect},
    {"the first of everything", true, collect},
    {"add_roots", false, add_roots},
    {"thread start", false, start_threads},
    {"stop of strangers", false, stop_strangers},
    {"trim", false, trim_and_look},
};
#define OPERATIONS ((int)(sizeof operations / sizeof *operations))

/* ------------------------------------------------------------------ running */

/* In a process of its own. */
static int run_with_fault(const struct operation *operation, uint64_t n,
                          bool sticky) {
  if (!operation->fresh) make_witnesses();
  uint64_t calls = gl_os_calls();
  gl_os_fail_at(n, sticky);
  operation->run(true);
  verify_witnesses();
  expect(gc_heap_check());
  calls = gl_os_calls() - calls;
  gl_os_fail_at(0, false);
  expect(gc_heap_check());
  operation->run(false);
  gc_collect();
  verify_witnesses();
  for (int i = 0; i < 1000; i++) expect(gc_malloc(100) != NULL);
  expect(gc_heap_check());
  return n > calls ? FAULT_NOT_HIT : FAULT_HIT;
}

static bool fault_hits(const struct operation *operation, uint64_t n,
                       bool sticky) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(run_with_fault(operation, n, sticky));
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == FAULT_HIT ||
                                      WEXITSTATUS(status) == FAULT_NOT_HIT),
                "%s, call %d%s: status %#x", operation->name, (int)n,
                sticky ? " and all after it" : "", (unsigned)status);
  return WEXITSTATUS(status) == FAULT_HIT;
}

static void fail_every_call(const struct operation *operation, bool sticky) {
  uint64_t n = 1;
  /* Some operations make hundreds of like calls: after the first of them, some
     will do. */
  while (n < CALLS_MOST && fault_hits(operation, n, sticky))
    n += n < 12 || suite_is_full() ? 1 : 1 + n / 4;
  ck_assert_uint_lt(n, CALLS_MOST);
}

START_TEST(one_call_fails) { fail_every_call(&operations[_i], false); }
END_TEST

START_TEST(all_calls_from_one_on_fail) {
  fail_every_call(&operations[_i], true);
}
END_TEST

/* Set-up that fails again and again keeps nothing. */
START_TEST(set_up_fails_often) {
  for (uint64_t n = 1; n < 4; n++) {
    size_t mapped = 0;
    for (int i = 0; i < 300; i++) {
      gl_os_fail_at(n, true);
      if (gc_init()) return;
      expect(gc_malloc(10) == NULL);
      if (i == 10) mapped = suite_mapped_bytes();
      if (i > 10) expect(suite_mapped_bytes() <= mapped + 16 * MIB);
    }
  }
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("oom");
  tcase_add_loop_test(tests, one_call_fails, 0, OPERATIONS);
  tcase_add_loop_test(tests, all_calls_from_one_on_fail, 0, OPERATIONS);
  tcase_add_test(tests, set_up_fails_often);
  return suite_end();
}
