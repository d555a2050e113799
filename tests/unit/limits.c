/* SPDX-License-Identifier: MIT */
/*
 * limits.c: the heap under ulimit -v: it takes less address space, leaves some
 * to the program, and says NULL when there is no more.  AddressSanitizer needs
 * more than any limit: nothing is tested under it.
 */
#include <sys/resource.h>

#include "harness.h"

#define MIB ((size_t)1 << 20)

/* Of the whole process, as ulimit -v counts.  False where that is less than
   the process has already. */
static bool limit_address_space(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return false;
  return gl_os_address_space_left() > MIB;
}

static size_t allocate_all(size_t size, enum gl_kind kind) {
  size_t bytes = 0;
  for (char *p; (p = test_allocate(gl_self, size, kind)) != NULL; bytes += size)
    memset(p, 1, size);
  return bytes;
}

static void heap_in(size_t bytes, size_t least) {
  if (!limit_address_space(bytes)) return;
  size_t left = gl_os_address_space_left();
  ck_assert(gl_heap_init());
  ck_assert_uint_le(gl_heap.size_bytes, left / 2);
  ck_assert_uint_ge(gl_heap.size_bytes, left / 8);
  ck_assert_uint_ge(gl_os_address_space_left(), left / 4);
  void *p = malloc(bytes / 8); /* the program's own */
  ck_assert_ptr_nonnull(p);
  free(p);
  ck_assert_uint_ge(allocate_all(40000, GL_SCANNED), least);
  ck_assert(test_prove());
  test_collect(test_keep_none, NULL);
  ck_assert_uint_ge(allocate_all(100, GL_ATOMIC), least);
  test_collect(test_keep_none, NULL);
  ck_assert_ptr_nonnull(test_allocate(gl_self, least, GL_SCANNED));
  ck_assert(test_prove());
}

START_TEST(address_space_of_64_mib) { heap_in(64 * MIB, 8 * MIB); }
END_TEST

START_TEST(address_space_of_512_mib) { heap_in(512 * MIB, 64 * MIB); }
END_TEST

START_TEST(no_limit_reserves_much) {
  if (gl_os_address_space_left() != SIZE_MAX) return;
  ck_assert(gl_heap_init());
  ck_assert_uint_ge(gl_heap.size_bytes, (size_t)1 << 34);
}
END_TEST

/* Where not even the smallest heap fits, there is none, and nobody is hurt. */
START_TEST(no_address_space_at_all) {
  struct rlimit limit = {MIB, MIB};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return;
  ck_assert_uint_eq(gl_os_address_space_left(), 0);
  ck_assert(!gl_heap_init());
  ck_assert_ptr_null(test_allocate(gl_self, 10, GL_SCANNED));
}
END_TEST

int main(void) {
  TCase *tests = test_begin("limits");
  tcase_add_test(tests, address_space_of_64_mib);
  tcase_add_test(tests, address_space_of_512_mib);
  tcase_add_test(tests, no_limit_reserves_much);
  tcase_add_test(tests, no_address_space_at_all);
  return test_end();
}
