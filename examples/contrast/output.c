/* SPDX-License-Identifier: MIT */
/*
 * output.c: the figures as a table, as CSV and as JSON.
 */
#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool output_is_trace(const struct replay_result *result, const void *name) {
  return strcmp(result->trace, (const char *)name) == 0;
}

bool output_is_real(const struct replay_result *result, const void *data) {
  (void)data;
  for (size_t i = 0; trace_synthetics[i].name != NULL; i++)
    if (strcmp(trace_synthetics[i].name, result->trace) == 0) return false;
  return true;
}

const struct replay_result *output_find(const struct output_results *results,
                                        const char *trace,
                                        const char *subject) {
  for (size_t i = 0; i < results->count; i++)
    if (strcmp(results->items[i]->trace, trace) == 0 &&
        strcmp(results->items[i]->subject->name, subject) == 0)
      return results->items[i];
  return NULL;
}

/* -------------------------------------------------------------------- rows */

/* Sums while a row is made; the means come at the end. */
struct output_sums {
  double log_speed;
  double found_dead, stay_bytes;
  size_t done;
};

static double output_share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : (double)part / (double)whole;
}

static void output_add(struct output_row *row, struct output_sums *sums,
                       const struct replay_result *result) {
  const struct replay_moment *peak = &result->at_peak;
  const struct subject_counts *counts = &result->counts;
  uint64_t taken = peak->payload + peak->waste + peak->dead;
  row->traces++;
  if (!result->done || !result->timed) {
    row->failures++;
    return;
  }
  sums->done++;
  sums->log_speed += log((double)result->ops / result->seconds);
  sums->found_dead += (double)result->found_dead;
  sums->stay_bytes += result->stay_bytes;
  row->utilization += replay_utilization(result);
  row->waste += output_share(peak->waste, peak->heap);
  row->dead += output_share(peak->dead, peak->heap);
  if (taken < peak->heap)
    row->free += output_share(peak->heap - taken, peak->heap);
  row->steps += output_share(counts->steps, counts->allocations);
  row->coalescings += (double)counts->coalescings;
  row->system_calls += (double)counts->system_calls;
  row->collections += (double)counts->collections;
  row->pause_total_ns += (double)counts->pause_total_ns;
  row->pause_max_ns = fmax(row->pause_max_ns, (double)counts->pause_max_ns);
}

struct output_row output_make_row(const struct output_results *results,
                                  const struct subject *subject, bool over_mmap,
                                  output_filter *filter, const void *data) {
  struct output_row row = {.subject = subject, .over_mmap = over_mmap};
  struct output_sums sums = {0.0, 0.0, 0.0, 0};
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (result->subject == subject && result->over_mmap == over_mmap &&
        filter(result, data))
      output_add(&row, &sums, result);
  }
  if (sums.done == 0) return row;
  double n = (double)sums.done;
  row.ops_per_second = exp(sums.log_speed / n);
  row.utilization /= n;
  row.waste /= n;
  row.dead /= n;
  row.free /= n;
  row.steps /= n;
  if (sums.found_dead > 0.0) row.stay_bytes = sums.stay_bytes / sums.found_dead;
  return row;
}

/* ------------------------------------------------------------------- table */

static const char *output_backend(const struct output_row *row) {
  if (!row->subject->has_backend) return "-";
  return row->over_mmap ? "mmap" : "sbrk";
}

static void output_table_row(const struct output_row *row, FILE *to) {
  bool classic = row->subject->has_backend;
  bool collected = row->subject->way != SUBJECT_EXPLICIT;
  fprintf(to, "%-17s %-4s", row->subject->name, output_backend(row));
  if (row->failures > 0) {
    fprintf(to, "  failed on %zu of %zu\n", row->failures, row->traces);
    return;
  }
  fprintf(to, " %8.2f %6.1f %6.1f %6.1f %6.1f", row->ops_per_second / 1e6,
          100 * row->utilization, 100 * row->waste, 100 * row->free,
          100 * row->dead);
  if (classic)
    fprintf(to, " %9.2f %9.0f %6.0f", row->steps, row->coalescings,
            row->system_calls);
  else
    fprintf(to, " %9s %9s %6s", "-", "-", "-");
  if (collected)
    fprintf(to, " %5.0f %8.2f %7.3f %7.0f\n", row->collections,
            row->pause_total_ns / 1e6, row->pause_max_ns / 1e6,
            row->stay_bytes / 1024);
  else
    fprintf(to, " %5s %8s %7s %7s\n", "-", "-", "-", "-");
}

