/* SPDX-License-Identifier: MIT */
/*
 * futex.c: sleeping and waking by system call alone.  The C library's
 * semaphores and condition variables do not promise to work in a signal
 * handler, where a stopped thread sleeps.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "threads.h"

bool gl_futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns) {
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                             (long)(timeout_ns % 1000000000u)};
  int saved = errno;
  long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
                        timeout_ns == 0 ? NULL : &timeout, NULL, 0);
  bool timed_out = result != 0 && errno == ETIMEDOUT;
  errno = saved;
  return !timed_out;
}

void gl_futex_wake(uint32_t *word, int count) {
  gl_assert(count > 0);
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  errno = saved;
}
