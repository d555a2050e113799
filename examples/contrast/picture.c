/* SPDX-License-Identifier: MIT */
/*
 * picture.c: the pictures of the page as SVG elements that need nothing from
 * elsewhere.  Coordinates are pixels; plots share one frame.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "output.h"

/* The frame of a plot. */
#define PLOT_WIDTH 760
#define PLOT_HEIGHT 400
#define PLOT_LEFT 60
#define PLOT_RIGHT 40
#define PLOT_TOP 16
#define PLOT_BOTTOM 46

#define MAP_CELL 4 /* pixels */

/* Shares of a cell are drawn in steps of a quarter. */
#define MAP_STEPS 4

static double plot_x(double share) {
  return PLOT_LEFT + share * (PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT);
}

static double plot_y(double share) {
  return PLOT_HEIGHT - PLOT_BOTTOM -
         share * (PLOT_HEIGHT - PLOT_TOP - PLOT_BOTTOM);
}

static void plot_open(const char *title, FILE *to) {
  fprintf(to,
          "<svg class=\"plot\" viewBox=\"0 0 %d %d\" width=\"%d\" "
          "xmlns=\"http://www.w3.org/2000/svg\" role=\"img\">"
          "<title>%s</title>\n",
          PLOT_WIDTH, PLOT_HEIGHT, PLOT_WIDTH, title);
  fprintf(to,
          "<path d=\"M%.1f %.1fV%.1fH%.1f\" fill=\"none\" stroke=\"#555\"/>\n",
          plot_x(0), plot_y(1), plot_y(0), plot_x(1));
}

static void plot_text(double x, double y, const char *anchor, const char *text,
                      FILE *to) {
  fprintf(to,
          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"12\" "
          "font-family=\"sans-serif\" fill=\"#333\">%s</text>\n",
          x, y, anchor, text);
}

static void plot_x_tick(double share, const char *text, FILE *to) {
  fprintf(to, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#ddd\"/>\n", plot_x(share),
          plot_y(0), plot_y(1));
  plot_text(plot_x(share), plot_y(0) + 16, "middle", text, to);
}

static void plot_y_tick(double share, const char *text, FILE *to) {
  fprintf(to, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#ddd\"/>\n", plot_x(0),
          plot_y(share), plot_x(1));
  plot_text(plot_x(0) - 6, plot_y(share) + 4, "end", text, to);
}

static void plot_close(const char *x_title, FILE *to) {
  plot_text(plot_x(0.5), PLOT_HEIGHT - 10, "middle", x_title, to);
  fprintf(to, "</svg>\n");
}

static const char *picture_colour(const struct subject *subject) {
  if (subject->has_backend) return "#2b6cb0";
  if (subject->way == SUBJECT_IMPLICIT) return "#c53030";
  if (subject->way == SUBJECT_MIXED) return "#b7791f";
  return subject == &subject_explicit ? "#2f855a" : "#555555";
}

/* ----------------------------------------------------------------- scatter */

#define SCATTER_MAX 32

/* Speeds from 10^4 to 10^8 operations a second. */
#define SCATTER_LOW 4.0
#define SCATTER_DECADES 4.0

/* Share of the frame that they take; the labels have the rest. */
#define SCATTER_SHARE 0.78
#define SCATTER_LINE 14

struct scatter_point {
  double x, y, label_y;
  struct output_row row;
};

/* Labels stand in a column at the right, in the order of the points, which are
   sorted from top to bottom; a thin line leads to each. */
static void scatter_place_labels(struct scatter_point *points, size_t count) {
  double low = plot_y(0.0);
  for (size_t i = 0; i < count; i++) {
    points[i].label_y = points[i].y;
    if (i > 0 && points[i].label_y < points[i - 1].label_y + SCATTER_LINE)
      points[i].label_y = points[i - 1].label_y + SCATTER_LINE;
  }
  for (size_t i = count; i-- > 0; low = points[i].label_y - SCATTER_LINE)
    if (points[i].label_y > low) points[i].label_y = low;
}

