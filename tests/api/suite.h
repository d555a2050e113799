/* SPDX-License-Identifier: MIT */
/*
 * suite.h: the frame of a Check suite that sees the library as a program does,
 * by gleaner.h alone.
 *
 * Every test runs in a process of its own (Check forks), and the library is
 * first used in there: so a test may set the environment, limits and where
 * standard error goes before it is set up.
 */
#ifndef GLEANER_TESTS_SUITE_H
#define GLEANER_TESTS_SUITE_H

#include <check.h>
#include <errno.h>

#include "../api.h"

/* 1 where the library is built with tiny arenas, and minor collections whenever
   one may be. */
#ifndef GL_TORTURE
#define GL_TORTURE 0
#endif

/* Begin a suite: prints the seed and returns its test case. */
TCase *suite_begin(const char *name);

/* Run it; what main returns. */
int suite_end(void);

/* For loops: Check's own assertions make a system call each, to say how far the
   test has come. */
#define expect(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

/* NULL is the answer to x, and errno says why. */
#define expect_error(x, code)                                                  \
  (errno = 0, expect((x) == NULL), expect(errno == (code)))

/* n, of which the compiler knows nothing: it warns of sizes that cannot be. */
size_t suite_opaque(size_t n);

/* True where GLEANER_TEST_FULL asks for the long form of the tests. */
bool suite_is_full(void);

/* True under AddressSanitizer, which has its own ways with address space,
   resident memory and the stack. */
bool suite_is_sanitized(void);

/* The seed is GLEANER_SEED, or a new one for every run. */
uint64_t suite_random(void);

/* Below n, which is not 0. */
size_t suite_below(size_t n);

/* --------------------------------------------------------------- allocating */

/* What allocates, by kind. */
enum suite_kind { SUITE_SCANNED, SUITE_ATOMIC, SUITE_UNCOLLECTABLE };
#define SUITE_KINDS 3

void *suite_allocate(enum suite_kind kind, size_t size);

/* Allocate so many bytes, in small scanned blocks, and keep none. */
void suite_make_garbage(size_t bytes);

bool suite_is_zero(const void *p, size_t bytes);

/* Fill bytes with what only this id has, and see that they still have it.  The
   words look like no address. */
void suite_fill(void *p, size_t bytes, uint64_t id);
bool suite_is_filled(const void *p, size_t bytes, uint64_t id);

/* Whether the block that starts at p is scanned, by gc_heap_walk, which has to
   know it. */
bool suite_is_scanned(const void *p);

/* ------------------------------------------------------------- from outside */

/* Send standard error to a file of our own; and what was written to it since,
   as a string that lives until the next call. */
void suite_catch_errors(void);
const char *suite_caught(void);

struct gc_stats suite_stats(void);

/* Memory of this process that is resident, and its address space, in bytes. */
size_t suite_resident_bytes(void);
size_t suite_mapped_bytes(void);

uint64_t suite_now_ns(void);

#endif /* GLEANER_TESTS_SUITE_H */
