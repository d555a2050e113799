/* SPDX-License-Identifier: MIT */
/*
 * primitive.c: procedures written in C.  Each is declared where it is
 * defined (see lisp.h); here they become values, and calls are checked against
 * the signatures, so that no primitive looks at the number of its arguments or
 * at their types again.
 */
#include "lisp.h"

#include <stdio.h>

/* The letters of the signatures. */
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
    {'i', SET(TYPE_BOOLEAN), "a boolean"},
    {'k', SET(TYPE_FIXNUM), "a small integer"},
    {'l', SET(TYPE_PAIR) | SET(TYPE_NIL), "a list"},
    {'n', NUMBERS, "a number"},
    {'o', SET(TYPE_PORT), "a port"},
    {'p', SET(TYPE_PAIR), "a pair"},
    {'s', SET(TYPE_STRING), "a string"},
    {'t', SET(TYPE_RECORD_TYPE), "a record type"},
    {'v', SET(TYPE_VECTOR), "a vector"},
    {'x', SET(TYPE_CLOSURE), "a lambda"},
    {'y', SET(TYPE_SYMBOL), "a symbol"},
    {'z', INTEGERS, "an exact integer"},
};

static const struct letter *letter_find(char c) {
  const struct letter *l = letters;
  while (l->letter != c) l++;
  return l;
}

void fail_in(const struct primitive *self, const char *message,
             value irritants) {
  char line[200];
  snprintf(line, sizeof line, "%s: %s", self->name, message);
  fail(line, irritants);
}

_Noreturn static void type_error(const struct primitive *p, size_t index,
                                 value argument) {
  char message[80];
  const struct letter *l = letters;
  while (l->set != p->accepts[index < 5 ? index : 5]) l++;
  snprintf(message, sizeof message, "argument %zu is not %s", index + 1,
           l->noun);
  fail_in(p, message, cons(argument, NIL));
}

value primitive_call(const struct primitive *p, size_t n, const value *a) {
  if (UNLIKELY(n < p->min || n > p->max)) arity_error((value)p, n);
  for (size_t i = 0; i < n; i++)
    if (UNLIKELY(!type_fits(a[i], p->accepts[i < 5 ? i : 5])))
      type_error(p, i, a[i]);
  return p->call(a, n, p);
}

struct primitive *primitive_make(const char *name, const char *signature,
                                 primitive_function *call, value data) {
  struct primitive *p = make_object(TYPE_PRIMITIVE, sizeof *p);
  size_t count = 0;
  bool optional = false;
  p->name = name;
  p->call = call;
  p->data = data;
  for (const char *s = signature; *s; s++) {
    if (*s == '|') {
      optional = true;
    } else if (*s == '*') {
      p->min -= !optional;
      p->max = UINT32_MAX;
      while (count < 6) p->accepts[count++] = letter_find(s[-1])->set;
    } else if (*s != ' ') {
      p->accepts[count++] = letter_find(*s)->set;
      p->min += !optional;
      p->max++;
    }
  }
  return p;
}

void primitives_init(void) {
  extern const struct family __start_primitives[], __stop_primitives[];
  for (const struct family *f = __start_primitives; f < __stop_primitives; f++)
    for (size_t i = 0; f->names[i]; i++) {
      const char *signature = f->names[i] + strcspn(f->names[i], " ");
      char *name = gc_strndup(f->names[i], (size_t)(signature - f->names[i]));
      if (!name) fail_memory();
      struct primitive *p = primitive_make(name, signature, f->call, FALSE);
      p->variant = i;
      symbol(sym(p->name))->global = (value)p;
    }
}
