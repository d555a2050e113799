/* SPDX-License-Identifier: MIT */
/*
 * output.h: what contrast writes: a table, CSV, JSON, and the page with its
 * pictures.
 */
#ifndef CONTRAST_OUTPUT_H
#define CONTRAST_OUTPUT_H

#include <stdio.h>

#include "replay.h"

/* All results of a run of the tool, traces outermost. */
struct output_results {
  struct replay_result **items;
  size_t count;
};

/* The figures of one subject over one backend, over several traces. */
struct output_row {
  const struct subject *subject;
  bool over_mmap;
  size_t traces;
  size_t failures;
  double ops_per_second; /* geometric mean */
  double utilization;    /* arithmetic mean, as those below; 0 to 1 */
  double waste, dead, free;
  double steps;       /* per allocation */
  double coalescings; /* sums, as those below */
  double system_calls;
  double collections;
  double pause_total_ns;
  double pause_max_ns; /* the longest of all */
  double stay_bytes;   /* mean over the blocks that were found dead */
};

/* Which traces a row is about. */
typedef bool output_filter(const struct replay_result *result,
                           const void *data);
bool output_is_real(const struct replay_result *result, const void *data);
bool output_is_trace(const struct replay_result *result, const void *name);

/* The row of a subject; traces is 0 where it has no results. */
struct output_row output_make_row(const struct output_results *results,
                                  const struct subject *subject, bool over_mmap,
                                  output_filter *filter, const void *data);

/* One result of a subject; NULL where there is none. */
const struct replay_result *output_find(const struct output_results *results,
                                        const char *trace, const char *subject);

void output_table(const struct output_results *results, output_filter *filter,
                  const void *data, FILE *to);
void output_csv(const struct output_results *results, FILE *to);
void output_json(const struct output_results *results, FILE *to);
void output_html(const struct output_results *results, FILE *to);

/* Write the pictures as files into a directory; false where that fails. */
bool output_pictures(const struct output_results *results,
                     const char *directory);

/* Pictures, as SVG elements (picture.c). */
void picture_scatter(const struct output_results *results, FILE *to);
void picture_map(const struct replay_map *map, int x, int y, FILE *to);
void picture_maps(const struct output_results *results, const char *trace,
                  FILE *to);
void picture_time(const struct output_results *results, const char *trace,
                  FILE *to);
void picture_pauses(const struct output_results *results, FILE *to);

#endif
