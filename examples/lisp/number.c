/* SPDX-License-Identifier: MIT */
/*
 * number.c: arithmetic.  Exact numbers are integers: fixnums, and bignums for
 * what does not fit, which come from bignum_gmp.c or bignum_none.c; inexact
 * ones are doubles.  There are no rationals: where a division of integers
 * leaves a rest, the quotient is inexact.
 */
#include "lisp.h"

#include <float.h>
#include <math.h>

double number_to_double(value v) {
  if (is_flonum(v)) return flonum_value(v);
  return is_fixnum(v) ? (double)fixnum_value(v) : big_to_double(v);
}

static bool is_integer(value v) {
  return !is_flonum(v) || trunc(flonum_value(v)) - flonum_value(v) == 0;
}

value number_exact(value v) {
  if (!is_flonum(v)) return v;
  double d = flonum_value(v);
  if (!is_integer(v)) return FALSE;
  return fabs(d) < 0x1p61 ? fixnum((intptr_t)d) : big_from_double(d);
}

static value inexact(value v) { return flonum(number_to_double(v)); }

/* --------------------------------------------------------------- arithmetic */

#define ARITHMETIC(name, operator, big)                                        \
  static value number_##name(value a, value b) {                               \
    intptr_t n;                                                                \
    if (are_fixnums(a, b) &&                                                   \
        !__builtin_##name##_overflow(fixnum_value(a), fixnum_value(b), &n) &&  \
        fits_fixnum(n))                                                        \
      return fixnum(n);                                                        \
    if (is_flonum(a) || is_flonum(b))                                          \
      return flonum(number_to_double(a) operator number_to_double(b));         \
    return big_arithmetic(big, a, b);                                          \
  }
ARITHMETIC(add, +, BIG_ADD)
ARITHMETIC(sub, -, BIG_SUB)
ARITHMETIC(mul, *, BIG_MUL)

static int sign(value v) { return number_compare(v, fixnum(0)); }

static value negated(value v) { return number_sub(fixnum(0), v); }

static value absolute(value v) {
  if (is_flonum(v)) return flonum(fabs(flonum_value(v)));
  return sign(v) < 0 ? negated(v) : v;
}

/* The quotient, rounded towards zero, or what then remains. */
static value divide(enum big_operation part, value a, value b) {
  if (!is_integer(a) || !is_integer(b))
    fail("integer division of what is no integer", list2(a, b));
  if (sign(b) == 0) fail1("division by zero", a);
  bool is_quotient = part == BIG_QUO;
  if (are_fixnums(a, b)) {
    intptr_t x = fixnum_value(a), y = fixnum_value(b);
    if (is_quotient && y == -1) return negated(a); /* which may not fit */
    return fixnum(is_quotient ? x / y : x % y);
  }
  if (!is_flonum(a) && !is_flonum(b)) return big_arithmetic(part, a, b);
  double x = number_to_double(a), y = number_to_double(b);
  return flonum(is_quotient ? trunc(x / y) : fmod(x, y));
}

static value quotient(value a, value b) { return divide(BIG_QUO, a, b); }
static value remainder_of(value a, value b) { return divide(BIG_REM, a, b); }

static value modulo(value a, value b) {
  value remainder = remainder_of(a, b);
  bool crossed = sign(remainder) * sign(b) < 0;
  return crossed ? number_add(remainder, b) : remainder;
}

static value floor_quotient(value a, value b) {
  value rounded = quotient(a, b);
  bool crossed = sign(remainder_of(a, b)) * sign(b) < 0;
  return number_sub(rounded, fixnum(crossed));
}

value number_divide(value a, value b) {
  bool exact = !is_flonum(a) && !is_flonum(b);
  if (exact && remainder_of(a, b) == fixnum(0)) return quotient(a, b);
  return flonum(number_to_double(a) / number_to_double(b));
}

/* Euclid, for fixnums and integral doubles as for bignums. */
static value gcd(value a, value b) {
  while (sign(b) != 0) {
    value rest = remainder_of(a, b);
    a = b;
    b = rest;
  }
  return absolute(a);
}

static value lcm(value a, value b) {
  if (sign(a) == 0 || sign(b) == 0) return fixnum(0);
  return absolute(number_mul(quotient(a, gcd(a, b)), b));
}

static value power(value base, value exponent) {
  if (is_flonum(base) || is_flonum(exponent))
    return flonum(pow(number_to_double(base), number_to_double(exponent)));
  if (sign(exponent) < 0)
    return number_divide(fixnum(1), power(base, negated(exponent)));
  if (number_compare(exponent, fixnum(1 << 30)) > 0) {
    if (number_compare(absolute(base), fixnum(1)) > 0)
      fail1("expt: too large", exponent);
    exponent = number_add(remainder_of(exponent, fixnum(2)), fixnum(2));
  }
  value result = fixnum(1);
  for (intptr_t n = fixnum_value(exponent);; base = number_mul(base, base)) {
    if (n & 1) result = number_mul(result, base);
    if ((n >>= 1) == 0) return result;
  }
}

