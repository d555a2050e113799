/* SPDX-License-Identifier: MIT */
/*
 * text.c: characters, strings and symbols.  A string is an array of code
 * points, so that every place in it can be reached at once; what the
 * properties of characters are is asked of the C library, in the locale
 * C.UTF-8 that main sets.
 */
#include "lisp.h"

#include <wctype.h>

/* --------------------------------------------------------------- characters */

static uint32_t upcase(uint32_t c) { return (uint32_t)towupper((wint_t)c); }
static uint32_t downcase(uint32_t c) { return (uint32_t)towlower((wint_t)c); }
/* Final sigma is the one small letter that folds to another one. */
static uint32_t foldcase(uint32_t c) {
  return c == 0x3c2 ? 0x3c3 : downcase(c);
}

static value char_upcase(value c) {
  return character(upcase(character_code(c)));
}
static value char_downcase(value c) {
  return character(downcase(character_code(c)));
}
static value char_foldcase(value c) {
  return character(foldcase(character_code(c)));
}

/* The zeros of decimal digits; nine others follow each. */
static value digit_value(value c) {
  static const uint32_t zeros[] = {
      0x30,   0x660,  0x6f0,  0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,
      0xb66,  0xbe6,  0xc66,  0xce6,  0xd66,  0xe50,  0xed0,  0xf20,
      0x1040, 0x17e0, 0x1810, 0x1946, 0x19d0, 0xa620, 0xff10, 0x104a0};
  for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
    if (character_code(c) - zeros[i] < 10)
      return fixnum((intptr_t)(character_code(c) - zeros[i]));
  return FALSE;
}

static value is_numeric(value c) { return boolean(digit_value(c) != FALSE); }
static value is_alphabetic(value c) {
  wint_t code = (wint_t)character_code(c);
  return boolean(iswalpha(code) && is_numeric(c) == FALSE);
}
static value is_whitespace(value c) {
  wint_t code = (wint_t)character_code(c);
  return boolean(iswspace(code) || code == 0xa0 || code == 0x202f);
}
static value is_upper_case(value c) {
  return boolean(iswupper((wint_t)character_code(c)));
}
static value is_lower_case(value c) {
  return boolean(iswlower((wint_t)character_code(c)));
}

static value char_to_integer(value c) {
  return fixnum((intptr_t)character_code(c));
}

static value integer_to_char(value n) {
  uint32_t code = (uint32_t)fixnum_value(n);
  if (n > fixnum(0x10ffff) || (code & ~0x7ffu) == 0xd800)
    fail1("integer->char: not a character", n);
  return character(code);
}

static int compare_chars(value a, value b) { return (a > b) - (a < b); }

/* ------------------------------------------------------------------ strings */

static value string_copy_of(const uint32_t *chars, size_t length) {
  value s = make_string(length);
  if (length) memcpy(string(s)->chars, chars, length * sizeof *chars);
  return s;
}

value string_part(value s, struct range r) {
  return string_copy_of(string(s)->chars + r.start, r.end - r.start);
}

static value make_string_primitive(size_t argc, const value *argv) {
  value s = make_string(size_argument(argv[0]));
  for (size_t i = 0; i < string(s)->length; i++)
    string(s)->chars[i] = argc == 2 ? character_code(argv[1]) : ' ';
  return s;
}

static value string_of(size_t argc, const value *argv) {
  value s = make_string(argc);
  for (size_t i = 0; i < argc; i++)
    string(s)->chars[i] = character_code(argv[i]);
  return s;
}

static value string_length(value s) {
  return fixnum_from_size(string(s)->length);
}

static value string_ref(value s, value k) {
  return character(string(s)->chars[index_argument(s, k, string(s)->length)]);
}

static value string_set(value s, value k, value c) {
  check_mutable(s);
  string(s)->chars[index_argument(s, k, string(s)->length)] = character_code(c);
  return UNSPECIFIED;
}

static int compare_strings(value a, value b) {
  const struct string *s = string(a), *t = string(b);
  for (size_t i = 0; i < s->length && i < t->length; i++)
    if (s->chars[i] != t->chars[i]) return s->chars[i] < t->chars[i] ? -1 : 1;
  return (s->length > t->length) - (s->length < t->length);
}

/* Chains of comparisons, for characters and strings. */
#define COMPARE(name, compare, test)                                           \
  static value name(size_t argc, const value *argv) {                          \
    for (size_t i = 0; i + 1 < argc; i++)                                      \
      if (!(compare(argv[i], argv[i + 1]) test)) return FALSE;                 \
    return TRUE;                                                               \
  }
COMPARE(char_equal, compare_chars, == 0)
COMPARE(char_less, compare_chars, < 0)
COMPARE(char_greater, compare_chars, > 0)
COMPARE(char_less_equal, compare_chars, <= 0)
COMPARE(char_greater_equal, compare_chars, >= 0)
COMPARE(string_equal, compare_strings, == 0)
COMPARE(string_less, compare_strings, < 0)
COMPARE(string_greater, compare_strings, > 0)
COMPARE(string_less_equal, compare_strings, <= 0)
COMPARE(string_greater_equal, compare_strings, >= 0)

static value string_map_case(value s, uint32_t (*change)(uint32_t)) {
  value out = make_string(string(s)->length);
  for (size_t i = 0; i < string(s)->length; i++)
    string(out)->chars[i] = change(string(s)->chars[i]);
  return out;
}

