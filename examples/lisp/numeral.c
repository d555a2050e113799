/* SPDX-License-Identifier: MIT */
/*
 * numeral.c: numbers to text and back.  Called by the reader, the printer,
 * number->string and string->number.
 */
#include "lisp.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ parsing */

/* The integer that the whole text is, or FALSE. */
static value integer_parse(const char *s, unsigned radix) {
  const char *digits = *s == '+' || *s == '-' ? s + 1 : s;
  bool has_prefix = radix == 16 && strpbrk(s, "xX"); /* or blanks: not ours */
  if (!isalnum((uint8_t)*digits) || has_prefix) return FALSE;
  char *end;
  errno = 0;
  long n = strtol(s, &end, (int)radix);
  if (*end) return FALSE;
  if (!errno && fits_fixnum(n)) return fixnum(n);
  return big_parse(*s == '+' ? digits : s, radix);
}

/* There are no rationals, see number.c. */
static value fraction_parse(const char *s, const char *slash, unsigned radix) {
  if (!isalnum((uint8_t)slash[1])) return FALSE; /* but a sign */
  char *numerator = gc_strndup(s, (size_t)(slash - s));
  if (!numerator) fail_memory();
  value over = integer_parse(numerator, radix);
  value under = integer_parse(slash + 1, radix);
  if (over == FALSE || under == FALSE || under == fixnum(0)) return FALSE;
  return number_divide(over, under);
}

static value real_parse(const char *s, unsigned radix) {
  const char *slash = strchr(s, '/');
  if (slash) return fraction_parse(s, slash, radix);
  value integer = integer_parse(s, radix);
  if (integer != FALSE) return integer;
  if (strcmp(s, "+inf.0") == 0) return flonum(INFINITY);
  if (strcmp(s, "-inf.0") == 0) return flonum(-INFINITY);
  if (strcmp(s, "+nan.0") == 0 || strcmp(s, "-nan.0") == 0) return flonum(NAN);
  if (radix != 10 || s[strspn(s, "+-.0123456789eE")]) return FALSE;
  char *end;
  double number = strtod(s, &end);
  return end > s && !*end ? flonum(number) : FALSE;
}

value number_parse(const char *s, unsigned radix) {
  if (radix == 10 && *s > '9') return FALSE; /* most symbols */
  static const char marks[] = "eibodx";
  static const uint8_t radices[] = {0, 0, 2, 8, 10, 16};
  char exactness = 0;
  for (; s[0] == '#' && s[1]; s += 2) {
    const char *mark = strchr(marks, s[1] | 32);
    if (!mark) return FALSE;
    if (!radices[mark - marks]) exactness = *mark;
    if (radices[mark - marks]) radix = radices[mark - marks];
  }
  value v = real_parse(s, radix);
  if (v == FALSE || !exactness) return v;
  return exactness == 'e' ? number_exact(v) : flonum(number_to_double(v));
}

/* --------------------------------------------------------------- formatting */

/* The shortest decimal that reads back as the same number. */
static value double_format(double number) {
  if (isnan(number)) return text("+nan.0");
  if (isinf(number)) return text(number < 0 ? "-inf.0" : "+inf.0");
  char out[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(out, sizeof out, "%.*g", digits, number);
    if (strtod(out, NULL) == number) break;
  }
  char *exponent = strchr(out, 'e');
  if (exponent) /* e+05 becomes e5 */
    sprintf(exponent, "e%d", atoi(exponent + 1));
  else if (!strchr(out, '.'))
    strcat(out, ".0");
  return text(out);
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
  if (is_flonum(v)) return double_format(flonum_value(v));
  return is_fixnum(v) ? fixnum_format(fixnum_value(v), radix)
                      : big_format(v, radix);
}