static void scatter_draw(const struct scatter_point *point, FILE *to) {
  char label[64];
  double column = plot_x(SCATTER_SHARE + 0.05);
  const char *colour = picture_colour(point->row.subject);
  snprintf(label, sizeof label, "%s%s", point->row.subject->name,
           point->row.over_mmap ? " (mmap)" : "");
  fprintf(to,
          "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" "
          "stroke-width=\"0.5\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" "
          "fill=\"%s\"/>\n",
          point->x, point->y, column - 4, point->label_y, colour, point->x,
          point->y, colour);
  plot_text(column, point->label_y + 4, "start", label, to);
}

static size_t scatter_points(const struct output_results *results,
                             struct scatter_point *points) {
  size_t count = 0;
  for (size_t i = 0; subjects[i] != NULL; i++)
    for (int over_mmap = 0; over_mmap < 2; over_mmap++) {
      struct output_row row = output_make_row(results, subjects[i], over_mmap,
                                              output_is_real, NULL);
      if (row.traces == row.failures || count == SCATTER_MAX) continue;
      double speed =
          (log10(row.ops_per_second) - SCATTER_LOW) / SCATTER_DECADES;
      size_t at = count++;
      double y = plot_y(row.utilization);
      for (; at > 0 && points[at - 1].y > y; at--) points[at] = points[at - 1];
      points[at] = (struct scatter_point){
          .x = plot_x(SCATTER_SHARE * (speed < 0.0 ? 0.0 : speed)),
          .y = y,
          .row = row};
    }
  return count;
}

void picture_scatter(const struct output_results *results, FILE *to) {
  static const char *const speeds[] = {"10 k/s", "100 k/s", "1 M/s", "10 M/s",
                                       "100 M/s"};
  struct scatter_point points[SCATTER_MAX];
  size_t count = scatter_points(results, points);
  scatter_place_labels(points, count);
  plot_open("Utilization against speed", to);
  for (int i = 0; i <= 4; i++)
    plot_x_tick(SCATTER_SHARE * i / SCATTER_DECADES, speeds[i], to);
  for (int i = 0; i <= 10; i += 2) {
    char text[16];
    snprintf(text, sizeof text, "%d %%", i * 10);
    plot_y_tick(i / 10.0, text, to);
  }
  for (size_t i = 0; i < count; i++) scatter_draw(&points[i], to);
  plot_close("operations per second, geometric mean over the real traces", to);
}

/* --------------------------------------------------------------- heap maps */

struct map_colour {
  int red, green, blue;
};

/* Mix the colours of the sorts by their shares: payload blue, waste orange,
   dead violet, free light grey. */
static struct map_colour map_mix(int payload, int waste, int dead) {
  static const struct map_colour sorts[4] = {
      {43, 108, 176}, {237, 137, 54}, {128, 90, 213}, {237, 240, 245}};
  int rest = MAP_STEPS - payload - waste - dead;
  int weights[4] = {payload, waste, dead, rest < 0 ? 0 : rest};
  int sum = weights[0] + weights[1] + weights[2] + weights[3];
  struct map_colour mixed = {0, 0, 0};
  for (int i = 0; i < 4; i++) {
    mixed.red += sorts[i].red * weights[i];
    mixed.green += sorts[i].green * weights[i];
    mixed.blue += sorts[i].blue * weights[i];
  }
  return (struct map_colour){mixed.red / sum, mixed.green / sum,
                             mixed.blue / sum};
}

/* The three shares of a cell in steps, as one number. */
static int map_key(const struct replay_cell *cell) {
  int payload = (cell->payload * MAP_STEPS + 127) / 255;
  int waste = (cell->waste * MAP_STEPS + 127) / 255;
  int dead = (cell->dead * MAP_STEPS + 127) / 255;
  return (payload * (MAP_STEPS + 1) + waste) * (MAP_STEPS + 1) + dead;
}

