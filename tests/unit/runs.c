/* SPDX-License-Identifier: MIT */
/*
 * runs.c: tests of alloc/runs against an oracle that knows of every page who
 * owns it and whether it was written since the system gave it.
 */
#include "../../alloc/huge.h"
#include "harness.h"

#define PAGES ((size_t)1 << 14)
#define MAX_RUNS 400
#define MAX_LIVE_PAGES ((size_t)3000)
#define STEPS 30000

enum { OUTSIDE, CLEAN, DIRTY, USED };

struct run {
  size_t page, pages;
  bool arena;
};

static struct {
  uint8_t state[PAGES];
  uint16_t owner[PAGES]; /* index in run[], plus 1 */
  uint64_t freed_at[PAGES];
  struct run run[MAX_RUNS];
  size_t run_count;
  size_t used, peak;
  uint64_t returned; /* pages given back by the steps that were accounted for */
} oracle;

static void runs_begin(void) {
  test_heap();
  memset(&oracle, 0, sizeof oracle);
}

/* Since a page was freed, in ticks; from 255 on less. */
static unsigned oracle_age(size_t page) {
  return (uint8_t)(gl_heap.runs.tick - oracle.freed_at[page]);
}

static size_t oracle_dirty(void) {
  size_t dirty = 0;
  for (size_t i = 0; i < gl_heap.runs.top_pages; i++)
    dirty += oracle.state[i] == DIRTY;
  return dirty;
}

/* Pages that the heap grew by are clean. */
static void oracle_note_growth(void) {
  expect(gl_heap.runs.top_pages < PAGES);
  for (size_t i = GL_RUNS_FIRST_PAGE; i < gl_heap.runs.top_pages; i++)
    if (oracle.state[i] == OUTSIDE) oracle.state[i] = CLEAN;
}

/* The limit may have had the free pages cleaned; then all of them are. */
static void oracle_note_scavenge(void) {
  if (gl_heap.runs.returned_pages == oracle.returned) return;
  oracle.returned = gl_heap.runs.returned_pages;
  for (size_t i = 0; i < PAGES; i++)
    if (oracle.state[i] == DIRTY) oracle.state[i] = CLEAN;
}

static void oracle_use(size_t index, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    expect(oracle.state[i] == CLEAN || oracle.state[i] == DIRTY);
    oracle.state[i] = USED;
    oracle.owner[i] = (uint16_t)(index + 1);
  }
  oracle.used += to - from;
}

static void oracle_free(size_t from, size_t to, size_t clean) {
  for (size_t i = from; i < to; i++) {
    expect(oracle.state[i] == USED);
    oracle.state[i] = i < to - clean ? DIRTY : CLEAN;
    oracle.freed_at[i] = gl_heap.runs.tick;
    oracle.owner[i] = 0;
  }
  oracle.used -= to - from;
}

/* Memory that is handed out has to be zero once it was asked to be. */
static void write_pages(size_t page, size_t pages) {
  for (size_t i = page; i < page + pages; i++) {
    expect(test_is_zero(gl_page_address(i), 64));
    expect(test_is_zero(gl_page_address(i + 1) - 64, 64));
    memset(gl_page_address(i), 0x77, 64);
    memset(gl_page_address(i + 1) - 64, 0x77, 64);
  }
}

static size_t some_pages(void) {
  if (test_one_in(8)) return 1 + test_below(200);
  return 1 + test_below(test_one_in(2) ? 4 : 70);
}

/* ------------------------------------------------------------------- steps */

/* With so much address space only the limit is a reason to refuse. */
static size_t step_take(size_t pages, size_t align) {
  const struct gl_runs *runs = &gl_heap.runs;
  size_t page = gl_runs_take(pages, align);
  oracle_note_growth();
  oracle_note_scavenge();
  if (page == 0) {
    expect(oracle.used + pages > runs->limit_pages);
    return 0;
  }
  expect(page >= GL_RUNS_FIRST_PAGE);
  expect((uintptr_t)gl_page_address(page) % (align * GL_PAGE_BYTES) == 0);
  oracle_use(oracle.run_count, page, page + pages);
  return page;
}

