/* SPDX-License-Identifier: MIT */
/*
 * trace.c: traces in memory and in files, see trace.h.
 */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "own.h"

/* Blocks that a trace may have; enough for hours of a program. */
#define TRACE_MAX_BLOCKS UINT32_C(0x7fffffff)

void trace_init(struct trace *trace, const char *path) {
  memset(trace, 0, sizeof *trace);
  const char *slash = strrchr(path, '/');
  snprintf(trace->name, sizeof trace->name, "%s",
           slash == NULL ? path : slash + 1);
  char *dot = strrchr(trace->name, '.');
  if (dot != NULL && dot != trace->name) *dot = '\0';
}

void trace_finish(struct trace *trace) {
  own_free(trace->ops, trace->op_room * sizeof *trace->ops);
  memset(trace, 0, sizeof *trace);
}

static void trace_add(struct trace *trace, enum format_kind kind,
                      uint32_t block, uint64_t size) {
  if (trace->op_count == trace->op_room) {
    size_t room = trace->op_room == 0 ? 4096 : 2 * trace->op_room;
    trace->ops = own_resize(trace->ops, trace->op_room * sizeof *trace->ops,
                            room * sizeof *trace->ops);
    trace->op_room = room;
  }
  trace->ops[trace->op_count++] = (struct trace_op){.size = size,
                                                    .block = block,
                                                    .thread = trace->thread,
                                                    .kind = (uint8_t)kind};
}

uint32_t trace_allocate(struct trace *trace, uint64_t size) {
  uint32_t block = trace->block_count++;
  if (block >= TRACE_MAX_BLOCKS) own_die("%s: too many blocks", trace->name);
  trace_add(trace, FORMAT_ALLOCATE, block, size);
  return block;
}

void trace_resize(struct trace *trace, uint32_t block, uint64_t size) {
  trace_add(trace, FORMAT_RESIZE, block, size);
}

void trace_free(struct trace *trace, uint32_t block) {
  trace_add(trace, FORMAT_FREE, block, 0);
}

uint32_t *trace_deaths(const struct trace *trace) {
  uint32_t *deaths = own_allocate(trace->block_count * sizeof *deaths);
  for (size_t i = 0; i < trace->block_count; i++)
    deaths[i] = (uint32_t)trace->op_count;
  for (size_t i = 0; i < trace->op_count; i++)
    if (trace->ops[i].kind == FORMAT_FREE)
      deaths[trace->ops[i].block] = (uint32_t)i;
  return deaths;
}

/* ----------------------------------------------------------------- reading */

static void trace_read_compact(struct trace *trace, const uint8_t *from,
                               const uint8_t *end) {
  from += FORMAT_MAGIC_BYTES;
  while (from < end) {
    uint64_t record = format_get(&from, end);
    uint64_t value = record >> 2;
    enum format_kind kind = (enum format_kind)(record & 3);
    if (kind == FORMAT_CONTROL && value == 0) return;
    if (kind == FORMAT_CONTROL) {
      trace->thread = (uint16_t)(value - 1);
      continue;
    }
    if (kind == FORMAT_ALLOCATE) {
      trace_allocate(trace, value);
      continue;
    }
    if (value >= trace->block_count)
      own_die("%s: block %" PRIu64 " before the first", trace->name, value);
    uint32_t block = trace->block_count - 1 - (uint32_t)value;
    uint64_t size = kind == FORMAT_RESIZE ? format_get(&from, end) : 0;
    trace_add(trace, kind, block, size);
  }
}

/* Numbers of blocks in a text are the author's; here they count up. */
struct trace_names {
  uint32_t *blocks; /* number in the text to block + 1 */
  size_t room;
};

static uint32_t *trace_name(struct trace_names *names, uint64_t number,
                            const struct trace *trace) {
  if (number >= TRACE_MAX_BLOCKS)
    own_die("%s: %" PRIu64 " is no block", trace->name, number);
  if (number >= names->room) {
    size_t room = (size_t)(number + 1) * 2 + 1024;
    names->blocks = own_resize(names->blocks, names->room * sizeof(uint32_t),
                               room * sizeof(uint32_t));
    names->room = room;
  }
  return &names->blocks[number];
}

