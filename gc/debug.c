/* SPDX-License-Identifier: MIT */
/*
 * debug.c: what GLEANER_DEBUG=1 adds: every block is noted in a table beside
 * the heap, with where it was allocated and where it was freed.  Behind the
 * size asked for lies slack with a pattern, which is looked at when the block
 * is freed or resized and before each collection.  A freed block is filled with
 * another pattern and waits in a queue; that it is still as it was is looked at
 * when it leaves the queue for the heap.
 *
 * The table is under the heap lock.  A record lives until a block is allocated
 * at the same address: so a block that was freed long ago still has its story.
 * The fast paths are off (gl_heap.slow_only), so every block comes by here.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "../alloc/os.h"
#include "gc.h"

#define DEBUG_FRAMES 12
#define DEBUG_SLACK_BYTES GL_GRANULE_BYTES
#define DEBUG_SLACK 0xfb
#define DEBUG_FREED 0xdf

/* Freed blocks that wait: so many at most, and so much of them. */
#define DEBUG_QUEUE_BLOCKS 4096
#define DEBUG_QUEUE_BYTES ((size_t)32 << 20)

enum debug_state { DEBUG_LIVE = 1, DEBUG_IS_FREED, DEBUG_COLLECTED };

struct debug_record {
  char *block;             /* NULL where the place in the table is free */
  size_t size;             /* as asked for */
  size_t usable;           /* as the heap sees it */
  enum debug_state state;
  uintptr_t allocated[DEBUG_FRAMES]; /* 0 ends them */
  uintptr_t freed[DEBUG_FRAMES];
};

static struct {
  struct debug_record *records; /* by a hash of the address, probed linearly */
  size_t capacity;              /* a power of two, or 0 */
  size_t count;
  char **queue; /* a ring, made with the table; the blocks in it are roots */
  size_t first, queued;
  size_t queued_bytes;
} debug GL_DATA = {.capacity = 0};

/* ---------------------------------------------------------------- the table */

static size_t debug_hash(const void *block) {
  return ((uintptr_t)block >> GL_GRANULE_SHIFT) * 0x9E3779B97F4A7C15u >> 20;
}

/* The record of a block, or the place for it; wants a table. */
static struct debug_record *debug_place(const void *block) {
  gl_assert(debug.count < debug.capacity); /* the search comes to an end */
  size_t at = debug_hash(block) & (debug.capacity - 1);
  while (debug.records[at].block != NULL && debug.records[at].block != block)
    at = (at + 1) & (debug.capacity - 1);
  return &debug.records[at];
}

static struct debug_record *debug_find(const void *block) {
  if (debug.capacity == 0) return NULL;
  struct debug_record *record = debug_place(block);
  return record->block != NULL ? record : NULL;
}

static bool debug_grow(void) {
  const size_t queue_bytes = DEBUG_QUEUE_BLOCKS * sizeof *debug.queue;
  if (debug.queue == NULL) debug.queue = gl_os_map(queue_bytes);
  if (debug.queue == NULL) return false;
  struct debug_record *old = debug.records;
  size_t old_capacity = debug.capacity;
  gl_assert((old_capacity & (old_capacity - 1)) == 0);
  size_t capacity = old_capacity == 0 ? 1024 : 2 * old_capacity;
  struct debug_record *records = gl_os_map(capacity * sizeof *records);
  if (records == NULL) return false;
  debug.records = records;
  debug.capacity = capacity;
  for (size_t i = 0; i < old_capacity; i++)
    if (old[i].block != NULL) *debug_place(old[i].block) = old[i];
  if (old != NULL) gl_os_unmap(old, old_capacity * sizeof *old);
  return true;
}

/* A fresh record; NULL without memory for it. */
static struct debug_record *debug_note(char *block) {
  struct debug_record *record = debug_find(block);
  if (record == NULL && debug.count >= debug.capacity / 4 * 3 && !debug_grow())
    return NULL;
  record = debug_place(block);
  if (record->block == NULL) debug.count++;
  gl_assert(debug.count <= debug.capacity / 4 * 3);
  memset(record, 0, sizeof *record);
  record->block = block;
  return record;
}

/* ----------------------------------------------------------------- patterns */

/* Where in [from, to) something else than the pattern is; SIZE_MAX if
   nowhere. */
static size_t debug_differs(const char *block, size_t from, size_t to,
                            int pattern) {
  for (size_t i = from; i < to; i++)
    if ((unsigned char)block[i] != pattern) return i;
  return SIZE_MAX;
}

