/* SPDX-License-Identifier: MIT */
/*
 * gleaner-trace.c: records, converts, makes and describes traces.  See the
 * usage below.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "own.h"
#include "trace.h"

static const char usage_text[] =
    "usage: gleaner-trace summary FILE...\n"
    "       gleaner-trace text FILE            to the text form, on stdout\n"
    "       gleaner-trace compact FILE         to the compact form\n"
    "       gleaner-trace head COUNT FILE      the first operations, compact\n"
    "       gleaner-trace make NAME            a synthetic trace, compact\n"
    "       gleaner-trace list                 the synthetic traces\n"
    "       gleaner-trace record FILE COMMAND ARGUMENT...\n"
    "\n"
    "FILE is a trace of either form.  record runs a command and writes what "
    "it\n"
    "allocates to FILE, which must not exist; %p in FILE is the process, for\n"
    "commands that start others.  Without it only the first is recorded.\n";

static void usage(void) {
  fputs(usage_text, stderr);
  exit(2);
}

static void refuse_terminal(void) {
  if (isatty(STDOUT_FILENO)) own_die("the compact form is not for a terminal");
}

static void convert(const char *path, bool text) {
  struct trace trace;
  trace_read(&trace, path);
  if (!text) refuse_terminal();
  bool written = text ? trace_write_text(&trace, stdout)
                      : trace_write_compact(&trace, stdout);
  if (!written) own_die("cannot write: %s", strerror(errno));
  trace_finish(&trace);
}

static void head(const char *count, const char *path) {
  struct trace trace;
  trace_read(&trace, path);
  refuse_terminal();
  size_t wanted = strtoull(count, NULL, 10);
  if (wanted == 0) usage();
  if (trace.op_count > wanted) trace.op_count = wanted;
  if (!trace_write_compact(&trace, stdout))
    own_die("cannot write: %s", strerror(errno));
  trace_finish(&trace);
}

static void make(const char *name) {
  struct trace trace;
  if (!trace_make_synthetic(&trace, name))
    own_die("%s: no such synthetic trace; see gleaner-trace list", name);
  refuse_terminal();
  if (!trace_write_compact(&trace, stdout))
    own_die("cannot write: %s", strerror(errno));
  trace_finish(&trace);
}

static void list(void) {
  for (size_t i = 0; trace_synthetics[i].name != NULL; i++)
    printf("%-14s %s\n", trace_synthetics[i].name, trace_synthetics[i].what);
}

static void summary(char **paths) {
  for (; *paths != NULL; paths++) {
    struct trace trace;
    trace_read(&trace, *paths);
    trace_print_summary(&trace, stdout);
    trace_finish(&trace);
  }
}

/* The recorder lies beside this program, or where libtool puts it. */
static void find_recorder(char *path, size_t size) {
  static const char *const places[] = {"", ".libs/", "../lib/"};
  char self[3000];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) own_die("/proc/self/exe: %s", strerror(errno));
  self[length] = '\0';
  *(strrchr(self, '/') + 1) = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(path, size, "%s%slibgleaner-record.so", self, places[i]);
    if (access(path, R_OK) == 0) return;
  }
  own_die("libgleaner-record.so is not beside %s", self);
}

static void record(const char *file, char **command) {
  char recorder[4096], path[4096];
  find_recorder(recorder, sizeof recorder);
  if (strstr(file, "%p") == NULL && access(file, F_OK) == 0)
    own_die("%s exists", file);
  char *directory = file[0] == '/' ? NULL : getcwd(NULL, 0);
  snprintf(path, sizeof path, "%s%s%s", directory == NULL ? "" : directory,
           directory == NULL ? "" : "/", file);
  free(directory);
  setenv("LD_PRELOAD", recorder, 1);
  setenv("GLEANER_RECORD", path, 1);
  execvp(command[0], command);
  own_die("%s: %s", command[0], strerror(errno));
}

int main(int argc, char **argv) {
  if (argc < 2) usage();
  const char *verb = argv[1];
  if (strcmp(verb, "list") == 0)
    list();
  else if (strcmp(verb, "summary") == 0 && argc >= 3)
    summary(argv + 2);
  else if (strcmp(verb, "text") == 0 && argc == 3)
    convert(argv[2], true);
  else if (strcmp(verb, "compact") == 0 && argc == 3)
    convert(argv[2], false);
  else if (strcmp(verb, "head") == 0 && argc == 4)
    head(argv[2], argv[3]);
  else if (strcmp(verb, "make") == 0 && argc == 3)
    make(argv[2]);
  else if (strcmp(verb, "record") == 0 && argc >= 4)
    record(argv[2], argv + 3);
  else
    usage();
  return EXIT_SUCCESS;
}
