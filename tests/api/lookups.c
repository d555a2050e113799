/* SPDX-License-Identifier: MIT */
/*
 * lookups.c: gc_base and gc_size for every byte of blocks, and gc_base for any
 * number at all.
 */
#include "suite.h"

#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* A block with one before it and one after it, of the same size. */
static void look_at_every_byte(enum suite_kind kind, size_t size) {
  char *block[3];
  for (int i = 0; i < 3; i++) {
    block[i] = suite_allocate(kind, size);
    expect(block[i] != NULL);
  }
  for (int i = 0; i < 3; i++) {
    char *start = block[i];
    size_t usable = gc_size(start);
    size_t step = usable > 10000 ? 61 : 1;
    for (size_t at = 0; at < usable; at += step)
      expect(gc_base(start + at) == start);
    expect(gc_base(start + usable - 1) == start);
    /* The byte behind may be padding. */
    size_t whole = usable + (gc_base(start + usable) == start);
    expect(gc_base(start + whole) != start);
    expect(gc_base(start - 1) != start);
  }
  gc_free(block[1]);
  for (size_t at = 0; at < size; at += 1 + at / 9)
    expect(gc_base(block[1] + at) == NULL);
  expect(gc_base(block[0]) == block[0] && gc_base(block[2]) == block[2]);
  gc_free(block[0]);
  gc_free(block[2]);
}

START_TEST(every_byte_of_a_block) {
  static const size_t sizes[] = {0,    1,     16,    48,    1008,   1024,
                                 4096, 20000, 32768, 32769, 262144, 3 * MIB};
  for (int kind = 0; kind < SUITE_KINDS; kind++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      look_at_every_byte((enum suite_kind)kind, sizes[i]);
}
END_TEST

/* ------------------------------------------------------------ garbage words */

/* Whatever the answer, it has to be the start of a block before the word. */
static void look_at(uintptr_t word) {
  const char *base = gc_base((const void *)word);
  if (base == NULL) return;
  expect((uintptr_t)base <= word && (uintptr_t)base % 16 == 0);
  expect(word - (uintptr_t)base <= gc_size(base)); /* or in the padding */
}

static void look_around(uintptr_t word) {
  static const uintptr_t steps[] = {0, 1, 7, 8, 15, 16, 17, 4095, 4096};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    look_at(word + steps[i]);
    look_at(word - steps[i]);
  }
}

static void fill_the_heap(void) {
  for (int i = 0; i < 40000; i++) {
    void *p = suite_allocate((enum suite_kind)suite_below(SUITE_KINDS),
                             suite_below(i % 50 == 0 ? 100000 : 300));
    expect(p != NULL);
    if (suite_below(3) == 0) gc_free(p);
  }
}

START_TEST(random_words) {
  for (int i = 0; i < 1000; i++)
    expect(gc_base((void *)suite_random()) == NULL);
  fill_the_heap();
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100000; i++) {
      uint64_t word = suite_random();
      look_at(word);
      look_at(word >> 17); /* of user space */
      look_at(word >> 32);
    }
    for (unsigned bit = 0; bit < 64; bit++) look_around((uintptr_t)1 << bit);
    gc_collect();
  }
  look_around(0);
  ck_assert(gc_heap_check());
}
END_TEST

/* Words within some GiB of a block: the heap, what is reserved for it, its
   tables, and beyond. */
START_TEST(words_around_the_heap) {
  fill_the_heap();
  uintptr_t p = (uintptr_t)gc_malloc(100);
  for (int i = 0; i < 1000000; i++) {
    unsigned bits = 12 + (unsigned)suite_below(32);
    uintptr_t distance = suite_random() >> (64 - bits);
    look_at(suite_below(2) == 0 ? p + distance : p - distance);
  }
  ck_assert(gc_heap_check());
}
END_TEST

START_TEST(borders_of_all_mappings) {
  char line[600];
  size_t count = 0;
  fill_the_heap();
  FILE *maps = fopen("/proc/self/maps", "r");
  ck_assert_ptr_nonnull(maps);
  while (fgets(line, sizeof line, maps) != NULL) {
    char *end;
    uintptr_t low = strtoul(line, &end, 16), high = strtoul(end + 1, NULL, 16);
    look_around(low);
    look_around(low + (high - low) / 2);
    look_around(high);
    count++;
  }
  fclose(maps);
  ck_assert_uint_gt(count, 10);
}
END_TEST

START_TEST(memory_of_others) {
  static int global;
  int local = 0;
  void *other = malloc(100);
  ck_assert_ptr_null(gc_base(&global)); /* before the library is set up */
  ck_assert_ptr_null(gc_base(NULL));
  ck_assert_ptr_nonnull(gc_malloc(1));
  ck_assert_ptr_null(gc_base(&global));
  ck_assert_ptr_null(gc_base(&local));
  ck_assert_ptr_null(gc_base(other));
  ck_assert_ptr_null(gc_base((void *)(uintptr_t)gc_base));
  ck_assert_ptr_null(gc_base(NULL));
  ck_assert_ptr_null(gc_base((void *)UINTPTR_MAX));
  free(other);
}
END_TEST

/* A block that was found dead is free at once, swept or not. */
static void drop_many(void *data) {
  uintptr_t *hidden = data;
  for (size_t i = 0; i < 2000; i++)
    hidden[i] = api_hide(gc_malloc(i % 100 == 0 ? 100000 : 10 + i % 500));
}

START_TEST(dead_blocks_are_free) {
  static uintptr_t hidden[2000];
  size_t kept = 0;
  api_deep(drop_many, hidden);
  api_scrub();
  gc_collect();
  for (size_t i = 0; i < 2000; i++)
    kept += gc_base(api_reveal(hidden[i])) != NULL;
  ck_assert_uint_le(kept, 10);
  ck_assert(gc_heap_check());
}
END_TEST

static bool look_for(const struct gc_walk_item *item, void *data) {
  const char **block = data;
  if ((const char *)item->start != *block) return true;
  expect(!item->allocated);
  *block = NULL;
  return false;
}

/* Though they are kept for a while, so that a write to them shows. */
START_TEST(freed_blocks_are_free_in_debugging) {
  setenv("GLEANER_DEBUG", "1", 1);
  char *block = gc_malloc(100);
  ck_assert_ptr_eq(gc_base(block + 8), block);
  gc_free(block);
  for (int i = 0; i < 100; i++) expect(gc_base(block + i) == NULL);
  const char *left = block;
  gc_heap_walk(look_for, &left);
  ck_assert_ptr_null(left);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("lookups");
  tcase_add_test(tests, every_byte_of_a_block);
  tcase_add_test(tests, random_words);
  tcase_add_test(tests, words_around_the_heap);
  tcase_add_test(tests, borders_of_all_mappings);
  tcase_add_test(tests, memory_of_others);
  tcase_add_test(tests, dead_blocks_are_free);
  tcase_add_test(tests, freed_blocks_are_free_in_debugging);
  return suite_end();
}
