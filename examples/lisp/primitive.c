/* SPDX-License-Identifier: MIT */
/*
 * primitive.c: procedures written in C.  Each file declares its own in a table
 * (struct primitive_row); here they become values, and their calls are
 * checked against the table, so that no primitive looks at the number of its
 * arguments or at their types again.
 */
#include "lisp.h"

#include <stdio.h>

#define SET(t) (1u << (t))
#define INTEGERS (SET(TYPE_FIXNUM) | SET(TYPE_BIGNUM))
#define PROCEDURES                                                             \
  (SET(TYPE_CLOSURE) | SET(TYPE_PRIMITIVE) | SET(TYPE_CASE_LAMBDA) |           \
   SET(TYPE_CONTINUATION) | SET(TYPE_PARAMETER) | SET(TYPE_RECORD_PROCEDURE))

/* The letters of the tables. */
static const struct letter {
  char letter;
  uint32_t set;
  const char *noun;
} letters[] = {
    {'a', UINT32_MAX, "a value"},
    {'b', SET(TYPE_BYTEVECTOR), "a bytevector"},
    {'c', SET(TYPE_CHARACTER), "a character"},
    {'e', SET(TYPE_CONDITION), "an error object"},
    {'f', PROCEDURES, "a procedure"},
    {'h', SET(TYPE_HASH_TABLE), "a hash table"},
    {'k', SET(TYPE_FIXNUM), "a small integer"},
    {'l', SET(TYPE_PAIR) | SET(TYPE_NIL), "a list"},
    {'n', INTEGERS | SET(TYPE_FLONUM), "a number"},
    {'o', SET(TYPE_PORT), "a port"},
    {'p', SET(TYPE_PAIR), "a pair"},
    {'s', SET(TYPE_STRING), "a string"},
    {'v', SET(TYPE_VECTOR), "a vector"},
    {'y', SET(TYPE_SYMBOL), "a symbol"},
    {'z', INTEGERS, "an exact integer"},
};

static const struct letter *letter_find(char c) {
  size_t i = 0;
  while (letters[i].letter != c) i++;
  return &letters[i];
}

/* The letter of an argument; the last one stands for the rest. */
static const struct letter *letter_at(const struct primitive_row *row,
                                      size_t index) {
  size_t last = strlen(row->types) - 1;
  return letter_find(row->types[index < last ? index : last]);
}

_Noreturn void primitive_type_error(const struct primitive *p, size_t index,
                                    value argument) {
  char message[120];
  snprintf(message, sizeof message, "%s: argument %zu is not %s", p->row->name,
           index + 1, letter_at(p->row, index)->noun);
  fail1(message, argument);
}

static inline void check(const struct primitive *p, size_t index,
                         value argument) {
  if (UNLIKELY(!type_fits(argument, p->accepts[index])))
    primitive_type_error(p, index, argument);
}

static value call_many(struct primitive *p, size_t argc, const value *argv) {
  for (size_t i = 0; i < argc; i++) {
    uint32_t set = i < 3 ? p->accepts[i] : letter_at(p->row, i)->set;
    if (UNLIKELY(!type_fits(argv[i], set))) primitive_type_error(p, i, argv[i]);
  }
  return p->row->call.many(argc, argv);
}

value primitive_call(struct primitive *p, size_t argc, const value *argv) {
  const struct primitive_row *row = p->row;
  if (UNLIKELY((int)argc < row->min || (row->max >= 0 && (int)argc > row->max)))
    arity_error((value)p, argc);
  if (row->array) return call_many(p, argc, argv);
  for (size_t i = 0; i < argc; i++) check(p, i, argv[i]);
  if (argc == 1) return row->call.one(argv[0]);
  if (argc == 2) return row->call.two(argv[0], argv[1]);
  return argc == 0 ? row->call.zero()
                   : row->call.three(argv[0], argv[1], argv[2]);
}

static void define_rows(const struct primitive_row *row) {
  for (; row->name; row++) {
    struct primitive *p = allocate(sizeof *p);
    p->head.type = TYPE_PRIMITIVE;
    p->row = row;
    for (size_t i = 0; i < 4 && *row->types; i++)
      p->accepts[i] = letter_at(row, i)->set;
    symbol(sym(row->name))->global = (value)p;
    symbol(sym(row->name))->builtin = (value)p;
  }
}

void primitives_init(void) {
  static const struct primitive_row *const tables[] = {
      number_rows,  list_rows,   text_rows,   vector_rows,
      control_rows, port_rows,   hash_rows,   print_rows,
      system_rows,  syntax_rows, record_rows, float_rows};
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
    define_rows(tables[i]);
}
