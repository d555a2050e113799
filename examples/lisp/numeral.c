/* SPDX-License-Identifier: MIT */
/*
 * numeral.c: numbers to text and back.  Called by the reader, the printer,
 * number->string and string->number.
 */
#include "lisp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ parsing */

static unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  c |= 32;
  return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a' + 10) : 99;
}

static const char *skip_sign(const char *s) {
  return *s == '+' || *s == '-' ? s + 1 : s;
}

static const char *skip_digits(const char *s, unsigned radix) {
  while (digit_of(*s) < radix) s++;
  return s;
}

/* The integer between start and end, which has a digit and nothing else. */
static value integer_parse(const char *start, const char *end, unsigned radix) {
  char *digits = gc_strndup(start, (size_t)(end - start));
  if (!digits) fail_memory();
  errno = 0;
  long long n = strtoll(digits, NULL, (int)radix);
  if (errno != ERANGE) return integer_from_int64(n);
  return big_parse(*digits == '+' ? digits + 1 : digits, radix);
}

static bool is_decimal(const char *s) {
  const char *whole = skip_sign(s);
  const char *end = skip_digits(whole, 10);
  bool has_digit = end > whole;
  if (*end == '.') {
    const char *fraction = end + 1;
    end = skip_digits(fraction, 10);
    has_digit |= end > fraction;
  }
  if (has_digit && (*end | 32) == 'e') {
    const char *exponent = skip_sign(end + 1);
    end = skip_digits(exponent, 10);
    has_digit = end > exponent;
  }
  return has_digit && !*end;
}

static value real_parse(const char *s, unsigned radix) {
  const char *start = skip_sign(s);
  const char *end = skip_digits(start, radix);
  if (end > start && !*end) return integer_parse(s, end, radix);
  if (end > start && *end == '/') { /* there are no rationals, see number.c */
    const char *last = skip_digits(end + 1, radix);
    if (last == end + 1 || *last) return FALSE;
    value over = integer_parse(s, end, radix);
    value under = integer_parse(end + 1, last, radix);
    if (under == fixnum(0)) return FALSE;
    return number_divide(over, under);
  }
  if (radix == 10 && is_decimal(s)) return flonum(strtod(s, NULL));
  if (start > s && strcmp(start, "inf.0") == 0)
    return flonum(*s == '-' ? -INFINITY : INFINITY);
  if (start > s && strcmp(start, "nan.0") == 0) return flonum(NAN);
  return FALSE;
}

value number_parse(const char *s, unsigned radix) {
  char exactness = 0;
  for (; s[0] == '#' && s[1]; s += 2) {
    char mark = (char)(s[1] | 32);
    switch (mark) {
      case 'e':
      case 'i': exactness = mark; break;
      case 'x': radix = 16; break;
      case 'd': radix = 10; break;
      case 'o': radix = 8; break;
      case 'b': radix = 2; break;
      default: return FALSE;
    }
  }
  value v = real_parse(s, radix);
  if (v == FALSE || !exactness) return v;
  if (exactness == 'i') return flonum(number_to_double(v));
  double d = is_flonum(v) ? flonum_value(v) : 0;
  if (!isfinite(d) || trunc(d) != d) return FALSE;
  return is_flonum(v) ? exact_from_double(d) : v;
}

/* --------------------------------------------------------------- formatting */

/* The shortest decimal that reads back as the same number. */
static size_t double_format(double number, char *out, size_t size) {
  if (isnan(number)) return (size_t)snprintf(out, size, "+nan.0");
  if (isinf(number))
    return (size_t)snprintf(out, size, number < 0 ? "-inf.0" : "+inf.0");
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(out, size, "%.*g", digits, number);
    if (strtod(out, NULL) == number) break;
  }
  char *exponent = strchr(out, 'e');
  if (!exponent && !strchr(out, '.')) strcat(out, ".0");
  if (exponent) { /* e+05 becomes e5 */
    long power = strtol(exponent + 1, NULL, 10);
    snprintf(exponent, size - (size_t)(exponent - out), "e%ld", power);
  }
  return strlen(out);
}

static value fixnum_format(intptr_t n, unsigned radix) {
  char digits[70];
  size_t at = sizeof digits;
  uintptr_t rest = n < 0 ? -(uintptr_t)n : (uintptr_t)n;
  do {
    digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % radix];
    rest /= radix;
  } while (rest > 0);
  if (n < 0) digits[--at] = '-';
  return make_string_utf8(digits + at, sizeof digits - at);
}

value number_format(value v, unsigned radix) {
  char out[40];
  if (is_fixnum(v)) return fixnum_format(fixnum_value(v), radix);
  if (!is_flonum(v)) return big_format(v, radix);
  return make_string_utf8(out, double_format(flonum_value(v), out, sizeof out));
}
