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
  value token;  /* a string port, for the text of one token */
  value labels; /* list of (number . datum), for #0= */
};

/* What may come in place of a datum: the end of the file; CLOSE or DOT. */
enum place { TOP, INSIDE, IN_VECTOR, IN_LIST };
#define CLOSE (END_OF_FILE ^ 0x100)
#define DOT (END_OF_FILE ^ 0x200)

static value read_next(struct reader *r, enum place place);

_Noreturn static void read_error(struct reader *r, const char *message) {
  struct port *p = port(r->port);
  value where = list2(p->name, fixnum_from_size(p->line));
  vm.where = FALSE;
  fail_kind("read-error", message, where);
}

/* -------------------------------------------------------------- locations */

static value located_cons(struct reader *r, uintptr_t line, value first) {
  struct located_pair *block = allocate(sizeof *block);
  block->pair = (struct pair){first, NIL};
  block->file = port(r->port)->name;
  block->line = line;
  return (value)block + TAG_PAIR;
}

/* Where a form stood, as (file . line), or FALSE. */
value location(value form) {
  if (!is_pair(form)) return FALSE;
  struct located_pair *block = (struct located_pair *)pair(form);
  if (gc_size(block) < sizeof *block || !block->file || !is_string(block->file))
    return FALSE;
  return cons(block->file, fixnum_from_size(block->line));
}

/* ------------------------------------------------------------------ blanks */

