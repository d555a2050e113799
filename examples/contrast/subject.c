/* SPDX-License-Identifier: MIT */
/*
 * subject.c: the list of all subjects, and the adapters of the classic
 * policies and of the system's malloc.  The production heap's are in
 * subject_gleaner.c.
 */
#include "subject.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../alloc/classic/classic.h"

/* -------------------------------------------------------------- classic */

static struct gl_classic classic_heap;

static void classic_open(const struct subject *self, bool use_mmap,
                         size_t peak_payload) {
  (void)peak_payload;
  gl_classic_open(&classic_heap, gl_classic_find_policy(self->name),
                  use_mmap ? GL_CLASSIC_MMAP : GL_CLASSIC_SBRK);
}

static void *classic_allocate(size_t size) {
  return gl_classic_allocate(&classic_heap, size);
}

static void classic_release(void *block) {
  gl_classic_release(&classic_heap, block);
}

static void *classic_resize(void *block, size_t size) {
  return gl_classic_resize(&classic_heap, block, size);
}

static size_t classic_extent(const void *block, const char **start) {
  return classic_heap.policy->extent(&classic_heap, block, start);
}

static size_t classic_heap_bytes(void) {
  return gl_classic_heap_bytes(&classic_heap);
}

static const char *classic_check(void) {
  return gl_classic_check(&classic_heap);
}

static void classic_count(struct subject_counts *counts) {
  *counts =
      (struct subject_counts){.has_search = true,
                              .allocations = classic_heap.counts.allocations,
                              .steps = classic_heap.counts.steps,
                              .splits = classic_heap.counts.splits,
                              .coalescings = classic_heap.counts.coalescings,
                              .system_calls = classic_heap.counts.system_calls,
                              .metadata_bytes = classic_heap.table_bytes};
}

static void classic_walk(subject_visit *visit, void *data) {
  for (size_t i = 0; i < classic_heap.area_count; i++) {
    const struct gl_classic_area *area = &classic_heap.areas[i];
    visit(area->start, (size_t)(area->end - area->start), false, data);
  }
}

#define CLASSIC_SUBJECT(subject_name, subject_title)                           \
  {                                                                            \
    .name = subject_name, .title = subject_title, .way = SUBJECT_EXPLICIT,     \
    .has_backend = true, .open = classic_open, .allocate = classic_allocate,   \
    .release = classic_release, .resize = classic_resize,                      \
    .extent = classic_extent, .heap_bytes = classic_heap_bytes,                \
    .check = classic_check, .count = classic_count, .walk = classic_walk       \
  }

const struct subject subject_classics[] = {
    CLASSIC_SUBJECT("implicit-first", "implicit list, first fit"),
    CLASSIC_SUBJECT("implicit-next", "implicit list, next fit"),
    CLASSIC_SUBJECT("implicit-best", "implicit list, best fit"),
    CLASSIC_SUBJECT("explicit-lifo", "explicit list, LIFO"),
    CLASSIC_SUBJECT("explicit-address", "explicit list, address order"),
    CLASSIC_SUBJECT("simple", "simple segregated storage"),
    CLASSIC_SUBJECT("segregated", "segregated fit"),
    CLASSIC_SUBJECT("buddy", "binary buddy")};

/* ------------------------------------------------------- system's malloc */

/* glibc puts blocks from here on into mappings of their own, and moves the
   limit up with what is freed; below it only the break counts. */
#define SYSTEM_LARGE_BYTES ((size_t)100000)

static struct {
  size_t used_before;  /* by the process, when the subject was opened */
  size_t mapped_bytes; /* when large blocks last came or went */
  const char *heap_start;
} system_heap;

static void system_open(const struct subject *self, bool use_mmap,
                        size_t peak_payload) {
  (void)self;
  (void)use_mmap;
  (void)peak_payload;
  void *probe = malloc(1); /* the break has moved for the first time */
  struct mallinfo2 info = mallinfo2();
  free(probe);
  system_heap.used_before = info.uordblks;
  system_heap.mapped_bytes = info.hblkhd;
  system_heap.heap_start = (const char *)sbrk(0) - info.arena;
}

static void system_note(size_t size) {
  if (size >= SYSTEM_LARGE_BYTES) system_heap.mapped_bytes = mallinfo2().hblkhd;
}

static void *system_allocate(size_t size) {
  void *block = malloc(size);
  system_note(size);
  return block;
}

static void system_release(void *block) {
  size_t size = malloc_usable_size(block);
  free(block);
  system_note(size);
}

static void *system_resize(void *block, size_t size) {
  size_t old_size = malloc_usable_size(block);
  void *moved = realloc(block, size == 0 ? 1 : size);
  system_note(old_size > size ? old_size : size);
  return moved;
}

/* The size word in front is the block's; see malloc/malloc.c of glibc. */
static size_t system_extent(const void *block, const char **start) {
  *start = (const char *)block - sizeof(size_t);
  return malloc_usable_size((void *)(uintptr_t)block) + sizeof(size_t);
}

static size_t system_heap_bytes(void) {
  size_t held = (size_t)((const char *)sbrk(0) - system_heap.heap_start);
  held += system_heap.mapped_bytes;
  return held > system_heap.used_before ? held - system_heap.used_before : 0;
}

static const char *system_check(void) { return NULL; }

static void system_count(struct subject_counts *counts) {
  memset(counts, 0, sizeof *counts);
}

static void system_walk(subject_visit *visit, void *data) {
  size_t size = (size_t)((const char *)sbrk(0) - system_heap.heap_start);
  visit(system_heap.heap_start, size, false, data);
}

const struct subject subject_system = {.name = "malloc",
                                       .title = "the system's malloc",
                                       .way = SUBJECT_EXPLICIT,
                                       .open = system_open,
                                       .allocate = system_allocate,
                                       .release = system_release,
                                       .resize = system_resize,
                                       .extent = system_extent,
                                       .heap_bytes = system_heap_bytes,
                                       .check = system_check,
                                       .count = system_count,
                                       .walk = system_walk};

/* ------------------------------------------------------------------- all */

const struct subject *const subjects[] = {&subject_classics[0],
                                          &subject_classics[1],
                                          &subject_classics[2],
                                          &subject_classics[3],
                                          &subject_classics[4],
                                          &subject_classics[5],
                                          &subject_classics[6],
                                          &subject_classics[7],
                                          &subject_system,
                                          &subject_explicit,
                                          &subject_mixed,
                                          &subject_implicit,
                                          NULL};

const struct subject *subject_find(const char *name) {
  for (size_t i = 0; subjects[i] != NULL; i++)
    if (strcmp(subjects[i]->name, name) == 0) return subjects[i];
  return NULL;
}
