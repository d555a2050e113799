/* SPDX-License-Identifier: MIT */
/*
 * bignum_none.c: in place of bignum_gmp.c where there is no GMP.  An integer
 * that does not fit a fixnum is an error, not a wrong number.
 */
#include "lisp.h"

_Noreturn static void overflow(void) {
  fail("integer overflow: this Lisp was built without GMP", NIL);
}

void bignum_init(void) {}

value big_arithmetic(enum big_operation operation UNUSED, value a UNUSED,
                     value b UNUSED) {
  overflow();
}

int big_compare(value a, value b) {
  return ((intptr_t)a > (intptr_t)b) - ((intptr_t)a < (intptr_t)b);
}

double big_to_double(value a) { return (double)fixnum_value(a); }

value big_from_double(double number UNUSED) { overflow(); }

value big_parse(const char *digits UNUSED, unsigned radix UNUSED) {
  overflow();
}

value big_format(value a UNUSED, unsigned radix UNUSED) { overflow(); }

size_t big_hash(value a) { return a; }
