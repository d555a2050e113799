/* SPDX-License-Identifier: MIT */
/*
 * print.c: data to text.  Most data are small trees, and a bounded walk proves
 * it; only what that walk cannot see through is searched for the cycles (or,
 * for write-shared, the sharing) that need datum labels.
 */
#include "lisp.h"

#include <stdio.h>

/* One call of write; labels is FALSE or a table: datum -> state. */
struct printer {
  value port;
  enum print_style style;
  value labels;
  intptr_t next_label;
};

/* States of a datum in the table while it is searched: then TRUE or gone. */
#define OPEN_NODE fixnum(-1) /* being walked */
#define SEEN_NODE fixnum(-2) /* walked, once */

static bool is_container(value v) {
  return is_pair(v) || (has_type(v, TYPE_VECTOR) && vector(v)->length > 0);
}

/* Does a walk of at most *budget steps see all of it? */
static bool is_small_tree(value v, int *budget) {
  while (is_pair(v)) {
    if (--*budget < 0 || !is_small_tree(car(v), budget)) return false;
    v = cdr(v);
  }
  if (has_type(v, TYPE_VECTOR))
    for (size_t i = 0; i < vector(v)->length; i++)
      if (--*budget < 0 || !is_small_tree(vector(v)->items[i], budget))
        return false;
  return true;
}

/* Mark with TRUE what is reached from inside itself, or twice. */
static void find_labels(struct printer *p, value v) {
  machine_poll();
  if (!is_container(v)) return;
  value state = hash_get(p->labels, v, FALSE);
  if (state == OPEN_NODE || (state == SEEN_NODE && p->style == WRITE_SHARED))
    hash_put(p->labels, v, TRUE);
  if (state != FALSE) return;
  hash_put(p->labels, v, OPEN_NODE);
  if (is_pair(v)) {
    find_labels(p, car(v));
    find_labels(p, cdr(v));
  } else {
    for (size_t i = 0; i < vector(v)->length; i++)
      find_labels(p, vector(v)->items[i]);
  }
  if (hash_get(p->labels, v, FALSE) == OPEN_NODE)
    hash_put(p->labels, v, SEEN_NODE);
}

/* -------------------------------------------------------------------- atoms */

static void print_code(value port, const char *format, uint32_t code) {
  char out[24];
  snprintf(out, sizeof out, format, (unsigned)code);
  port_write_text(port, out);
}

static void print_string_char(value port, uint32_t c) {
  static const char from[] = "\a\b\t\n\r\"\\";
  static const char to[] = "abtnr\"\\";
  const char *at = c && c < 128 ? strchr(from, (int)c) : NULL;
  if (at) {
    port_write(port, '\\');
    port_write(port, (uint32_t)to[at - from]);
  } else if (c < 32 || c == 127) {
    print_code(port, "\\x%x;", c);
  } else {
    port_write(port, c);
  }
}

static void print_string(struct printer *p, value s) {
  if (p->style == DISPLAY) {
    for (size_t i = 0; i < string(s)->length; i++)
      port_write(p->port, string(s)->chars[i]);
    return;
  }
  port_write(p->port, '"');
  for (size_t i = 0; i < string(s)->length; i++)
    print_string_char(p->port, string(s)->chars[i]);
  port_write(p->port, '"');
}

static bool needs_bars(value name) {
  const struct string *s = string(name);
  if (s->length == 0) return true;
  for (size_t i = 0; i < s->length; i++) {
    uint32_t c = s->chars[i];
    if (c <= ' ' || c == 127 || (c < 127 && strchr("()\"';`,|", (int)c)))
      return true;
  }
  char *utf8 = utf8_from_string(name, NULL);
  return s->chars[0] == '#' || strcmp(utf8, ".") == 0 ||
         number_parse(utf8, 10) != FALSE;
}

