/* SPDX-License-Identifier: MIT */
/* os.c: tests of alloc/os: what is reserved, committed, dropped, refused. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

START_TEST(reserve_aligns) {
  for (size_t align = GL_PAGE_BYTES; align <= 64 * MIB; align *= 4) {
    char *p = gl_os_reserve(MIB, align);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % align, 0);
    ck_assert(gl_os_commit(p, MIB));
    memset(p, 1, MIB);
    gl_os_unmap(p, MIB);
  }
}
END_TEST

START_TEST(reserve_refuses_the_impossible) {
  ck_assert_ptr_null(
      gl_os_reserve(SIZE_MAX - GL_PAGE_BYTES + 1, GL_PAGE_BYTES));
  ck_assert_ptr_null(gl_os_reserve((size_t)1 << 60, GL_PAGE_BYTES));
}
END_TEST

START_TEST(commit_gives_zeroed_memory_piece_by_piece) {
  char *p = gl_os_reserve(4 * MIB, GL_PAGE_BYTES);
  for (size_t at = 0; at < 4 * MIB; at += MIB) {
    ck_assert(gl_os_commit(p + at, MIB));
    ck_assert(test_is_zero(p + at, MIB));
    memset(p + at, 0xa5, MIB);
  }
  ck_assert_int_eq(p[0], (char)0xa5);
  gl_os_unmap(p, 4 * MIB);
}
END_TEST

/* Dropped pages read as zero and take no memory until they are written. */
START_TEST(discard_drops_pages_and_no_others) {
  unsigned char resident[4];
  char *p = gl_os_map(4 * GL_PAGE_BYTES);
  memset(p, 0x5a, 4 * GL_PAGE_BYTES);
  ck_assert(gl_os_discard(p + GL_PAGE_BYTES, 2 * GL_PAGE_BYTES));
  ck_assert_int_eq(mincore(p, 4 * GL_PAGE_BYTES, resident), 0);
  ck_assert(resident[0] & 1);
  ck_assert(!(resident[1] & 1) && !(resident[2] & 1));
  ck_assert(resident[3] & 1);
  ck_assert_int_eq(p[GL_PAGE_BYTES - 1], 0x5a);
  ck_assert(test_is_zero(p + GL_PAGE_BYTES, 2 * GL_PAGE_BYTES));
  ck_assert_int_eq(p[3 * GL_PAGE_BYTES], 0x5a);
  gl_os_unmap(p, 4 * GL_PAGE_BYTES);
}
END_TEST

START_TEST(discard_of_locked_pages_is_refused) {
  char *p = gl_os_map(GL_PAGE_BYTES);
  memset(p, 0x5a, GL_PAGE_BYTES);
  /* The function of this name does nothing under AddressSanitizer. */
  if (syscall(SYS_mlock, p, GL_PAGE_BYTES) == 0) {
    ck_assert(!gl_os_discard(p, GL_PAGE_BYTES));
    ck_assert_int_eq(p[0], 0x5a);
  }
  gl_os_unmap(p, GL_PAGE_BYTES);
}
END_TEST

/* Pages that are populated have memory where the system can do that, and keep
   what is in them in any case. */
START_TEST(populate_changes_no_page) {
  unsigned char resident[4];
  char *p = gl_os_map(4 * GL_PAGE_BYTES);
  p[GL_PAGE_BYTES] = 0x5a;
  errno = 7;
  bool can = gl_os_populate(p, 2 * GL_PAGE_BYTES);
  ck_assert_int_eq(errno, 7);
  ck_assert_int_eq(mincore(p, 4 * GL_PAGE_BYTES, resident), 0);
  ck_assert_int_eq(resident[0] & 1, can);
  ck_assert_int_eq(resident[2] & 1, 0);
  ck_assert_int_eq(p[GL_PAGE_BYTES], 0x5a);
  p[GL_PAGE_BYTES] = 0;
  ck_assert(test_is_zero(p, 4 * GL_PAGE_BYTES));
  gl_os_unmap(p, 4 * GL_PAGE_BYTES);
}
END_TEST

