/* SPDX-License-Identifier: MIT */
/*
 * inline.c: calls of primitives without a call.
 *
 * compile.c asks here when the procedure of a call is sure to be a primitive:
 * the name was never redefined so far.  Should that happen later, the flag
 * vm.redefined is set, which every node here looks at before anything else.
 */
#include "node.h"

#include <alloca.h>

#define RETURN_IF_REDEFINED(n, frame)                                          \
  if (UNLIKELY(vm.redefined)) return call_redefined(n, frame)

/* What is known of a primitive; the linker gathers these in a table. */
struct inlining {
  const char *name;
  size_t argc;
  node_run *run[4];    /* by what the operands are, see way_of */
  node_run *if_run[4]; /* an if whose test it is, or NULL */
};
#define INLINING(id, ...)                                                      \
  static const struct inlining inlining_##id                                   \
      __attribute__((used, section("inlinings"), aligned(8))) = {__VA_ARGS__}
extern const struct inlining __start_inlinings[], __stop_inlinings[];

/* ------------------------------------------------------------ any primitive */

/* The value, where a node cannot tell it by itself. */
static __attribute__((noinline)) value ask(const struct node *n, value a,
                                           value b, value c) {
  vm.where = n->source;
  return primitive_call(primitive(n->datum), n->count - 1,
                        (const value[]){a, b, c});
}

static inline __attribute__((always_inline)) value call_primitive(
    const struct node *n, value *frame, size_t argc, value *args) {
  RETURN_IF_REDEFINED(n, frame);
  eval_arguments(n, frame, argc, args);
  vm.where = n->source;
  value v = primitive_call(primitive(n->datum), argc, args);
  return UNLIKELY(v == TAIL) && !n->tail ? finish_jumps(v, frame) : v;
}

#define PRIMITIVE_RUNNER(argc)                                                 \
  static value run_primitive##argc(const struct node *n, value *frame) {       \
    value args[argc + 1];                                                      \
    return call_primitive(n, frame, argc, args);                               \
  }
PRIMITIVE_RUNNER(1)
PRIMITIVE_RUNNER(2)
PRIMITIVE_RUNNER(3)

static value run_primitive_any(const struct node *n, value *frame) {
  value *args = alloca(n->count * sizeof *args);
  return call_primitive(n, frame, n->count - 1, args);
}

/* ------------------------------------------------- one or two arguments */

/* The ways to get at an operand, by what it is. */
#define IN_FRAME(n) eval(n, frame)
#define IN_SLOT(n) slot_value(n, frame)
#define NONE(n) 0

/* A node that gives `fast` where `fits` holds of a and b, else asks the
   primitive; and an if that looks at a predicate itself. */
#define DO(id, fits, fast)                                                     \
  static inline value do_##id(const struct node *n, value a, value b) {        \
    (void)b;                                                                   \
    return LIKELY(fits) ? fast : ask(n, a, b, 0);                              \
  }
#define RUN(id, way, a, b)                                                     \
  static value run_##id##way(const struct node *n, value *frame) {             \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value first = a(n->kids[1]);                                               \
    return do_##id(n, first, b(n->kids[2]));                                   \
  }
#define RUN_IF(id, way, a, b)                                                  \
  static value if_##id##way(const struct node *n, value *frame) {              \
    if (UNLIKELY(vm.redefined)) return run_if(n, frame);                       \
    value first = a(n->kids[3]);                                               \
    if (do_##id(n->kids[0], first, b(n->kids[4])) != FALSE)                    \
      return eval(n->kids[1], frame);                                          \
    return eval(n->kids[2], frame);                                            \
  }

#define WAYS1(id, define)                                                      \
  define(id, , IN_FRAME, NONE) define(id, _s, IN_SLOT, NONE)