/* All cells of one colour, runs of them as one rectangle. */
static void map_draw_key(const struct replay_map *map, size_t cells, int key,
                         FILE *to) {
  bool open = false;
  for (size_t i = 0, n; i < cells; i += n) {
    n = 1;
    if (map_key(&map->cells[i]) != key) continue;
    while ((i + n) % REPLAY_MAP_COLUMNS != 0 && i + n < cells &&
           map_key(&map->cells[i + n]) == key)
      n++;
    if (!open) fprintf(to, "<path d=\"");
    open = true;
    fprintf(to, "M%zu %zuh%zuv%dh-%zuz", i % REPLAY_MAP_COLUMNS * MAP_CELL,
            i / REPLAY_MAP_COLUMNS * MAP_CELL, n * MAP_CELL, MAP_CELL,
            n * MAP_CELL);
  }
  if (!open) return;
  int base = MAP_STEPS + 1;
  struct map_colour colour =
      map_mix(key / (base * base), key / base % base, key % base);
  fprintf(to, "\" fill=\"#%02x%02x%02x\"/>\n", colour.red, colour.green,
          colour.blue);
}

void picture_map(const struct replay_map *map, int x, int y, FILE *to) {
  int base = MAP_STEPS + 1;
  int width = REPLAY_MAP_COLUMNS * MAP_CELL;
  int height = REPLAY_MAP_ROWS * MAP_CELL;
  fprintf(to,
          "<svg x=\"%d\" y=\"%d\" viewBox=\"0 0 %d %d\" width=\"%d\" "
          "height=\"%d\" xmlns=\"http://www.w3.org/2000/svg\" "
          "shape-rendering=\"crispEdges\">\n",
          x, y, width, height, width, height);
  for (int key = 0; key < base * base * base; key++)
    map_draw_key(map, REPLAY_MAP_CELLS, key, to);
  fprintf(to, "</svg>\n");
}

void picture_maps(const struct output_results *results, const char *trace,
                  FILE *to) {
  int step_x = REPLAY_MAP_COLUMNS * MAP_CELL + 12;
  int step_y = REPLAY_MAP_ROWS * MAP_CELL + 30;
  int count = 0;
  fprintf(to,
          "<svg viewBox=\"0 0 %d %d\" width=\"%d\" "
          "xmlns=\"http://www.w3.org/2000/svg\">\n",
          3 * step_x, 4 * step_y, 3 * step_x);
  for (size_t i = 0; subjects[i] != NULL; i++) {
    const struct replay_result *result =
        output_find(results, trace, subjects[i]->name);
    if (result == NULL || !result->done) continue;
    int x = count % 3 * step_x, y = count / 3 * step_y;
    count++;
    picture_map(&result->map_peak, x, y + 18, to);
    plot_text(x, y + 13, "start", subjects[i]->title, to);
  }
  fprintf(to, "</svg>\n");
}

/* --------------------------------------------------------------- over time */

static void time_line(const struct replay_result *result, double top,
                      const char *colour, FILE *to) {
  fprintf(to,
          "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" "
          "points=\"",
          colour);
  for (int i = 0; i < REPLAY_SAMPLES; i++)
    fprintf(to, "%.1f,%.1f ", plot_x(i / (REPLAY_SAMPLES - 1.0)),
            plot_y((double)result->samples[i].heap / top));
  fprintf(to, "\"/>\n");
}

static void time_payload(const struct replay_result *result, double top,
                         FILE *to) {
  fprintf(to, "<path fill=\"#cbd5e0\" d=\"M%.1f %.1f", plot_x(0), plot_y(0));
  for (int i = 0; i < REPLAY_SAMPLES; i++)
    fprintf(to, "L%.1f %.1f", plot_x(i / (REPLAY_SAMPLES - 1.0)),
            plot_y((double)result->samples[i].payload / top));
  fprintf(to, "L%.1f %.1fz\"/>\n", plot_x(1), plot_y(0));
}

static void time_key(const char *const *names, double share, FILE *to) {
  for (int i = 0; names[i] != NULL; i++) {
    double y = PLOT_TOP + 16.0 + 16 * i;
    const struct subject *subject = subject_find(names[i]);
    fprintf(to,
            "<path d=\"M%.1f %.1fh22\" stroke=\"%s\" stroke-width=\"3\"/>\n",
            plot_x(share) + 14, y, picture_colour(subject));
    plot_text(plot_x(share) + 42, y + 4, "start", subject->title, to);
  }
}

