/* SPDX-License-Identifier: MIT */
/*
 * subject.h: the allocators that are compared, behind one interface: the
 * classic policies, the production heap in its three modes, and the system's
 * malloc.  A process opens one subject and ends with it, so a subject's state
 * is static.
 */
#ifndef CONTRAST_SUBJECT_H
#define CONTRAST_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How blocks die. */
enum subject_way {
  SUBJECT_EXPLICIT, /* the program frees every one */
  SUBJECT_MIXED,   /* it frees what it knows, and drops the pointer to others */
  SUBJECT_IMPLICIT /* it drops the pointer to all */
};

/* What a subject tells of its work.  Not all of them can say everything. */
struct subject_counts {
  bool has_search; /* steps, splits, coalescings and system_calls are known */
  uint64_t allocations, steps, splits, coalescings, system_calls;
  uint64_t collections, pause_total_ns, pause_max_ns, pause_last_ns;
  uint64_t metadata_bytes;
};

/* Told of a part of the heap: memory, and whether a block is there; classic
   policies and malloc tell whole areas, as free. */
typedef void subject_visit(const char *start, size_t size, bool allocated,
                           void *data);

struct subject {
  const char *name;
  const char *title;
  enum subject_way way;
  bool has_backend; /* sbrk or mmap can be chosen */
  /* peak_payload: bytes that the trace has live at most, for a limit. */
  void (*open)(const struct subject *self, bool use_mmap, size_t peak_payload);
  void *(*allocate)(size_t size);
  void (*release)(void *block);
  void *(*resize)(void *block, size_t size);
  size_t (*extent)(const void *block, const char **start);
  size_t (*heap_bytes)(void);
  const char *(*check)(void); /* NULL where the heap is sound */
  void (*count)(struct subject_counts *counts);
  void (*walk)(subject_visit *visit, void *data);
  /* For collected subjects; NULL for others. */
  bool (*add_roots)(const void *start, const void *end);
  bool (*is_block)(const void *block); /* still there, not collected */
};

/* All of them; the name of the last is NULL. */
extern const struct subject *const subjects[];

/* The subject of this name, or NULL. */
const struct subject *subject_find(const char *name);

/* Heap limit of the collected subjects as a multiple of the peak payload, or
   0 for none: the collector's own pace (subject_gleaner.c). */
extern double subject_limit_factor;

extern const struct subject subject_classics[]; /* 8 of them */
extern const struct subject subject_system;
extern const struct subject subject_explicit;
extern const struct subject subject_mixed;
extern const struct subject subject_implicit;

#endif
