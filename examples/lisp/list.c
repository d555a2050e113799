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

/* -------------------------------------------------------------------- pairs */

static value car_of(value p) { return car(p); }
static value cdr_of(value p) { return cdr(p); }

static value set_car(value p, value v) {
  pair(p)->car = v;
  return UNSPECIFIED;
}

static value set_cdr(value p, value v) {
  pair(p)->cdr = v;
  return UNSPECIFIED;
}

/* path: the letters between c and r. */
static value walk(value v, const char *path) {
  value at = v;
  for (size_t i = strlen(path); i > 0; i--) {
    if (!is_pair(at)) {
      char message[40];
      snprintf(message, sizeof message, "c%sr: no such pair in", path);
      fail1(message, v);
    }
    at = path[i - 1] == 'a' ? car(at) : cdr(at);
  }
  return at;
}

#define CXR(path)                                                              \
  static value c##path##r_of(value v) { return walk(v, #path); }
CXR(aa)
CXR(ad)
CXR(da)
CXR(dd)
CXR(aaa)
CXR(aad)
CXR(ada)
CXR(add)
CXR(daa)
CXR(dad)
CXR(dda)
CXR(ddd)
CXR(addd)
CXR(dddd)

/* -------------------------------------------------------------------- lists */

static value list_of(size_t argc, const value *argv) {
  value list = NIL;
  for (size_t i = argc; i > 0; i--) list = cons(argv[i - 1], list);
  return list;
}

static value cons_star(size_t argc, const value *argv) {
  value list = argv[argc - 1];
  for (size_t i = argc - 1; i > 0; i--) list = cons(argv[i - 1], list);
  return list;
}

static value make_list(size_t argc, const value *argv) {
  value list = NIL;
  for (size_t i = size_argument(argv[0]); i > 0; i--)
    list = cons(argc == 2 ? argv[1] : UNSPECIFIED, list);
  return list;
}

static value length(value list) {
  intptr_t n = list_length(list);
  if (n < 0) fail1("length: not a list", list);
  return fixnum(n);
}

static value append(size_t argc, const value *argv) {
  struct list_builder out = {NIL, NIL};
  for (size_t i = 0; i + 1 < argc; i++) {
    if (list_length(argv[i]) < 0) fail1("append: not a list", argv[i]);
    for (value l = argv[i]; l != NIL; l = cdr(l)) list_add(&out, car(l));
  }
  value last = argc == 0 ? NIL : argv[argc - 1];
  if (out.first == NIL) return last;
  pair(out.last)->cdr = last;
  return out.first;
}

static value reverse(value list) {
  if (list_length(list) < 0) fail1("reverse: not a list", list);
  return list_reverse(list);
}

static value list_tail(value list, value k) {
  value at = list;
  for (size_t i = size_argument(k); i > 0; i--, at = cdr(at))
    if (!is_pair(at)) fail("list-tail: list too short", list2(list, k));
  return at;
}

static value list_ref(value list, value k) {
  value at = list_tail(list, k);
  if (!is_pair(at)) fail("list-ref: list too short", list2(list, k));
  return car(at);
}

static value list_copy(value list) {
  struct list_builder out = {NIL, NIL};
  value at = list;
  for (; is_pair(at); at = cdr(at)) list_add(&out, car(at));
  if (out.first == NIL) return at;
  pair(out.last)->cdr = at;
  return out.first;
}

/* ---------------------------------------------------------------- searching */

static bool is_eq(value a, value b) { return a == b; }

static value find_tail(value x, value list, bool (*same)(value, value)) {
  value at = list;
  for (; is_pair(at); at = cdr(at)) {
    machine_poll(); /* the list may be a circle */
    if (same(x, car(at))) return at;
  }
  if (at != NIL) fail1("memq, memv, member: not a list", list);
  return FALSE;
}

static value find_entry(value x, value list, bool (*same)(value, value)) {
  value at = list;
  for (; is_pair(at); at = cdr(at)) {
    machine_poll();
    if (!is_pair(car(at))) fail1("assq, assv, assoc: not a pair", car(at));
    if (same(x, car(car(at)))) return car(at);
  }
  if (at != NIL) fail1("assq, assv, assoc: not a list", list);
  return FALSE;
}

