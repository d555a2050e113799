/* SPDX-License-Identifier: MIT */
/*
 * vector.c: vectors and bytevectors.  Parts of them are given by optional
 * arguments start and end; range_of reads those, for strings too.
 */
#include "lisp.h"

/* The part that argv[at] and argv[at + 1] select, of length items. */
struct range range_of(size_t argc, const value *argv, size_t at,
                      size_t length) {
  struct range r = {0, length};
  if (argc > at + 1) r.end = (size_t)fixnum_value(argv[at + 1]);
  if (argc > at) r.start = (size_t)fixnum_value(argv[at]);
  if (r.end > length || r.start > r.end)
    fail("no such part",
         list3(argv[0], fixnum_from_size(r.start), fixnum_from_size(r.end)));
  return r;
}

size_t size_argument(value v) {
  if ((intptr_t)v < 0) fail1("a length must not be negative", v);
  return (size_t)fixnum_value(v);
}

size_t index_argument(value container, value index, size_t length) {
  size_t i = (size_t)fixnum_value(index);
  if (i >= length) fail("index out of range", list2(container, index));
  return i;
}

void check_mutable(value v) {
  if (((const struct object *)v)->flags & FLAG_LITERAL)
    fail1("a constant cannot be changed", v);
}

/* The place to copy r to in a container of length items. */
size_t target_of(value to, value at, struct range r, size_t length) {
  size_t start = (size_t)fixnum_value(at);
  check_mutable(to);
  if (start > length || r.end - r.start > length - start)
    fail("no room to copy to", list2(to, at));
  return start;
}

/* ------------------------------------------------------------------ vectors */

static value make_vector_primitive(size_t argc, const value *argv) {
  return make_vector(size_argument(argv[0]), argc == 2 ? argv[1] : fixnum(0));
}

static value vector_of(size_t argc, const value *argv) {
  value v = make_vector(argc, NIL);
  memcpy(vector(v)->items, argv, argc * sizeof *argv);
  return v;
}

static value vector_length(value v) {
  return fixnum_from_size(vector(v)->length);
}

static value vector_ref(value v, value k) {
  return vector(v)->items[index_argument(v, k, vector(v)->length)];
}

static value vector_set(value v, value k, value item) {
  check_mutable(v);
  vector(v)->items[index_argument(v, k, vector(v)->length)] = item;
  return UNSPECIFIED;
}

static value vector_to_list(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, vector(argv[0])->length);
  value list = NIL;
  for (size_t i = r.end; i > r.start; i--)
    list = cons(vector(argv[0])->items[i - 1], list);
  return list;
}

static value list_to_vector(value list) {
  intptr_t length = list_length(list);
  if (length < 0) fail1("list->vector: not a list", list);
  value v = make_vector((size_t)length, NIL);
  for (size_t i = 0; list != NIL; i++, list = cdr(list))
    vector(v)->items[i] = car(list);
  return v;
}

static value vector_fill(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 2, vector(argv[0])->length);
  check_mutable(argv[0]);
  for (size_t i = r.start; i < r.end; i++) vector(argv[0])->items[i] = argv[1];
  return UNSPECIFIED;
}

static value vector_copy(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, vector(argv[0])->length);
  return vector_of(r.end - r.start, vector(argv[0])->items + r.start);
}

/* (vector-copy! to at from start end) */
static value vector_copy_to(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 3, vector(argv[2])->length);
  size_t at = target_of(argv[0], argv[1], r, vector(argv[0])->length);
  memmove(vector(argv[0])->items + at, vector(argv[2])->items + r.start,
          (r.end - r.start) * sizeof(value));
  return UNSPECIFIED;
}

static value vector_append(size_t argc, const value *argv) {
  size_t length = 0;
  for (size_t i = 0; i < argc; i++) length += vector(argv[i])->length;
  value all = make_vector(length, NIL);
  length = 0;
  for (size_t i = 0; i < argc; i++) {
    struct vector *v = vector(argv[i]);
    memcpy(vector(all)->items + length, v->items, v->length * sizeof(value));
    length += v->length;
  }
  return all;
}

/* -------------------------------------------------------------- bytevectors */

static uint8_t byte_argument(value v) {
  if (v < fixnum(0) || v > fixnum(255)) fail1("not a byte", v);
  return (uint8_t)fixnum_value(v);
}

static value bytes_copy(const uint8_t *bytes, size_t length) {
  value b = make_bytevector(length);
  if (length) memcpy(bytevector(b)->bytes, bytes, length);
  return b;
}

