/* SPDX-License-Identifier: MIT */
/*
 * node.h: code, as expand.c builds it, compile.c finishes it in place, and
 * eval.c runs it.
 *
 * A node is a C function and what it works on; node->run(node, frame) gives
 * its value.  frame points to the slots of the procedure that runs: slot 0 is
 * its closure, then come the arguments, then the local variables.
 *
 * Variables and constants are so common that, once finished, they are no nodes:
 * a pointer to a node may be an operand instead, which the low bits tell:
 *
 *     offset * 8 + 1         the slot at this offset in the frame
 *     offset * 8 + 2         the captured value at this offset in the closure
 *     address + 4            a constant, the word at the address
 */
#ifndef LISP_NODE_H
#define LISP_NODE_H

#include "lisp.h"

enum kind {
  CONSTANT,   /* datum */
  LOCAL,      /* datum: variable */
  GLOBAL,     /* datum: symbol */
  SET_LOCAL,  /* datum: variable; kids: a place for its box, the value */
  SET_GLOBAL, /* datum: symbol; kid: the value */
  DEFINE,     /* the same */
  IF,         /* three kids, and room for the operands of the first */
  OR,         /* kids */
  SEQUENCE,   /* kids */
  LAMBDA,     /* datum: struct lambda */
  CALL,       /* kids: procedure, arguments */
  LETREC,     /* datum: array of variables, 0 for an expression between the
                 definitions; kids: an init each, body */
};

struct node {
  value (*run)(const struct node *self, value *frame);
  value datum;
  value source;   /* the form it was made from, for errors */
  uint32_t count; /* of kids */
  uint16_t slot;
  uint8_t kind;
  bool tail;
  struct node *kids[];
};
typedef value node_run(const struct node *n, value *frame);

/* A local variable. */
struct variable {
  struct object head; /* TYPE_VARIABLE */
  value name;
  bool assigned; /* by set! */
  bool ready;    /* false: its definition has not been expanded so far */
  bool boxed;    /* its slot holds the address of a box */
  bool is_loop;  /* it names a procedure that is only jumped to */
  uint32_t slot; /* a loop's: of its first parameter */
  size_t references;
  size_t jumps;                /* of them: calls that can be jumps */
  size_t call_count;           /* kids of a call that is one */
  struct variable *outer_loop; /* the next that a jump may go to */
  value mark;                  /* what a jump returns */
  struct lambda *owner;        /* in whose frame its slot is */
  struct lambda *self;         /* the lambda it names and nothing else */
};

struct lambda {
  size_t count; /* of parameters, the rest parameter included */
  bool rest;
  struct variable **parameters;
  struct node *body;
  value name; /* symbol or FALSE */
  value source;
  /* While it is finished: */
  struct variable **captured; /* free variables in the closure's order */
  size_t captured_count;
  uint32_t next_slot;
  uint32_t slots; /* the most ever used */
};

/* Bytes; the size of a frame is a multiple, see compile.c. */
#define FRAME_UNIT (6 * sizeof(value))

/* What the names of one binding form mean. */
struct scope {
  struct scope *outer;
  value bindings; /* list of (identifier . variable or syntax) */
};

typedef struct node *special_expander(value form, struct scope *scope);

/* A keyword: a special form, a procedure for forms, or syntax-rules. */
struct syntax {
  struct object head; /* TYPE_SYNTAX */
  special_expander *special;
  value expander; /* a procedure from a form to a list of forms, or FALSE */
  value rules;    /* macro.c: list of (pattern . template) */
  value literals;
  value ellipsis;
  struct scope *scope; /* where the macro was defined */
};
VIEW(syntax)
VIEW(variable)

/* expand.c */
_Noreturn void syntax_error(const char *message, value form);
struct node *node_make(enum kind kind, value datum, size_t kids);
struct node *expand(value form, struct scope *scope);
bool is_identifier(value v);
value symbol_of(value identifier);
/* A variable, a syntax, the symbol of a global variable, or its constant. */
value lookup(struct scope *scope, value identifier);
extern struct scope builtins; /* of the prelude */

/* macro.c */
value macro_make(value spec, struct scope *scope);
value macro_expand(struct syntax *macro, value form, struct scope *scope);

/* inline.c: let a call of the primitive, or an if, do it at once. */
void inline_call(const struct primitive *p, struct node *call);
void inline_if(struct node *n);

/* ---------------------------------------------------- operands, and running */

static inline bool is_operand(const struct node *n) { return (uintptr_t)n & 7; }
static inline struct node *operand_slot(size_t slot) {
  return (struct node *)(slot * sizeof(value) + 1);
}
static inline struct node *operand_captured(size_t index) {
  size_t offset = offsetof(struct closure, captured) + index * sizeof(value);
  return (struct node *)(offset + 2);
}
static inline struct node *operand_constant(struct node *n) {
  return (struct node *)((uintptr_t)&n->datum + 4);
}
static inline bool is_slot(const struct node *n) { return (uintptr_t)n & 1; }
static inline value slot_value(const struct node *n, const value *frame) {
  return *(const value *)((const char *)frame + ((uintptr_t)n - 1));
}
static inline bool is_constant(const struct node *n) {
  return (uintptr_t)n & 4;
}
static inline value constant_value(const struct node *n) {
  return *(const value *)((uintptr_t)n - 4);
}

static inline value eval(const struct node *n, value *frame) {
  uintptr_t bits = (uintptr_t)n;
  if (bits & 1) return slot_value(n, frame);
  if (LIKELY(!(bits & 6))) return n->run(n, frame);
  if (bits & 2) return *(const value *)(frame[0] + (bits - 2));
  return constant_value(n);
}

/*
 * The values of the kids from the second on, which are count.  That is known
 * where this is inlined; a loop would make all kids share one jump, which the
 * processor then predicts worse.
 */
static inline __attribute__((always_inline)) void eval_arguments(
    const struct node *n, value *frame, size_t count, value *out) {
  if (count > 0) out[0] = eval(n->kids[1], frame);
  if (count > 1) out[1] = eval(n->kids[2], frame);
  if (count > 2) out[2] = eval(n->kids[3], frame);
  if (count > 3) out[3] = eval(n->kids[4], frame);
  if (count > 4) out[4] = eval(n->kids[5], frame);
  for (size_t i = 5; i < count; i++) out[i] = eval(n->kids[1 + i], frame);
}

/* Must the caller go on, rather than take this as the value? */
static inline bool is_jump(value v) { return (v | 0x80) == TAIL; }

node_run run_unbox, run_set_box, run_box, run_new_box, run_store, run_global,
    run_set_global, run_if, run_or, run_sequence, run_let, run_loop, run_lambda,
    run_make, run_fill;
/* The function for a jump, a call with that many arguments. */
node_run *jump_runner(size_t argc);
node_run *call_runner(size_t argc, bool tail, bool global);
value finish_jumps(value v, value *frame);
value make_closure(const struct code *code, size_t captured);
/* The call of an inlined primitive whose name may have been redefined. */
value call_redefined(const struct node *n, value *frame);

#endif /* LISP_NODE_H */
