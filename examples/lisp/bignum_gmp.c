/* SPDX-License-Identifier: MIT */
/*
 * bignum_gmp.c: integers of any size, by GMP, whose memory comes from the
 * collector's heap.  The digits lie in pointer-free blocks; GMP's mpz_t, which
 * points to them, lies in a scanned one or on the stack.  Neither has to be
 * told to anyone, and what an error leaves behind in the middle of a
 * multiplication is collected.  What GMP frees is free at once.
 */
#include "lisp.h"

#include <gmp.h>
#include <math.h>
#include <stdlib.h>

struct bignum {
  struct object head;
  mpz_t z;
};

/* The most digits (of 64 bits) a number may have; GMP aborts at some point. */
enum { DIGITS_MAX = 1 << 24 };

static void *gmp_allocate(size_t size) { return allocate_atomic(size); }

static void *gmp_reallocate(void *block, size_t old_size, size_t size) {
  (void)old_size;
  void *moved = gc_realloc(block, size);
  if (!moved) fail_memory();
  return moved;
}

static void gmp_free(void *block, size_t size) {
  (void)size;
  gc_free(block);
}

void bignum_init(void) {
  mp_set_memory_functions(gmp_allocate, gmp_reallocate, gmp_free);
}

/* An operand; a fixnum becomes an mpz_t whose only digit is in limb. */
static mpz_srcptr operand(value v, mpz_t z, mp_limb_t *limb) {
  if (!is_fixnum(v)) return ((struct bignum *)v)->z;
  intptr_t n = fixnum_value(v);
  *limb = n < 0 ? -(mp_limb_t)n : (mp_limb_t)n;
  return mpz_roinit_n(z, limb, n < 0 ? -1 : n > 0);
}

#define OPERAND(name, v)                                                       \
  mpz_t name##_z;                                                              \
  mp_limb_t name##_limb;                                                       \
  mpz_srcptr name = operand(v, name##_z, &name##_limb)

static struct bignum *result_make(void) {
  struct bignum *b = allocate(sizeof *b);
  b->head.type = TYPE_BIGNUM;
  mpz_init(b->z);
  return b;
}

/* The number as a value: a fixnum where it is small enough. */
static value finish(struct bignum *b) {
  if (!mpz_fits_slong_p(b->z)) return (value)b;
  long n = mpz_get_si(b->z);
  if (n < FIXNUM_MIN || n > FIXNUM_MAX) return (value)b;
  mpz_clear(b->z);
  return fixnum(n);
}

value big_add(value a, value b) {
  OPERAND(x, a);
  OPERAND(y, b);
  struct bignum *r = result_make();
  mpz_add(r->z, x, y);
  return finish(r);
}

value big_subtract(value a, value b) {
  OPERAND(x, a);
  OPERAND(y, b);
  struct bignum *r = result_make();
  mpz_sub(r->z, x, y);
  return finish(r);
}

value big_multiply(value a, value b) {
  OPERAND(x, a);
  OPERAND(y, b);
  if (mpz_size(x) + mpz_size(y) > DIGITS_MAX) fail("number too large", NIL);
  struct bignum *r = result_make();
  mpz_mul(r->z, x, y);
  return finish(r);
}

void big_divide(value a, value b, value *quotient, value *remainder) {
  OPERAND(x, a);
  OPERAND(y, b);
  struct bignum *q = result_make();
  struct bignum *r = result_make();
  mpz_tdiv_qr(q->z, r->z, x, y);
  *quotient = finish(q);
  *remainder = finish(r);
}

void big_square_root(value a, value *root, value *rest) {
  OPERAND(x, a);
  struct bignum *r = result_make();
  struct bignum *s = result_make();
  mpz_sqrtrem(r->z, s->z, x);
  *root = finish(r);
  *rest = finish(s);
}

int big_compare(value a, value b) {
  OPERAND(x, a);
  OPERAND(y, b);
  int order = mpz_cmp(x, y);
  return (order > 0) - (order < 0);
}

int big_sign(value a) { return mpz_sgn(((struct bignum *)a)->z); }

/* To the nearest, where GMP would cut off. */
double big_to_double(value a) {
  OPERAND(x, a);
  size_t bits = mpz_sizeinbase(x, 2);
  if (bits > 1024) return mpz_sgn(x) * (double)INFINITY;
  char *digits = mpz_get_str(NULL, 10, x);
  double d = strtod(digits, NULL);
  gc_free(digits);
  return d;
}

value big_from_double(double number) {
  struct bignum *r = result_make();
  mpz_set_d(r->z, number);
  return finish(r);
}

value big_from_int64(int64_t n) {
  struct bignum *r = result_make();
  mpz_set_si(r->z, n);
  return finish(r);
}

value big_parse(const char *digits, unsigned radix) {
  struct bignum *r = result_make();
  mpz_set_str(r->z, digits, (int)radix);
  return finish(r);
}

value big_format(value a, unsigned radix) {
  OPERAND(x, a);
  char *digits = mpz_get_str(NULL, (int)radix, x);
  value s = text(digits);
  gc_free(digits);
  return s;
}

size_t big_hash(value a) {
  OPERAND(x, a);
  size_t hash = (size_t)mpz_sgn(x);
  for (size_t i = 0; i < mpz_size(x); i++)
    hash = hash * 31 ^ mpz_getlimbn(x, (mp_size_t)i);
  return hash;
}