static value make_bytevector_primitive(size_t argc, const value *argv) {
  uint8_t fill = argc == 2 ? byte_argument(argv[1]) : 0;
  value b = make_bytevector(size_argument(argv[0]));
  memset(bytevector(b)->bytes, fill, bytevector(b)->length);
  return b;
}

static value bytevector_of(size_t argc, const value *argv) {
  value b = make_bytevector(argc);
  for (size_t i = 0; i < argc; i++)
    bytevector(b)->bytes[i] = byte_argument(argv[i]);
  return b;
}

static value bytevector_length(value b) {
  return fixnum_from_size(bytevector(b)->length);
}

static value bytevector_ref(value b, value k) {
  size_t i = index_argument(b, k, bytevector(b)->length);
  return fixnum(bytevector(b)->bytes[i]);
}

static value bytevector_set(value b, value k, value byte) {
  size_t i = index_argument(b, k, bytevector(b)->length);
  check_mutable(b);
  bytevector(b)->bytes[i] = byte_argument(byte);
  return UNSPECIFIED;
}

static value bytevector_fill(size_t argc, const value *argv) {
  struct bytevector *b = bytevector(argv[0]);
  struct range r = range_of(argc, argv, 2, b->length);
  check_mutable(argv[0]);
  memset(b->bytes + r.start, byte_argument(argv[1]), r.end - r.start);
  return UNSPECIFIED;
}

static value bytevector_copy(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, bytevector(argv[0])->length);
  return bytes_copy(bytevector(argv[0])->bytes + r.start, r.end - r.start);
}

static value bytevector_copy_to(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 3, bytevector(argv[2])->length);
  size_t at = target_of(argv[0], argv[1], r, bytevector(argv[0])->length);
  memmove(bytevector(argv[0])->bytes + at, bytevector(argv[2])->bytes + r.start,
          r.end - r.start);
  return UNSPECIFIED;
}

static value bytevector_append(size_t argc, const value *argv) {
  size_t length = 0;
  for (size_t i = 0; i < argc; i++) length += bytevector(argv[i])->length;
  value all = make_bytevector(length);
  length = 0;
  for (size_t i = 0; i < argc; i++) {
    struct bytevector *b = bytevector(argv[i]);
    memcpy(bytevector(all)->bytes + length, b->bytes, b->length);
    length += b->length;
  }
  return all;
}

static value utf8_to_string(size_t argc, const value *argv) {
  struct bytevector *b = bytevector(argv[0]);
  struct range r = range_of(argc, argv, 1, b->length);
  return make_string_utf8((const char *)b->bytes + r.start, r.end - r.start);
}

static value string_to_utf8(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, string(argv[0])->length);
  size_t bytes;
  value part = string_part(argv[0], r);
  char *utf8 = utf8_from_string(part, &bytes);
  return bytes_copy((const uint8_t *)utf8, bytes);
}

const struct primitive_row vector_rows[] = {
    ROWN("make-vector", "ka", 1, 2, make_vector_primitive),
    ROWN("vector", "a", 0, -1, vector_of),
    ROW1("vector-length", "v", vector_length),
    ROW2("vector-ref", "vk", vector_ref),
    ROW3("vector-set!", "vka", vector_set),
    ROWN("vector->list", "vk", 1, 3, vector_to_list),
    ROW1("list->vector", "l", list_to_vector),
    ROWN("vector-fill!", "vak", 2, 4, vector_fill),
    ROWN("vector-copy", "vk", 1, 3, vector_copy),
    ROWN("vector-copy!", "vkvk", 3, 5, vector_copy_to),
    ROWN("vector-append", "v", 0, -1, vector_append),
    ROWN("make-bytevector", "k", 1, 2, make_bytevector_primitive),
    ROWN("bytevector", "k", 0, -1, bytevector_of),
    ROW1("bytevector-length", "b", bytevector_length),
    ROW2("bytevector-u8-ref", "bk", bytevector_ref),
    ROW3("bytevector-u8-set!", "bk", bytevector_set),
    ROWN("bytevector-fill!", "bk", 2, 4, bytevector_fill),
    ROWN("bytevector-copy", "bk", 1, 3, bytevector_copy),
    ROWN("bytevector-copy!", "bkbk", 3, 5, bytevector_copy_to),
    ROWN("bytevector-append", "b", 0, -1, bytevector_append),
    ROWN("utf8->string", "bk", 1, 3, utf8_to_string),
    ROWN("string->utf8", "sk", 1, 3, string_to_utf8),
    ROW_END,
};
