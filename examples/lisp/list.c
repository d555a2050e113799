/* SPDX-License-Identifier: MIT */
/*
 * list.c: pairs, lists, and the predicates that tell the types apart.  What is
 * easily said in Scheme, such as map, is in prelude.scm.
 */
#include "lisp.h"

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

size_t list_argument(const struct primitive *self, value list) {
  intptr_t length = list_length(list);
  if (UNLIKELY(length < 0)) fail_in(self, "not a list", cons(list, NIL));
  return (size_t)length;
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

COMMAND(set_part, "set-car! pa", "set-cdr! pa") {
  *(self->variant ? &pair(a[0])->cdr : &pair(a[0])->car) = a[1];
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
    if (!is_pair(at)) fail_in(self, "no such pair in", cons(a[0], NIL));
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
  struct list_builder out = EMPTY(out);
  for (size_t i = 0; i + 1 < n; i++) {
    list_argument(self, a[i]);
    for (value l = a[i]; l != NIL; l = cdr(l)) list_add(&out, car(l));
  }
  return list_end(&out, n == 0 ? NIL : a[n - 1]);
}

PRIMITIVE(reverse, "reverse a") {
  value out = NIL;
  list_argument(self, a[0]);
  for (value l = a[0]; l != NIL; l = cdr(l)) out = cons(car(l), out);
  return out;
}

PRIMITIVE(list_tail, "list-tail ak", "list-ref ak") {
  bool is_ref = self->variant == 1;
  value at = a[0];
  size_t left = size_argument(a[1]);
  for (; left > 0 && is_pair(at); left--) at = cdr(at);
  if (left > 0 || (is_ref && !is_pair(at)))
    fail_in(self, "list too short", list2(a[0], a[1]));
  return is_ref ? car(at) : at;
}

PRIMITIVE(list_copy, "list-copy a") {
  struct list_builder out = EMPTY(out);
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

/* The part of a list, or the entry; a third argument is the equivalence. */
static inline __attribute__((always_inline)) value find(
    const value *a, size_t n, const struct primitive *self, bool is_entry) {
  value at = a[1];
  for (; is_pair(at); at = cdr(at)) {
    machine_poll(); /* the list may be a circle */
    value item = car(at);
    if (is_entry && !is_pair(item))
      fail_in(self, "not a pair", cons(item, NIL));
    value key = is_entry ? car(item) : item;
    if (n == 3 ? apply2(a[2], a[0], key) != FALSE
               : is_same(self->variant, a[0], key))
      return is_entry ? item : at;
  }
  if (at != NIL) list_argument(self, a[1]);
  return FALSE;
}

PRIMITIVE(find_tail, "memq aa", "memv aa", "member aa|f") {
  return find(a, n, self, false);
}

PRIMITIVE(find_entry, "assq aa", "assv aa", "assoc aa|f") {
  return find(a, n, self, true);
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
          "error-object? a", "port? a", "inexact? n") {
  static const enum type types[] = {
      TYPE_PAIR,       TYPE_NIL,       TYPE_BOOLEAN, TYPE_SYMBOL,
      TYPE_CHARACTER,  TYPE_STRING,    TYPE_VECTOR,  TYPE_BYTEVECTOR,
      TYPE_HASH_TABLE, TYPE_CONDITION, TYPE_PORT,    TYPE_FLONUM};
  return boolean(type_of(a[0]) == types[self->variant]);
}

PRIMITIVE(is_kind, "procedure? a", "exact? n", "exact-integer? a", "number? a",
          "complex? a", "real? a") {
  static const uint32_t sets[] = {PROCEDURES, INTEGERS, INTEGERS,
                                  NUMBERS,    NUMBERS,  NUMBERS};
  return boolean(type_fits(a[0], sets[self->variant]));
}
