/* SPDX-License-Identifier: MIT */
/*
 * sequence.c: strings, vectors and bytevectors, which are alike but for what
 * an item is: a character, any value, a byte.  Each operation is one function
 * for all three.  A string is an array of code points, so that every place in
 * it can be reached at once.  A part of a sequence is given by optional
 * arguments start and end.
 */
#include "lisp.h"

/* ------------------------------------------------------------ the arguments */

struct range range_of(const value *a, size_t n, size_t at, size_t length) {
  struct range r = {0, length};
  if (n > at + 1) r.end = (size_t)fixnum_value(a[at + 1]);
  if (n > at) r.start = (size_t)fixnum_value(a[at]);
  if (r.end > length || r.start > r.end)
    fail("no such part",
         cons(a[0], list2(fixnum_from_size(r.start), fixnum_from_size(r.end))));
  return r;
}

size_t size_argument(value v) {
  if ((intptr_t)v < 0) fail1("a length must not be negative", v);
  return (size_t)fixnum_value(v);
}

void check_mutable(value v) {
  if (((const struct object *)v)->flags & FLAG_LITERAL)
    fail1("a constant cannot be changed", v);
}

static size_t length_of(value v) { return vector(v)->length; }

static struct range part_of(const value *a, size_t n, size_t at) {
  return range_of(a, n, at, length_of(a[0]));
}

static size_t index_of(const value *a) {
  size_t i = (size_t)fixnum_value(a[1]);
  if (i >= length_of(a[0])) fail("index out of range", list2(a[0], a[1]));
  return i;
}

/* -------------------------------------------------------------------- items */

size_t sequence_bytes(value v) { return length_of(v) * item_bytes(type_of(v)); }

static value item_get(value v, size_t i) {
  if (has_type(v, TYPE_VECTOR)) return vector(v)->items[i];
  return is_string(v) ? character(string(v)->chars[i])
                      : fixnum(bytevector(v)->bytes[i]);
}

/* The same items from start to end. */
static void items_set(value v, size_t start, size_t end, value item) {
  bool is_byte = item >= fixnum(0) && item <= fixnum(255) && is_fixnum(item);
  if (is_string(v) && !is_character(item)) fail1("not a character", item);
  if (has_type(v, TYPE_BYTEVECTOR) && !is_byte) fail1("not a byte", item);
  if (has_type(v, TYPE_VECTOR))
    for (size_t i = start; i < end; i++) vector(v)->items[i] = item;
  else if (is_string(v))
    for (size_t i = start; i < end; i++)
      string(v)->chars[i] = character_code(item);
  else
    memset(bytevector(v)->bytes + start, (int)fixnum_value(item), end - start);
}

static void items_copy(value to, size_t at, value from, struct range r) {
  size_t bytes = item_bytes(type_of(to));
  memmove(bytevector(to)->bytes + at * bytes,
          bytevector(from)->bytes + r.start * bytes, (r.end - r.start) * bytes);
}

static value sequence_part(value v, struct range r) {
  value part = make_sequence(type_of(v), r.end - r.start);
  items_copy(part, 0, v, r);
  return part;
}

value sequence_from_list(enum type type, value list, size_t length) {
  value v = make_sequence(type, length);
  for (size_t i = 0; list != NIL; i++, list = cdr(list))
    items_set(v, i, i + 1, car(list));
  return v;
}

static value list_from_sequence(value v, struct range r) {
  value list = NIL;
  while (r.end > r.start) list = cons(item_get(v, --r.end), list);
  return list;
}

value vector_to_list(value v) {
  return list_from_sequence(v, (struct range){0, length_of(v)});
}

/* --------------------------------------------------------------- primitives */

/* The type of what is made, by the name's place in the list. */
static enum type made(const struct primitive *self) {
  static const enum type types[] = {TYPE_VECTOR, TYPE_STRING, TYPE_BYTEVECTOR};
  return types[self->variant];
}

PRIMITIVE(make, "make-vector k|a", "make-string k|c", "make-bytevector k|k") {
  value v = make_sequence(made(self), size_argument(a[0]));
  value fill = made(self) == TYPE_STRING ? character(' ') : fixnum(0);
  items_set(v, 0, length_of(v), n == 2 ? a[1] : fill);
  return v;
}

PRIMITIVE(of_items, "vector a*", "string c*", "bytevector k*") {
  value v = make_sequence(made(self), n);
  for (size_t i = 0; i < n; i++) items_set(v, i, i + 1, a[i]);
  return v;
}

PRIMITIVE(of_list, "list->vector l", "list->string l") {
  return sequence_from_list(made(self), a[0], list_argument(self, a[0]));
}

PRIMITIVE(append, "vector-append v*", "string-append s*",
          "bytevector-append b*") {
  size_t length = 0;
  for (size_t i = 0; i < n; i++) length += length_of(a[i]);
  value all = make_sequence(made(self), length);
  length = 0;
  for (size_t i = 0; i < n; i++) {
    items_copy(all, length, a[i], (struct range){0, length_of(a[i])});
    length += length_of(a[i]);
  }
  return all;
}

PRIMITIVE(length, "vector-length v", "string-length s", "bytevector-length b") {
  return fixnum_from_size(length_of(a[0]));
}

PRIMITIVE(ref, "vector-ref vk", "string-ref sk", "bytevector-u8-ref bk") {
  return item_get(a[0], index_of(a));
}

COMMAND(set, "vector-set! vka", "string-set! skc", "bytevector-u8-set! bkk") {
  size_t i = index_of(a);
  check_mutable(a[0]);
  items_set(a[0], i, i + 1, a[2]);
}

PRIMITIVE(to_list, "vector->list v|kk", "string->list s|kk") {
  return list_from_sequence(a[0], part_of(a, n, 1));
}

PRIMITIVE(copy, "vector-copy v|kk", "string-copy s|kk", "substring sk|k",
          "bytevector-copy b|kk") {
  return sequence_part(a[0], part_of(a, n, 1));
}

COMMAND(fill, "vector-fill! va|kk", "string-fill! sc|kk",
        "bytevector-fill! bk|kk") {
  struct range r = part_of(a, n, 2);
  check_mutable(a[0]);
  items_set(a[0], r.start, r.end, a[1]);
}

/* (vector-copy! to at from start end) */
COMMAND(copy_to, "vector-copy! vkv|kk", "string-copy! sks|kk",
        "bytevector-copy! bkb|kk") {
  struct range r = range_of(a, n, 3, length_of(a[2]));
  size_t at = (size_t)fixnum_value(a[1]);
  check_mutable(a[0]);
  if (at > length_of(a[0]) || r.end - r.start > length_of(a[0]) - at)
    fail("no room to copy to", list2(a[0], a[1]));
  items_copy(a[0], at, a[2], r);
}

PRIMITIVE(utf8_to_string, "utf8->string b|kk") {
  struct range r = part_of(a, n, 1);
  const char *bytes = (const char *)bytevector(a[0])->bytes;
  return make_string_utf8(bytes + r.start, r.end - r.start);
}

PRIMITIVE(string_to_utf8, "string->utf8 s|kk") {
  size_t bytes;
  char *utf8 = utf8_from_string(sequence_part(a[0], part_of(a, n, 1)), &bytes);
  return make_bytes(utf8, bytes);
}
