/* SPDX-License-Identifier: MIT */
/*
 * classic.h: the textbook's allocators behind one interface, over sbrk or over
 * mmap.  They are here to be read and to be measured (examples/contrast), not
 * to be used: no part of libgleaner calls them.  A heap belongs to one thread.
 *
 *   policy            finds a free block by            a block carries
 *   implicit-first    walking over all blocks          header and footer
 *   implicit-next     the same from where it stopped   header and footer
 *   implicit-best     walking to the end, always       header and footer
 *   explicit-lifo     a list of the free ones          header and footer
 *   explicit-address  the same, in order of address    header and footer
 *   simple            the list of its size class       nothing
 *   segregated        bins by size, and a bitmap       header
 *   buddy             lists by power of two            nothing (a byte aside)
 *
 * Layers: a policy asks area.c for memory; implicit.c, explicit.c and
 * segregated.c share boundary.c, which owns the boundary tags.
 *
 * Source: Knuth 1973, vol. 1, 2.5; CS:APP 9.9; Wilson et al. 1995.
 */
#ifndef GL_CLASSIC_H
#define GL_CLASSIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where memory comes from. */
enum gl_classic_backend {
  GL_CLASSIC_SBRK, /* one area that grows at its end, 4 KiB a time */
  GL_CLASSIC_MMAP  /* areas of 64 KiB or more, anywhere */
};

/* Size and alignment of the smallest block of any policy. */
#define GL_CLASSIC_ALIGNMENT ((size_t)16)

/* Larger requests are refused: no size computed from one below overflows. */
#define GL_CLASSIC_MAX_BYTES ((size_t)1 << 40)

/*
 * Contiguous memory from the system.  Policies that keep what they know of a
 * block aside have a map: one byte for each 2^map_shift bytes of the area.
 */
struct gl_classic_area {
  char *start;
  char *end;
  uint8_t *map;    /* or NULL */
  size_t map_room; /* bytes mapped for it */
};

/* What a heap has done so far. */
struct gl_classic_counts {
  uint64_t allocations;
  uint64_t releases;
  uint64_t steps;        /* blocks looked at, by allocations and by releases */
  uint64_t splits;       /* blocks cut in two */
  uint64_t coalescings;  /* neighbours merged: case 2 and 3 once, 4 twice */
  uint64_t moves;        /* resizes that had to copy */
  uint64_t system_calls; /* sbrk or mmap for memory of blocks */
};

#define GL_CLASSIC_LISTS 128

/*
 * One heap.  Areas are sorted by address; area_bytes is the sum of their
 * sizes.  What the lists hold is the policy's business.
 */
struct gl_classic {
  const struct gl_classic_policy *policy;
  enum gl_classic_backend backend;
  struct gl_classic_area *areas;
  size_t area_count;
  size_t area_room;   /* entries there is room for in areas */
  size_t area_recent; /* the area that the last look-up found */
  size_t area_bytes;
  size_t table_bytes; /* of maps */
  unsigned map_shift; /* 0: no maps */
  struct gl_classic_counts counts;
  void *lists[GL_CLASSIC_LISTS];
  uint64_t nonempty[GL_CLASSIC_LISTS / 64]; /* which lists have a block */
  void *rover;                              /* next fit: where to go on */
  char *spare;                              /* simple: memory not yet cut */
  char *spare_end;
  uint64_t carved[GL_CLASSIC_LISTS]; /* simple: blocks of a class, */
  uint64_t taken[GL_CLASSIC_LISTS];  /* and those of them in use */
};

/*
 * A policy.  Sizes have been checked against GL_CLASSIC_MAX_BYTES, blocks are
 * never NULL.
 */
struct gl_classic_policy {
  const char *name;
  const char *title;
  void (*start)(struct gl_classic *heap); /* or NULL */
  void *(*allocate)(struct gl_classic *heap, size_t size);
  void (*release)(struct gl_classic *heap, void *block);
  /* Give the block at least size bytes where it is, or false. */
  bool (*try_resize)(struct gl_classic *heap, void *block, size_t size);
  /* The bytes that the block takes, with its overhead, and where they start. */
  size_t (*extent)(const struct gl_classic *heap, const void *block,
                   const char **start);
  /* How many of them the program may use. */
  size_t (*usable)(const struct gl_classic *heap, const void *block);
  /* NULL where every invariant holds, otherwise the one that does not. */
  const char *(*check)(const struct gl_classic *heap);
  /* What boundary.c needs to know, for the policies that use it. */
  const struct gl_boundary_index *index;
};

/* All policies, in the order of the table above; the end is NULL. */
extern const struct gl_classic_policy *const gl_classic_policies[];

/* The policy of this name, or NULL. */
const struct gl_classic_policy *gl_classic_find_policy(const char *name);

/* Make an empty heap.  No memory is taken before the first allocation. */
void gl_classic_open(struct gl_classic *heap,
                     const struct gl_classic_policy *policy,
                     enum gl_classic_backend backend);

/* Give all memory back.  With sbrk that succeeds only while nobody else has
   moved the break; otherwise it stays with the process. */
void gl_classic_close(struct gl_classic *heap);

/* malloc, free and realloc.  NULL where there is no memory, with nothing
   changed; 0 bytes are a size like any other; NULL may be released and
   resized. */
void *gl_classic_allocate(struct gl_classic *heap, size_t size);
void gl_classic_release(struct gl_classic *heap, void *block);
void *gl_classic_resize(struct gl_classic *heap, void *block, size_t size);

/* Bytes held from the system, maps included. */
size_t gl_classic_heap_bytes(const struct gl_classic *heap);

/* NULL where the heap is sound, otherwise what is wrong with it. */
const char *gl_classic_check(const struct gl_classic *heap);

/* ------------------------------------------------------------- for policies */

/*
 * Get at least bytes more memory.  Where it lies just behind an area (sbrk),
 * the area grows; *start and *bytes are the new part and *extends is true.
 * Otherwise they are a new area.  False where there is none.
 */
bool gl_classic_grow(struct gl_classic *heap, char **start, size_t *bytes,
                     bool *extends);

/* The area that contains p; NULL where none does. */
struct gl_classic_area *gl_classic_find_area(struct gl_classic *heap,
                                             const void *p);
const struct gl_classic_area *gl_classic_peek_area(
    const struct gl_classic *heap, const void *p);

/* The policies that each file makes. */
extern const struct gl_classic_policy gl_classic_implicit_first;
extern const struct gl_classic_policy gl_classic_implicit_next;
extern const struct gl_classic_policy gl_classic_implicit_best;
extern const struct gl_classic_policy gl_classic_explicit_lifo;
extern const struct gl_classic_policy gl_classic_explicit_address;
extern const struct gl_classic_policy gl_classic_simple;
extern const struct gl_classic_policy gl_classic_segregated;
extern const struct gl_classic_policy gl_classic_buddy;

#endif
