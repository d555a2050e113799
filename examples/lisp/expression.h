/* SPDX-License-Identifier: MIT */
/*
 * expression.h: the program between expansion and compilation.
 *
 * expand.c (with macro.c) turns a datum into a tree of
 * expressions: no macros are left, every name is resolved to a struct variable
 * or to a global symbol.  compile.c turns the tree into nodes.
 */
#ifndef LISP_EXPRESSION_H
#define LISP_EXPRESSION_H

#include "lisp.h"

/* A local variable. */
struct variable {
  struct object head; /* TYPE_VARIABLE */
  value name;
  bool assigned; /* by set! */
  bool boxed;    /* its slot holds the address of a box */
  bool ready;    /* letrec: initialised where the resolver is now */
  size_t references;
  size_t tail_calls;       /* of them: calls that can be jumps */
  struct expression *loop; /* the named let whose name this is, or NULL */
  struct lambda *owner;    /* in whose frame its slot is */
  struct lambda *self;     /* the lambda it names and nothing else, or NULL */
  uint32_t slot;
};

struct lambda {
  size_t count; /* of parameters, the rest parameter included */
  bool rest;
  struct variable **parameters;
  struct expression *body;
  value name; /* symbol or FALSE */
  value source;
  struct lambda *outer;
  /* While it is compiled: */
  struct variable **captured; /* free variables in the closure's order */
  size_t captured_count;
  uint32_t next_slot;
  uint32_t slots; /* the most ever used */
};

enum expression_kind {
  CONSTANT,   /* datum */
  LOCAL,      /* variable */
  GLOBAL,     /* datum: symbol */
  SET_LOCAL,  /* variable, kid */
  SET_GLOBAL, /* datum, kid */
  DEFINE,     /* datum, kid */
  IF,         /* three kids */
  OR,         /* kids */
  SEQUENCE,   /* kids, at least one */
  LAMBDA,     /* lambda */
  CALL,       /* kids: procedure, arguments */
  LET,        /* variables; kids: an init each, body */
  LETREC,     /* the same; a NULL variable is an expression between them */
  LOOP,       /* named let: the same, variable is its name */
  JUMP,       /* variable names the loop; kids: arguments */
};

struct expression {
  enum expression_kind kind;
  bool is_loop; /* LOOP: every reference is a jump */
  value datum;
  value source; /* CALL: form, for errors */
  struct variable *variable;
  struct variable **variables;
  struct lambda *lambda;
  struct expression *outer_loop; /* LOOP: the next that a jump may go to */
  uint32_t loop_slot;            /* LOOP: of the first variable */
  value mark;                    /* LOOP: what a jump to it returns */
  size_t count;                  /* of kids */
  struct expression *kids[];
};

/* ------------------------------------------------------------------ scopes */

/* What the names of one binding form mean. */
struct scope {
  struct scope *outer;
  value bindings; /* list of (identifier . variable or syntax) */
};

/* A keyword: a special form, a procedure for forms, or syntax-rules. */
struct syntax {
  struct object head; /* TYPE_SYNTAX */
  const char *name;
  struct expression *(*special)(value form, struct scope *scope);
  value expander; /* a procedure from a form to a list of forms, or FALSE */
  value rules;    /* macro.c: list of (pattern . template) */
  value literals;
  value ellipsis;
  struct scope *scope; /* where the macro was defined */
};
static inline struct syntax *syntax(value v) { return (struct syntax *)v; }

_Noreturn void syntax_error(const char *message, value form);
struct expression *expand(value form, struct scope *scope);
struct expression *expand_body(value forms, struct scope *scope);
struct expression *expression_make(enum expression_kind kind, size_t kids);

bool is_identifier(value v);
/* A variable, a syntax, or the symbol of a global variable. */
value lookup(struct scope *scope, value identifier);
extern struct scope builtins;
void scope_bind(struct scope *scope, value identifier, value denotation);
value symbol_of(value identifier);
value strip(value datum); /* identifiers back to symbols */
value make_alias(value identifier, struct scope *scope);
value macro_make(value spec, struct scope *scope);
value macro_expand(struct syntax *macro, value form, struct scope *scope);

/* The code for the call of a primitive, or NULL; see inline.c. */
const struct node *inline_call(const struct primitive *p, struct node *call);
bool inline_folds(const struct primitive *p);
/* Let an if look at its test itself, where that is one of the common ones. */
void inline_if(struct node *n);

#endif /* LISP_EXPRESSION_H */
