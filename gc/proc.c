/* SPDX-License-Identifier: MIT */
/*
 * proc.c: what the kernel tells of the threads of the process, in /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "threads.h"

/* The directory has a link for each of its entries, "." and ".." too. */
size_t gl_proc_count_threads(void) {
  struct stat info;
  return stat("/proc/self/task", &info) == 0 && info.st_nlink > 2
             ? (size_t)info.st_nlink - 2
             : 0;
}

/* A file of a thread under /proc, as text; false where it cannot be read. */
static bool proc_read_file(pid_t tid, const char *name, char *buffer,
                           size_t size) {
  char path[64];
  struct gl_text text = {path, sizeof path, 0};
  gl_text_string(&text, "/proc/self/task/");
  gl_text_number(&text, (uint64_t)tid);
  gl_text_string(&text, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, buffer, size - 1);
  close(fd);
  if (n <= 0) return false;
  buffer[n] = '\0';
  return true;
}

bool gl_proc_is_dead(pid_t pid, pid_t tid) {
  char buffer[512];
  if (syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH)
    return true;
  if (!proc_read_file(tid, "/stat", buffer, sizeof buffer)) return false;
  const char *end = strrchr(buffer, ')'); /* of the name */
  if (end == NULL || end[1] != ' ') return false;
  return end[2] == 'Z' || end[2] == 'X' || end[2] == 'x';
}

/* The set of signals in a line of /proc/.../status, or 0. */
static uint64_t proc_parse_signals(const char *status, const char *name) {
  const char *at = strstr(status, name);
  uint64_t mask = 0;
  if (at == NULL) return 0;
  for (at += strlen(name); *at >= '0'; at++)
    mask = mask << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  return mask;
}

/* Whether the thread is in sigwait or one of its kin. */
static bool proc_is_in_sigwait(pid_t tid) {
  char buffer[128];
  return proc_read_file(tid, "/syscall", buffer, sizeof buffer) &&
         strtol(buffer, NULL, 10) == SYS_rt_sigtimedwait;
}

enum gl_proc_signal gl_proc_find_signal(pid_t tid, int signal) {
  char buffer[4096];
  uint64_t bit = (uint64_t)1 << (signal - 1);
  if (!proc_read_file(tid, "/status", buffer, sizeof buffer))
    return GL_PROC_ON_THE_WAY;
  if ((proc_parse_signals(buffer, "\nSigBlk:\t") & bit) != 0)
    return GL_PROC_HELD_BACK;
  if ((proc_parse_signals(buffer, "\nSigPnd:\t") & bit) != 0)
    return GL_PROC_ON_THE_WAY;
  return proc_is_in_sigwait(tid) ? GL_PROC_HELD_BACK : GL_PROC_TAKEN;
}
