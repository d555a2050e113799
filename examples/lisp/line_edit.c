/* SPDX-License-Identifier: MIT */
/*
 * line_edit.c: lines from the terminal by libedit: history, and completion of
 * symbols with the tabulator.  libedit keeps its own memory with malloc, where
 * the collector does not look; nothing in it points to our blocks.
 */
#include "lisp.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static EditLine *editor;
static History *history_lines;
static const char *current_prompt;

static char *prompt_get(EditLine *e) {
  (void)e;
  return (char *)(uintptr_t)current_prompt;
}

/* Completion: what all names that start with the prefix have in common. */
struct completion {
  const char *prefix;
  size_t length;
  char *common;
  size_t matches;
};

static void completion_add(struct completion *c, const struct symbol *s) {
  if (s->global == UNBOUND && s->syntax == FALSE) return;
  char *name = utf8_from_string(s->name, NULL);
  if (strncmp(name, c->prefix, c->length) != 0 || name[0] == '%') return;
  if (c->matches++ == 0) c->common = name;
  size_t same = 0;
  while (c->common[same] && c->common[same] == name[same]) same++;
  c->common[same] = 0;
}

static bool is_name_char(char c) { return c > ' ' && !strchr("()'`,\"", c); }

static unsigned char complete(EditLine *e, int ch) {
  (void)ch;
  const LineInfo *line = el_line(e);
  const char *start = line->cursor;
  while (start > line->buffer && is_name_char(start[-1])) start--;
  size_t length = (size_t)(line->cursor - start);
  char *prefix = gc_strndup(start, length);
  if (!prefix || length == 0) return CC_ERROR;
  struct completion c = {prefix, length, NULL, 0};
  for (value l = symbols_list(); l != NIL; l = cdr(l))
    completion_add(&c, symbol(cdr(car(l))));
  if (c.matches == 0 || (c.matches > 1 && strlen(c.common) == length))
    return CC_ERROR;
  el_insertstr(e, c.common + length);
  if (c.matches == 1) el_insertstr(e, " ");
  return CC_REFRESH;
}

void line_start(void) {
  HistEvent event;
  editor = el_init("gleaner-lisp", stdin, stdout, stderr);
  history_lines = history_init();
  history(history_lines, &event, H_SETSIZE, 1000);
  el_set(editor, EL_PROMPT, prompt_get);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, history, history_lines);
  el_set(editor, EL_ADDFN, "complete", "complete a symbol", complete);
  el_set(editor, EL_BIND, "^I", "complete", NULL);
  el_source(editor, NULL);
}

char *line_read(const char *prompt) {
  int length;
  HistEvent event;
  current_prompt = prompt;
  port_flush(current_output());
  errno = 0;
  const char *line = el_gets(editor, &length);
  if (!line || length <= 0) {
    if (errno != EINTR) return NULL;
    line = "";
    el_reset(editor);
  }
  if (line[0] && line[0] != '\n') history(history_lines, &event, H_ENTER, line);
  return gc_strdup(line);
}