static void print_symbol(struct printer *p, value v) {
  value name = symbol(v)->name;
  if (p->style == DISPLAY || !needs_bars(name)) {
    struct printer plain = {p->port, DISPLAY, FALSE, 0};
    print_string(&plain, name);
    return;
  }
  port_write(p->port, '|');
  for (size_t i = 0; i < string(name)->length; i++) {
    uint32_t c = string(name)->chars[i];
    if (c == '|') port_write(p->port, '\\');
    if (c == '"')
      port_write(p->port, c);
    else
      print_string_char(p->port, c);
  }
  port_write(p->port, '|');
}

static void print_character(struct printer *p, value v) {
  uint32_t code = character_code(v);
  if (p->style == DISPLAY) {
    port_write(p->port, code);
    return;
  }
  port_write_text(p->port, "#\\");
  const char *name = character_name(code);
  if (name)
    port_write_text(p->port, name);
  else if (code < 32)
    print_code(p->port, "x%x", code);
  else
    port_write(p->port, code);
}

static void print_named(struct printer *p, const char *kind, value name) {
  struct printer plain = {p->port, DISPLAY, FALSE, 0};
  port_write_text(p->port, "#<");
  port_write_text(p->port, kind);
  if (name != FALSE) {
    port_write(p->port, ' ');
    if (is_symbol(name)) name = symbol(name)->name;
    if (is_string(name)) print_string(&plain, name);
  }
  port_write(p->port, '>');
}

static void print_special(struct printer *p, value v) {
  const char *name = v == TRUE          ? "#t"
                     : v == FALSE       ? "#f"
                     : v == NIL         ? "()"
                     : v == END_OF_FILE ? "#<eof>"
                     : v == UNSPECIFIED ? "#<unspecified>"
                                        : "#<unbound>";
  port_write_text(p->port, name);
}

static void print_datum(struct printer *p, value v);

static void print_record(struct printer *p, value v) {
  value *field = vector(v)->items;
  port_write_text(p->port, "#<");
  print_symbol(p, cell(*field)->first);
  for (value f = cell(*field)->second; f != NIL; f = cdr(f)) {
    port_write(p->port, ' ');
    print_symbol(p, car(f));
    port_write_text(p->port, ": ");
    if (is_container(*++field) || has_type(*field, TYPE_RECORD))
      port_write_text(p->port, "...");
    else
      print_datum(p, *field);
  }
  port_write(p->port, '>');
}

static void print_object(struct printer *p, value v) {
  static const char *const kinds[] = {
      [TYPE_VALUES] = "values",           [TYPE_HASH_TABLE] = "hash-table",
      [TYPE_ENVIRONMENT] = "environment", [TYPE_SYNTAX] = "syntax",
      [TYPE_VARIABLE] = "variable",       [TYPE_GUARD] = "guard"};
  switch (type_of(v)) {
    case TYPE_SYMBOL: print_symbol(p, v); return;
    case TYPE_ALIAS: print_datum(p, cell(v)->first); return;
    case TYPE_STRING: print_string(p, v); return;
    case TYPE_CLOSURE:
      print_named(p, "procedure", closure(v)->code->name);
      return;
    case TYPE_PRIMITIVE:
      print_named(p, "procedure", text(primitive(v)->row->name));
      return;
    case TYPE_RECORD_TYPE:
      print_named(p, "record-type", cell(v)->first);
      return;
    case TYPE_RECORD: print_record(p, v); return;
    case TYPE_CONDITION: print_named(p, "error", condition(v)->message); return;
    case TYPE_PORT: print_named(p, "port", port(v)->name); return;
    default: print_named(p, kinds[type_of(v)], FALSE);
  }
}

/* ---------------------------------------------------------------- compound */

/* Write #n# and answer true where the datum was written before. */
static bool print_label(struct printer *p, value v) {
  if (p->labels == FALSE) return false;
  value state = hash_get(p->labels, v, FALSE);
  if (state == TRUE) {
    hash_put(p->labels, v, fixnum(p->next_label));
    print_code(p->port, "#%u=", (uint32_t)p->next_label++);
    return false;
  }
  if (!is_fixnum(state) || fixnum_value(state) < 0) return false;
  print_code(p->port, "#%u#", (uint32_t)fixnum_value(state));
  return true;
}

