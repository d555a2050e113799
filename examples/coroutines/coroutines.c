/* SPDX-License-Identifier: MIT */
/*
 * coroutines.c: a pipeline of coroutines (makecontext), each on a stack of its
 * own, over a collected heap.
 *
 *    numbers --> keep the odd ones --> square --> sum
 *
 * Each stage takes boxes from the one before it and hands on new ones.  A box
 * is known to nobody but the two stages between which it is: so most of the
 * time the only reference to it is on the stack of a coroutine that sleeps.
 *
 * The collector has to find those stacks.  Two ways, as the argument says:
 *
 *    heap     The stack is a block of gc_malloc.  Nothing more is needed: the
 *             block is scanned like any other, and goes when nobody has the
 *             coroutine any more.
 *    mapped   The stack is mapped, with a page below it that no one may touch,
 *             so that an overflow is a crash and not a surprise.  The collector
 *             is told by gc_add_stack, and by gc_remove_stack before the end.
 *
 * coroutines [heap | mapped [NUMBERS]]
 */
#include <gleaner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10 };

struct box {
  unsigned long number;
};

/* A coroutine that hands out a box whenever it is asked for one, and NULL at
   the end. */
struct stage {
  ucontext_t inside, outside;
  void (*body)(struct stage *stage);
  struct stage *source; /* the stage before it */
  struct box *result;   /* on its way out */
  char *stack;
};

static unsigned long numbers = 200000;
static bool stacks_are_mapped;

/* --------------------------------------------------------------- the stacks */

static _Noreturn void die(const char *what) {
  perror(what);
  exit(1);
}

/* A stage is held by the one that takes from it, and so by the stack of main.
   Its stack holds what the suspended coroutine was doing. */
static char *make_stack(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *stack;
  if (!stacks_are_mapped) {
    stack = gc_malloc(STACK_BYTES);
    if (stack == NULL) die("gc_malloc");
    return stack;
  }
  stack = mmap(NULL, page + STACK_BYTES, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) die("mmap");
  stack += page;
  if (mprotect(stack, STACK_BYTES, PROT_READ | PROT_WRITE) != 0)
    die("mprotect");
  if (!gc_add_stack(stack, stack + STACK_BYTES)) die("gc_add_stack");
  return stack;
}

static void drop_stack(char *stack) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (!stacks_are_mapped) return;
  gc_remove_stack(stack, stack + STACK_BYTES);
  munmap(stack - page, page + STACK_BYTES);
}

/* ----------------------------------------------------------- the coroutines */

/* makecontext hands over ints only: a pointer takes two. */
static void stage_main(unsigned high, unsigned low) {
  struct stage *stage = (struct stage *)((uintptr_t)high << 32 | low);
  stage->body(stage);
  stage->result = NULL;
}

static struct stage *stage_make(void (*body)(struct stage *),
                                struct stage *source) {
  struct stage *stage = gc_malloc(sizeof *stage);
  if (stage == NULL) die("gc_malloc");
  stage->body = body;
  stage->source = source;
  stage->stack = make_stack();
  if (getcontext(&stage->inside) != 0) die("getcontext");
  stage->inside.uc_stack.ss_sp = stage->stack;
  stage->inside.uc_stack.ss_size = STACK_BYTES;
  stage->inside.uc_link = &stage->outside;
  makecontext(&stage->inside, (void (*)(void))stage_main, 2,
              (unsigned)((uintptr_t)stage >> 32), (unsigned)(uintptr_t)stage);
  return stage;
}

/* The next box; NULL when there is none left. */
static struct box *stage_take(struct stage *stage) {
  swapcontext(&stage->outside, &stage->inside);
  struct box *box = stage->result;
  stage->result = NULL;
  return box;
}

/* Hand a box to whoever asked, and sleep until asked again. */
static void stage_give(struct stage *stage, struct box *box) {
  stage->result = box;
  swapcontext(&stage->inside, &stage->outside);
}

static struct box *box_make(unsigned long number) {
  struct box *box = gc_malloc(sizeof *box);
  if (box == NULL) die("gc_malloc");
  box->number = number;
  return box;
}

/* --------------------------------------------------------------- the stages */

static void count_up(struct stage *stage) {
  for (unsigned long i = 1; i <= numbers; i++) stage_give(stage, box_make(i));
}

static void keep_odd(struct stage *stage) {
  for (struct box *box; (box = stage_take(stage->source)) != NULL;)
    if (box->number % 2 == 1) stage_give(stage, box);
}

static void square(struct stage *stage) {
  for (struct box *box; (box = stage_take(stage->source)) != NULL;)
    stage_give(stage, box_make(box->number * box->number));
}

static unsigned long sum(struct stage *source) {
  unsigned long total = 0;
  for (struct box *box; (box = stage_take(source)) != NULL;)
    total += box->number;
  return total;
}

/* The squares of the odd numbers below 2n: n (4 n^2 - 1) / 3. */
static unsigned long expected(void) {
  unsigned long n = (numbers + 1) / 2;
  return n * (4 * n * n - 1) / 3;
}

int main(int argc, char **argv) {
  struct gc_stats stats;
  stacks_are_mapped = argc > 1 && strcmp(argv[1], "mapped") == 0;
  if (argc > 2) numbers = strtoul(argv[2], NULL, 10);
  struct stage *numbers_stage = stage_make(count_up, NULL);
  struct stage *odd_stage = stage_make(keep_odd, numbers_stage);
  struct stage *last = stage_make(square, odd_stage);
  unsigned long total = sum(last);
  for (struct stage *stage = last; stage != NULL; stage = stage->source)
    drop_stack(stage->stack);
  gc_get_stats(&stats);
  printf("%s stacks: sum %lu, %llu kB allocated in a heap of %llu kB, "
         "%llu collections\n",
         stacks_are_mapped ? "mapped" : "heap", total,
         (unsigned long long)stats.allocated_bytes / 1000,
         (unsigned long long)stats.peak_heap_bytes / 1000,
         (unsigned long long)stats.collections);
  return total == expected() ? 0 : 1;
}
