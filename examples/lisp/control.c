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

/* The dynamic environment, as continuations and guards keep it. */
struct dynamic {
  value winds;
  value handlers;
  value bindings;
};

struct continuation {
  struct object head;
  void *jump[5]; /* of __builtin_setjmp */
  struct dynamic dynamic;
  char *low;   /* where the copy belongs: from here to stack_base */
  char *stack; /* the copy */
  value passed;
};

struct guard {
  struct object head;
  void *jump[5];
  struct dynamic dynamic;
  value object; /* what was raised */
  value origin; /* continuation of the raise, or FALSE */
  bool wants_origin;
};

static struct dynamic dynamic_save(void) {
  return (struct dynamic){vm.winds, vm.handlers, vm.bindings};
}

static void dynamic_restore(const struct dynamic *d) {
  vm.winds = d->winds;
  vm.handlers = d->handlers;
  vm.bindings = d->bindings;
  stack_limit_set(false);
}

/* ------------------------------------------------------------ dynamic-wind */

/* Run the thunks on the way from the current extent to another one. */
static void rewind_to(value target) {
  intptr_t here = list_length(vm.winds);
  intptr_t there = list_length(target);
  value common = target;
  for (; there > here; there--) common = cdr(common);
  while (here > there || vm.winds != common) {
    if (here == there--)
      common = cdr(common);
    else
      there++;
    here--;
    value after = cdr(car(vm.winds));
    vm.winds = cdr(vm.winds);
    apply0(after);
  }
  value inwards = NIL;
  for (value w = target; w != common; w = cdr(w)) inwards = cons(w, inwards);
  for (; inwards != NIL; inwards = cdr(inwards)) {
    apply0(car(car(car(inwards))));
    vm.winds = car(inwards);
  }
}

