/* SPDX-License-Identifier: MIT */
/*
 * stress.h: what the stress tests of threads share: trees that can tell when
 * one of their nodes was lost, threads that run until enough collections have
 * happened, and the table of cases.
 *
 * A node's seal depends on its address and its serial number, and the serial
 * numbers of a tree follow from that of its root.  A node that was collected
 * and given out again has another seal, or none.
 */
#ifndef GLEANER_TESTS_THREADS_STRESS_H
#define GLEANER_TESTS_THREADS_STRESS_H

#include <pthread.h>

#include "../api.h"

/* One case: run in a process of its own.  It starts threads, calls
   stress_collect_until_done or waits for stress_is_done itself, and joins. */
struct stress_case {
  const char *name;
  void (*run)(void);
};

extern const struct stress_case stress_calls[];   /* calls.c */
extern const struct stress_case stress_heaps[];   /* heaps.c */
extern const struct stress_case stress_process[]; /* process.c */
extern const struct stress_case stress_signals[]; /* signals.c */

/* -------------------------------------------------------------------- trees */

struct stress_tree {
  uint64_t seal;
  uint64_t serial;
  struct stress_tree *left, *right;
  unsigned char *text; /* pointer-free, filled by the serial number */
};

struct stress_tree *stress_make_tree(unsigned depth, uint64_t serial);

/* Check every node, deep as it is; ends the test where one was lost. */
void stress_check_tree(const struct stress_tree *tree, unsigned depth,
                       uint64_t serial);

/* Check and gc_free every node. */
void stress_free_tree(struct stress_tree *tree, unsigned depth,
                      uint64_t serial);

/* ------------------------------------------------------------------ running */

/* True once as many collections have happened as were asked for, or the time
   is over. */
bool stress_is_done(void);

/* Collect, at irregular intervals, until then. */
void stress_collect_until_done(void);

/* Wait until then, and leave the collections to others. */
void stress_sleep_until_done(void);

void stress_sleep_us(unsigned microseconds);

/* Start count threads of body(number), and join all that were started. */
void stress_start(size_t count, void (*body)(size_t number));
void stress_join(void);

/* A random number of the calling thread's own. */
uint64_t stress_random(void);

/* A thread that does what all do: builds trees, keeps some, drops others. */
void stress_allocate(size_t number);

/* The number of collections so far. */
uint64_t stress_collections(void);

#endif /* GLEANER_TESTS_THREADS_STRESS_H */
