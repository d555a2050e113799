/* SPDX-License-Identifier: MIT */
/*
 * number.c: arithmetic.  Exact numbers are integers: fixnums, and bignums for
 * what does not fit, which come from bignum_gmp.c or bignum_none.c; inexact
 * ones are doubles.  There are no rationals: where a division of integers
 * leaves a rest, the quotient is inexact.
 */
#include "lisp.h"

#include <math.h>

bool is_exact_integer(value v) {
  return is_fixnum(v) || has_type(v, TYPE_BIGNUM);
}

bool is_number(value v) { return is_flonum(v) || is_exact_integer(v); }

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

/* An integer, from a double without fraction. */
static value exact_from_double(double d) {
  return fabs(d) < 0x1p61 ? fixnum((intptr_t)d) : big_from_double(d);
}

static value exact(value v) {
  if (!is_flonum(v)) return v;
  if (!is_integer(v)) fail1("exact: no exact number is equal to it", v);
  return exact_from_double(flonum_value(v));
}

static value inexact(value v) { return flonum(number_to_double(v)); }

/* --------------------------------------------------------------- arithmetic */

value number_add(value a, value b) {
  if (are_fixnums(a, b))
    return integer_from_int64(fixnum_value(a) + fixnum_value(b));
  if (is_flonum(a) || is_flonum(b))
    return flonum(number_to_double(a) + number_to_double(b));
  return big_add(a, b);
}

value number_subtract(value a, value b) {
  if (are_fixnums(a, b))
    return integer_from_int64(fixnum_value(a) - fixnum_value(b));
  if (is_flonum(a) || is_flonum(b))
    return flonum(number_to_double(a) - number_to_double(b));
  return big_subtract(a, b);
}

value number_multiply(value a, value b) {
  int64_t product;
  if (are_fixnums(a, b) &&
      !__builtin_mul_overflow(fixnum_value(a), fixnum_value(b), &product))
    return integer_from_int64(product);
  if (is_flonum(a) || is_flonum(b))
    return flonum(number_to_double(a) * number_to_double(b));
  return big_multiply(a, b);
}

static int sign(value v) {
  if (is_flonum(v)) return (flonum_value(v) > 0) - (flonum_value(v) < 0);
  return is_fixnum(v) ? (fixnum_value(v) > 0) - (fixnum_value(v) < 0)
                      : big_sign(v);
}

/* The quotient, rounded towards zero, and what then remains. */
static void divide(value a, value b, value *quotient, value *remainder) {
  if (!is_integer(a) || !is_integer(b))
    fail("integer division of what is no integer", list2(a, b));
  if (sign(b) == 0) fail1("division by zero", a);
  if (are_fixnums(a, b)) {
    *quotient = integer_from_int64(fixnum_value(a) / fixnum_value(b));
    *remainder = fixnum(fixnum_value(a) % fixnum_value(b));
  } else if (is_flonum(a) || is_flonum(b)) {
    double x = number_to_double(a), y = number_to_double(b);
    *quotient = flonum(trunc(x / y));
    *remainder = flonum(fmod(x, y));
  } else {
    big_divide(a, b, quotient, remainder);
  }
}

value number_quotient(value a, value b) {
  value quotient, remainder;
  divide(a, b, &quotient, &remainder);
  return quotient;
}

value number_remainder(value a, value b) {
  value quotient, remainder;
  divide(a, b, &quotient, &remainder);
  return remainder;
}

value number_modulo(value a, value b) {
  value remainder = number_remainder(a, b);
  bool crossed = sign(remainder) * sign(b) < 0;
  return crossed ? number_add(remainder, b) : remainder;
}

static value floor_quotient(value a, value b) {
  value quotient, remainder;
  divide(a, b, &quotient, &remainder);
  bool crossed = sign(remainder) * sign(b) < 0;
  return crossed ? number_subtract(quotient, fixnum(1)) : quotient;
}

