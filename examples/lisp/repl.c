/* SPDX-License-Identifier: MIT */
/*
 * repl.c: read, evaluate, print, and again.  Lines are read until they make a
 * whole datum; an error or ctrl-C drops them.
 */
#include "lisp.h"

#include <stdio.h>

static value input; /* the lines not yet evaluated, in UTF-8: a string port */

/* Is the text in the port a whole datum, or wrong, rather than a beginning? */
static value read_input(void *data) {
  (void)data;
  return read_datum(input);
}

static bool is_unfinished(value error) {
  return has_type(error, TYPE_CONDITION) &&
         port(input)->start == port(input)->end &&
         condition(error)->kind == sym("read-error");
}

/* The next datum; END_OF_FILE at the end of the input. */
static value read_lines(value *error) {
  for (const char *prompt = "> ";; prompt = "  ") {
    size_t start = port(input)->start;
    value datum = call_protected(read_input, NULL, error);
    if (!*error && datum != END_OF_FILE) return datum;
    if (*error && !is_unfinished(*error)) return FALSE;
    if (!*error) prompt = "> ";
    port(input)->start = *error ? start : port(input)->end;
    *error = 0;
    char *line = line_read(prompt);
    if (!line) return END_OF_FILE;
    if (vm.interrupted) {
      vm.interrupted = false;
      input = port_make(-1, PORT_INPUT | PORT_OUTPUT, FALSE);
      continue;
    }
    port_write_text(input, line);
  }
}

static value evaluate(void *data) {
  value v = eval_toplevel(*(value *)data);
  if (v != UNSPECIFIED) {
    print(v, current_output(), WRITE);
    port_write(current_output(), '\n');
  }
  return v;
}

static void report(int64_t ns, const struct gc_stats *before) {
  struct gc_stats after;
  char line[200];
  gc_get_stats(&after);
  snprintf(line, sizeof line,
           "; %.3f ms, %.1f kB allocated, %llu collections of %.3f ms in all\n",
           (double)ns * 1e-6,
           (double)(after.allocated_bytes - before->allocated_bytes) / 1024,
           (unsigned long long)(after.collections - before->collections),
           (double)(after.pause_total_ns - before->pause_total_ns) * 1e-6);
  port_write_text(current_output(), line);
}

/* Print an error where no handler is left to do it. */
static void complain(value error) {
  port_flush(current_output());
  condition_print(error, current_error());
}

static void step(value datum) {
  value error;
  struct gc_stats before;
  value comma_time = list2(sym("unquote"), sym("time"));
  bool timed = is_equal(datum, comma_time);
  if (timed) datum = read_lines(&error);
  vm.where = FALSE;
  gc_get_stats(&before);
  int64_t start = clock_ns();
  call_protected(evaluate, &datum, &error);
  if (error) complain(error);
  if (timed) report(clock_ns() - start, &before);
}

void repl(void) {
  line_start();
  input = port_make(-1, PORT_INPUT | PORT_OUTPUT, FALSE);
  for (;;) {
    value error;
    value datum = read_lines(&error);
    if (error) {
      complain(error);
      port(input)->start = port(input)->end;
    } else if (datum == END_OF_FILE) {
      break;
    } else {
      step(datum);
    }
  }
  port_write(current_output(), '\n');
}
