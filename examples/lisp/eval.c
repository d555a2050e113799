/* SPDX-License-Identifier: MIT */
/*
 * eval.c: what nodes do, and how procedures are called.
 *
 * A procedure's frame is an array on the C stack of the function that calls
 * it.  A call in tail position must not grow the stack, so it returns to that
 * function a mark in place of a value:
 *
 *     AGAIN   frame[0] is the closure to run now, its arguments are in place
 *     TAIL    the call to make is noted in vm (a larger frame is needed, or
 *             the procedure is no plain closure)
 *     a mark of a loop: run_loop's variables have their next values
 *
 * C's own tail calls do the rest: run_if and its like end in a jump.
 */
#include "node.h"

#include <alloca.h>
#include <unistd.h>

struct machine vm = {
    .where = FALSE, .argv = vm.frame + 1, .dynamic = {NIL, NIL, NIL}};

/* ---------------------------------------------------------- stack, ctrl-C */

/* The stack is below its limit, or something asks for attention. */
void machine_poll_slow(void) {
  if (vm.steps && --vm.steps == 0) {
    port_flush(current_output());
    _exit(0);
  }
  if (vm.interrupted) {
    vm.interrupted = false;
    stack_limit_set(false);
    fail_kind("interrupt", "interrupted", NIL);
  }
  if (!stack_is_full()) return;
  bool again = stack_limit_set(true);
  raise_overflow(again);
}

static inline void check_stack(const value *frame) {
  if (UNLIKELY((uintptr_t)frame < vm.stack_limit)) machine_poll_slow();
}

/* ---------------------------------------------------------------- variables */

/* A box is a block of one word. */
value run_unbox(const struct node *n, value *frame) {
  value v = *(const value *)eval(n->kids[0], frame);
  if (UNLIKELY(v == UNBOUND))
    fail1("variable used before its definition", n->datum);
  return v;
}

value run_set_box(const struct node *n, value *frame) {
  value v = eval(n->kids[1], frame);
  *(value *)eval(n->kids[0], frame) = v;
  return UNSPECIFIED;
}

value run_box(const struct node *n, value *frame) {
  value *box = allocate(sizeof *box);
  *box = frame[n->slot];
  frame[n->slot] = (value)box;
  return eval(n->kids[0], frame);
}

value run_new_box(const struct node *n, value *frame) {
  value *box = allocate(sizeof *box);
  *box = UNBOUND;
  frame[n->slot] = (value)box;
  return UNSPECIFIED;
}

value run_store(const struct node *n, value *frame) {
  frame[n->slot] = eval(n->kids[1], frame);
  return UNSPECIFIED;
}

value run_global(const struct node *n, value *frame) {
  (void)frame;
  value v = symbol(n->datum)->global;
  if (UNLIKELY(v == UNBOUND)) {
    vm.where = n->source;
    fail1("unbound variable", n->datum);
  }
  return v;
}

/* set! and define. */
value run_set_global(const struct node *n, value *frame) {
  struct symbol *s = symbol(n->datum);
  value v = eval(n->kids[0], frame);
  if (UNLIKELY(s->global == UNBOUND) && n->kind == SET_GLOBAL) {
    vm.where = n->source;
    fail1("set!: unbound variable", n->datum);
  }
  s->global = v;
  if (UNLIKELY(s->inlined)) vm.redefined = true;
  return UNSPECIFIED;
}

/* ------------------------------------------------------------------ control */

value run_if(const struct node *n, value *frame) {
  if (eval(n->kids[0], frame) != FALSE) return eval(n->kids[1], frame);
  return eval(n->kids[2], frame);
}

value run_or(const struct node *n, value *frame) {
  size_t last = n->count - 1;
  for (size_t i = 0; i < last; i++) {
    value v = eval(n->kids[i], frame);
    if (v != FALSE) return v;
  }
  return eval(n->kids[last], frame);
}

value run_sequence(const struct node *n, value *frame) {
  size_t last = n->count - 1;
  for (size_t i = 0; i < last; i++) eval(n->kids[i], frame);
  return eval(n->kids[last], frame);
}

