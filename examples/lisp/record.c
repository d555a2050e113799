/* SPDX-License-Identifier: MIT */
/*
 * record.c: what define-record-type expands to.  Constructors, predicates,
 * accessors and modifiers are values of one type of procedure, which eval.c
 * hands to record_call.
 */
#include "lisp.h"

#include <stdio.h>

struct record {
  struct object head;
  value type;
  value fields[];
};

enum record_role { CONSTRUCTOR, PREDICATE, ACCESSOR, MODIFIER };

struct record_procedure {
  struct object head;
  enum record_role role;
  value type;
  value name;
  size_t argc;
  size_t field_count; /* of the type */
  size_t index[];     /* of the field, or for each argument of a constructor */
};

/* A type is a cell of its name and the list of its fields. */
static value record_type(value name, value fields) {
  return make_cell(TYPE_RECORD_TYPE, name, fields);
}

static struct record_procedure *role_make(enum record_role role, value type,
                                          value name, size_t argc) {
  if (!has_type(type, TYPE_RECORD_TYPE)) fail1("not a record type", type);
  struct record_procedure *p =
      allocate(sizeof *p + (argc + 1) * sizeof p->index[0]);
  p->head.type = TYPE_RECORD_PROCEDURE;
  p->role = role;
  p->type = type;
  p->name = name;
  p->argc = argc;
  p->field_count = (size_t)list_length(cell(type)->second);
  return p;
}

static size_t field_index(value type, value field) {
  size_t index = 0;
  for (value f = cell(type)->second; f != NIL; f = cdr(f), index++)
    if (car(f) == field) return index;
  fail("define-record-type: no such field", list2(field, type));
}

static value record_constructor(value type, value fields, value name) {
  size_t argc = (size_t)list_length(fields);
  struct record_procedure *p = role_make(CONSTRUCTOR, type, name, argc);
  for (size_t i = 0; i < argc; i++, fields = cdr(fields))
    p->index[i] = field_index(type, car(fields));
  return (value)p;
}

static value record_predicate(value type, value name) {
  return (value)role_make(PREDICATE, type, name, 1);
}

static value record_accessor(value type, value field, value name) {
  struct record_procedure *p = role_make(ACCESSOR, type, name, 1);
  p->index[0] = field_index(type, field);
  return (value)p;
}

static value record_modifier(value type, value field, value name) {
  struct record_procedure *p = role_make(MODIFIER, type, name, 2);
  p->index[0] = field_index(type, field);
  return (value)p;
}

static value record_make(const struct record_procedure *p, const value *argv) {
  struct record *r = allocate(sizeof *r + p->field_count * sizeof r->fields[0]);
  r->head.type = TYPE_RECORD;
  r->type = p->type;
  for (size_t i = p->argc; i < p->field_count; i++) r->fields[i] = FALSE;
  if (p->argc < p->field_count)
    for (size_t i = 0; i < p->field_count; i++) r->fields[i] = FALSE;
  for (size_t i = 0; i < p->argc; i++) r->fields[p->index[i]] = argv[i];
  return (value)r;
}

static bool is_instance(const struct record_procedure *p, value v) {
  return has_type(v, TYPE_RECORD) && ((struct record *)v)->type == p->type;
}

_Noreturn static void wrong_record(const struct record_procedure *p, value v) {
  char *name = utf8_from_string(symbol(p->name)->name, NULL);
  char *type = utf8_from_string(symbol(cell(p->type)->first)->name, NULL);
  char message[200];
  snprintf(message, sizeof message, "%s: argument 1 is not a %s", name, type);
  fail1(message, v);
}

value record_call(value procedure, size_t argc, const value *argv) {
  const struct record_procedure *p = (struct record_procedure *)procedure;
  if (UNLIKELY(argc != p->argc)) arity_error(procedure, argc);
  if (p->role == CONSTRUCTOR) return record_make(p, argv);
  if (p->role == PREDICATE) return boolean(is_instance(p, argv[0]));
  if (UNLIKELY(!is_instance(p, argv[0]))) wrong_record(p, argv[0]);
  value *field = &((struct record *)argv[0])->fields[p->index[0]];
  if (p->role == ACCESSOR) return *field;
  *field = argv[1];
  return UNSPECIFIED;
}

value record_procedure_name(value v) {
  return ((const struct record_procedure *)v)->name;
}

value record_type_name(value record) {
  return cell(((const struct record *)record)->type)->first;
}

/* The fields of a record, for the printer: a list of (name value). */
value record_fields(value record) {
  const struct record *r = (const struct record *)record;
  struct list_builder out = {NIL, NIL};
  size_t i = 0;
  for (value f = cell(r->type)->second; f != NIL; f = cdr(f), i++)
    list_add(&out, list2(car(f), r->fields[i]));
  return out.first;
}

const struct primitive_row record_rows[] = {
    ROW2("%record-type", "yl", record_type),
    ROW3("%record-constructor", "aly", record_constructor),
    ROW2("%record-predicate", "ay", record_predicate),
    ROW3("%record-accessor", "ayy", record_accessor),
    ROW3("%record-modifier", "ayy", record_modifier),
    ROW_END,
};
