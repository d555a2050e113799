/* SPDX-License-Identifier: MIT */
/*
 * number.c: arithmetic.  Exact numbers are integers: fixnums, and bignums for
 * what does not fit, which come from bignum_gmp.c or bignum_none.c; inexact
 * ones are doubles.  There are no rationals: where a division of integers
 * leaves a rest, the quotient is inexact.
 */
#include "lisp.h"

#include <math.h>

static bool is_number(value v) { return type_fits(v, NUMBERS); }

value integer_from_int64(int64_t n) {
  return n >= FIXNUM_MIN && n <= FIXNUM_MAX ? fixnum(n) : big_from_int64(n);
}

double number_to_double(value v) {
  if (is_flonum(v)) return flonum_value(v);
  return is_fixnum(v) ? (double)fixnum_value(v) : big_to_double(v);
}

static bool is_integer(value v) {
  return !is_flonum(v) || trunc(flonum_value(v)) - flonum_value(v) == 0;
}

value exact_from_double(double d) {
  return fabs(d) < 0x1p61 ? fixnum((intptr_t)d) : big_from_double(d);
}

static value inexact(value v) { return flonum(number_to_double(v)); }

static int number_compare(value a, value b);

/* --------------------------------------------------------------- arithmetic */

#define ARITHMETIC(name, operator, big)                                        \
  static value number_##name(value a, value b) {                               \
    int64_t exact;                                                             \
    if (are_fixnums(a, b) && !__builtin_##name##_overflow(                     \
                                 fixnum_value(a), fixnum_value(b), &exact))    \
      return integer_from_int64(exact);                                        \
    if (is_flonum(a) || is_flonum(b))                                          \
      return flonum(number_to_double(a) operator number_to_double(b));         \
    return big_arithmetic(big, a, b);                                          \
  }
ARITHMETIC(add, +, BIG_ADD)
ARITHMETIC(sub, -, BIG_SUB)
ARITHMETIC(mul, *, BIG_MUL)

static int sign(value v) {
  if (is_flonum(v)) return (flonum_value(v) > 0) - (flonum_value(v) < 0);
  return is_fixnum(v) ? (fixnum_value(v) > 0) - (fixnum_value(v) < 0)
                      : big_sign(v);
}

static value negated(value v) { return number_sub(fixnum(0), v); }

static void check_division(value a, value b) {
  if (!is_integer(a) || !is_integer(b))
    fail("integer division of what is no integer", list2(a, b));
  if (sign(b) == 0) fail1("division by zero", a);
}

/* Rounded towards zero. */
static value number_quotient(value a, value b) {
  check_division(a, b);
  if (are_fixnums(a, b))
    return integer_from_int64(fixnum_value(a) / fixnum_value(b));
  if (is_flonum(a) || is_flonum(b))
    return flonum(trunc(number_to_double(a) / number_to_double(b)));
  return big_arithmetic(BIG_QUO, a, b);
}

/* What then remains; it has the sign of a. */
static value number_remainder(value a, value b) {
  check_division(a, b);
  if (are_fixnums(a, b)) return fixnum(fixnum_value(a) % fixnum_value(b));
  if (is_flonum(a) || is_flonum(b))
    return flonum(fmod(number_to_double(a), number_to_double(b)));
  return big_arithmetic(BIG_REM, a, b);
}

static value modulo(value a, value b) {
  value remainder = number_remainder(a, b);
  bool crossed = sign(remainder) * sign(b) < 0;
  return crossed ? number_add(remainder, b) : remainder;
}

static value floor_quotient(value a, value b) {
  bool crossed = sign(number_remainder(a, b)) * sign(b) < 0;
  value quotient = number_quotient(a, b);
  return crossed ? number_sub(quotient, fixnum(1)) : quotient;
}

value number_divide(value a, value b) {
  bool exact = !is_flonum(a) && !is_flonum(b);
  if (exact && number_remainder(a, b) == fixnum(0))
    return number_quotient(a, b);
  return flonum(number_to_double(a) / number_to_double(b));
}

/* Euclid, for fixnums and integral doubles as for bignums. */
static value gcd(value a, value b) {
  while (sign(b) != 0) {
    value rest = number_remainder(a, b);
    a = b;
    b = rest;
  }
  return sign(a) < 0 ? negated(a) : a;
}

