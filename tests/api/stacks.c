/* SPDX-License-Identifier: MIT */
/*
 * stacks.c: stacks of every shape: divided into several mappings, nearly empty,
 * within another stack, or longer at their upper end than one would think.  The
 * only pointer to an object is in the part that is easily overlooked.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "suite.h"

#define OBJECT_BYTES ((size_t)48)
#define PAGE_BYTES ((size_t)4096)
#define STACK_BYTES ((size_t)1 << 16)

extern char **environ;
static char **arguments; /* of main */

static uintptr_t hidden; /* the address of the object */

/* Put the address of a new object into a word, and nowhere else.  (Its
   neighbours are garbage, or one might end where it begins.) */
static void make_object(void *word) {
  expect(gc_malloc(OBJECT_BYTES) != NULL);
  char *p = gc_malloc(OBJECT_BYTES);
  expect(p != NULL && gc_malloc(OBJECT_BYTES) != NULL);
  suite_fill(p, OBJECT_BYTES, 7);
  hidden = api_hide(p);
  *(void *volatile *)word = p;
}

static void flood(void *data) {
  (void)data;
  gc_collect();
  for (int i = 0; i < 3000; i++) memset(gc_malloc(OBJECT_BYTES), 0xDB, OBJECT_BYTES);
  gc_collect();
}

/* Collect, deep in the stack, and see whether the object is still there. */
static bool survives(void) {
  api_scrub();
  api_deep(flood, NULL);
  return api_is_allocated(hidden) &&
         suite_is_filled(api_reveal(hidden), OBJECT_BYTES, 7);
}

/* --------------------------------------------------- in several mappings */

static int divide_by_mlock(void *page) { return mlock(page, PAGE_BYTES); }

static int divide_by_madvise(void *page) {
  return madvise(page, PAGE_BYTES, MADV_DONTFORK);
}

