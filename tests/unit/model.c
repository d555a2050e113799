/* SPDX-License-Identifier: MIT */
/*
 * model.c: the whole of alloc/ against a model that could not be simpler: a
 * map that says for every granule of the heap which block owns it.  A million
 * random operations by three caches in turn; every block is filled with what
 * no other block has and verified when it goes.
 *
 * A minor collection leaves alone what is in tenured arenas: for the model it
 * is all alive.  No arena is tenured in which the model knows of anything that
 * was done since the last marking.
 *
 * A block that one cache frees and another owns is on its way for a time that
 * nobody can foretell: the model calls it sent, and lets its granules be
 * handed out again or not.
 */
#include "harness.h"

#include <stdio.h>

#define OPERATIONS 1000000
#define CACHES 3
#define MODEL_BLOCKS ((size_t)20000)
#define MODEL_LIVE_BYTES ((size_t)24 << 20)
#define MODEL_HEAP_BYTES ((size_t)1 << 30)

enum state { NOTHING, LIVE, SENT };

struct item {
  char *start;
  size_t size; /* asked for */
  size_t usable;
  enum gl_kind kind;
  enum state state;
  size_t slot; /* in live[] */
};

static struct {
  struct gl_cache *cache[CACHES];
  uint32_t *owner; /* of a granule: index in item[], plus 1 */
  struct item item[4 * MODEL_BLOCKS];
  uint32_t unused[4 * MODEL_BLOCKS]; /* items of state NOTHING */
  size_t unused_count;
  uint32_t live[4 * MODEL_BLOCKS]; /* items of state LIVE */
  size_t live_count;
  size_t live_bytes;
  uint64_t swept_bytes; /* died by collection */
  bool *touched;        /* of an arena: since the last marking */
  size_t spared_blocks; /* by minor collections */
  size_t allocations;
  size_t grow; /* of 100 operations, so many allocate */
} model;

/* ------------------------------------------------------------- the model */

static void model_init(bool padded) {
  test_heap();
  if (padded) gl_heap_pad_blocks();
  model.cache[0] = gl_self;
  for (int i = 1; i < CACHES; i++) model.cache[i] = test_cache();
  model.owner = calloc(MODEL_HEAP_BYTES >> GL_GRANULE_SHIFT, sizeof(uint32_t));
  ck_assert_ptr_nonnull(model.owner);
  model.touched = calloc(MODEL_HEAP_BYTES >> GL_ARENA_SHIFT, 1);
  ck_assert_ptr_nonnull(model.touched);
  for (uint32_t i = 0; i < 4 * MODEL_BLOCKS; i++)
    model.unused[model.unused_count++] = i;
  model.grow = 50;
}

static uint32_t *model_owners(const struct item *item) {
  return &model.owner[gl_granule_of(item->start)];
}

/* Nobody owns these granules any more. */
static void model_disown(struct item *item) {
  size_t granules = item->usable >> GL_GRANULE_SHIFT;
  memset(model_owners(item), 0, granules * sizeof(uint32_t));
  item->state = NOTHING;
  model.unused[model.unused_count++] = (uint32_t)(item - model.item);
}

/* Item owns what lies [from, to) bytes behind its start: nobody else may. */
static void model_own(struct item *item, size_t from, size_t to) {
  uint32_t id = (uint32_t)(item - model.item) + 1;
  uint32_t *owner = model_owners(item);
  for (size_t i = from >> GL_GRANULE_SHIFT; i < to >> GL_GRANULE_SHIFT; i++) {
    if (owner[i] != 0) {
      struct item *before = &model.item[owner[i] - 1];
      if (before->state != SENT)
        ck_abort_msg("%p of %zu overlaps %p of %zu", (void *)item->start,
                     item->usable, (void *)before->start, before->usable);
      model_disown(before);
    }
    owner[i] = id;
  }
}

static void model_leave_live(struct item *item) {
  uint32_t last = model.live[--model.live_count];
  model.live[item->slot] = last;
  model.item[last].slot = item->slot;
  model.live_bytes -= item->usable;
}

