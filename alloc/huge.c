/* SPDX-License-Identifier: MIT */
/*
 * huge.c: huge pages: asked for where a heap grows, and not wanted where most
 * of it has gone back.
 *
 * The system fills up a huge page of which it finds a part in use, and tells
 * nobody (khugepaged; 16 MB in ten seconds, where its settings are as they
 * come).  So what goes back from between blocks that live on comes again, as
 * long as the heap asks for huge pages there; and where the system gives them
 * unasked, as long as the heap does not refuse them.
 */
#include "huge.h"

#include "os.h"
#include "runs.h"

/* Pages at the beginning for which huge ones are not asked for: a small heap is
   not to grow by one that it hardly uses.  With 64 MiB rather than 4 mixed
   churn, strings and a random graph took a tenth longer, at 0 to 4 % less
   memory; 8 and 16 MiB lay between. */
#define HUGE_FIRST_PAGE (((size_t)4 << 20) >> GL_PAGE_SHIFT)

/* Of the huge pages that are in use at all, less than this part refuses them,
   and this part asks for them again. */
#define HUGE_SPARSE_PART 4
#define HUGE_DENSE_PART 2

_Static_assert(HUGE_FIRST_PAGE % GL_HUGE_PAGES == 0 &&
                   GL_HUGE_TOP / 9 >= GL_HUGE_PAGES,
               "the top ends a huge page, and is moved up all the same");

void gl_huge_init(void) { gl_heap.runs.huge_pages = HUGE_FIRST_PAGE; }

/* -------------------------------------------------------- what is in use */

/* Huge pages' worth of heap of which some was written, and how many pages were
   written there. */
struct huge_use {
  size_t latest; /* of them */
  size_t pages;
  size_t written;
};

static void huge_add(struct huge_use *use, size_t page, size_t written) {
  size_t latest = page / GL_HUGE_PAGES;
  if (written == 0) return;
  gl_assert(use->latest <= latest || use->latest == SIZE_MAX);
  if (use->latest != latest) use->pages += GL_HUGE_PAGES;
  use->latest = latest;
  use->written += written;
}

static void huge_add_run(struct huge_use *use, size_t page, size_t pages) {
  bool is_large = gl_heap.pages[page].state == GL_PAGE_LARGE;
  size_t end = page + pages;
  gl_assert(pages != 0 && end <= gl_heap.runs.top_pages);
  for (; page < end; page += pages) {
    pages = GL_HUGE_PAGES - page % GL_HUGE_PAGES;
    if (pages > end - page) pages = end - page;
    huge_add(use, page, is_large ? pages : gl_runs_count_dirty(page, pages));
  }
}

static struct huge_use huge_find_use(void) {
  struct huge_use use = {.latest = SIZE_MAX};
  size_t page = GL_RUNS_FIRST_PAGE;
  while (page < gl_heap.runs.top_pages) {
    size_t pages = gl_heap.pages[page].pages;
    huge_add_run(&use, page, pages);
    page += pages;
  }
  gl_assert(use.written <= use.pages);
  return use;
}

static bool huge_is_sparse(void) {
  struct huge_use use = huge_find_use();
  return use.written < use.pages / HUGE_SPARSE_PART;
}

/* Once the pages that are wanted have memory. */
static bool huge_is_dense(size_t wanted) {
  struct huge_use use = huge_find_use();
  if (wanted <= GL_ARENA_PAGES) wanted = 0;
  return use.written + wanted >= (use.pages + wanted) / HUGE_DENSE_PART;
}

/* ------------------------------------------------------------------ growth */

/* Whether half of the pages in use have memory, once those that are wanted are.
   Large blocks count as if all had, these too where they are more than an
   arena.  Not half have it where many threads have an arena each, and little in
   it.  (512 threads with a block each held 141 MB by huge pages, for whose
   zeroing their first collection waited 0.3 s.) */
static bool huge_is_worth_it(size_t wanted) {
  const struct gl_runs *runs = &gl_heap.runs;
  gl_assert(gl_heap.arena_count * GL_ARENA_PAGES <= runs->used_pages);
  size_t large_pages = runs->used_pages - gl_heap.arena_count * GL_ARENA_PAGES;
  size_t used = runs->used_pages;
  size_t written = large_pages + gl_runs_count_dirty(0, runs->top_pages);
  if (wanted > GL_ARENA_PAGES) {
    used += wanted;
    written += wanted;
  }
  return written >= used / 2;
}

static void huge_advise(size_t from, size_t to, bool wanted) {
  gl_assert(from <= to && to <= gl_heap.runs.top_pages);
  gl_os_advise_huge(gl_page_address(from), (to - from) << GL_PAGE_SHIFT,
                    wanted);
}

/* What the heap has grown by since they were refused. */
static void huge_refuse_rest(void) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t from = runs->refused_pages;
  size_t to = runs->top_pages - runs->top_pages % GL_HUGE_PAGES;
  if (to <= from) return;
  huge_advise(from, to, false);
  runs->refused_pages = to;
}

void gl_huge_ask(size_t wanted) {
  struct gl_runs *runs = &gl_heap.runs;
  size_t from = runs->huge_pages, to = runs->top_pages;
  gl_assert(from % GL_HUGE_PAGES == 0);
  if (runs->huge_refused && !huge_is_dense(wanted)) {
    huge_refuse_rest();
    return;
  }
  if (to < from + GL_HUGE_PAGES || !huge_is_worth_it(wanted)) return;
  to -= to % GL_HUGE_PAGES;
  huge_advise(from, to, true);
  runs->huge_pages = to;
  runs->huge_refused = false;
}

/* ------------------------------------------------------------------ review */

/* All over the heap, since the system may give some unasked.  Those that are
   there stay, but for what goes back of them.  (250 MB of which
   every 200th block of a kilobyte lived on: 15 MB, and 155 a minute and a half
   later.) */
static void huge_refuse(void) {
  struct gl_runs *runs = &gl_heap.runs;
  runs->refused_pages = 0;
  huge_refuse_rest();
  runs->huge_refused = true;
  runs->huge_pages = HUGE_FIRST_PAGE;
}

void gl_huge_review(void) {
  struct gl_runs *runs = &gl_heap.runs;
  bool is_news = runs->returned_pages != runs->reviewed_pages;
  runs->reviewed_pages = runs->returned_pages;
  if (!gl_huge_are_likely()) return;
  if (runs->huge_refused)
    gl_huge_ask(0);
  else if (is_news && huge_is_sparse())
    huge_refuse();
}