static value number_divide(value a, value b) {
  if (is_flonum(a) || is_flonum(b))
    return flonum(number_to_double(a) / number_to_double(b));
  value quotient, remainder;
  divide(a, b, &quotient, &remainder);
  if (remainder == fixnum(0)) return quotient;
  return flonum(number_to_double(a) / number_to_double(b));
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

/* ----------------------------------------------------------- primitives: n */

#define FOLD(name, start, operation)                                           \
  static value name(size_t argc, const value *argv) {                          \
    value result = start;                                                      \
    for (size_t i = 0; i < argc; i++) result = operation(result, argv[i]);     \
    return result;                                                             \
  }
#define REDUCE(name, start, operation)                                         \
  static value name(size_t argc, const value *argv) {                          \
    if (argc == 1) return operation(fixnum(start), argv[0]);                   \
    value result = argv[0];                                                    \
    for (size_t i = 1; i < argc; i++) result = operation(result, argv[i]);     \
    return result;                                                             \
  }
#define COMPARE(name, test)                                                    \
  static value name(size_t argc, const value *argv) {                          \
    for (size_t i = 0; i + 1 < argc; i++) {                                    \
      int order = number_compare(argv[i], argv[i + 1]);                        \
      if (!(test)) return FALSE;                                               \
    }                                                                          \
    return TRUE;                                                               \
  }

/* Euclid, for fixnums and integral doubles as for bignums. */
static value gcd2(value a, value b) {
  while (sign(b) != 0) {
    value rest = number_remainder(a, b);
    a = b;
    b = rest;
  }
  return sign(a) < 0 ? number_subtract(fixnum(0), a) : a;
}

static value lcm2(value a, value b) {
  if (sign(a) == 0 || sign(b) == 0) return fixnum(0);
  value product = number_multiply(number_quotient(a, gcd2(a, b)), b);
  return sign(product) < 0 ? number_subtract(fixnum(0), product) : product;
}

/* Inexact where one of them is, whichever is chosen. */
static value choose(value a, value b, int wanted) {
  int order = number_compare(a, b);
  value chosen = order == wanted || (order == 2 && is_flonum(a)) ? a : b;
  return is_flonum(a) || is_flonum(b) ? inexact(chosen) : chosen;
}
static value max2(value a, value b) { return choose(a, b, 1); }
static value min2(value a, value b) { return choose(a, b, -1); }

FOLD(add, fixnum(0), number_add)
FOLD(multiply, fixnum(1), number_multiply)
FOLD(greatest, argv[0], max2)
FOLD(least, argv[0], min2)
FOLD(gcd, fixnum(0), gcd2)
FOLD(lcm, fixnum(1), lcm2)
REDUCE(subtract, 0, number_subtract)
REDUCE(divide_all, 1, number_divide)
COMPARE(equal, order == 0)
COMPARE(less, order == -1)
COMPARE(greater, order == 1)
COMPARE(less_equal, order == -1 || order == 0)
COMPARE(greater_equal, order == 0 || order == 1)

/* --------------------------------------------------- primitives: predicates */

static value is_number_p(value v) { return boolean(is_number(v)); }
static value is_rational(value v) {
  return boolean(is_exact_integer(v) ||
                 (is_flonum(v) && isfinite(flonum_value(v))));
}
static value is_integer_p(value v) {
  return boolean(is_number(v) && is_integer(v));
}
static value is_exact(value v) { return boolean(!is_flonum(v)); }
static value is_inexact(value v) { return boolean(is_flonum(v)); }
static value is_exact_integer_p(value v) {
  return boolean(is_exact_integer(v));
}
static value is_finite(value v) {
  return boolean(!is_flonum(v) || isfinite(flonum_value(v)));
}
static value is_infinite(value v) {
  return boolean(is_flonum(v) && isinf(flonum_value(v)));
}
static value is_nan(value v) {
  return boolean(is_flonum(v) && isnan(flonum_value(v)));
}
static value is_zero(value v) {
  return boolean(is_flonum(v) ? flonum_value(v) == 0 : v == fixnum(0));
}
static value is_positive(value v) { return boolean(sign(v) > 0); }
static value is_negative(value v) { return boolean(sign(v) < 0); }
static value is_odd(value v) {
  value rest = number_remainder(v, fixnum(2));
  return boolean(sign(rest) != 0);
}
static value is_even(value v) { return boolean(is_odd(v) == FALSE); }

/* --------------------------------------------------------------- functions */

static value absolute(value v) {
  if (is_flonum(v)) return flonum(fabs(flonum_value(v)));
  return sign(v) < 0 ? number_subtract(fixnum(0), v) : v;
}

static value square(value v) { return number_multiply(v, v); }

static value power(value base, value exponent) {
  if (is_flonum(base) || is_flonum(exponent))
    return flonum(pow(number_to_double(base), number_to_double(exponent)));
  if (sign(exponent) < 0)
    return number_divide(fixnum(1),
                         power(base, number_subtract(fixnum(0), exponent)));
  if (base == fixnum(1) || base == fixnum(0))
    return exponent == fixnum(0) ? fixnum(1) : base;
  if (base == fixnum(-1)) return is_odd(exponent) == TRUE ? base : fixnum(1);
  if (number_compare(exponent, fixnum(1 << 30)) > 0)
    fail1("expt: too large", exponent);
  value result = fixnum(1);
  for (intptr_t n = fixnum_value(exponent);; base = square(base)) {
    if (n & 1) result = number_multiply(result, base);
    if ((n >>= 1) == 0) return result;
  }
}

/* The largest integer whose square is not above n, and the difference. */
static void square_root(value n, value *root, value *rest) {
  if (!is_fixnum(n)) {
    big_square_root(n, root, rest);
    return;
  }
  intptr_t square = fixnum_value(n);
  intptr_t r = (intptr_t)sqrt((double)square);
  while (r * r > square) r--;
  while ((r + 1) * (r + 1) <= square) r++;
  *root = fixnum(r);
  *rest = fixnum(square - r * r);
}

static value exact_integer_sqrt(value n) {
  value parts[2];
  if (sign(n) < 0) fail1("exact-integer-sqrt: negative", n);
  square_root(n, &parts[0], &parts[1]);
  return make_values(2, parts);
}

static value sqrt_primitive(value v) {
  value root, rest = FALSE;
  if (!is_flonum(v) && sign(v) >= 0) square_root(v, &root, &rest);
  return rest == fixnum(0) ? root : flonum(sqrt(number_to_double(v)));
}

static value log_primitive(size_t argc, const value *argv) {
  double result = log(number_to_double(argv[0]));
  if (argc == 2) result /= log(number_to_double(argv[1]));
  return flonum(result);
}

static value atan_primitive(size_t argc, const value *argv) {
  if (argc == 1) return flonum(atan(number_to_double(argv[0])));
  return flonum(atan2(number_to_double(argv[0]), number_to_double(argv[1])));
}

#define FLOAT(name)                                                            \
  static value float_##name(value v) {                                         \
    return flonum(name(number_to_double(v)));                                  \
  }
