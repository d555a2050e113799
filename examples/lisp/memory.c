/* SPDX-License-Identifier: MIT */
/*
 * memory.c: every block the Lisp allocates comes from here, or from GMP by way
 * of bignum_gmp.c.  There is nothing else to it: no roots, no barriers.  The
 * only duty is to turn the NULL of gc_malloc into an error of the Lisp.
 */
#include "lisp.h"

struct gc_pool pairs = GC_POOL(sizeof(struct pair));

void *allocate(size_t size) {
  void *block = gc_malloc(size);
  if (UNLIKELY(!block)) fail_memory();
  return block;
}

void *allocate_atomic(size_t size) {
  void *block = gc_malloc_atomic(size);
  if (UNLIKELY(!block)) fail_memory();
  return block;
}

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
  struct cell *c = make_object(type, sizeof *c);
  c->first = first;
  c->second = second;
  return (value)c;
}

value make_sequence(enum type type, size_t length) {
  bool atomic = type == TYPE_STRING || type == TYPE_BYTEVECTOR;
  size_t item = type == TYPE_STRING       ? sizeof(uint32_t)
                : type == TYPE_BYTEVECTOR ? 1
                                          : sizeof(value);
  size_t size;
  if (__builtin_mul_overflow(length, item, &size) ||
      __builtin_add_overflow(size, sizeof(struct vector), &size))
    size = SIZE_MAX; /* which no allocator can give */
  struct vector *v = atomic ? allocate_atomic(size) : allocate(size);
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
  uint8_t lead = bytes[0];
  size_t count = lead < 0x80             ? 1
                 : (lead & 0xe0) == 0xc0 ? 2
                 : (lead & 0xf0) == 0xe0 ? 3
                 : (lead & 0xf8) == 0xf0 ? 4
                                         : 0;
  *code = 0xfffd;
  if (count == 0 || count > length) return 1;
  uint32_t result = count == 1 ? lead : lead & (0x7fu >> count);
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

value make_string_utf8(const char *utf8, size_t bytes) {
  const uint8_t *from = (const uint8_t *)utf8;
  size_t length = 0;
  uint32_t code;
  for (size_t i = 0; i < bytes; length++)
    i += utf8_decode(from + i, bytes - i, &code);
  value s = make_sequence(TYPE_STRING, length);
  for (size_t i = 0, at = 0; i < bytes; at++)
    i += utf8_decode(from + i, bytes - i, &string(s)->chars[at]);
  return s;
}

value text(const char *utf8) { return make_string_utf8(utf8, strlen(utf8)); }

char *utf8_from_string(value s, size_t *bytes) {
  size_t size = 0;
  char scratch[4];
  for (size_t i = 0; i < string(s)->length; i++)
    size += utf8_encode(string(s)->chars[i], scratch);
  char *out = allocate_atomic(size + 1);
  size_t at = 0;
  for (size_t i = 0; i < string(s)->length; i++)
    at += utf8_encode(string(s)->chars[i], out + at);
  out[at] = 0;
  if (bytes) *bytes = size;
  return out;
}

/* ---------------------------------------------------------------- symbols */

/*
 * The table of symbols: open addressing, a power of two of slots, at most
 * half of them taken.  It is a plain C variable, so every symbol in it lives.
 */
static struct symbol **symbol_slots;
static size_t symbol_capacity;
static size_t symbol_count;

static size_t symbol_hash(const struct string *name) {
  size_t hash = 5381;
  for (size_t i = 0; i < name->length; i++) hash = hash * 33 ^ name->chars[i];
  return hash ^ hash >> 15;
}

static bool has_name(const struct symbol *s, const struct string *name) {
  const struct string *own = string(s->name);
  return own->length == name->length &&
         memcmp(own->chars, name->chars, 4 * name->length) == 0;
}

static struct symbol **symbol_find(const struct string *name) {
  size_t i = symbol_hash(name);
  for (;; i++) {
    struct symbol **slot = &symbol_slots[i & (symbol_capacity - 1)];
    if (!*slot || has_name(*slot, name)) return slot;
  }
}

static void symbols_grow(void) {
  struct symbol **old = symbol_slots;
  size_t old_capacity = symbol_capacity;
  size_t capacity = old_capacity ? 2 * old_capacity : 2048;
  struct symbol **slots = allocate(capacity * sizeof(struct symbol *));
  symbol_slots = slots;
  symbol_capacity = capacity;
  for (size_t i = 0; i < old_capacity; i++)
    if (old[i]) *symbol_find(string(old[i]->name)) = old[i];
}

value intern(value name) {
  if (2 * symbol_count >= symbol_capacity) symbols_grow();
  struct symbol **slot = symbol_find(string(name));
  if (*slot) return (value)*slot;
  size_t length = string(name)->length;
  value copy = make_sequence(TYPE_STRING, length);
  memcpy(string(copy)->chars, string(name)->chars, 4 * length);
  string(copy)->head.flags = FLAG_LITERAL;
  struct symbol *s = make_object(TYPE_SYMBOL, sizeof *s);
  s->name = copy;
  s->global = UNBOUND;
  s->syntax = FALSE;
  *slot = s;
  symbol_count++;
  return (value)s;
}

value sym(const char *name) { return intern(text(name)); }

void symbols_each(void (*visit)(struct symbol *s, void *data), void *data) {
  for (size_t i = 0; i < symbol_capacity; i++)
    if (symbol_slots[i]) visit(symbol_slots[i], data);
}

/* ------------------------------------------------------------------ types */

enum type type_of(value v) {
  if (is_fixnum(v)) return TYPE_FIXNUM;
  if (is_flonum(v)) return TYPE_FLONUM;
  if (is_pair(v)) return TYPE_PAIR;
  if (is_object(v)) return ((const struct object *)v)->type;
  if (is_character(v)) return TYPE_CHARACTER;
  if (v == TRUE || v == FALSE) return TYPE_BOOLEAN;
  return v == NIL ? TYPE_NIL : TYPE_SPECIAL;
}
