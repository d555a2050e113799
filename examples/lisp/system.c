/* SPDX-License-Identifier: MIT */
/*
 * system.c: programs and the world around them: load and eval, the command
 * line, the clock, the collector.
 */
#include "lisp.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern const char prelude[]; /* made from prelude.scm */
extern char **environ;

/* -------------------------------------------------------------- evaluation */

static value load_directory = FALSE; /* of the file being loaded */

value load_port(value p) {
  for (value d = read_datum(p); d != END_OF_FILE; d = read_datum(p))
    eval_toplevel(d);
  return UNSPECIFIED;
}

/* A relative path is looked for beside the file being loaded first. */
value port_open_near(value path) {
  char *name = utf8_from_string(path, NULL);
  if (load_directory != FALSE && name[0] != '/') {
    value parts[] = {load_directory, text("/"), path};
    value near = apply(symbol(sym("string-append"))->builtin, 3, parts);
    char *near_name = utf8_from_string(near, NULL);
    if (access(near_name, R_OK) == 0) name = near_name;
  }
  return port_open(name, PORT_INPUT);
}

value load_file(value path) {
  value outer = load_directory;
  value p = port_open_near(path);
  vm.steps = vm.steps_wanted;
  stack_limit_set(false);
  load_directory = text(dirname(utf8_from_string(port(p)->name, NULL)));
  load_port(p);
  port_close(p);
  load_directory = outer;
  return UNSPECIFIED;
}

static value load(size_t argc, const value *argv) {
  (void)argc;
  return load_file(argv[0]);
}

static value eval_primitive(size_t argc, const value *argv) {
  (void)argc;
  return eval_toplevel(argv[0]);
}

/* There is one environment. */
static value environment(size_t argc, const value *argv) {
  (void)argc, (void)argv;
  return make_cell(TYPE_ENVIRONMENT, FALSE, FALSE);
}

static void make_builtin(struct symbol *s, void *data) {
  (void)data;
  if (s->global != UNBOUND) s->builtin = s->global;
}

void prelude_load(void) {
  value p =
      port_open_string((const uint8_t *)prelude, strlen(prelude), PORT_INPUT);
  port(p)->name = text("prelude.scm");
  vm.building = true;
  load_port(p);
  vm.building = false;
  vm.where = FALSE;
  symbols_each(make_builtin, NULL);
}

/* ---------------------------------------------------------- process context */

static value command_line = NIL;

void command_line_set(int argc, char **argv) {
  for (int i = argc; i > 0; i--)
    command_line = cons(text(argv[i - 1]), command_line);
}

static value command_line_get(void) { return command_line; }

static value exit_primitive(size_t argc, const value *argv) {
  exit_with(argc ? argv[0] : TRUE);
}

static value emergency_exit(size_t argc, const value *argv) {
  value code = argc ? argv[0] : TRUE;
  _exit(is_fixnum(code) ? (int)fixnum_value(code) & 255 : code == FALSE);
}

static value get_variable(value name) {
  const char *v = getenv(utf8_from_string(name, NULL));
  return v ? text(v) : FALSE;
}

static value get_variables(void) {
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

int64_t clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static value current_jiffy(void) { return integer_from_int64(clock_ns()); }

static value jiffies_per_second(void) { return fixnum(1000000000); }

static value current_second(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return flonum((double)now.tv_sec + (double)now.tv_nsec * 1e-9);
}

static value collect(void) {
  gc_collect();
  return UNSPECIFIED;
}

#define STATISTIC(field)                                                       \
  { #field, offsetof(struct gc_stats, field) }

/* An association list with the names of struct gc_stats. */
static value statistics(void) {
  static const struct {
    const char *name;
    size_t offset;
  } fields[] = {STATISTIC(allocated_bytes),  STATISTIC(freed_bytes),
                STATISTIC(live_bytes),       STATISTIC(heap_bytes),
                STATISTIC(peak_heap_bytes),  STATISTIC(metadata_bytes),
                STATISTIC(heap_limit_bytes), STATISTIC(next_gc_bytes),
                STATISTIC(returned_bytes),   STATISTIC(collections),
                STATISTIC(pause_total_ns),   STATISTIC(pause_max_ns),
                STATISTIC(pause_last_ns),    STATISTIC(mark_total_ns),
                STATISTIC(root_bytes),       STATISTIC(marked_objects)};
  struct gc_stats stats;
  gc_get_stats(&stats);
  value list = NIL;
  for (size_t i = sizeof fields / sizeof fields[0]; i > 0; i--) {
    uint64_t n;
    memcpy(&n, (const char *)&stats + fields[i - 1].offset, sizeof n);
    if (n > FIXNUM_MAX) n = FIXNUM_MAX; /* never, or without a limit */
    list = cons(cons(sym(fields[i - 1].name), fixnum((intptr_t)n)), list);
  }
  return list;
}

const struct primitive_row system_rows[] = {
    ROWN("load", "sa", 1, 2, load),
    ROWN("eval", "a", 1, 2, eval_primitive),
    ROWN("environment", "a", 0, -1, environment),
    ROWN("interaction-environment", "a", 0, 0, environment),
    ROWN("scheme-report-environment", "a", 0, 1, environment),
    ROWN("null-environment", "a", 0, 1, environment),
    ROW0("command-line", command_line_get),
    ROWN("exit", "a", 0, 1, exit_primitive),
    ROWN("emergency-exit", "a", 0, 1, emergency_exit),
    ROW1("get-environment-variable", "s", get_variable),
    ROW0("get-environment-variables", get_variables),
    ROW0("current-jiffy", current_jiffy),
    ROW0("jiffies-per-second", jiffies_per_second),
    ROW0("current-second", current_second),
    ROW0("gc", collect),
    ROW0("gc-stats", statistics),
    ROW_END,
};
