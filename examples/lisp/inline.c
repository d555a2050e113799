/* SPDX-License-Identifier: MIT */
/*
 * inline.c: calls of primitives without a call.
 *
 * compile.c asks here when the procedure of a call is sure to be a primitive:
 * the name was never redefined so far.  Should that happen later, the flag
 * vm.redefined is set, which every node here looks at before anything else.
 */
#include "expression.h"
#include "node.h"

#include <alloca.h>

#define RETURN_IF_REDEFINED(n, frame)                                          \
  if (UNLIKELY(vm.redefined)) return call_redefined(n, frame)

static __attribute__((noinline)) value slow1(const struct node *n, value a) {
  vm.where = n->source;
  return primitive_call(primitive(n->datum), 1, &a);
}

static __attribute__((noinline)) value slow2(const struct node *n, value a,
                                             value b) {
  vm.where = n->source;
  return primitive_call(primitive(n->datum), 2, (const value[]){a, b});
}

static __attribute__((noinline)) value slow3(const struct node *n, value a,
                                             value b, value c) {
  vm.where = n->source;
  return primitive_call(primitive(n->datum), 3, (const value[]){a, b, c});
}

/* Any number of arguments; n->slot: may the answer be a TAIL? */
static value run_primitive_many(const struct node *n, value *frame) {
  RETURN_IF_REDEFINED(n, frame);
  value *args = alloca((n->count + 1) * sizeof *args);
  for (size_t i = 0; i < n->count; i++) args[i] = eval(n->kids[i], frame);
  vm.where = n->source;
  value v = primitive_call(primitive(n->datum), n->count, args);
  return UNLIKELY(v == TAIL) && !n->slot ? finish_jumps(v, frame) : v;
}

/* --------------------------------------------------------- one argument */

/* A node that gives `fast` where `fits` holds of a, else asks the primitive. */
#define INLINE1(name, fits, fast)                                              \
  static value run_##name(const struct node *n, value *frame) {                \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value a = eval(n->kids[0], frame);                                         \
    if (UNLIKELY(!(fits))) return slow1(n, a);                                 \
    return fast;                                                               \
  }

INLINE1(car, is_pair(a), car(a))
INLINE1(cdr, is_pair(a), cdr(a))
INLINE1(cadr, is_pair(a) && is_pair(cdr(a)), cadr(a))
INLINE1(cddr, is_pair(a) && is_pair(cdr(a)), cddr(a))
INLINE1(caar, is_pair(a) && is_pair(car(a)), car(car(a)))
INLINE1(cdar, is_pair(a) && is_pair(car(a)), cdr(car(a)))
INLINE1(is_null, true, boolean(a == NIL))
INLINE1(is_pair, true, boolean(is_pair(a)))
INLINE1(not, true, boolean(a == FALSE))
INLINE1(is_symbol, true, boolean(is_symbol(a)))
INLINE1(is_zero, is_fixnum(a), boolean(a == fixnum(0)))
INLINE1(is_eof, true, boolean(a == END_OF_FILE))
INLINE1(vector_length, has_type(a, TYPE_VECTOR),
        fixnum_from_size(vector(a)->length))

/* -------------------------------------------------------- two arguments */

#define INLINE2(name, fits, fast)                                              \
  static value run_##name(const struct node *n, value *frame) {                \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value a = eval(n->kids[0], frame);                                         \
    value b = eval(n->kids[1], frame);                                         \
    if (UNLIKELY(!(fits))) return slow2(n, a, b);                              \
    return fast;                                                               \
  }

/*
 * Arithmetic with fixnums, then with flonums, then by the primitive.  There
 * is a variant for a second argument that is a constant fixnum, as in (- n 1),
 * which is n->kids[1].
 */
#define ARITHMETIC(name, on_fixnums, on_doubles)                               \
  static __attribute__((noinline))                                             \
  value slow_##name(const struct node *n, value a, value b) {                  \
    if (is_flonum(a) && is_flonum(b)) {                                        \
      double x = flonum_value(a);                                              \
      double y = flonum_value(b);                                              \
      return on_doubles;                                                       \
    }                                                                          \
    return slow2(n, a, b);                                                     \
  }                                                                            \
  static inline value do_##name(const struct node *n, value a, value b) {      \
    if (LIKELY(are_fixnums(a, b))) {                                           \
      on_fixnums                                                               \
    }                                                                          \
    if ((a & b & 3) == 3) {                                                    \
      double x = flonum_unfold(a);                                             \
      double y = flonum_unfold(b);                                             \
      return on_doubles;                                                       \
    }                                                                          \
    return slow_##name(n, a, b);                                               \
  }                                                                            \
  static value run_##name(const struct node *n, value *frame) {                \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value a = eval(n->kids[0], frame);                                         \
    value b = eval(n->kids[1], frame);                                         \
    return do_##name(n, a, b);                                                 \
  }                                                                            \
  static value run_##name##_constant(const struct node *n, value *frame) {     \
    RETURN_IF_REDEFINED(n, frame);                                             \
    value a = eval(n->kids[0], frame);                                         \
    value b = constant_value(n->kids[1]);                                      \
    if (LIKELY(is_fixnum(a))) {                                                \
      on_fixnums                                                               \
    }                                                                          \
    return do_##name(n, a, b);                                                 \
  }