void picture_time(const struct output_results *results, const char *trace,
                  FILE *to) {
  static const char *const names[] = {"explicit", "mixed", "implicit",
                                      "segregated", NULL};
  double top = 1.0;
  bool drawn = false;
  for (int i = 0; names[i] != NULL; i++) {
    const struct replay_result *result = output_find(results, trace, names[i]);
    if (result != NULL) top = fmax(top, 1.05 * (double)result->peak_heap);
  }
  plot_open("Heap size over time", to);
  for (int i = 0; i <= 4; i++) {
    char text[32];
    snprintf(text, sizeof text, "%.1f MB", top * i / 4 / 1e6);
    plot_y_tick(i / 4.0, text, to);
  }
  for (int i = 0; names[i] != NULL; i++) {
    const struct replay_result *result = output_find(results, trace, names[i]);
    if (result == NULL || !result->done) continue;
    if (!drawn) time_payload(result, top, to);
    drawn = true;
    time_line(result, top, picture_colour(result->subject), to);
  }
  time_key(names, 0.0, to);
  plot_close("operations of the trace; grey: bytes that are live", to);
}

/* ------------------------------------------------------------------ pauses */

/* Bins of pauses: four for each power of ten from 10 microseconds. */
#define PAUSE_BINS 16
#define PAUSE_LOW_NS 1e4
#define PAUSE_BINS_PER_DECADE 4

static uint64_t pauses_count(const struct output_results *results,
                             const struct subject *subject,
                             uint64_t bins[PAUSE_BINS]) {
  uint64_t most = 0;
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    if (result->subject != subject) continue;
    for (size_t k = 0; k < result->pause_count && k < REPLAY_PAUSES; k++) {
      double decades = log10(fmax((double)result->pauses_ns[k], PAUSE_LOW_NS) /
                             PAUSE_LOW_NS);
      int bin = (int)(decades * PAUSE_BINS_PER_DECADE);
      if (bin >= PAUSE_BINS) bin = PAUSE_BINS - 1;
      if (++bins[bin] > most) most = bins[bin];
    }
  }
  return most;
}

static void pauses_bars(const uint64_t bins[PAUSE_BINS], uint64_t most,
                        int place, const char *colour, FILE *to) {
  double width = (plot_x(1) - plot_x(0)) / PAUSE_BINS / 2.4;
  for (int i = 0; i < PAUSE_BINS; i++) {
    double share = (double)bins[i] / (double)most;
    if (bins[i] == 0) continue;
    fprintf(to,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
            "fill=\"%s\"/>\n",
            plot_x((double)i / PAUSE_BINS) + 3 + place * width, plot_y(share),
            width, plot_y(0) - plot_y(share), colour);
  }
}

void picture_pauses(const struct output_results *results, FILE *to) {
  static const char *const names[] = {"mixed", "implicit", NULL};
  static const char *const ticks[] = {"10 µs", "100 µs", "1 ms", "10 ms",
                                      "100 ms"};
  uint64_t bins[2][PAUSE_BINS] = {{0}};
  uint64_t most = 1;
  for (int i = 0; i < 2; i++) {
    uint64_t n = pauses_count(results, subject_find(names[i]), bins[i]);
    if (n > most) most = n;
  }
  most = (most + 3) / 4 * 4;
  plot_open("Pauses", to);
  for (int i = 0; i <= 4; i++) plot_x_tick(i / 4.0, ticks[i], to);
  for (int i = 0; i <= 4; i++) {
    char text[32];
    snprintf(text, sizeof text, "%.0f", (double)most * i / 4);
    plot_y_tick(i / 4.0, text, to);
  }
  for (int i = 0; i < 2; i++)
    pauses_bars(bins[i], most, i, picture_colour(subject_find(names[i])), to);
  time_key(names, 0.75, to);
  plot_close("length of a pause; how many of each length, over all traces", to);
}
