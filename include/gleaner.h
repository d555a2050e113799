/* SPDX-License-Identifier: MIT */
/*
 * gleaner.h: a conservative garbage collector and an explicit allocator over
 * one heap.
 *
 * A program that includes this header and links with libgleaner needs no
 * set-up call, no write barrier, no rooting and no special compiler.  Memory
 * from gc_malloc is freed by the collector once no word in a register, on a
 * stack, in a global variable, in thread-local storage or in another reachable
 * block looks like a pointer into it.  Where the program knows better, gc_free
 * frees a block at once.  With the collector off (gc_disable) the same heap is
 * a plain explicit allocator.
 *
 * Common to every function, unless it says otherwise:
 *  - Sizes are bytes.  Blocks are aligned to 16 bytes and carry no header.
 *  - A call that does what it was asked to leaves errno alone.  Out of memory
 *    is an operating error: NULL is returned, errno is ENOMEM, and nothing has
 *    changed.  Misuse (freeing a block twice, freeing an address that is no
 *    block) is always detected and goes to the error handler, which by default
 *    prints one line and a backtrace, and aborts.
 *  - All functions may be called from any thread at any time, but not from a
 *    signal handler.
 *
 * Pointers that keep a block alive.  A word equal to the address of any byte of
 * a block keeps the block alive, wherever the word is.  A word on a stack, in a
 * register, in a global or in a range given to gc_add_roots may also point one
 * past the end.  (Where that is all that keeps a block of up to 32 bytes, and
 * another block begins there, and what is reached through it alone grows until
 * it is most of all there is, it is cleared: it is then the first node of a
 * queue.) Pointers must be stored at addresses that are multiples of the
 * pointer size. Pointers that are hidden (compressed, exclusive-ored, written
 * to a file) or stored only in memory from another allocator keep nothing
 * alive.
 */
#ifndef GLEANER_H
#define GLEANER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GC_VERSION_MAJOR 0
#define GC_VERSION_MINOR 1
#define GC_VERSION_PATCH 0

#define GC_ATTR(x) __attribute__(x)
#define GC_API extern GC_ATTR((visibility("default")))

/* ------------------------------------------------------------------ set-up */

/*
 * Set the library up: reserve the address space of the heap and read the
 * environment (see gleaner(7)).  Calling it is optional, since every other
 * function does so on first use, and calling it again does nothing.
 *
 * Returns true, or false with errno = ENOMEM where not even the smallest heap
 * can be reserved.  Costs some tens of microseconds the first time.
 */
GC_API bool gc_init(void);

/* "MAJOR.MINOR.PATCH" of the library in use.  Never NULL. */
GC_API const char *gc_version(void);

/* -------------------------------------------------------------- allocation */

/*
 * Allocate size bytes, zeroed, which the collector scans for pointers.
 *
 * size: bytes wanted; 0 gives a distinct block of the smallest size.
 *
 * Returns the block, aligned to 16 bytes, or NULL with errno = ENOMEM when the
 * size cannot be represented or there is no memory even after a collection and
 * the out-of-memory handler.
 *
 * May collect.  Costs a few nanoseconds for small blocks: a bump of a pointer
 * and the setting of one bit.  Source: segregated fit with out-of-line
 * boundary tags (Knuth 1973, CS:APP 9.9; the tags' encoding is Mike Pall's,
 * LuaJIT 3.0), bump allocation in holes (Blackburn and McKinley 2008, Immix).
 */
GC_API void *gc_malloc(size_t size)
    GC_ATTR((malloc, alloc_size(1), warn_unused_result));

/*
 * Allocate size bytes which the collector never looks into: for strings,
 * numbers, pixels.  The contents are undefined.  Otherwise as gc_malloc.
 *
 * A block allocated so is cheaper to allocate (nothing is zeroed) and to keep
 * (nothing is scanned); a pointer stored in it keeps nothing alive.
 */
GC_API void *gc_malloc_atomic(size_t size)
    GC_ATTR((malloc, alloc_size(1), warn_unused_result));

/*
 * Allocate size bytes, zeroed, which are scanned and are never collected: the
 * block is a root until gc_free.  Otherwise as gc_malloc.
 */
