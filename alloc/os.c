/* SPDX-License-Identifier: MIT */
/*
 * os.c: reserve, commit, discard: the only file with these system calls.
 * Every call here may fail and says so; none allocates, none locks, and those
 * that come in the middle of the program's calls leave errno alone.
 * Called by runs, heap and the collector's own tables.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct {
  uint64_t calls;   /* calls that could fail, so far */
  uint64_t fail_at; /* the call that is made to fail, 0 for none */
  bool sticky;      /* and all after it */
} os_fault GL_DATA = {1, 0, false};

static bool os_fault_hits(void) {
  uint64_t call = __atomic_fetch_add(&os_fault.calls, 1, __ATOMIC_RELAXED);
  if (os_fault.fail_at == 0 || call < os_fault.fail_at) return false;
  return os_fault.sticky || call == os_fault.fail_at;
}

void gl_os_fail_at(uint64_t n, bool sticky) {
  os_fault.sticky = sticky;
  os_fault.fail_at = n == 0 ? 0 : os_fault.calls + n - 1;
}

uint64_t gl_os_calls(void) { return os_fault.calls; }

void *gl_os_map(size_t bytes) {
  gl_assert(bytes != 0);
  if (os_fault_hits()) return NULL;
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void gl_os_unmap(void *start, size_t bytes) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_require(munmap(start, bytes) == 0);
}

void *gl_os_remap(void *start, size_t bytes, size_t new_bytes) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_assert(bytes != 0 && new_bytes != 0);
  if (os_fault_hits()) return NULL;
  void *p = mremap(start, bytes, new_bytes, MREMAP_MAYMOVE);
  return p == MAP_FAILED ? NULL : p;
}

void *gl_os_reserve(size_t bytes, size_t alignment) {
  gl_assert(bytes % GL_PAGE_BYTES == 0);
  gl_assert(alignment >= GL_PAGE_BYTES && (alignment & (alignment - 1)) == 0);
  size_t padded = bytes + alignment;
  if (padded < bytes || os_fault_hits()) return NULL;
  char *p = mmap(NULL, padded, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return NULL;
  char *start = (char *)gl_round_up((uintptr_t)p, alignment);
  if (start > p) gl_os_unmap(p, (size_t)(start - p));
  char *end = start + bytes;
  gl_assert(end <= p + padded);
  if (p + padded > end) gl_os_unmap(end, (size_t)(p + padded - end));
  return start;
}

void *gl_os_map_for_process(size_t bytes) {
  int saved = errno;
  void *p = gl_os_map(bytes);
  if (p != NULL && madvise(p, bytes, MADV_WIPEONFORK) != 0) {
    gl_os_unmap(p, bytes);
    p = NULL;
  }
  errno = saved;
  return p;
}

bool gl_os_commit(void *start, size_t bytes) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_assert(bytes % GL_PAGE_BYTES == 0);
  if (os_fault_hits()) return false;
  int saved = errno;
  bool done = mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return done;
}

bool gl_os_discard(void *start, size_t bytes) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_assert(bytes % GL_PAGE_BYTES == 0);
  if (os_fault_hits()) return false;
  int saved = errno;
  bool done = madvise(start, bytes, MADV_DONTNEED) == 0;
  errno = saved;
  return done;
}

bool gl_os_find_resident(void *start, size_t bytes, unsigned char *resident) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_assert(bytes % GL_PAGE_BYTES == 0);
  if (os_fault_hits()) return false;
  int saved = errno;
  bool done = mincore(start, bytes, resident) == 0;
  errno = saved;
  return done;
}

void gl_os_advise_huge(void *start, size_t bytes, bool wanted) {
  gl_assert(bytes <= UINTPTR_MAX - (uintptr_t)start);
  char *from = (char *)gl_round_up((uintptr_t)start, GL_HUGE_BYTES);
  char *to = (char *)(((uintptr_t)start + bytes) & ~(GL_HUGE_BYTES - 1));
  int saved = errno;
  if (from < to)
    madvise(from, (size_t)(to - from),
            wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  errno = saved;
}

/* Since Linux 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

bool gl_os_populate(void *start, size_t bytes) {
  gl_assert((uintptr_t)start % GL_PAGE_BYTES == 0);
  gl_assert(bytes % GL_PAGE_BYTES == 0);
  static bool refused GL_DATA = false;
  int saved = errno;
  if (__atomic_load_n(&refused, __ATOMIC_RELAXED)) return false;
  bool done = madvise(start, bytes, MADV_POPULATE_WRITE) == 0;
  if (!done && errno == EINVAL)
    __atomic_store_n(&refused, true, __ATOMIC_RELAXED);
  errno = saved;
  return done;
}

/* First number of statm: pages of address space in use. */
static size_t os_pages_mapped(void) {
  char text[32];
  int fd = open("/proc/thread-self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = '\0';
  return strtoul(text, NULL, 10);
}

size_t gl_os_address_space_left(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return SIZE_MAX;
  size_t used = os_pages_mapped() << GL_PAGE_SHIFT;
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

static uint64_t os_clock_ns(clockid_t clock) {
  struct timespec t = {0, 0};
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t gl_os_cpu_ns_by(clockid_t clock) { return os_clock_ns(clock); }

uint64_t gl_os_now_ns(void) { return os_clock_ns(CLOCK_MONOTONIC); }

uint64_t gl_os_coarse_ns(void) { return os_clock_ns(CLOCK_MONOTONIC_COARSE); }

uint64_t gl_os_cpu_ns(void) { return os_clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t gl_os_thread_cpu_ns(void) {
  return os_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t gl_os_random(void) {
  uint64_t word;
  if (getrandom(&word, sizeof word, GRND_NONBLOCK) == sizeof word) return word;
  /* Early boot has no entropy yet: the clock and the layout must do. */
  return gl_os_now_ns() * 0x9E3779B97F4A7C15u ^ (uintptr_t)&word;
}
