/* SPDX-License-Identifier: MIT */
/*
 * html.c: the page: the table, the pictures, and under each what to look for.
 * It is one file that loads nothing.
 */
#include <string.h>

#include "output.h"

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<title>The contrast</title>\n<style>\n"
    "body{font:15px/1.5 sans-serif;color:#222;max-width:1120px;margin:2em "
    "auto;padding:0 1em}\n"
    "table{border-collapse:collapse;margin:1em 0;font-size:13px}\n"
    "th,td{padding:2px 9px;border-bottom:1px solid #ddd;text-align:right}\n"
    "th{border-bottom:2px solid #888;vertical-align:bottom}\n"
    "td:first-child,th:first-child{text-align:left}\n"
    "figure{display:inline-block;margin:6px 10px 10px 0;vertical-align:top}\n"
    "figcaption{font-size:12px}\n"
    ".fault{color:#c53030}\n.bad{background:#fed7d7}\n.good{background:#c6f6d5}"
    "\nspan.key{display:inline-block;width:12px;height:12px;margin:0 4px 0 "
    "14px}\n.plot{max-width:100%;height:auto}\n"
    "</style></head><body>\n";

static const char html_introduction[] =
    "<h1>The contrast</h1>\n"
    "<p>The same programs, as traces of what they asked of their allocator, "
    "run on the textbook's policies, on the system's malloc, and on Gleaner's "
    "heap in three ways: <em>explicit</em> frees every block, <em>implicit</em>"
    " frees none and only drops pointers, <em>mixed</em> frees what is "
    "short-lived or large and drops the rest.</p>\n";

static const char html_table_text[] =
    "<p>Speed is per second of processor time, a geometric mean; the shares "
    "are means over the traces: "
    "payload over heap at the peak of each, and where the rest of the heap "
    "was. Steps are the blocks that a policy looked at for each allocation: "
    "where they grow with the heap, speed is gone, whatever else a policy does "
    "well; only the collected ones have dead blocks, which is the price of not "
    "having to say when they die.</p>\n";

static const char html_scatter_text[] =
    "<p>Up is less memory, right is more speed: the implicit lists are at the "
    "left whatever their fit, rounding to powers of two buys speed with "
    "memory, and segregated fit is in the corner where neither is given up. "
    "The collected heaps hang below the explicit one by the dead blocks they "
    "have not found yet.</p>\n";

static const char html_maps_text[] =
    "<p>Each map is a whole heap from its lowest address (top left) to its "
    "highest, at its own scale. Look for orange, which is lost inside of "
    "blocks (buddy and simple), for pale stripes between blue, which are free "
    "but too small or in the wrong place, and for violet, which only a "
    "collection will give back.</p>\n";

static const char html_time_text[] =
    "<p>The explicit heaps follow the live bytes closely, the implicit one "
    "runs ahead of them until it collects, and the mixed one lies between, "
    "since most of what it frees by hand never waits for a collection. Where "
    "the lines never fall the heap keeps its memory for the next peak.</p>\n";

static const char html_pauses_text[] =
    "<p>A pause is proportional to what is live, not to what is dead, so it "
    "does not get longer when collections are rarer. Mixed mode has fewer of "
    "them and not shorter ones.</p>\n";

static const char html_matrix_text[] =
    "<p>Utilization of every policy on the traces that were made to break one "
    "of them: red is less than half of the best explicit policy on that trace. "
    "No policy is safe from all, which is what Robson proved; and the one that "
    "loses is not always the one that the trace was made for.</p>\n";

/* ------------------------------------------------------------------- table */

