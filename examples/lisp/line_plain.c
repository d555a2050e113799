/* SPDX-License-Identifier: MIT */
/*
 * line_plain.c: lines from the terminal where there is no libedit.
 */
#include "lisp.h"

value line_read(const char *prompt) {
  port_write_text(current_output(), prompt);
  port_flush(current_output());
  return apply0(symbol(sym("read-line"))->builtin);
}
