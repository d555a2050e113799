/* SPDX-License-Identifier: MIT */
/*
 * json.c: JSON documents.  A text is made once; then it is parsed into a tree
 * of values, copied with some values changed, and written out again, over and
 * over, as a server would.  The newest few trees are kept.
 *
 * json [BYTES [ROUNDS]]: about how long the text is, how often it is parsed.
 */
#include "collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUMBER, STRING, ARRAY, OBJECT };

enum { KEPT_TREES = 3, MOST_NESTING = 6 };

/* A value, and its place in the array or object that it is in. */
struct value {
  enum kind kind;
  struct value *next;
  const char *key; /* in an object */
  union {
    double number;
    const char *string;
    struct value *first; /* of an array or object */
  } as;
};

/* ------------------------------------------------------- making the text */

struct text {
  char *bytes;
  size_t length;
  size_t capacity;
};

static void put(struct text *text, const char *part) {
  size_t length = strlen(part);
  if (text->length + length > text->capacity) bench_die("text too long");
  memcpy(text->bytes + text->length, part, length);
  text->length += length;
}

static void put_value(struct text *text, uint64_t *random, int nesting) {
  char part[64];
  uint32_t kind = bench_below(random, 10);
  if (nesting == MOST_NESTING || kind < 3) {
    snprintf(part, sizeof part, "%u", (unsigned)bench_below(random, 100000));
    put(text, part);
  } else if (kind < 6) {
    snprintf(part, sizeof part, "\"text %x\"", (unsigned)bench_random(random));
    put(text, part);
  } else {
    uint32_t count = 1 + bench_below(random, 8);
    put(text, kind < 8 ? "[" : "{");
    for (uint32_t i = 0; i < count; i++) {
      if (i != 0) put(text, ",");
      snprintf(part, sizeof part, "\"key%u\":", (unsigned)i);
      if (kind >= 8) put(text, part);
      put_value(text, random, nesting + 1);
    }
    put(text, kind < 8 ? "]" : "}");
  }
}

/* An array of values, not collected: it is the input. */
static const char *make_text(size_t bytes) {
  size_t slack = 16 << 20;
  struct text text = {malloc(bytes + slack), 0, bytes + slack};
  uint64_t random = 1;
  if (text.bytes == NULL) bench_out_of_memory(text.capacity);
  put(&text, "[0");
  while (text.length < bytes) {
    put(&text, ",");
    put_value(&text, &random, 0);
  }
  put(&text, "]");
  text.bytes[text.length] = '\0';
  return text.bytes;
}

/* ---------------------------------------------------------------- parsing */

static struct value *parse_value(const char **at);

static const char *parse_string(const char **at) {
  const char *start = ++*at;
  const char *end = strchr(start, '"');
  size_t length = (size_t)(end - start);
  char *string = (char *)bench_alloc_atomic(length + 1);
  memcpy(string, start, length);
  string[length] = '\0';
  *at = end + 1;
  return string;
}

static struct value *parse_members(const char **at, char close) {
  struct value *first = NULL;
  struct value **last = &first;
  while (**at != close) {
    ++*at; /* the bracket or a comma */
    const char *key = close == '}' ? parse_string(at) : NULL;
    if (key != NULL) ++*at; /* the colon */
    *last = parse_value(at);
    (*last)->key = key;
    last = &(*last)->next;
  }
  ++*at;
  return first;
}

static struct value *parse_value(const char **at) {
  struct value *value = (struct value *)bench_alloc(sizeof *value);
  if (**at == '[' || **at == '{') {
    value->kind = **at == '[' ? ARRAY : OBJECT;
    value->as.first = parse_members(at, **at == '[' ? ']' : '}');
  } else if (**at == '"') {
    value->kind = STRING;
    value->as.string = parse_string(at);
  } else {
    char *end;
    value->kind = NUMBER;
    value->as.number = strtod(*at, &end);
    *at = end;
  }
  return value;
}

/* -------------------------------------------------------- using the trees */

/* A copy in which every number is increased. */
static struct value *increase(const struct value *value) {
  struct value *copy = (struct value *)bench_alloc(sizeof *copy);
  *copy = *value;
  if (value->kind == NUMBER) copy->as.number += 1;
  if (value->kind < ARRAY) return copy;
  struct value **last = &copy->as.first;
  for (value = value->as.first; value != NULL; value = value->next) {
    *last = increase(value);
    last = &(*last)->next;
  }
  return copy;
}

static uint64_t sum_value(const struct value *value) {
  uint64_t sum = value->kind;
  if (value->key != NULL) sum = bench_mix(sum, (unsigned char)value->key[3]);
  if (value->kind == NUMBER) return bench_mix(sum, (uint64_t)value->as.number);
  if (value->kind == STRING)
    return bench_mix(sum, strtoull(value->as.string + 5, NULL, 16));
  for (value = value->as.first; value != NULL; value = value->next)
    sum = bench_mix(sum, sum_value(value));
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t bytes = bench_argument(argc, argv, 1, (size_t)4 << 20);
  size_t rounds = bench_argument(argc, argv, 2, 12);
  struct value *kept[KEPT_TREES] = {NULL};
  const char *text = make_text(bytes);
  uint64_t sum = 0;
  bench_begin("json");
  for (size_t round = 0; round < rounds; round++) {
    const char *at = text;
    struct value *tree = parse_value(&at);
    kept[round % KEPT_TREES] = increase(tree);
    sum = bench_mix(sum, sum_value(kept[round / 2 % KEPT_TREES]));
  }
  bench_end(sum);
}
