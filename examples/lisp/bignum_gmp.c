/* SPDX-License-Identifier: MIT */
/*
 * bignum_gmp.c: integers of any size, by GMP, whose memory comes from the
 * collector's heap.
 *
 * What GMP allocates is scanned: it links its scratch blocks by pointers in
 * them.  (They were pointer-free once; a block in the middle of such a list
 * was collected, and GMP stumbled on freeing it.)  A finished number has its
 * digits copied to a pointer-free block of just their size.  What an error
 * leaves behind in the middle of an operation is garbage like any other, and
 * what GMP frees is free at once.
 */
#include "lisp.h"

#include <gmp.h>
#include <math.h>
#include <stdlib.h>

struct bignum {
  struct object head;
  mpz_t z;
};

/*
 * The most digits (of 64 bits) a product may have; GMP aborts at some point.
 * Where steps are counted, one of them must not take for ever.
 */
static size_t digits_max(void) {
  return vm.steps ? (size_t)1 << 12 : (size_t)1 << 24;
}

static void *gmp_reallocate(void *block, size_t old UNUSED, size_t size) {
  void *moved = gc_realloc(block, size);
  if (!moved) fail_memory();
  return moved;
}

static void gmp_free(void *block, size_t size UNUSED) { gc_free(block); }

void bignum_init(void) {
  mp_set_memory_functions(allocate, gmp_reallocate, gmp_free);
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

/* The number as a value: a fixnum where it is small enough.  Clears z. */
static value finish(mpz_t z) {
  long n = mpz_get_si(z);
  if (mpz_fits_slong_p(z) && fits_fixnum(n)) {
    mpz_clear(z);
    return fixnum(n);
  }
  size_t size = mpz_size(z);
  mp_limb_t *digits = allocate_atomic(size * sizeof *digits);
  memcpy(digits, mpz_limbs_read(z), size * sizeof *digits);
  struct bignum *b = make_object(TYPE_BIGNUM, sizeof *b);
  mpz_roinit_n(b->z, digits, mpz_sgn(z) * (mp_size_t)size);
  mpz_clear(z);
  return (value)b;
}

static void square_root(mpz_ptr z, mpz_srcptr x, mpz_srcptr y UNUSED) {
  mpz_sqrt(z, x);
}

value big_arithmetic(enum big_operation operation, value a, value b) {
  static void (*const operations[])(mpz_ptr, mpz_srcptr, mpz_srcptr) = {
      mpz_add, mpz_sub, mpz_mul, mpz_tdiv_q, mpz_tdiv_r, square_root};
  OPERAND(x, a);
  OPERAND(y, b);
  if (operation == BIG_MUL && mpz_size(x) + mpz_size(y) > digits_max())
    fail("number too large", NIL);
  mpz_t z;
  mpz_init(z);
  operations[operation](z, x, y);
  return finish(z);
}

int big_compare(value a, value b) {
  OPERAND(x, a);
  OPERAND(y, b);
  int order = mpz_cmp(x, y);
  return (order > 0) - (order < 0);
}

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
  mpz_t z;
  mpz_init_set_d(z, number);
  return finish(z);
}

value big_parse(const char *digits, unsigned radix) {
  mpz_t z;
  mpz_init_set_str(z, digits, (int)radix);
  return finish(z);
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
  return mpz_fdiv_ui(x, ((size_t)1 << 61) - 1); /* which is prime */
}
