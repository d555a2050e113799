/* SPDX-License-Identifier: MIT */
/*
 * proc.c: what the kernel tells of the threads of the process, in /proc mostly.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "threads.h"

#define PROC_LIST_BYTES 32768

/* The directory has a link for each of its entries, "." and ".." too. */
size_t gl_proc_count_threads(void) {
  struct stat info;
  return stat("/proc/self/task", &info) == 0 && info.st_nlink > 2
             ? (size_t)info.st_nlink - 2
             : 0;
}

/* To unshare what threads share does nothing where there is one, and is refused
   where there are others (unshare(2)).  A sandbox may refuse it in any case. */
bool gl_proc_is_alone(void) {
  static bool refused GL_DATA = false;
  if (refused) return false;
  int saved = errno;
  bool alone = unshare(CLONE_THREAD) == 0;
  refused = !alone && errno != EINVAL;
  errno = saved;
  return alone;
}

/* Not on the stack, which may be a small one, nor static: a program reads as
   many of its pages as it has threads for. */
static struct {
  int fd;
  long at, bytes; /* in the buffer */
  bool has_failed;
  char *entries;
} proc_list GL_DATA = {.fd = -1};

bool gl_proc_open_threads(void) {
  proc_list.has_failed = false;
  proc_list.fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return proc_list.fd >= 0;
}

/* Unless it was found to be another's by now. */
void gl_proc_close_threads(void) {
  if (!proc_list.has_failed) close(proc_list.fd);
  proc_list.fd = -1;
}

bool gl_proc_init(void) {
  if (proc_list.entries == NULL) proc_list.entries = gl_os_map(PROC_LIST_BYTES);
  return proc_list.entries != NULL;
}

void gl_proc_begin_threads(void) {
  gl_assert(proc_list.fd >= 0 && proc_list.entries != NULL);
  lseek(proc_list.fd, 0, SEEK_SET);
  proc_list.at = proc_list.bytes = 0;
}

_Static_assert(10L << GL_TID_BITS < INT32_MAX, "and one more digit");

/* The number at the start of a name; 0 where there is none. */
static pid_t proc_parse(const char *name) {
  long tid = 0;
  for (; *name >= '0' && *name <= '9' && tid < 1 << GL_TID_BITS; name++)
    tid = tid * 10 + (*name - '0');
  return (pid_t)tid;
}

pid_t gl_proc_next_thread(void) {
  for (;;) {
    if (proc_list.at >= proc_list.bytes) {
      proc_list.at = 0;
      proc_list.bytes = syscall(SYS_getdents64, proc_list.fd, proc_list.entries,
                                PROC_LIST_BYTES);
      proc_list.has_failed = proc_list.bytes < 0;
      if (proc_list.bytes <= 0) return (pid_t)proc_list.bytes;
    }
    const struct dirent64 *entry =
        (const struct dirent64 *)(proc_list.entries + proc_list.at);
    proc_list.at += entry->d_reclen;
    gl_assert(entry->d_reclen > 0 && proc_list.at <= proc_list.bytes);
    pid_t tid = proc_parse(entry->d_name);
    if (tid != 0) return tid;
  }
}

bool gl_proc_is_foreign(pid_t pid) {
  char link[32];
  ssize_t n = readlink("/proc/self", link, sizeof link - 1);
  if (n <= 0) return false;
  link[n] = '\0';
  return strtol(link, NULL, 10) != pid;
}

