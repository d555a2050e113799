/* SPDX-License-Identifier: MIT */
/*
 * system.c: programs and the world around them: load and eval, the command
 * line, the clock, the collector.
 */
#include "lisp.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern const char prelude[]; /* made from prelude.scm */
extern char **environ;

/* -------------------------------------------------------------- evaluation */

static const char *load_directory; /* of the file being loaded, or NULL */

static void load_port(value p) {
  for (value d = read_datum(p); d != END_OF_FILE; d = read_datum(p))
    eval_toplevel(d);
}

/* A relative path is looked for beside the file being loaded first. */
static value port_open_near(value path) {
  char near[PATH_MAX];
  const char *name = utf8_from_string(path, NULL);
  if (load_directory && name[0] != '/') {
    snprintf(near, sizeof near, "%s/%s", load_directory, name);
    if (access(near, R_OK) == 0) name = near;
  }
  return port_open(name, PORT_INPUT);
}

value load_file(value path) {
  const char *outer = load_directory;
  value p = port_open_near(path);
  vm.steps = vm.steps_wanted;
  stack_limit_set(false);
  load_directory = dirname(utf8_from_string(port(p)->name, NULL));
  load_port(p);
  port_close(p);
  load_directory = outer;
  return UNSPECIFIED;
}

PRIMITIVE(read_file, "%read-file s") {
  value p = port_open_near(a[0]);
  struct list_builder data = EMPTY(data);
  for (value d = read_datum(p); d != END_OF_FILE; d = read_datum(p))
    list_add(&data, d);
  port_close(p);
  return data.first;
}

PRIMITIVE(load, "load s|a") { return load_file(a[0]); }
PRIMITIVE(eval_primitive, "eval a|a") { return eval_toplevel(a[0]); }

/* There is one environment. */
PRIMITIVE(environment, "environment a*", "interaction-environment",
          "scheme-report-environment |a", "null-environment |a") {
  return make_cell(TYPE_ENVIRONMENT, FALSE, FALSE);
}

void prelude_load(void) {
  value p = port_open_string(prelude, strlen(prelude), PORT_INPUT);
  port(p)->name = text("prelude.scm");
  vm.building = true;
  load_port(p);
  vm.building = false;
  vm.where = FALSE;
  for (value l = symbols_list(); l != NIL; l = cdr(l)) {
    struct symbol *s = symbol(cdr(car(l)));
    if (s->global != UNBOUND) s->builtin = s->global;
  }
}

/* ---------------------------------------------------------- process context */

static value command_line = NIL;

void command_line_set(int argc, char **argv) {
  for (int i = argc; i > 0; i--)
    command_line = cons(text(argv[i - 1]), command_line);
}

PRIMITIVE(command_line_get, "command-line") { return command_line; }

PRIMITIVE(exit_primitive, "exit |a", "emergency-exit |a") {
  exit_with(n ? a[0] : TRUE, self->variant == 1);
}

PRIMITIVE(get_variable, "get-environment-variable s") {
  const char *v = getenv(utf8_from_string(a[0], NULL));
  return v ? text(v) : FALSE;
}

PRIMITIVE(get_variables, "get-environment-variables") {
  value list = NIL;
  for (char **e = environ; *e; e++) {
    char *equals = strchr(*e, '=');
    if (!equals) continue;
    value name = make_string_utf8(*e, (size_t)(equals - *e));
    list = cons(cons(name, text(equals + 1)), list);
  }
  return list;
}

/* ----------------------------------------------------------- the clock, gc */

static int64_t clock_read(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_ns(void) { return clock_read(CLOCK_MONOTONIC); }

PRIMITIVE(current_jiffy, "current-jiffy") { return fixnum(clock_ns()); }

PRIMITIVE(jiffies, "jiffies-per-second") { return fixnum(1000000000); }

PRIMITIVE(current_second, "current-second") {
  return flonum((double)clock_read(CLOCK_REALTIME) / 1e9);
}

COMMAND(collect, "gc") { gc_collect(); }

/* The library's own JSON, as an association list. */
PRIMITIVE(statistics, "gc-stats") {
  static const char punctuation[] = "{\":,} \n";
  char json[2048], *rest;
  gc_stats_json(json, sizeof json);
  struct list_builder list = EMPTY(list);
  for (const char *name = strtok_r(json, punctuation, &rest); name;
       name = strtok_r(NULL, punctuation, &rest)) {
    long count = strtol(strtok_r(NULL, punctuation, &rest), NULL, 10);
    if (count > FIXNUM_MAX) count = FIXNUM_MAX; /* where there is no limit */
    list_add(&list, cons(sym(name), fixnum(count)));
  }
  return list.first;
}
