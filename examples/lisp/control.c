/* SPDX-License-Identifier: MIT */
/*
 * control.c: continuations, dynamic-wind, exceptions, parameters, promises and
 * multiple values.
 *
 * A continuation is a copy of the C stack, in a block of the collector, which
 * scans it as it scans the stack itself: conservatively.  To go back, the copy
 * is put where it was; __builtin_setjmp and __builtin_longjmp do the rest.
 * Guards escape only to functions that are still running, and copy nothing.
 */
#include "lisp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct continuation {
  void *jump[5]; /* of __builtin_setjmp */
  struct dynamic dynamic;
  char *low;   /* where the copy belongs: from here to stack_base */
  char *stack; /* the copy */
};

struct guard {
  struct object head;
  void *jump[5];
  struct dynamic dynamic;
  value object;                /* what was raised */
  struct continuation *origin; /* of the raise, or NULL */
  bool wants_origin;
};

static void dynamic_restore(struct dynamic outer) {
  vm.dynamic = outer;
  stack_limit_set(false);
}

/* Call the thunk with another dynamic environment than the current one. */
static value call_within(struct dynamic inner, value thunk) {
  struct dynamic outer = vm.dynamic;
  vm.dynamic = inner;
  value v = apply0(thunk);
  vm.dynamic = outer;
  return v;
}

/* ------------------------------------------------------------ dynamic-wind */

/* From the current extent, which is so deep, to another: out, then in. */
static void rewind_from(intptr_t here, value target, intptr_t there) {
  value winds = vm.dynamic.winds;
  if (winds == target) return;
  if (here < there) {
    rewind_from(here, cdr(target), there - 1);
    apply0(car(car(target)));
    vm.dynamic.winds = target;
  } else {
    vm.dynamic.winds = cdr(winds);
    apply0(cdr(car(winds)));
    rewind_from(here - 1, target, there);
  }
}

static void rewind_to(value target) {
  rewind_from(list_length(vm.dynamic.winds), target, list_length(target));
}

PRIMITIVE(dynamic_wind, "dynamic-wind fff") {
  value before = a[0], thunk = a[1], after = a[2];
  apply0(before);
  struct dynamic inner = vm.dynamic;
  inner.winds = cons(cons(before, after), inner.winds);
  value v = call_within(inner, thunk);
  apply0(after);
  return v;
}

/* ----------------------------------------------------------- continuations */

static __attribute__((noinline)) void copy_stack(struct continuation *k) {
  k->low = __builtin_frame_address(0);
  size_t size = (size_t)(stack_base - k->low);
  k->stack = allocate(size);
  memcpy(k->stack, k->low, size);
}

static value passed; /* to the continuation that is called */

/* A new continuation; NULL when it is called. */
static __attribute__((noinline)) struct continuation *capture(void) {
  struct continuation *k = allocate(sizeof *k);
  k->dynamic = vm.dynamic;
  if (__builtin_setjmp(k->jump)) return NULL;
  copy_stack(k);
  return k;
}

/* Get below the part of the stack that is to be overwritten. */
static __attribute__((noinline)) void restore_stack(struct continuation *k) {
  char *here = __builtin_frame_address(0);
  if (here > k->low - 4096) {
    volatile char *below = __builtin_alloca((size_t)(here - k->low) + 8192);
    below[0] = 0;
    restore_stack(k);
  }
  memcpy(k->low, k->stack, (size_t)(stack_base - k->low));
  __builtin_longjmp(k->jump, 1);
}

_Noreturn static void throw(struct continuation * k, value v) {
  rewind_to(k->dynamic.winds);
  dynamic_restore(k->dynamic);
  passed = v;
  restore_stack(k);
  __builtin_unreachable();
}

PRIMITIVE(values, "values a*") {
  if (n == 1) return a[0];
  value many = make_sequence(TYPE_VALUES, n);
  memcpy(vector(many)->items, a, n * sizeof *a);
  return many;
}

/* A loop may be made of nothing but such calls. */
FUNCTION(continue_with) {
  machine_poll();
  throw((struct continuation *)self->data, values(a, n, self));
}

PRIMITIVE(call_cc, "call-with-current-continuation f") {
  value receiver = a[0];
  struct continuation *k = capture();
  if (!k) return passed;
  value procedure =
      (value)primitive_make("continuation", "a*", continue_with, (value)k);
  return tail_call(receiver, 1, &procedure);
}

/* --------------------------------------------------------------- exceptions */

/* There is no memory for a condition, so one was made before. */
static value memory_condition;

