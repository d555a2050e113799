/* SPDX-License-Identifier: MIT */
/*
 * check_classic.c: every classic policy over both backends.  A random program
 * runs beside a model that owns a byte map of the address space: blocks must
 * not overlap, must be aligned and must keep what was written to them.  One
 * small trace has been worked out by hand, step by step, for each policy.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../alloc/classic/classic.h"

#define POLICY_COUNT 8

/* Loop tests run over all pairs: policy by policy, sbrk before mmap. */
static const struct gl_classic_policy *test_policy(int i) {
  return gl_classic_policies[i / 2];
}

static enum gl_classic_backend test_backend(int i) {
  return i % 2 == 0 ? GL_CLASSIC_SBRK : GL_CLASSIC_MMAP;
}

static void require_sound(const struct gl_classic *heap) {
  const char *fault = gl_classic_check(heap);
  ck_assert_msg(fault == NULL, "%s: %s", heap->policy->name, fault);
}

/* --------------------------------------------------------------- the model */

/* The byte map covers a window of the address space that is larger than any
   heap here: addresses are taken modulo its size. */
#define MODEL_WINDOW ((size_t)1 << 30)
#define MODEL_BLOCKS 1500

struct model_block {
  unsigned char *start; /* NULL: not allocated */
  size_t size;
  unsigned char fill;
};

struct model {
  struct gl_classic heap;
  unsigned char *owned; /* MODEL_WINDOW bytes, 1 where a live block lies */
  struct model_block blocks[MODEL_BLOCKS];
  uint64_t random;
};

static uint32_t model_random(struct model *model, uint32_t limit) {
  uint64_t x = model->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  model->random = x;
  uint64_t high = (x * UINT64_C(2685821657736338717)) >> 32;
  return (uint32_t)(high * limit >> 32);
}

/* Mostly small, sometimes large, as programs are; 0 as well. */
static size_t model_size(struct model *model) {
  uint32_t kind = model_random(model, 100);
  if (kind < 80) return model_random(model, 200);
  if (kind < 97) return model_random(model, 4000);
  return model_random(model, 90000);
}

/* A ck_assert for each byte would take minutes: Check notes each of them. */
static void model_own(struct model *model, const struct model_block *block,
                      bool own) {
  for (size_t i = 0; i < block->size; i++) {
    uintptr_t at = ((uintptr_t)block->start + i) % MODEL_WINDOW;
    if (model->owned[at] == own)
      ck_abort_msg("%s: byte %zu of %zu at %p overlaps",
                   model->heap.policy->name, i, block->size,
                   (void *)block->start);
    model->owned[at] = own;
  }
}

static void model_require_content(const struct model *model,
                                  const struct model_block *block,
                                  size_t size) {
  for (size_t i = 0; i < size; i++)
    if (block->start[i] != block->fill)
      ck_abort_msg("%s: byte %zu of %zu at %p has changed",
                   model->heap.policy->name, i, size, (void *)block->start);
}

/* What must be true of any block that an allocation or a resize returns. */
static void model_adopt(struct model *model, struct model_block *block,
                        void *start, size_t size) {
  const char *from;
  ck_assert_ptr_nonnull(start);
  ck_assert_uint_eq((uintptr_t)start % GL_CLASSIC_ALIGNMENT, 0);
  const struct gl_classic_area *area =
      gl_classic_peek_area(&model->heap, start);
  ck_assert_ptr_nonnull(area);
  ck_assert((char *)start + size <= area->end);
  size_t extent = model->heap.policy->extent(&model->heap, start, &from);
  size_t usable = model->heap.policy->usable(&model->heap, start);
  ck_assert(from <= (char *)start && usable >= size);
  ck_assert((char *)start + usable <= from + extent);
  block->start = start;
  block->size = size;
  model_own(model, block, true);
}

static void model_allocate(struct model *model, struct model_block *block) {
  size_t size = model_size(model);
  model_adopt(model, block, gl_classic_allocate(&model->heap, size), size);
  block->fill = (unsigned char)model_random(model, 256);
  memset(block->start, block->fill, size);
}

