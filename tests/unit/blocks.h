/* SPDX-License-Identifier: MIT */
/*
 * blocks.h: what the suites of holes, lanes and caches share: a fresh heap,
 * arenas full of blocks that lie side by side, and collections in which chosen
 * ones die.  Two caches of one thread stand for two threads where order
 * matters; threads.c has real ones.
 */
#ifndef TESTS_UNIT_BLOCKS_H
#define TESTS_UNIT_BLOCKS_H

#include "harness.h"

#define BLOCK ((size_t)512) /* of the blocks that fill an arena */
#define BLOCKS (GL_ARENA_BYTES / BLOCK)

extern struct blocks {
  struct gl_cache *cache, *other;
  char *at[2 * BLOCKS];
  int corruptions; /* that the heap has told of */
} blocks;

/* A fresh heap with both caches. */
void blocks_begin(void);

/* ------------------------------------------------------- one block of cache */

/* A scanned block; there has to be room. */
char *blocks_allocate(size_t size);

/* Free it; nothing may be wrong with that. */
void blocks_release(void *p);

bool blocks_is_allocated(const void *p);

/* ------------------------------------------------------ blocks side by side */

/* Fill `arenas` arenas, one or two, which lie side by side, with blocks. */
void blocks_fill(size_t arenas);

/* The blocks of the first arena whose number says so die, in a collection. */
typedef bool blocks_doomed(size_t i);
void blocks_kill(blocks_doomed *dies);

/* Enough for an arena to be worth opening, none beside another. */
bool blocks_even_from_20(size_t i);

/* Fill one arena and kill in it; all its free runs are passed over then, since
   they are too small. */
void blocks_pass_all(blocks_doomed *dies);

#endif
