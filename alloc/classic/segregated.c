/* SPDX-License-Identifier: MIT */
/*
 * segregated.c: segregated fit, the policy of dlmalloc and its heirs.  Free
 * blocks sit in bins by size: an exact bin for each multiple of 16 below 512
 * bytes, then four bins for each power of two.  A bitmap tells which bins have
 * a block, so the next larger one is found without looking at the empty ones.
 *
 *   bins  32  48  64 ... 496 | 512  640  768  896 | 1024 1280 ...
 *          |       |              |
 *          v       v              v
 *        block   block          block      first fit within a bin,
 *          |                      |        LIFO
 *          v                      v
 *        block                  block
 *
 * Allocated blocks have no footer: the header of the next block says that
 * they are allocated, and merging needs the size of free blocks only.  So a
 * block costs 8 bytes rather than 16:
 *
 *   allocated   | size        | p | 1 | payload, up to the next header |
 *   free        | size        | p | 0 | next | prev | ... | size |   0 |
 *
 * The rest is boundary.h's.  Invariant: a free block is in the bin of its
 * size, and a bit of the bitmap is set exactly where its bin is not empty.
 */
#include "boundary.h"

#define SEGREGATED_EXACT_BYTES ((size_t)512)
#define SEGREGATED_EXACT_BINS 32

static unsigned segregated_bin(size_t bytes) {
  if (bytes < SEGREGATED_EXACT_BYTES) return (unsigned)(bytes / 16);
  unsigned top = 63u - (unsigned)__builtin_clzll(bytes);
  unsigned quarter = (unsigned)(bytes >> (top - 2)) & 3;
  unsigned bin = SEGREGATED_EXACT_BINS + (top - 9) * 4 + quarter;
  return bin < GL_CLASSIC_LISTS ? bin : GL_CLASSIC_LISTS - 1;
}

static struct gl_boundary_block *segregated_head(const struct gl_classic *heap,
                                                 unsigned bin) {
  return (struct gl_boundary_block *)heap->lists[bin];
}

/* The first bin from this one on that has a block; GL_CLASSIC_LISTS if none
   does. */
static unsigned segregated_next_bin(const struct gl_classic *heap,
                                    unsigned bin) {
  for (unsigned word = bin / 64; word < GL_CLASSIC_LISTS / 64; word++) {
    uint64_t bits = heap->nonempty[word];
    if (word == bin / 64) bits &= ~UINT64_C(0) << bin % 64;
    if (bits != 0) return word * 64 + (unsigned)__builtin_ctzll(bits);
  }
  return GL_CLASSIC_LISTS;
}

static struct gl_boundary_block *segregated_find(struct gl_classic *heap,
                                                 size_t bytes) {
  unsigned bin = segregated_next_bin(heap, segregated_bin(bytes));
  struct gl_boundary_block *block = NULL;
  uint64_t steps = 0;
  while (bin < GL_CLASSIC_LISTS && block == NULL) {
    block = segregated_head(heap, bin);
    for (; block != NULL; block = block->next) {
      steps++;
      if (gl_boundary_size(block) >= bytes) break;
    }
    bin = segregated_next_bin(heap, bin + 1);
  }
  heap->counts.steps += steps;
  return block;
}

static void segregated_insert(struct gl_classic *heap,
                              struct gl_boundary_block *block) {
  unsigned bin = segregated_bin(gl_boundary_size(block));
  struct gl_boundary_block *head = segregated_head(heap, bin);
  block->prev = NULL;
  block->next = head;
  if (head != NULL) head->prev = block;
  heap->lists[bin] = block;
  heap->nonempty[bin / 64] |= UINT64_C(1) << bin % 64;
}

static void segregated_remove(struct gl_classic *heap,
                              struct gl_boundary_block *block) {
  unsigned bin = segregated_bin(gl_boundary_size(block));
  if (block->next != NULL) block->next->prev = block->prev;
  if (block->prev != NULL) {
    block->prev->next = block->next;
    return;
  }
  heap->lists[bin] = block->next;
  if (block->next == NULL)
    heap->nonempty[bin / 64] &= ~(UINT64_C(1) << bin % 64);
}

static const char *segregated_check_bin(const struct gl_classic *heap,
                                        unsigned bin, size_t *free_blocks) {
  const struct gl_boundary_block *prev = NULL;
  const struct gl_boundary_block *block = segregated_head(heap, bin);
  bool marked = heap->nonempty[bin / 64] >> bin % 64 & 1;
  if (marked != (block != NULL)) return "the bitmap is wrong about a bin";
  for (; block != NULL; prev = block, block = block->next) {
    if (gl_classic_peek_area(heap, block) == NULL)
      return "a link leaves the heap";
    if (!gl_boundary_is_free(block)) return "a block in a bin is allocated";
    if (segregated_bin(gl_boundary_size(block)) != bin)
      return "a block is in the wrong bin";
    if (block->prev != prev) return "the links of a bin disagree";
    if ((*free_blocks)-- == 0) return "the bins hold more than is free";
  }
  return NULL;
}

static const char *segregated_check(const struct gl_classic *heap,
                                    size_t free_blocks) {
  for (unsigned bin = 0; bin < GL_CLASSIC_LISTS; bin++) {
    const char *fault = segregated_check_bin(heap, bin, &free_blocks);
    if (fault != NULL) return fault;
  }
  return free_blocks == 0 ? NULL : "a free block is in no bin";
}

static const struct gl_boundary_index segregated_index = {
    .footless = true,
    .find = segregated_find,
    .insert = segregated_insert,
    .remove = segregated_remove,
    .check = segregated_check};

const struct gl_classic_policy gl_classic_segregated = {
    .name = "segregated",
    .title = "segregated fit",
    .allocate = gl_boundary_allocate,
    .release = gl_boundary_release,
    .try_resize = gl_boundary_try_resize,
    .extent = gl_boundary_extent,
    .usable = gl_boundary_usable,
    .check = gl_boundary_check,
    .index = &segregated_index};
