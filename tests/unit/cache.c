/* SPDX-License-Identifier: MIT */
/*
 * cache.c: tests of alloc/cache: holes, quick lists, medium blocks, blocks
 * freed by others, growth in place.  Two caches of one thread stand for two
 * threads where order matters; threads.c has real ones.
 */
#include "harness.h"

#define BLOCK ((size_t)512) /* of the blocks that fill an arena */
#define BLOCKS (GL_ARENA_BYTES / BLOCK)

static struct gl_cache *cache, *other;
static char *block[2 * BLOCKS];
static int corruptions;

static void note_corruption(const void *address, const char *fault) {
  (void)address;
  (void)fault;
  corruptions++;
}

static void cache_begin(void) {
  cache = test_heap();
  other = test_cache();
  gl_heap.on_corruption = note_corruption;
  corruptions = 0;
}

static char *allocate(size_t size) {
  char *p = test_allocate(cache, size, GL_SCANNED);
  ck_assert_ptr_nonnull(p);
  return p;
}

static void release(void *p) {
  ck_assert_int_eq(test_free(cache, p), GL_FAULT_NONE);
}

static bool is_allocated(const void *p) {
  struct gl_block found;
  return gl_heap_find(p, &found);
}

static bool try_resize(struct gl_cache *by, void *p, size_t size) {
  struct gl_block found;
  ck_assert_int_eq(gl_heap_find_exact(p, &found), GL_FAULT_NONE);
  return gl_heap_try_resize(by, &found, size);
}

/* Fill `arenas` arenas, which lie side by side, with blocks; holes are used
   from their upper ends down. */
static void fill(size_t arenas) {
  for (size_t arena = 0; arena < arenas; arena++)
    for (size_t i = BLOCKS; i-- > 0;)
      block[arena * BLOCKS + i] = allocate(BLOCK);
  for (size_t i = 0; i < arenas * BLOCKS; i++)
    ck_assert_ptr_eq(block[i], block[0] + i * BLOCK);
}

/* The blocks whose number says so die, in a collection. */
typedef bool doomed(size_t i);

static bool survives(const struct gl_block *found, void *data) {
  size_t i = (size_t)(found->start - block[0]) / BLOCK;
  doomed *dies = *(doomed **)data;
  return found->start < block[0] || i >= BLOCKS || !dies(i);
}

static void kill_blocks(doomed *dies) { test_collect(survives, &dies); }

/* Enough for an arena to be worth opening, none beside another. */
static bool even_from_20(size_t i) { return i >= 20 && i % 2 == 0; }

/* Ten in a row among them. */
static bool even_and_some(size_t i) {
  return even_from_20(i) || (i >= BLOCKS / 2 && i < BLOCKS / 2 + 10);
}

static bool three_of_four(size_t i) { return i >= 20 && i % 4 != 1; }

static uint64_t freed_by(void *p) {
  uint64_t before = test_freed_bytes(cache);
  release(p);
  return test_freed_bytes(cache) - before;
}

/* -------------------------------------------------------------- the hole */

START_TEST(blocks_lie_side_by_side) {
  cache_begin();
  char *p = allocate(1);
  for (size_t size = 1; size < 600; size += 19) {
    char *q = allocate(size);
    ck_assert_uint_eq(test_usable(q), gl_round_up(size, GL_GRANULE_BYTES));
    ck_assert_ptr_eq(q + test_usable(q), p);
    p = q;
  }
  ck_assert(test_prove());
}
END_TEST

