/* SPDX-License-Identifier: MIT */
/*
 * summary.c: the figures of a trace: how many operations, which sizes, how
 * long blocks live (in bytes allocated meanwhile, the usual clock, for it does
 * not depend on the machine), and live bytes over time.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "own.h"
#include "trace.h"

#define SUMMARY_TOP_SIZES 8
#define SUMMARY_COLUMNS 20
#define SUMMARY_BAR 50

struct summary {
  uint64_t allocations, resizes, frees;
  uint64_t bytes;      /* allocated and grown by resizes */
  uint64_t live_bytes; /* at the end */
  uint64_t live_blocks;
  uint64_t peak_bytes;
  uint64_t peak_blocks;
  unsigned threads;
  uint64_t live_at[SUMMARY_COLUMNS]; /* bytes, at equal steps of operations */
};

static int summary_compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Count an operation on a block of which the size is kept. */
static void summary_count(struct summary *sum, const struct trace_op *op,
                          uint64_t *size) {
  sum->live_bytes += op->size - *size;
  if (op->size > *size) sum->bytes += op->size - *size;
  *size = op->size;
  sum->allocations += op->kind == FORMAT_ALLOCATE;
  sum->resizes += op->kind == FORMAT_RESIZE;
  sum->frees += op->kind == FORMAT_FREE;
  sum->live_blocks = sum->allocations - sum->frees;
  if (op->thread + 1u > sum->threads) sum->threads = op->thread + 1u;
  if (sum->live_bytes > sum->peak_bytes) sum->peak_bytes = sum->live_bytes;
  if (sum->live_blocks > sum->peak_blocks) sum->peak_blocks = sum->live_blocks;
}

/* Walk the trace: the counts, and the lifetime of each block in bytes, or
   UINT64_MAX where it is never freed. */
static void summary_walk(const struct trace *trace, struct summary *sum,
                         uint64_t *lifetimes) {
  uint64_t *sizes = own_allocate(trace->block_count * sizeof *sizes);
  for (size_t i = 0; i < trace->op_count; i++) {
    const struct trace_op *op = &trace->ops[i];
    if (op->kind == FORMAT_FREE)
      lifetimes[op->block] = sum->bytes - lifetimes[op->block];
    summary_count(sum, op, &sizes[op->block]);
    if (op->kind == FORMAT_ALLOCATE) lifetimes[op->block] = sum->bytes;
    sum->live_at[i * SUMMARY_COLUMNS / trace->op_count] = sum->live_bytes;
  }
  uint32_t *deaths = trace_deaths(trace);
  for (size_t i = 0; i < trace->block_count; i++)
    if (deaths[i] == trace->op_count) lifetimes[i] = UINT64_MAX;
  own_free(deaths, trace->block_count * sizeof *deaths);
  own_free(sizes, trace->block_count * sizeof *sizes);
}

/* The sizes that are asked for most often, with their shares. */
static void summary_print_top(const uint64_t *sorted, size_t count, FILE *to) {
  struct {
    uint64_t size, count;
  } top[SUMMARY_TOP_SIZES + 1] = {{0, 0}};
  for (size_t i = 0, n; i < count; i += n) {
    for (n = 1; i + n < count && sorted[i + n] == sorted[i]; n++) {
    }
    int at = SUMMARY_TOP_SIZES;
    for (; at > 0 && top[at - 1].count < n; at--) top[at] = top[at - 1];
    top[at].size = sorted[i];
    top[at].count = n;
  }
  fprintf(to, "  most frequent   ");
  for (int i = 0; i < SUMMARY_TOP_SIZES && top[i].count > 0; i++)
    fprintf(to, " %" PRIu64 " (%.0f %%)", top[i].size,
            100.0 * (double)top[i].count / (double)count);
  fputc('\n', to);
}

static void summary_print_sizes(const struct trace *trace, FILE *to) {
  uint64_t *sizes = own_allocate(trace->block_count * sizeof *sizes);
  size_t n = 0;
  double sum = 0;
  for (size_t i = 0; i < trace->op_count; i++)
    if (trace->ops[i].kind == FORMAT_ALLOCATE) {
      sizes[n++] = trace->ops[i].size;
      sum += (double)trace->ops[i].size;
    }
  qsort(sizes, n, sizeof *sizes, summary_compare);
  fprintf(to,
          "  sizes            median %" PRIu64 ", mean %.0f, nine of ten below "
          "%" PRIu64 ", largest %" PRIu64 "\n",
          sizes[n / 2], sum / (double)n, sizes[n * 9 / 10] + 1, sizes[n - 1]);
  summary_print_top(sizes, n, to);
  own_free(sizes, trace->block_count * sizeof *sizes);
}

static void summary_print_lifetimes(uint64_t *lifetimes, size_t count,
                                    FILE *to) {
  static const uint64_t limits[] = {1024, 16384, 262144, 4194304};
  static const char *const names[] = {"1 KiB", "16 KiB", "256 KiB", "4 MiB"};
  qsort(lifetimes, count, sizeof *lifetimes, summary_compare);
  fprintf(to, "  dead within      ");
  size_t at = 0, freed = count;
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    while (at < count && lifetimes[at] <= limits[i]) at++;
    fprintf(to, "%s %.1f %%, ", names[i], 100.0 * (double)at / (double)count);
  }
  while (freed > 0 && lifetimes[freed - 1] == UINT64_MAX) freed--;
  fprintf(to, "never freed %.1f %%\n",
          100.0 * (double)(count - freed) / (double)count);
}

static void summary_print_live(const struct summary *sum, FILE *to) {
  fprintf(to, "  live bytes over time\n");
  for (int i = 0; i < SUMMARY_COLUMNS; i++) {
    uint64_t peak = sum->peak_bytes == 0 ? 1 : sum->peak_bytes;
    int bar = (int)(sum->live_at[i] * SUMMARY_BAR / peak);
    fprintf(to, "    %3d %% %12" PRIu64 " %.*s\n",
            (i + 1) * 100 / SUMMARY_COLUMNS, sum->live_at[i], bar,
            "##################################################");
  }
}

void trace_print_summary(const struct trace *trace, FILE *to) {
  struct summary sum;
  memset(&sum, 0, sizeof sum);
  uint64_t *lifetimes = own_allocate(trace->block_count * sizeof *lifetimes);
  summary_walk(trace, &sum, lifetimes);
  fprintf(to,
          "%s\n  operations       %zu: %" PRIu64 " allocations, %" PRIu64
          " resizes, %" PRIu64 " frees, %u threads\n",
          trace->name, trace->op_count, sum.allocations, sum.resizes, sum.frees,
          sum.threads);
  fprintf(to,
          "  bytes            allocated %" PRIu64 ", peak %" PRIu64
          " in up to %" PRIu64 " blocks, left %" PRIu64 " in %" PRIu64 "\n",
          sum.bytes, sum.peak_bytes, sum.peak_blocks, sum.live_bytes,
          sum.live_blocks);
  if (trace->block_count > 0) {
    summary_print_sizes(trace, to);
    summary_print_lifetimes(lifetimes, trace->block_count, to);
  }
  summary_print_live(&sum, to);
  own_free(lifetimes, trace->block_count * sizeof *lifetimes);
}
