/* SPDX-License-Identifier: MIT */
/*
 * record.c: libgleaner-record.so.  Preloaded into a program that knows nothing
 * of it, it passes every call of malloc and its kin on and writes it to the
 * file that GLEANER_RECORD names, in the compact form of format.h.
 *
 * The file is created anew, and where it exists nothing is recorded: so a
 * command that starts others records the first process only, unless the name
 * has a %p.  A child made by fork records nothing.  The file is mapped, so what
 * has been recorded survives whatever ends the program.
 *
 * Order.  Records of all threads are written under one lock.  A block is in
 * the table of live blocks from after its allocation to before its free, so
 * no address is in it twice; where realloc may free and allocate at once, the
 * lock is held around it.  The lock is a spin lock which yields: nothing here
 * calls malloc, and what is done under it takes some tens of nanoseconds.
 *
 * What is not seen: alignment (memalign is recorded as malloc), and blocks of
 * before the start, of which there are none but those that dlsym asks for.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format.h"
#include "record.h"

#define RECORD_TLS _Thread_local __attribute__((tls_model("initial-exec")))

/* The file grows by this much, and is cut to its length at the end. */
#define RECORD_WINDOW_BYTES ((size_t)1 << 20)

/* What dlsym may ask for before the real malloc is known. */
#define RECORD_EARLY_BYTES 8192

/* A live block: its address and its number.  Open addressing, linear probes,
   at most half full; an address of 0 is an empty slot. */
struct record_entry {
  uintptr_t address;
  uint32_t number;
  bool collected; /* the collector may free it */
};

static struct {
  void *(*malloc)(size_t);
  void (*free)(void *);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*memalign)(size_t, size_t);
} real;

static struct {
  bool lock;
  bool on;
  int file;
  uint8_t *window; /* RECORD_WINDOW_BYTES of the file, mapped */
  off_t window_at; /* where in the file it starts */
  size_t used;     /* bytes of the window */
  uint32_t allocations;
  unsigned last_thread;
  unsigned threads;
  struct record_entry *table;
  size_t table_room; /* a power of two */
  size_t table_count;
} record;

static RECORD_TLS unsigned record_thread; /* its number + 1 */

static char record_early[RECORD_EARLY_BYTES] __attribute__((aligned(16)));
static size_t record_early_used;

static void record_lock(void) {
  while (__atomic_exchange_n(&record.lock, true, __ATOMIC_ACQUIRE))
    sched_yield();
}

