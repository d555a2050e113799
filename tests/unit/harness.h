/* SPDX-License-Identifier: MIT */
/*
 * harness.h: what the unit tests of alloc/ share: the frame of a Check suite,
 * random numbers that a seed repeats, a fresh heap, a marker that marks what a
 * test says, and payloads that can be verified.
 *
 * Every test runs in a process of its own (Check forks), so every test may
 * begin with a fresh heap.
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../alloc/arena.h"
#include "../../alloc/bins.h"
#include "../../alloc/cache.h"
#include "../../alloc/heap.h"
#include "../../alloc/os.h"
#include "../../alloc/runs.h"

/* ------------------------------------------------------------- the frame */

/* Begin a suite: prints the seed and returns its test case. */
TCase *test_begin(const char *name);

/* Run it; what main returns. */
int test_end(void);

/* For loops: Check's own assertions make a system call each, to say how far the
   test has come. */
#define expect(x) ((x) ? (void)0 : ck_abort_msg("%s", #x))

/* -------------------------------------------------------- random numbers */

/* The seed is GLEANER_SEED, or a new one for every run. */
uint64_t test_random(void);

/* Below n, which is not 0. */
size_t test_below(size_t n);

/* True once in n times. */
bool test_one_in(size_t n);

/* Sizes as programs want them: mostly small, some at the edges of size
   classes, pages and arenas, up to about most. */
size_t test_size(size_t most);

/* -------------------------------------------------------------- the heap */

/* A fresh heap and the calling thread's cache. */
struct gl_cache *test_heap(void);

/* One more cache; the calling thread then has both. */
struct gl_cache *test_cache(void);

/* The fast path first, as gc_malloc does.  NULL where there is no room or the
   budget is spent. */
void *test_allocate(struct gl_cache *cache, size_t size, enum gl_kind kind);

/* The fast path first, as gc_free does. */
enum gl_fault test_free(struct gl_cache *cache, void *p);

/* Usable size of the block at p, which has to be one. */
size_t test_usable(const void *p);

/* Bytes freed in the cache so far, those of newest blocks too. */
uint64_t test_freed_bytes(const struct gl_cache *cache);

/* gl_heap_prove, under the lock. */
bool test_prove(void);

/* A collection: everything for which keep says so survives.  keep sees every
   allocated block once. */
typedef bool test_keep(const struct gl_block *block, void *data);
void test_collect(test_keep *keep, void *data);
bool test_keep_all(const struct gl_block *block, void *data);
bool test_keep_none(const struct gl_block *block, void *data);

/* The same, but a minor one: keep is not asked about blocks of tenured arenas,
   which stay, whether they are reached or not. */
struct test_minor {
  size_t spared_blocks; /* that keep was not asked about */
  size_t spared_bytes;
  size_t tenured_bytes; /* before and after it, as the heap says */
  size_t still_bytes;
  size_t live_bytes; /* in all arenas */
};
struct test_minor test_collect_minor(test_keep *keep, void *data);

/* The equation of the budget: what was charged is what was allocated and what
   lies ready in the open holes. */
bool test_accounts_balance(const struct gl_cache *cache);

/* -------------------------------------------------------------- payloads */

/* Fill bytes with what only this id has, and see that they still have it. */
void test_fill(void *p, size_t bytes, uint64_t id);
bool test_is_filled(const void *p, size_t bytes, uint64_t id);

bool test_is_zero(const void *p, size_t bytes);

#endif