GC_API void *gc_malloc_uncollectable(size_t size)
    GC_ATTR((malloc, alloc_size(1), warn_unused_result));

/*
 * Allocate an array of count elements of size bytes each, zeroed and scanned.
 * As gc_malloc(count * size), but NULL with ENOMEM where that overflows.
 */
GC_API void *gc_calloc(size_t count, size_t size)
    GC_ATTR((malloc, alloc_size(1, 2), warn_unused_result));

/*
 * Change the size of a block, keeping its kind (scanned, pointer-free,
 * uncollectable) and its contents up to the smaller of both sizes.
 *
 * block: start of a block, or NULL, which makes this gc_malloc(size).
 * size:  new size in bytes; 0 is a size like any other, not a free.
 *
 * Returns the block, moved or not.  When it moved, the old block has been
 * freed and must not be used.  In scanned blocks the bytes beyond the old
 * usable size are zero.  On NULL (ENOMEM) the old block is untouched.  An
 * address that is not the start of an allocated block is misuse.
 *
 * Grows and shrinks in place where it can; otherwise costs a copy.
 */
GC_API void *gc_realloc(void *block, size_t size)
    GC_ATTR((alloc_size(2), warn_unused_result));

/*
 * Allocate size bytes, zeroed and scanned, at a multiple of alignment.
 *
 * alignment: bytes, a power of two; anything else gives NULL and EINVAL.
 *
 * Otherwise as gc_malloc.  The block may be freed and resized as any other;
 * gc_realloc keeps 16-byte alignment only.
 */
GC_API void *gc_aligned_alloc(size_t alignment, size_t size)
    GC_ATTR((malloc, alloc_align(1), alloc_size(2), warn_unused_result));

/*
 * A pool of blocks of one size, from which allocation is inline: nine
 * instructions, and a call for every GC_POOL_BLOCKS blocks.  For the types that
 * a program allocates most:
 *
 *     static __thread struct gc_pool nodes = GC_POOL(sizeof(struct node));
 *     struct node *node = gc_pool_take(&nodes);
 *
 * The pool must lie where the collector looks for pointers, as a static
 * variable does, and be used by one thread at a time.  Its blocks are as any
 * others: collected, freed by gc_free, resized.  Those that wait in the pool
 * count as allocated; where the thread or the pool ends before they are taken
 * the collector frees them, or else gc_pool_clear.
 */
#define GC_POOL_BLOCKS 32

struct gc_pool {
  size_t size;        /* bytes of a block */
  bool pointer_free;  /* from gc_malloc_atomic, not gc_malloc */
  unsigned count;     /* blocks that wait */
  void *blocks[GC_POOL_BLOCKS];
};

#define GC_POOL(size) {(size), false, 0, {NULL}}
#define GC_POOL_ATOMIC(size) {(size), true, 0, {NULL}}

/* What gc_pool_take does where the pool is empty. */
GC_API void *gc_pool_refill(struct gc_pool *pool) GC_ATTR((warn_unused_result));

/* Free the blocks that wait.  Costs as many calls of gc_free. */
GC_API void gc_pool_clear(struct gc_pool *pool);

/* A block of the pool's size, as gc_malloc or gc_malloc_atomic returns it, or
   NULL and ENOMEM. */
static inline GC_ATTR((warn_unused_result)) void *gc_pool_take(
    struct gc_pool *pool) {
  if (pool->count == 0) return gc_pool_refill(pool);
  void **last = &pool->blocks[--pool->count];
  void *block = *last;
  *last = NULL; /* or it would keep the block alive */
  return block;
}

/*
 * Copy a string into a new pointer-free block: all of it, or at most length
 * bytes (a terminating zero is added).  string must not be NULL.
 * Returns NULL with ENOMEM where there is no memory.
 */
GC_API char *gc_strdup(const char *string)
    GC_ATTR((malloc, nonnull, warn_unused_result));
GC_API char *gc_strndup(const char *string, size_t length)
    GC_ATTR((malloc, nonnull, warn_unused_result));

