/* SPDX-License-Identifier: MIT */
/*
 * node.h: compiled code, as compile.c builds it and eval.c runs it.
 *
 * A node is a C function and what it works on; node->run(node, frame) gives
 * its value.  frame points to the slots of the procedure that runs: slot 0 is
 * its closure, then come the arguments, then the local variables.
 *
 * Variables and constants are so common that they are no nodes: a pointer to a
 * node may be an operand instead, which the low bits tell:
 *
 *     offset * 8 + 1         the slot at this offset in the frame
 *     offset * 8 + 2         the captured value at this offset in the closure
 *     address + 4            a constant, in a block of one word
 */
#ifndef LISP_NODE_H
#define LISP_NODE_H

#include "lisp.h"

static inline bool is_operand(const struct node *n) { return (uintptr_t)n & 7; }
static inline const struct node *operand_slot(size_t slot) {
  return (const struct node *)(slot * sizeof(value) + 1);
}
static inline const struct node *operand_captured(size_t index) {
  size_t offset = offsetof(struct closure, captured) + index * sizeof(value);
  return (const struct node *)(offset + 2);
}

static inline bool is_constant_operand(const struct node *n) {
  return (uintptr_t)n & 4;
}
static inline value constant_value(const struct node *n) {
  return *(const value *)((uintptr_t)n - 4);
}

static inline value eval(const struct node *n, value *frame) {
  uintptr_t bits = (uintptr_t)n;
  if (bits & 1) return *(const value *)((const char *)frame + (bits - 1));
  if (LIKELY(!(bits & 6))) return n->run(n, frame);
  if (bits & 2) return *(const value *)(frame[0] + (bits - 2));
  return constant_value(n);
}

/* Must the caller go on, rather than take this as the value? */
static inline bool is_jump(value v) { return (v | 0x80) == TAIL; }

typedef value node_run(const struct node *n, value *frame);
node_run run_unbox, run_set_box, run_box, run_new_box, run_store, run_global,
    run_set_global, run_define, run_if, run_or, run_sequence, run_let, run_let1,
    run_loop, run_jump, run_jump1, run_jump2, run_jump3, run_lambda, run_fix;

/* The function for a call with that many arguments. */
node_run *call_runner(size_t argc, bool tail, bool global);
value finish_jumps(value v, value *frame);
/* The call of an inlined primitive whose name may have been redefined. */
value call_redefined(const struct node *n, value *frame);

#endif /* LISP_NODE_H */