/* Everything sent has arrived. */
static void model_settle_sent(void) {
  for (size_t i = 0; i < 4 * MODEL_BLOCKS; i++)
    if (model.item[i].state == SENT) model_disown(&model.item[i]);
}

static void model_touch(const void *p) {
  model.touched[gl_arena_index(gl_arena_of(p))] = true;
}

static struct item *model_pick(void) {
  if (model.live_count == 0) return NULL;
  return &model.item[model.live[test_below(model.live_count)]];
}

/* ---------------------------------------------------------------- payloads */

/* Of a large block, its two ends. */
#define ENDS_BYTES ((size_t)8192)

static void item_fill(struct item *item) {
  uint64_t id = (uint64_t)(item - model.item);
  if (item->usable <= 8 * ENDS_BYTES) {
    test_fill(item->start, item->usable, id);
    return;
  }
  test_fill(item->start, ENDS_BYTES, id);
  test_fill(item->start + item->usable - ENDS_BYTES, ENDS_BYTES, id);
}

/* The end of a block that was made smaller is another: below `usable`. */
/* Its start is found from anywhere in it, if not by each way. */
static void item_find(const struct item *item) {
  struct gl_block found;
  char *p = item->start + test_below(item->usable);
  void *start = gl_cache_find_base(model.cache[test_below(CACHES)], p);
  expect(start == NULL || start == item->start);
  expect(gl_heap_find(p, &found) && found.start == item->start);
}

static void item_verify(const struct item *item) {
  item_find(item);
  uint64_t id = (uint64_t)(item - model.item);
  if (item->usable <= 8 * ENDS_BYTES) {
    expect(test_is_filled(item->start, item->usable, id));
    return;
  }
  expect(test_is_filled(item->start, ENDS_BYTES, id));
  expect(
      test_is_filled(item->start + item->usable - ENDS_BYTES, ENDS_BYTES, id));
}

/* ------------------------------------------------------------ operations */

static size_t model_size(void) {
  if (test_one_in(20)) return test_size(8 * GL_ARENA_BYTES);
  if (test_one_in(3)) return test_size(GL_MEDIUM_MAX_BYTES + 64);
  return test_size(2000);
}

static void model_adopt(struct gl_cache *cache, char *p, size_t size,
                        enum gl_kind kind) {
  struct gl_block block;
  struct item *item = &model.item[model.unused[--model.unused_count]];
  expect((uintptr_t)p % GL_GRANULE_BYTES == 0);
  expect((uintptr_t)p - gl_heap.base < MODEL_HEAP_BYTES);
  expect(gl_heap_find_exact(p, &block) == GL_FAULT_NONE);
  expect(block.size >= size);
  expect(block.kind == kind);
  expect(block.large || gl_arena_of(p)->owner == cache);
  if (gl_kind_is_zeroed(kind)) expect(test_is_zero(p, block.size));
  *item = (struct item){p, size, block.size, kind, LIVE, model.live_count};
  model_own(item, 0, block.size);
  model_touch(p);
  model.allocations++;
  model.live[model.live_count++] = (uint32_t)(item - model.item);
  model.live_bytes += block.size;
  item_fill(item);
}

/* No room or no budget: have it so for a while, not for ever. */
static void model_refused(void) {
  if (!test_one_in(20)) return;
  gl_heap.runs.limit_pages = SIZE_MAX;
  gl_heap.budget_bytes = GL_BUDGET_UNLIMITED;
}

static void do_allocate(void) {
  struct gl_cache *cache = model.cache[test_one_in(4) ? test_below(CACHES) : 0];
  enum gl_kind kind =
      test_one_in(3) ? (enum gl_kind)test_below(GL_KIND_COUNT) : GL_SCANNED;
  size_t size = model_size();
  char *p = test_allocate(cache, size, kind);
  if (p != NULL)
    model_adopt(cache, p, size, kind);
  else
    model_refused();
}