static void html_row(const struct output_row *row, FILE *to) {
  const struct subject *subject = row->subject;
  fprintf(to, "<tr><td>%s%s</td>", subject->title,
          row->over_mmap ? ", mmap" : "");
  if (row->failures == row->traces) {
    fprintf(to, "<td class=\"fault\" colspan=\"12\">failed</td></tr>\n");
    return;
  }
  fprintf(to,
          "<td>%.2f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td>",
          row->ops_per_second / 1e6, 100 * row->utilization, 100 * row->waste,
          100 * row->free, 100 * row->dead);
  if (subject->has_backend)
    fprintf(to, "<td>%.2f</td><td>%.0f</td><td>%.0f</td>", row->steps,
            row->coalescings, row->system_calls);
  else
    fprintf(to, "<td></td><td></td><td></td>");
  if (subject->way != SUBJECT_EXPLICIT)
    fprintf(to, "<td>%.0f</td><td>%.2f</td><td>%.3f</td><td>%.0f</td></tr>\n",
            row->collections, row->pause_total_ns / 1e6,
            row->pause_max_ns / 1e6, row->stay_bytes / 1024);
  else
    fprintf(to, "<td></td><td></td><td></td><td></td></tr>\n");
}

static void html_table(const struct output_results *results, FILE *to) {
  fprintf(to, "<table><tr><th>policy</th><th>million<br>op/s</th>"
              "<th>payload<br>%%</th><th>inside<br>%%</th><th>free<br>%%</th>"
              "<th>dead<br>%%</th><th>steps per<br>allocation</th>"
              "<th>coalescings</th><th>system<br>calls</th><th>collections</th>"
              "<th>pauses<br>ms</th><th>longest<br>ms</th>"
              "<th>dead stay<br>KiB</th></tr>\n");
  for (size_t i = 0; subjects[i] != NULL; i++)
    for (int over_mmap = 0; over_mmap < 2; over_mmap++) {
      struct output_row row = output_make_row(results, subjects[i], over_mmap,
                                              output_is_real, NULL);
      if (row.traces > 0) html_row(&row, to);
    }
  fprintf(to, "</table>\n");
}

static void html_faults(const struct output_results *results, FILE *to) {
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (!result->timed)
      fprintf(to, "<p class=\"fault\">%s on %s: %s</p>\n",
              result->subject->name, result->trace, result->fault);
  }
}

/* ------------------------------------------------------------------ matrix */

static void html_cell(const struct replay_result *result, double best,
                      FILE *to) {
  double utilization = result == NULL ? 0.0 : replay_utilization(result);
  if (utilization == 0.0)
    fprintf(to, "<td class=\"fault\">-</td>");
  else
    fprintf(to, "<td%s>%.0f</td>",
            utilization < 0.5 * best    ? " class=\"bad\""
            : utilization > 0.98 * best ? " class=\"good\""
                                        : "",
            100 * utilization);
}

static void html_matrix_row(const struct output_results *results,
                            const struct trace_synthetic *synthetic, FILE *to) {
  double best = 0.0;
  bool any = false;
  for (size_t i = 0; subjects[i] != NULL; i++) {
    const struct replay_result *result =
        output_find(results, synthetic->name, subjects[i]->name);
    if (result == NULL) continue;
    any = true;
    double utilization = replay_utilization(result);
    if (subjects[i]->way == SUBJECT_EXPLICIT && utilization > best)
      best = utilization;
  }
  if (!any) return;
  fprintf(to, "<tr><td>%s: %s</td>", synthetic->name, synthetic->what);
  for (size_t i = 0; subjects[i] != NULL; i++)
    html_cell(output_find(results, synthetic->name, subjects[i]->name), best,
              to);
  fprintf(to, "</tr>\n");
}

static void html_matrix(const struct output_results *results, FILE *to) {
  fprintf(to, "<table><tr><th>trace</th>");
  for (size_t i = 0; subjects[i] != NULL; i++) {
    const char *name = subjects[i]->name;
    const char *dash = strchr(name, '-');
    if (dash == NULL)
      fprintf(to, "<th>%s</th>", name);
    else
      fprintf(to, "<th>%.*s<br>%s</th>", (int)(dash - name), name, dash + 1);
  }
  fprintf(to, "</tr>\n");
  for (size_t i = 0; trace_synthetics[i].name != NULL; i++)
    html_matrix_row(results, &trace_synthetics[i], to);
  fprintf(to, "</table>\n");
}