static void step_take_large(void) {
  size_t pages = some_pages();
  size_t align = test_one_in(3) ? (size_t)1 << test_below(9) : 1;
  size_t page = step_take(pages, align);
  if (page == 0) return;
  gl_tags_set_block(gl_heap.tags, page * (GL_PAGE_BYTES / GL_GRANULE_BYTES));
  gl_runs_set_large(page, pages, GL_SCANNED);
  gl_runs_zero(page, pages);
  write_pages(page, pages);
  oracle.run[oracle.run_count++] = (struct run){page, pages, false};
}

static void step_take_arena(void) {
  size_t page = step_take(GL_ARENA_PAGES, GL_ARENA_PAGES);
  if (page == 0) return;
  gl_runs_set_arena(page);
  oracle.run[oracle.run_count++] = (struct run){page, GL_ARENA_PAGES, true};
}

static void step_give(size_t index) {
  struct run run = oracle.run[index];
  if (run.arena) {
    /* Clean at the end is what has not been dirty, and was not written. */
    size_t clean = 0;
    while (clean < run.pages &&
           gl_heap.dirty[run.page + run.pages - 1 - clean] == 0)
      clean++;
    clean = test_below(clean + 1);
    gl_runs_give(run.page, run.pages, run.page + run.pages - clean,
                 run.page + run.pages);
    oracle_free(run.page, run.page + run.pages, clean);
  } else {
    gl_tags_clear(gl_heap.tags, run.page * (GL_PAGE_BYTES / GL_GRANULE_BYTES));
    gl_runs_free_large(run.page);
    oracle_free(run.page, run.page + run.pages, 0);
  }
  oracle.run[index] = oracle.run[--oracle.run_count];
  for (size_t i = 0; i < oracle.run[index].pages && index < oracle.run_count;
       i++)
    oracle.owner[oracle.run[index].page + i] = (uint16_t)(index + 1);
}

static bool oracle_is_free(size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (oracle.state[i] == USED) return false;
  return true;
}

/* A block that has room behind it must grow, the limit allowing. */
static void step_resize(size_t index) {
  struct run *run = &oracle.run[index];
  size_t pages = some_pages(), old = run->pages;
  if (run->arena) return;
  bool inside = run->page + pages <= gl_heap.runs.top_pages;
  bool resized = gl_runs_try_resize(run->page, pages);
  oracle_note_growth();
  oracle_note_scavenge();
  if (!resized) {
    expect(!inside || !oracle_is_free(run->page + old, run->page + pages) ||
           oracle.used + pages - old > gl_heap.runs.limit_pages);
    return;
  }
  run->pages = pages;
  if (pages < old) {
    oracle_free(run->page + pages, run->page + old, 0);
  } else if (pages > old) {
    oracle_use(index, run->page + old, run->page + pages);
    gl_runs_zero(run->page + old, pages - old);
    write_pages(run->page + old, pages - old);
  }
}

static void step_scavenge(void) {
  unsigned min_age = (unsigned)test_below(3);
  size_t returned = 0;
  for (size_t i = 0; i < PAGES; i++) {
    if (oracle.state[i] != DIRTY || oracle_age(i) < min_age) continue;
    oracle.state[i] = CLEAN;
    returned++;
  }
  expect(gl_runs_scavenge(min_age) == returned << GL_PAGE_SHIFT);
  oracle.returned += returned;
}

/* Whether all of these pages have been free for the grace period. */
static bool oracle_is_old(size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (oracle.state[i] != DIRTY || oracle_age(i) < GL_GRACE_TICKS)
      return false;
  return true;
}

/* Where little is free in a heap with huge pages, those go as a whole. */
static void step_tick(void) {
  bool whole = gl_huge_are_likely() && oracle_dirty() <= oracle.used / 2;
  size_t unit = whole ? GL_HUGE_PAGES : 1;
  gl_runs_tick(gl_heap.runs.tick_ns + GL_TICK_NS);
  for (size_t i = 0; i + unit <= PAGES; i += unit)
    if (oracle_is_old(i, i + unit))
      for (size_t j = i; j < i + unit; j++) oracle.state[j] = CLEAN;
  oracle.returned = gl_heap.runs.returned_pages;
}

