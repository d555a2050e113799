/* SPDX-License-Identifier: MIT */
/*
 * main.c: the command line of gleaner-lisp.
 */
#include "lisp.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: gleaner-lisp [OPTION]... [FILE [ARGUMENT]...]\n"
    "Run the Scheme program in FILE, or read and evaluate what is typed.\n"
    "  --heap-limit=SIZE  as GLEANER_HEAP_LIMIT: 32M is 32 megabytes\n"
    "  --mode=MODE        implicit: only the collector frees memory\n"
    "                     explicit: only the program does (what C code of the\n"
    "                     Lisp knows to be garbage), the collector is off\n"
    "                     none: nobody does; without this option both do\n"
    "  --gc-log           a line for each collection, on standard error\n"
    "  --steps=N          stop after N steps, and open no files: for tests\n"
    "  --help, --version\n";

static bool no_collector;

static void mode_set(const char *mode) {
  no_collector = strcmp(mode, "none") == 0;
  if (no_collector) mode = "implicit";
  if (strcmp(mode, "implicit") != 0 && strcmp(mode, "explicit") != 0) {
    fputs(usage, stderr);
    exit(2);
  }
  setenv("GLEANER_MODE", mode, 1);
}

/* What follows name in an option that is spelled --name=value or --name. */
static const char *option(const char *argument, const char *name) {
  size_t length = strlen(name);
  if (strncmp(argument, name, length) != 0) return NULL;
  return argument[length] == '=' ? argument + length + 1 : NULL;
}

static void option_take(const char *argument) {
  const char *text;
  if ((text = option(argument, "--heap-limit"))) {
    setenv("GLEANER_HEAP_LIMIT", text, 1);
  } else if ((text = option(argument, "--mode"))) {
    mode_set(text);
  } else if ((text = option(argument, "--steps"))) {
    vm.steps_wanted = strtoul(text, NULL, 10);
  } else if (strcmp(argument, "--gc-log") == 0) {
    setenv("GLEANER_LOG", "1", 1);
  } else if (strcmp(argument, "--version") == 0) {
    printf("gleaner-lisp, on gleaner %s\n", gc_version());
    exit(0);
  } else {
    bool help = strcmp(argument, "--help") == 0;
    fputs(usage, help ? stdout : stderr);
    exit(help ? 0 : 2);
  }
}

static void interrupt(int signal UNUSED) {
  vm.interrupted = true;
  vm.stack_limit = UINTPTR_MAX;
}

static value load_program(void *path) { return load_file(text(path)); }

static int run(int argc, char **argv) {
  if (no_collector) gc_disable();
  bignum_init();
  ports_init();
  expand_init();
  primitives_init();
  prelude_load();
  if (argc == 0) {
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    repl();
    return 0;
  }
  command_line_set(argc, argv);
  if (call_reporting(load_program, argv[0])) exit_with(TRUE, false);
  return 70;
}

int main(int argc, char **argv) {
  int first = 1;
  for (; first < argc && strncmp(argv[first], "--", 2) == 0; first++)
    option_take(argv[first]);
  stack_start(__builtin_frame_address(0), argv);
  setlocale(LC_CTYPE, "C.UTF-8");
  return run(argc - first, argv + first);
}
