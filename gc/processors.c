/* SPDX-License-Identifier: MIT */
/*
 * processors.c: how many processors this process may use: no more than its
 * affinity mask has, and no more than the quota of any cgroup (version 2) that
 * it is in, rounded up.  A container with half a processor gets one marker.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc.h"

#define PROCESSORS_PATH_MAX 1024

static bool processors_read(const char *path, char *buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, buffer, size - 1);
  close(fd);
  if (n <= 0) return false;
  buffer[n] = '\0';
  return true;
}

/* "quota period" in microseconds, or "max period". */
static unsigned processors_quota(const char *group) {
  char path[PROCESSORS_PATH_MAX + 64], line[64];
  struct gl_text text = {path, sizeof path, 0};
  gl_text_string(&text, "/sys/fs/cgroup");
  gl_text_string(&text, group);
  gl_text_string(&text, "/cpu.max");
  if (!processors_read(path, line, sizeof line)) return UINT32_MAX;
  char *end;
  unsigned long quota = strtoul(line, &end, 10);
  if (end == line) return UINT32_MAX;
  unsigned long period = strtoul(end, NULL, 10);
  if (quota == 0 || period == 0) return UINT32_MAX;
  return (unsigned)((quota + period - 1) / period);
}

/* The least quota of the process's cgroup and of those it is in. */
static unsigned processors_by_cgroup(void) {
  char buffer[PROCESSORS_PATH_MAX];
  if (!processors_read("/proc/self/cgroup", buffer, sizeof buffer))
    return UINT32_MAX;
  char *group = strstr(buffer, "0::");
  if (group == NULL) return UINT32_MAX;
  group += 3;
  group[strcspn(group, "\n")] = '\0';
  unsigned least = UINT32_MAX;
  for (;;) {
    unsigned quota = processors_quota(group);
    if (quota < least) least = quota;
    char *slash = strrchr(group, '/');
    if (slash == NULL) return least;
    *slash = '\0'; /* the group around it; "" is the root */
  }
}

unsigned gl_processors(void) {
  cpu_set_t set;
  unsigned count = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    count = (unsigned)CPU_COUNT(&set);
  unsigned quota = processors_by_cgroup();
  if (quota < count) count = quota;
  return count == 0 ? 1 : count;
}
