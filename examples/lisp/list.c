/* SPDX-License-Identifier: MIT */
/*
 * list.c: pairs, lists, and the predicates that tell the types apart.  What is
 * easily said in Scheme, such as map, is in prelude.scm.
 */
#include "lisp.h"

#include <stdio.h>

/* By the tortoise and the hare, since a list may be a circle. */
intptr_t list_length(value list) {
  intptr_t length = 0;
  for (value slow = list; is_pair(list);) {
    list = cdr(list);
    if (++length % 2 == 1) continue;
    slow = cdr(slow);
    if (slow == list) return -1;
  }
  return list == NIL ? length : -1;
}

value list_reverse(value list) {
  value out = NIL;
  for (; is_pair(list); list = cdr(list)) out = cons(car(list), out);
  return out;
}

/* The length of what must be a list, for the primitive of that name. */
size_t list_argument(const struct primitive *self, value list) {
  intptr_t length = list_length(list);
  char message[60];
  snprintf(message, sizeof message, "%s: not a list", self->row->name);
  if (length < 0) fail1(message, list);
  return (size_t)length;
}

value list_of(const value *items, size_t count, value tail) {
  while (count > 0) tail = cons(items[--count], tail);
  return tail;
}

/* -------------------------------------------------------------------- pairs */

PRIMITIVE(cons_of, "cons", "aa") { return cons(a[0], a[1]); }
PRIMITIVE(car_of, "car", "p") { return car(a[0]); }
PRIMITIVE(cdr_of, "cdr", "p") { return cdr(a[0]); }

PRIMITIVE(set_car, "set-car!", "pa") {
  pair(a[0])->car = a[1];
  return UNSPECIFIED;
}

PRIMITIVE(set_cdr, "set-cdr!", "pa") {
  pair(a[0])->cdr = a[1];
  return UNSPECIFIED;
}