/* What is wrong with a block, told by its record. */
struct debug_finding {
  char *block; /* NULL for nothing */
  size_t size;
  size_t offset;
  bool freed;
};

static void debug_look(const struct debug_record *record,
                       struct debug_finding *finding) {
  bool freed = record->state == DEBUG_IS_FREED;
  gl_assert((freed || record->state == DEBUG_LIVE) &&
            record->size <= record->usable);
  size_t at = debug_differs(record->block, freed ? 0 : record->size,
                            record->usable, freed ? DEBUG_FREED : DEBUG_SLACK);
  if (at == SIZE_MAX || finding->block != NULL) return;
  *finding = (struct debug_finding){record->block, record->size, at, freed};
}

/* Wants no lock. */
static void debug_report(const struct debug_finding *finding,
                         const char *function, uintptr_t entry_sp) {
  char buffer[200];
  struct gl_text text = {buffer, sizeof buffer, 0};
  if (finding->block == NULL) return;
  gl_text_string(&text, finding->freed
                            ? "written to after it was freed, at byte "
                            : "overrun: byte ");
  gl_text_number(&text, finding->offset);
  gl_text_string(&text, finding->freed ? " of " : " of a block of ");
  gl_text_number(&text, finding->size);
  gl_text_string(&text, finding->freed ? "" : " was written to");
  gl_assert(text.length < text.size);
  gl_error_fault(function, finding->block, buffer, finding->block,
                 finding->size, entry_sp);
}

/* ----------------------------------------------------------- allocate, free */

void *gl_debug_allocate(size_t size, size_t align, enum gl_kind kind,
                        uintptr_t entry_sp) {
  uintptr_t trace[DEBUG_FRAMES];
  struct gl_block block;
  if (size > SIZE_MAX - DEBUG_SLACK_BYTES) {
    errno = ENOMEM;
    return NULL;
  }
  gl_stack_trace(trace, DEBUG_FRAMES, entry_sp);
  char *p = gl_api_take(size + DEBUG_SLACK_BYTES, align, kind, entry_sp);
  if (p == NULL) return NULL;
  gl_cache_enter_slow(gl_self);
  gl_heap_find(p, &block);
  gl_cache_leave(gl_self);
  gl_assert(block.start == p && block.size >= size + DEBUG_SLACK_BYTES);
  memset(p + size, DEBUG_SLACK, block.size - size);
  gl_heap_lock(NULL);
  struct debug_record *record = debug_note(p);
  if (record != NULL) {
    record->size = size;
    record->usable = block.size;
    record->state = DEBUG_LIVE;
    memcpy(record->allocated, trace, sizeof trace);
  }
  gl_heap_unlock();
  return p;
}

static bool debug_queue_is_long(void) {
  return debug.queued == DEBUG_QUEUE_BLOCKS ||
         debug.queued_bytes > DEBUG_QUEUE_BYTES;
}

/* The block that has waited longest, looked at. */
static char *debug_unqueue(struct debug_finding *finding) {
  char *block = debug.queue[debug.first];
  struct debug_record *record = debug_find(block);
  gl_assert(record->state == DEBUG_IS_FREED);
  gl_assert(debug.queued > 0 && debug.queued_bytes >= record->usable);
  debug.queue[debug.first] = NULL;
  debug.first = (debug.first + 1) % DEBUG_QUEUE_BLOCKS;
  debug.queued--;
  debug.queued_bytes -= record->usable;
  debug_look(record, finding);
  return block;
}

static void debug_enqueue(struct debug_record *record) {
  gl_assert(record->state == DEBUG_IS_FREED);
  gl_assert(debug.queued < DEBUG_QUEUE_BLOCKS);
  memset(record->block, DEBUG_FREED, record->usable);
  debug.queue[(debug.first + debug.queued++) % DEBUG_QUEUE_BLOCKS] =
      record->block;
  debug.queued_bytes += record->usable;
}

