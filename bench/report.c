/* SPDX-License-Identifier: MIT */
/*
 * report.c: the clock, the resident set and the line of results.  It owns the
 * one record of the benchmark under way; benchmarks call it from their main
 * thread only.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_NOTES = 16 };

struct report_note {
  const char *key;
  double value;
};

static const char *report_name;
static uint64_t report_start_ns;
static uint64_t report_work_ns; /* 0 while the clock is running */
static struct report_note report_notes[MAX_NOTES];
static size_t report_note_count;

uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void bench_begin(const char *name) {
  report_name = name;
  report_start_ns = bench_now_ns();
}

void bench_stop(void) {
  if (report_work_ns == 0) report_work_ns = bench_now_ns() - report_start_ns;
}

void bench_note(const char *key, double value) {
  if (report_note_count == MAX_NOTES) bench_die("too many notes");
  report_notes[report_note_count++] = (struct report_note){key, value};
}

void bench_end(uint64_t checksum) {
  bench_stop();
  printf("bench name=%s seconds=%.6f peak_bytes=%zu checksum=%016" PRIx64,
         report_name, (double)report_work_ns / 1e9, bench_peak_bytes(),
         checksum);
  for (size_t i = 0; i < report_note_count; i++)
    printf(" %s=%.6g", report_notes[i].key, report_notes[i].value);
  putchar('\n');
}

size_t bench_argument(int argc, char **argv, int index, size_t fallback) {
  if (index >= argc) return fallback;
  char *end;
  errno = 0;
  unsigned long long value = strtoull(argv[index], &end, 10);
  int shift = 0;
  if (*end != '\0') {
    const char *unit = strchr("KMG", *end++);
    if (unit == NULL) bench_die("an argument is no number");
    shift = *unit == 'K' ? 10 : *unit == 'M' ? 20 : 30;
  }
  if (end == argv[index] || *end != '\0' || errno != 0)
    bench_die("an argument is no number");
  return (size_t)value << shift;
}

/* The value, in bytes, of a line of /proc/self/status. */
static size_t report_status_bytes(const char *field) {
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) bench_die("no /proc/self/status");
  char line[256];
  size_t kib = 0;
  size_t length = strlen(field);
  while (fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, field, length) == 0)
      kib = (size_t)strtoull(line + length, NULL, 10);
  }
  fclose(status);
  return kib * 1024;
}

size_t bench_resident_bytes(void) { return report_status_bytes("VmRSS:"); }

size_t bench_peak_bytes(void) { return report_status_bytes("VmHWM:"); }

void bench_out_of_memory(size_t size) {
  fprintf(stderr, "bench: out of memory for %zu bytes\n", size);
  exit(3);
}

void bench_die(const char *message) {
  fprintf(stderr, "bench: %s\n", message);
  exit(1);
}

static int report_compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a;
  uint64_t y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

void bench_sort(uint64_t *values, size_t count) {
  qsort(values, count, sizeof *values, report_compare);
}

uint64_t bench_quantile(const uint64_t *sorted, size_t count, double fraction) {
  return sorted[(size_t)((double)(count - 1) * fraction)];
}
