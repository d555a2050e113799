/* SPDX-License-Identifier: MIT */
/*
 * boundary.h: blocks with boundary tags (Knuth 1962), shared by the implicit
 * list, the explicit lists and segregated fit.  boundary.c cuts, merges and
 * checks blocks; a policy only says where free blocks are kept.
 *
 *   an area:  | prologue footer | block | block | ... | epilogue header |
 *               8 bytes                                  8 bytes
 *
 *   allocated                        free
 *   +---------------------------+    +---------------------------+
 *   | size             | p | 1  |    | size             | p | 0  |  header
 *   +---------------------------+ *  +---------------------------+
 *   | payload                   |    | next free (explicit only) |
 *   |                           |    +---------------------------+
 *   |                           |    | previous free (the same)  |
 *   |                           |    +---------------------------+
 *   +---------------------------+    | unused                    |
 *   | size                 | 1  |    +---------------------------+
 *   +---------------------------+    | size                 | 0  |  footer
 *     not where footless             +---------------------------+
 *
 * (*) the program's pointer, a multiple of 16, so headers lie 8 before one.
 * Bit 0 says allocated.  Bit 1, p, says that the block before is allocated; it
 * means something where allocated blocks have no footer, and is 0 otherwise.
 *
 * Invariants, between any two calls: sizes are multiples of 16 and at least
 * 32; blocks tile the area from prologue to epilogue; no two neighbours are
 * free; every free block is in the policy's index, and nothing else is.
 */
#ifndef GL_CLASSIC_BOUNDARY_H
#define GL_CLASSIC_BOUNDARY_H

#include "classic.h"

struct gl_boundary_block {
  uint64_t tag;
  struct gl_boundary_block *next; /* in free blocks only */
  struct gl_boundary_block *prev;
};

#define GL_BOUNDARY_ALLOCATED UINT64_C(1)
#define GL_BOUNDARY_PREV_ALLOCATED UINT64_C(2)
#define GL_BOUNDARY_TAG_BYTES sizeof(uint64_t)
#define GL_BOUNDARY_MIN_BYTES ((size_t)32)

_Static_assert(sizeof(struct gl_boundary_block) + GL_BOUNDARY_TAG_BYTES <=
                   GL_BOUNDARY_MIN_BYTES,
               "the smallest free block holds its header, links and footer");

/* Where a policy keeps its free blocks. */
struct gl_boundary_index {
  bool footless; /* allocated blocks have no footer */
  /* A free block of at least bytes, still in the index, or NULL. */
  struct gl_boundary_block *(*find)(struct gl_classic *heap, size_t bytes);
  /* A block has become free, and has been merged with its neighbours. */
  void (*insert)(struct gl_classic *heap, struct gl_boundary_block *block);
  /* A free block is about to be allocated or merged; its tag is intact. */
  void (*remove)(struct gl_classic *heap, struct gl_boundary_block *block);
  /* A block has been allocated and cut to size; may be NULL. */
  void (*placed)(struct gl_classic *heap, struct gl_boundary_block *block);
  /* NULL, or what is wrong; the heap has this many free blocks. */
  const char *(*check)(const struct gl_classic *heap, size_t free_blocks);
};

static inline size_t gl_boundary_size(const struct gl_boundary_block *block) {
  return block->tag & ~(uint64_t)15;
}

static inline bool gl_boundary_is_free(const struct gl_boundary_block *block) {
  return (block->tag & GL_BOUNDARY_ALLOCATED) == 0;
}

static inline struct gl_boundary_block *gl_boundary_next(
    const struct gl_boundary_block *block) {
  return (struct gl_boundary_block *)((char *)(uintptr_t)block +
                                      gl_boundary_size(block));
}

/* The first block of an area; its epilogue has size 0. */
static inline struct gl_boundary_block *gl_boundary_first(
    const struct gl_classic_area *area) {
  return (struct gl_boundary_block *)(area->start + GL_BOUNDARY_TAG_BYTES);
}

/* The functions of struct gl_classic_policy that are the same for all. */
void *gl_boundary_allocate(struct gl_classic *heap, size_t size);
void gl_boundary_release(struct gl_classic *heap, void *p);
bool gl_boundary_try_resize(struct gl_classic *heap, void *p, size_t size);
size_t gl_boundary_extent(const struct gl_classic *heap, const void *p,
                          const char **start);
size_t gl_boundary_usable(const struct gl_classic *heap, const void *p);
const char *gl_boundary_check(const struct gl_classic *heap);

#endif