static void step_limit(void) {
  size_t held = oracle.used + oracle_dirty();
  gl_heap.runs.limit_pages = test_one_in(2) ? SIZE_MAX : held + test_below(200);
}

static void check_lookups(void) {
  for (size_t i = 0; i < gl_heap.extent_bytes >> GL_PAGE_SHIFT; i++) {
    size_t head = 0;
    if (oracle.owner[i] != 0) {
      const struct run *run = &oracle.run[oracle.owner[i] - 1];
      if (run->arena) continue; /* the slots say so first */
      head = run->page;
    }
    expect(gl_runs_find_large(i) == head);
  }
}

static void check_step(size_t step) {
  const struct gl_runs *runs = &gl_heap.runs;
  expect(gl_runs_check());
  expect(runs->used_pages == oracle.used);
  if (step % 16 == 0) expect(runs->dirty_pages == oracle_dirty());
  if (step % 64 == 0) check_lookups();
  size_t held = runs->used_pages + runs->dirty_pages;
  expect(held <= runs->limit_pages);
  if (held > oracle.peak) oracle.peak = held;
  expect(runs->peak_pages == oracle.peak);
}

START_TEST(random_steps) {
  runs_begin();
  size_t grow = 50;
  for (size_t step = 0; step < STEPS; step++) {
    if (step % 500 == 0) grow = 25 + test_below(50);
    bool full = oracle.run_count == MAX_RUNS || oracle.used > MAX_LIVE_PAGES;
    if (test_one_in(200))
      step_scavenge();
    else if (test_one_in(200))
      step_tick();
    else if (test_one_in(200))
      step_limit();
    else if (test_one_in(5) && oracle.run_count > 0)
      step_resize(test_below(oracle.run_count));
    else if (!full && test_below(100) < grow)
      test_one_in(4) ? step_take_arena() : step_take_large();
    else if (oracle.run_count > 0)
      step_give(test_below(oracle.run_count));
    check_step(step);
  }
}
END_TEST

/* --------------------------------------------------------------- one by one */

START_TEST(take_refuses_nonsense) {
  runs_begin();
  expect(gl_runs_take(0, 1) == 0);
  expect(gl_runs_take(SIZE_MAX, 1) == 0);
  expect(gl_runs_take(gl_heap.size_bytes >> GL_PAGE_SHIFT, 1) == 0);
  expect(gl_heap.runs.used_pages == 0);
  expect(gl_runs_check());
}
END_TEST

START_TEST(alignment_beyond_an_arena) {
  runs_begin();
  for (size_t align = GL_ARENA_PAGES; align <= 64 * GL_ARENA_PAGES;
       align *= 2) {
    size_t page = gl_runs_take(3, align);
    expect(page != 0);
    expect((uintptr_t)gl_page_address(page) % (align << GL_PAGE_SHIFT) == 0);
    gl_runs_set_large(page, 3, GL_SCANNED);
    gl_tags_set_block(gl_heap.tags, page * (GL_PAGE_BYTES / GL_GRANULE_BYTES));
  }
  expect(gl_runs_check());
}
END_TEST

/* Every size has a bin, the sizes of a bin lie together, and all of a larger
   bin are larger: shown by taking back what was given. */
START_TEST(every_size_is_found_again) {
  runs_begin();
  for (size_t pages = 1; pages < 70000; pages += 1 + pages / 17) {
    size_t page = gl_runs_take(pages, 1);
    expect(page != 0);
    gl_runs_set_large(page, pages, GL_SCANNED);
    size_t behind = gl_runs_take(1, 1); /* keeps it from coalescing */
    gl_runs_set_large(behind, 1, GL_SCANNED);
    gl_runs_free_large(page);
    size_t top = gl_heap.runs.top_pages;
    expect(gl_runs_take(pages, 1) != 0);
    expect(gl_heap.runs.top_pages == top);
    gl_runs_set_large(page, pages, GL_SCANNED);
    gl_runs_free_large(page);
    gl_runs_free_large(behind);
  }
}
END_TEST