value run_let(const struct node *n, value *frame) {
  eval_arguments(n, frame, n->count - 1, frame + n->slot);
  return eval(n->kids[0], frame);
}

value run_loop(const struct node *n, value *frame) {
  eval_arguments(n, frame, n->count - 1, frame + n->slot);
  const struct node *body = n->kids[0];
  value mark = n->datum;
  value v;
  do {
    check_stack(frame);
    v = eval(body, frame);
  } while (v == mark);
  return v;
}

/*
 * Up to five values, all of which are known before the first is put in place.
 * They stay in registers: reading back two at once what was written one by one
 * makes the processor wait.
 */
static inline __attribute__((always_inline)) void move_arguments(
    const struct node *n, value *frame, size_t count, value *to) {
  value v[5];
  eval_arguments(n, frame, count, v);
  if (count > 0) to[0] = v[0];
  if (count > 1) to[1] = v[1];
  if (count > 2) to[2] = v[2];
  if (count > 3) to[3] = v[3];
  if (count > 4) to[4] = v[4];
}

static value run_jump(const struct node *n, value *frame) {
  size_t count = n->count - 1;
  value *values = alloca(n->count * sizeof *values);
  eval_arguments(n, frame, count, values);
  memcpy(frame + n->slot, values, count * sizeof *values);
  return n->datum;
}

#define JUMP(argc)                                                             \
  static value run_jump##argc(const struct node *n, value *frame) {            \
    move_arguments(n, frame, argc, frame + n->slot);                           \
    return n->datum;                                                           \
  }
JUMP(1)
JUMP(2)
JUMP(3)

node_run *jump_runner(size_t argc) {
  static node_run *const runs[] = {run_jump, run_jump1, run_jump2, run_jump3};
  return argc < 4 ? runs[argc] : run_jump;
}

/* ----------------------------------------------------------------- closures */

value make_closure(const struct code *code, size_t captured) {
  size_t size = sizeof(struct closure) + captured * sizeof(value);
  struct closure *c = make_object(TYPE_CLOSURE, size);
  c->code = code;
  c->head.flags = code->arity;
  return (value)c;
}

/* That of a node; its kids are what it captures. */
static value closure_of(const struct node *n) {
  return make_closure((const struct code *)n->datum, n->count);
}

static void closure_fill(value c, const struct node *n, value *frame) {
  for (size_t i = 0; i < n->count; i++)
    closure(c)->captured[i] = eval(n->kids[i], frame);
}

value run_lambda(const struct node *n, value *frame) {
  value c = closure_of(n);
  closure_fill(c, n, frame);
  return c;
}

/* Of closures that may capture each other, each is made, then each filled. */
value run_make(const struct node *n, value *frame) {
  frame[n->slot] = closure_of(n->kids[1]);
  return UNSPECIFIED;
}

value run_fill(const struct node *n, value *frame) {
  closure_fill(frame[n->slot], n->kids[1], frame);
  return UNSPECIFIED;
}

/* -------------------------------------------------------------------- calls */

static inline const struct code *code_of(value closure_value) {
  return closure(closure_value)->code;
}

static inline value run_body(const struct code *code, value *frame) {
  return code->body->run(code->body, frame);
}

/* The closure that a call with so many arguments runs, see struct code. */
static inline value select_closure(value procedure, size_t argc) {
  for (;;) {
    const struct code *code = code_of(procedure);
    bool fits = argc == code->required || (argc > code->required && code->rest);
    if (fits || !code->otherwise) return procedure;
    procedure = code->otherwise;
  }
}

/* Put the arguments into the frame of a closure, a rest list included. */
static void bind_arguments(value *frame, value procedure, size_t argc,
                           const value *argv) {
  const struct code *code = code_of(procedure);
  size_t required = code->required;
  if (UNLIKELY(argc < required || (argc > required && !code->rest)))
    arity_error(procedure, argc);
  frame[0] = procedure;
  for (size_t i = 0; i < required; i++) frame[1 + i] = argv[i];
  if (code->rest)
    frame[1 + required] = list_of(argv + required, argc - required, NIL);
}