/* --------------------------------------------------------------- comparison */

static int compare_doubles(long double a, long double b) {
  return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
}

/* Exactly, even where the integer has more digits than a double. */
static int compare_mixed(value integer, double d) {
  _Static_assert(LDBL_MANT_DIG >= 62, "a long double holds a fixnum");
  if (is_fixnum(integer)) return compare_doubles(fixnum_value(integer), d);
  if (!isfinite(d)) return compare_doubles(0, d);
  int order = big_compare(integer, number_exact(flonum(trunc(d))));
  return order ? order : compare_doubles(0, d - trunc(d));
}

int number_compare(value a, value b) {
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

typedef value operation(value a, value b);

/* From left to right; a lone argument is joined to what 0, or 1, is. */
PRIMITIVE(fold, "* n*", "/ nn*", "lcm n*", "+ n*", "- nn*", "gcd n*", "max nn*",
          "min nn*", "quotient nn", "truncate-quotient nn", "remainder nn",
          "truncate-remainder nn", "modulo nn", "floor-remainder nn",
          "floor-quotient nn", "expt nn") {
  static operation *const operations[] = {
      number_mul,   number_divide, lcm,     number_add, number_sub,
      gcd,          larger,        smaller, quotient,   quotient,
      remainder_of, remainder_of,  modulo,  modulo,     floor_quotient,
      power,
  };
  bool is_lone = n < 2 && self->variant < 6;
  value result = is_lone ? fixnum(self->variant < 3) : a[0];
  for (size_t i = !is_lone; i < n; i++)
    result = operations[self->variant](result, a[i]);
  return result;
}

PRIMITIVE(has_sign, "negative? n", "zero? n", "positive? n") {
  return boolean(sign(a[0]) == (int)self->variant - 1);
}

PRIMITIVE(has_parity, "even? n", "odd? n") {
  bool is_odd = sign(remainder_of(a[0], fixnum(2))) != 0;
  return boolean(is_odd == self->variant);
}

PRIMITIVE(is_rational, "finite? n", "rational? a", "integer? a") {
  if (!is_flonum(a[0])) return boolean(type_fits(a[0], NUMBERS));
  bool is_finite = isfinite(flonum_value(a[0]));
  return boolean(self->variant < 2 ? is_finite : is_integer(a[0]));
}

PRIMITIVE(is_class, "nan? n", "infinite? n") {
  static const int classes[] = {FP_NAN, FP_INFINITE};
  double d = is_flonum(a[0]) ? flonum_value(a[0]) : 0;
  return boolean(fpclassify(d) == classes[self->variant]);
}

PRIMITIVE(of_double, "floor n", "ceiling n", "truncate n", "round n", "exp n",
          "sin n", "cos n", "tan n", "asin n", "acos n") {
  static double (*const functions[])(double) = {
      floor, ceil, trunc, rint /* to even */, exp, sin, cos, tan, asin, acos};
  bool rounds = self->variant < 4;
  if (rounds && !is_flonum(a[0])) return a[0];
  return flonum(functions[self->variant](number_to_double(a[0])));
}

/* -------------------------------------------------------- other primitives */

PRIMITIVE(to_exact, "exact n", "inexact->exact n") {
  value exact = number_exact(a[0]);
  if (exact == FALSE) fail1("exact: no exact number is equal to it", a[0]);
  return exact;
}

PRIMITIVE(to_inexact, "inexact n", "exact->inexact n") { return inexact(a[0]); }

PRIMITIVE(magnitude, "abs n", "magnitude n") { return absolute(a[0]); }

PRIMITIVE(square, "square n") { return number_mul(a[0], a[0]); }

/* Rounded down. */
static value square_root(value v) {
  if (!is_fixnum(v)) return big_arithmetic(BIG_ROOT, v, v);
  intptr_t n = fixnum_value(v), root = (intptr_t)sqrt((double)n);
  while (root * root > n) root--;
  while ((root + 1) * (root + 1) <= n) root++;
  return fixnum(root);
}

PRIMITIVE(exact_integer_sqrt, "exact-integer-sqrt z") {
  if (sign(a[0]) < 0) fail1("exact-integer-sqrt: negative", a[0]);
  struct vector *parts = vector(make_sequence(TYPE_VALUES, 2));
  value root = square_root(a[0]);
  parts->items[0] = root;
  parts->items[1] = number_sub(a[0], number_mul(root, root));
  return (value)parts;
}

PRIMITIVE(sqrt_primitive, "sqrt n") {
  if (!is_flonum(a[0]) && sign(a[0]) >= 0) {
    value root = square_root(a[0]);
    if (number_compare(number_mul(root, root), a[0]) == 0) return root;
  }
  return flonum(sqrt(number_to_double(a[0])));
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