enum gl_fault gl_debug_free(const char *function, void *p,
                            uintptr_t entry_sp) {
  uintptr_t trace[DEBUG_FRAMES];
  struct debug_finding overrun = {.block = NULL}, written = {.block = NULL};
  char *old = NULL;
  gl_stack_trace(trace, DEBUG_FRAMES, entry_sp);
  gl_heap_lock(NULL);
  struct debug_record *record = debug_find(p);
  bool noted = record != NULL && record->state == DEBUG_LIVE;
  /* By another thread, since the block was found to be one. */
  bool twice = record != NULL && record->state == DEBUG_IS_FREED;
  if (noted) {
    debug_look(record, &overrun);
    if (debug_queue_is_long()) old = debug_unqueue(&written);
    record->state = DEBUG_IS_FREED;
    memcpy(record->freed, trace, sizeof trace);
    debug_enqueue(record);
  }
  gl_heap_unlock();
  debug_report(&overrun, function, entry_sp);
  debug_report(&written, function, entry_sp);
  if (twice) return GL_FAULT_TWICE;
  if (!noted) return gl_heap_free(gl_self, p);
  return old == NULL ? GL_FAULT_NONE : gl_heap_free(gl_self, old);
}

bool gl_debug_empty_queue(const char *function, uintptr_t entry_sp) {
  size_t count = 0;
  for (;; count++) {
    struct debug_finding written = {.block = NULL};
    gl_heap_lock(NULL);
    char *block = debug.queued > 0 ? debug_unqueue(&written) : NULL;
    gl_heap_unlock();
    if (block == NULL) return count > 0;
    debug_report(&written, function, entry_sp);
    gl_heap_free(gl_self, block);
  }
}

bool gl_debug_is_freed_locked(const void *p) {
  struct debug_record *record = debug_find(p);
  return record != NULL && record->state == DEBUG_IS_FREED;
}

bool gl_debug_is_freed(const void *p) {
  gl_heap_lock(NULL);
  bool freed = gl_debug_is_freed_locked(p);
  gl_heap_unlock();
  return freed;
}

size_t gl_debug_size(const void *p, size_t usable) {
  gl_heap_lock(NULL);
  struct debug_record *record = debug_find(p);
  size_t size = record == NULL ? usable : record->size;
  gl_heap_unlock();
  return size;
}

/* -------------------------------------------------------------- collections */

void gl_debug_check(uintptr_t entry_sp) {
  struct debug_finding finding = {.block = NULL};
  gl_heap_lock(NULL);
  for (size_t i = 0; i < debug.capacity; i++) {
    const struct debug_record *record = &debug.records[i];
    if (record->block != NULL && record->state == DEBUG_LIVE)
      debug_look(record, &finding);
  }
  for (size_t i = 0; i < debug.queued; i++)
    debug_look(
        debug_find(debug.queue[(debug.first + i) % DEBUG_QUEUE_BLOCKS]),
        &finding);
  gl_heap_unlock();
  debug_report(&finding, "heap", entry_sp);
}

void gl_debug_mark_roots(void) {
  gl_assert(gl_threads_are_stopped());
  if (debug.queue != NULL)
    gl_mark_roots(debug.queue, debug.queue + DEBUG_QUEUE_BLOCKS);
}

void gl_debug_note_dead(void) {
  for (size_t i = 0; i < debug.capacity; i++) {
    struct debug_record *record = &debug.records[i];
    gl_assert(record->block == NULL || gl_in_heap(record->block));
    if (record->block != NULL && record->state == DEBUG_LIVE &&
        !gl_tags_is_marked(gl_heap.tags, gl_granule_of(record->block)))
      record->state = DEBUG_COLLECTED;
  }
}

__attribute__((destructor)) static void debug_at_exit(void) {
  if (gl_options.debug) gl_debug_check(GL_ENTRY_SP());
}

/* ---------------------------------------------------------------- the story */

static void debug_write(const char *what) {
  struct gl_text text = {(char *)(uintptr_t)what, strlen(what) + 1,
                         strlen(what)};
  gl_text_write(&text, STDERR_FILENO);
}

void gl_debug_describe(const void *block) {
  struct debug_record copy = {.block = NULL};
  gl_heap_lock(NULL);
  struct debug_record *record = debug_find(block);
  if (record != NULL) copy = *record;
  gl_heap_unlock();
  if (copy.block == NULL) return;
  debug_write("allocated by\n");
  gl_stack_write_trace(STDERR_FILENO, copy.allocated, DEBUG_FRAMES);
  if (copy.state == DEBUG_COLLECTED) debug_write("freed by the collector\n");
  if (copy.state != DEBUG_IS_FREED) return;
  debug_write("first freed by\n");
  gl_stack_write_trace(STDERR_FILENO, copy.freed, DEBUG_FRAMES);
}