/* The way to go is in the name. */
FUNCTION(cxr) {
  const char *name = self->row->name;
  value at = a[0];
  for (size_t i = strlen(name) - 2; i > 0; i--) {
    if (!is_pair(at)) {
      char message[40];
      snprintf(message, sizeof message, "%s: no such pair in", name);
      fail1(message, a[0]);
    }
    at = name[i] == 'a' ? car(at) : cdr(at);
  }
  return at;
}
#define CXR2(path)                                                             \
  ROW(cxr, "ca" #path "r", "a", 0);                                            \
  ROW(cxr, "cd" #path "r", "a", 0)
#define CXR3(path)                                                             \
  CXR2(a##path);                                                               \
  CXR2(d##path)
CXR2(a);
CXR2(d);
CXR3(a);
CXR3(d);
CXR3(aa);
CXR3(ad);
CXR3(da);
CXR3(dd);

/* -------------------------------------------------------------------- lists */

PRIMITIVE(list_primitive, "list", "a*") { return list_of(a, n, NIL); }

PRIMITIVE(cons_star, "cons*", "aa*") { return list_of(a, n - 1, a[n - 1]); }

PRIMITIVE(make_list, "make-list", "k|a") {
  value made = NIL;
  for (size_t i = size_argument(a[0]); i > 0; i--)
    made = cons(n == 2 ? a[1] : UNSPECIFIED, made);
  return made;
}

PRIMITIVE(length, "length", "a") {
  return fixnum_from_size(list_argument(self, a[0]));
}

PRIMITIVE(append, "append", "a*") {
  struct list_builder out = {NIL, NIL};
  for (size_t i = 0; i + 1 < n; i++) {
    list_argument(self, a[i]);
    for (value l = a[i]; l != NIL; l = cdr(l)) list_add(&out, car(l));
  }
  return list_end(&out, n == 0 ? NIL : a[n - 1]);
}

PRIMITIVE(reverse, "reverse", "a") {
  list_argument(self, a[0]);
  return list_reverse(a[0]);
}

PRIMITIVE(list_tail, "list-tail", "ak") {
  value at = a[0];
  for (size_t i = size_argument(a[1]); i > 0; i--, at = cdr(at))
    if (!is_pair(at)) fail("list-tail: list too short", list2(a[0], a[1]));
  return at;
}

PRIMITIVE(list_ref, "list-ref", "ak") {
  value at = list_tail(a, n, self);
  if (!is_pair(at)) fail("list-ref: list too short", list2(a[0], a[1]));
  return car(at);
}

PRIMITIVE(list_copy, "list-copy", "a") {
  struct list_builder out = {NIL, NIL};
  value at = a[0];
  for (; is_pair(at); at = cdr(at)) list_add(&out, car(at));
  return list_end(&out, at);
}

/* ---------------------------------------------------------------- searching */

enum { BY_EQ, BY_EQV, BY_EQUAL };

static bool is_same(intptr_t how, value a, value b) {
  if (a == b || how == BY_EQ) return a == b;
  return how == BY_EQV ? is_eqv(a, b) : is_equal(a, b);
}

/* memq and its kin; a third argument is the equivalence. */
FUNCTION(find_tail) {
  value at = a[1];
  for (; is_pair(at); at = cdr(at)) {
    machine_poll(); /* the list may be a circle */
    if (n == 3 ? apply2(a[2], a[0], car(at)) != FALSE
               : is_same(self->row->variant, a[0], car(at)))
      return at;
  }
  if (at != NIL) list_argument(self, a[1]);
  return FALSE;
}
ROW(find_tail, "memq", "aa", BY_EQ);
ROW(find_tail, "memv", "aa", BY_EQV);
ROW(find_tail, "member", "aa|f", BY_EQUAL);

FUNCTION(find_entry) {
  value at = a[1];
  for (; is_pair(at); at = cdr(at)) {
    machine_poll();
    value entry = car(at);
    if (!is_pair(entry)) fail1("assq, assv, assoc: not a pair", entry);
    if (n == 3 ? apply2(a[2], a[0], car(entry)) != FALSE
               : is_same(self->row->variant, a[0], car(entry)))
      return entry;
  }
  if (at != NIL) list_argument(self, a[1]);
  return FALSE;
}
ROW(find_entry, "assq", "aa", BY_EQ);
ROW(find_entry, "assv", "aa", BY_EQV);
ROW(find_entry, "assoc", "aa|f", BY_EQUAL);

/* --------------------------------------------------------------- predicates */

FUNCTION(are_same) { return boolean(is_same(self->row->variant, a[0], a[1])); }
ROW(are_same, "eq?", "aa", BY_EQ);
ROW(are_same, "eqv?", "aa", BY_EQV);
ROW(are_same, "equal?", "aa", BY_EQUAL);

PRIMITIVE(not, "not", "a") { return boolean(a[0] == FALSE); }
PRIMITIVE(is_list, "list?", "a") { return boolean(list_length(a[0]) >= 0); }
PRIMITIVE(is_eof, "eof-object?", "a") { return boolean(a[0] == END_OF_FILE); }

FUNCTION(is_type) {
  return boolean(type_fits(a[0], (uint32_t)self->row->variant));
}
#define INTEGERS (SET(TYPE_FIXNUM) | SET(TYPE_BIGNUM))
ROW(is_type, "pair?", "a", SET(TYPE_PAIR));
ROW(is_type, "null?", "a", SET(TYPE_NIL));
ROW(is_type, "boolean?", "a", SET(TYPE_BOOLEAN));
ROW(is_type, "symbol?", "a", SET(TYPE_SYMBOL));
ROW(is_type, "char?", "a", SET(TYPE_CHARACTER));
ROW(is_type, "string?", "a", SET(TYPE_STRING));
ROW(is_type, "vector?", "a", SET(TYPE_VECTOR));
ROW(is_type, "bytevector?", "a", SET(TYPE_BYTEVECTOR));
ROW(is_type, "hash-table?", "a", SET(TYPE_HASH_TABLE));
ROW(is_type, "error-object?", "a", SET(TYPE_CONDITION));
ROW(is_type, "port?", "a", SET(TYPE_PORT));
ROW(is_type, "procedure?", "a", SET(TYPE_CLOSURE) | SET(TYPE_PRIMITIVE));
ROW(is_type, "exact-integer?", "a", INTEGERS);
ROW(is_type, "number?", "a", INTEGERS | SET(TYPE_FLONUM));
ROW(is_type, "complex?", "a", INTEGERS | SET(TYPE_FLONUM));
ROW(is_type, "real?", "a", INTEGERS | SET(TYPE_FLONUM));
ROW(is_type, "exact?", "n", INTEGERS);
ROW(is_type, "inexact?", "n", SET(TYPE_FLONUM));