static void do_allocate_aligned(void) {
  enum gl_want want;
  struct gl_cache *cache = model.cache[test_below(CACHES)];
  enum gl_kind kind = (enum gl_kind)test_below(GL_KIND_COUNT);
  size_t size = model_size(), align = (size_t)16 << test_below(10);
  if (test_one_in(50)) align = (size_t)1 << test_below(23);
  if (align < 16) align = 16;
  char *p = gl_heap_allocate_aligned(cache, size, align, kind, &want);
  if (p == NULL) return;
  expect((uintptr_t)p % align == 0);
  model_adopt(cache, p, size, kind);
}

static void do_free(void) {
  struct item *item = model_pick();
  if (item == NULL) return;
  item_verify(item);
  struct gl_arena *arena = gl_arena_of(item->start);
  bool small = gl_heap.slots[gl_arena_index(arena)] != GL_SLOT_RUNS;
  struct gl_cache *cache = model.cache[test_below(CACHES)];
  if (small && arena->owner != gl_heap.common && !test_one_in(6))
    cache = arena->owner;
  bool sent = small && cache != arena->owner;
  model_touch(item->start);
  model_leave_live(item);
  expect(test_free(cache, item->start) == GL_FAULT_NONE);
  if (sent) {
    item->state = SENT;
    if (test_one_in(4))
      expect(gl_heap_free(cache, item->start) == GL_FAULT_TWICE);
    return;
  }
  struct gl_block block;
  expect(!gl_heap_find(item->start, &block));
  if (test_one_in(4)) expect(test_free(cache, item->start) == GL_FAULT_FREE);
  model_disown(item);
}

static void item_resized(struct item *item, size_t size) {
  size_t usable = test_usable(item->start), old = item->usable;
  expect(usable >= size);
  if (usable < old) {
    memset(model_owners(item) + (usable >> GL_GRANULE_SHIFT), 0,
           ((old - usable) >> GL_GRANULE_SHIFT) * sizeof(uint32_t));
  } else {
    if (gl_kind_is_zeroed(item->kind))
      expect(test_is_zero(item->start + old, usable - old));
    model_own(item, old, usable);
  }
  model.live_bytes += usable - old;
  item->usable = usable;
  item->size = size;
}

static void do_resize(void) {
  struct gl_block block;
  struct item *item = model_pick();
  if (item == NULL) return;
  size_t size =
      test_one_in(2) ? model_size() : test_below(2 * item->usable + 64);
  if (size > item->usable + MODEL_LIVE_BYTES / 2) return;
  item_verify(item);
  model_touch(item->start);
  expect(gl_heap_find_exact(item->start, &block) == GL_FAULT_NONE);
  struct gl_cache *cache = model.cache[test_below(CACHES)];
  if (gl_heap_try_resize(cache, &block, size)) item_resized(item, size);
  expect(test_usable(item->start) == item->usable);
  item_fill(item);
}

/* Any byte of the heap, most often one near the edge of a block. */
static const char *model_address(void) {
  const struct item *item = model_pick();
  if (item == NULL || test_one_in(3))
    return (const char *)gl_heap.base + test_below(gl_heap.extent_bytes + 1);
  const char *edge = item->start + (test_one_in(2) ? item->usable : 0);
  return edge - 18 + test_below(36);
}

static void do_find(void) {
  struct gl_block block;
  const char *p = model_address();
  bool found = gl_heap_find(p, &block);
  if (!gl_in_heap(p)) {
    expect(!found);
    return;
  }
  model_touch(p);
  uint32_t owner = model.owner[gl_granule_of(p)];
  if (owner == 0) {
    if (found)
      ck_abort_msg("%p is free, but found in %p", (const void *)p,
                   (void *)block.start);
    return;
  }
  const struct item *item = &model.item[owner - 1];
  if (item->state == SENT) return;
  expect(found);
  expect(block.start == item->start);
  expect(block.size == item->usable);
  expect(block.kind == item->kind);
}

/* -------------------------------------------------------------- collections */

struct census {
  size_t seen;
  size_t survive; /* of 100 */
};