static int divide_by_mprotect(void *page) {
  return mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int (*const divisions[])(void *page) = {
    divide_by_mlock, divide_by_madvise, divide_by_mprotect};
#define DIVISIONS ((int)(sizeof divisions / sizeof *divisions))

/* The object is on the page that has become a mapping of its own. */
static void *hold_on_a_page(void *divide) {
  char array[3 * PAGE_BYTES];
  int (*division)(void *page);
  *(void **)&division = divide;
  memset(array, 0, sizeof array);
  char *page = (char *)(((uintptr_t)array + PAGE_BYTES) & ~(PAGE_BYTES - 1));
  if (division(page) != 0) {
    printf("stacks: left out, for want of a page to divide a stack by\n");
    return NULL;
  }
  api_deep(make_object, page + 100 * sizeof(void *));
  expect(survives());
  return page;
}

START_TEST(divided) {
  pthread_t thread;
  void *divide;
  *(int (**)(void *))&divide = divisions[_i / 2];
  if (_i % 2 == 0) {
    hold_on_a_page(divide);
    return;
  }
  ck_assert_int_eq(pthread_create(&thread, NULL, hold_on_a_page, divide), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* ------------------------------------------------------------ nearly empty */

/* Collect on another stack, of whose upper end the address is hidden, with a
   word on top of it that is hidden now; and no register has either. */
void stacks_collect_on(uintptr_t hidden_top, uintptr_t hidden_word);

__asm__(
    ".text\n"
    ".globl stacks_collect_on\n"
    ".type stacks_collect_on, @function\n"
    "stacks_collect_on:\n"
    "  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "  mov %rsp, stacks_return_sp(%rip)\n"
    "  not %rdi; mov %rdi, %rsp; not %rsi; push %rsi; push $0\n"
    "  xor %eax, %eax; xor %ebx, %ebx; xor %ecx, %ecx; xor %edx, %edx\n"
    "  xor %esi, %esi; xor %edi, %edi; xor %ebp, %ebp\n"
    "  xor %r8d, %r8d; xor %r9d, %r9d; xor %r10d, %r10d; xor %r11d, %r11d\n"
    "  xor %r12d, %r12d; xor %r13d, %r13d; xor %r14d, %r14d\n"
    "  xor %r15d, %r15d\n"
    "  call stacks_collect\n"
    "  mov stacks_return_sp(%rip), %rsp\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "  ret\n");

uintptr_t stacks_return_sp;
void stacks_collect(void);
void stacks_collect(void) { gc_collect(); }

static uintptr_t hidden_stack;

/* The stack comes last: nothing may be collected once both are hidden. */
static void make_block_stack(void *size) {
  void *volatile word;
  make_object((void *)&word);
  hidden_stack = api_hide(gc_malloc(*(size_t *)size));
  word = NULL;
}

static void collect_on(size_t size) {
  uintptr_t hidden_top = ~(~hidden_stack + (size & ~(size_t)15));
  api_scrub();
  stacks_collect_on(hidden_top, hidden);
}

/* A block, to which nothing but the stack pointer leads. */
static const size_t block_stacks[] = {8192, 32752, 65520, 100000, 131072};
#define BLOCK_STACKS ((int)(sizeof block_stacks / sizeof *block_stacks))

START_TEST(nearly_empty_in_a_block) {
  size_t size = block_stacks[_i];
  if (suite_is_sanitized()) return;
  for (int i = 0; i < 20; i++) {
    api_deep(make_block_stack, &size);
    collect_on(size);
    expect(api_is_allocated(hidden_stack) && api_is_allocated(hidden));
  }
}
END_TEST

static void make_alone(void *data) {
  void *word;
  (void)data;
  make_object(&word);
}

/* In a mapping of its own, with nothing above it. */
START_TEST(nearly_empty_in_a_mapping) {
  if (suite_is_sanitized()) return;
  char *low = mmap(NULL, 4 * STACK_BYTES, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert(low != MAP_FAILED);
  low += STACK_BYTES;
  ck_assert_int_eq(mprotect(low, STACK_BYTES, PROT_READ | PROT_WRITE), 0);
  hidden_stack = api_hide(low);
  for (int i = 0; i < 20; i++) {
    api_deep(make_alone, NULL);
    collect_on(STACK_BYTES);
    expect(api_is_allocated(hidden));
  }
}
END_TEST

/* ------------------------------------------------------- within another one */

static ucontext_t outside, inside;
static bool survived;

static void judge_inside(void) { survived = survives(); }

/* A coroutine's stack is an array above, in our caller's frame: what waits
   meanwhile lies below it. */
static API_NOINLINE void wait_below(void) {
  void *volatile word;
  api_deep(make_object, (void *)&word);
  api_scrub();
  expect(swapcontext(&outside, &inside) == 0);
  expect(survived);
  expect(api_hide(word) == hidden);
}

static void *run_within(void *data) {
  char stack[2 * 4 * API_GAP_BYTES];
  memset(stack, 0, sizeof stack);
  expect(gc_add_stack(stack, stack + sizeof stack));
  expect(getcontext(&inside) == 0);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = sizeof stack;
  inside.uc_link = &outside;
  makecontext(&inside, judge_inside, 0);
  wait_below();
  expect(gc_remove_stack(stack, stack + sizeof stack));
  return data;
}

START_TEST(coroutine_in_a_local_array) {
  pthread_t thread;
  if (suite_is_sanitized()) return;
  if (_i == 0) {
    run_within(NULL);
    return;
  }
  ck_assert_int_eq(pthread_create(&thread, NULL, run_within, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static int handling, finish; /* flags */

static void handle(int number) {
  (void)number;
  __atomic_store_n(&handling, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&finish, __ATOMIC_SEQ_CST) == 0) continue;
}

static API_NOINLINE void raise_below(void) {
  void *volatile word;
  api_deep(make_object, (void *)&word);
  api_scrub();
  expect(raise(SIGUSR1) == 0);
  expect(api_hide(word) == hidden);
}

/* All signals are held back in the handler, so the thread is stopped by
   tracing, which does not tell of signal stacks. */
static void *raise_on_a_local_array(void *data) {
  char stack[STACK_BYTES];
  stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack}, none = {0};
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  if (data != NULL) sigfillset(&action.sa_mask);
  memset(stack, 0, sizeof stack);
  expect(sigaltstack(&mine, NULL) == 0);
  expect(sigaction(SIGUSR1, &action, NULL) == 0);
  raise_below();
  none.ss_flags = SS_DISABLE;
  expect(sigaltstack(&none, NULL) == 0);
  return data;
}

START_TEST(signal_stack_in_a_local_array) {
  pthread_t thread;
  if (suite_is_sanitized()) return;
  ck_assert_ptr_nonnull(gc_malloc(1));
  ck_assert_int_eq(pthread_create(&thread, NULL, raise_on_a_local_array,
                                  _i != 0 ? &finish : NULL),
                   0);
  while (__atomic_load_n(&handling, __ATOMIC_SEQ_CST) == 0) sched_yield();
  bool all = survives();
  __atomic_store_n(&finish, 1, __ATOMIC_SEQ_CST);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert(all);
}
END_TEST

/* ------------------------------------------------- above where main began */

/* The arrays of arguments and of the environment. */
START_TEST(arguments_and_environment) {
  char **place = _i == 0 ? arguments : environ, *before = place[0];
  if (before == NULL) return;
  api_deep(make_object, (void *)&place[0]);
  ck_assert(survives());
  place[0] = before;
}
END_TEST

int main(int argc, char **argv) {
  (void)argc;
  arguments = argv;
  TCase *tests = suite_begin("stacks");
  tcase_add_loop_test(tests, divided, 0, 2 * DIVISIONS);
  tcase_add_loop_test(tests, nearly_empty_in_a_block, 0, BLOCK_STACKS);
  tcase_add_test(tests, nearly_empty_in_a_mapping);
  tcase_add_loop_test(tests, coroutine_in_a_local_array, 0, 2);
  tcase_add_loop_test(tests, signal_stack_in_a_local_array, 0, 2);
  tcase_add_loop_test(tests, arguments_and_environment, 0, 2);
  return suite_end();
}
