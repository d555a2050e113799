/* SPDX-License-Identifier: MIT */
/*
 * print.c: data to text.  Most data are small trees, and a bounded walk proves
 * it; only what that walk cannot see through is searched for the cycles (or,
 * for write-shared, the sharing) that need datum labels.
 */
#include "lisp.h"

#include <stdio.h>

/* One call of write. */
struct printer {
  value port;
  enum print_style style;
  value seen;   /* a table: datum -> is it being searched still? */
  value labels; /* a table: datum -> its label, or TRUE before it has one */
  intptr_t next_label;
};

static bool is_container(value v) { return items_of(v).count > 0; }

/* Does a walk of at most *budget steps see all of it? */
static bool is_small_tree(value v, int *budget) {
  struct items items = items_of(v);
  for (size_t i = 0; i < items.count; i++)
    if (--*budget < 0 || !is_small_tree(items.at[i], budget)) return false;
  return true;
}

/* Give a label to what is reached from inside itself, or twice. */
static void find_labels(struct printer *p, value v) {
  machine_poll();
  struct items items = items_of(v);
  if (items.count == 0) return;
  value state = hash_get(p->seen, v, UNBOUND);
  if (state == TRUE || (state == FALSE && p->style == WRITE_SHARED))
    hash_put(p->labels, v, TRUE);
  if (state != UNBOUND) return;
  hash_put(p->seen, v, TRUE);
  for (size_t i = 0; i < items.count; i++) find_labels(p, items.at[i]);
  hash_put(p->seen, v, FALSE);
}

/* -------------------------------------------------------------------- atoms */

/* What stands after a backslash in strings and symbols, for what. */
const char escape_letters[] = "abtnr\"\\|";
const char escaped_characters[] = "\a\b\t\n\r\"\\|";

static void print_code(value port, const char *format, uint32_t code) {
  char out[24];
  snprintf(out, sizeof out, format, (unsigned)code);
  port_write_text(port, out);
}

/* The characters between marks, or plainly where mark is 0. */
static void print_string(struct printer *p, value s, uint32_t mark) {
  if (mark) port_write(p->port, mark);
  for (size_t i = 0; i < string(s)->length; i++) {
    uint32_t c = string(s)->chars[i];
    const char *at = c && c < 128 ? strchr(escaped_characters, (int)c) : NULL;
    bool is_other_mark = (c == '"' || c == '|') && c != mark;
    if (!mark || is_other_mark || (!at && c >= 32 && c != 127)) {
      port_write(p->port, c);
    } else if (at) {
      port_write(p->port, '\\');
      port_write(p->port, (uint32_t)escape_letters[at - escaped_characters]);
    } else {
      print_code(p->port, "\\x%x;", c);
    }
  }
  if (mark) port_write(p->port, mark);
}

static bool needs_bars(value name) {
  const struct string *s = string(name);
  for (size_t i = 0; i < s->length; i++) {
    uint32_t c = s->chars[i];
    if (c <= ' ' || c == 127 || (c < 127 && strchr("()\"';`,|", (int)c)))
      return true;
  }
  char *utf8 = utf8_from_string(name, NULL);
  return s->length == 0 || s->chars[0] == '#' || strcmp(utf8, ".") == 0 ||
         number_parse(utf8, 10) != FALSE;
}

static void print_symbol(struct printer *p, value name) {
  print_string(p, name, p->style != DISPLAY && needs_bars(name) ? '|' : 0);
}

static void print_character(struct printer *p, uint32_t code) {
  const char *name = character_name(code);
  bool is_plain = p->style == DISPLAY;
  if (!is_plain) port_write_text(p->port, "#\\");
  if (!is_plain && name)
    port_write_text(p->port, name);
  else if (!is_plain && code < 32)
    print_code(p->port, "x%x", code);
  else
    port_write(p->port, code);
}

static const char *special_name(value v) {
  static const char *const names[] = {
      "#f", "#t", "()", "#<unspecified>", "#<eof>", "#<unbound>"};
  _Static_assert(UNBOUND >> 4 == 5, "the values are numbered from FALSE");
  return names[v >> 4];
}

static void print_datum(struct printer *p, value v);

static void print_record(struct printer *p, value v) {
  value *field = vector(v)->items;
  port_write_text(p->port, "#<");
  print_datum(p, cell(*field)->first);
  for (value f = cell(*field)->second; f != NIL; f = cdr(f)) {
    port_write(p->port, ' ');
    print_datum(p, car(f));
    port_write_text(p->port, ": ");
    if (is_container(*++field) || has_type(*field, TYPE_RECORD))
      port_write_text(p->port, "...");
    else
      print_datum(p, *field);
  }
  port_write(p->port, '>');
}

/* What has no text that can be read: its kind and, where it has one, a name. */
static void print_named(struct printer *p, value v) {
  static const char *const kinds[] = {
      "procedure", "procedure", "record-type", "record",      "values",
      "port",      "error",     "hash-table",  "environment", "alias",
      "syntax",    "variable",  "guard"};
  _Static_assert(
      sizeof kinds == (TYPE_GUARD + 1 - TYPE_CLOSURE) * sizeof *kinds,
      "a kind for each type");
  enum type type = type_of(v);
  value name = type == TYPE_CLOSURE       ? closure(v)->code->name
               : type == TYPE_PRIMITIVE   ? text(primitive(v)->name)
               : type == TYPE_RECORD_TYPE ? cell(v)->first
               : type == TYPE_CONDITION   ? condition(v)->message
               : type == TYPE_PORT        ? port(v)->name
                                          : FALSE;
  port_write_text(p->port, "#<");
  port_write_text(p->port, kinds[type - TYPE_CLOSURE]);
  if (is_symbol(name) || is_string(name)) {
    port_write(p->port, ' ');
    print(name, p->port, DISPLAY);
  }
  port_write(p->port, '>');
}

