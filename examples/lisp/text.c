/* SPDX-License-Identifier: MIT */
/*
 * text.c: characters, and what strings have that other sequences have not.
 * What the properties of characters are is asked of the C library, in the
 * locale C.UTF-8 that main sets.
 */
#include "lisp.h"

#include <wctype.h>

/* --------------------------------------------------------------------- case */

enum { UP, DOWN, FOLD };

static uint32_t change_case(uint32_t c, size_t how) {
  if (how == UP) return (uint32_t)towupper((wint_t)c);
  /* Final sigma is the one small letter that folds to another one. */
  if (how == FOLD && c == 0x3c2) return 0x3c3;
  return (uint32_t)towlower((wint_t)c);
}

static value change_string(value s, size_t how) {
  value out = make_sequence(TYPE_STRING, string(s)->length);
  for (size_t i = 0; i < string(s)->length; i++)
    string(out)->chars[i] = change_case(string(s)->chars[i], how);
  return out;
}

value fold_case(value s) { return change_string(s, FOLD); }

PRIMITIVE(char_case, "char-upcase c", "char-downcase c", "char-foldcase c") {
  return character(change_case(character_code(a[0]), self->variant));
}

PRIMITIVE(string_case, "string-upcase s", "string-downcase s",
          "string-foldcase s") {
  return change_string(a[0], self->variant);
}

/* --------------------------------------------------------------- properties */

/* The zeros of decimal digits; nine others follow each. */
PRIMITIVE(digit_value, "digit-value c") {
  static const uint32_t zeros[] = {
      0x30,   0x660,  0x6f0,  0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,
      0xb66,  0xbe6,  0xc66,  0xce6,  0xd66,  0xe50,  0xed0,  0xf20,
      0x1040, 0x17e0, 0x1810, 0x1946, 0x19d0, 0xa620, 0xff10, 0x104a0};
  for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
    if (character_code(a[0]) - zeros[i] < 10)
      return fixnum_from_size(character_code(a[0]) - zeros[i]);
  return FALSE;
}

PRIMITIVE(char_is, "char-upper-case? c", "char-lower-case? c",
          "char-whitespace? c", "char-alphabetic? c", "char-numeric? c") {
  static int (*const is[])(wint_t) = {iswupper, iswlower, iswspace, iswalpha};
  wint_t c = (wint_t)character_code(a[0]);
  if (c == 0xa0 || c == 0x202f) c = ' '; /* blanks that do not break a line */
  bool is_digit = digit_value(a, n, self) != FALSE;
  if (self->variant == 4) return boolean(is_digit);
  return boolean(!is_digit && is[self->variant](c));
}

PRIMITIVE(char_to_integer, "char->integer c") {
  return fixnum((intptr_t)character_code(a[0]));
}

PRIMITIVE(integer_to_char, "integer->char k") {
  uint32_t code = (uint32_t)fixnum_value(a[0]);
  if (a[0] > fixnum(0x10ffff) || (code & ~0x7ffu) == 0xd800)
    fail1("integer->char: not a character", a[0]);
  return character(code);
}

PRIMITIVE(string_to_symbol, "string->symbol s") { return intern(a[0]); }
PRIMITIVE(symbol_to_string, "symbol->string y") { return symbol(a[0])->name; }
