/* SPDX-License-Identifier: MIT */
/*
 * repl.c: read, evaluate, print, and again.  The reader asks for lines as long
 * as a datum is not whole; an error or ctrl-C drops what is left of them.
 */
#include "lisp.h"

#include <stdio.h>

static const char *prompt; /* for the next line */

static bool add_line(value port) {
  value line = line_read(prompt);
  prompt = "  ";
  machine_poll();
  if (line == END_OF_FILE) return false;
  port_write_text(port, utf8_from_string(line, NULL));
  port_write(port, '\n');
  return true;
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

/* Read a datum and evaluate it; NIL at the end of the input. */
static value step(void *input) {
  struct gc_stats before;
  prompt = "> ";
  vm.where = FALSE;
  value datum = read_datum(*(value *)input);
  if (datum == END_OF_FILE) return NIL;
  bool timed = is_equal(datum, list2(sym("unquote"), sym("time")));
  if (timed) datum = read_datum(*(value *)input);
  gc_get_stats(&before);
  int64_t start = clock_ns();
  value v = eval_toplevel(datum);
  int64_t end = clock_ns();
  if (v != UNSPECIFIED) {
    print(v, current_output(), WRITE);
    port_write(current_output(), '\n');
  }
  if (timed) report(end - start, &before);
  return TRUE;
}

void repl(void) {
  value input = port_make(-1, PORT_INPUT | PORT_OUTPUT, FALSE);
  value v;
  port(input)->more = add_line;
  while ((v = call_reporting(step, &input)) != NIL)
    if (!v) port(input)->start = port(input)->end;
  port_write(current_output(), '\n');
}
