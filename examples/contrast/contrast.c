/* SPDX-License-Identifier: MIT */
/*
 * contrast.c: replays traces under every policy and reports; see the usage
 * below and README.md.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "own.h"

static const char usage_text[] =
    "usage: contrast [OPTION]... TRACE...\n"
    "\n"
    "Replays each TRACE, a file or @NAME for a synthetic one (@all for all of\n"
    "them), under every policy, and prints one table over all real traces.\n"
    "\n"
    "  --each               a table for each trace as well\n"
    "  --backend=sbrk       where the classic policies get memory from: sbrk\n"
    "                       (the default), mmap, or both\n"
    "  --policies=A,B       these only\n"
    "  --limit=FACTOR       heap limit of the collected ones, as a multiple "
    "of\n"
    "                       the most that is live; 0 (the default) for none\n"
    "  --csv, --json        all figures of every replay\n"
    "  --html               a page with table and pictures\n"
    "  --pictures=DIRECTORY the pictures of the page as files, as well\n"
    "  --output=FILE        write there rather than to standard output\n"
    "\n"
    "The status is 1 where a replay has failed.\n";

enum output_form { FORM_TABLE, FORM_CSV, FORM_JSON, FORM_HTML };

struct options {
  enum output_form form;
  bool each;
  bool use_sbrk, use_mmap;
  const char *policies; /* NULL: all */
  const char *output;
  const char *pictures; /* a directory, or NULL */
};

static void usage(void) {
  fputs(usage_text, stderr);
  exit(2);
}

static void set_backend(struct options *options, const char *name) {
  bool both = strcmp(name, "both") == 0;
  options->use_sbrk = both || strcmp(name, "sbrk") == 0;
  options->use_mmap = both || strcmp(name, "mmap") == 0;
  if (!options->use_sbrk && !options->use_mmap) usage();
}

static struct options parse(int argc, char **argv) {
  static const struct option list[] = {
      {"each", no_argument, NULL, 'e'},
      {"backend", required_argument, NULL, 'b'},
      {"policies", required_argument, NULL, 'p'},
      {"limit", required_argument, NULL, 'l'},
      {"csv", no_argument, NULL, 'c'},
      {"json", no_argument, NULL, 'j'},
      {"html", no_argument, NULL, 'w'},
      {"output", required_argument, NULL, 'o'},
      {"pictures", required_argument, NULL, 'i'},
      {NULL, 0, NULL, 0}};
  struct options options = {.form = FORM_TABLE, .use_sbrk = true};
  int c;
  while ((c = getopt_long(argc, argv, "o:", list, NULL)) != -1) {
    switch (c) {
      case 'e': options.each = true; break;
      case 'b': set_backend(&options, optarg); break;
      case 'p': options.policies = optarg; break;
      case 'l': subject_limit_factor = strtod(optarg, NULL); break;
      case 'c': options.form = FORM_CSV; break;
      case 'j': options.form = FORM_JSON; break;
      case 'w': options.form = FORM_HTML; break;
      case 'i': options.pictures = optarg; break;
      case 'o': options.output = optarg; break;
      default: usage();
    }
  }
  if (optind == argc) usage();
  return options;
}

/* Is a name one of those in a list with commas?  No list has all. */
static bool is_listed(const char *list, const char *name) {
  size_t length = strlen(name);
  for (; list != NULL; list = strchr(list, ',')) {
    if (*list == ',') list++;
    if (strncmp(list, name, length) == 0 &&
        (list[length] == ',' || list[length] == '\0'))
      return true;
  }
  return false;
}

static void require_known(const char *list) {
  char names[1024];
  if (list == NULL) return;
  snprintf(names, sizeof names, "%s", list);
  for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ","))
    if (subject_find(name) == NULL) own_die("%s: no such policy", name);
}

/* ----------------------------------------------------------------- running */

