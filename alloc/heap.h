/* SPDX-License-Identifier: MIT */
/*
 * heap.h: the facade of the heap: allocate, free, resolve an address, size of
 * a block, walk, check.  What the collector may see of alloc/ is this header
 * and tags.h (and the types of types.h).
 */
#ifndef GL_HEAP_H
#define GL_HEAP_H

#include "types.h"

/* Why an allocation was not made. */
enum gl_want {
  GL_WANT_NOTHING,
  GL_WANT_COLLECTION, /* the budget is spent; there may be room all the same */
  GL_WANT_ROOM        /* there is no room */
};

/* What an address means to gc_free and its kin. */
enum gl_fault {
  GL_FAULT_NONE,
  GL_FAULT_OUTSIDE,    /* not in the heap */
  GL_FAULT_INTERIOR,   /* inside an allocated block */
  GL_FAULT_FREE,       /* in free memory: freed before, or never a block */
  GL_FAULT_TWICE       /* freed by another thread a moment ago */
};

/* An allocated block. */
struct gl_block {
  char *start;
  size_t size; /* bytes */
  enum gl_kind kind;
  bool large;
};

/* Reserve the heap.  False where not even the smallest fits. */
bool gl_heap_init(void);

/*
 * From now on blocks of GL_PAD_GRANULES and more are at least a byte longer
 * than what is asked for: for a heap that is collected.  A pointer one past the
 * end of such a block then points into it, and not to the start of the next
 * one, which it need not keep, nor the other way round.  Shorter blocks are not
 * padded, it would take too much of them: gl_heap_find_ending finds these.
 * Before anything is allocated.
 */
#define GL_PAD_GRANULES ((size_t)3)
void gl_heap_pad_blocks(void);

/* The granule after a block that starts at one in an arena, whoever owns it. */
size_t gl_heap_block_end(const struct gl_arena *arena, size_t start);

/* Whether a collection is due, as far as caches have settled. */
bool gl_heap_budget_is_spent(void);

/* Usable bytes of a block: all but what it is padded with.  The same by its
   size in bytes. */
size_t gl_heap_usable(const struct gl_block *block);

GL_INLINE size_t gl_heap_usable_bytes(size_t bytes) {
  gl_assert(bytes % GL_GRANULE_BYTES == 0);
  bool padded = bytes >= GL_PAD_GRANULES << GL_GRANULE_SHIFT;
  return bytes - (padded ? gl_heap.pad_bytes : 0);
}

/* The address of the block, not padded, that ends right before address (which
   is that of a granule of the heap, or its end), or NULL.  Wants a stopped
   world. */
void *gl_heap_find_ending(const void *address);

/* ------------------------------------------------------------- allocation */

/*
 * Allocate size bytes of a kind: the out-of-line half of gl_cache_allocate, for
 * any size.  cache may be gl_cache_none.  Returns NULL and says what it wants.
 */
void *gl_heap_allocate(struct gl_cache *cache, size_t size, enum gl_kind kind,
                       enum gl_want *want);

/* The same at a multiple of align bytes, a power of two, a granule or more. */
void *gl_heap_allocate_aligned(struct gl_cache *cache, size_t size,
                               size_t align, enum gl_kind kind,
                               enum gl_want *want);

/* Free the block that starts at p, or say why not: the whole of gc_free. */
enum gl_fault gl_heap_free(struct gl_cache *cache, void *p);

/* Whether a small or medium block of so many granules may stay as it is where
   size bytes are wanted. */
bool gl_heap_may_stay(size_t granules, size_t size);

/* Make the block at least size bytes and give back what is too much, without
   moving it.  False, with nothing changed, where that cannot be. */
bool gl_heap_try_resize(struct gl_cache *cache, const struct gl_block *block,
                        size_t size);

/* -------------------------------------------------------------- addresses */

/* The allocated block that contains p, if there is one: true, and *block.  The
   calling thread's cache is entered, or the world is stopped: it may sweep. */
bool gl_heap_find(const void *p, struct gl_block *block);

/* The same for one that has to start at p; says what is wrong otherwise. */
enum gl_fault gl_heap_find_exact(const void *p, struct gl_block *block);