value tail_call(value procedure, size_t argc, const value *argv) {
  value *args = vm.frame + 1;
  if (UNLIKELY(argc > sizeof vm.frame / sizeof vm.frame[0] - 1))
    args = allocate(argc * sizeof *args);
  for (size_t i = 0; i < argc; i++) args[i] = argv[i];
  vm.frame[0] = procedure;
  vm.argc = argc;
  vm.argv = args;
  return TAIL;
}

/* Call what is no closure; the answer may be TAIL. */
static __attribute__((noinline)) value apply_other(void) {
  value procedure = vm.frame[0];
  value args[sizeof vm.frame / sizeof vm.frame[0]];
  bool small = vm.argv == vm.frame + 1; /* and would be overwritten */
  if (small) memcpy(args, vm.frame + 1, vm.argc * sizeof *args);
  if (!has_type(procedure, TYPE_PRIMITIVE))
    fail1("called what is not a procedure", procedure);
  return primitive_call(primitive(procedure), vm.argc, small ? args : vm.argv);
}

/* Make the call noted in vm, and those it asks for in turn. */
static __attribute__((noinline)) value trampoline(void) {
  size_t capacity = 0;
  value *frame = NULL;
  value v = TAIL;
  while (v == TAIL) {
    value procedure = vm.frame[0];
    if (!has_type(procedure, TYPE_CLOSURE)) {
      v = apply_other();
      continue;
    }
    procedure = select_closure(procedure, vm.argc);
    size_t need = code_of(procedure)->frame_bytes;
    if (need > capacity) { /* doubles, so that all of them stay bounded */
      capacity = need > 2 * capacity ? need : 2 * capacity;
      frame = alloca(capacity);
    }
    bind_arguments(frame, procedure, vm.argc, vm.argv);
    do {
      check_stack(frame);
      v = run_body(code_of(frame[0]), frame);
    } while (v == AGAIN);
  }
  return v;
}

/* Go on with a procedure whose body returned a mark. */
__attribute__((noinline)) value finish_jumps(value v, value *frame) {
  while (v == AGAIN) {
    check_stack(frame);
    v = run_body(code_of(frame[0]), frame);
  }
  return v == TAIL ? trampoline() : v;
}

value apply(value procedure, size_t argc, const value *argv) {
  machine_poll();
  tail_call(procedure, argc, argv);
  return trampoline();
}

value apply0(value procedure) { return apply(procedure, 0, NULL); }

value apply1(value procedure, value a) { return apply(procedure, 1, &a); }

value apply2(value procedure, value a, value b) {
  return apply(procedure, 2, (const value[]){a, b});
}

/* A call whose procedure is no closure, or does not take so many arguments. */
static __attribute__((noinline)) value call_other(const struct node *n,
                                                  value *frame, value procedure,
                                                  bool tail) {
  if (procedure == UNBOUND) eval(n->kids[0], frame); /* which complains */
  size_t argc = n->count - 1;
  value *args = alloca((argc + 1) * sizeof *args);
  for (size_t i = 0; i < argc; i++) args[i] = eval(n->kids[1 + i], frame);
  vm.where = n->source;
  value v = has_type(procedure, TYPE_PRIMITIVE)
                ? primitive_call(primitive(procedure), argc, args)
                : tail_call(procedure, argc, args);
  return v == TAIL && !tail ? trampoline() : v;
}

/* Is it a closure with just so many arguments?  Its head says both. */
static inline bool takes(value procedure, size_t argc) {
  struct object head = {TYPE_CLOSURE, (uint32_t)argc};
  return is_object(procedure) &&
         memcmp((const void *)procedure, &head, sizeof head) == 0;
}

/* Run the body in a frame whose first slots the caller has room for. */
static inline __attribute__((always_inline)) value call_in(const struct node *n,
                                                           value *frame,
                                                           size_t argc,
                                                           value procedure,
                                                           value *inner) {
  inner[0] = procedure;
  eval_arguments(n, frame, argc, inner + 1);
  check_stack(inner);
  value v = run_body(code_of(procedure), inner);
  return UNLIKELY(is_jump(v)) ? finish_jumps(v, inner) : v;
}

