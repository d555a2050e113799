/* SPDX-License-Identifier: MIT */
/*
 * base.h: what every file of the library shares: the units of the heap, the
 * debug assertion, and a handful of words for the compiler.  It declares no
 * data and includes nothing of the project.
 */
#ifndef GL_BASE_H
#define GL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef GL_DEBUG
#define GL_DEBUG 0
#endif
#ifndef GL_TORTURE
#define GL_TORTURE 0
#endif

/*
 * Units, from small to large.
 *
 *   granule   16 B     size and alignment of every block
 *   line       1 KiB   the granules of one pair of tag words
 *   page       4 KiB   unit of large blocks and of giving memory back
 *   arena    256 KiB   granules that share an owner and a kind
 *   huge       2 MiB   a page for which one entry of the TLB is enough
 *
 * The arena is a compromise, measured: with 64 KiB a 9 KiB block has to be a
 * page run and wastes a quarter of it; with 1 MiB a program with little to say
 * holds a megabyte for each kind of block.  The torture build uses tiny arenas
 * so that their ends are met everywhere.
 */
#define GL_GRANULE_SHIFT 4
#define GL_GRANULE_BYTES ((size_t)1 << GL_GRANULE_SHIFT)
#define GL_LINE_SHIFT 10
#define GL_LINE_BYTES ((size_t)1 << GL_LINE_SHIFT)
#define GL_PAGE_SHIFT 12
#define GL_PAGE_BYTES ((size_t)1 << GL_PAGE_SHIFT)
#define GL_HUGE_BYTES ((size_t)1 << 21)
#define GL_ARENA_SHIFT (GL_TORTURE ? 15 : 18)
#define GL_ARENA_BYTES ((size_t)1 << GL_ARENA_SHIFT)
#define GL_ARENA_GRANULES (GL_ARENA_BYTES >> GL_GRANULE_SHIFT)
#define GL_ARENA_LINES (GL_ARENA_BYTES >> GL_LINE_SHIFT)
#define GL_ARENA_PAGES (GL_ARENA_BYTES >> GL_PAGE_SHIFT)

/* Blocks up to here live in arenas; larger ones are page runs. */
#define GL_MEDIUM_MAX_BYTES (GL_ARENA_BYTES / 8)
#define GL_MEDIUM_MAX_GRANULES (GL_MEDIUM_MAX_BYTES >> GL_GRANULE_SHIFT)

_Static_assert(GL_GRANULE_BYTES >= 2 * sizeof(void *),
               "a free granule holds two links");
_Static_assert(GL_ARENA_BYTES % GL_PAGE_BYTES == 0, "arenas are whole pages");

/*
 * The kind of a block is the kind of its arena (or of its page run).
 * Each has two lanes of its own in every cache.
 */
enum gl_kind {
  GL_SCANNED,       /* the collector looks into it */
  GL_ATOMIC,        /* pointer-free: never looked into, never zeroed */
  GL_UNCOLLECTABLE, /* scanned, and a root itself until it is freed */
  GL_KIND_COUNT
};

static inline bool gl_kind_is_zeroed(enum gl_kind kind) {
  return kind != GL_ATOMIC;
}

/* Words for the compiler. */
#define GL_LIKELY(x) __builtin_expect(!!(x), 1)
#define GL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define GL_NOINLINE __attribute__((noinline))
#define GL_INLINE static inline __attribute__((always_inline))
/* A fast path begins a line of the cache: in the middle of one gc_malloc took 6
   to 10 % longer, by what had been compiled before it. */
#define GL_HOT __attribute__((aligned(64)))
#define GL_COLD __attribute__((noinline, cold))
#define GL_NORETURN __attribute__((noreturn))

/* ThreadSanitizer keeps signals from a thread until that calls one of some
   functions of the C library; to wait for a mutex is none of them. */
#ifdef __has_feature
#define GL_HAS_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define GL_HAS_TSAN 1
#else
#define GL_HAS_TSAN 0
#endif

/* A function that reads what another thread may be changing, and means to: says
   at each why that does no harm.  ThreadSanitizer does not look at it.  (As
   suppressions these races were still reported whenever the reader came first
   and its stack could not be restored.) */
#if !GL_HAS_TSAN
#define GL_RACES
#elif defined(__clang__)
#define GL_RACES __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define GL_RACES __attribute__((noinline, no_sanitize("thread")))
#endif

/*
 * Every variable of the library that is written after start-up carries this
 * mark: the linker gathers them in one section, which the collector leaves out
 * of the roots (the collector's own data must never keep garbage alive).
 */
#define GL_DATA __attribute__((section("gl_data")))

/* Stop the compiler from moving memory accesses across a point where a signal
   handler of the same thread may look. */
#define GL_SIGNAL_FENCE() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Let no store after it be seen before one ahead of it: for what other threads
   look at without a lock.  Free on x86. */
#define GL_STORE_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Write text and abort, without malloc, stdio or locks. */
_Noreturn void gl_panic(const char *what, const char *file, int line);

#define gl_require(x)                                                          \
  ((x) ? (void)0 : gl_panic("broken invariant: " #x, __FILE__, __LINE__))
#define gl_assert(x) (GL_DEBUG ? gl_require(x) : (void)sizeof(x))

static inline size_t gl_round_up(size_t n, size_t unit) {
  return (n + unit - 1) & ~(unit - 1);
}

/* Index of the highest bit of x, which is not 0. */
static inline unsigned gl_log2(uint64_t x) {
  return 63u - (unsigned)__builtin_clzll(x);
}

/* Index of the lowest bit of x, which is not 0. */
static inline unsigned gl_lowest(uint64_t x) {
  return (unsigned)__builtin_ctzll(x);
}

#endif