static value call_handler(value object);

/* Out of stack or memory: no time to copy a stack. */
static bool is_exhaustion(value v) {
  return v == memory_condition || (has_type(v, TYPE_CONDITION) &&
                                   condition(v)->kind == sym("stack-overflow"));
}

/* Returns only where no clause fits and a handler further out returns. */
static value guard_escape(struct guard *g, value object) {
  if (g->wants_origin && !is_exhaustion(object)) {
    g->origin = capture();
    if (!g->origin) {
      vm.dynamic.handlers = g->dynamic.handlers;
      return call_handler(object);
    }
  }
  g->object = object;
  __builtin_longjmp(g->jump, 1);
}

static value call_handler(value object) {
  value handlers = vm.dynamic.handlers;
  static bool dying;
  if (handlers == NIL) {
    if (dying) _exit(70); /* there may be no memory for the message */
    dying = true;
    condition_print(object, current_error());
    exit(70);
  }
  value handler = car(handlers);
  vm.dynamic.handlers = cdr(handlers);
  value v = has_type(handler, TYPE_GUARD)
                ? guard_escape((struct guard *)handler, object)
                : apply1(handler, object);
  vm.dynamic.handlers = handlers;
  return v;
}

static value condition_make(value kind, value message, value irritants) {
  struct condition *c = allocate(sizeof *c);
  *c = (struct condition){
      {TYPE_CONDITION, 0}, kind, message, irritants, vm.where};
  return (value)c;
}

/* A handler that returns is an error in the handlers outside of it. */
_Noreturn static void raise_value(value object) {
  call_handler(object);
  vm.dynamic.handlers = cdr(vm.dynamic.handlers);
  fail1("handler returned from an exception that is not continuable", object);
}

/* Where there is no stack left to call a handler only a guard can help. */
_Noreturn void raise_overflow(bool to_guard) {
  while (to_guard && vm.dynamic.handlers != NIL &&
         !has_type(car(vm.dynamic.handlers), TYPE_GUARD))
    vm.dynamic.handlers = cdr(vm.dynamic.handlers);
  fail_kind("stack-overflow", "recursion is too deep", NIL);
}

_Noreturn void fail_kind(const char *kind, const char *message,
                         value irritants) {
  raise_value(condition_make(sym(kind), text(message), irritants));
}

_Noreturn void fail(const char *message, value irritants) {
  fail_kind("error", message, irritants);
}

_Noreturn void fail1(const char *message, value irritant) {
  fail(message, cons(irritant, NIL));
}

_Noreturn void fail_memory(void) {
  if (!memory_condition) {
    fputs("gleaner-lisp: out of memory\n", stderr);
    exit(70);
  }
  condition(memory_condition)->where = vm.where;
  raise_value(memory_condition);
}

_Noreturn void arity_error(value procedure, size_t argc) {
  char message[80];
  snprintf(message, sizeof message, "called with %zu argument%s", argc,
           argc == 1 ? "" : "s");
  fail1(message, procedure);
}

/* The value of body, or 0: what it raised is in g->object then. */
static __attribute__((noinline)) value guard_run(struct guard *g,
                                                 value (*body)(void *data),
                                                 void *data) {
  g->dynamic = vm.dynamic;
  if (__builtin_setjmp(g->jump)) { /* only here is there stack to spare */
    stack_limit_set(false);
    rewind_to(g->dynamic.winds);
    dynamic_restore(g->dynamic);
    return 0;
  }
  vm.dynamic.handlers = cons((value)g, vm.dynamic.handlers);
  value v = body(data);
  dynamic_restore(g->dynamic);
  return v;
}

value call_reporting(value (*body)(void *data), void *data) {
  struct guard *g = make_object(TYPE_GUARD, sizeof *g);
  value v = guard_run(g, body, data);
  if (v) return v;
  port_flush(current_output());
  condition_print(g->object, current_error());
  return 0;
}

static value run_thunk(void *data) { return apply0(*(value *)data); }

/* (%guard thunk clauses has-else?): clauses may return (%no-clause). */
PRIMITIVE(with_guard, "%guard ffa") {
  value thunk = a[0], clauses = a[1];
  struct guard *g = make_object(TYPE_GUARD, sizeof *g);
  g->wants_origin = a[2] == FALSE;
  value v = guard_run(g, run_thunk, &thunk);
  if (v) return v;
  if (!g->wants_origin) return tail_call(clauses, 1, &g->object);
  struct continuation *origin = g->origin;
  v = apply1(clauses, g->object);
  if (v == UNBOUND && !origin) raise_value(g->object);
  if (v == UNBOUND) throw(origin, UNSPECIFIED);
  return v;
}