/* Dirty pages live through their grace period, and no longer. */
START_TEST(free_pages_go_back_after_a_grace_period) {
  runs_begin();
  size_t page = gl_runs_take(10, 1);
  gl_runs_set_large(page, 10, GL_SCANNED);
  memset(gl_page_address(page), 1, 10 * GL_PAGE_BYTES);
  uint64_t now = gl_heap.runs.tick_ns;
  gl_runs_free_large(page);
  for (unsigned i = 1; i < GL_GRACE_TICKS; i++) {
    gl_runs_tick(now += GL_TICK_NS);
    expect(gl_heap.runs.dirty_pages == 10);
  }
  gl_runs_tick(now += GL_TICK_NS / 2);
  expect(gl_heap.runs.dirty_pages == 10);
  gl_runs_tick(now += GL_TICK_NS / 2);
  expect(gl_heap.runs.dirty_pages == 0);
  expect(gl_heap.runs.returned_pages == 10);
  expect(test_is_zero(gl_page_address(page), 10 * GL_PAGE_BYTES));
}
END_TEST

/* A refused discard leaves the pages dirty, and the next one takes them. */
START_TEST(refused_discard_loses_nothing) {
  runs_begin();
  size_t page = gl_runs_take(10, 1);
  gl_runs_set_large(page, 10, GL_SCANNED);
  memset(gl_page_address(page), 1, 10 * GL_PAGE_BYTES);
  gl_runs_free_large(page);
  gl_os_fail_at(1, true);
  expect(gl_runs_scavenge(0) == 0);
  expect(gl_heap.runs.dirty_pages == 10);
  gl_os_fail_at(0, false);
  page = gl_runs_take(10, 1);
  gl_runs_zero(page, 10);
  expect(test_is_zero(gl_page_address(page), 10 * GL_PAGE_BYTES));
}
END_TEST

/* The limit holds even where the system takes nothing back. */
START_TEST(limit_holds_when_discards_are_refused) {
  runs_begin();
  gl_heap.runs.limit_pages = 20;
  size_t page = gl_runs_take(10, 1), wall = gl_runs_take(1, 1);
  gl_runs_set_large(page, 10, GL_SCANNED);
  gl_runs_set_large(wall, 1, GL_SCANNED);
  gl_runs_free_large(page);
  uint64_t calls = gl_os_calls();
  gl_os_fail_at(1, true);
  page = gl_runs_take(15, 1); /* 10 dirty, 1 used, 15 more */
  gl_os_fail_at(0, false);
  expect(gl_os_calls() > calls);
  expect(gl_heap.runs.used_pages + gl_heap.runs.dirty_pages <= 20);
  expect(page == 0);
  expect(gl_runs_take(15, 1) != 0);
}
END_TEST

/* Growth doubles nothing: an eighth of the heap, within bounds. */
START_TEST(growth_makes_few_system_calls) {
  runs_begin();
  uint64_t calls = gl_os_calls();
  for (int i = 0; i < 4096; i++) {
    size_t page = gl_runs_take(8, 1);
    expect(page != 0);
    gl_runs_set_large(page, 8, GL_SCANNED);
  }
  expect(gl_os_calls() - calls < 250);
}
END_TEST

int main(void) {
  TCase *tests = test_begin("runs");
  tcase_add_test(tests, random_steps);
  tcase_add_test(tests, take_refuses_nonsense);
  tcase_add_test(tests, alignment_beyond_an_arena);
  tcase_add_test(tests, every_size_is_found_again);
  tcase_add_test(tests, free_pages_go_back_after_a_grace_period);
  tcase_add_test(tests, refused_discard_loses_nothing);
  tcase_add_test(tests, limit_holds_when_discards_are_refused);
  tcase_add_test(tests, growth_makes_few_system_calls);
  return test_end();
}
