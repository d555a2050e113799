/* SPDX-License-Identifier: MIT */
/*
 * read.c: text to data.  Called by load, read and the REPL.
 *
 * A list that is read from a port remembers where it stood: its first pair is
 * a struct located_pair, 32 bytes rather than 16.  Nothing in the value says
 * so; location() asks the allocator for the size of the block.
 */
#include "lisp.h"

#include <ctype.h>
#include <stdlib.h>

/* One call of read. */
struct reader {
  value port;
  value labels; /* list of (number . datum), for #0= */
};

/* Stands for a datum that #n# names before it has been read in full. */
struct placeholder {
  struct object head;
  value datum;
};

static value read_next(struct reader *r, bool in_list);

_Noreturn static void read_error(struct reader *r, const char *message) {
  struct port *p = port(r->port);
  value where = list2(p->name, fixnum_from_size(p->line));
  vm.where = FALSE;
  fail_kind("read-error", message, where);
}

/* -------------------------------------------------------------- locations */

static value located_cons(struct reader *r, uintptr_t line) {
  struct located_pair *block = allocate(sizeof *block);
  block->pair.car = NIL;
  block->pair.cdr = NIL;
  block->file = port(r->port)->name;
  block->line = line;
  return (value)block + TAG_PAIR;
}

/* Where a form stood, as (file . line), or FALSE. */
value location(value form) {
  if (!is_pair(form)) return FALSE;
  struct located_pair *block = (struct located_pair *)pair(form);
  if (gc_size(block) < sizeof *block || !is_object(block->file) ||
      !block->file || !is_string(block->file))
    return FALSE;
  return cons(block->file, fixnum_from_size(block->line));
}

/* ------------------------------------------------------------------ atoms */