static value lcm(value a, value b) {
  if (sign(a) == 0 || sign(b) == 0) return fixnum(0);
  value product = number_mul(number_quotient(a, gcd(a, b)), b);
  return sign(product) < 0 ? negated(product) : product;
}

static value power(value base, value exponent) {
  if (is_flonum(base) || is_flonum(exponent))
    return flonum(pow(number_to_double(base), number_to_double(exponent)));
  if (sign(exponent) < 0)
    return number_divide(fixnum(1), power(base, negated(exponent)));
  if (base == fixnum(1) || base == fixnum(0))
    return exponent == fixnum(0) ? fixnum(1) : base;
  if (base == fixnum(-1))
    return number_remainder(exponent, fixnum(2)) == fixnum(0) ? fixnum(1)
                                                              : base;
  if (number_compare(exponent, fixnum(1 << 30)) > 0)
    fail1("expt: too large", exponent);
  value result = fixnum(1);
  for (intptr_t n = fixnum_value(exponent);; base = number_mul(base, base)) {
    if (n & 1) result = number_mul(result, base);
    if ((n >>= 1) == 0) return result;
  }
}

/* --------------------------------------------------------------- comparison */

static int compare_doubles(double a, double b) {
  return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
}

/* Exactly, even where the integer has more digits than a double. */
static int compare_mixed(value integer, double d) {
  bool small = is_fixnum(integer) && fabs(d) < 0x1p53;
  if (small || !isfinite(d))
    return compare_doubles(number_to_double(integer), d);
  int order = big_compare(integer, exact_from_double(trunc(d)));
  return order ? order : compare_doubles(0, d - trunc(d));
}

static int number_compare(value a, value b) {
  if (are_fixnums(a, b))
    return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
  if (is_flonum(a) && is_flonum(b))
    return compare_doubles(flonum_value(a), flonum_value(b));
  if (is_flonum(b)) return compare_mixed(a, flonum_value(b));
  if (!is_flonum(a)) return big_compare(a, b);
  int order = compare_mixed(b, flonum_value(a));
  return order == 2 ? 2 : -order;
}

/* Inexact where one of them is, whichever is chosen. */
static value choose(value a, value b, int wanted) {
  int order = number_compare(a, b);
  value chosen = order == wanted || (order == 2 && is_flonum(a)) ? a : b;
  return is_flonum(a) || is_flonum(b) ? inexact(chosen) : chosen;
}
static value larger(value a, value b) { return choose(a, b, 1); }
static value smaller(value a, value b) { return choose(a, b, -1); }

/* -------------------------------------------------- primitives by families */

/* From left to right; a lone argument is joined to what 0, or 1, is. */
PRIMITIVE(fold, "* n*", "/ nn*", "lcm n*", "+ n*", "- nn*", "gcd n*", "max nn*",
          "min nn*", "quotient nn", "truncate-quotient nn", "remainder nn",
          "truncate-remainder nn", "modulo nn", "floor-remainder nn",
          "floor-quotient nn", "expt nn") {
  static value (*const operations[])(value, value) = {number_mul,
                                                      number_divide,
                                                      lcm,
                                                      number_add,
                                                      number_sub,
                                                      gcd,
                                                      larger,
                                                      smaller,
                                                      number_quotient,
                                                      number_quotient,
                                                      number_remainder,
                                                      number_remainder,
                                                      modulo,
                                                      modulo,
                                                      floor_quotient,
                                                      power};
  bool is_lone = n < 2 && self->variant < 6;
  value result = is_lone ? fixnum(self->variant < 3) : a[0];
  for (size_t i = !is_lone; i < n; i++)
    result = operations[self->variant](result, a[i]);
  return result;
}

PRIMITIVE(are_ordered, "< nn*", "= nn*", "<= nn*", "> nn*", ">= nn*") {
  for (size_t i = 0; i + 1 < n; i++)
    if (!is_order(self, number_compare(a[i], a[i + 1]))) return FALSE;
  return TRUE;
}

enum { ZERO, PLUS, MINUS, FINITE, INFINITE, NO_NUMBER, RATIONAL, INTEGER, ODD };