static void record_unlock(void) {
  __atomic_store_n(&record.lock, false, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------- the live blocks */

static size_t record_slot(uintptr_t address) {
  uint64_t hash = (uint64_t)(address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 20) & (record.table_room - 1);
}

static void record_table_put(struct record_entry entry) {
  size_t i = record_slot(entry.address);
  while (record.table[i].address != 0) i = (i + 1) & (record.table_room - 1);
  record.table[i] = entry;
}

static bool record_table_reserve(void) {
  if (2 * (record.table_count + 1) <= record.table_room) return true;
  struct record_entry *old = record.table;
  size_t old_room = record.table_room;
  size_t room = old_room == 0 ? 65536 : 2 * old_room;
  void *table = mmap(NULL, room * sizeof *old, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) return false;
  record.table = table;
  record.table_room = room;
  for (size_t i = 0; i < old_room; i++)
    if (old[i].address != 0) record_table_put(old[i]);
  if (old != NULL) munmap(old, old_room * sizeof *old);
  return true;
}

/* Close the gap at i: move up what would not be found any more. */
static void record_table_close_gap(size_t i) {
  size_t mask = record.table_room - 1;
  for (size_t j = (i + 1) & mask; record.table[j].address != 0;
       j = (j + 1) & mask) {
    size_t home = record_slot(record.table[j].address);
    if (((j - home) & mask) < ((j - i) & mask)) continue;
    record.table[i] = record.table[j];
    i = j;
  }
  record.table[i].address = 0;
}

/* Take an address out of the table: true, and its entry. */
static bool record_table_take(const void *p, struct record_entry *entry) {
  uintptr_t address = (uintptr_t)p;
  if (record.table_room == 0) return false;
  size_t i = record_slot(address);
  for (; record.table[i].address != address;
       i = (i + 1) & (record.table_room - 1))
    if (record.table[i].address == 0) return false;
  *entry = record.table[i];
  record_table_close_gap(i);
  record.table_count--;
  return true;
}

/* -------------------------------------------------------------- the file */

/* Map the window that starts at an offset of the file. */
static bool record_map_window(off_t at) {
  if (ftruncate(record.file, at + (off_t)RECORD_WINDOW_BYTES) != 0)
    return false;
  void *window = mmap(NULL, RECORD_WINDOW_BYTES, PROT_READ | PROT_WRITE,
                      MAP_SHARED, record.file, at);
  if (window == MAP_FAILED) return false;
  if (record.window != NULL) munmap(record.window, RECORD_WINDOW_BYTES);
  record.window = window;
  record.window_at = at;
  record.used = 0;
  return true;
}

static void record_write(const uint8_t *bytes, size_t count) {
  while (count > 0) {
    size_t room = RECORD_WINDOW_BYTES - record.used;
    size_t n = count < room ? count : room;
    memcpy(record.window + record.used, bytes, n);
    record.used += n;
    bytes += n;
    count -= n;
    if (record.used < RECORD_WINDOW_BYTES) continue;
    if (record_map_window(record.window_at + (off_t)RECORD_WINDOW_BYTES))
      continue;
    record.on = false;
    return;
  }
}

/* Write a record, and before it whose it is, if that has changed. */
static void record_put(enum format_kind kind, uint64_t value,
                       const uint64_t *size) {
  uint8_t bytes[FORMAT_NUMBER_BYTES + FORMAT_RECORD_BYTES];
  size_t n = 0;
  if (record_thread == 0) record_thread = ++record.threads;
  if (record_thread != record.last_thread)
    n = format_put_record(bytes, FORMAT_CONTROL, record_thread);
  record.last_thread = record_thread;
  n += format_put_record(bytes + n, kind, value);
  if (size != NULL) n += format_put(bytes + n, *size);
  record_write(bytes, n);
}

/* ------------------------------------------------------------ the events */

static bool record_is_early(const void *p) {
  return (const char *)p >= record_early &&
         (const char *)p < record_early + RECORD_EARLY_BYTES;
}

static void record_free_locked(const void *block) {
  struct record_entry entry;
  if (record.on && record_table_take(block, &entry))
    record_put(FORMAT_FREE, record.allocations - 1 - entry.number, NULL);
}

static void record_allocation_locked(void *block, size_t size, bool collected) {
  if (!record.on || !record_table_reserve()) return;
  if (collected) record_free_locked(block);
  record_table_put((struct record_entry){.address = (uintptr_t)block,
                                         .number = record.allocations++,
                                         .collected = collected});
  record.table_count++;
  record_put(FORMAT_ALLOCATE, size, NULL);
}

static void record_resize_locked(const void *old_block, void *block,
                                 size_t size) {
  struct record_entry entry;
  uint64_t new_size = size;
  if (!record.on) return;
  if (!record_table_take(old_block, &entry)) {
    record_allocation_locked(block, size, false);
    return;
  }
  entry.address = (uintptr_t)block;
  record_table_put(entry);
  record.table_count++;
  record_put(FORMAT_RESIZE, record.allocations - 1 - entry.number, &new_size);
}

bool record_is_on(void) { return record.on; }

void *record_note_allocation(void *block, size_t size, bool collected) {
  if (block == NULL || !record.on) return block;
  record_lock();
  record_allocation_locked(block, size, collected);
  record_unlock();
  return block;
}

void record_note_free(void *block) {
  if (!record.on) return;
  record_lock();
  record_free_locked(block);
  record_unlock();
}

void *record_note_resize(void *old_block, void *block, size_t size) {
  if (block == NULL || !record.on) return block;
  record_lock();
  record_resize_locked(old_block, block, size);
  record_unlock();
  return block;
}

static void *record_realloc(void *block, size_t size) {
  record_lock();
  void *moved = real.realloc(block, size);
  if (moved != NULL) record_resize_locked(block, moved, size);
  record_unlock();
  return moved;
}

void record_note_dead(bool (*is_dead)(const void *block)) {
  record_lock();
  for (size_t i = 0; record.on && i < record.table_room;) {
    const struct record_entry *entry = &record.table[i];
    const void *block = (const void *)entry->address;
    if (entry->address != 0 && entry->collected && is_dead(block))
      record_free_locked(block); /* another one may be in its slot now */
    else
      i++;
  }
  record_unlock();
}

/* --------------------------------------------------------- start and end */

static void record_in_child(void) { record.on = false; }

/* The name of the file: %p is the process. */
static void record_name(char *path, size_t size, const char *pattern) {
  const char *mark = strstr(pattern, "%p");
  if (mark == NULL)
    snprintf(path, size, "%s", pattern);
  else
    snprintf(path, size, "%.*s%d%s", (int)(mark - pattern), pattern,
             (int)getpid(), mark + 2);
}

static void record_find_real(void) {
  if (real.malloc != NULL) return;
  real.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  real.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  real.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  real.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
  real.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static __attribute__((constructor)) void record_start(void) {
  char path[4096];
  const char *pattern = getenv("GLEANER_RECORD");
  record_find_real();
  if (pattern == NULL) return;
  record_name(path, sizeof path, pattern);
  record.file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (record.file < 0) return;
  if (!record_map_window(0)) return;
  pthread_atfork(NULL, NULL, record_in_child);
  record.last_thread = 1; /* what a trace starts with */
  record.threads = 0;
  record_write((const uint8_t *)FORMAT_MAGIC, FORMAT_MAGIC_BYTES);
  record.on = true;
}

static __attribute__((destructor)) void record_end(void) {
  if (!record.on) return;
  record_lock();
  record.on = false;
  /* One byte more: the end record, which is 0. */
  int status =
      ftruncate(record.file, record.window_at + (off_t)record.used + 1);
  (void)status;
  record_unlock();
}

/* -------------------------------------------------- what the program calls */

static void *record_early_allocate(size_t size) {
  size_t at = (record_early_used + 15) & ~(size_t)15;
  if (size > RECORD_EARLY_BYTES - at) abort();
  record_early_used = at + size;
  return record_early + at;
}

RECORD_EXPORT void *malloc(size_t size) {
  if (real.malloc == NULL) return record_early_allocate(size);
  return record_note_allocation(real.malloc(size), size, false);
}

RECORD_EXPORT void free(void *p) {
  if (p == NULL || record_is_early(p)) return;
  record_note_free(p);
  real.free(p);
}

RECORD_EXPORT void *calloc(size_t count, size_t size) {
  if (real.malloc == NULL) return record_early_allocate(count * size);
  return record_note_allocation(real.calloc(count, size), count * size, false);
}

RECORD_EXPORT void *realloc(void *p, size_t size) {
  if (p == NULL) return malloc(size);
  if (record_is_early(p)) {
    void *moved = malloc(size);
    size_t left = (size_t)(record_early + RECORD_EARLY_BYTES - (char *)p);
    if (moved != NULL) memcpy(moved, p, size < left ? size : left);
    return moved;
  }
  if (size != 0 && record.on) return record_realloc(p, size);
  if (size == 0) record_note_free(p);
  return real.realloc(p, size);
}

RECORD_EXPORT void *reallocarray(void *p, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(p, bytes);
}

RECORD_EXPORT void *memalign(size_t alignment, size_t size) {
  record_find_real();
  return record_note_allocation(real.memalign(alignment, size), size, false);
}

RECORD_EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

RECORD_EXPORT int posix_memalign(void **to, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 ||
      alignment == 0)
    return EINVAL;
  int saved = errno;
  void *p = memalign(alignment, size);
  errno = saved;
  if (p == NULL) return ENOMEM;
  *to = p;
  return 0;
}

RECORD_EXPORT void *valloc(size_t size) {
  return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}