static void model_release(struct model *model, struct model_block *block) {
  model_require_content(model, block, block->size);
  model_own(model, block, false);
  gl_classic_release(&model->heap, block->start);
  block->start = NULL;
}

static void model_resize(struct model *model, struct model_block *block) {
  size_t old_size = block->size;
  size_t size = model_random(model, 3) == 0
                    ? model_size(model)
                    : old_size + model_random(model, 64);
  model_own(model, block, false);
  void *moved = gl_classic_resize(&model->heap, block->start, size);
  model_adopt(model, block, moved, size);
  model_require_content(model, block, old_size < size ? old_size : size);
  memset(block->start, block->fill, size);
}

static void model_step(struct model *model, uint32_t blocks) {
  struct model_block *block = &model->blocks[model_random(model, blocks)];
  if (block->start == NULL)
    model_allocate(model, block);
  else if (model_random(model, 4) == 0)
    model_resize(model, block);
  else
    model_release(model, block);
}

static struct model *model_create(int i, uint64_t seed) {
  struct model *model = calloc(1, sizeof *model);
  ck_assert_ptr_nonnull(model);
  model->owned = mmap(NULL, MODEL_WINDOW, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ck_assert(model->owned != MAP_FAILED);
  model->random = seed;
  gl_classic_open(&model->heap, test_policy(i), test_backend(i));
  return model;
}

static void model_destroy(struct model *model) {
  for (size_t i = 0; i < MODEL_BLOCKS; i++)
    if (model->blocks[i].start != NULL) model_release(model, &model->blocks[i]);
  require_sound(&model->heap);
  gl_classic_close(&model->heap);
  munmap(model->owned, MODEL_WINDOW);
  free(model);
}

START_TEST(test_random_program) {
  struct model *model = model_create(_i, UINT64_C(88172645463325252));
  for (int step = 0; step < 20000; step++) {
    /* Few live blocks, then many, then few: the heap fills and drains. */
    model_step(model, step / 5000 % 2 == 0 ? 60 : MODEL_BLOCKS);
    if (step % 97 == 0) require_sound(&model->heap);
  }
  model_destroy(model);
}
END_TEST

START_TEST(test_check_at_every_step) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct model *model = model_create(_i, seed * 7919);
    for (int step = 0; step < 300; step++) {
      model_step(model, 12);
      require_sound(&model->heap);
    }
    model_destroy(model);
  }
}
END_TEST

/* --------------------------------------------------------- the four cases */

/* Three neighbours; the middle one is freed last.  Whether the outer ones are
   free by then are the four cases. */
static uint64_t count_coalescings(struct gl_classic *heap, bool left,
                                  bool right) {
  void *before = gl_classic_allocate(heap, 100);
  void *a = gl_classic_allocate(heap, 100);
  void *b = gl_classic_allocate(heap, 100);
  void *c = gl_classic_allocate(heap, 100);
  void *after = gl_classic_allocate(heap, 100);
  ck_assert(before != NULL && a != NULL && b != NULL && c != NULL);
  ck_assert(after != NULL);
  if (left) gl_classic_release(heap, a);
  if (right) gl_classic_release(heap, c);
  uint64_t count = heap->counts.coalescings;
  gl_classic_release(heap, b);
  require_sound(heap);
  return heap->counts.coalescings - count;
}

START_TEST(test_four_cases) {
  for (int which = 0; which < 4; which++) {
    struct gl_classic heap;
    gl_classic_open(&heap, test_policy(_i), test_backend(_i));
    if (heap.policy->index != NULL)
      ck_assert_uint_eq(
          count_coalescings(&heap, (which & 1) != 0, (which & 2) != 0),
          (uint64_t)((which & 1) + (which >> 1)));
    gl_classic_close(&heap);
  }
}
END_TEST

/* --------------------------------------------------------- worked by hand */