FLOAT(exp)
FLOAT(sin)
FLOAT(cos)
FLOAT(tan)
FLOAT(asin)
FLOAT(acos)

#define ROUND(name, function)                                                  \
  static value round_##name(value v) {                                         \
    return is_flonum(v) ? flonum(function(flonum_value(v))) : v;               \
  }
ROUND(floor, floor)
ROUND(ceiling, ceil)
ROUND(truncate, trunc)
ROUND(round, rint) /* to even, as the processor does */

static unsigned radix_of(size_t argc, const value *argv) {
  if (argc < 2) return 10;
  if (argv[1] < fixnum(2) || argv[1] > fixnum(36))
    fail1("a radix must be between 2 and 36", argv[1]);
  return (unsigned)fixnum_value(argv[1]);
}

static value number_to_string(size_t argc, const value *argv) {
  return number_format(argv[0], radix_of(argc, argv));
}

static value string_to_number(size_t argc, const value *argv) {
  return number_parse(utf8_from_string(argv[0], NULL), radix_of(argc, argv));
}

const struct primitive_row number_rows[] = {
    ROWN("+", "n", 0, -1, add),
    ROWN("*", "n", 0, -1, multiply),
    ROWN("-", "n", 1, -1, subtract),
    ROWN("/", "n", 1, -1, divide_all),
    ROWN("=", "n", 1, -1, equal),
    ROWN("<", "n", 1, -1, less),
    ROWN(">", "n", 1, -1, greater),
    ROWN("<=", "n", 1, -1, less_equal),
    ROWN(">=", "n", 1, -1, greater_equal),
    ROWN("max", "n", 1, -1, greatest),
    ROWN("min", "n", 1, -1, least),
    ROWN("gcd", "n", 0, -1, gcd),
    ROWN("lcm", "n", 0, -1, lcm),
    ROW2("quotient", "n", number_quotient),
    ROW2("remainder", "n", number_remainder),
    ROW2("modulo", "n", number_modulo),
    ROW2("truncate-quotient", "n", number_quotient),
    ROW2("truncate-remainder", "n", number_remainder),
    ROW2("floor-quotient", "n", floor_quotient),
    ROW2("floor-remainder", "n", number_modulo),
    ROW1("number?", "a", is_number_p),
    ROW1("complex?", "a", is_number_p),
    ROW1("real?", "a", is_number_p),
    ROW1("rational?", "a", is_rational),
    ROW1("integer?", "a", is_integer_p),
    ROW1("exact?", "n", is_exact),
    ROW1("inexact?", "n", is_inexact),
    ROW1("exact-integer?", "a", is_exact_integer_p),
    ROW1("finite?", "n", is_finite),
    ROW1("infinite?", "n", is_infinite),
    ROW1("nan?", "n", is_nan),
    ROW1("zero?", "n", is_zero),
    ROW1("positive?", "n", is_positive),
    ROW1("negative?", "n", is_negative),
    ROW1("odd?", "n", is_odd),
    ROW1("even?", "n", is_even),
    ROW_END,
};

const struct primitive_row float_rows[] = {
    ROW1("exact", "n", exact),
    ROW1("inexact", "n", inexact),
    ROW1("inexact->exact", "n", exact),
    ROW1("exact->inexact", "n", inexact),
    ROW1("abs", "n", absolute),
    ROW1("magnitude", "n", absolute),
    ROW1("square", "n", square),
    ROW2("expt", "n", power),
    ROW1("exact-integer-sqrt", "z", exact_integer_sqrt),
    ROW1("sqrt", "n", sqrt_primitive),
    ROW1("exp", "n", float_exp),
    ROWN("log", "n", 1, 2, log_primitive),
    ROW1("sin", "n", float_sin),
    ROW1("cos", "n", float_cos),
    ROW1("tan", "n", float_tan),
    ROW1("asin", "n", float_asin),
    ROW1("acos", "n", float_acos),
    ROWN("atan", "n", 1, 2, atan_primitive),
    ROW1("floor", "n", round_floor),
    ROW1("ceiling", "n", round_ceiling),
    ROW1("truncate", "n", round_truncate),
    ROW1("round", "n", round_round),
    ROWN("number->string", "nk", 1, 2, number_to_string),
    ROWN("string->number", "sk", 1, 2, string_to_number),
    ROW_END,
};
