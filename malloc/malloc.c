/* SPDX-License-Identifier: MIT */
/*
 * malloc.c: malloc and its kin over this heap, for programs that know nothing
 * of it: libgleaner-malloc.so is preloaded in place of the C library's.
 *
 * By default the collector is off, blocks come from pointer-free arenas, which
 * are not zeroed, and the library sets up no more than it takes to allocate
 * (gc/lean.c).  With GLEANER_MODE=mixed all blocks are scanned, and what the
 * program forgets to free is collected.
 *
 * While the library sets itself up, and where it cannot, requests are met from
 * a small arena in its own data.  Its blocks are never used again.
 */
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "../alloc/arena.h"
#include "../alloc/cache.h"
#include "../gc/threads.h"

#define MALLOC_API __attribute__((visibility("default")))

/* Not in the headers of older C libraries. */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

/* The C library's own, which its other functions may have called. */
extern void __libc_free(void *block);
extern void *__libc_realloc(void *block, size_t size);

/* --------------------------------------------------------------- bootstrap */

#define BOOTSTRAP_BYTES ((size_t)65536)

/* A block here has its size in the granule before it. */
static struct {
  char bytes[BOOTSTRAP_BYTES] __attribute__((aligned(GL_PAGE_BYTES)));
  size_t used;
} bootstrap GL_DATA = {.used = 0};

static bool bootstrap_has(const void *p) {
  return (uintptr_t)p - (uintptr_t)bootstrap.bytes < BOOTSTRAP_BYTES;
}

static size_t bootstrap_size(const void *p) {
  size_t size;
  memcpy(&size, (const char *)p - GL_GRANULE_BYTES, sizeof size);
  return size;
}