/* Fixnums are numbers times four plus one; the sums of words come out right. */
#define FIXNUM_SUM                                                             \
  value sum;                                                                   \
  if (LIKELY(!__builtin_add_overflow((intptr_t)a, (intptr_t)(b - 1),           \
                                     (intptr_t *)&sum)))                       \
    return sum;
#define FIXNUM_DIFFERENCE                                                      \
  value difference;                                                            \
  if (LIKELY(!__builtin_sub_overflow((intptr_t)a, (intptr_t)(b - 1),           \
                                     (intptr_t *)&difference)))                \
    return difference;
#define FIXNUM_PRODUCT                                                         \
  intptr_t product;                                                            \
  if (LIKELY(!__builtin_mul_overflow((intptr_t)(a - 1), fixnum_value(b),       \
                                     &product)))                               \
    return (value)product + 1;
#define FIXNUM_COMPARE(operator)                                               \
  return boolean((intptr_t)a operator(intptr_t) b);

ARITHMETIC(add, FIXNUM_SUM, flonum(x + y))
ARITHMETIC(subtract, FIXNUM_DIFFERENCE, flonum(x - y))
ARITHMETIC(multiply, FIXNUM_PRODUCT, flonum(x *y))
ARITHMETIC(less, FIXNUM_COMPARE(<), boolean(x < y))
ARITHMETIC(greater, FIXNUM_COMPARE(>), boolean(x > y))
ARITHMETIC(less_equal, FIXNUM_COMPARE(<=), boolean(x <= y))
ARITHMETIC(greater_equal, FIXNUM_COMPARE(>=), boolean(x >= y))
ARITHMETIC(equal_number, FIXNUM_COMPARE(==), boolean(x == y))

static inline bool is_index(value a, value b) {
  return has_type(a, TYPE_VECTOR) && is_fixnum(b) &&
         (size_t)fixnum_value(b) < vector(a)->length;
}
static inline bool is_string_index(value a, value b) {
  return is_string(a) && is_fixnum(b) &&
         (size_t)fixnum_value(b) < string(a)->length;
}
static inline bool are_positive(value a, value b) {
  return are_fixnums(a, b) && (intptr_t)a > 0 &&
         (intptr_t)b > (intptr_t)fixnum(0);
}
static inline value divide_flonums(value a, value b) {
  return flonum(flonum_unfold(a) / flonum_unfold(b));
}

INLINE2(cons, true, cons(a, b))
INLINE2(eq, true, boolean(a == b))
INLINE2(eqv, true, boolean(a == b || is_eqv(a, b)))
INLINE2(divide, (a & b & 3) == 3, divide_flonums(a, b))
INLINE2(quotient, are_positive(a, b), fixnum(fixnum_value(a) / fixnum_value(b)))
INLINE2(remainder, are_positive(a, b),
        fixnum(fixnum_value(a) % fixnum_value(b)))
INLINE2(vector_ref, is_index(a, b), vector(a)->items[fixnum_value(b)])
INLINE2(string_ref, is_string_index(a, b),
        character(string(a)->chars[fixnum_value(b)]))
INLINE2(char_equal, is_character(a) && is_character(b), boolean(a == b))

static value run_vector_set(const struct node *n, value *frame) {
  RETURN_IF_REDEFINED(n, frame);
  value a = eval(n->kids[0], frame);
  value b = eval(n->kids[1], frame);
  value c = eval(n->kids[2], frame);
  if (UNLIKELY(!is_index(a, b) || vector(a)->head.flags))
    return slow3(n, a, b, c);
  vector(a)->items[fixnum_value(b)] = c;
  return UNSPECIFIED;
}

/* ------------------------------------------------------- tests of an if */

/* An if whose test is a known node: t, on the operands a and b. */
#define IF(name, test)                                                         \
  static value run_if_##name(const struct node *n, value *frame) {             \
    if (UNLIKELY(vm.redefined)) return run_if(n, frame);                       \
    const struct node *t = n->kids[0];                                         \
    value a = eval(t->kids[0], frame);                                         \
    return eval(n->kids[(test) ? 1 : 2], frame);                               \
  }