/*
 * Most frames are the smallest, which a C function can have among its own
 * variables; `large` is the function that makes the others.
 */
typedef value call_large(const struct node *n, value *frame, value procedure);
static inline __attribute__((always_inline)) value call(const struct node *n,
                                                        value *frame,
                                                        size_t argc,
                                                        value procedure,
                                                        call_large *large) {
  value inner[FRAME_UNIT / sizeof(value)];
  if (UNLIKELY(!takes(procedure, argc)))
    return call_other(n, frame, procedure, false);
  if (argc >= FRAME_UNIT / sizeof(value) ||
      code_of(procedure)->frame_bytes > FRAME_UNIT)
    return large(n, frame, procedure);
  return call_in(n, frame, argc, procedure, inner);
}

/*
 * In tail position the caller's frame is free once the arguments are known.
 * It has at least the size its closure's code asks for.
 */
static inline __attribute__((always_inline)) value call_tail(
    const struct node *n, value *frame, size_t argc, value procedure) {
  if (UNLIKELY(!takes(procedure, argc)))
    return call_other(n, frame, procedure, true);
  bool fits = code_of(procedure)->frame_bytes <= code_of(frame[0])->frame_bytes;
  value *to = fits ? frame : vm.frame;
  move_arguments(n, frame, argc, to + 1);
  to[0] = procedure;
  if (LIKELY(fits)) return AGAIN;
  vm.argc = argc;
  vm.argv = vm.frame + 1;
  return TAIL;
}

/* The procedure may be any expression, or a global variable, n->datum. */
#define LOCAL_PROCEDURE eval(n->kids[0], frame)
#define GLOBAL_PROCEDURE symbol(n->datum)->global
#define RUNNER(name, ...)                                                      \
  static value run_##name(const struct node *n, value *frame) {                \
    return __VA_ARGS__;                                                        \
  }
#define CALL_LARGE(name, argc)                                                 \
  static __attribute__((noinline))                                             \
  value large##name(const struct node *n, value *frame, value procedure) {     \
    value *inner = alloca(code_of(procedure)->frame_bytes);                    \
    return call_in(n, frame, argc, procedure, inner);                          \
  }
#define CALL_RUNNERS(argc)                                                     \
  CALL_LARGE(argc, argc)                                                       \
  RUNNER(call##argc, call(n, frame, argc, LOCAL_PROCEDURE, large##argc))       \
  RUNNER(call_global##argc,                                                    \
         call(n, frame, argc, GLOBAL_PROCEDURE, large##argc))                  \
  RUNNER(tail##argc, call_tail(n, frame, argc, LOCAL_PROCEDURE))               \
  RUNNER(tail_global##argc, call_tail(n, frame, argc, GLOBAL_PROCEDURE))
CALL_RUNNERS(0)
CALL_RUNNERS(1)
CALL_RUNNERS(2)
CALL_RUNNERS(3)
CALL_RUNNERS(4)
CALL_RUNNERS(5)
RUNNER(tail_any, call_other(n, frame, LOCAL_PROCEDURE, true))

#define CALL_ROW(argc)                                                         \
  {                                                                            \
    run_call##argc, run_tail##argc, run_call_global##argc,                     \
        run_tail_global##argc                                                  \
  }

node_run *call_runner(size_t argc, bool tail, bool global) {
  static node_run *const runs[][4] = {CALL_ROW(0), CALL_ROW(1), CALL_ROW(2),
                                      CALL_ROW(3), CALL_ROW(4), CALL_ROW(5)};
  if (argc > 5) return tail ? run_tail_any : call_redefined;
  return runs[argc][2 * global + tail];
}

value call_redefined(const struct node *n, value *frame) {
  return call_other(n, frame, eval(n->kids[0], frame), false);
}

value eval_toplevel(value form) { return apply0(compile_toplevel(form)); }