void output_table(const struct output_results *results, output_filter *filter,
                  const void *data, FILE *to) {
  fprintf(to, "%-17s %-4s %8s %6s %6s %6s %6s %9s %9s %6s %5s %8s %7s %7s\n",
          "policy", "over", "Mop/s", "util%", "int%", "ext%", "dead%",
          "steps/a", "merges", "calls", "GCs", "pause ms", "longest", "stay K");
  for (size_t i = 0; subjects[i] != NULL; i++)
    for (int over_mmap = 0; over_mmap < 2; over_mmap++) {
      struct output_row row =
          output_make_row(results, subjects[i], over_mmap, filter, data);
      if (row.traces > 0) output_table_row(&row, to);
    }
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (result->fault[0] != '\0' && filter(result, data))
      fprintf(to, "%s on %s: %s\n", result->subject->name, result->trace,
              result->fault);
  }
}

/* ------------------------------------------------------------ CSV and JSON */

/* One figure of a result under its name. */
struct output_figure {
  const char *name;
  double value;
};

#define OUTPUT_FIGURES 21

static void output_figures(const struct replay_result *result,
                           struct output_figure figures[OUTPUT_FIGURES]) {
  const struct subject_counts *counts = &result->counts;
  const struct replay_moment *peak = &result->at_peak;
  const struct output_figure list[OUTPUT_FIGURES] = {
      {"ops", (double)result->ops},
      {"seconds", result->seconds},
      {"peak_payload_bytes", (double)result->peak_payload},
      {"peak_heap_bytes", (double)result->peak_heap},
      {"utilization", replay_utilization(result)},
      {"at_peak_payload_bytes", (double)peak->payload},
      {"at_peak_waste_bytes", (double)peak->waste},
      {"at_peak_dead_bytes", (double)peak->dead},
      {"at_peak_heap_bytes", (double)peak->heap},
      {"allocations", (double)counts->allocations},
      {"search_steps", (double)counts->steps},
      {"splits", (double)counts->splits},
      {"coalescings", (double)counts->coalescings},
      {"system_calls", (double)counts->system_calls},
      {"collections", (double)counts->collections},
      {"pause_total_ns", (double)counts->pause_total_ns},
      {"pause_max_ns", (double)counts->pause_max_ns},
      {"metadata_bytes", (double)counts->metadata_bytes},
      {"found_dead", (double)result->found_dead},
      {"never_found", (double)result->never_found},
      {"stay_bytes", result->found_dead == 0
                         ? 0.0
                         : result->stay_bytes / (double)result->found_dead}};
  memcpy(figures, list, sizeof list);
}

static const char *output_result_backend(const struct replay_result *result) {
  if (!result->subject->has_backend) return "";
  return result->over_mmap ? "mmap" : "sbrk";
}

void output_csv(const struct output_results *results, FILE *to) {
  struct output_figure figures[OUTPUT_FIGURES];
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    output_figures(result, figures);
    if (i == 0) {
      fprintf(to, "trace,policy,backend,ok");
      for (int k = 0; k < OUTPUT_FIGURES; k++)
        fprintf(to, ",%s", figures[k].name);
      fputc('\n', to);
    }
    fprintf(to, "%s,%s,%s,%d", result->trace, result->subject->name,
            output_result_backend(result), result->done && result->timed);
    for (int k = 0; k < OUTPUT_FIGURES; k++)
      fprintf(to, ",%.12g", figures[k].value);
    fputc('\n', to);
  }
}

/* A string of ours or the name of a file: quotes and controls are escaped. */
static void output_json_string(const char *string, FILE *to) {
  fputc('"', to);
  for (; *string != '\0'; string++) {
    unsigned char c = (unsigned char)*string;
    if (c == '"' || c == '\\')
      fprintf(to, "\\%c", c);
    else if (c < 0x20)
      fprintf(to, "\\u%04x", c);
    else
      fputc(c, to);
  }
  fputc('"', to);
}

void output_json(const struct output_results *results, FILE *to) {
  struct output_figure figures[OUTPUT_FIGURES];
  fprintf(to, "[");
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    output_figures(result, figures);
    fprintf(to, "%s\n{\"trace\": ", i == 0 ? "" : ",");
    output_json_string(result->trace, to);
    fprintf(to, ", \"policy\": \"%s\", \"backend\": \"%s\", \"ok\": %s",
            result->subject->name, output_result_backend(result),
            result->done && result->timed ? "true" : "false");
    fprintf(to, ", \"fault\": ");
    output_json_string(result->fault, to);
    for (int k = 0; k < OUTPUT_FIGURES; k++)
      fprintf(to, ", \"%s\": %.12g", figures[k].name, figures[k].value);
    fprintf(to, "}");
  }
  fprintf(to, "\n]\n");
}
