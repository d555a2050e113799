/* SPDX-License-Identifier: MIT */
/*
 * strings.c: pointer-free data.  A big table of strings full of bytes that
 * could be taken for addresses, by a collector that looked, is slowly renewed
 * by a program that concatenates and cuts them.
 *
 * strings [STEPS [STRINGS]]
 */
#include "collector.h"

#include <stdbool.h>
#include <string.h>

struct string {
  size_t length;
  char *bytes;
};

enum { MOST_BYTES = 1000 };

static struct string *make_string(size_t length) {
  struct string *string = (struct string *)bench_alloc(sizeof *string);
  string->bytes = (char *)bench_alloc_atomic(length + 1);
  string->bytes[length] = '\0';
  string->length = length;
  return string;
}

static struct string *random_string(uint64_t *random) {
  struct string *string = make_string(16 + bench_below(random, 500));
  for (size_t i = 0; i < string->length; i += sizeof(uint32_t)) {
    uint32_t bits = bench_random(random);
    size_t rest = string->length - i;
    memcpy(string->bytes + i, &bits, rest < sizeof bits ? rest : sizeof bits);
  }
  return string;
}

static struct string *concatenate(const struct string *a,
                                  const struct string *b) {
  struct string *both = make_string(a->length + b->length);
  memcpy(both->bytes, a->bytes, a->length);
  memcpy(both->bytes + a->length, b->bytes, b->length);
  return both;
}

static struct string *cut(const struct string *from, size_t start,
                          size_t length) {
  struct string *part = make_string(length);
  memcpy(part->bytes, from->bytes + start, length);
  return part;
}

static uint64_t step(struct string **table, size_t count, uint64_t *random) {
  struct string *a = table[bench_below(random, count)];
  struct string *b = table[bench_below(random, count)];
  struct string *both = concatenate(a, b);
  size_t start = bench_below(random, both->length / 2);
  size_t length = both->length - start;
  if (length > MOST_BYTES) length = MOST_BYTES;
  struct string *part = cut(both, start, length);
  bool grow = length < MOST_BYTES / 2 || bench_below(random, 2) == 0;
  table[bench_below(random, count)] = grow ? part : random_string(random);
  return part->length + (unsigned char)part->bytes[length / 2];
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t steps = bench_argument(argc, argv, 1, 2000000);
  size_t count = bench_argument(argc, argv, 2, 50000);
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("strings");
  struct string **table = (struct string **)bench_alloc(count * sizeof *table);
  for (size_t i = 0; i < count; i++) table[i] = random_string(&random);
  for (size_t i = 0; i < steps; i++)
    sum = bench_mix(sum, step(table, count, &random));
  bench_end(sum);
}
