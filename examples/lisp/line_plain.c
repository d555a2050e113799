/* SPDX-License-Identifier: MIT */
/*
 * line_plain.c: lines from the terminal where there is no libedit.
 */
#include "lisp.h"

void line_start(void) {}

char *line_read(const char *prompt) {
  value in = current_input();
  port_write_text(current_output(), prompt);
  port_flush(current_output());
  if (port_peek(in) == NO_CHARACTER) return NULL;
  value line = port_make(-1, PORT_OUTPUT, FALSE);
  uint32_t c;
  do {
    c = port_read(in);
    if (c != NO_CHARACTER) port_write(line, c);
  } while (c != NO_CHARACTER && c != '\n');
  return utf8_from_string(port_take_string(line), NULL);
}