static value dynamic_wind(size_t argc, const value *argv) {
  (void)argc;
  value before = argv[0], thunk = argv[1], after = argv[2];
  apply0(before);
  value outer = vm.winds;
  vm.winds = cons(cons(before, after), outer);
  value v = apply0(thunk);
  vm.winds = outer;
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

static struct continuation *resumed;

/* Returns a continuation; and when that is called, what was passed to it. */
static __attribute__((noinline)) value capture(bool *is_return) {
  struct continuation *k = allocate(sizeof *k);
  k->head.type = TYPE_CONTINUATION;
  k->dynamic = dynamic_save();
  *is_return = false;
  if (__builtin_setjmp(k->jump)) {
    *is_return = true;
    value passed = resumed->passed;
    resumed = NULL;
    return passed;
  }
  copy_stack(k);
  return (value)k;
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

_Noreturn static void throw(value continuation, value passed) {
  struct continuation *k = (struct continuation *)continuation;
  rewind_to(k->dynamic.winds);
  dynamic_restore(&k->dynamic);
  k->passed = passed;
  resumed = k;
  restore_stack(k);
  __builtin_unreachable();
}

static value call_cc(size_t argc, const value *argv) {
  (void)argc;
  value receiver = argv[0];
  bool is_return;
  value v = capture(&is_return);
  return is_return ? v : tail_call(receiver, 1, &v);
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
    bool is_return;
    g->origin = capture(&is_return);
    if (is_return) {
      vm.handlers = g->dynamic.handlers;
      return call_handler(object);
    }
  }
  g->object = object;
  __builtin_longjmp(g->jump, 1);
}

static value call_handler(value object) {
  value handlers = vm.handlers;
  static bool dying;
  if (handlers == NIL) {
    if (dying) _exit(70); /* there may be no memory for the message */
    dying = true;
    condition_print(object, current_error());
    exit(70);
  }
  value handler = car(handlers);
  vm.handlers = cdr(handlers);
  value v = has_type(handler, TYPE_GUARD)
                ? guard_escape((struct guard *)handler, object)
                : apply1(handler, object);
  vm.handlers = handlers;
  return v;
}

value raise_continuable(value object) { return call_handler(object); }

static value condition_make(value kind, value message, value irritants) {
  struct condition *c = allocate(sizeof *c);
  c->head.type = TYPE_CONDITION;
  c->kind = kind;
  c->message = message;
  c->irritants = irritants;
  c->where = vm.where;
  return (value)c;
}

/* A handler that returns is an error in the handlers outside of it. */
_Noreturn void raise_value(value object) {
  for (;;) {
    call_handler(object);
    vm.handlers = cdr(vm.handlers);
    object = condition_make(
        sym("error"),
        text("handler returned from an exception that is not continuable"),
        cons(object, NIL));
  }
}

/* Where there is no stack left to call a handler only a guard can help. */
_Noreturn void raise_overflow(bool to_guard) {
  while (to_guard && vm.handlers != NIL &&
         !has_type(car(vm.handlers), TYPE_GUARD))
    vm.handlers = cdr(vm.handlers);
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

/* Run body; what it raises ends up in g->object, and the answer is false. */
static __attribute__((noinline)) bool guard_run(struct guard *g,
                                                value (*body)(void *data),
                                                void *data, value *result) {
  g->head.type = TYPE_GUARD;
  g->dynamic = dynamic_save();
  g->origin = FALSE;
  if (__builtin_setjmp(g->jump)) { /* only here is there stack to spare */
    stack_limit_set(false);
    rewind_to(g->dynamic.winds);
    dynamic_restore(&g->dynamic);
    return false;
  }
  vm.handlers = cons((value)g, vm.handlers);
  *result = body(data);
  dynamic_restore(&g->dynamic);
  return true;
}

value call_protected(value (*body)(void *data), void *data, value *error) {
  struct guard *g = allocate(sizeof *g);
  value result = UNSPECIFIED;
  *error = 0;
  if (!guard_run(g, body, data, &result)) *error = g->object;
  return result;
}

static value run_thunk(void *data) { return apply0(*(value *)data); }

/* (%guard thunk clauses has-else): clauses gives UNBOUND where none fits. */
static value with_guard(size_t argc, const value *argv) {
  (void)argc;
  value thunk = argv[0], clauses = argv[1];
  struct guard *g = allocate(sizeof *g);
  g->wants_origin = argv[2] == FALSE;
  value v;
  if (guard_run(g, run_thunk, &thunk, &v)) return v;
  if (!g->wants_origin) return tail_call(clauses, 1, &g->object);
  value origin = g->origin;
  v = apply1(clauses, g->object);
  if (v == UNBOUND && origin == FALSE) raise_value(g->object);
  if (v == UNBOUND) throw(origin, UNSPECIFIED);
  return v;
}

static value with_exception_handler(size_t argc, const value *argv) {
  (void)argc;
  value outer = vm.handlers;
  vm.handlers = cons(argv[0], outer);
  value v = apply0(argv[1]);
  vm.handlers = outer;
  return v;
}

static value raise_primitive(value object) { raise_value(object); }

static value error_primitive(size_t argc, const value *argv) {
  value irritants = NIL;
  for (size_t i = argc; i > 1; i--) irritants = cons(argv[i - 1], irritants);
  raise_value(condition_make(sym("error"), argv[0], irritants));
}

static value is_error_object(value v) {
  return boolean(has_type(v, TYPE_CONDITION));
}

static value error_object_message(value v) {
  value message = condition(v)->message;
  return is_string(message) ? message : print_to_string(message, WRITE);
}

static value error_object_irritants(value v) { return condition(v)->irritants; }

static value error_object_kind(value v) { return condition(v)->kind; }

static value is_file_error(value v) {
  return boolean(has_type(v, TYPE_CONDITION) &&
                 condition(v)->kind == sym("file-error"));
}

static value is_read_error(value v) {
  return boolean(has_type(v, TYPE_CONDITION) &&
                 condition(v)->kind == sym("read-error"));
}

/* file:line: message: irritants, then the expression, if it is short. */
void condition_print(value object, value port) {
  value where =
      has_type(object, TYPE_CONDITION) ? condition(object)->where : FALSE;
  value place = location(where);
  if (place != FALSE) {
    print(car(place), port, DISPLAY);
    port_write(port, ':');
    print(cdr(place), port, DISPLAY);
    port_write_text(port, ": ");
  }
  if (!has_type(object, TYPE_CONDITION)) {
    port_write_text(port, "uncaught exception: ");
    print(object, port, WRITE);
  } else {
    print(condition(object)->message, port, DISPLAY);
    value irritants = condition(object)->irritants;
    for (const char *before = ": "; is_pair(irritants); before = " ") {
      port_write_text(port, before);
      print(car(irritants), port, WRITE);
      irritants = cdr(irritants);
    }
  }
  port_write(port, '\n');
  value source = where == FALSE ? FALSE : print_to_string(where, WRITE);
  if (source != FALSE && string(source)->length <= 300) {
    port_write_text(port, "  in ");
    print(source, port, DISPLAY);
    port_write(port, '\n');
  }
}

_Noreturn void exit_with(value code) {
  rewind_to(NIL);
  port_flush(current_output());
  int status = is_fixnum(code) ? (int)fixnum_value(code) & 255
               : code == FALSE ? 1
                               : 0;
  exit(status);
}

/* ---------------------------------------- values, parameters and promises */

static value values(size_t argc, const value *argv) {
  return argc == 1 ? argv[0] : make_values(argc, argv);
}

static value call_with_values(size_t argc, const value *argv) {
  (void)argc;
  value consumer = argv[1];
  value v = apply0(argv[0]);
  if (!has_type(v, TYPE_VALUES)) return tail_call(consumer, 1, &v);
  struct values *many = (struct values *)v;
  return tail_call(consumer, many->count, many->items);
}

static value apply_primitive(size_t argc, const value *argv) {
  value list = argv[argc - 1];
  intptr_t length = list_length(list);
  if (argc == 1 || length < 0)
    fail1("apply: the last argument is not a list", list);
  size_t fixed = argc - 2;
  size_t count = fixed + (size_t)length;
  value small[16];
  value *args = count <= 16 ? small : allocate(count * sizeof *args);
  memcpy(args, argv + 1, fixed * sizeof *args);
  for (size_t i = fixed; i < count; i++, list = cdr(list)) args[i] = car(list);
  return tail_call(argv[0], count, args);
}

static value make_parameter(size_t argc, const value *argv) {
  value init = argc == 2 ? apply1(argv[1], argv[0]) : argv[0];
  return make_cell(TYPE_PARAMETER, init, argc == 2 ? argv[1] : FALSE);
}

value parameter_get(value p) {
  for (value b = vm.bindings; b != NIL; b = cdr(b))
    if (car(car(b)) == p) return cdr(car(b));
  return cell(p)->first;
}

static value parameterize(size_t argc, const value *argv) {
  value outer = vm.bindings;
  value inner = outer;
  for (size_t i = 1; i + 1 < argc; i += 2) {
    if (!has_type(argv[i], TYPE_PARAMETER))
      fail1("parameterize: not a parameter", argv[i]);
    value converter = cell(argv[i])->second;
    value v = argv[i + 1];
    if (converter != FALSE) v = apply1(converter, v);
    inner = cons(cons(argv[i], v), inner);
  }
  vm.bindings = inner;
  value v = apply0(argv[0]);
  vm.bindings = outer;
  return v;
}

/* A promise holds a cell that promises chained to it share: done?, value. */
static value promise(bool done, value content) {
  value shared = make_cell(TYPE_ENVIRONMENT, boolean(done), content);
  return make_cell(TYPE_PROMISE, shared, FALSE);
}

static value make_lazy(value thunk) { return promise(false, thunk); }

static value make_promise(value v) {
  return has_type(v, TYPE_PROMISE) ? v : promise(true, v);
}

static value is_promise(value v) { return boolean(has_type(v, TYPE_PROMISE)); }

static value force(value p) {
  if (!has_type(p, TYPE_PROMISE)) return p;
  for (;;) {
    struct cell *shared = cell(cell(p)->first);
    if (shared->first == TRUE) return shared->second;
    value next = apply0(shared->second);
    shared = cell(cell(p)->first);
    if (shared->first == TRUE) return shared->second;
    if (!has_type(next, TYPE_PROMISE))
      fail1("delay-force: not a promise", next);
    *shared = *cell(cell(next)->first);
    cell(next)->first = (value)shared;
  }
}

static value case_lambda(size_t argc, const value *argv) {
  value clauses = make_vector(argc, NIL);
  memcpy(vector(clauses)->items, argv, argc * sizeof *argv);
  return make_cell(TYPE_CASE_LAMBDA, clauses, FALSE);
}

static value case_lambda_call(value procedure, size_t argc, const value *argv) {
  const struct vector *clauses = vector(cell(procedure)->first);
  for (size_t i = 0; i < clauses->length; i++) {
    const struct code *code = closure(clauses->items[i])->code;
    if (argc == code->required || (argc > code->required && code->rest))
      return tail_call(clauses->items[i], argc, argv);
  }
  arity_error(procedure, argc);
}

/* Call what is neither closure nor primitive nor of a record. */
value apply_control(value procedure, size_t argc, const value *argv) {
  switch (type_of(procedure)) {
    case TYPE_CONTINUATION:
      throw(procedure, argc == 1 ? argv[0] : make_values(argc, argv));
    case TYPE_PARAMETER:
      if (argc != 0) arity_error(procedure, argc);
      return parameter_get(procedure);
    case TYPE_CASE_LAMBDA: return case_lambda_call(procedure, argc, argv);
    default: fail1("called what is not a procedure", procedure);
  }
}

static value is_procedure_p(value v) { return boolean(is_procedure(v)); }

static value memory_condition_init(void) {
  memory_condition =
      condition_make(sym("out-of-memory"), text("out of memory"), NIL);
  return UNSPECIFIED;
}

const struct primitive_row control_rows[] = {
    ROWN("apply", "fa", 1, -1, apply_primitive),
    ROWN("call-with-current-continuation", "f", 1, 1, call_cc),
    ROWN("call/cc", "f", 1, 1, call_cc),
    ROWN("dynamic-wind", "f", 3, 3, dynamic_wind),
    ROWN("values", "a", 0, -1, values),
    ROWN("call-with-values", "f", 2, 2, call_with_values),
    ROW1("raise", "a", raise_primitive),
    ROW1("raise-continuable", "a", raise_continuable),
    ROWN("error", "a", 1, -1, error_primitive),
    ROWN("with-exception-handler", "f", 2, 2, with_exception_handler),
    ROWN("%guard", "ffa", 3, 3, with_guard),
    ROW1("error-object?", "a", is_error_object),
    ROW1("error-object-message", "e", error_object_message),
    ROW1("error-object-irritants", "e", error_object_irritants),
    ROW1("error-object-kind", "e", error_object_kind),
    ROW1("file-error?", "a", is_file_error),
    ROW1("read-error?", "a", is_read_error),
    ROWN("make-parameter", "af", 1, 2, make_parameter),
    ROWN("%parameterize", "fa", 1, -1, parameterize),
    ROW1("%make-lazy", "f", make_lazy),
    ROW1("make-promise", "a", make_promise),
    ROW1("promise?", "a", is_promise),
    ROW1("force", "a", force),
    ROWN("%case-lambda", "f", 0, -1, case_lambda),
    ROW1("procedure?", "a", is_procedure_p),
    ROW0("%reserve-condition", memory_condition_init),
    ROW_END,
};
