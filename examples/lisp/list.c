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

static value list_reverse(value list) {
  value out = NIL;
  for (; is_pair(list); list = cdr(list)) out = cons(car(list), out);
  return out;
}

/* The length of what must be a list, for the primitive of that name. */
size_t list_argument(const struct primitive *self, value list) {
  intptr_t length = list_length(list);
  if (LIKELY(length >= 0)) return (size_t)length;
  char message[60];
  snprintf(message, sizeof message, "%s: not a list", self->name);
  fail1(message, list);
}

value list_of(const value *items, size_t count, value tail) {
  while (count > 0) tail = cons(items[--count], tail);
  return tail;
}

/* -------------------------------------------------------------------- pairs */

PRIMITIVE(cons_of, "cons aa") { return cons(a[0], a[1]); }
PRIMITIVE(part, "car p", "cdr p") {
  return self->variant ? cdr(a[0]) : car(a[0]);
}

PRIMITIVE(set_part, "set-car! pa", "set-cdr! pa") {
  *(self->variant ? &pair(a[0])->cdr : &pair(a[0])->car) = a[1];
  return UNSPECIFIED;
}

/* The way to go is in the name. */
PRIMITIVE(cxr, "caar a", "cadr a", "cdar a", "cddr a", "caaar a", "caadr a",
          "cadar a", "caddr a", "cdaar a", "cdadr a", "cddar a", "cdddr a",
          "caaaar a", "caaadr a", "caadar a", "caaddr a", "cadaar a",
          "cadadr a", "caddar a", "cadddr a", "cdaaar a", "cdaadr a",
          "cdadar a", "cdaddr a", "cddaar a", "cddadr a", "cdddar a",
          "cddddr a") {
  value at = a[0];
  for (size_t i = strlen(self->name) - 2; i > 0; i--) {
    if (!is_pair(at)) {
      char message[40];
      snprintf(message, sizeof message, "%s: no such pair in", self->name);
      fail1(message, a[0]);
    }
    at = self->name[i] == 'a' ? car(at) : cdr(at);
  }
  return at;
}

/* -------------------------------------------------------------------- lists */

PRIMITIVE(list_primitive, "list a*") { return list_of(a, n, NIL); }

PRIMITIVE(cons_star, "cons* aa*") { return list_of(a, n - 1, a[n - 1]); }

PRIMITIVE(length, "length a") {
  return fixnum_from_size(list_argument(self, a[0]));
}

PRIMITIVE(append, "append a*") {
  struct list_builder out = {NIL, NIL};
  for (size_t i = 0; i + 1 < n; i++) {
    list_argument(self, a[i]);
    for (value l = a[i]; l != NIL; l = cdr(l)) list_add(&out, car(l));
  }
  return list_end(&out, n == 0 ? NIL : a[n - 1]);
}

PRIMITIVE(reverse, "reverse a") {
  list_argument(self, a[0]);
  return list_reverse(a[0]);
}

PRIMITIVE(list_tail, "list-tail ak") {
  value at = a[0];
  for (size_t i = size_argument(a[1]); i > 0; i--, at = cdr(at))
    if (!is_pair(at)) fail("list-tail: list too short", list2(a[0], a[1]));
  return at;
}

PRIMITIVE(list_ref, "list-ref ak") {
  value at = list_tail(a, n, self);
  if (!is_pair(at)) fail("list-ref: list too short", list2(a[0], a[1]));
  return car(at);
}

PRIMITIVE(list_copy, "list-copy a") {
  struct list_builder out = {NIL, NIL};
  value at = a[0];
  for (; is_pair(at); at = cdr(at)) list_add(&out, car(at));
  return list_end(&out, at);
}

/* ---------------------------------------------------------------- searching */

enum { BY_EQ, BY_EQV, BY_EQUAL };

static bool is_same(size_t how, value a, value b) {
  if (a == b || how == BY_EQ) return a == b;
  return how == BY_EQV ? is_eqv(a, b) : is_equal(a, b);
}

/* memq and its kin; a third argument is the equivalence. */
PRIMITIVE(find_tail, "memq aa", "memv aa", "member aa|f") {
  value at = a[1];
  for (; is_pair(at); at = cdr(at)) {
    machine_poll(); /* the list may be a circle */
    if (n == 3 ? apply2(a[2], a[0], car(at)) != FALSE
               : is_same(self->variant, a[0], car(at)))
      return at;
  }
  if (at != NIL) list_argument(self, a[1]);
  return FALSE;
}

PRIMITIVE(find_entry, "assq aa", "assv aa", "assoc aa|f") {
  value at = a[1];
  for (; is_pair(at); at = cdr(at)) {
    machine_poll();
    value entry = car(at);
    if (!is_pair(entry)) fail1("assq, assv, assoc: not a pair", entry);
    if (n == 3 ? apply2(a[2], a[0], car(entry)) != FALSE
               : is_same(self->variant, a[0], car(entry)))
      return entry;
  }
  if (at != NIL) list_argument(self, a[1]);
  return FALSE;
}

/* --------------------------------------------------------------- predicates */

PRIMITIVE(are_same, "eq? aa", "eqv? aa", "equal? aa") {
  return boolean(is_same(self->variant, a[0], a[1]));
}

PRIMITIVE(are_one, "symbol=? yyy*", "boolean=? iii*") {
  for (size_t i = 1; i < n; i++)
    if (a[i] != a[0]) return FALSE;
  return TRUE;
}

PRIMITIVE(not, "not a") { return boolean(a[0] == FALSE); }
PRIMITIVE(is_list, "list? a") { return boolean(list_length(a[0]) >= 0); }
PRIMITIVE(is_eof, "eof-object? a") { return boolean(a[0] == END_OF_FILE); }

PRIMITIVE(is_type, "pair? a", "null? a", "boolean? a", "symbol? a", "char? a",
          "string? a", "vector? a", "bytevector? a", "hash-table? a",
          "error-object? a", "port? a", "inexact? n", "procedure? a",
          "exact-integer? a", "exact? n", "number? a", "complex? a",
          "real? a") {
  static const uint32_t sets[] = {
      SET(TYPE_PAIR),       SET(TYPE_NIL),       SET(TYPE_BOOLEAN),
      SET(TYPE_SYMBOL),     SET(TYPE_CHARACTER), SET(TYPE_STRING),
      SET(TYPE_VECTOR),     SET(TYPE_BYTEVECTOR), SET(TYPE_HASH_TABLE),
      SET(TYPE_CONDITION),  SET(TYPE_PORT),      SET(TYPE_FLONUM),
      PROCEDURES, INTEGERS, INTEGERS, NUMBERS, NUMBERS, NUMBERS};
  return boolean(type_fits(a[0], sets[self->variant]));
}