/*
 * Free a block now.
 *
 * block: start of a block from any allocating function above, or NULL, which
 * does nothing.  Anything else (a block freed before, by the program or by the
 * collector; an address inside a block; any other address) is misuse.
 *
 * Never collects and never fails.  May be called from any thread, whichever
 * allocated the block.  Costs a few nanoseconds for small blocks.
 */
GC_API void gc_free(void *block);

/*
 * Usable size in bytes of the block that starts at block: at least what was
 * asked for, and all of it may be used.  NULL gives 0; an address that is not
 * the start of an allocated block is misuse.
 */
GC_API size_t gc_size(const void *block);

/*
 * Start of the allocated block which contains address, or NULL where there is
 * none: free memory, memory of others, NULL, any number at all.  Never
 * crashes, never reports misuse.  Inside are all the bytes that a block takes,
 * which may be some more than its usable size; one past their end is not.
 * A block that the collector has found dead, but not yet swept, is free.
 */
GC_API void *gc_base(const void *address);

/* -------------------------------------------------------------- collection */

/*
 * Collect now, in full: free every block that nothing reaches, whether the
 * collector is enabled or not.  Sweeping happens later, bit by bit.  Costs a
 * pause in proportion to the live scanned memory and the roots.
 */
GC_API void gc_collect(void);

/*
 * Switch automatic collection off, and on again.  Calls nest: collections start
 * by themselves only when gc_enable has undone every gc_disable. While it is
 * off memory is reused only through gc_free.  If as much was allocated
 * meanwhile as would have been collected for, gc_enable collects.
 */
GC_API void gc_disable(void);
GC_API void gc_enable(void);

/* True where collections may start by themselves. */
GC_API bool gc_is_enabled(void);

/*
 * Give free memory back to the system now, rather than after the grace period:
 * sweeps everything that is left to sweep and returns every wholly free page
 * run.  Returns the bytes given back.
 */
GC_API size_t gc_trim(void);

/* ------------------------------------------------------------------- roots */

/*
 * Add the range from start to end (excluded) to the roots; it is scanned at
 * every collection for words that look like pointers.  Memory of the heap, of
 * globals, of stacks and of thread-local storage needs no adding.  Adding a
 * range twice counts twice.  Guard pages in it are passed over (gleaner(7));
 * where one is not even mapped, the first collection that meets it says so on
 * standard error: the range was to be removed before its memory went.
 *
 * Returns true, or false with errno = ENOMEM (no room to note it) or EINVAL
 * (start after end).
 */
GC_API bool gc_add_roots(const void *start, const void *end);

/*
 * Undo one gc_add_roots of exactly this range.  Returns false, with errno =
 * EINVAL, where there was none.
 */
GC_API bool gc_remove_roots(const void *start, const void *end);

/*
 * Tell of a stack that the program has made itself, from low to high
 * (excluded), for coroutines: while it is added, all of it that is in memory is
 * scanned at every collection, whether a thread runs on it or not.
 *
 * A stack in a block of this heap needs no adding, nor does the one that a
 * thread was started on, nor an alternate signal stack.  See gleaner(7).
 * Returns and errors as gc_add_roots.
 */
GC_API bool gc_add_stack(const void *low, const void *high);

/* Undo one gc_add_stack of exactly this range, as gc_remove_roots does. */
GC_API bool gc_remove_stack(const void *low, const void *high);

/* ---------------------------------------------------------- limits, errors */

/*
 * Set the hard limit of the heap: the memory for blocks, free or not, that is
 * held from the system at once.
 *
 * limit: bytes, rounded up to whole pages; 0 is no limit.  A limit below what
 * the heap holds now forbids growth only.
 */
GC_API void gc_set_heap_limit(size_t limit);

/*
 * Called when an allocation of size bytes finds no memory after a collection.
 * Returns true where it has made room (the allocation is tried again, once for
 * each such answer) and false to let the allocation return NULL.  It runs in
 * the allocating thread with no lock held, and may use the whole API.  Where an
 * allocation of its own finds no memory it is called for that one, too.
 */
typedef bool gc_oom_handler(size_t size, void *data);

/*
 * Install an out-of-memory handler, or none (NULL, the default).
 * Returns the one before.  data is handed to the handler.
 */