/* True where an address in free memory of the heap is known to have been the
   start of a block: a tag or a page's entry still says so, or it lies where the
   calling thread's hole was in use.  Where neighbours coalesced, nothing tells
   any more. */
bool gl_heap_was_block(const void *p);

/* ---------------------------------------------------------- for collection */

/* Every one of these wants the lock and a stopped world. */

/*
 * Tenured, until the end of the marking that comes, are arenas that nobody has
 * opened, or asked about a block of, since the last one, and in which that left
 * no more free than so many granules.  Their tags are as it left them: what it
 * found alive is still black.  Before gl_heap_prepare_mark.  Returns the bytes
 * that are alive in them.
 */
size_t gl_heap_tenure(size_t free_granules);

/* Close every open hole and forget every quick list and bin: after it, the tags
   say all there is to say.  Then sweep what the last collection left, so that
   all is white; but for a minor collection what is alive in tenured arenas
   stays black. */
void gl_heap_prepare_mark(bool minor);

/* After marking: live[i] is the number of granules of arena i that were
   blackened. Wholly dead arenas become free runs, the others are left to lazy
   sweeping. Returns the live bytes in arenas; and *tenured_bytes, how many of
   them are in tenured ones. */
size_t gl_heap_begin_sweep(const uint32_t *live, size_t *tenured_bytes);

/* Free the large blocks that are white, and whiten the others.  In the same
   stop: no cache may have a spare one.  Returns the live bytes; *atomic_bytes
   of them have no pointers. */
size_t gl_heap_sweep_large(size_t *atomic_bytes);

/* Take every cache's view apart without a collection: close the holes, forget
   quick lists and bins, sweep; after it, the tags say all there is to say, and
   every lane starts anew from them. */
void gl_heap_quiesce(void);

/* The same, and wholly free arenas become free runs, and free pages of the
   others are discarded (gc_trim). */
void gl_heap_release_empty(void);

/* Quiesce, and let no slow path begin until the gate is open again.  The lock
   is to be held all the while, the world need not be stopped. */
void gl_heap_shut_gate(void);
void gl_heap_open_gate(void);

/* Have free pages go back too that only the system knows to have memory, by
   what gives back next.  Wants the lock. */
void gl_heap_find_resident(void);

/* Give back what has been free for its grace period; all that is free.  Want
   the lock only.  The second returns the bytes given back. */
void gl_heap_tick(void);
size_t gl_heap_scavenge(void);

/* ---------------------------------------------------------------- the rest */

/* Locks of the library's that this thread has or waits for: with any, a handler
   of a signal that forks has interrupted the library. */
extern __thread uint32_t gl_locks_held
    __attribute__((tls_model("initial-exec")));

/* The frame that has called the program's error handler in the middle of an
   operation, or 0.  The handler may jump out, and never calls the library: so
   who takes the heap lock is out of it. */
extern __thread uintptr_t gl_telling __attribute__((tls_model("initial-exec")));

/* The heap lock.  cache is the calling thread's: while it waits, the thread is
   not busy, so the world can be stopped; what it knew of its own cache is to
   be read again afterwards. */
void gl_heap_lock(struct gl_cache *cache);
void gl_heap_unlock(void);

/* Bytes held from the system for blocks, and the most that ever was. */
size_t gl_heap_held_bytes(void);

/* Of them, free page runs that were not given back yet. */
size_t gl_heap_dirty_bytes(void);

/* Bytes of all tables. */
size_t gl_heap_metadata_bytes(void);

/* Walk all blocks and free runs; wants a stopped world with holes closed. */
typedef bool gl_visit(const struct gl_block *item, bool allocated, void *data);
void gl_heap_visit(gl_visit *visit, void *data);

/* Prove every invariant.  Wants a stopped world; holes may be open. */
bool gl_heap_prove(void);

/* Report an invariant that does not hold, and be false. */
bool gl_heap_check_failed(const char *where, const char *what);
#define GL_HEAP_CHECK(where, x)                                                \
  do {                                                                         \
    if (!(x)) return gl_heap_check_failed(where, #x);                          \
  } while (0)

#endif
