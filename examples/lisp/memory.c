/* SPDX-License-Identifier: MIT */
/*
 * memory.c: every block the Lisp allocates comes from here, or from GMP by way
 * of bignum_gmp.c.  There is nothing else to it: no roots, no barriers.  The
 * only duty is to turn the NULL of gc_malloc into an error of the Lisp.
 */
#include "lisp.h"

struct gc_pool pairs = GC_POOL(sizeof(struct pair));

static void *sure(void *block) {
  if (UNLIKELY(!block)) fail_memory();
  return block;
}

void *allocate(size_t size) { return sure(gc_malloc(size)); }
void *allocate_atomic(size_t size) { return sure(gc_malloc_atomic(size)); }

value list2(value a, value b) { return cons(a, cons(b, NIL)); }

void *make_object(enum type type, size_t size) {
  struct object *o = allocate(size);
  o->type = type;
  return o;
}

value flonum_box(double number) {
  double *block = allocate_atomic(sizeof *block);
  *block = number;
  return (value)block + TAG_DOUBLE;
}

value make_cell(enum type type, value first, value second) {
  struct cell *c = allocate(sizeof *c);
  *c = (struct cell){{type, 0}, first, second};
  return (value)c;
}

size_t item_bytes(enum type type) {
  return type == TYPE_STRING       ? sizeof(uint32_t)
         : type == TYPE_BYTEVECTOR ? 1
                                   : sizeof(value);
}

value make_sequence(enum type type, size_t length) {
  size_t item = item_bytes(type);
  size_t size = SIZE_MAX; /* which no allocator can give */
  if (length < SIZE_MAX / 16) size = sizeof(struct vector) + length * item;
  struct vector *v =
      item < sizeof(value) ? allocate_atomic(size) : allocate(size);
  v->head = (struct object){type, 0};
  v->length = length;
  return (value)v;
}

value make_bytes(const void *bytes, size_t length) {
  value b = make_sequence(TYPE_BYTEVECTOR, length);
  if (length) memcpy(bytevector(b)->bytes, bytes, length);
  return b;
}

/* ------------------------------------------------------------------ UTF-8 */

size_t utf8_encode(uint32_t code, char *out) {
  static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out[0] = (char)(leads[more] | code >> 6 * more);
  for (size_t i = 1; i <= more; i++)
    out[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
  return more + 1;
}

/*
 * Decode one character of at most length bytes; returns the bytes it takes.
 * What is not UTF-8 is taken byte by byte as U+FFFD.
 */
size_t utf8_decode(const uint8_t *bytes, size_t length, uint32_t *code) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t ones = (size_t)__builtin_clz(~((uint32_t)bytes[0] << 24));
  size_t count = ones == 0 ? 1 : ones;
  *code = 0xfffd;
  if (ones == 1 || ones > 4 || count > length) return 1;
  uint32_t result = bytes[0] & (0x7fu >> ones);
  for (size_t i = 1; i < count; i++) {
    if ((bytes[i] & 0xc0) != 0x80) return 1;
    result = result << 6 | (bytes[i] & 0x3f);
  }
  if (result < smallest[count] || result > 0x10ffff ||
      (result & ~0x7ffu) == 0xd800)
    return 1;
  *code = result;
  return count;
}

/* With room for as many characters as bytes, which for ASCII is just right. */
value make_string_utf8(const char *utf8, size_t bytes) {
  const uint8_t *from = (const uint8_t *)utf8;
  value s = make_sequence(TYPE_STRING, bytes);
  size_t length = 0;
  for (size_t i = 0; i < bytes; length++)
    i += utf8_decode(from + i, bytes - i, &string(s)->chars[length]);
  string(s)->length = length;
  return s;
}

value text(const char *utf8) { return make_string_utf8(utf8, strlen(utf8)); }

char *utf8_from_string(value s, size_t *bytes) {
  char *out = allocate_atomic(4 * string(s)->length + 1);
  size_t at = 0;
  for (size_t i = 0; i < string(s)->length; i++)
    at += utf8_encode(string(s)->chars[i], out + at);
  out[at] = 0;
  if (bytes) *bytes = at;
  return out;
}

/* ---------------------------------------------------------------- symbols */

static value symbols; /* a hash table: name -> symbol */

value intern(value name) {
  if (!symbols) symbols = hash_make(TRUE);
  value known = hash_get(symbols, name, 0);
  if (known) return known;
  size_t length = string(name)->length;
  value copy = make_sequence(TYPE_STRING, length);
  memcpy(string(copy)->chars, string(name)->chars, 4 * length);
  string(copy)->head.flags = FLAG_LITERAL;
  struct symbol *s = allocate(sizeof *s);
  *s = (struct symbol){{TYPE_SYMBOL, 0}, copy, UNBOUND, 0, 0, false};
  hash_put(symbols, copy, (value)s);
  return (value)s;
}

value sym(const char *name) { return intern(text(name)); }

value symbols_list(void) { return hash_to_alist(symbols); }