/*
 * The trace of which all figures were worked out by hand:
 *
 *   a 0 100   a 1 24   a 2 200   f 0   a 3 40   f 2   f 1
 *
 * With header and footer blocks take 128, 48, 224 and 64 bytes, with a header
 * alone 112, 32, 208 and 48, as powers of two 128, 32, 256 and 64.
 *
 * Implicit list, first fit (sbrk: one page, 16 bytes of it are the ends):
 *
 *   a 0   | 128 |              3952 |          1 step    split
 *   a 1   | 128 | 48 |         3904 |          2 steps   split
 *   a 2   | 128 | 48 | 224 |   3680 |          3 steps   split
 *   f 0   ( 128 ) 48 | 224 (   3680 )          case 1
 *   a 3   | 64 ( 64 ) 48 | 224 ( 3680 )        1 step    split
 *   f 2   | 64 ( 64 ) 48 (       3904 )        case 2
 *   f 1   | 64 (                 4016 )        case 4
 *
 * Next fit takes a 3 from the end (1 step each), so f 2 finds no free
 * neighbour; best fit sees 1, 2, 3 and 4 blocks.  LIFO sees 1 each time;
 * address order as well, and walks past the 64 when f 2 puts its block behind
 * it.  Buddy splits 4096 five times for the 128, then 128 twice for the 32
 * (a step for each list it touches), and merges 32 with 32 at the end.
 */
struct by_hand {
  const char *policy;
  uint64_t steps, splits, coalescings, system_calls;
  size_t heap_bytes;   /* at the end */
  size_t extent_bytes; /* of blocks 0, 1 and 2 together */
};

static const struct by_hand by_hand_sbrk[POLICY_COUNT] = {
    {"implicit-first", 7, 4, 3, 1, 4096, 400},
    {"implicit-next", 4, 4, 2, 1, 4096, 400},
    {"implicit-best", 10, 4, 3, 1, 4096, 400},
    {"explicit-lifo", 4, 4, 3, 1, 4096, 400},
    {"explicit-address", 5, 4, 3, 1, 4096, 400},
    {"simple", 4, 0, 0, 4, 4 * 4096 + 4096, 416},
    {"segregated", 4, 4, 3, 1, 4096, 352},
    {"buddy", 11, 7, 1, 1, 4096 + 4096, 416}};

/* 64 KiB at once: simple needs no second call, buddy splits four times more. */
static const struct by_hand by_hand_mmap[POLICY_COUNT] = {
    {"implicit-first", 7, 4, 3, 1, 65536, 400},
    {"implicit-next", 4, 4, 2, 1, 65536, 400},
    {"implicit-best", 10, 4, 3, 1, 65536, 400},
    {"explicit-lifo", 4, 4, 3, 1, 65536, 400},
    {"explicit-address", 5, 4, 3, 1, 65536, 400},
    {"simple", 4, 0, 0, 1, 65536 + 4096, 416},
    {"segregated", 4, 4, 3, 1, 65536, 352},
    {"buddy", 15, 11, 1, 1, 65536 + 4096, 416}};

static size_t extent_of(const struct gl_classic *heap, const void *block) {
  const char *start;
  return heap->policy->extent(heap, block, &start);
}

START_TEST(test_worked_by_hand) {
  struct gl_classic heap;
  bool over_sbrk = test_backend(_i) == GL_CLASSIC_SBRK;
  const struct by_hand *hand =
      &(over_sbrk ? by_hand_sbrk : by_hand_mmap)[_i / 2];
  gl_classic_open(&heap, test_policy(_i), test_backend(_i));
  ck_assert_str_eq(heap.policy->name, hand->policy);
  void *block0 = gl_classic_allocate(&heap, 100);
  void *block1 = gl_classic_allocate(&heap, 24);
  void *block2 = gl_classic_allocate(&heap, 200);
  size_t extents = extent_of(&heap, block0) + extent_of(&heap, block1) +
                   extent_of(&heap, block2);
  gl_classic_release(&heap, block0);
  void *block3 = gl_classic_allocate(&heap, 40);
  gl_classic_release(&heap, block2);
  gl_classic_release(&heap, block1);
  require_sound(&heap);
  ck_assert_ptr_nonnull(block3);
  ck_assert_uint_eq(extents, hand->extent_bytes);
  ck_assert_uint_eq(heap.counts.steps, hand->steps);
  ck_assert_uint_eq(heap.counts.splits, hand->splits);
  ck_assert_uint_eq(heap.counts.coalescings, hand->coalescings);
  ck_assert_uint_eq(heap.counts.system_calls, hand->system_calls);
  ck_assert_uint_eq(gl_classic_heap_bytes(&heap), hand->heap_bytes);
  gl_classic_close(&heap);
}
END_TEST