#define INLINE1(id, name, fits, fast)                                          \
  DO(id, fits, fast)                                                           \
  WAYS1(id, RUN)                                                               \
  INLINING(id, name, 1, {run_##id, run_##id##_s}, {NULL});
#define TEST1(id, name, fits, test)                                            \
  DO(id, fits, boolean(test))                                                  \
  WAYS1(id, RUN)                                                               \
  WAYS1(id, RUN_IF)                                                            \
  INLINING(id, name, 1, {run_##id, run_##id##_s}, {if_##id, if_##id##_s});

INLINE1(car, "car", is_pair(a), car(a))
INLINE1(cdr, "cdr", is_pair(a), cdr(a))
INLINE1(cadr, "cadr", is_pair(a) && is_pair(cdr(a)), cadr(a))
INLINE1(cddr, "cddr", is_pair(a) && is_pair(cdr(a)), cddr(a))
INLINE1(caar, "caar", is_pair(a) && is_pair(car(a)), car(car(a)))
INLINE1(cdar, "cdar", is_pair(a) && is_pair(car(a)), cdr(car(a)))
INLINE1(list1, "list", true, cons(a, NIL))
INLINE1(vector_length, "vector-length", has_type(a, TYPE_VECTOR),
        fixnum_from_size(vector(a)->length))
TEST1(is_null, "null?", true, a == NIL)
TEST1(is_pair, "pair?", true, is_pair(a))
TEST1(not, "not", true, a == FALSE)
TEST1(is_string, "string?", true, is_string(a))
TEST1(is_vector, "vector?", true, has_type(a, TYPE_VECTOR))
TEST1(is_symbol, "symbol?", true, is_symbol(a))
TEST1(is_eof, "eof-object?", true, a == END_OF_FILE)
TEST1(is_zero, "zero?", is_fixnum(a), a == fixnum(0))

#define WAYS2(id, define)                                                      \
  define(id, , IN_FRAME, IN_FRAME) define(id, _c, IN_FRAME, constant_value)    \
      define(id, _sc, IN_SLOT, constant_value)                                 \
          define(id, _ss, IN_SLOT, IN_SLOT)
#define LIST2(id)                                                              \
  { id, id##_c, id##_sc, id##_ss }
#define CALLED2(id, name)                                                      \
  WAYS2(id, RUN)                                                               \
  INLINING(id, name, 2, LIST2(run_##id), {NULL});
#define TESTED2(id, name)                                                      \
  WAYS2(id, RUN)                                                               \
  WAYS2(id, RUN_IF)                                                            \
  INLINING(id, name, 2, LIST2(run_##id), LIST2(if_##id));
#define INLINE2(id, name, fits, fast)                                          \
  DO(id, fits, fast)                                                           \
  CALLED2(id, name)
#define TEST2(id, name, fits, test)                                            \
  DO(id, fits, boolean(test))                                                  \
  TESTED2(id, name)

/* Arithmetic with fixnums, then with flonums, then by the primitive. */
#define DO_ARITHMETIC(id, on_fixnums, on_doubles)                              \
  static __attribute__((noinline))                                             \
  value slow_##id(const struct node *n, value a, value b) {                    \
    if (is_flonum(a) && is_flonum(b)) {                                        \
      double x = flonum_value(a), y = flonum_value(b);                         \
      return on_doubles;                                                       \
    }                                                                          \
    return ask(n, a, b, 0);                                                    \
  }                                                                            \
  static inline value do_##id(const struct node *n, value a, value b) {        \
    if (LIKELY(are_fixnums(a, b))) {                                           \
      on_fixnums                                                               \
    }                                                                          \
    if ((a & b & 3) == 3) {                                                    \
      double x = flonum_unfold(a), y = flonum_unfold(b);                       \
      return on_doubles;                                                       \
    }                                                                          \
    return slow_##id(n, a, b);                                                 \
  }
#define ARITHMETIC(id, name, on_fixnums, on_doubles)                           \
  DO_ARITHMETIC(id, on_fixnums, on_doubles)                                    \
  CALLED2(id, name)
#define COMPARISON(id, name, operator)                                         \
  DO_ARITHMETIC(id, return boolean((intptr_t)a operator(intptr_t) b);          \
                , boolean(x operator y))                                       \
  TESTED2(id, name)

/* Fixnums are numbers times four plus one; the sums of words come out right. */
#define FIXNUM_RESULT(builtin, x, y, tag)                                      \
  intptr_t word;                                                               \
  if (LIKELY(!builtin((intptr_t)(x), (intptr_t)(y), &word)))                   \
    return (value)word + tag;
ARITHMETIC(add, "+", FIXNUM_RESULT(__builtin_add_overflow, a, b - 1, 0),
           flonum(x + y))
ARITHMETIC(subtract, "-", FIXNUM_RESULT(__builtin_sub_overflow, a, b - 1, 0),
           flonum(x - y))
ARITHMETIC(multiply, "*",
           FIXNUM_RESULT(__builtin_mul_overflow, a - 1, fixnum_value(b), 1),
           flonum(x *y))
COMPARISON(less, "<", <)
COMPARISON(greater, ">", >)
COMPARISON(less_equal, "<=", <=)
COMPARISON(greater_equal, ">=", >=)
COMPARISON(equal_number, "=", ==)

static inline bool is_index(enum type type, value a, value b) {
  return has_type(a, type) && is_fixnum(b) &&
         (size_t)fixnum_value(b) < vector(a)->length;
}
static inline bool are_positive(value a, value b) {
  return are_fixnums(a, b) && (intptr_t)a > 0 &&
         (intptr_t)b > (intptr_t)fixnum(0);
}

INLINE2(cons, "cons", true, cons(a, b))
INLINE2(list2, "list", true, list2(a, b))
INLINE2(set_car, "set-car!", is_pair(a), (pair(a)->car = b, UNSPECIFIED))
INLINE2(set_cdr, "set-cdr!", is_pair(a), (pair(a)->cdr = b, UNSPECIFIED))
TEST2(eq, "eq?", true, a == b)
TEST2(eqv, "eqv?", true, a == b || is_eqv(a, b))
TEST2(char_equal, "char=?", is_character(a) && is_character(b), a == b)
INLINE2(divide, "/", (a & b & 3) == 3,
        flonum(flonum_unfold(a) / flonum_unfold(b)))
INLINE2(quotient, "quotient", are_positive(a, b),
        fixnum(fixnum_value(a) / fixnum_value(b)))
INLINE2(remainder, "remainder", are_positive(a, b),
        fixnum(fixnum_value(a) % fixnum_value(b)))
INLINE2(modulo, "modulo", are_positive(a, b),
        fixnum(fixnum_value(a) % fixnum_value(b)))
INLINE2(vector_ref, "vector-ref", is_index(TYPE_VECTOR, a, b),
        vector(a)->items[fixnum_value(b)])
INLINE2(string_ref, "string-ref", is_index(TYPE_STRING, a, b),
        character(string(a)->chars[fixnum_value(b)]))

#define INLINE3(id, name, fits, fast)                                          \
  static value run_##id(const struct node *n, value *frame) {                  \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value a = eval(n->kids[1], frame);                                         \
    value b = eval(n->kids[2], frame);                                         \
    value c = eval(n->kids[3], frame);                                         \
    return LIKELY(fits) ? fast : ask(n, a, b, c);                              \
  }                                                                            \
  INLINING(id, name, 3, {run_##id}, {NULL});
INLINE3(list3, "list", true, cons(a, list2(b, c)))
INLINE3(vector_set, "vector-set!",
        is_index(TYPE_VECTOR, a, b) && !vector(a)->head.flags,
        (vector(a)->items[fixnum_value(b)] = c, UNSPECIFIED))

/* ------------------------------------------------------------------ choice */

/* 0: operands of any kind; else the index of a special case, see LIST2. */
static size_t way_of(struct node *const *args, size_t argc) {
  if (argc == 1) return is_slot(args[0]);
  if (argc != 2) return 0;
  if (is_constant(args[1])) return is_slot(args[0]) ? 2 : 1;
  return is_slot(args[0]) && is_slot(args[1]) ? 3 : 0;
}

void inline_if(struct node *n) {
  struct node *test = n->kids[0];
  if (is_operand(test) || test->count < 2) return;
  size_t argc = test->count - 1, way = way_of(test->kids + 1, argc);
  for (const struct inlining *in = __start_inlinings; in < __stop_inlinings;
       in++)
    if (in->run[way] == test->run && in->if_run[way]) {
      n->run = in->if_run[way];
      for (size_t i = 1; i <= argc; i++) n->kids[2 + i] = test->kids[i];
    }
}

void inline_call(const struct primitive *p, struct node *call) {
  static node_run *const fixed[] = {run_primitive_any, run_primitive1,
                                    run_primitive2, run_primitive3};
  size_t argc = call->count - 1;
  struct node **args = call->kids + 1;
  call->datum = (value)p;
  call->run = argc < 4 ? fixed[argc] : run_primitive_any;
  for (const struct inlining *in = __start_inlinings; in < __stop_inlinings;
       in++) {
    if (in->argc != argc || strcmp(in->name, p->name) != 0) continue;
    bool commutes = in->run[0] == run_add || in->run[0] == run_multiply;
    if (commutes && is_constant(args[0]) &&
        is_fixnum(constant_value(args[0]))) {
      struct node *constant = args[0];
      args[0] = args[1];
      args[1] = constant;
    }
    call->run = in->run[way_of(args, argc)];
  }
}