PRIMITIVE(no_clause, "%no-clause") { return UNBOUND; }

PRIMITIVE(with_handler, "with-exception-handler ff") {
  struct dynamic inner = vm.dynamic;
  inner.handlers = cons(a[0], inner.handlers);
  return call_within(inner, a[1]);
}

PRIMITIVE(raise, "raise a", "raise-continuable a") {
  if (self->variant == 0) raise_value(a[0]);
  return call_handler(a[0]);
}

PRIMITIVE(error, "error aa*") {
  value irritants = list_of(a + 1, n - 1, NIL);
  raise_value(condition_make(sym("error"), a[0], irritants));
}

PRIMITIVE(error_part, "error-object-message e", "error-object-irritants e",
          "error-object-kind e") {
  struct condition *c = condition(a[0]);
  if (self->variant > 0) return self->variant == 1 ? c->irritants : c->kind;
  return is_string(c->message) ? c->message
                               : print_to_string(c->message, WRITE);
}

_Noreturn void exit_with(value code, bool at_once) {
  int status = is_fixnum(code) ? (int)fixnum_value(code) & 255 : code == FALSE;
  if (at_once) _exit(status);
  rewind_to(NIL);
  port_flush(current_output());
  exit(status);
}

/* -------------------------------------------------- values and parameters */

PRIMITIVE(call_with_values, "call-with-values ff") {
  value consumer = a[1];
  value v = apply0(a[0]);
  if (!has_type(v, TYPE_VALUES)) return tail_call(consumer, 1, &v);
  return tail_call(consumer, vector(v)->length, vector(v)->items);
}

PRIMITIVE(apply_primitive, "apply fa*") {
  value list = a[n - 1];
  intptr_t length = list_length(list);
  if (n == 1 || length < 0)
    fail1("apply: the last argument is not a list", list);
  size_t fixed = n - 2;
  size_t count = fixed + (size_t)length;
  value small[16];
  value *args = count <= 16 ? small : allocate(count * sizeof *args);
  memcpy(args, a + 1, fixed * sizeof *args);
  for (size_t i = fixed; i < count; i++, list = cdr(list)) args[i] = car(list);
  return tail_call(a[0], count, args);
}

FUNCTION(parameter) { return parameter_get((value)self); }

/* A primitive whose data are (value . converter). */
value parameter_make(const char *name, value v, value converter) {
  return (value)primitive_make(name, "", parameter, cons(v, converter));
}

PRIMITIVE(make_parameter, "make-parameter a|f") {
  if (n == 1) return parameter_make("parameter", a[0], FALSE);
  return parameter_make("parameter", apply1(a[1], a[0]), a[1]);
}

value parameter_get(value p) {
  for (value b = vm.dynamic.bindings; b != NIL; b = cdr(b))
    if (car(car(b)) == p) return cdr(car(b));
  return car(primitive(p)->data);
}

/* (%parameterize thunk (parameter . value) ...) */
PRIMITIVE(parameterize, "%parameterize f|p*") {
  struct dynamic inner = vm.dynamic;
  for (size_t i = 1; i < n; i++) {
    value p = car(a[i]), v = cdr(a[i]);
    if (!has_type(p, TYPE_PRIMITIVE) || primitive(p)->call != parameter)
      fail1("parameterize: not a parameter", p);
    value converter = cdr(primitive(p)->data);
    if (converter != FALSE) v = apply1(converter, v);
    inner.bindings = cons(cons(p, v), inner.bindings);
  }
  return call_within(inner, a[0]);
}

PRIMITIVE(reserve_condition, "%reserve-condition") {
  memory_condition =
      condition_make(sym("out-of-memory"), text("out of memory"), NIL);
  return UNSPECIFIED;
}

/* A copy of the closure which leaves other numbers of arguments to another. */
static value with_otherwise(value procedure, value otherwise) {
  size_t size = gc_size(closure(procedure));
  struct closure *c = memcpy(allocate(size), closure(procedure), size);
  struct code *code = allocate(sizeof *code);
  *code = *c->code;
  code->otherwise = otherwise;
  code->name = closure(otherwise)->code->name;
  c->code = code;
  return (value)c;
}

PRIMITIVE(case_lambda, "%case-lambda xx*") {
  value procedure = a[--n];
  while (n > 0) procedure = with_otherwise(a[--n], procedure);
  return procedure;
}
