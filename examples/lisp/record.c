/* SPDX-License-Identifier: MIT */
/*
 * record.c: what define-record-type expands to (see prelude.scm).  A record is
 * a vector whose first item is its type; constructors, predicates, accessors
 * and modifiers are primitives made at run time.
 */
#include "lisp.h"

#include <stdio.h>

PRIMITIVE(record_type, "%record-type yl") {
  return make_cell(TYPE_RECORD_TYPE, a[0], a[1]);
}

/* A procedure of that name, with argc arguments. */
static value procedure(value name, size_t argc, primitive_function *call,
                       value data, size_t variant) {
  struct primitive *p = primitive_make(
      utf8_from_string(symbol(name)->name, NULL), "a*", call, data);
  p->min = p->max = (uint32_t)argc;
  p->variant = variant;
  return (value)p;
}

/* The place of a field in the record. */
static size_t field_index(value type, value field) {
  size_t index = 1;
  for (value f = cell(type)->second; f != NIL; f = cdr(f), index++)
    if (car(f) == field) return index;
  fail("define-record-type: no such field", list2(field, type));
}

/* data: of the type and, for each argument, the index of its field. */
FUNCTION(construct) {
  value type = car(self->data);
  struct vector *r = vector(make_sequence(TYPE_RECORD, self->variant));
  r->items[0] = type;
  for (size_t i = 1; i < self->variant; i++) r->items[i] = FALSE;
  for (value at = cdr(self->data); at != NIL; at = cdr(at))
    r->items[fixnum_value(car(at))] = *a++;
  return (value)r;
}

PRIMITIVE(record_constructor, "%record-constructor tly") {
  struct list_builder indices = EMPTY(indices);
  for (value f = a[1]; f != NIL; f = cdr(f))
    list_add(&indices, fixnum_from_size(field_index(a[0], car(f))));
  size_t items = 1 + (size_t)list_length(cell(a[0])->second);
  return procedure(a[2], list_argument(self, a[1]), construct,
                   cons(a[0], indices.first), items);
}

static bool is_instance(value v, value type) {
  return has_type(v, TYPE_RECORD) && vector(v)->items[0] == type;
}

FUNCTION(is_record) { return boolean(is_instance(a[0], self->data)); }

PRIMITIVE(record_predicate, "%record-predicate ty") {
  return procedure(a[1], 1, is_record, a[0], 0);
}

/* Get a field, or set it to a second argument. */
FUNCTION(access) {
  if (UNLIKELY(!is_instance(a[0], self->data))) {
    char message[100];
    value type = symbol(cell(self->data)->first)->name;
    snprintf(message, sizeof message, "argument 1 is not a %s",
             utf8_from_string(type, NULL));
    fail_in(self, message, cons(a[0], NIL));
  }
  value *field = &vector(a[0])->items[self->variant];
  if (n == 1) return *field;
  *field = a[1];
  return UNSPECIFIED;
}

/* (%record-accessor type field name arguments) */
PRIMITIVE(record_accessor, "%record-accessor tyyk") {
  size_t argc = (size_t)fixnum_value(a[3]);
  return procedure(a[2], argc, access, a[0], field_index(a[0], a[1]));
}