PRIMITIVE(number_is, "zero? n", "positive? n", "negative? n", "finite? n",
          "infinite? n", "nan? n", "rational? a", "integer? a", "odd? n",
          "even? n") {
  double d = is_flonum(a[0]) ? flonum_value(a[0]) : 0;
  switch (self->variant) {
    case ZERO: return boolean(sign(a[0]) == 0 && !isnan(d));
    case PLUS: return boolean(sign(a[0]) > 0);
    case MINUS: return boolean(sign(a[0]) < 0);
    case FINITE: return boolean(isfinite(d));
    case INFINITE: return boolean(isinf(d));
    case NO_NUMBER: return boolean(isnan(d));
    case RATIONAL: return boolean(is_number(a[0]) && isfinite(d));
    case INTEGER: return boolean(is_number(a[0]) && is_integer(a[0]));
    default:
      return boolean((sign(number_remainder(a[0], fixnum(2))) != 0) ==
                     (self->variant == ODD));
  }
}

PRIMITIVE(of_double, "exp n", "sin n", "cos n", "tan n", "asin n", "acos n") {
  static double (*const functions[])(double) = {exp, sin, cos, tan, asin, acos};
  return flonum(functions[self->variant](number_to_double(a[0])));
}

PRIMITIVE(rounded, "floor n", "ceiling n", "truncate n",
          "round n") { /* rint: to even, as the processor does */
  static double (*const functions[])(double) = {floor, ceil, trunc, rint};
  if (!is_flonum(a[0])) return a[0];
  return flonum(functions[self->variant](flonum_value(a[0])));
}

/* -------------------------------------------------------- other primitives */

PRIMITIVE(to_exact, "exact n", "inexact->exact n") {
  if (!is_flonum(a[0])) return a[0];
  if (!is_integer(a[0])) fail1("exact: no exact number is equal to it", a[0]);
  return exact_from_double(flonum_value(a[0]));
}

PRIMITIVE(to_inexact, "inexact n", "exact->inexact n") { return inexact(a[0]); }

PRIMITIVE(absolute, "abs n", "magnitude n") {
  if (is_flonum(a[0])) return flonum(fabs(flonum_value(a[0])));
  return sign(a[0]) < 0 ? negated(a[0]) : a[0];
}

PRIMITIVE(square, "square n") { return number_mul(a[0], a[0]); }

/* The largest integer whose square is not above v, and the difference. */
static void square_root(value v, value *root, value *rest) {
  if (!is_fixnum(v)) {
    big_square_root(v, root, rest);
    return;
  }
  intptr_t n = fixnum_value(v);
  intptr_t r = (intptr_t)sqrt((double)n);
  while (r * r > n) r--;
  while ((r + 1) * (r + 1) <= n) r++;
  *root = fixnum(r);
  *rest = fixnum(n - r * r);
}

PRIMITIVE(exact_integer_sqrt, "exact-integer-sqrt z") {
  struct vector *parts = vector(make_sequence(TYPE_VALUES, 2));
  if (sign(a[0]) < 0) fail1("exact-integer-sqrt: negative", a[0]);
  square_root(a[0], &parts->items[0], &parts->items[1]);
  return (value)parts;
}

PRIMITIVE(sqrt_primitive, "sqrt n") {
  value root, rest = FALSE;
  if (!is_flonum(a[0]) && sign(a[0]) >= 0) square_root(a[0], &root, &rest);
  return rest == fixnum(0) ? root : flonum(sqrt(number_to_double(a[0])));
}

PRIMITIVE(log_primitive, "log n|n") {
  double result = log(number_to_double(a[0]));
  return flonum(n == 2 ? result / log(number_to_double(a[1])) : result);
}

PRIMITIVE(atan_primitive, "atan n|n") {
  return flonum(
      atan2(number_to_double(a[0]), n == 2 ? number_to_double(a[1]) : 1));
}

static unsigned radix_of(const value *a, size_t n) {
  if (n < 2) return 10;
  if (a[1] < fixnum(2) || a[1] > fixnum(36))
    fail1("a radix must be between 2 and 36", a[1]);
  return (unsigned)fixnum_value(a[1]);
}

PRIMITIVE(number_to_string, "number->string n|k") {
  return number_format(a[0], radix_of(a, n));
}

PRIMITIVE(string_to_number, "string->number s|k") {
  return number_parse(utf8_from_string(a[0], NULL), radix_of(a, n));
}