#define IF2(name, test)                                                        \
  static inline bool test_##name(const struct node *t, value a, value b) {     \
    (void)t;                                                                   \
    return test;                                                               \
  }                                                                            \
  IF(name, test_##name(t, a, eval(t->kids[1], frame)))                         \
  IF(name##_constant, test_##name(t, a, constant_value(t->kids[1])))

IF(is_null, a == NIL)
IF(is_pair, is_pair(a))
IF(not, a == FALSE)
IF(is_zero, is_fixnum(a) ? a == fixnum(0) : slow1(t, a) != FALSE)
IF2(eq, a == b)
IF2(eqv, a == b || is_eqv(a, b))
IF2(less, do_less(t, a, b) != FALSE)
IF2(greater, do_greater(t, a, b) != FALSE)
IF2(less_equal, do_less_equal(t, a, b) != FALSE)
IF2(greater_equal, do_greater_equal(t, a, b) != FALSE)
IF2(equal_number, do_equal_number(t, a, b) != FALSE)

static const struct {
  node_run *test;
  node_run *run;
  node_run *run_constant; /* the second operand is a constant */
} tests[] = {
    {run_is_null, run_if_is_null, run_if_is_null},
    {run_is_pair, run_if_is_pair, run_if_is_pair},
    {run_not, run_if_not, run_if_not},
    {run_is_zero, run_if_is_zero, run_if_is_zero},
    {run_eq, run_if_eq, run_if_eq_constant},
    {run_eqv, run_if_eqv, run_if_eqv_constant},
    {run_less, run_if_less, NULL},
    {run_less_constant, run_if_less_constant, NULL},
    {run_greater, run_if_greater, NULL},
    {run_greater_constant, run_if_greater_constant, NULL},
    {run_less_equal, run_if_less_equal, NULL},
    {run_less_equal_constant, run_if_less_equal_constant, NULL},
    {run_greater_equal, run_if_greater_equal, NULL},
    {run_greater_equal_constant, run_if_greater_equal_constant, NULL},
    {run_equal_number, run_if_equal_number, NULL},
    {run_equal_number_constant, run_if_equal_number_constant, NULL},
};

void inline_if(struct node *n) {
  const struct node *t = n->kids[0];
  if (is_operand(t)) return;
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    if (tests[i].test != t->run) continue;
    bool constant = tests[i].run_constant && t->count > 1 &&
                    is_constant_operand(t->kids[1]);
    n->run = constant ? tests[i].run_constant : tests[i].run;
  }
}

/* ------------------------------------------------------------------ choice */

static const struct inlining {
  const char *name;
  size_t argc;
  node_run *run;
  node_run *run_constant; /* the last argument is a constant fixnum */
} inlinings[] = {
    {"car", 1, run_car, NULL},
    {"cdr", 1, run_cdr, NULL},
    {"cadr", 1, run_cadr, NULL},
    {"cddr", 1, run_cddr, NULL},
    {"caar", 1, run_caar, NULL},
    {"cdar", 1, run_cdar, NULL},
    {"null?", 1, run_is_null, NULL},
    {"pair?", 1, run_is_pair, NULL},
    {"not", 1, run_not, NULL},
    {"symbol?", 1, run_is_symbol, NULL},
    {"zero?", 1, run_is_zero, NULL},
    {"eof-object?", 1, run_is_eof, NULL},
    {"vector-length", 1, run_vector_length, NULL},
    {"cons", 2, run_cons, NULL},
    {"eq?", 2, run_eq, NULL},
    {"eqv?", 2, run_eqv, NULL},
    {"+", 2, run_add, run_add_constant},
    {"-", 2, run_subtract, run_subtract_constant},
    {"*", 2, run_multiply, run_multiply_constant},
    {"<", 2, run_less, run_less_constant},
    {">", 2, run_greater, run_greater_constant},
    {"<=", 2, run_less_equal, run_less_equal_constant},
    {">=", 2, run_greater_equal, run_greater_equal_constant},
    {"=", 2, run_equal_number, run_equal_number_constant},
    {"/", 2, run_divide, NULL},
    {"quotient", 2, run_quotient, NULL},
    {"remainder", 2, run_remainder, NULL},
    {"modulo", 2, run_remainder, NULL}, /* the same for positive numbers */
    {"vector-ref", 2, run_vector_ref, NULL},
    {"string-ref", 2, run_string_ref, NULL},
    {"char=?", 2, run_char_equal, NULL},
    {"vector-set!", 3, run_vector_set, NULL},
};

static bool is_constant_fixnum(const struct node *n) {
  return is_constant_operand(n) && is_fixnum(constant_value(n));
}

bool inline_folds(const struct primitive *p) {
  const char *name = p->row->name;
  return name[1] == 0 && strchr("+-*", name[0]);
}

static node_run *inline_run(const struct primitive *p, struct node *call) {
  size_t argc = call->count;
  for (size_t i = 0; i < sizeof inlinings / sizeof inlinings[0]; i++) {
    const struct inlining *in = &inlinings[i];
    if (in->argc != argc || strcmp(in->name, p->row->name) != 0) continue;
    bool commutes = in->run == run_add || in->run == run_multiply;
    if (commutes && is_constant_fixnum(call->kids[0])) {
      const struct node *constant = call->kids[0];
      call->kids[0] = call->kids[1];
      call->kids[1] = constant;
    }
    bool constant = in->run_constant && is_constant_fixnum(call->kids[1]);
    return constant ? in->run_constant : in->run;
  }
  return run_primitive_many;
}

/* call->count is the number of arguments; kids[count] is the procedure. */
const struct node *inline_call(const struct primitive *p, struct node *call) {
  call->run = inline_run(p, call);
  return call->run ? call : NULL;
}