/* -------------------------------------------------------------------- maps */

static void html_map(const struct replay_result *result, FILE *to) {
  if (result == NULL || !result->done) return;
  fprintf(to, "<figure>");
  picture_map(&result->map_peak, 0, 0, to);
  picture_map(&result->map_end, 0, 0, to);
  fprintf(to,
          "<figcaption>%s%s: at the peak %.0f KiB, at the end %.0f KiB"
          "</figcaption></figure>\n",
          result->subject->title, result->over_mmap ? ", mmap" : "",
          (double)result->map_peak.moment.heap / 1024,
          (double)result->map_end.moment.heap / 1024);
}

/* The real trace with most live bytes: there is most to see. */
static const char *html_largest(const struct output_results *results) {
  const struct replay_result *largest = NULL;
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (!output_is_real(result, NULL) && largest != NULL) continue;
    if (largest == NULL || result->peak_payload > largest->peak_payload)
      largest = result;
  }
  return largest == NULL ? NULL : largest->trace;
}

static void html_maps(const struct output_results *results, const char *trace,
                      FILE *to) {
  fprintf(to,
          "<p><span class=\"key\" style=\"background:#2b6cb0\"></span>payload"
          "<span class=\"key\" style=\"background:#ed8936\"></span>lost inside "
          "of blocks<span class=\"key\" style=\"background:#805ad5\"></span>"
          "dead, not yet found<span class=\"key\" "
          "style=\"background:#edf0f5\"></span>free</p>\n");
  for (size_t i = 0; subjects[i] != NULL; i++)
    html_map(output_find(results, trace, subjects[i]->name), to);
}

static void html_each(const struct output_results *results, FILE *to) {
  fprintf(to, "<h2>Each trace</h2>\n");
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (i > 0 && strcmp(results->items[i - 1]->trace, result->trace) == 0)
      continue;
    fprintf(to, "<details><summary>%s</summary><pre>\n", result->trace);
    output_table(results, output_is_trace, result->trace, to);
    fprintf(to, "</pre></details>\n");
  }
}

void output_html(const struct output_results *results, FILE *to) {
  const char *largest = html_largest(results);
  fputs(html_head, to);
  fputs(html_introduction, to);
  html_faults(results, to);
  fprintf(to, "<h2>All real traces</h2>\n");
  html_table(results, to);
  fputs(html_table_text, to);
  fprintf(to, "<h2>Utilization against speed</h2>\n");
  picture_scatter(results, to);
  fputs(html_scatter_text, to);
  fprintf(to, "<h2>The heap over time: %s</h2>\n", largest);
  picture_time(results, largest, to);
  fputs(html_time_text, to);
  fprintf(to, "<h2>Heap maps: %s, at its peak and at its end</h2>\n", largest);
  html_maps(results, largest, to);
  fputs(html_maps_text, to);
  fprintf(to, "<h2>Pauses</h2>\n");
  picture_pauses(results, to);
  fputs(html_pauses_text, to);
  fprintf(to, "<h2>What breaks which policy</h2>\n");
  html_matrix(results, to);
  fputs(html_matrix_text, to);
  html_each(results, to);
  fprintf(to, "</body></html>\n");
}

/* ----------------------------------------------- pictures by themselves */

static FILE *html_open(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return fopen(path, "w");
}

bool output_pictures(const struct output_results *results,
                     const char *directory) {
  const char *largest = html_largest(results);
  FILE *scatter = html_open(directory, "scatter.svg");
  FILE *maps = html_open(directory, "maps.svg");
  FILE *over_time = html_open(directory, "time.svg");
  FILE *pauses = html_open(directory, "pauses.svg");
  if (!scatter || !maps || !over_time || !pauses) return false;
  picture_scatter(results, scatter);
  picture_maps(results, largest, maps);
  picture_time(results, largest, over_time);
  picture_pauses(results, pauses);
  return (fclose(scatter) | fclose(maps) | fclose(over_time) |
          fclose(pauses)) == 0;
}