static bool census_keep(const struct gl_block *block, void *data) {
  struct census *census = data;
  uint32_t owner = model.owner[gl_granule_of(block->start)];
  expect(owner != 0);
  struct item *item = &model.item[owner - 1];
  expect(item->state == LIVE);
  expect(item->start == block->start);
  expect(item->usable == block->size);
  census->seen++;
  if (test_below(100) < census->survive) return true;
  item_verify(item);
  model.swept_bytes += item->usable;
  model_leave_live(item);
  model_disown(item);
  return false;
}

static void census_end(void) {
  size_t bytes = gl_heap.extent_bytes >> GL_ARENA_SHIFT;
  memset(model.touched, 0, bytes + 1);
  expect(test_prove());
}

/* Before marking, the heap's blocks are the model's, no more and no less. */
static void do_collect(void) {
  static const size_t rates[] = {0, 20, 60, 90, 97, 99, 100};
  struct census census = {0, rates[test_below(7)]};
  size_t live = model.live_count;
  model_settle_sent();
  test_collect(census_keep, &census);
  expect(census.seen == live);
  census_end();
}

/* What lies in arenas that may be tenured, since nobody touched them. */
static size_t model_untouched_bytes(void) {
  size_t bytes = 0;
  for (size_t i = 0; i < model.live_count; i++) {
    const struct item *item = &model.item[model.live[i]];
    size_t slot = gl_arena_index(gl_arena_of(item->start));
    if (gl_heap.slots[slot] != GL_SLOT_RUNS && !model.touched[slot])
      bytes += item->usable;
  }
  return bytes;
}

static size_t model_small_bytes(void) {
  size_t bytes = 0;
  for (size_t i = 0; i < model.live_count; i++) {
    const struct item *item = &model.item[model.live[i]];
    if (gl_heap.slots[gl_arena_index(gl_arena_of(item->start))] != GL_SLOT_RUNS)
      bytes += item->usable;
  }
  return bytes;
}

static void do_collect_minor(void) {
  struct census census = {0, test_below(101)};
  size_t live = model.live_count;
  model_settle_sent();
  size_t untouched = model_untouched_bytes();
  struct test_minor minor = test_collect_minor(census_keep, &census);
  expect(census.seen + minor.spared_blocks == live);
  expect(minor.spared_bytes == minor.tenured_bytes);
  expect(minor.spared_bytes == minor.still_bytes);
  expect(minor.spared_bytes <= untouched);
  expect(minor.live_bytes == model_small_bytes());
  model.spared_blocks += minor.spared_blocks;
  census_end();
}

/* Every page in use holds something: arenas that are empty are gone. */
static void do_release(void) {
  size_t pages = 0;
  model_settle_sent();
  gl_heap_lock(NULL);
  gl_heap_release_empty();
  gl_runs_scavenge(0);
  gl_heap_unlock();
  bool *counted = calloc((gl_heap.extent_bytes >> GL_ARENA_SHIFT) + 1, 1);
  for (size_t i = 0; i < model.live_count; i++) {
    const struct item *item = &model.item[model.live[i]];
    size_t arena = gl_arena_index(gl_arena_of(item->start));
    if (gl_heap.slots[arena] == GL_SLOT_RUNS) {
      pages += item->usable >> GL_PAGE_SHIFT;
    } else if (!counted[arena]) {
      counted[arena] = true;
      pages += GL_ARENA_PAGES;
    }
  }
  free(counted);
  expect(gl_heap.runs.used_pages == pages);
  expect(gl_heap.runs.dirty_pages == 0);
  expect(test_prove());
}

/* ----------------------------------------------------------- other events */

static void do_tick(void) {
  gl_heap_lock(NULL);
  gl_runs_tick(gl_heap.runs.tick_ns + GL_TICK_NS);
  gl_heap_unlock();
}

static void do_limit(void) {
  gl_heap_lock(NULL);
  size_t held = gl_heap_held_bytes() >> GL_PAGE_SHIFT;
  gl_heap.runs.limit_pages =
      test_one_in(2) ? SIZE_MAX : held + test_below(4 * GL_ARENA_PAGES);
  gl_heap_unlock();
}

static void do_budget(void) {
  gl_heap.budget_bytes =
      test_one_in(2) ? GL_BUDGET_UNLIMITED : (int64_t)test_below(1 << 20);
}

