/* SPDX-License-Identifier: MIT */
/*
 * contexts.c: stacks other than the one the kernel or the C library made: a
 * coroutine's (makecontext) in memory from gc_malloc, and an alternate signal
 * stack.  The object may be on the other stack while a collection begins here,
 * on this one while it begins there, or where it begins.
 */
#include "live.h"

#include <signal.h>
#include <ucontext.h>

#define STACK_BYTES ((size_t)512 << 10)

/* --------------------------------------------------------------- coroutines */

static ucontext_t outside, inside;
static struct live_trial *trial;
static char *volatile coroutine_stack;

/* Holds the address while the other side collects. */
static void hold_and_yield(void) {
  volatile uintptr_t word;
  live_put(trial, &word);
  api_scrub();
  API_CHECK(swapcontext(&inside, &outside) == 0);
  word = 0;
}

static void hold_and_judge(void) {
  volatile uintptr_t word;
  live_hold_at(trial, &word);
}

static void judge_only(void) { live_judge(trial); }

static void make_stack(void *data) {
  (void)data;
  coroutine_stack = gc_malloc(STACK_BYTES);
  API_CHECK(coroutine_stack != NULL);
}

/* The stack is held by a global alone: that of a suspended coroutine has to be
   kept and scanned as the block it is. */
static void start(struct live_trial *t, void (*body)(void)) {
  trial = t;
  api_deep(make_stack, NULL);
  API_CHECK(getcontext(&inside) == 0);
  inside.uc_stack.ss_sp = coroutine_stack;
  inside.uc_stack.ss_size = STACK_BYTES;
  inside.uc_link = &outside;
  makecontext(&inside, body, 0);
  API_CHECK(swapcontext(&outside, &inside) == 0);
}

static void finish(void) {
  memset(&inside, 0, sizeof inside);
  memset(&outside, 0, sizeof outside);
  coroutine_stack = NULL;
}

static void hold_suspended(struct live_trial *t) {
  start(t, hold_and_yield);
  live_judge(t);
  API_CHECK(swapcontext(&outside, &inside) == 0);
  finish();
}

static void hold_running(struct live_trial *t) {
  start(t, hold_and_judge);
  finish();
}

static void hold_starter(struct live_trial *t) {
  volatile uintptr_t word;
  live_put(t, &word);
  api_scrub(); /* getcontext would keep a copy that a register still has */
  start(t, judge_only);
  word = 0;
  finish();
}

/* --------------------------------------------------- alternate signal stack */

static void (*in_handler)(void);

static void handle(int number) {
  (void)number;
  in_handler();
}

/* The signal is raised in the middle of this function, not of the library:
   what the handler then does is as safe as a call from here. */
static void with_signal_stack(struct live_trial *t, void (*body)(void)) {
  static char stack[STACK_BYTES];
  stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack}, old;
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  struct sigaction old_action;
  trial = t;
  in_handler = body;
  API_CHECK(sigaltstack(&mine, &old) == 0);
  API_CHECK(sigaction(SIGUSR2, &action, &old_action) == 0);
  API_CHECK(raise(SIGUSR2) == 0);
  API_CHECK(sigaction(SIGUSR2, &old_action, NULL) == 0);
  API_CHECK(sigaltstack(&old, NULL) == 0);
  memset(stack, 0, sizeof stack);
}

static void hold_on_signal_stack(struct live_trial *t) {
  with_signal_stack(t, hold_and_judge);
}

static void hold_beneath_signal_stack(struct live_trial *t) {
  volatile uintptr_t word;
  live_put(t, &word);
  with_signal_stack(t, judge_only);
  word = 0;
}

const struct live_case live_contexts[] = {
    {"coroutine suspended", hold_suspended, LIVE_FIRST},
    {"coroutine running", hold_running, LIVE_FIRST},
    {"coroutine's starter", hold_starter, LIVE_FIRST},
    {"signal stack", hold_on_signal_stack, LIVE_FIRST},
    {"beneath signal stack", hold_beneath_signal_stack, LIVE_FIRST},
    {NULL, NULL, LIVE_FIRST},
};
