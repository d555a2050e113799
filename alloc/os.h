/* SPDX-License-Identifier: MIT */
/*
 * os.h: memory from the operating system.  os.c is the only file of the
 * library that calls mmap, mprotect and madvise.
 *
 * Address space is reserved once, inaccessible, and made accessible as a
 * growing prefix; huge pages are asked for in a growing part of that.  So a
 * reservation is at any time a few mappings, whatever was committed and
 * returned in between.  Returning memory (gl_os_discard) drops the pages and
 * leaves the mapping alone, so no mapping is ever split and vm.max_map_count is
 * never in the way.
 */
#ifndef GL_OS_H
#define GL_OS_H

#include <time.h>

#include "base.h"

/* Reserve bytes of address space, aligned to alignment (a power of two, whole
   pages).  Returns its start or NULL. */
void *gl_os_reserve(size_t bytes, size_t alignment);

/* Make [start, start + bytes), a part of a reservation, readable, writable and
   zero.  Returns false, with nothing changed, where the system refuses. */
bool gl_os_commit(void *start, size_t bytes);

/* Drop the contents of whole pages: they read as zero, and take no memory
   until they are written again.  Returns false where the system refuses, and
   then the contents are still there. */
bool gl_os_discard(void *start, size_t bytes);

/* Which of these whole pages, which are committed, have memory: bit 0 of a byte
   for each.  Returns false where the system does not say. */
bool gl_os_find_resident(void *start, size_t bytes, unsigned char *resident);

/* Ask for huge pages in a part of a reservation, or that there be none; its
   ends are rounded inwards to whole ones.  Advice: it may come to nothing. */
void gl_os_advise_huge(void *start, size_t bytes, bool wanted);

/* Give memory to whole pages that are committed, which costs a third of a fault
   for each. They keep what they hold: those that were never written, zero.
   Advice: returns false where it came to nothing. */
bool gl_os_populate(void *start, size_t bytes);

/* Map bytes of fresh zeroed memory outside the heap; NULL where the system
   refuses.  Undone by gl_os_unmap. */
void *gl_os_map(size_t bytes);

/* The same, and it is zero again in a process that is made by forking; NULL
   before Linux 4.14 as well. */
void *gl_os_map_for_process(size_t bytes);
void gl_os_unmap(void *start, size_t bytes);

/* Make such memory longer or shorter, with what it holds, perhaps elsewhere:
   nothing is copied.  Returns where it is, or NULL, with nothing changed, where
   the system refuses. */
void *gl_os_remap(void *start, size_t bytes, size_t new_bytes);

/* Address space this process may still map, in bytes; SIZE_MAX where nothing
   limits it (RLIMIT_AS). */
size_t gl_os_address_space_left(void);

/* Monotonic time in nanoseconds: exact, and coarse (some milliseconds) at a
   tenth of the cost. */
uint64_t gl_os_now_ns(void);
uint64_t gl_os_coarse_ns(void);

/* Processor time that all threads of the process have used, that this one has,
   and that the one with a clock (pthread_getcpuclockid) has, in nanoseconds. */
uint64_t gl_os_cpu_ns(void);
uint64_t gl_os_thread_cpu_ns(void);
uint64_t gl_os_cpu_ns_by(clockid_t clock);

/* An unpredictable word for encoding links. */
uint64_t gl_os_random(void);

/*
 * Fault injection for the tests: the n-th call from now on (1 is the next)
 * that could fail does fail, and so do all after it where sticky.  0 switches
 * it off.  gl_os_calls counts such calls.
 */
void gl_os_fail_at(uint64_t n, bool sticky);
uint64_t gl_os_calls(void);

#endif