/* A file of a thread under /proc. */
static int proc_open(pid_t tid, const char *name) {
  char path[64];
  struct gl_text text = {path, sizeof path, 0};
  gl_text_string(&text, "/proc/self/task/");
  gl_text_number(&text, (uint64_t)tid);
  gl_text_string(&text, name);
  gl_assert(tid > 0 && text.length < text.size);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* The beginning of one, as text; false where it cannot be read. */
static bool proc_read_file(pid_t tid, const char *name, char *buffer,
                           size_t size) {
  return gl_text_read(proc_open(tid, name), buffer, size);
}

bool gl_proc_is_gone(pid_t pid, pid_t tid) {
  gl_assert(pid > 0 && tid > 0);
  return syscall(SYS_tgkill, pid, tid, 0) != 0 && errno == ESRCH;
}

bool gl_proc_is_dead(pid_t pid, pid_t tid) {
  char buffer[512];
  if (gl_proc_is_gone(pid, tid)) return true;
  if (!proc_read_file(tid, "/stat", buffer, sizeof buffer)) return false;
  const char *end = strrchr(buffer, ')'); /* of the name */
  if (end == NULL || end[1] != ' ') return false;
  return end[2] == 'Z' || end[2] == 'X' || end[2] == 'x';
}

/* Two lines of /proc/.../status. */
struct proc_signals {
  uint64_t pending, blocked;
};

static void proc_parse_line(char *line, bool whole, void *data) {
  struct proc_signals *signals = data;
  uint64_t set = 0;
  (void)whole;
  uint64_t *which = strncmp(line, "SigPnd:\t", 8) == 0   ? &signals->pending
                    : strncmp(line, "SigBlk:\t", 8) == 0 ? &signals->blocked
                                                         : NULL;
  if (which == NULL) return;
  gl_assert(*which == 0); /* each comes once */
  for (const char *at = line + 8; *at >= '0'; at++)
    set = set << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  *which = set;
}

/* Line by line: one of them lists the groups of the user, which may be
   thousands. */
static bool proc_read_signals(pid_t tid, struct proc_signals *signals) {
  char line[40];
  *signals = (struct proc_signals){0, 0};
  return gl_text_read_lines(proc_open(tid, "/status"), line, sizeof line,
                            proc_parse_line, signals);
}

/* Whether the thread is in sigwait or one of its kin. */
static bool proc_is_in_sigwait(pid_t tid) {
  char buffer[128];
  return proc_read_file(tid, "/syscall", buffer, sizeof buffer) &&
         strtol(buffer, NULL, 10) == SYS_rt_sigtimedwait;
}

/* Flags of a task (linux/sched.h): a worker of io_uring; from Linux 6.4 on, any
   thread that the kernel has made in a process. */
#define PROC_IO_WORKER 0x10u
#define PROC_USER_WORKER 0x4000u

/* In the line of numbers the flags are behind the name, the state and five
   others.  The same bits have meant something else, so the mask of signals has
   to be that of such a thread too: all that there are but two, which even it
   cannot hold back. */
bool gl_proc_is_kernels(pid_t tid) {
  const uint64_t two = (uint64_t)1 << (SIGKILL - 1) | (uint64_t)1
                                                          << (SIGSTOP - 1);
  char buffer[512];
  struct proc_signals signals;
  if (!proc_read_file(tid, "/stat", buffer, sizeof buffer)) return false;
  const char *at = strrchr(buffer, ')');
  for (int i = 0; at != NULL && i < 7; i++) at = strchr(at + 1, ' ');
  if (at == NULL) return false;
  unsigned long flags = strtoul(at, NULL, 10);
  return (flags & (PROC_IO_WORKER | PROC_USER_WORKER)) != 0 &&
         proc_read_signals(tid, &signals) &&
         (signals.blocked | two) == UINT64_MAX;
}

enum gl_proc_signal gl_proc_find_signal(pid_t tid, int signal) {
  gl_assert(signal >= 1 && signal <= 64);
  uint64_t bit = (uint64_t)1 << (signal - 1);
  struct proc_signals signals;
  if (!proc_read_signals(tid, &signals)) return GL_PROC_ON_THE_WAY;
  bool blocked = (signals.blocked & bit) != 0;
  if ((signals.pending & bit) != 0)
    return blocked ? GL_PROC_HELD_BACK : GL_PROC_ON_THE_WAY;
  if (blocked) return GL_PROC_BLOCKED;
  return proc_is_in_sigwait(tid) ? GL_PROC_HELD_BACK : GL_PROC_TAKEN;
}