/* A thread ends and another begins. */
static void do_release_cache(void) {
  int i = (int)test_below(CACHES);
  gl_cache_release(model.cache[i]);
  model.cache[i] = test_cache();
}

/* ---------------------------------------------------------------- the whole */

static uint64_t sent_bytes(const struct gl_quick *block) {
  uint64_t bytes = 0;
  for (; block != NULL;
       block = (const struct gl_quick *)(block->link ^ gl_heap.secret))
    bytes += test_usable(block);
  return bytes;
}

/* What was allocated and not freed is live, on its way, or was swept. */
static void check_accounts(void) {
  uint64_t bytes = 0, expected = model.live_bytes + model.swept_bytes;
  for (const struct gl_cache *cache = gl_heap.caches; cache != NULL;
       cache = cache->next) {
    expect(test_accounts_balance(cache));
    bytes += cache->allocated_bytes + gl_cache_reused_bytes(cache) -
             gl_cache_freed_bytes(cache);
    for (int kind = 0; kind < GL_KIND_COUNT; kind++)
      bytes +=
          (uint64_t)(cache->lane[kind].accounted - cache->lane[kind].hole.cur);
    for (unsigned chain = 0; chain < GL_CHAINS; chain++)
      expected += sent_bytes(cache->inbox[chain]) +
                  sent_bytes(cache->outbox.first[chain]);
  }
  expect(bytes == expected);
}

static void do_usual(void);

/* Several with little in between, or all would be young again. */
static void do_minors(void) {
  size_t most = (size_t)1 << test_below(10);
  do_collect();
  for (size_t left = test_below(6); left > 0; left--) {
    for (size_t i = test_below(most); i > 0; i--) do_usual();
    do_collect_minor();
    check_accounts();
  }
}

static void do_seldom(void) {
  switch (test_below(12)) {
    case 0: do_collect(); break;
    case 1: do_release(); break;
    case 2: do_limit(); break;
    case 3: do_budget(); break;
    case 4: do_release_cache(); break;
    case 5: model.grow = 30 + test_below(60); break;
    case 6: expect(test_prove()); break;
    case 7:
    case 8: do_minors(); break;
    default: do_tick();
  }
  if (gl_heap.runs.limit_pages != SIZE_MAX)
    expect(gl_heap.runs.used_pages + gl_heap.runs.dirty_pages <=
           gl_heap.runs.limit_pages);
  check_accounts();
}

static bool model_is_full(void) {
  return model.live_count >= MODEL_BLOCKS ||
         model.live_bytes >= MODEL_LIVE_BYTES || model.unused_count == 0;
}

static void do_usual(void) {
  if (test_one_in(16)) do_find();
  if (test_one_in(12)) do_resize();
  if (test_below(100) >= model.grow || model_is_full())
    do_free();
  else if (test_one_in(40))
    do_allocate_aligned();
  else
    do_allocate();
}

static void do_one(void) {
  if (test_one_in(600)) do_seldom();
  do_usual();
}

static void run(int operations, bool padded, bool slow_only) {
  model_init(padded);
  gl_heap.slow_only = slow_only;
  for (int i = 0; i < operations; i++) do_one();
  for (size_t i = 0; i < model.live_count; i++)
    item_verify(&model.item[model.live[i]]);
  expect(model.allocations > (size_t)operations / 4);
  expect(model.spared_blocks > (size_t)operations / 1000);
  while (model.live_count > 0) do_free();
  do_release();
  expect(gl_heap.runs.used_pages == 0);
}

START_TEST(a_million_operations) { run(OPERATIONS, _i != 0, false); }
END_TEST

/* No fast paths: what GLEANER_STRESS runs. */
START_TEST(slow_paths_only) { run(OPERATIONS / 8, _i != 0, true); }
END_TEST

int main(void) {
  TCase *tests = test_begin("model");
  tcase_add_loop_test(tests, a_million_operations, 0, 2);
  tcase_add_loop_test(tests, slow_paths_only, 0, 2);
  return test_end();
}