static void *bootstrap_allocate(size_t size, size_t align) {
  size_t at, end, before = __atomic_load_n(&bootstrap.used, __ATOMIC_RELAXED);
  if (align < GL_GRANULE_BYTES) align = GL_GRANULE_BYTES;
  if (size > BOOTSTRAP_BYTES || align > GL_PAGE_BYTES) return NULL;
  do {
    at = gl_round_up(before + GL_GRANULE_BYTES, align);
    end = gl_round_up(at + size, GL_GRANULE_BYTES);
    if (end > BOOTSTRAP_BYTES) return NULL;
  } while (!__atomic_compare_exchange_n(&bootstrap.used, &before, end, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  memcpy(bootstrap.bytes + at - GL_GRANULE_BYTES, &size, sizeof size);
  return bootstrap.bytes + at;
}

/* ------------------------------------------------------------- slow halves */

static bool malloc_is_ready(void) {
  /* Before the first set-up the options are as they are here. */
  gl_options.preloaded = true;
  return gl_setup();
}

/* True where the dynamic linker called.  It keeps blocks that only the stacks
   of threads lead to which have ended, and which wait to be used again. */
static bool malloc_is_for_linker(uintptr_t entry_sp) {
  uintptr_t caller = ((const uintptr_t *)entry_sp)[-1];
  uintptr_t base = getauxval(AT_BASE), end = base;
  if (base == 0) return false;
  const ElfW(Ehdr) *header = (const void *)base;
  const ElfW(Phdr) *segment = (const void *)(base + header->e_phoff);
  for (int i = 0; i < header->e_phnum; i++)
    if (segment[i].p_type == PT_LOAD)
      end = base + segment[i].p_vaddr + segment[i].p_memsz;
  return caller >= base && caller < end;
}

static enum gl_kind malloc_kind(uintptr_t entry_sp) {
  if (gl_options.mode == GL_MODE_EXPLICIT) return GL_ATOMIC;
  return malloc_is_for_linker(entry_sp) ? GL_UNCOLLECTABLE : GL_SCANNED;
}

static GL_NOINLINE void *malloc_slow(size_t size, size_t align,
                                     uintptr_t entry_sp) {
  int saved = errno;
  if (!malloc_is_ready()) {
    void *p = bootstrap_allocate(size, align);
    errno = p == NULL ? ENOMEM : saved;
    return p;
  }
  void *p = gl_api_allocate(size, align, malloc_kind(entry_sp), entry_sp);
  gl_lean_settle();
  if (p != NULL) errno = saved;
  return p;
}

/* After gl_lean_try_allocate, where that was not all: it finds nothing where
   there is a collector. */
static GL_NOINLINE void *malloc_finish_small(size_t size, void *p,
                                             uintptr_t entry_sp) {
  int saved = errno;
  gl_cache_enter(gl_self);
  p = gl_cache_finish_allocate(gl_self, size, malloc_kind(entry_sp), p);
  errno = saved;
  return p != NULL ? p : malloc_slow(size, 0, entry_sp);
}

static GL_NOINLINE void *malloc_finish_medium(size_t size, uintptr_t entry_sp) {
  void *p = gl_cache_pop_medium(gl_self, size, malloc_kind(entry_sp));
  return p != NULL ? p : malloc_slow(size, 0, entry_sp);
}

static GL_NOINLINE void *malloc_finish(size_t size, void *p,
                                       uintptr_t entry_sp) {
  if (size <= gl_heap.small_most) return malloc_finish_small(size, p, entry_sp);
  if (gl_cache_is_large(size)) return malloc_slow(size, 0, entry_sp);
  p = gl_lean_try_take_medium(size);
  return p != NULL ? p : malloc_finish_medium(size, entry_sp);
}

/* Memory that the C library got from sbrk: its malloc's, though nobody should
   have called that. */
static bool malloc_is_libc(const void *p) {
  const char *end = sbrk(0);
  return end != (const char *)-1 && gl_stacks_share(p, end - 1);
}

/* Whether p is ours to free or to resize, with the address named if not. */
static bool malloc_is_ours(const void *p) {
  return gl_in_heap(p) || (!bootstrap_has(p) && !malloc_is_libc(p));
}

/* A large block, one of another heap, or what is no block. */
static GL_NOINLINE void malloc_free_other(void *block, uintptr_t entry_sp) {
  int saved = errno;
  if (bootstrap_has(block) || !malloc_is_ready()) return;
  if (malloc_is_ours(block))
    gl_api_free("free", block, entry_sp);
  else
    __libc_free(block);
  gl_lean_settle();
  errno = saved;
}

static GL_NOINLINE void malloc_free_slow(void *block, enum gl_freed freed,
                                         uintptr_t entry_sp) {
  int saved = errno;
  bool done = gl_cache_finish_free(gl_self, block, freed);
  errno = saved;
  if (!done && block != NULL) malloc_free_other(block, entry_sp);
}

static GL_NOINLINE void malloc_free_more(void *block, enum gl_freed freed,
                                         uintptr_t entry_sp) {
  if (freed == GL_FREED_ELSEWHERE && !gl_arena_is_in_use(gl_arena_of(block))) {
    malloc_free_other(block, entry_sp);
    return;
  }
  if (gl_lean_self != gl_self)
    freed = gl_cache_try_free(gl_self, block, false);
  else
    gl_cache_enter(gl_self);
  freed = gl_cache_free_more(gl_self, block, freed);
  if (freed != GL_FREED_DONE) malloc_free_slow(block, freed, entry_sp);
}

/* After gl_lean_try_free, where that was not all. */
static GL_NOINLINE void malloc_finish_free(void *block, enum gl_freed freed,
                                           uintptr_t entry_sp) {
  if (freed == GL_FREED_LONG)
    freed = gl_cache_take_back_long(gl_lean_self, block);
  else if (freed == GL_FREED_ELSEWHERE && gl_lean_try_send(block))
    freed = GL_FREED_DONE;
  if (freed != GL_FREED_DONE) malloc_free_more(block, freed, entry_sp);
}

/* Move out of the bootstrap arena. */
static void *malloc_move(const void *block, size_t size, uintptr_t entry_sp) {
  size_t old = bootstrap_size(block);
  void *p = malloc_slow(size, 0, entry_sp);
  if (p != NULL) memcpy(p, block, old < size ? old : size);
  return p;
}

static GL_NOINLINE void *malloc_resize(void *block, size_t size,
                                       uintptr_t entry_sp) {
  size_t granules = gl_cache_find_granules(gl_lean_self, block);
  if (granules != 0 && gl_heap_may_stay(granules, size)) return block;
  if (bootstrap_has(block)) return malloc_move(block, size, entry_sp);
  if (!malloc_is_ready()) return NULL;
  if (!malloc_is_ours(block)) return __libc_realloc(block, size);
  void *p = gl_api_resize("realloc", block, size, entry_sp);
  gl_lean_settle();
  return p;
}

/* ---------------------------------------------------------------- Fast path */

MALLOC_API GL_HOT void *malloc(size_t size) {
  void *p;
  if (GL_LIKELY(gl_lean_try_allocate(size, &p))) return p;
  return malloc_finish(size, p, GL_ENTRY_SP());
}

/* The same for blocks of random sizes.  A tail call: no argument is kept for
   the rare case. */
static GL_NOINLINE GL_HOT void malloc_free_wide(void *block) {
  enum gl_freed freed = gl_lean_try_free(block, true);
  if (GL_LIKELY(freed == GL_FREED_DONE)) return;
  malloc_finish_free(block, freed, GL_ENTRY_SP());
}

MALLOC_API GL_HOT void free(void *block) {
  if (GL_UNLIKELY(gl_lean_self->wide != 0)) {
    malloc_free_wide(block);
    return;
  }
  enum gl_freed freed = gl_lean_try_free(block, false);
  if (GL_LIKELY(freed == GL_FREED_DONE)) return;
  malloc_finish_free(block, freed, GL_ENTRY_SP());
}

/* ------------------------------------------------------------- the others */

/* Small blocks are cheapest to zero here; of large ones the heap knows which
   pages are zero already, where their kind is a zeroed one. */
MALLOC_API GL_HOT void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  if (bytes > GL_MEDIUM_MAX_BYTES && malloc_is_ready()) {
    enum gl_kind kind = malloc_kind(GL_ENTRY_SP());
    if (!gl_kind_is_zeroed(kind)) kind = GL_SCANNED;
    void *p = gl_api_allocate(bytes, 0, kind, GL_ENTRY_SP());
    gl_lean_settle();
    return p;
  }
  void *p;
  if (!gl_lean_try_allocate(bytes, &p))
    p = malloc_finish(bytes, p, GL_ENTRY_SP());
  return p == NULL ? NULL : memset(p, 0, bytes);
}

MALLOC_API void *realloc(void *block, size_t size) {
  uintptr_t entry_sp = GL_ENTRY_SP();
  if (block == NULL) return malloc(size);
  if (size != 0) return malloc_resize(block, size, entry_sp);
  free(block); /* as the C library does */
  return NULL;
}

MALLOC_API void *reallocarray(void *block, size_t count, size_t size) {
  size_t bytes;
  if (!__builtin_mul_overflow(count, size, &bytes))
    return realloc(block, bytes);
  errno = ENOMEM;
  return NULL;
}

static bool malloc_is_power_of_two(size_t n) {
  return n != 0 && (n & (n - 1)) == 0;
}

MALLOC_API int posix_memalign(void **block, size_t alignment, size_t size) {
  int saved = errno;
  if (!malloc_is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
    return EINVAL;
  void *p = malloc_slow(size, alignment, GL_ENTRY_SP());
  errno = saved;
  if (p == NULL) return ENOMEM;
  *block = p;
  return 0;
}

MALLOC_API void *aligned_alloc(size_t alignment, size_t size) {
  if (malloc_is_power_of_two(alignment))
    return malloc_slow(size, alignment, GL_ENTRY_SP());
  errno = EINVAL;
  return NULL;
}

/* The next power of two will do, as in the C library. */
MALLOC_API void *memalign(size_t alignment, size_t size) {
  size_t power = GL_GRANULE_BYTES;
  while (power < alignment && power <= SIZE_MAX / 2) power *= 2;
  return aligned_alloc(power, size);
}

MALLOC_API void *valloc(size_t size) {
  return malloc_slow(size, GL_PAGE_BYTES, GL_ENTRY_SP());
}

MALLOC_API void *pvalloc(size_t size) {
  size_t rounded = gl_round_up(size, GL_PAGE_BYTES);
  if (rounded >= size)
    return malloc_slow(rounded, GL_PAGE_BYTES, GL_ENTRY_SP());
  errno = ENOMEM;
  return NULL;
}

MALLOC_API void free_sized(void *block, size_t size) {
  (void)size;
  free(block);
}

MALLOC_API void free_aligned_sized(void *block, size_t alignment,
                                   size_t size) {
  (void)alignment;
  (void)size;
  free(block);
}

/* Some programs ask for every block that they allocate and free. */
MALLOC_API size_t malloc_usable_size(void *block) {
  size_t granules = gl_cache_find_granules(gl_lean_self, block);
  if (GL_LIKELY(granules != 0))
    return gl_heap_usable_bytes(granules << GL_GRANULE_SHIFT);
  if (block == NULL) return 0;
  if (bootstrap_has(block)) return bootstrap_size(block);
  if (!malloc_is_ready() || !malloc_is_ours(block)) return 0;
  size_t size = gl_api_size("malloc_usable_size", block, GL_ENTRY_SP());
  gl_lean_settle();
  return size;
}

/* 1 where memory was given back. */
MALLOC_API int malloc_trim(size_t pad) {
  (void)pad;
  if (!malloc_is_ready()) return 0;
  size_t bytes =
      gl_options.mode == GL_MODE_EXPLICIT ? gl_lean_trim() : gc_trim();
  gl_lean_settle();
  return bytes > 0;
}

MALLOC_API struct mallinfo2 mallinfo2(void) {
  struct mallinfo2 info;
  struct gc_stats stats;
  memset(&info, 0, sizeof info);
  if (!malloc_is_ready()) return info;
  gc_get_stats(&stats);
  info.arena = stats.heap_bytes;
  info.usmblks = stats.peak_heap_bytes;
  info.uordblks = stats.allocated_bytes - stats.freed_bytes;
  if (info.uordblks < info.arena) info.fordblks = info.arena - info.uordblks;
  return info;
}