/* ---------------------------------------------------------------- compound */

/* Of a datum that is written more than once, else FALSE. */
static value label_of(struct printer *p, value v) {
  return p->labels == FALSE ? FALSE : hash_get(p->labels, v, FALSE);
}

/* Write #n# and answer true where the datum was written before. */
static bool print_label(struct printer *p, value v) {
  value label = label_of(p, v);
  if (label == FALSE) return false;
  if (label != TRUE) {
    print_code(p->port, "#%u#", (uint32_t)fixnum_value(label));
    return true;
  }
  hash_put(p->labels, v, fixnum(p->next_label));
  print_code(p->port, "#%u=", (uint32_t)p->next_label++);
  return false;
}

static const char *quotation_mark(value v) {
  static const char *const marks[][2] = {{"quote", "'"},
                                         {"quasiquote", "`"},
                                         {"unquote", ","},
                                         {"unquote-splicing", ",@"}};
  if (!is_symbol(car(v)) || !is_pair(cdr(v)) || cddr(v) != NIL) return NULL;
  for (size_t i = 0; i < 4; i++)
    if (car(v) == sym(marks[i][0])) return marks[i][1];
  return NULL;
}

static void print_pair(struct printer *p, value v) {
  const char *mark = quotation_mark(v);
  if (mark && label_of(p, cdr(v)) == FALSE) {
    port_write_text(p->port, mark);
    print_datum(p, cadr(v));
    return;
  }
  port_write(p->port, '(');
  print_datum(p, car(v));
  for (v = cdr(v); is_pair(v) && label_of(p, v) == FALSE; v = cdr(v)) {
    port_write(p->port, ' ');
    print_datum(p, car(v));
  }
  if (v != NIL) {
    port_write_text(p->port, " . ");
    print_datum(p, v);
  }
  port_write(p->port, ')');
}

/* Of a vector or a bytevector. */
static void print_items(struct printer *p, const char *open, value v) {
  port_write_text(p->port, open);
  for (size_t i = 0; i < vector(v)->length; i++) {
    if (i > 0) port_write(p->port, ' ');
    print_datum(p, has_type(v, TYPE_VECTOR) ? vector(v)->items[i]
                                            : fixnum(bytevector(v)->bytes[i]));
  }
  port_write(p->port, ')');
}

static void print_datum(struct printer *p, value v) {
  machine_poll();
  if (p->labels != FALSE && print_label(p, v)) return;
  switch (type_of(v)) {
    case TYPE_FIXNUM:
    case TYPE_FLONUM:
    case TYPE_BIGNUM: print_string(p, number_format(v, 10), 0); return;
    case TYPE_PAIR: print_pair(p, v); return;
    case TYPE_VECTOR: print_items(p, "#(", v); return;
    case TYPE_BYTEVECTOR: print_items(p, "#u8(", v); return;
    case TYPE_CHARACTER: print_character(p, character_code(v)); return;
    case TYPE_NIL:
    case TYPE_BOOLEAN:
    case TYPE_SPECIAL: port_write_text(p->port, special_name(v)); return;
    case TYPE_SYMBOL: print_symbol(p, symbol(v)->name); return;
    case TYPE_ALIAS: print_datum(p, cell(v)->first); return;
    case TYPE_STRING: print_string(p, v, p->style == DISPLAY ? 0 : '"'); return;
    case TYPE_RECORD: print_record(p, v); return;
    default: print_named(p, v);
  }
}

void print(value v, value port, enum print_style style) {
  struct printer p = {port, style, FALSE, FALSE, 0};
  int budget = 2000;
  if (is_container(v) && style != WRITE_SIMPLE &&
      (style == WRITE_SHARED || !is_small_tree(v, &budget))) {
    p.seen = hash_make(FALSE);
    p.labels = hash_make(FALSE);
    find_labels(&p, v);
  }
  print_datum(&p, v);
}

value print_to_string(value v, enum print_style style) {
  value port = port_make(-1, PORT_OUTPUT, FALSE);
  print(v, port, style);
  return port_take_string(port);
}

/* file:line: message: irritants, then the expression, if it is short. */
void condition_print(value object, value port) {
  struct condition other = {.message = text("uncaught exception"),
                            .irritants = cons(object, NIL),
                            .where = FALSE};
  struct condition *c =
      has_type(object, TYPE_CONDITION) ? condition(object) : &other;
  value place = location(c->where);
  if (place != FALSE) {
    print(car(place), port, DISPLAY);
    port_write(port, ':');
    print(cdr(place), port, DISPLAY);
    port_write_text(port, ": ");
  }
  print(c->message, port, DISPLAY);
  for (value i = c->irritants; is_pair(i); i = cdr(i)) {
    port_write_text(port, i == c->irritants ? ": " : " ");
    print(car(i), port, WRITE);
  }
  port_write(port, '\n');
  if (c->where == FALSE) return;
  value source = print_to_string(c->where, WRITE);
  if (string(source)->length > 300) return;
  port_write_text(port, "  in ");
  print(source, port, DISPLAY);
  port_write(port, '\n');
}

COMMAND(print_primitive, "display a|o", "write a|o", "write-shared a|o",
        "write-simple a|o") {
  value port = port_argument(a, n, 1, PORT_OUTPUT);
  print(a[0], port, (enum print_style)self->variant);
}
