/* SPDX-License-Identifier: MIT */
/*
 * roots.c: tests of what a root keeps (gl_mark_roots): the block it points
 * into, and the one that ends where it points, if that is not padded; and
 * nothing else. The oracle is the heap's own walk from block to block.
 */
#include "../../gc/mark.h"
#include "harness.h"

#define BLOCKS 2000
#define ROOTS_MAX 300

static struct gl_cache *cache;
static char *blocks[BLOCKS];
static size_t sizes[BLOCKS]; /* 0 for one that was freed */
static uintptr_t roots[ROOTS_MAX];
static size_t root_count;

/* Blocks of all kinds and sizes, side by side, a quarter of them freed
   again. */
static void populate(void) {
  for (size_t i = 0; i < BLOCKS; i++) {
    enum gl_kind kind = (enum gl_kind)test_below(GL_KIND_COUNT);
    sizes[i] = test_one_in(100) ? 1 + test_below(3 * GL_ARENA_BYTES)
                                : test_size(test_one_in(10) ? 3000 : 200);
    blocks[i] = test_allocate(cache, sizes[i], kind);
    expect(blocks[i] != NULL);
    sizes[i] = test_usable(blocks[i]);
    memset(blocks[i], 0, sizes[i]);
  }
  for (size_t i = 0; i < BLOCKS; i++) {
    if (!test_one_in(4)) continue;
    expect(test_free(cache, blocks[i]) == GL_FAULT_NONE);
    sizes[i] = 0;
  }
}

/* Around a block, which may be freed; or somewhere. */
static uintptr_t random_root(void) {
  size_t i = test_below(BLOCKS);
  uintptr_t start = (uintptr_t)blocks[i], size = sizes[i];
  switch (test_below(8)) {
  case 0: return start;
  case 1: return start + size;
  case 2: return start + size + GL_GRANULE_BYTES;
  case 3: return start + size - 1;
  case 4: return start - 1;
  case 5: return start + test_below(size + 1);
  case 6: return (start + test_below(size + 1)) & ~(GL_GRANULE_BYTES - 1);
  default: return gl_heap.base + test_below(gl_heap.extent_bytes + 1);
  }
}

static void choose_roots(size_t count) {
  root_count = count;
  for (size_t i = 0; i < count; i++) roots[i] = random_root();
  if (test_one_in(4)) roots[0] = gl_heap.base;
  if (test_one_in(4)) roots[count - 1] = gl_heap.base + gl_heap.extent_bytes;
}

static bool is_kept(const struct gl_block *block) {
  uintptr_t start = (uintptr_t)block->start;
  for (size_t i = 0; i < root_count; i++) {
    if (roots[i] - start < block->size) return true;
    if (roots[i] - start == block->size &&
        gl_heap_usable(block) == block->size)
      return true;
  }
  return false;
}

static bool check_mark(const struct gl_block *item, bool allocated,
                       void *data) {
  if (!allocated) return true;
  bool marked = gl_tags_is_marked(gl_heap.tags, gl_granule_of(item->start));
  expect(marked == is_kept(item));
  *(size_t *)data += marked;
  return true;
}

/* The collection frees what is not kept, but for the table of what was
   there. */
static void mark_and_check(void) {
  size_t marked = 0, tenured, atomic;
  gl_heap_lock(NULL);
  gl_heap_prepare_mark(false);
  gl_mark_begin();
  gl_mark_roots(roots, roots + root_count);
  gl_mark_finish();
  gl_heap_visit(check_mark, &marked);
  ck_assert_uint_eq(gl_mark_objects(), marked);
  gl_heap_begin_sweep(gl_mark_live(), &tenured);
  gl_heap_sweep_large(&atomic);
  gl_heap_unlock();
}

static void begin(bool padded, bool has_avx2) {
  cache = test_heap();
  if (padded) gl_heap_pad_blocks();
  expect(gl_mark_init());
  gl_marking.has_avx2 &= has_avx2;
}

START_TEST(a_root_keeps_the_blocks_at_it) {
  begin((_i & 1) != 0, (_i & 2) != 0);
  for (int round = 0; round < 200; round++) {
    populate();
    choose_roots(1 + test_below(test_one_in(2) ? ROOTS_MAX : 3));
    mark_and_check();
  }
}
END_TEST

/* And any other block is none of its business. */
START_TEST(one_root_keeps_two_blocks_at_most) {
  begin(true, true);
  for (int i = 0; i < 300; i++) {
    populate();
    choose_roots(1);
    mark_and_check();
    ck_assert_uint_le(gl_mark_objects(), 2);
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("roots");
  tcase_add_loop_test(tests, a_root_keeps_the_blocks_at_it, 0, 4);
  tcase_add_test(tests, one_root_keeps_two_blocks_at_most);
  return test_end();
}