GC_API gc_oom_handler *gc_set_oom_handler(gc_oom_handler *handler, void *data);

/* One misuse of the library, as told to the error handler. */
struct gc_error {
  const char *function; /* the API function called, as "gc_free" */
  const char *fault;    /* what is wrong, as "freed twice" */
  const void *address;  /* the argument that is wrong */
  const void *base;     /* start of the block it lies in, or NULL */
  size_t size;          /* usable bytes of that block, or 0 */
  const char *message;  /* the whole line, without a newline */
};

/*
 * Called on misuse in the thread that committed it, with no lock held.
 * Where it returns, the call that was wrong does nothing (gc_free), or returns
 * NULL or 0 (gc_realloc, gc_size).  Where function is "heap", memory that is
 * free was found to be written to: that comes in the middle of an operation,
 * and the handler must not call the library (it may use malloc, or longjmp; out
 * of a fork that finds it, better not: the child is there by then).
 */
typedef void gc_error_handler(const struct gc_error *error, void *data);

/*
 * Install an error handler, or the default one (NULL), which prints the
 * message and a backtrace to standard error and aborts.
 * Returns the one before, NULL for the default.
 */
GC_API gc_error_handler *gc_set_error_handler(gc_error_handler *handler,
                                              void *data);

/* -------------------------------------------------------------- statistics */

/*
 * What the heap and the collector have done.  Bytes count whole blocks as the
 * heap sees them (rounded up to its granules), times are nanoseconds.
 */
struct gc_stats {
  uint64_t allocated_bytes;   /* handed out since the start */
  uint64_t freed_bytes;       /* given to gc_free since the start */
  uint64_t live_bytes;        /* alive, or left alone, at the last collection */
  uint64_t heap_bytes;        /* held from the system for blocks now */
  uint64_t peak_heap_bytes;   /* the most it ever was */
  uint64_t metadata_bytes;    /* tags, tables and stacks of the collector */
  uint64_t heap_limit_bytes;  /* hard limit, 0 for none */
  uint64_t reserved_bytes;    /* address space set aside for the heap */
  uint64_t next_gc_bytes;     /* allocation left until the next collection */
  uint64_t returned_bytes;    /* given back to the system since the start */
  uint64_t collections;       /* since the start */
  uint64_t pause_total_ns;    /* of all pauses */
  uint64_t pause_max_ns;      /* the longest one */
  uint64_t pause_last_ns;     /* the last one */
  uint64_t mark_total_ns;     /* the part of it spent marking */
  uint64_t root_bytes;        /* scanned as roots by the last collection */
  uint64_t marked_objects;    /* by it, without what it left alone */
  uint64_t minor_collections; /* those that left alone what is old */
  uint64_t stop_last_ns;      /* of the last pause, to stop all threads */
};

/* Fill stats.  Costs a walk over the caches of all threads. */
GC_API void gc_get_stats(struct gc_stats *stats);

/*
 * The same as one line of JSON, an object whose keys are the field names.
 *
 * buffer, size: where to write, and how many bytes there are.
 * Returns the length of the whole text without its terminating zero, as
 * snprintf does: where it is not below size, the text was cut.
 */
GC_API size_t gc_stats_json(char *buffer, size_t size);

/* ------------------------------------------------- looking at the heap */

/* One block or free run, as told to a walker. */
struct gc_walk_item {
  const void *start; /* first byte */
  size_t size;       /* bytes */
  bool allocated;    /* false for a free run */
  bool scanned;      /* false for pointer-free memory */
  bool large;        /* a page run of its own */
};

/*
 * Call visit for every block and free run of the heap in the order of
 * addresses, with the world stopped, until it returns false.  visit must not
 * use the library or malloc.  Cost: proportional to the heap's tags.
 */
GC_API void gc_heap_walk(bool (*visit)(const struct gc_walk_item *item,
                                       void *data),
                         void *data);

/*
 * Prove the invariants of the whole heap; see doc/design.md for their list.
 * Returns true where they hold.  Where one does not, it is written to standard
 * error and the answer is false.  Stops the world for as long as it takes.
 */
GC_API bool gc_heap_check(void);

#ifdef __cplusplus
}
#endif

#endif /* GLEANER_H */