START_TEST(freeing_the_newest_moves_back) {
  cache_begin();
  char *wall = allocate(16), *a = allocate(32), *b = allocate(100);
  memset(b, 0x33, 100);
  ck_assert_uint_eq(freed_by(b), 112);
  ck_assert(!is_allocated(b));
  ck_assert_int_eq(gl_heap_free(cache, b), GL_FAULT_FREE);
  ck_assert_uint_eq(test_usable(a), 32);
  char *c = allocate(200);
  ck_assert_ptr_eq(c + 208, a);
  ck_assert(test_is_zero(c, 208));
  release(c);
  release(a);
  ck_assert_ptr_eq(allocate(16) + 16, wall);
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

START_TEST(quick_list_is_last_in_first_out) {
  cache_begin();
  char *a = allocate(48), *b = allocate(48), *wall = allocate(16);
  memset(a, 1, 48);
  release(a);
  release(b);
  ck_assert(!is_allocated(a) && !is_allocated(b));
  ck_assert_ptr_eq(allocate(33), b);
  ck_assert_ptr_eq(allocate(48), a);
  ck_assert(test_is_zero(a, 48));
  ck_assert_uint_eq(test_usable(b), 48);
  ck_assert(is_allocated(wall));
  ck_assert(test_prove());
}
END_TEST

START_TEST(scribbling_over_a_quick_block_is_found_out) {
  cache_begin();
  char *a = allocate(48), *b = allocate(48);
  allocate(16);
  release(a);
  release(b);
  *(uint64_t *)b ^= 0x1234567890abcdefu;
  ck_assert_ptr_nonnull(allocate(48)); /* from elsewhere */
  ck_assert_int_eq(corruptions, 1);
  ck_assert_ptr_nonnull(allocate(48));
  ck_assert_int_eq(corruptions, 1); /* the list is not followed again */
}
END_TEST

/* So is what leaves the link alone. */
START_TEST(scribbling_behind_the_link_is_found_out) {
  cache_begin();
  char *a = allocate(48), *b = allocate(48);
  allocate(16);
  release(a);
  release(b);
  memset(b + sizeof(void *), 0, sizeof(void *));
  ck_assert_ptr_nonnull(allocate(48));
  ck_assert_int_eq(corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* A medium block among the small ones, when medium blocks have arenas of their
   own by now. */
START_TEST(scribbling_over_a_medium_block_is_found_out) {
  cache_begin();
  char *a = allocate(GL_MEDIUM_MAX_BYTES / 2);
  allocate(16);
  release(a);
  ck_assert_uint_eq(test_usable(allocate(BLOCK)), BLOCK);
  *(uint64_t *)a ^= 0x1234567890abcdefu;
  for (size_t left = 16 * GL_ARENA_BYTES; left > 0; left -= BLOCK)
    allocate(BLOCK);
  ck_assert_int_eq(corruptions, 0);
  ck_assert_ptr_nonnull(allocate(GL_MEDIUM_MAX_BYTES / 2)); /* from elsewhere */
  ck_assert_int_eq(corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* Nothing is set up, and no size may fall over that. */
START_TEST(no_size_matters_before_set_up) {
  for (size_t size = 0; size <= 2 * GL_MEDIUM_MAX_BYTES; size++) {
    ck_assert_ptr_null(gl_cache_allocate(&gl_cache_none, size, GL_SCANNED));
    ck_assert_ptr_null(gl_cache_allocate(&gl_cache_none, size, GL_ATOMIC));
  }
  ck_assert_uint_eq(gl_cache_none.busy, 0);
}
END_TEST

/* The block behind a hole that was used up has nothing to do with it.  It is
   ahead of the cursor... */
START_TEST(free_the_block_where_the_hole_ended_ahead) {
  cache_begin();
  fill(1);
  kill_blocks(even_from_20);
  ck_assert_ptr_eq(allocate(BLOCK), block[20]);
  uint64_t free_granules = gl_arena_of(block[21])->free_granules;
  ck_assert_uint_eq(freed_by(block[21]), BLOCK);
  ck_assert_uint_eq(gl_arena_of(block[21])->free_granules,
                    free_granules + BLOCK / GL_GRANULE_BYTES);
  ck_assert(!is_allocated(block[21]));
  ck_assert_uint_eq(test_usable(block[20]), BLOCK);
}
END_TEST

/* All free runs of the first arena are passed over, since they are too
   small. */
static void pass_all(doomed *dies) {
  fill(1);
  kill_blocks(dies);
  for (size_t i = 0; i < GL_ARENA_BYTES / 1024; i++) allocate(1024);
}

/* ...or behind it, where the fast path frees. */
START_TEST(free_the_block_where_the_hole_ended_behind) {
  cache_begin();
  pass_all(even_from_20);
  char *p = allocate(BLOCK);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(block[0]));
  ck_assert_uint_eq(freed_by(p + BLOCK), BLOCK);
  ck_assert(!is_allocated(p + BLOCK));
  ck_assert_uint_eq(test_usable(p), BLOCK);
  ck_assert_ptr_eq(allocate(BLOCK), p + BLOCK);
}
END_TEST

/* A block that lies behind the hole, with nothing cut off in between, is the
   newest too: the hole is larger then. */
START_TEST(hole_grows_upwards) {
  cache_begin();
  pass_all(even_from_20);
  char *p = allocate(256);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(block[0]));
  release(p);
  ck_assert_uint_eq(freed_by(p + 256), BLOCK);
  ck_assert(test_accounts_balance(cache));
  ck_assert(!is_allocated(p) && !is_allocated(p + 256));
  ck_assert(test_prove());
  char *q = allocate(704);
  ck_assert_ptr_eq(q + 704, p + 256 + BLOCK);
  ck_assert_uint_eq(test_usable(q), 704);
  ck_assert(test_is_zero(q, 704));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

static bool keep_even(const struct gl_block *found, void *data) {
  (void)data;
  return (size_t)(found->start - block[0]) / BLOCK % 2 == 0;
}

/* The hole may end where the next arena begins: the first block there is not
   the newest. */
START_TEST(hole_stops_at_the_arenas_end) {
  cache_begin();
  fill(2);
  test_collect(keep_even, NULL);
  for (size_t i = 0; i < 2 * GL_ARENA_BYTES / 1024; i++) allocate(1024);
  char *p;
  while ((p = allocate(256)) != block[BLOCKS - 1] + 256) {
    ck_assert(p >= block[0] && p < block[0] + 2 * GL_ARENA_BYTES);
    allocate(256); /* the other half of the run */
  }
  release(p);
  ck_assert_ptr_eq(cache->lane[GL_SCANNED].hole.cur, block[BLOCKS]);
  ck_assert_uint_eq(freed_by(block[BLOCKS]), BLOCK);
  ck_assert(!is_allocated(block[BLOCKS]));
  ck_assert_ptr_eq(cache->lane[GL_SCANNED].hole.cur, block[BLOCKS]);
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------------ rescan */

static bool even_from_40(size_t i) { return i >= 40 && i % 2 == 0; }

/* The lane forgets its lists while an arena is half passed.  Blocks freed in
   its passed half go to quick lists again: the cursor must not run over it. */
START_TEST(rescan_leaves_a_half_passed_arena_alone) {
  cache_begin();
  char *large = allocate(8 * GL_ARENA_BYTES);
  fill(1);
  kill_blocks(even_from_40);
  large = allocate(8 * GL_ARENA_BYTES);
  ck_assert_ptr_eq(allocate(BLOCK), block[40]); /* the arena is current */
  release(large);                               /* a rescan is due */
  allocate(GL_MEDIUM_MAX_BYTES / 2);
  ck_assert_ptr_null(cache->lane[GL_SCANNED].hole.cur);
  for (size_t i = 0; i < 30; i++) release(block[i]);
  /* One of another size first, which wants a hole; then all that fit. */
  char *p[64] = {allocate(1008)};
  test_fill(p[0], 1008, 0);
  for (size_t i = 1; i < 64; i++) test_fill(p[i] = allocate(BLOCK), BLOCK, i);
  ck_assert(test_is_filled(p[0], 1008, 0));
  for (size_t i = 1; i < 64; i++) ck_assert(test_is_filled(p[i], BLOCK, i));
  ck_assert_int_eq(corruptions, 0);
  ck_assert(test_prove());
}
END_TEST

/* What was freed into quick lists of one size serves another: the heap does
   not grow for ever. */
START_TEST(rescan_coalesces_what_was_freed) {
  cache_begin();
  fill(2);
  size_t arenas = gl_heap.arena_count;
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < 2 * BLOCKS; i++) release(block[i]);
    for (size_t i = 0; i < BLOCKS; i++) block[i] = allocate(2 * BLOCK);
    for (size_t i = 0; i < BLOCKS; i++) release(block[i]);
    for (size_t i = 0; i < 2 * BLOCKS; i++) block[i] = allocate(BLOCK);
  }
  ck_assert_uint_le(gl_heap.arena_count, arenas + 2);
  ck_assert(test_prove());
}
END_TEST

/* A lane that had to rescan keeps short runs for blocks of their size, and cuts
   longer ones before it grows. */
START_TEST(short_runs_serve_after_a_rescan) {
  cache_begin();
  fill(1);
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  for (size_t i = 0; i < BLOCKS; i += 2) release(block[i]);
  gl_cache_enter(cache);
  gl_lane_rescan(cache, lane);
  gl_cache_leave(cache);
  ck_assert_int_eq(lane->lists, GL_LISTS_ALL);
  ck_assert_ptr_null(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  char *long_one = allocate(2 * BLOCK); /* passes all, and is in a new arena */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_nonnull(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(test_prove());
  char *same = allocate(BLOCK);
  ck_assert(same >= block[0] && same <= block[BLOCKS - 1]);
  size_t shorter = BLOCK - GL_GRANULE_BYTES;
  for (size_t i = 0; i < GL_ARENA_BYTES / shorter + BLOCKS / 4; i++)
    allocate(shorter);
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert(is_allocated(long_one) && test_prove());
}
END_TEST

/* So does a collected one, with those of sizes that are asked for. */
START_TEST(runs_asked_for_serve_after_a_collection) {
  cache_begin();
  fill(1);
  kill_blocks(even_from_20);
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  char *long_one = allocate(2 * BLOCK); /* passes all, and is in a new arena */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_nonnull(lane->quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(lane->nonempty == 0 && test_prove());
  char *same = allocate(BLOCK);
  ck_assert(same >= block[0] && same <= block[BLOCKS - 1]);
  size_t left = (size_t)(lane->hole.cur - lane->hole.start) / GL_GRANULE_BYTES;
  for (; left > 64 + 7; left -= 64) allocate(64 * GL_GRANULE_BYTES);
  allocate((left - 7) * GL_GRANULE_BYTES); /* which leaves seven granules */
  allocate(8 * GL_GRANULE_BYTES);          /* a part of a run */
  ck_assert_uint_eq(lane->arena_count, 2);
  ck_assert_ptr_null(lane->quick[7]); /* of a size that nobody asked for */
  ck_assert(is_allocated(long_one) && test_prove());
}
END_TEST

/* What was asked for before the last collection but one is forgotten, and
   shorter runs are not even written to. */
START_TEST(runs_not_asked_for_are_left_alone) {
  cache_begin();
  fill(1);
  kill_blocks(even_from_20);
  test_collect(survives, &(doomed *){even_from_20});
  test_fill(block[20], BLOCK, 5);
  allocate(2 * BLOCK);
  ck_assert_ptr_null(cache->lane[GL_SCANNED].quick[BLOCK / GL_GRANULE_BYTES]);
  ck_assert(test_is_filled(block[20], BLOCK, 5) && test_prove());
}
END_TEST

/* Longer ones are cut into blocks of the size that is asked for, and the
   rest. */
START_TEST(longer_runs_are_cut) {
  cache_begin();
  fill(1);
  kill_blocks(even_from_20);
  size_t size = 5 * GL_GRANULE_BYTES;
  test_collect(survives, &(doomed *){even_from_20});
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  uint64_t slow = cache->slow_allocations;
  for (size_t i = 20; i < 52; i += 2) /* as many runs as go to lists at once */
    for (size_t n = BLOCK / size; n-- > 0;) {
      char *p = allocate(size);
      ck_assert_ptr_eq(p, block[i] + n * size);
      ck_assert(test_is_zero(p, size));
      ck_assert_uint_eq(test_usable(p), size);
    }
  ck_assert_uint_eq(cache->slow_allocations, slow + 1);
  ck_assert_ptr_eq(lane->quick[2], (void *)(block[20] + 6 * size));
  ck_assert(test_accounts_balance(cache) && test_prove());
}
END_TEST

/* Holes of the size that is asked for are had several at a time, in order;
   those of other sizes are for later. */
START_TEST(holes_alike_are_taken_together) {
  cache_begin();
  fill(1);
  kill_blocks(even_from_20);
  uint64_t slow = cache->slow_allocations;
  for (size_t i = 20; i < 52; i += 2) {
    char *p = allocate(BLOCK);
    ck_assert_ptr_eq(p, block[i]);
    ck_assert(test_is_zero(p, BLOCK));
  }
  ck_assert_uint_eq(cache->slow_allocations, slow + 1);
  release(block[53]);
  for (size_t i = 54; i >= 52; i--) ck_assert_ptr_eq(allocate(BLOCK), block[i]);
  for (size_t i = 56; i + 1 < BLOCKS; i += 2)
    ck_assert_ptr_eq(allocate(BLOCK), block[i]);
  ck_assert(test_accounts_balance(cache) && test_prove());
}
END_TEST

/* In a collected heap no block begins where a long hole does, but for one that
   takes it whole. */
START_TEST(long_holes_leave_a_gap) {
  cache_begin();
  fill(1);
  gl_heap_pad_blocks();
  kill_blocks(even_and_some);
  size_t whole = 11 * BLOCK; /* ten in a row, and an even one */
  char *start = block[BLOCKS / 2];
  const struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  char *p = allocate(2 * BLOCK - GL_GRANULE_BYTES);
  ck_assert_ptr_eq(p, start + whole - (2 * BLOCK));
  ck_assert_ptr_eq(hole->start, start + GL_GRANULE_BYTES);
  while (hole->cur != NULL && hole->cur - BLOCK >= hole->start)
    p = allocate(BLOCK - 1);
  ck_assert_ptr_eq(p, start + BLOCK);
  ck_assert(gl_tags_is_free(gl_heap.tags, gl_granule_of(start)));
  ck_assert(gl_tags_is_free(gl_heap.tags, gl_granule_of(start) + 1));
  ck_assert(test_accounts_balance(cache) && test_prove());
}
END_TEST

/* A collection that comes while a thread waits for an arena starts the search
   for pending ones anew: what it gets is ahead of that then, but in use. */
START_TEST(current_arena_is_not_pending) {
  cache_begin();
  fill(1);
  kill_blocks(even_and_some);
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  char *taken[BLOCKS];
  allocate(1024); /* passes what is before the long run */
  ck_assert_ptr_eq(lane->arena, gl_arena_of(block[0]));
  lane->pending = lane->first;
  allocate(GL_MEDIUM_MAX_BYTES / 2); /* no hole is as long, whichever arena is
                                        emptied for it */
  for (size_t i = 0; i < BLOCKS / 2; i++)
    test_fill(taken[i] = allocate(BLOCK), BLOCK, i);
  for (size_t i = 0; i < BLOCKS / 2; i++)
    ck_assert(test_is_filled(taken[i], BLOCK, i));
  ck_assert_int_eq(corruptions, 0);
  ck_assert(test_accounts_balance(cache) && test_prove());
}
END_TEST

static bool most(size_t i) { return i % 16 != 5; }

/* Medium blocks have arenas of their own where there are many; but rather than
   take one they go where the small ones have left much. */
START_TEST(medium_blocks_use_half_free_arenas) {
  cache_begin();
  fill(1);
  for (size_t i = 0; i < 7 * BLOCKS; i++) allocate(BLOCK);
  struct gl_lane *apart = &cache->lane[GL_SCANNED + GL_KIND_COUNT];
  kill_blocks(most);
  ck_assert_uint_eq(cache->lane[GL_SCANNED].arena_count, 8);
  for (size_t i = 0; i < BLOCKS / 16; i++) {
    char *p = allocate(8 * BLOCK);
    ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(block[0]));
    ck_assert(test_is_zero(p, 8 * BLOCK));
  }
  ck_assert_uint_eq(apart->arena_count, 0);
  allocate(8 * BLOCK);
  ck_assert_uint_eq(apart->arena_count, 1);
  ck_assert(test_accounts_balance(cache) && test_prove());
}
END_TEST

/* ----------------------------------------------------------- aligned blocks */

static char *allocate_aligned(size_t size, size_t align) {
  enum gl_want want;
  char *p = gl_heap_allocate_aligned(cache, size, align, GL_SCANNED, &want);
  ck_assert_ptr_nonnull(p);
  ck_assert_uint_eq((uintptr_t)p % align, 0);
  ck_assert_uint_ge(test_usable(p), size);
  ck_assert(test_is_zero(p, test_usable(p)));
  return p;
}

/* Aligned blocks of a size that is a multiple of the alignment lie side by
   side; the gap above the first is free. */
START_TEST(aligned_blocks_are_cut_off_the_hole) {
  cache_begin();
  allocate(48);
  char *p = allocate(48), *first = allocate_aligned(128, 64);
  ck_assert(first + 128 + 64 > p && first + 128 <= p);
  uint64_t freed = test_freed_bytes(cache);
  char *second = allocate_aligned(128, 64), *third = allocate_aligned(256, 64);
  ck_assert_ptr_eq(second, first - 128);
  ck_assert_ptr_eq(third, second - 256);
  ck_assert_uint_eq(test_freed_bytes(cache), freed);
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* A freed block is used again where its address will do. */
START_TEST(aligned_blocks_are_used_again) {
  cache_begin();
  char *p = allocate_aligned(256, 64);
  allocate(16); /* so that p is not the newest */
  memset(p, 0x44, test_usable(p));
  release(p);
  ck_assert_ptr_eq(allocate_aligned(256, 64), p);
  release(p);
  char *q = allocate_aligned(256, 4096);
  ck_assert(q != p || (uintptr_t)p % 4096 == 0);
  for (int i = 0; i < 2000; i++) {
    char *r = allocate_aligned(test_below(5000), (size_t)16 << test_below(10));
    memset(r, 0x44, test_usable(r));
    if (test_one_in(2)) release(r);
  }
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* ------------------------------------------------------------ medium blocks */

START_TEST(medium_blocks_of_all_sizes) {
  cache_begin();
  for (size_t size = 1025; size <= GL_MEDIUM_MAX_BYTES; size += size / 16) {
    char *p = allocate(size);
    ck_assert_uint_ge(test_usable(p), size);
    ck_assert_uint_le(test_usable(p), size + size / 8 + GL_GRANULE_BYTES);
    ck_assert(test_is_zero(p, test_usable(p)));
    ck_assert_int_ne(gl_heap.slots[gl_arena_index(gl_arena_of(p))],
                     GL_SLOT_RUNS);
    memset(p, 0x44, test_usable(p));
    if (test_one_in(2)) release(p);
  }
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* gc_free has two ways to find out how long a block is. */
START_TEST(both_ways_to_a_size_agree) {
  cache_begin();
  enum { COUNT = 4000 };
  static char *p[COUNT];
  for (size_t i = 0; i < COUNT; i++)
    p[i] = allocate(1 + test_below(i % 2 == 0 ? 200 : 1500));
  for (size_t i = 0; i < COUNT; i++) {
    size_t granule = gl_granule_of(p[i]);
    const struct gl_tags *line = gl_tags_at((uintptr_t)p[i]);
    size_t granules = gl_cache_tagged_size(granule);
    ck_assert_uint_eq(granules << GL_GRANULE_SHIFT, test_usable(p[i]));
    if (granules > GL_EXACT_CLASSES) granules = 0;
    ck_assert_uint_eq(gl_cache_size_in_one(cache, line, granule), granules);
    ck_assert_uint_eq(gl_cache_size_in_two(line, granule), granules);
  }
}
END_TEST

/* What is quickly found is what is found. */
START_TEST(own_blocks_are_found_as_any) {
  cache_begin();
  struct gl_block own, any;
  for (int i = 0; i < 3000; i++) {
    char *p = allocate(test_one_in(8) ? test_below(40000) : test_below(1200));
    bool large = test_usable(p) > GL_MEDIUM_MAX_BYTES;
    ck_assert_int_eq(gl_heap_find_own(cache, p, &own), !large);
    ck_assert_int_eq(gl_heap_find_exact(p, &any), GL_FAULT_NONE);
    if (!large)
      ck_assert(own.start == any.start && own.size == any.size &&
                own.kind == any.kind && !own.large);
    ck_assert(!gl_heap_find_own(other, p, &own));
    ck_assert(!gl_heap_find_own(cache, p + 8, &own));
    if (!test_one_in(3)) continue;
    release(p);
    ck_assert(!gl_heap_find_own(cache, p, &own));
  }
  ck_assert(!gl_heap_find_own(cache, NULL, &own));
  ck_assert(!gl_heap_find_own(cache, &own, &own));
}
END_TEST

/* Of random sizes a cache becomes wide, of one size it does not. */
START_TEST(random_sizes_make_a_cache_wide) {
  cache_begin();
  for (int random = 0; random < 2; random++) {
    for (size_t i = 0; i < 20 * BLOCKS; i++) {
      char **slot = &block[test_below(2 * BLOCKS)];
      if (*slot != NULL) release(*slot);
      *slot = allocate(random ? 16 + test_below(984) : 64);
    }
    ck_assert_int_eq(cache->wide != 0, random);
  }
}
END_TEST

/* ----------------------------------------------------- cut short by a fork */

/* Where a fast path may have been when the process was forked: between any two
   of its stores. */
static void cut_bump_short(void) {
  struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  ck_assert_uint_ge((size_t)(hole->cur - hole->limit), 48);
  gl_tags_set_block(gl_heap.tags, gl_granule_of(hole->cur - 48));
}

static void cut_unbump_short(void) {
  const struct gl_hole *hole = &cache->lane[GL_SCANNED].hole;
  gl_tags_clear(gl_heap.tags, gl_granule_of(hole->cur));
}

static void cut_push_short(void) {
  gl_tags_set_free(gl_heap.tags, gl_granule_of(block[0]));
}

static void cut_push_shorter(void) {
  size_t granule = gl_granule_of(block[1]);
  gl_tags_line(gl_heap.tags, granule)->mark |= gl_tags_bit(granule);
}

static void cut_pop_short(void) {
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  release(block[2]);
  ck_assert_ptr_eq(lane->quick[BLOCK / GL_GRANULE_BYTES], block[2]);
  lane->quick[BLOCK / GL_GRANULE_BYTES] = NULL;
}

static void cut_pop_later(void) {
  release(block[3]);
  gl_tags_set_block(gl_heap.tags, gl_granule_of(block[3]));
}

static void (*const cut[])(void) = {cut_bump_short, cut_unbump_short,
                                    cut_push_short, cut_push_shorter,
                                    cut_pop_short,  cut_pop_later};

START_TEST(torn_cache_is_mended) {
  cache_begin();
  fill(1);
  for (int i = 0; i < 20; i++) allocate(64);
  cut[_i]();
  cache->torn = true;
  gl_cache_mend(cache);
  ck_assert(test_prove());
  for (size_t size = 16; size <= 2048; size += 16) {
    char *p = allocate(size);
    memset(p, 0x5a, size);
    ck_assert_uint_ge(test_usable(p), size);
    if (size % 3 == 0) release(p);
  }
  for (size_t i = 10; i < BLOCKS; i++) release(block[i]);
  ck_assert(test_prove());
  ck_assert_int_eq(corruptions, 0);
}
END_TEST

START_TEST(medium_blocks_leave_the_hole_open) {
  cache_begin();
  char *a = allocate(16);
  for (size_t left = 2 * GL_ARENA_BYTES; left > 0; left -= GL_MEDIUM_MAX_BYTES)
    allocate(GL_MEDIUM_MAX_BYTES);
  struct gl_lane *lane = &cache->lane[GL_SCANNED];
  ck_assert_ptr_nonnull(lane->hole.cur);
  char *b = allocate(16);
  ck_assert_ptr_eq(gl_arena_of(a), gl_arena_of(b));
}
END_TEST

START_TEST(classes_are_in_order) {
  size_t before = 0;
  unsigned class_before = 0;
  for (size_t granules = 1; granules <= GL_MEDIUM_MAX_GRANULES; granules++) {
    struct gl_class class = gl_class_for(granules);
    struct gl_class again = gl_class_for(class.granules);
    ck_assert_uint_ge(class.granules, granules);
    ck_assert_uint_le(class.granules, granules + granules / 8);
    ck_assert_uint_lt(class.index, GL_CLASSES);
    ck_assert_uint_eq(again.index, class.index);
    ck_assert_uint_eq(again.granules, class.granules);
    ck_assert_uint_eq(class.index, class.granules == before ? class_before
                                                            : class_before + 1);
    before = class.granules;
    class_before = class.index;
  }
}
END_TEST

/* --------------------------------------------------------- inbox and outbox */

START_TEST(frees_by_another_come_home) {
  cache_begin();
  for (size_t i = 0; i < 100; i++) block[i] = allocate(64);
  for (size_t i = 0; i < 100; i++)
    ck_assert_int_eq(test_free(other, block[i]), GL_FAULT_NONE);
  ck_assert_uint_eq(other->outbox.count, 100 - 64);
  ck_assert(gl_cache_has_mail(cache));
  gl_cache_flush_outbox(other);
  ck_assert_uint_eq(other->outbox.count, 0);
  gl_cache_drain_inbox(cache);
  ck_assert(!gl_cache_has_mail(cache));
  for (size_t i = 0; i < 100; i++) ck_assert(!is_allocated(block[i]));
  ck_assert_uint_eq(test_freed_bytes(cache), 100 * 64);
  for (size_t i = 0; i < 100; i++) {
    char *p = allocate(64);
    ck_assert(p <= block[0] && p >= block[99]);
    ck_assert(test_is_zero(p, 64));
  }
  ck_assert(test_prove());
}
END_TEST

START_TEST(second_free_by_another_is_told) {
  cache_begin();
  char *p = allocate(64);
  struct gl_cache *third = test_cache();
  ck_assert_int_eq(gl_heap_free(other, p), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(other, p), GL_FAULT_TWICE);
  ck_assert_int_eq(gl_heap_free(third, p), GL_FAULT_TWICE);
  gl_cache_flush_outbox(other);
  ck_assert_int_eq(gl_heap_free(third, p), GL_FAULT_TWICE);
}
END_TEST

/* The owner frees what another has sent already: told as it arrives. */
START_TEST(free_by_another_then_by_the_owner_is_told) {
  cache_begin();
  char *a = allocate(64), *b = allocate(64);
  allocate(64);
  ck_assert_int_eq(gl_heap_free(other, a), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(other, b), GL_FAULT_NONE);
  gl_cache_flush_outbox(other);
  release(b);
  gl_cache_drain_inbox(cache);
  ck_assert_int_eq(corruptions, 1);
  ck_assert(test_prove());
}
END_TEST

/* A block that was on its way when a collection came has a second life, and
   may be freed by another again: what marked it as sent must be gone. */
START_TEST(sent_block_has_a_second_life) {
  cache_begin();
  for (size_t i = 0; i < 8; i++) {
    block[i] = test_allocate(cache, 64, GL_ATOMIC);
    memset(block[i], 0x5c, 64);
  }
  ck_assert_int_eq(gl_heap_free(other, block[2]), GL_FAULT_NONE);
  ck_assert_int_eq(gl_heap_free(other, block[3]), GL_FAULT_NONE);
  gl_cache_flush_outbox(other); /* both ways: inbox, then outbox */
  ck_assert_int_eq(gl_heap_free(other, block[5]), GL_FAULT_NONE);
  test_collect(test_keep_all, NULL);
  int again = 0;
  for (size_t i = 0; i < GL_ARENA_BYTES / 64; i++) {
    char *p = test_allocate(cache, 64, GL_ATOMIC);
    if (p != block[2] && p != block[3] && p != block[5]) continue;
    ck_assert_int_eq(gl_heap_free(other, p), GL_FAULT_NONE);
    again++;
  }
  ck_assert_int_eq(again, 3);
}
END_TEST

/* A thread that ends sends what it has gathered, and its cache is the next
   thread's, blocks sent to it included. */
START_TEST(cache_survives_its_thread) {
  cache_begin();
  char *p = allocate(64), *q = test_allocate(other, 64, GL_SCANNED);
  ck_assert_int_eq(gl_heap_free(other, p), GL_FAULT_NONE);
  gl_cache_release(other);
  ck_assert(gl_cache_has_mail(cache));
  ck_assert_ptr_eq(gl_self, &gl_cache_none);
  ck_assert_int_eq(gl_heap_free(cache, q), GL_FAULT_NONE);
  gl_cache_flush_outbox(cache);
  ck_assert(gl_cache_has_mail(other));
  ck_assert_ptr_eq(test_cache(), other);
  gl_cache_drain_inbox(other);
  ck_assert(!is_allocated(q));
  ck_assert(test_prove());
}
END_TEST

/* A new thread takes the cache that the block which it frees came from, where
   that has no thread. */
START_TEST(cache_goes_where_its_blocks_are_freed) {
  cache_begin();
  struct gl_cache *third = test_cache();
  void *p = allocate(64), *q = test_allocate(third, 64, GL_SCANNED);
  gl_cache_release(third);
  gl_cache_release(other);
  gl_heap_lock(NULL);
  ck_assert_ptr_eq(gl_cache_acquire(q), third);
  ck_assert_ptr_eq(gl_cache_acquire(p), other); /* whose own has one */
  gl_heap_unlock();
  ck_assert(test_prove());
}
END_TEST

/* ---------------------------------------------------------- growth in place */

/* The run behind may be the next arena's: no block reaches over. */
START_TEST(growth_stops_at_the_arenas_end) {
  cache_begin();
  fill(1);
  char *p = allocate(GL_MEDIUM_MAX_BYTES);
  ck_assert_ptr_eq(gl_arena_of(p), gl_arena_of(block[0]) + 1);
  ck_assert(
      gl_tags_is_free(gl_heap.tags, gl_granule_of(block[BLOCKS - 1] + BLOCK)));
  ck_assert(!try_resize(cache, block[BLOCKS - 1], 2 * BLOCK));
  ck_assert_uint_eq(test_usable(block[BLOCKS - 1]), BLOCK);
  ck_assert(test_prove());
}
END_TEST

START_TEST(block_grows_over_a_binned_run) {
  cache_begin();
  fill(1);
  kill_blocks(three_of_four);
  allocate(4 * BLOCK); /* a medium block: runs that are too short go to bins */
  ck_assert(cache->lane[GL_SCANNED].nonempty != 0);
  test_fill(block[21], BLOCK, 7);
  ck_assert(!try_resize(cache, block[21], 5 * BLOCK));
  ck_assert(!try_resize(other, block[21], BLOCK + 100)); /* not its own */
  ck_assert(try_resize(cache, block[21], BLOCK + 100));
  ck_assert_uint_eq(test_usable(block[21]), BLOCK + 112);
  ck_assert(test_is_zero(block[22], 112));
  ck_assert(try_resize(cache, block[21], 2 * BLOCK)); /* a listed rest */
  ck_assert(test_is_filled(block[21], BLOCK, 7));
  ck_assert(try_resize(cache, block[25], 4 * BLOCK));
  ck_assert_uint_eq(test_usable(block[25]), 4 * BLOCK);
  ck_assert(test_is_zero(block[26], 3 * BLOCK));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

/* One of a quick list it can have too, where it is among the first: here those
   that the cursor passed last, in order. */
START_TEST(block_grows_over_a_listed_run) {
  cache_begin();
  pass_all(even_from_20);
  struct gl_quick **list =
      &cache->lane[GL_SCANNED].quick[BLOCK / GL_GRANULE_BYTES];
  struct gl_quick *first = *list;
  size_t i = (size_t)((char *)first - block[0]) / BLOCK;
  test_fill(block[i - 1], BLOCK, 7);
  ck_assert_ptr_eq(gl_quick_next(first), (void *)block[i + 2]);
  ck_assert(!try_resize(cache, block[49], 2 * BLOCK)); /* too far down */
  ck_assert(!try_resize(cache, block[i - 1], 2 * BLOCK + 16)); /* too short */
  ck_assert(try_resize(cache, block[i + 1], BLOCK + 100));     /* the second */
  ck_assert(gl_quick_is_sealed(first));
  ck_assert_ptr_eq(gl_quick_next(first), (void *)block[i + 4]);
  ck_assert(try_resize(cache, block[i - 1], 2 * BLOCK)); /* the first */
  ck_assert_ptr_eq(*list, (void *)block[i + 4]);
  ck_assert(test_is_filled(block[i - 1], BLOCK, 7));
  ck_assert(test_is_zero(block[i], BLOCK));
  ck_assert(test_accounts_balance(cache));
  ck_assert(test_prove());
}
END_TEST

START_TEST(slack_of_less_than_half_stays) {
  cache_begin();
  char *p = allocate(256);
  ck_assert(try_resize(cache, p, 130));
  ck_assert_uint_eq(test_usable(p), 256);
  ck_assert(!try_resize(cache, p, 128));
  ck_assert_uint_eq(test_usable(p), 256);
}
END_TEST

/* ------------------------------------------------------------------ budget */

START_TEST(budget_is_spent_and_refilled) {
  enum gl_want want;
  cache_begin();
  gl_heap.budget_bytes = (int64_t)(4 * GL_ARENA_BYTES);
  size_t allocated = 0;
  while (test_allocate(cache, 64, GL_SCANNED) != NULL) allocated += 64;
  ck_assert_uint_ge(allocated, 3 * GL_ARENA_BYTES);
  ck_assert_uint_le(allocated, 6 * GL_ARENA_BYTES);
  ck_assert_ptr_null(gl_heap_allocate(cache, 64, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  ck_assert_ptr_null(gl_heap_allocate(cache, 1 << 20, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  gl_heap.budget_bytes = (int64_t)GL_ARENA_BYTES;
  ck_assert_ptr_nonnull(gl_heap_allocate(cache, 64, GL_SCANNED, &want));
}
END_TEST

/* Beside free memory in pieces that are too short the heap grows for a large
   block while most of the budget is left, and no more after that. */
START_TEST(large_blocks_rather_collect_than_grow) {
  const size_t large = 1 << 20;
  char *blocks[8];
  enum gl_want want;
  cache_begin();
  for (size_t i = 0; i < 8; i++) {
    blocks[i] = allocate(large);
    memset(blocks[i], 1, large);
  }
  for (size_t i = 0; i < 8; i += 2)
    ck_assert_int_eq(gl_heap_free(cache, blocks[i]), GL_FAULT_NONE);
  gl_heap_release_empty();
  gl_heap.budget_bytes = 16 << 20;
  gl_heap.large_thrift_bytes = 12 << 20;
  ck_assert_ptr_nonnull(gl_heap_allocate(cache, 3 * large, GL_SCANNED, &want));
  gl_heap.budget_bytes = 12 << 20;
  ck_assert_ptr_null(gl_heap_allocate(cache, 3 * large, GL_SCANNED, &want));
  ck_assert_int_eq(want, GL_WANT_COLLECTION);
  ck_assert_ptr_nonnull(gl_heap_allocate(cache, large, GL_SCANNED, &want));
  /* More than there is free in all. */
  ck_assert_ptr_nonnull(gl_heap_allocate(cache, 5 * large, GL_SCANNED, &want));
  gl_heap.large_thrift_bytes = 0;
  ck_assert_ptr_nonnull(gl_heap_allocate(cache, 3 * large, GL_SCANNED, &want));
  ck_assert(test_prove());
}
END_TEST

/* Without a budget, frees of what others allocated must not wrap it. */
START_TEST(no_budget_is_never_spent) {
  cache_begin();
  for (int i = 0; i < 4; i++) {
    char *p = allocate(1 << 20);
    ck_assert_int_eq(gl_heap_free(other, p), GL_FAULT_NONE);
    gl_cache_settle(other);
    ck_assert_int_gt(gl_heap.budget_bytes, 0);
    ck_assert_ptr_nonnull(test_allocate(other, 64, GL_SCANNED));
    ck_assert_ptr_nonnull(test_allocate(other, 1 << 20, GL_SCANNED));
  }
}
END_TEST

int main(void) {
  TCase *tests = test_begin("cache");
  tcase_add_test(tests, blocks_lie_side_by_side);
  tcase_add_test(tests, freeing_the_newest_moves_back);
  tcase_add_test(tests, quick_list_is_last_in_first_out);
  tcase_add_test(tests, scribbling_over_a_quick_block_is_found_out);
  tcase_add_test(tests, scribbling_behind_the_link_is_found_out);
  tcase_add_test(tests, scribbling_over_a_medium_block_is_found_out);
  tcase_add_test(tests, no_size_matters_before_set_up);
  tcase_add_test(tests, both_ways_to_a_size_agree);
  tcase_add_test(tests, own_blocks_are_found_as_any);
  tcase_add_test(tests, random_sizes_make_a_cache_wide);
  tcase_add_test(tests, aligned_blocks_are_cut_off_the_hole);
  tcase_add_test(tests, aligned_blocks_are_used_again);
  tcase_add_test(tests, free_the_block_where_the_hole_ended_ahead);
  tcase_add_test(tests, free_the_block_where_the_hole_ended_behind);
  tcase_add_test(tests, hole_grows_upwards);
  tcase_add_test(tests, hole_stops_at_the_arenas_end);
  tcase_add_test(tests, rescan_leaves_a_half_passed_arena_alone);
  tcase_add_test(tests, rescan_coalesces_what_was_freed);
  tcase_add_test(tests, short_runs_serve_after_a_rescan);
  tcase_add_test(tests, runs_asked_for_serve_after_a_collection);
  tcase_add_test(tests, runs_not_asked_for_are_left_alone);
  tcase_add_test(tests, longer_runs_are_cut);
  tcase_add_test(tests, holes_alike_are_taken_together);
  tcase_add_test(tests, long_holes_leave_a_gap);
  tcase_add_test(tests, current_arena_is_not_pending);
  tcase_add_test(tests, medium_blocks_of_all_sizes);
  tcase_add_test(tests, medium_blocks_leave_the_hole_open);
  tcase_add_test(tests, medium_blocks_use_half_free_arenas);
  tcase_add_test(tests, classes_are_in_order);
  tcase_add_test(tests, frees_by_another_come_home);
  tcase_add_test(tests, second_free_by_another_is_told);
  tcase_add_test(tests, free_by_another_then_by_the_owner_is_told);
  tcase_add_test(tests, sent_block_has_a_second_life);
  tcase_add_test(tests, cache_survives_its_thread);
  tcase_add_test(tests, cache_goes_where_its_blocks_are_freed);
  tcase_add_test(tests, growth_stops_at_the_arenas_end);
  tcase_add_test(tests, block_grows_over_a_binned_run);
  tcase_add_test(tests, block_grows_over_a_listed_run);
  tcase_add_test(tests, slack_of_less_than_half_stays);
  tcase_add_loop_test(tests, torn_cache_is_mended, 0, sizeof cut / sizeof *cut);
  tcase_add_test(tests, budget_is_spent_and_refilled);
  tcase_add_test(tests, large_blocks_rather_collect_than_grow);
  tcase_add_test(tests, no_budget_is_never_spent);
  return test_end();
}