static value memq(value x, value l) { return find_tail(x, l, is_eq); }
static value memv(value x, value l) { return find_tail(x, l, is_eqv); }
static value assq(value x, value l) { return find_entry(x, l, is_eq); }
static value assv(value x, value l) { return find_entry(x, l, is_eqv); }

static value member(size_t argc, const value *argv) {
  if (argc == 2) return find_tail(argv[0], argv[1], is_equal);
  for (value l = argv[1]; is_pair(l); l = cdr(l))
    if (apply2(argv[2], argv[0], car(l)) != FALSE) return l;
  return FALSE;
}

static value assoc(size_t argc, const value *argv) {
  if (argc == 2) return find_entry(argv[0], argv[1], is_equal);
  for (value l = argv[1]; is_pair(l) && is_pair(car(l)); l = cdr(l))
    if (apply2(argv[2], argv[0], car(car(l))) != FALSE) return car(l);
  return FALSE;
}

/* --------------------------------------------------------------- predicates */

static value is_pair_p(value v) { return boolean(is_pair(v)); }
static value is_null(value v) { return boolean(v == NIL); }
static value is_list(value v) { return boolean(list_length(v) >= 0); }
static value not(value v) { return boolean(v == FALSE); }
static value eq(value a, value b) { return boolean(a == b); }
static value eqv(value a, value b) { return boolean(is_eqv(a, b)); }
static value equal(value a, value b) { return boolean(is_equal(a, b)); }

#define IS_TYPE(name, type)                                                    \
  static value name(value v) { return boolean(type_of(v) == type); }
IS_TYPE(is_boolean, TYPE_BOOLEAN)
IS_TYPE(is_symbol_p, TYPE_SYMBOL)
IS_TYPE(is_char, TYPE_CHARACTER)
IS_TYPE(is_string_p, TYPE_STRING)
IS_TYPE(is_vector, TYPE_VECTOR)
IS_TYPE(is_bytevector, TYPE_BYTEVECTOR)

const struct primitive_row list_rows[] = {
    ROW2("cons", "a", cons),
    ROW1("car", "p", car_of),
    ROW1("cdr", "p", cdr_of),
    ROW2("set-car!", "pa", set_car),
    ROW2("set-cdr!", "pa", set_cdr),
    ROW1("caar", "a", caar_of),
    ROW1("cadr", "a", cadr_of),
    ROW1("cdar", "a", cdar_of),
    ROW1("cddr", "a", cddr_of),
    ROW1("caaar", "a", caaar_of),
    ROW1("caadr", "a", caadr_of),
    ROW1("cadar", "a", cadar_of),
    ROW1("caddr", "a", caddr_of),
    ROW1("cdaar", "a", cdaar_of),
    ROW1("cdadr", "a", cdadr_of),
    ROW1("cddar", "a", cddar_of),
    ROW1("cdddr", "a", cdddr_of),
    ROW1("cadddr", "a", cadddr_of),
    ROW1("cddddr", "a", cddddr_of),
    ROWN("list", "a", 0, -1, list_of),
    ROWN("cons*", "a", 1, -1, cons_star),
    ROWN("make-list", "ka", 1, 2, make_list),
    ROW1("length", "a", length),
    ROWN("append", "a", 0, -1, append),
    ROW1("reverse", "a", reverse),
    ROW2("list-tail", "ak", list_tail),
    ROW2("list-ref", "ak", list_ref),
    ROW1("list-copy", "a", list_copy),
    ROW2("memq", "a", memq),
    ROW2("memv", "a", memv),
    ROWN("member", "aaf", 2, 3, member),
    ROW2("assq", "a", assq),
    ROW2("assv", "a", assv),
    ROWN("assoc", "aaf", 2, 3, assoc),
    ROW1("pair?", "a", is_pair_p),
    ROW1("null?", "a", is_null),
    ROW1("list?", "a", is_list),
    ROW1("not", "a", not ),
    ROW2("eq?", "a", eq),
    ROW2("eqv?", "a", eqv),
    ROW2("equal?", "a", equal),
    ROW1("boolean?", "a", is_boolean),
    ROW1("symbol?", "a", is_symbol_p),
    ROW1("char?", "a", is_char),
    ROW1("string?", "a", is_string_p),
    ROW1("vector?", "a", is_vector),
    ROW1("bytevector?", "a", is_bytevector),
    ROW_END,
};
