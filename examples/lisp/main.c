/* SPDX-License-Identifier: MIT */
/*
 * main.c: the command line of gleaner-lisp.
 */
#include "lisp.h"

#include <getopt.h>
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

static const struct option options[] = {
    {"heap-limit", required_argument, NULL, 'l'},
    {"mode", required_argument, NULL, 'm'},
    {"steps", required_argument, NULL, 's'},
    {"gc-log", no_argument, NULL, 'g'},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void option_take(int option) {
  switch (option) {
    case 'l': setenv("GLEANER_HEAP_LIMIT", optarg, 1); return;
    case 'm': mode_set(optarg); return;
    case 's': vm.steps_wanted = strtoul(optarg, NULL, 10); return;
    case 'g': setenv("GLEANER_LOG", "1", 1); return;
    case 'v': printf("gleaner-lisp, on gleaner %s\n", gc_version()); exit(0);
    default:
      fputs(usage, option == 'h' ? stdout : stderr);
      exit(option == 'h' ? 0 : 2);
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
  int option;
  while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
    option_take(option);
  stack_start(__builtin_frame_address(0), argv);
  setlocale(LC_CTYPE, "C.UTF-8");
  return run(argc - optind, argv + optind);
}