START_TEST(remapped_memory_keeps_what_it_holds) {
  char *p = gl_os_map(2 * GL_PAGE_BYTES);
  memset(p, 0x5a, 2 * GL_PAGE_BYTES);
  p = gl_os_remap(p, 2 * GL_PAGE_BYTES, 100 * GL_PAGE_BYTES);
  ck_assert_ptr_nonnull(p);
  ck_assert_int_eq(p[2 * GL_PAGE_BYTES - 1], 0x5a);
  ck_assert(test_is_zero(p + 2 * GL_PAGE_BYTES, 98 * GL_PAGE_BYTES));
  gl_os_fail_at(1, false);
  ck_assert_ptr_null(gl_os_remap(p, 100 * GL_PAGE_BYTES, GL_PAGE_BYTES));
  p[99 * GL_PAGE_BYTES] = 1;
  p = gl_os_remap(p, 100 * GL_PAGE_BYTES, GL_PAGE_BYTES);
  ck_assert_int_eq(p[GL_PAGE_BYTES - 1], 0x5a);
  gl_os_unmap(p, GL_PAGE_BYTES);
}
END_TEST

START_TEST(fault_hits_the_nth_call_only) {
  char *p = gl_os_map(GL_PAGE_BYTES);
  uint64_t calls = gl_os_calls();
  gl_os_fail_at(3, false);
  ck_assert(gl_os_commit(p, GL_PAGE_BYTES));
  ck_assert(gl_os_discard(p, GL_PAGE_BYTES));
  ck_assert(!gl_os_commit(p, GL_PAGE_BYTES));
  ck_assert(gl_os_commit(p, GL_PAGE_BYTES));
  ck_assert_uint_eq(gl_os_calls(), calls + 4);
  gl_os_unmap(p, GL_PAGE_BYTES);
}
END_TEST

START_TEST(fault_sticks_until_switched_off) {
  char *p = gl_os_map(GL_PAGE_BYTES);
  p[0] = 1;
  gl_os_fail_at(1, true);
  ck_assert(!gl_os_commit(p, GL_PAGE_BYTES));
  ck_assert(!gl_os_discard(p, GL_PAGE_BYTES));
  ck_assert_int_eq(p[0], 1);
  ck_assert_ptr_null(gl_os_map(GL_PAGE_BYTES));
  ck_assert_ptr_null(gl_os_reserve(GL_PAGE_BYTES, GL_PAGE_BYTES));
  gl_os_fail_at(0, false);
  ck_assert(gl_os_discard(p, GL_PAGE_BYTES));
  ck_assert_int_eq(p[0], 0);
  gl_os_unmap(p, GL_PAGE_BYTES);
}
END_TEST

START_TEST(clocks_advance) {
  uint64_t exact = gl_os_now_ns(), coarse = gl_os_coarse_ns();
  ck_assert_uint_le(exact, gl_os_now_ns());
  ck_assert_uint_le(coarse, gl_os_coarse_ns());
  ck_assert_uint_lt(coarse, exact + 1000000);
  ck_assert_uint_ne(gl_os_random(), gl_os_random());
}
END_TEST

START_TEST(reservation_is_two_mappings_whatever_is_committed) {
  char *p = gl_os_reserve(64 * MIB, GL_ARENA_BYTES);
  for (size_t at = 0; at < 32 * MIB; at += MIB) {
    ck_assert(gl_os_commit(p + at, MIB));
    memset(p + at, 1, MIB);
    ck_assert(gl_os_discard(p + at + MIB / 2, MIB / 4));
  }
  size_t mappings = 0;
  char line[256];
  FILE *maps = fopen("/proc/self/maps", "r");
  ck_assert_ptr_nonnull(maps);
  while (fgets(line, sizeof line, maps) != NULL) {
    char *rest;
    uintptr_t from = strtoull(line, &rest, 16);
    uintptr_t to = strtoull(rest + 1, NULL, 16);
    mappings += from < (uintptr_t)p + 64 * MIB && to > (uintptr_t)p;
  }
  fclose(maps);
  ck_assert_uint_le(mappings, 2);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("os");
  tcase_add_test(tests, reserve_aligns);
  tcase_add_test(tests, reserve_refuses_the_impossible);
  tcase_add_test(tests, commit_gives_zeroed_memory_piece_by_piece);
  tcase_add_test(tests, discard_drops_pages_and_no_others);
  tcase_add_test(tests, discard_of_locked_pages_is_refused);
  tcase_add_test(tests, populate_changes_no_page);
  tcase_add_test(tests, remapped_memory_keeps_what_it_holds);
  tcase_add_test(tests, fault_hits_the_nth_call_only);
  tcase_add_test(tests, fault_sticks_until_switched_off);
  tcase_add_test(tests, clocks_advance);
  tcase_add_test(tests, reservation_is_two_mappings_whatever_is_committed);
  return test_end();
}