static void show_progress(const struct replay_result *result) {
  if (!isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r\033[K%s: %s%s", result->trace, result->subject->name,
          result->over_mmap ? " over mmap" : "");
  if (result->fault[0] != '\0') fprintf(stderr, ": %s\n", result->fault);
}

static void run_one(struct output_results *results, const struct plan *plan,
                    const struct subject *subject, bool over_mmap) {
  struct replay_result *result = replay_run(plan, subject, over_mmap);
  size_t entry = sizeof *results->items;
  results->items = own_resize(results->items, results->count * entry,
                              (results->count + 1) * entry);
  results->items[results->count++] = result;
  show_progress(result);
}

static void run_trace(struct output_results *results,
                      const struct options *options,
                      const struct trace *trace) {
  struct plan plan;
  plan_init(&plan, trace);
  for (size_t i = 0; subjects[i] != NULL; i++) {
    const struct subject *subject = subjects[i];
    if (options->policies != NULL &&
        !is_listed(options->policies, subject->name))
      continue;
    if (options->use_sbrk || !subject->has_backend)
      run_one(results, &plan, subject, false);
    if (options->use_mmap && subject->has_backend)
      run_one(results, &plan, subject, true);
  }
  plan_finish(&plan);
}

static void run_synthetic(struct output_results *results,
                          const struct options *options, const char *name) {
  struct trace trace;
  if (!trace_make_synthetic(&trace, name))
    own_die("@%s: no such synthetic trace", name);
  run_trace(results, options, &trace);
  trace_finish(&trace);
}

static void run_argument(struct output_results *results,
                         const struct options *options, const char *argument) {
  struct trace trace;
  if (strcmp(argument, "@all") == 0) {
    for (size_t i = 0; trace_synthetics[i].name != NULL; i++)
      run_synthetic(results, options, trace_synthetics[i].name);
  } else if (argument[0] == '@') {
    run_synthetic(results, options, argument + 1);
  } else {
    trace_read(&trace, argument);
    run_trace(results, options, &trace);
    trace_finish(&trace);
  }
}

/* --------------------------------------------------------------- reporting */

static bool is_any(const struct replay_result *result, const void *data) {
  (void)result;
  (void)data;
  return true;
}

/* One table for each trace, then the one over the real ones. */
static void print_tables(const struct output_results *results, bool each,
                         FILE *to) {
  size_t real = 0;
  for (size_t i = 0; i < results->count; i++) {
    const struct replay_result *result = results->items[i];
    real += output_is_real(result, NULL);
    bool first =
        i == 0 || strcmp(results->items[i - 1]->trace, result->trace) != 0;
    if (!each || !first) continue;
    fprintf(to, "%s: %llu operations, at most %llu bytes live\n", result->trace,
            (unsigned long long)result->ops,
            (unsigned long long)result->peak_payload);
    output_table(results, output_is_trace, result->trace, to);
    fputc('\n', to);
  }
  if (each) fprintf(to, "%s\n", real > 0 ? "All real traces:" : "All traces:");
  output_table(results, real > 0 ? output_is_real : is_any, NULL, to);
}

static int report(const struct output_results *results,
                  const struct options *options) {
  FILE *to = options->output == NULL ? stdout : fopen(options->output, "w");
  if (to == NULL) own_die("%s: cannot be written", options->output);
  switch (options->form) {
    case FORM_TABLE: print_tables(results, options->each, to); break;
    case FORM_CSV: output_csv(results, to); break;
    case FORM_JSON: output_json(results, to); break;
    case FORM_HTML: output_html(results, to); break;
  }
  if (fflush(to) != 0 || ferror(to)) own_die("cannot write");
  if (options->pictures != NULL && !output_pictures(results, options->pictures))
    own_die("%s: cannot be written", options->pictures);
  for (size_t i = 0; i < results->count; i++)
    if (!results->items[i]->timed) return EXIT_FAILURE;
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  struct output_results results = {NULL, 0};
  struct options options = parse(argc, argv);
  require_known(options.policies);
  for (int i = optind; i < argc; i++) run_argument(&results, &options, argv[i]);
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
  return report(&results, &options);
}