static bool is_blank(uint32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_delimiter(uint32_t c) {
  return c == NO_CHARACTER || is_blank(c) ||
         (c < 128 && strchr("()\";'", (int)c));
}

static void skip_line(struct reader *r) {
  while (port_peek(r->port) != '\n' && port_peek(r->port) != NO_CHARACTER)
    port_read(r->port);
}

/* Returns what comes next, without reading it. */
static uint32_t skip_blanks(struct reader *r) {
  for (;;) {
    uint32_t c = port_peek(r->port);
    if (c == ';')
      skip_line(r);
    else if (is_blank(c))
      port_read(r->port);
    else
      return c;
  }
}

static void skip_block_comment(struct reader *r) {
  for (unsigned depth = 1; depth > 0;) {
    uint32_t c = port_read(r->port), next = port_peek(r->port);
    if (c == NO_CHARACTER)
      read_error(r, "read: end of file in a block comment");
    bool ends = c == '|' && next == '#', begins = c == '#' && next == '|';
    depth += begins - ends;
    if (begins || ends) port_read(r->port);
  }
}

/* ------------------------------------------------------------------- tokens */

static uint32_t read_hex_escape(struct reader *r) {
  uint32_t code = 0, c;
  while ((c = port_read(r->port)) != ';') {
    if (c > 'f' || !isxdigit((int)c) || code > 0x10ffff)
      read_error(r, "read: bad \\x escape");
    code = code * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return code;
}

/* Read what follows a backslash in a string or |symbol|. */
static void read_escape(struct reader *r) {
  uint32_t c = port_read(r->port);
  const char *at = c < 128 && c ? strchr(escape_letters, (int)c) : NULL;
  if (c == 'x' || c == 'X') {
    port_write(r->token, read_hex_escape(r));
  } else if (at) {
    port_write(r->token, (uint32_t)escaped_characters[at - escape_letters]);
  } else { /* a line that goes on in the next */
    while (c == ' ' || c == '\t') c = port_read(r->port);
    if (c != '\n') read_error(r, "read: bad escape in a string");
    while (port_peek(r->port) == ' ' || port_peek(r->port) == '\t')
      port_read(r->port);
  }
}

/* Add a string or |symbol| up to the closing mark to the token. */
static void read_quoted(struct reader *r, uint32_t mark) {
  for (;;) {
    uint32_t c = port_read(r->port);
    if (c == mark) return;
    if (c == NO_CHARACTER)
      read_error(r, "read: end of file in a string or symbol");
    if (c == '\\')
      read_escape(r);
    else
      port_write(r->token, c);
  }
}

/* Add up to a delimiter to the token; was a part of it between bars? */
static bool read_token(struct reader *r) {
  bool barred = false;
  while (!is_delimiter(port_peek(r->port))) {
    uint32_t c = port_read(r->port);
    barred |= c == '|';
    if (c == '|')
      read_quoted(r, '|');
    else
      port_write(r->token, c);
  }
  return barred;
}

static value take_token(struct reader *r) {
  value s = port_take_string(r->token);
  port(r->token)->end = 0;
  return s;
}

static value read_string(struct reader *r) {
  read_quoted(r, '"');
  value s = take_token(r);
  string(s)->head.flags = FLAG_LITERAL;
  return s;
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
  uint32_t first = port_read(r->port);
  if (first == NO_CHARACTER) read_error(r, "read: end of file in a character");
  port_write(r->token, first);
  read_token(r);
  value token = take_token(r);
  if (string(token)->length == 1) return character(first);
  char *name = utf8_from_string(token, NULL), *end;
  unsigned long code = strtoul(name + 1, &end, 16);
  if ((first | 32) == 'x' && *end == 0 && code <= 0x10ffff)
    return character((uint32_t)code);
  for (size_t i = 0; character_names[i].name; i++)
    if (strcmp(character_names[i].name, name) == 0)
      return character(character_names[i].code);
  read_error(r, "read: unknown character name");
}

/* --------------------------------------------------------------- compound */

/* What follows the opening parenthesis; dots have a meaning IN_LIST only. */
static value read_items(struct reader *r, enum place place) {
  uintptr_t line = port(r->port)->line;
  value first = read_next(r, IN_VECTOR);
  if (first == CLOSE) return NIL;
  value list = located_cons(r, line, first);
  for (value last = list;; last = cdr(last)) {
    value item = read_next(r, place);
    if (item == CLOSE) return list;
    if (item == DOT) {
      pair(last)->cdr = read_next(r, INSIDE);
      if (read_next(r, IN_VECTOR) == CLOSE) return list;
      read_error(r, "read: more than one datum after a dot");
    }
    pair(last)->cdr = cons(item, NIL);
  }
}

/* A vector or bytevector, which is a constant. */
static value read_sequence(struct reader *r, enum type type) {
  value items = read_items(r, IN_VECTOR);
  for (value l = items; type == TYPE_BYTEVECTOR && l != NIL; l = cdr(l))
    if (!is_fixnum(car(l)) || car(l) > fixnum(255))
      read_error(r, "read: bytevector item is not a byte");
  value v = sequence_from_list(type, items, (size_t)list_length(items));
  vector(v)->head.flags = FLAG_LITERAL;
  return v;
}

static value read_quotation(struct reader *r, const char *name) {
  value list = located_cons(r, port(r->port)->line, sym(name));
  pair(list)->cdr = cons(read_next(r, INSIDE), NIL);
  return list;
}

/* Put the datum wherever its placeholder stands; seen stops at circles. */
static value replace(value v, value placeholder, value datum, value seen) {
  machine_poll();
  if (v == placeholder) return datum;
  struct items items = items_of(v);
  if (items.count == 0 || hash_get(seen, v, FALSE) != FALSE) return v;
  hash_put(seen, v, TRUE);
  for (size_t i = 0; i < items.count; i++)
    items.at[i] = replace(items.at[i], placeholder, datum, seen);
  return v;
}

/* #0=datum defines a label, #0# refers to it. */
static value read_label(struct reader *r) {
  intptr_t number = 0;
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
  value datum = read_next(r, INSIDE);
  if (datum == placeholder) read_error(r, "read: a label for itself");
  pair(entry)->cdr = datum;
  return replace(datum, placeholder, datum, hash_make(FALSE));
}

/* A token such as #t, #true, #u8(, #!eof. */
static value read_special(struct reader *r, const char *token,
                          enum place place) {
  unsigned *direction = &port(r->port)->direction;
  if (strcmp(token, "#t") == 0 || strcmp(token, "#true") == 0) return TRUE;
  if (strcmp(token, "#f") == 0 || strcmp(token, "#false") == 0) return FALSE;
  if (strcmp(token, "#!eof") == 0) return END_OF_FILE;
  if (strcmp(token, "#u8") == 0 && port_read(r->port) == '(')
    return read_sequence(r, TYPE_BYTEVECTOR);
  if (token[1] != '!') read_error(r, "read: bad syntax after #");
  if (strcmp(token, "#!fold-case") == 0)
    *direction |= PORT_FOLD_CASE;
  else if (strcmp(token, "#!no-fold-case") == 0)
    *direction &= ~(unsigned)PORT_FOLD_CASE;
  else if (port(r->port)->line == 1) /* #!/usr/bin/... */
    skip_line(r);
  return read_next(r, place);
}

/* A number, a symbol, a dot, or what begins with # in the token already. */
static value read_atom(struct reader *r, enum place place) {
  bool barred = read_token(r);
  value name = take_token(r);
  const char *utf8 = barred ? "" : utf8_from_string(name, NULL);
  if (strcmp(utf8, ".") == 0) {
    if (place == IN_LIST) return DOT;
    read_error(r, "read: misplaced dot");
  }
  value number = number_parse(utf8, 10);
  if (number != FALSE) return number;
  if (utf8[0] == '#') return read_special(r, utf8, place);
  bool folds = port(r->port)->direction & PORT_FOLD_CASE && !barred;
  return intern(folds ? fold_case(name) : name);
}

static value read_hash(struct reader *r, enum place place) {
  uint32_t c = port_peek(r->port);
  if (c >= '0' && c <= '9') return read_label(r);
  if (c >= 128 || !strchr("(\\|;", (int)c)) {
    port_write(r->token, '#');
    return read_atom(r, place);
  }
  port_read(r->port);
  if (c == '(') return read_sequence(r, TYPE_VECTOR);
  if (c == '\\') return read_character(r);
  if (c == '|') skip_block_comment(r);
  if (c == ';') read_next(r, INSIDE);
  return read_next(r, place);
}

static value read_next(struct reader *r, enum place place) {
  machine_poll();
  uint32_t c = skip_blanks(r);
  if (c == NO_CHARACTER && place == TOP) return END_OF_FILE;
  if (c == NO_CHARACTER) read_error(r, "read: end of file inside a datum");
  if (c >= 128 || !strchr("()'`,\"#", (int)c)) return read_atom(r, place);
  port_read(r->port);
  switch (c) {
    case '(': return read_items(r, IN_LIST);
    case '\'': return read_quotation(r, "quote");
    case '`': return read_quotation(r, "quasiquote");
    case '"': return read_string(r);
    case '#': return read_hash(r, place);
    case ',':
      if (port_peek(r->port) != '@') return read_quotation(r, "unquote");
      port_read(r->port);
      return read_quotation(r, "unquote-splicing");
    default:
      if (place >= IN_VECTOR) return CLOSE;
      read_error(r, "read: closing parenthesis without an opening one");
  }
}

value read_datum(value p) {
  struct reader r = {p, port_make(-1, PORT_OUTPUT, FALSE), NIL};
  return read_next(&r, TOP);
}
