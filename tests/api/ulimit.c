/* SPDX-License-Identifier: MIT */
/*
 * ulimit.c: programs under ulimit -v: they run, exhaustion is NULL with ENOMEM
 * and not the end, and a collection takes no memory.  AddressSanitizer needs
 * more address space than any limit: nothing is tested under it.
 */
#include "suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static bool limit_address_space(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  return !suite_is_sanitized() && setrlimit(RLIMIT_AS, &limit) == 0;
}

struct link {
  struct link *next;
  size_t number;
  char rest[];
};

static struct link *volatile list;

/* Until there is no more; nothing that was given is lost.  The list is taken
   apart: half of a pointer that is left beside an int of 0, in somebody's
   frame, leads into the heap where that lies across a multiple of 4 GiB, and
   would keep all that is left of the list from there on. */
static size_t exhaust(size_t size) {
  size_t count = 0, seen = 0;
  struct link *l, *next;
  errno = 0;
  while ((l = gc_malloc(size)) != NULL) {
    l->next = list;
    l->number = count++;
    list = l;
  }
  expect(errno == ENOMEM);
  for (l = list; l != NULL; l = next) {
    expect(l->number == count - ++seen);
    next = l->next;
    l->next = NULL;
  }
  expect(seen == count);
  list = NULL;
  return count * size;
}

static void make_garbage(size_t bytes) {
  for (size_t done = 0; done < bytes; done += 256)
    expect(gc_malloc(256) != NULL);
}

/* A program that runs out of memory again and again, and goes on. */
static void run_under(size_t limit) {
  static const size_t sizes[] = {32, 500, 9000, 200000};
  if (!limit_address_space(limit)) return;
  make_garbage(2 * limit);
  uint64_t collections = suite_stats().collections;
  ck_assert_uint_gt(collections, 3);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t bytes = exhaust(sizes[i]);
    ck_assert_uint_ge(bytes, limit / 5);
    api_scrub();
    make_garbage(limit / 4);
    ck_assert(gc_heap_check());
  }
  ck_assert_uint_gt(suite_stats().collections, collections + 3);
  void *p = malloc(limit / 8); /* of the program's own there is some left */
  ck_assert_ptr_nonnull(p);
  free(p);
}

START_TEST(address_space_of_64_mib) { run_under(64 * MIB); }
END_TEST

START_TEST(address_space_of_512_mib) { run_under(512 * MIB); }
END_TEST

static void *allocate_in_thread(void *data) {
  for (int i = 0; i < 30000; i++) {
    char *p = gc_malloc(100);
    expect(p != NULL ? suite_is_zero(p, 100) : errno == ENOMEM);
  }
  return data;
}

START_TEST(threads_in_64_mib) {
  pthread_t thread[4];
  pthread_attr_t small;
  if (!limit_address_space(64 * MIB)) return;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 << 10);
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 4; i++)
      ck_assert_int_eq(
          pthread_create(&thread[i], &small, allocate_in_thread, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  }
  ck_assert(gc_heap_check());
}
END_TEST

/* Take all address space there is, in pieces down to a page. */
static void take_everything(void) {
  for (size_t bytes = (size_t)1 << 40; bytes >= 4096; bytes /= 2)
    while (mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED)
      continue;
}

/* The first collection of all, when not a page can be mapped any more and not a
   file opened: 20 times the heap's limit goes through the heap. */
START_TEST(collection_takes_no_memory) {
  struct rlimit files = {0, 0};
  if (!limit_address_space(256 * MIB)) return;
  gc_set_heap_limit(8 * MIB);
  ck_assert_ptr_nonnull(gc_malloc(16));
  take_everything();
  if (_i == 1) ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
  void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_eq(page, MAP_FAILED);
  make_garbage(160 * MIB);
  expect(suite_stats().collections > 5);
  expect(exhaust(63) >= 7 * MIB * 63 / 64);
  make_garbage(160 * MIB);
  expect(gc_heap_check());
}
END_TEST

/* The same with a limit of the heap alone: what lives fills it nearly, and each
   collection is one at the limit. */
START_TEST(collections_at_the_heap_limit) {
  gc_set_heap_limit(16 * MIB);
  for (size_t i = 0; i < 14 * MIB / 64; i++) {
    struct link *l = gc_malloc(63);
    expect(l != NULL);
    *l = (struct link){.next = list, .number = i};
    list = l;
  }
  make_garbage(60 * MIB);
  size_t metadata = suite_stats().metadata_bytes;
  make_garbage(60 * MIB);
  ck_assert_uint_le(suite_stats().metadata_bytes, metadata + 65536);
  ck_assert_uint_le(suite_stats().peak_heap_bytes, 16 * MIB);
  size_t i = 14 * MIB / 64;
  for (struct link *l = list; l != NULL; l = l->next) expect(l->number == --i);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("ulimit");
  tcase_add_test(tests, address_space_of_64_mib);
  tcase_add_test(tests, address_space_of_512_mib);
  tcase_add_test(tests, threads_in_64_mib);
  tcase_add_loop_test(tests, collection_takes_no_memory, 0, 2);
  tcase_add_test(tests, collections_at_the_heap_limit);
  return suite_end();
}
