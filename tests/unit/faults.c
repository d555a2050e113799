/* SPDX-License-Identifier: MIT */
/*
 * faults.c: the n-th call of the system fails, for every n until what is done
 * here has fewer calls than that.  Once only, or for as long as it takes:
 * whatever was allocated stays as it was, NULL is the worst that happens, the
 * heap still proves, and when the system relents everything works again.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define BLOCKS ((size_t)600)

static struct {
  char *start;
  size_t usable;
} blocks[BLOCKS];

static void note(size_t i, char *p) {
  if (p == NULL) return;
  blocks[i].start = p;
  blocks[i].usable = test_usable(p);
  test_fill(p, blocks[i].usable, i);
}

static void verify(void) {
  for (size_t i = 0; i < BLOCKS; i++)
    if (blocks[i].start != NULL)
      expect(test_is_filled(blocks[i].start, blocks[i].usable, i));
}

static void free_some(size_t step) {
  for (size_t i = 0; i < BLOCKS; i += step) {
    if (blocks[i].start == NULL) continue;
    expect(test_free(gl_self, blocks[i].start) == GL_FAULT_NONE);
    blocks[i].start = NULL;
  }
}

static void resize_some(void) {
  struct gl_block block;
  for (size_t i = 0; i < BLOCKS; i += 3) {
    if (blocks[i].start == NULL) continue;
    expect(gl_heap_find(blocks[i].start, &block));
    size_t size = block.size * 2 + 40;
    bool grown = gl_heap_try_resize(gl_self, &block, size);
    size_t usable = test_usable(blocks[i].start);
    expect(grown ? usable >= size : usable == blocks[i].usable);
    if (grown) note(i, blocks[i].start);
  }
}

static void collect_and_release(void) {
  if (gl_self == &gl_cache_none) return;
  test_collect(test_keep_all, NULL);
  gl_heap_lock(NULL);
  gl_heap_release_empty();
  gl_runs_scavenge(0);
  gl_heap_unlock();
}

/* Allocate what is missing: all sizes and kinds, some aligned. */
static void allocate_missing(bool free_meanwhile) {
  enum gl_want want;
  for (size_t i = 0; i < BLOCKS; i++) {
    size_t size = i % 20 == 0 ? i * 1200 : i % 7 == 0 ? 9000 : i;
    enum gl_kind kind = (enum gl_kind)(i % GL_KIND_COUNT);
    if (blocks[i].start != NULL) continue;
    if (i % 50 == 1)
      note(i, gl_heap_allocate_aligned(gl_self, size, GL_ARENA_BYTES, kind,
                                       &want));
    else
      note(i, test_allocate(gl_self, size, kind));
    if (free_meanwhile && i % 100 == 50) free_some(11);
  }
}

/* Something of everything that calls the system. */
static void work(void) {
  allocate_missing(true);
  resize_some();
  verify();
  collect_and_release();
  verify();
}

/* In a process of its own: nothing here may abort. */
static void work_with_fault(uint64_t n, bool sticky) {
  gl_os_fail_at(n, sticky);
  if (!gl_heap_init()) gl_os_fail_at(0, false);
  if (!gl_heap.ready) expect(gl_heap_init());
  gl_heap.runs.limit_pages = (256 << 20) >> GL_PAGE_SHIFT;
  work();
  expect(test_prove());
  gl_os_fail_at(0, false);
  work();
  allocate_missing(false);
  verify();
  for (size_t i = 0; i < BLOCKS; i++) expect(blocks[i].start != NULL);
  expect(test_prove());
  free_some(1);
  collect_and_release();
  test_collect(test_keep_none, NULL);
  expect(gl_heap.runs.used_pages == 0);
  expect(test_prove());
}

/* Calls that the work makes when nothing fails. */
static uint64_t count_calls(void) {
  uint64_t calls = gl_os_calls();
  expect(gl_heap_init());
  work();
  return gl_os_calls() - calls;
}

static void fail_every_call(bool sticky) {
  int count[2];
  ck_assert_int_eq(pipe(count), 0);
  pid_t child = fork();
  if (child == 0) {
    uint64_t calls = count_calls();
    _exit(write(count[1], &calls, sizeof calls) == sizeof calls ? 0 : 1);
  }
  uint64_t calls = 0;
  ck_assert_int_eq(read(count[0], &calls, sizeof calls), sizeof calls);
  ck_assert_int_eq(waitpid(child, NULL, 0), child);
  ck_assert_uint_gt(calls, 20);
  for (uint64_t n = 1; n <= calls + 1; n++) {
    int status;
    child = fork();
    if (child == 0) {
      work_with_fault(n, sticky);
      _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "call %d of %d: status %#x", (int)n, (int)calls,
                  (unsigned)status);
  }
}

START_TEST(one_call_fails) { fail_every_call(false); }
END_TEST

START_TEST(all_calls_from_one_on_fail) { fail_every_call(true); }
END_TEST

/* A thread that gets no cache gets no memory; its frees are not noted, and
   nothing else happens to it. */
START_TEST(no_cache_for_a_thread) {
  struct gl_cache *cache = test_heap();
  char *p = test_allocate(cache, 100, GL_SCANNED);
  gl_cache_release(cache);
  cache->in_use = true; /* another thread was faster */
  gl_os_fail_at(1, true);
  ck_assert_ptr_null(test_allocate(gl_self, 100, GL_SCANNED));
  ck_assert_ptr_null(test_allocate(gl_self, 1 << 20, GL_SCANNED));
  ck_assert_int_eq(test_free(gl_self, p), GL_FAULT_NONE);
  ck_assert_ptr_eq(gl_self, &gl_cache_none);
  gl_os_fail_at(0, false);
  ck_assert_uint_eq(test_usable(p), 112);
  ck_assert_ptr_nonnull(test_allocate(gl_self, 100, GL_SCANNED));
  ck_assert(test_prove());
}
END_TEST

/* The reservation is halved as often as it takes. */
START_TEST(reservation_is_halved) {
  gl_os_fail_at(1, false);
  ck_assert(gl_heap_init());
  size_t once = gl_heap.size_bytes;
  gl_os_fail_at(1, false);
  ck_assert(gl_heap_init());
  ck_assert_uint_eq(gl_heap.size_bytes, once);
  gl_os_fail_at(0, false);
  ck_assert(gl_heap_init());
  ck_assert_uint_eq(gl_heap.size_bytes, 2 * once);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("faults");
  tcase_add_test(tests, one_call_fails);
  tcase_add_test(tests, all_calls_from_one_on_fail);
  tcase_add_test(tests, no_cache_for_a_thread);
  tcase_add_test(tests, reservation_is_halved);
  return test_end();
}