static value string_upcase(value s) { return string_map_case(s, upcase); }
static value string_downcase(value s) { return string_map_case(s, downcase); }
value fold_case(value s) { return string_map_case(s, foldcase); }

static value string_append(size_t argc, const value *argv) {
  size_t length = 0;
  for (size_t i = 0; i < argc; i++) length += string(argv[i])->length;
  value all = make_string(length);
  uint32_t *at = string(all)->chars;
  for (size_t i = 0; i < argc; i++) {
    struct string *s = string(argv[i]);
    memcpy(at, s->chars, s->length * sizeof *at);
    at += s->length;
  }
  return all;
}

static value string_copy(size_t argc, const value *argv) {
  return string_part(argv[0], range_of(argc, argv, 1, string(argv[0])->length));
}

static value string_copy_to(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 3, string(argv[2])->length);
  size_t at = target_of(argv[0], argv[1], r, string(argv[0])->length);
  memmove(string(argv[0])->chars + at, string(argv[2])->chars + r.start,
          (r.end - r.start) * sizeof(uint32_t));
  return UNSPECIFIED;
}

static value string_fill(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 2, string(argv[0])->length);
  check_mutable(argv[0]);
  for (size_t i = r.start; i < r.end; i++)
    string(argv[0])->chars[i] = character_code(argv[1]);
  return UNSPECIFIED;
}

static value string_to_list(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, string(argv[0])->length);
  value list = NIL;
  for (size_t i = r.end; i > r.start; i--)
    list = cons(character(string(argv[0])->chars[i - 1]), list);
  return list;
}

static uint32_t char_argument(value c) {
  if (!is_character(c)) fail1("not a character", c);
  return character_code(c);
}

static value list_to_string(value list) {
  intptr_t length = list_length(list);
  if (length < 0) fail1("list->string: not a list", list);
  value s = make_string((size_t)length);
  for (size_t i = 0; list != NIL; i++, list = cdr(list))
    string(s)->chars[i] = char_argument(car(list));
  return s;
}

static value string_to_vector(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, string(argv[0])->length);
  value v = make_vector(r.end - r.start, NIL);
  for (size_t i = r.start; i < r.end; i++)
    vector(v)->items[i - r.start] = character(string(argv[0])->chars[i]);
  return v;
}

static value vector_to_string(size_t argc, const value *argv) {
  struct range r = range_of(argc, argv, 1, vector(argv[0])->length);
  value s = make_string(r.end - r.start);
  for (size_t i = r.start; i < r.end; i++)
    string(s)->chars[i - r.start] = char_argument(vector(argv[0])->items[i]);
  return s;
}

static value symbol_to_string(value s) { return symbol(s)->name; }

const struct primitive_row text_rows[] = {
    ROW1("char-upcase", "c", char_upcase),
    ROW1("char-downcase", "c", char_downcase),
    ROW1("char-foldcase", "c", char_foldcase),
    ROW1("char-alphabetic?", "c", is_alphabetic),
    ROW1("char-numeric?", "c", is_numeric),
    ROW1("char-whitespace?", "c", is_whitespace),
    ROW1("char-upper-case?", "c", is_upper_case),
    ROW1("char-lower-case?", "c", is_lower_case),
    ROW1("digit-value", "c", digit_value),
    ROW1("char->integer", "c", char_to_integer),
    ROW1("integer->char", "k", integer_to_char),
    ROWN("char=?", "c", 1, -1, char_equal),
    ROWN("char<?", "c", 1, -1, char_less),
    ROWN("char>?", "c", 1, -1, char_greater),
    ROWN("char<=?", "c", 1, -1, char_less_equal),
    ROWN("char>=?", "c", 1, -1, char_greater_equal),
    ROWN("make-string", "kc", 1, 2, make_string_primitive),
    ROWN("string", "c", 0, -1, string_of),
    ROW1("string-length", "s", string_length),
    ROW2("string-ref", "sk", string_ref),
    ROW3("string-set!", "skc", string_set),
    ROWN("string=?", "s", 1, -1, string_equal),
    ROWN("string<?", "s", 1, -1, string_less),
    ROWN("string>?", "s", 1, -1, string_greater),
    ROWN("string<=?", "s", 1, -1, string_less_equal),
    ROWN("string>=?", "s", 1, -1, string_greater_equal),
    ROW1("string-upcase", "s", string_upcase),
    ROW1("string-downcase", "s", string_downcase),
    ROW1("string-foldcase", "s", fold_case),
    ROWN("substring", "sk", 2, 3, string_copy),
    ROWN("string-append", "s", 0, -1, string_append),
    ROWN("string-copy", "sk", 1, 3, string_copy),
    ROWN("string-copy!", "sksk", 3, 5, string_copy_to),
    ROWN("string-fill!", "sck", 2, 4, string_fill),
    ROWN("string->list", "sk", 1, 3, string_to_list),
    ROW1("list->string", "l", list_to_string),
    ROWN("string->vector", "sk", 1, 3, string_to_vector),
    ROWN("vector->string", "vk", 1, 3, vector_to_string),
    ROW1("string->symbol", "s", intern),
    ROW1("symbol->string", "y", symbol_to_string),
    ROW_END,
};