static bool is_labelled(struct printer *p, value v) {
  if (p->labels == FALSE) return false;
  value state = hash_get(p->labels, v, FALSE);
  return state == TRUE || (is_fixnum(state) && fixnum_value(state) >= 0);
}

static const char *quotation_mark(value v) {
  static const struct {
    const char *name;
    const char *mark;
  } quotations[] = {{"quote", "'"},
                    {"quasiquote", "`"},
                    {"unquote", ","},
                    {"unquote-splicing", ",@"}};
  if (!is_pair(cdr(v)) || cddr(v) != NIL || !is_symbol(car(v))) return NULL;
  for (size_t i = 0; i < 4; i++)
    if (car(v) == sym(quotations[i].name)) return quotations[i].mark;
  return NULL;
}

static void print_pair(struct printer *p, value v) {
  const char *mark = quotation_mark(v);
  if (mark && !is_labelled(p, cdr(v))) {
    port_write_text(p->port, mark);
    print_datum(p, cadr(v));
    return;
  }
  port_write(p->port, '(');
  print_datum(p, car(v));
  for (v = cdr(v); is_pair(v) && !is_labelled(p, v); v = cdr(v)) {
    port_write(p->port, ' ');
    print_datum(p, car(v));
  }
  if (v != NIL) {
    port_write_text(p->port, " . ");
    print_datum(p, v);
  }
  port_write(p->port, ')');
}

static void print_vector(struct printer *p, value v) {
  port_write_text(p->port, "#(");
  for (size_t i = 0; i < vector(v)->length; i++) {
    if (i > 0) port_write(p->port, ' ');
    print_datum(p, vector(v)->items[i]);
  }
  port_write(p->port, ')');
}

static void print_bytevector(struct printer *p, value v) {
  port_write_text(p->port, "#u8(");
  for (size_t i = 0; i < bytevector(v)->length; i++)
    print_code(p->port, i ? " %u" : "%u", bytevector(v)->bytes[i]);
  port_write(p->port, ')');
}

static void print_datum(struct printer *p, value v) {
  machine_poll();
  if (is_container(v) && print_label(p, v)) return;
  switch (type_of(v)) {
    case TYPE_FIXNUM:
    case TYPE_FLONUM:
    case TYPE_BIGNUM: print(number_format(v, 10), p->port, DISPLAY); return;
    case TYPE_PAIR: print_pair(p, v); return;
    case TYPE_VECTOR: print_vector(p, v); return;
    case TYPE_BYTEVECTOR: print_bytevector(p, v); return;
    case TYPE_CHARACTER: print_character(p, v); return;
    case TYPE_NIL:
    case TYPE_BOOLEAN:
    case TYPE_SPECIAL: print_special(p, v); return;
    default: print_object(p, v);
  }
}

void print(value v, value port, enum print_style style) {
  struct printer p = {port, style, FALSE, 0};
  int budget = 2000;
  if (is_container(v) && style != WRITE_SIMPLE &&
      (style == WRITE_SHARED || !is_small_tree(v, &budget))) {
    p.labels = hash_make(FALSE);
    find_labels(&p, v);
  }
  print_datum(&p, v);
}

value print_to_string(value v, enum print_style style) {
  value port = port_open_string(NULL, 0, PORT_OUTPUT);
  print(v, port, style);
  return port_take_string(port);
}

FUNCTION(print_primitive) {
  value port = port_argument(a, n, 1, PORT_OUTPUT);
  print(a[0], port, (enum print_style)self->row->variant);
  return UNSPECIFIED;
}
ROW(print_primitive, "display", "a|o", DISPLAY);
ROW(print_primitive, "write", "a|o", WRITE);
ROW(print_primitive, "write-shared", "a|o", WRITE_SHARED);
ROW(print_primitive, "write-simple", "a|o", WRITE_SIMPLE);