/* ---------------------------------------------------------------- the rest */

START_TEST(test_odd_requests) {
  struct gl_classic heap;
  gl_classic_open(&heap, test_policy(_i), test_backend(_i));
  void *a = gl_classic_allocate(&heap, 0);
  void *b = gl_classic_allocate(&heap, 0);
  ck_assert(a != NULL && b != NULL && a != b);
  ck_assert_ptr_null(gl_classic_allocate(&heap, SIZE_MAX));
  ck_assert_ptr_null(gl_classic_allocate(&heap, SIZE_MAX / 2 + 1));
  ck_assert_ptr_null(gl_classic_resize(&heap, a, SIZE_MAX - 7));
  gl_classic_release(&heap, NULL);
  void *c = gl_classic_resize(&heap, NULL, 5);
  ck_assert_ptr_nonnull(c);
  c = gl_classic_resize(&heap, c, 0);
  ck_assert_ptr_nonnull(c);
  require_sound(&heap);
  gl_classic_close(&heap);
}
END_TEST

/* Somebody else moves the break: a second area starts. */
START_TEST(test_foreign_break) {
  struct gl_classic heap;
  gl_classic_open(&heap, test_policy(_i * 2), GL_CLASSIC_SBRK);
  void *a = gl_classic_allocate(&heap, 3000);
  ck_assert(sbrk(100) != (void *)-1);
  void *b = gl_classic_allocate(&heap, 3000);
  void *c = gl_classic_allocate(&heap, 30000);
  ck_assert(a != NULL && b != NULL && c != NULL);
  ck_assert_uint_ge(heap.area_count, 2);
  gl_classic_release(&heap, b);
  gl_classic_release(&heap, a);
  gl_classic_release(&heap, c);
  require_sound(&heap);
  gl_classic_close(&heap);
}
END_TEST

/* The check sees what a program that writes past its block does. */
START_TEST(test_check_sees_overrun) {
  struct gl_classic heap;
  gl_classic_open(&heap, test_policy(_i), test_backend(_i));
  char *a = gl_classic_allocate(&heap, 40);
  char *b = gl_classic_allocate(&heap, 40);
  gl_classic_release(&heap, b);
  require_sound(&heap);
  memset(a, 0x41, 300);
  ck_assert_ptr_nonnull(gl_classic_check(&heap));
  gl_classic_close(&heap);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("classic");
  TCase *random = tcase_create("random");
  TCase *exact = tcase_create("exact");
  tcase_set_timeout(random, 60);
  tcase_add_loop_test(random, test_random_program, 0, 2 * POLICY_COUNT);
  tcase_add_loop_test(random, test_check_at_every_step, 0, 2 * POLICY_COUNT);
  tcase_add_loop_test(exact, test_four_cases, 0, 2 * POLICY_COUNT);
  tcase_add_loop_test(exact, test_worked_by_hand, 0, 2 * POLICY_COUNT);
  tcase_add_loop_test(exact, test_odd_requests, 0, 2 * POLICY_COUNT);
  tcase_add_loop_test(exact, test_foreign_break, 0, POLICY_COUNT);
  tcase_add_loop_test(exact, test_check_sees_overrun, 0, 2 * POLICY_COUNT);
  suite_add_tcase(suite, random);
  suite_add_tcase(suite, exact);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
