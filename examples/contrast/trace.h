/* SPDX-License-Identifier: MIT */
/*
 * trace.h: what a program asked of its allocator, operation by operation, in
 * memory and in files of two forms: the compact one of format.h, and the text
 * form of malloc exercises (CS:APP's malloc lab):
 *
 *   a 0 512        block 0 is allocated with 512 bytes
 *   r 0 640        and resized
 *   f 0            and freed
 *   t 1            what follows was done by thread 1 (ours)
 *   # a comment    (ours)
 *
 * The four lines of numbers at the head of the exercises' files are skipped.
 * Reading tells the forms apart by the first bytes.
 *
 * Invariants of a trace: the n-th allocation is of block n; a block is resized
 * and freed only while it is allocated.  Readers check it.
 */
#ifndef CONTRAST_TRACE_H
#define CONTRAST_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "format.h"

struct trace_op {
  uint64_t size; /* bytes; 0 for a free */
  uint32_t block;
  uint16_t thread;
  uint8_t kind; /* enum format_kind, but never control */
};

struct trace {
  char name[64]; /* of the file, without directory and suffix */
  struct trace_op *ops;
  size_t op_count;
  size_t op_room;
  uint32_t block_count;
  uint16_t thread; /* of the operations that are added */
};

void trace_init(struct trace *trace, const char *name);
void trace_finish(struct trace *trace);

/* Add an operation.  An allocation returns the number of its block. */
uint32_t trace_allocate(struct trace *trace, uint64_t size);
void trace_resize(struct trace *trace, uint32_t block, uint64_t size);
void trace_free(struct trace *trace, uint32_t block);

/* Read a file in either form; the program ends with a message where it cannot
   be read or is no trace. */
void trace_read(struct trace *trace, const char *path);

/* Write in either form; false where that fails. */
bool trace_write_compact(const struct trace *trace, FILE *to);
bool trace_write_text(const struct trace *trace, FILE *to);

/* For each block the operation that frees it, or op_count where none does; to
   be freed with own_free. */
uint32_t *trace_deaths(const struct trace *trace);

/* Figures of a trace: sizes, lifetimes, live bytes over time (summary.c). */
void trace_print_summary(const struct trace *trace, FILE *to);

/* A synthetic trace by its name, or false (synthetic.c); and their names with
   a word on each, the end is NULL. */
bool trace_make_synthetic(struct trace *trace, const char *name);
struct trace_synthetic {
  const char *name;
  const char *what;
  void (*make)(struct trace *trace);
};
extern const struct trace_synthetic trace_synthetics[];

#endif
