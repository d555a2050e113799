/* SPDX-License-Identifier: MIT */
/*
 * processors.c: how many processors this process may use: no more than its
 * affinity mask has, and no more than the quota of any cgroup that it is in,
 * rounded up.  A container with half a processor gets one marker.
 *
 * /proc/self/cgroup has a line for each hierarchy that the process is in:
 *
 *    0::/service/web              version 2; the quota is in cpu.max
 *    4:cpu,cpuacct:/service/web   version 1, with the controllers that it has
 *
 * The path is that of the machine.  A container may see its own group where the
 * machine has the root of all: groups that are not there have no quota, and the
 * way up ends at the root in any case.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "gc.h"

/* Of longer paths, the groups count whose own path fits.  (Programs may collect
   first on the small stack of a coroutine.) */
#define PROCESSORS_PATH_MAX 1024
#define PROCESSORS_NAME_MAX 32 /* of the files that quotas are in */

/* Masks for as many as Linux can have, or the call fails on large machines. */
#define PROCESSORS_MAX 8192

#define PROCESSORS_NO_QUOTA UINT32_MAX

/* The number at *text, which is moved past it; 0 where there is none. */
static uint64_t processors_number(const char **text) {
  uint64_t number = 0;
  while (**text == ' ') ++*text;
  for (; **text >= '0' && **text <= '9'; ++*text) {
    if (number > (UINT64_MAX - 9) / 10) return 0;
    number = number * 10 + (uint64_t)(**text - '0');
  }
  return number;
}

static unsigned processors_divide(uint64_t quota, uint64_t period) {
  if (quota == 0 || period == 0) return PROCESSORS_NO_QUOTA;
  uint64_t count = quota / period + (quota % period != 0);
  gl_assert(count > 0);
  return count < PROCESSORS_NO_QUOTA ? (unsigned)count : PROCESSORS_NO_QUOTA;
}

/* A file of a group, as text; its path is made behind that of the group. */
static bool processors_read_in(char *group, const char *name, char *buffer,
                               size_t size) {
  size_t length = strlen(group);
  struct gl_text text = {group + length, PROCESSORS_NAME_MAX, 0};
  gl_text_string(&text, name);
  gl_assert(length < PROCESSORS_PATH_MAX && text.length < text.size);
  int fd = open(group, O_RDONLY | O_CLOEXEC);
  bool done = gl_text_read(fd, buffer, size);
  group[length] = '\0';
  return done;
}

/* "quota period" in microseconds, or "max period". */
static unsigned processors_quota(char *group) {
  char line[64];
  const char *at = line;
  if (!processors_read_in(group, "/cpu.max", line, sizeof line))
    return PROCESSORS_NO_QUOTA;
  uint64_t quota = processors_number(&at);
  return processors_divide(quota, processors_number(&at));
}

/* The same in two files; a quota of -1 is none. */
static unsigned processors_quota_v1(char *group) {
  char quota[32], period[32];
  const char *at = quota, *of = period;
  if (!processors_read_in(group, "/cpu.cfs_quota_us", quota, sizeof quota) ||
      !processors_read_in(group, "/cpu.cfs_period_us", period, sizeof period))
    return PROCESSORS_NO_QUOTA;
  uint64_t number = processors_number(&at);
  return processors_divide(number, processors_number(&of));
}

/* Whether "cpu" is among names with commas between them. */
static bool processors_has_cpu(const char *names) {
  for (;;) {
    size_t length = strcspn(names, ",");
    if (length == 3 && strncmp(names, "cpu", 3) == 0) return true;
    if (names[length] == '\0') return false;
    names += length + 1;
  }
}

/* Leave a path's last part out: the group around. */
static bool processors_leave(char *path) {
  char *slash = strrchr(path, '/');
  if (slash != NULL) *slash = '\0';
  return slash != NULL;
}

/* The least quota of a group and of those it is in. */
static unsigned processors_least(const char *mount, const char *group,
                                 bool first) {
  char path[PROCESSORS_PATH_MAX + PROCESSORS_NAME_MAX];
  struct gl_text text = {path, PROCESSORS_PATH_MAX, 0};
  unsigned least = PROCESSORS_NO_QUOTA;
  gl_assert(*group == '/'); /* it ends what is the root */
  gl_text_string(&text, mount);
  if (first) gl_text_string(&text, "/cpu");
  size_t root = text.length;
  gl_text_string(&text, group);
  if (root >= text.size) return least;
  if (text.length >= text.size) processors_leave(path);
  for (;;) {
    unsigned quota = first ? processors_quota_v1(path) : processors_quota(path);
    if (quota < least) least = quota;
    if (strlen(path) <= root || !processors_leave(path)) return least;
  }
}

/* What a line of the list of groups says. */
static unsigned processors_by_line(char *line, const char *mount) {
  char *names = strchr(line, ':');
  char *group = names == NULL ? NULL : strchr(names + 1, ':');
  if (group == NULL || group[1] != '/') return PROCESSORS_NO_QUOTA;
  *names++ = *group++ = '\0';
  bool first = strcmp(line, "0") != 0; /* version */
  if (first ? !processors_has_cpu(names) : *names != '\0')
    return PROCESSORS_NO_QUOTA;
  return processors_least(mount, group, first);
}

struct processors_search {
  const char *mount;
  unsigned least;
};

/* Of a path that is cut, the groups count that are there as a whole. */
static void processors_take_line(char *line, bool whole, void *data) {
  struct processors_search *search = data;
  if (!whole && !processors_leave(line)) return;
  unsigned quota = processors_by_line(line, search->mount);
  if (quota < search->least) search->least = quota;
}

unsigned gl_processors_by_cgroups(const char *list, const char *mount) {
  char line[PROCESSORS_PATH_MAX];
  struct processors_search search = {mount, PROCESSORS_NO_QUOTA};
  int fd = open(list, O_RDONLY | O_CLOEXEC);
  gl_text_read_lines(fd, line, sizeof line, processors_take_line, &search);
  return search.least;
}

unsigned gl_processors_by_affinity(void) {
  cpu_set_t set[PROCESSORS_MAX / CPU_SETSIZE];
  if (sched_getaffinity(0, sizeof set, set) != 0) return 1;
  return (unsigned)CPU_COUNT_S(sizeof set, set);
}

unsigned gl_processors(void) {
  unsigned count = gl_processors_by_affinity();
  unsigned quota =
      gl_processors_by_cgroups("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota < count) count = quota;
  return count == 0 ? 1 : count;
}
