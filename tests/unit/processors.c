/* SPDX-License-Identifier: MIT */
/*
 * processors.c: how many processors a process may use, by quotas of cgroups:
 * made-up ones, in a directory of the test's own.
 */
#include <ftw.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../gc/gc.h"
#include "harness.h"

#define NONE UINT32_MAX

/* A test's directory: the list of groups, and where groups are. */
static char list[100], mount[100];

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *at) {
  (void)info;
  (void)kind;
  (void)at;
  return remove(path);
}

static void begin(void) {
  char root[] = "/tmp/gleaner-XXXXXX";
  ck_assert_ptr_nonnull(mkdtemp(root));
  snprintf(list, sizeof list, "%s/list", root);
  snprintf(mount, sizeof mount, "%s/groups", root);
  ck_assert_int_eq(mkdir(mount, 0700), 0);
}

static void end(void) {
  *strrchr(mount, '/') = '\0';
  ck_assert_int_eq(nftw(mount, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(text, file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

static void make_list(const char *text) { write_file(list, text); }

/* A file of a group, and the groups that it is in. */
static void make(const char *path, const char *text) {
  char whole[8192];
  snprintf(whole, sizeof whole, "%s%s", mount, path);
  for (char *at = whole + strlen(mount) + 1; (at = strchr(at, '/')) != NULL;) {
    *at = '\0';
    mkdir(whole, 0700);
    *at++ = '/';
  }
  write_file(whole, text);
}

static unsigned limit(void) { return gl_processors_by_cgroups(list, mount); }

/* ------------------------------------------------------------------- quotas */

START_TEST(quota_is_rounded_up) {
  static const struct {
    const char *text;
    unsigned limit;
  } cases[] = {{"max 100000\n", NONE},
               {"50000 100000\n", 1},
               {"100000 100000\n", 1},
               {"100001 100000\n", 2},
               {"150000 100000\n", 2},
               {"400000 100000\n", 4},
               {"1000 1000000\n", 1},
               {"20000 5000\n", 4},
               {"800000 100000", 8},
               {"18446744073709551615 1\n", NONE}, /* 2^64 - 1 */
               {"9999999999999 1\n", NONE}};
  begin();
  make_list("0::/web\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make("/web/cpu.max", cases[i].text);
    ck_assert_uint_eq(limit(), cases[i].limit);
  }
  end();
}
END_TEST

/* Whatever is in the way there, it is no reason to use one processor. */
START_TEST(malformed_quota_is_none) {
  static const char *const cases[] = {
      "",   "\n",      "max",       "100000",     "100000\n", "0 100000\n",
      "0",  "1 0\n",   "-1 100000", "-5 100000",  "x 100000", "100000 x",
      "  ", "1e5 100", "\t5 5",     "maximum 10", "100000 -1"};
  begin();
  make_list("0::/web\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make("/web/cpu.max", cases[i]);
    ck_assert_uint_eq(limit(), NONE);
  }
  char nines[200];
  memset(nines, '9', sizeof nines);
  nines[sizeof nines - 1] = '\0';
  make("/web/cpu.max", nines);
  ck_assert_uint_eq(limit(), NONE);
  end();
}
END_TEST

/* The least of a group's and of all that it is in, the root's too. */
START_TEST(quotas_nest) {
  begin();
  make_list("0::/a/b/c\n");
  make("/a/b/c/cpu.max", "max 100000\n");
  ck_assert_uint_eq(limit(), NONE);
  make("/cpu.max", "900000 100000\n");
  ck_assert_uint_eq(limit(), 9);
  make("/a/cpu.max", "300000 100000\n");
  ck_assert_uint_eq(limit(), 3);
  make("/a/b/cpu.max", "600000 100000\n");
  ck_assert_uint_eq(limit(), 3);
  make("/a/b/c/cpu.max", "200000 100000\n");
  ck_assert_uint_eq(limit(), 2);
  make("/a/b/c/d/cpu.max", "100000 100000\n"); /* not of ours */
  make("/b/cpu.max", "100000 100000\n");
  ck_assert_uint_eq(limit(), 2);
  end();
}
END_TEST

/* The path is the machine's, and the container sees its own group as root. */
START_TEST(group_of_the_machine) {
  begin();
  make("/cpu.max", "200000 100000\n");
  make_list("0::/docker/0123456789abcdef\n");
  ck_assert_uint_eq(limit(), 2);
  make_list("0::/\n");
  ck_assert_uint_eq(limit(), 2);
  make_list("0::/../../other\n");
  ck_assert_uint_eq(limit(), 2);
  end();
}
END_TEST

/* ------------------------------------------------------- the list of groups */

START_TEST(no_list_no_limit) {
  begin();
  make("/cpu.max", "100000 100000\n");
  ck_assert_uint_eq(limit(), NONE);
  make_list("");
  ck_assert_uint_eq(limit(), NONE);
  *strrchr(list, '/') = '\0'; /* the directory */
  ck_assert_uint_eq(limit(), NONE);
  end();
}
END_TEST

START_TEST(no_groups_no_limit) {
  begin();
  make_list("0::/web\n");
  ck_assert_uint_eq(limit(), NONE);
  strcat(mount, "/none");
  ck_assert_uint_eq(limit(), NONE);
  *strrchr(mount, '/') = '\0';
  end();
}
END_TEST

START_TEST(malformed_list_is_none) {
  static const char *const cases[] = {"0\n",
                                      "0:\n",
                                      "0::\n",
                                      "0::web\n",
                                      "::/\n",
                                      ":::/\n",
                                      "\n\n\n",
                                      "10::/\n",
                                      "00::/\n",
                                      "0:/\n",
                                      "0:cpu:/\n",
                                      "x0::/\n",
                                      "0::/" /* it has no end */,
                                      "/0::/x\n",
                                      "1:name=0::/\n"};
  begin();
  make("/cpu.max", "100000 100000\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make_list(cases[i]);
    ck_assert_uint_eq(limit(), NONE);
  }
  make_list("\n0\n0:\n::\n0::/web\nx");
  ck_assert_uint_eq(limit(), 1);
  end();
}
END_TEST

/* Version 2 comes last: behind what fills a buffer, as with a dozen controllers
   of version 1 in a deep group. */
START_TEST(list_may_be_long) {
  static char text[20000];
  begin();
  make("/web/cpu.max", "300000 100000\n");
  for (int i = 40; i > 0; i--) {
    char *at = text + strlen(text);
    int n = snprintf(at, 30, "%d:memory:/", i);
    memset(at + n, 'g', 300);
    strcpy(at + n + 300, "/0::/x\n");
  }
  strcat(text, "0::/web\n");
  make_list(text);
  ck_assert_uint_eq(limit(), 3);
  end();
}
END_TEST

/* Of a path that is too long those groups count whose own path is not. */
START_TEST(path_may_be_long) {
  char text[8000] = "0::/web";
  begin();
  make("/web/cpu.max", "300000 100000\n");
  for (size_t length = 0; length < 7000; length += 10) {
    memset(text + 7 + length, length % 50 == 0 ? '/' : 'g', 10);
    strcpy(text + 7 + length + 10, "\n");
    make_list(text);
    ck_assert_uint_eq(limit(), 3);
  }
  /* What is left of a name that was cut is another group's name. */
  text[7] = '/';
  memset(text + 8, 'g', 5000);
  strcpy(text + 5000, "\n");
  make_list(text);
  char other[300] = "/web/";
  memset(other + 5, 'g', 200);
  strcpy(other + 205, "/cpu.max");
  make(other, "100000 100000\n");
  ck_assert_uint_eq(limit(), 3);
  end();
}
END_TEST

/* Groups as deep as paths that can be opened go, and deeper than is read: the
   quotas of all that is read count. */
START_TEST(groups_may_be_deep) {
  char text[8000] = "0::", deep[7000] = "";
  begin();
  for (int i = 0; i < 400; i++) strcat(deep, "/g");
  make("/g/cpu.max", "500000 100000\n");
  sprintf(text, "0::%s\n", deep);
  make_list(text);
  ck_assert_uint_eq(limit(), 5);
  strcat(strcpy(text, deep), "/cpu.max");
  make(text, "400000 100000\n");
  ck_assert_uint_eq(limit(), 4);
  for (int i = 0; i < 3000; i++) strcat(deep, "/g");
  sprintf(text, "0::%s\n", deep);
  make_list(text);
  ck_assert_uint_eq(limit(), 4);
  end();
}
END_TEST

/* ---------------------------------------------------------------- version 1 */

START_TEST(version_1_in_two_files) {
  begin();
  make_list("9:name=systemd:/web\n4:cpuset:/web\n3:cpuacct,cpu:/web\n0::/\n");
  ck_assert_uint_eq(limit(), NONE);
  make("/cpu/web/cpu.cfs_quota_us", "250000\n");
  ck_assert_uint_eq(limit(), NONE);
  make("/cpu/web/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(limit(), 3);
  make("/cpu/cpu.cfs_quota_us", "-1\n");
  make("/cpu/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(limit(), 3);
  make("/cpu/cpu.cfs_quota_us", "50000\n");
  ck_assert_uint_eq(limit(), 1);
  make_list("3:cpu:/docker/0123456789abcdef\n");
  ck_assert_uint_eq(limit(), 1);
  make_list("3:cpuset:/web\n2:cpuacct:/web\n5:xcpu,cpux,cp:/web\n");
  ck_assert_uint_eq(limit(), NONE);
  end();
}
END_TEST

START_TEST(version_1_malformed_is_none) {
  static const char *const cases[] = {"", "\n", "-1\n", "0\n", "x\n", "-"};
  begin();
  make_list("1:cpu:/\n");
  make("/cpu/cpu.cfs_quota_us", "100000\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make("/cpu/cpu.cfs_period_us", cases[i]);
    ck_assert_uint_eq(limit(), NONE);
  }
  make("/cpu/cpu.cfs_period_us", "100000\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make("/cpu/cpu.cfs_quota_us", cases[i]);
    ck_assert_uint_eq(limit(), NONE);
  }
  end();
}
END_TEST

/* Both at once, and the least counts. */
START_TEST(versions_side_by_side) {
  begin();
  make_list("1:cpu:/a\n0::/b\n");
  make("/cpu/a/cpu.cfs_quota_us", "300000\n");
  make("/cpu/a/cpu.cfs_period_us", "100000\n");
  ck_assert_uint_eq(limit(), 3);
  make("/b/cpu.max", "200000 100000\n");
  ck_assert_uint_eq(limit(), 2);
  make("/b/cpu.max", "400000 100000\n");
  ck_assert_uint_eq(limit(), 3);
  end();
}
END_TEST

/* ---------------------------------------------------------- the whole of it */

START_TEST(affinity_counts) {
  cpu_set_t set;
  unsigned all = gl_processors();
  ck_assert_uint_ge(all, 1);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  ck_assert_uint_le(all, (unsigned)CPU_COUNT(&set));
  size_t first = 0;
  while (!CPU_ISSET(first, &set)) first++;
  CPU_ZERO(&set);
  CPU_SET(first, &set);
  ck_assert_int_eq(sched_setaffinity(0, sizeof set, &set), 0);
  ck_assert_uint_eq(gl_processors(), 1);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("processors");
  tcase_add_test(tests, quota_is_rounded_up);
  tcase_add_test(tests, malformed_quota_is_none);
  tcase_add_test(tests, quotas_nest);
  tcase_add_test(tests, group_of_the_machine);
  tcase_add_test(tests, no_list_no_limit);
  tcase_add_test(tests, no_groups_no_limit);
  tcase_add_test(tests, malformed_list_is_none);
  tcase_add_test(tests, list_may_be_long);
  tcase_add_test(tests, path_may_be_long);
  tcase_add_test(tests, groups_may_be_deep);
  tcase_add_test(tests, version_1_in_two_files);
  tcase_add_test(tests, version_1_malformed_is_none);
  tcase_add_test(tests, versions_side_by_side);
  tcase_add_test(tests, affinity_counts);
  return test_end();
}