static bool is_delimiter(uint32_t c) {
  return c == NO_CHARACTER || c == '(' || c == ')' || c == '"' || c == ';' ||
         c == '\'' || c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_block_comment(struct reader *r) {
  unsigned depth = 1;
  uint32_t last = 0;
  while (depth > 0) {
    uint32_t c = port_read(r->port);
    if (c == NO_CHARACTER)
      read_error(r, "read: end of file in a block comment");
    if (last == '|' && c == '#') {
      depth--;
      c = 0;
    } else if (last == '#' && c == '|') {
      depth++;
      c = 0;
    }
    last = c;
  }
}

/* Read up to a delimiter, in UTF-8. */
struct token {
  char *text;
  size_t length;
  size_t size;
};

static void token_add(struct token *t, uint32_t c) {
  if (t->length + 5 > t->size) {
    size_t size = t->size ? 2 * t->size : 32;
    char *text = allocate_atomic(size);
    if (t->length) memcpy(text, t->text, t->length);
    t->text = text;
    t->size = size;
  }
  t->length += utf8_encode(c, t->text + t->length);
  t->text[t->length] = 0;
}

static uint32_t read_hex_escape(struct reader *r) {
  uint32_t code = 0;
  for (;;) {
    uint32_t c = port_read(r->port);
    if (c == ';') return code;
    if (c > 'f' || !isxdigit((int)c) || code > 0x10ffff)
      read_error(r, "read: bad \\x escape");
    code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
}

static void skip_line_continuation(struct reader *r, uint32_t c) {
  while (c == ' ' || c == '\t') c = port_read(r->port);
  if (c != '\n') read_error(r, "read: bad escape in a string");
  while (port_peek(r->port) == ' ' || port_peek(r->port) == '\t')
    port_read(r->port);
}

/* Read what follows a backslash in a string or |symbol|. */
static void read_escape(struct reader *r, struct token *t) {
  static const char from[] = "abtnr\"\\|";
  static const char to[] = "\a\b\t\n\r\"\\|";
  uint32_t c = port_read(r->port);
  if (c == 'x' || c == 'X') {
    token_add(t, read_hex_escape(r));
    return;
  }
  const char *at = c < 128 && c ? strchr(from, (int)c) : NULL;
  if (at)
    token_add(t, (uint32_t)to[at - from]);
  else
    skip_line_continuation(r, c);
}

/* Read a string or |symbol| up to the closing mark. */
static void read_quoted(struct reader *r, struct token *t, uint32_t mark) {
  for (;;) {
    uint32_t c = port_read(r->port);
    if (c == mark) return;
    if (c == NO_CHARACTER)
      read_error(r, "read: end of file in a string or symbol");
    if (c == '\\')
      read_escape(r, t);
    else
      token_add(t, c);
  }
}

/* Read a token; returns whether a part of it was between bars. */
static bool read_token(struct reader *r, struct token *t) {
  bool barred = false;
  while (!is_delimiter(port_peek(r->port))) {
    uint32_t c = port_read(r->port);
    if (c == '|') {
      barred = true;
      read_quoted(r, t, '|');
    } else {
      token_add(t, c);
    }
  }
  return barred;
}

static value read_symbol_or_number(struct reader *r, uint32_t first) {
  struct token t = {0};
  token_add(&t, first);
  t.length = first == '|' ? 0 : t.length;
  if (first == '|') read_quoted(r, &t, '|');
  bool barred = read_token(r, &t) || first == '|';
  if (t.length == 0) token_add(&t, ' '), t.length = 0;
  if (!barred) {
    value number = number_parse(t.text, 10);
    if (number != FALSE) return number;
    if (strcmp(t.text, ".") == 0) read_error(r, "read: misplaced dot");
  }
  value name = make_string_utf8(t.text, t.length);
  if (port(r->port)->direction & PORT_FOLD_CASE && !barred)
    name = fold_case(name);
  return intern(name);
}

static const struct {
  const char *name;
  uint32_t code;
} character_names[] = {
    {"alarm", 7},    {"backspace", 8}, {"delete", 127}, {"escape", 27},
    {"newline", 10}, {"null", 0},      {"return", 13},  {"space", 32},
    {"tab", 9},      {"linefeed", 10}, {"nul", 0},      {"rubout", 127},
    {"altmode", 27}, {NULL, 0},
};

const char *character_name(uint32_t code) {
  for (size_t i = 0; character_names[i].name; i++)
    if (character_names[i].code == code) return character_names[i].name;
  return NULL;
}

static value read_character(struct reader *r) {
  struct token t = {0};
  uint32_t first = port_read(r->port);
  if (first == NO_CHARACTER) read_error(r, "read: end of file in a character");
  token_add(&t, first);
  size_t first_length = t.length;
  while (!is_delimiter(port_peek(r->port))) token_add(&t, port_read(r->port));
  if (t.length == first_length) return character(first);
  if (first == 'x' || first == 'X') {
    char *end;
    unsigned long code = strtoul(t.text + 1, &end, 16);
    if (*end == 0 && code <= 0x10ffff) return character((uint32_t)code);
  }
  for (size_t i = 0; character_names[i].name; i++)
    if (strcmp(character_names[i].name, t.text) == 0)
      return character(character_names[i].code);
  read_error(r, "read: unknown character name");
}

/* --------------------------------------------------------------- compound */

static const value CLOSE = END_OF_FILE ^ 0x100; /* a closing parenthesis */
static const value DOT = END_OF_FILE ^ 0x200;

static value read_list(struct reader *r) {
  uintptr_t line = port(r->port)->line;
  value first = read_next(r, true);
  if (first == CLOSE) return NIL;
  if (first == DOT) read_error(r, "read: misplaced dot");
  value list = located_cons(r, line);
  pair(list)->car = first;
  for (value last = list;;) {
    value item = read_next(r, true);
    if (item == CLOSE) return list;
    if (item == DOT) {
      pair(last)->cdr = read_next(r, false);
      if (read_next(r, true) != CLOSE)
        read_error(r, "read: more than one datum after a dot");
      return list;
    }
    value next = cons(item, NIL);
    pair(last)->cdr = next;
    last = next;
  }
}

/* A constant of the type, with the items up to the closing parenthesis. */
static value read_sequence(struct reader *r, enum type type) {
  struct list_builder items = {NIL, NIL};
  for (;;) {
    value item = read_next(r, true);
    if (item == CLOSE) break;
    if (item == DOT) read_error(r, "read: misplaced dot");
    if (type == TYPE_BYTEVECTOR && (!is_fixnum(item) || item > fixnum(255)))
      read_error(r, "read: bytevector item is not a byte");
    list_add(&items, item);
  }
  value v = sequence_from_list(type, items.first);
  vector(v)->head.flags = FLAG_LITERAL;
  return v;
}

static value read_bytevector(struct reader *r) {
  if (port_read(r->port) != '8' || port_read(r->port) != '(')
    read_error(r, "read: bad syntax after #u");
  return read_sequence(r, TYPE_BYTEVECTOR);
}

static value read_quotation(struct reader *r, const char *name) {
  uintptr_t line = port(r->port)->line;
  value datum = read_next(r, false);
  value list = located_cons(r, line);
  pair(list)->car = sym(name);
  pair(list)->cdr = cons(datum, NIL);
  return list;
}

/* Put the datum wherever its placeholder stands; seen stops at circles. */
static value replace(value v, value placeholder, value datum, value seen) {
  machine_poll();
  if (v == placeholder) return datum;
  bool is_vector = has_type(v, TYPE_VECTOR);
  if ((!is_pair(v) && !is_vector) || hash_get(seen, v, FALSE) != FALSE)
    return v;
  hash_put(seen, v, TRUE);
  size_t count = is_vector ? vector(v)->length : 2;
  value *items = is_vector ? vector(v)->items : &pair(v)->car;
  for (size_t i = 0; i < count; i++)
    items[i] = replace(items[i], placeholder, datum, seen);
  return v;
}

/* #0=datum defines a label, #0# refers to it. */
static value read_label(struct reader *r, uint32_t digit) {
  intptr_t number = (intptr_t)digit - '0';
  uint32_t c;
  while ((c = port_read(r->port)) >= '0' && c <= '9' && number < 1000000)
    number = number * 10 + (intptr_t)c - '0';
  if (c == '#') {
    for (value l = r->labels; l != NIL; l = cdr(l))
      if (car(car(l)) == fixnum(number)) return cdr(car(l));
    read_error(r, "read: unknown label");
  }
  if (c != '=') read_error(r, "read: bad syntax after #");
  value placeholder = make_cell(TYPE_ENVIRONMENT, FALSE, FALSE);
  value entry = cons(fixnum(number), placeholder);
  r->labels = cons(entry, r->labels);
  value datum = read_next(r, false);
  if (datum == placeholder) read_error(r, "read: a label for itself");
  pair(entry)->cdr = datum;
  return replace(datum, placeholder, datum, hash_make(FALSE));
}

static value read_directive(struct reader *r, bool in_list) {
  struct token t = {0};
  token_add(&t, '!');
  read_token(r, &t);
  if (strcmp(t.text, "!fold-case") == 0)
    port(r->port)->direction |= PORT_FOLD_CASE;
  else if (strcmp(t.text, "!no-fold-case") == 0)
    port(r->port)->direction &= ~(unsigned)PORT_FOLD_CASE;
  else if (strcmp(t.text, "!eof") == 0)
    return END_OF_FILE;
  else if (port(r->port)->line == 1) /* #!/usr/bin/... */
    while (port_peek(r->port) != '\n' && port_peek(r->port) != NO_CHARACTER)
      port_read(r->port);
  return read_next(r, in_list);
}

/* A token such as #t, #true, #e1.5, #xff, after its first character. */
static value read_hash_token(struct reader *r, uint32_t c) {
  struct token t = {0};
  token_add(&t, '#');
  token_add(&t, c);
  read_token(r, &t);
  if (strcmp(t.text, "#t") == 0 || strcmp(t.text, "#true") == 0) return TRUE;
  if (strcmp(t.text, "#f") == 0 || strcmp(t.text, "#false") == 0) return FALSE;
  value number = number_parse(t.text, 10);
  if (number == FALSE) read_error(r, "read: bad syntax after #");
  return number;
}

static value read_hash(struct reader *r, bool in_list) {
  uint32_t c = port_read(r->port);
  switch (c) {
    case '(': return read_sequence(r, TYPE_VECTOR);
    case '\\': return read_character(r);
    case '|': skip_block_comment(r); return read_next(r, in_list);
    case ';': read_next(r, false); return read_next(r, in_list);
    case '!': return read_directive(r, in_list);
    case 'u': return read_bytevector(r);
    case NO_CHARACTER: read_error(r, "read: end of file after #");
    default:
      if (c >= '0' && c <= '9') return read_label(r, c);
      return read_hash_token(r, c);
  }
}

static uint32_t skip_blanks(struct reader *r) {
  for (;;) {
    uint32_t c = port_read(r->port);
    if (c == ';')
      while (c != '\n' && c != NO_CHARACTER) c = port_read(r->port);
    if (c != ' ' && !(c >= '\t' && c <= '\r')) return c;
  }
}

static value read_string(struct reader *r) {
  struct token t = {0};
  read_quoted(r, &t, '"');
  value s = make_string_utf8(t.text, t.length);
  string(s)->head.flags = FLAG_LITERAL;
  return s;
}

static bool is_lone_dot(struct reader *r, uint32_t c) {
  return c == '.' && is_delimiter(port_peek(r->port));
}

/* in_list: a closing parenthesis or a dot may come, as CLOSE or DOT. */
static value read_next(struct reader *r, bool in_list) {
  machine_poll();
  uint32_t c = skip_blanks(r);
  if (in_list && c == ')') return CLOSE;
  if (in_list && is_lone_dot(r, c)) return DOT;
  switch (c) {
    case NO_CHARACTER: read_error(r, "read: end of file inside a datum");
    case '(': return read_list(r);
    case ')': read_error(r, "read: closing parenthesis without an opening one");
    case '\'': return read_quotation(r, "quote");
    case '`': return read_quotation(r, "quasiquote");
    case ',':
      if (port_peek(r->port) != '@') return read_quotation(r, "unquote");
      port_read(r->port);
      return read_quotation(r, "unquote-splicing");
    case '"': return read_string(r);
    case '#': return read_hash(r, in_list);
    default: return read_symbol_or_number(r, c);
  }
}

/* At the top, the end of file is not an error, nor is one after comments. */
value read_datum(value p) {
  struct reader r = {p, NIL};
  for (;;) {
    uint32_t c = port_peek(p);
    if (c == NO_CHARACTER) return END_OF_FILE;
    if (c == ';')
      while (c != '\n' && c != NO_CHARACTER) c = port_read(p);
    else if (c == ' ' || (c >= '\t' && c <= '\r'))
      port_read(p);
    else
      break;
  }
  return read_next(&r, false);
}
