/* SPDX-License-Identifier: MIT */
/*
 * line_edit.c: lines from the terminal by libedit, as it does for programs
 * written for readline: history, and completion of symbols with the tabulator.
 * It keeps its own memory with malloc, where the collector does not look;
 * nothing in it points to our blocks.
 */
#include "lisp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <editline/readline.h>

static value untried; /* the symbols that completion has not looked at */

/* A name that starts with the prefix: the first, or one after those given. */
static char *next_name(const char *prefix, int given) {
  if (!given) untried = symbols_list();
  for (; untried != NIL; untried = cdr(untried)) {
    const struct symbol *s = symbol(cdr(car(untried)));
    char *name = utf8_from_string(s->name, NULL);
    if (s->global == UNBOUND && !s->syntax) continue;
    if (name[0] == '%' || strncmp(name, prefix, strlen(prefix)) != 0) continue;
    untried = cdr(untried);
    return strdup(name);
  }
  return NULL;
}

static char **complete(const char *prefix, int start UNUSED, int end UNUSED) {
  rl_attempted_completion_over = 1; /* no names of files instead */
  return *prefix ? rl_completion_matches(prefix, next_name) : NULL;
}

static void line_start(void) {
  rl_readline_name = "gleaner-lisp";
  rl_basic_word_break_characters = " ()'`,\"";
  rl_attempted_completion_function = complete;
  using_history();
  stifle_history(1000);
}

value line_read(const char *prompt) {
  if (!rl_attempted_completion_function) line_start();
  port_flush(current_output());
  errno = 0;
  char *line = readline(prompt);
  if (!line) return errno == EINTR ? text("") : END_OF_FILE;
  if (*line) add_history(line);
  value v = text(line);
  free(line);
  return v;
}