static void trace_read_line(struct trace *trace, struct trace_names *names,
                            const char *line) {
  char verb;
  uint64_t number, size = 0;
  int got = sscanf(line, " %c %" SCNu64 " %" SCNu64, &verb, &number, &size);
  if (got <= 0 || verb == '#' || (verb >= '0' && verb <= '9')) return;
  if (verb == 't' && got == 2) {
    trace->thread = (uint16_t)number;
    return;
  }
  bool sized = verb == 'a' || verb == 'r';
  if (got != (sized ? 3 : 2) || strchr("arf", verb) == NULL)
    own_die("%s: this is no operation: %s", trace->name, line);
  uint32_t *name = trace_name(names, number, trace);
  if (verb == 'a') {
    *name = trace_allocate(trace, size) + 1;
    return;
  }
  if (*name == 0)
    own_die("%s: block %" PRIu64 " is not allocated", trace->name, number);
  if (verb == 'r')
    trace_resize(trace, *name - 1, size);
  else
    trace_free(trace, *name - 1);
}

static void trace_read_text(struct trace *trace, char *text, size_t length) {
  struct trace_names names = {NULL, 0};
  char *end = text + length;
  while (text < end) {
    char *newline = memchr(text, '\n', (size_t)(end - text));
    if (newline == NULL) newline = end;
    *newline = '\0'; /* there is a byte to spare at the end */
    trace_read_line(trace, &names, text);
    text = newline + 1;
  }
  own_free(names.blocks, names.room * sizeof(uint32_t));
}

/* A block is used only between its allocation and its free. */
static void trace_check(const struct trace *trace) {
  uint8_t *live = own_allocate(trace->block_count);
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->kind != FORMAT_ALLOCATE && !live[op->block])
      own_die("%s: operation %zu is on block %" PRIu32
              ", which is not allocated",
              trace->name, i, op->block);
    live[op->block] = op->kind != FORMAT_FREE;
  }
  own_free(live, trace->block_count);
}

void trace_read(struct trace *trace, const char *path) {
  struct stat status;
  trace_init(trace, path);
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &status) != 0)
    own_die("%s: %s", path, strerror(errno));
  size_t length = (size_t)status.st_size;
  char *bytes = own_allocate(length + 1);
  if (fread(bytes, 1, length, file) != length)
    own_die("%s: cannot be read", path);
  fclose(file);
  if (length >= FORMAT_MAGIC_BYTES &&
      memcmp(bytes, FORMAT_MAGIC, FORMAT_MAGIC_BYTES) == 0)
    trace_read_compact(trace, (const uint8_t *)bytes,
                       (const uint8_t *)bytes + length);
  else
    trace_read_text(trace, bytes, length);
  own_free(bytes, length + 1);
  if (trace->op_count == 0) own_die("%s: no operations", path);
  trace_check(trace);
}

/* ----------------------------------------------------------------- writing */

bool trace_write_compact(const struct trace *trace, FILE *to) {
  uint8_t buffer[2 * FORMAT_RECORD_BYTES];
  uint32_t allocated = 0;
  uint16_t thread = 0;
  fwrite(FORMAT_MAGIC, 1, FORMAT_MAGIC_BYTES, to);
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    size_t n = 0;
    if (op->thread != thread)
      n = format_put_record(buffer, FORMAT_CONTROL, op->thread + UINT64_C(1));
    thread = op->thread;
    uint64_t age = allocated - 1 - op->block;
    enum format_kind kind = (enum format_kind)op->kind;
    if (kind == FORMAT_ALLOCATE) age = op->size;
    n += format_put_record(buffer + n, kind, age);
    if (kind == FORMAT_RESIZE) n += format_put(buffer + n, op->size);
    allocated += kind == FORMAT_ALLOCATE;
    fwrite(buffer, 1, n, to);
  }
  fputc(0, to);
  return fflush(to) == 0 && !ferror(to);
}

bool trace_write_text(const struct trace *trace, FILE *to) {
  uint16_t thread = 0;
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->thread != thread) fprintf(to, "t %u\n", (unsigned)op->thread);
    thread = op->thread;
    if (op->kind == FORMAT_FREE)
      fprintf(to, "f %" PRIu32 "\n", op->block);
    else
      fprintf(to, "%c %" PRIu32 " %" PRIu64 "\n",
              op->kind == FORMAT_ALLOCATE ? 'a' : 'r', op->block, op->size);
  }
  return fflush(to) == 0 && !ferror(to);
}
