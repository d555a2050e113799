/* SPDX-License-Identifier: MIT */
/*
 * compile.c: from nodes as expand.c leaves them to nodes that run, in place.
 *
 * 1. find_loops: a named let whose name is only ever called, and only where a
 *    call would be a jump, needs no procedure: its variables are slots of the
 *    frame it stands in, and the calls become jumps.
 * 2. finish: the function of each node, with the slots and the places of
 *    captured values filled in.  A variable lives in a slot of its procedure's
 *    frame, on the C stack; closures copy what they use.  One that is assigned
 *    is boxed, so that all copies (those in the saved stacks of continuations
 *    included) see the same value; so is one that is named before it is ready.
 */
#include "node.h"

static struct lambda *lambda_of(const struct node *n) {
  return (struct lambda *)n->datum;
}

/* A letrec's. */
static struct variable **variables_of(const struct node *n) {
  return (struct variable **)n->datum;
}

/* The lambda, if it takes the arguments of the call just so. */
static struct lambda *match(const struct node *lambda,
                            const struct node *call) {
  if (lambda->kind != LAMBDA) return NULL;
  struct lambda *l = lambda_of(lambda);
  return !l->rest && l->count == call->count - 1 ? l : NULL;
}

/* The name of a named let, ((letrec ((name (lambda ...))) name) ...) */
static struct variable *named_let(const struct node *call) {
  const struct node *letrec = call->kids[0];
  if (letrec->kind != LETREC || letrec->count != 2 ||
      !match(letrec->kids[0], call))
    return NULL;
  struct variable *name = variables_of(letrec)[0];
  const struct node *last = letrec->kids[1];
  return last->kind == LOCAL && variable(last->datum) == name ? name : NULL;
}

/* ------------------------------------------------------------------- pass 1 */

static void find_loops(struct node *n, struct variable *tail);

/*
 * The body of a loop that has to be a procedure is no tail position of the
 * loops around it: forget the jumps to those that were found in it.
 */
static void find_loop(struct node *call, struct variable *name,
                      struct variable *tail) {
  size_t depth = 0;
  for (struct variable *v = tail; v; v = v->outer_loop) depth++;
  size_t *before = allocate_atomic((depth + 1) * sizeof *before);
  for (struct variable *v = tail; v; v = v->outer_loop) *before++ = v->jumps;
  before -= depth;
  name->outer_loop = tail;
  name->call_count = call->count;
  find_loops(lambda_of(call->kids[0]->kids[0])->body, name);
  name->is_loop = !name->assigned && name->references == name->jumps + 1;
  if (name->is_loop) return;
  for (struct variable *v = tail; v; v = v->outer_loop) v->jumps = *before++;
}

static void find_loops_in_call(struct node *n, struct variable *tail) {
  struct node *callee = n->kids[0];
  for (size_t i = 1; i < n->count; i++) find_loops(n->kids[i], NULL);
  struct variable *name = named_let(n);
  if (name) {
    find_loop(n, name, tail);
    return;
  }
  if (callee->kind == LOCAL) {
    struct variable *v = variable(callee->datum);
    while (tail && (tail != v || v->call_count != n->count))
      tail = tail->outer_loop;
    if (tail) v->jumps++;
  }
  struct lambda *let = match(callee, n);
  find_loops(let ? let->body : callee, let ? tail : NULL);
}

/* tail: the loops of which a call here would be a jump. */
static void find_loops(struct node *n, struct variable *tail) {
  machine_poll();
  if (n->kind == CALL) {
    find_loops_in_call(n, tail);
    return;
  }
  if (n->kind == LAMBDA) find_loops(lambda_of(n)->body, NULL);
  if (n->kind == SET_LOCAL) find_loops(n->kids[1], NULL);
  if (n->kind == SET_LOCAL || n->count == 0) return;
  bool has_tail = n->kind != SET_GLOBAL && n->kind != DEFINE;
  for (size_t i = 0; i + 1 < n->count; i++)
    find_loops(n->kids[i], n->kind == IF && i == 1 ? tail : NULL);
  find_loops(n->kids[n->count - 1], has_tail ? tail : NULL);
}

/* ------------------------------------------------------------------- pass 2 */

static struct node *finish(struct node *n, struct lambda *l, bool tail);

static struct node *statement(node_run *run, uint32_t slot, size_t kids) {
  struct node *n = node_make(SEQUENCE, 0, kids);
  n->run = run;
  n->slot = (uint16_t)slot;
  return n;
}

static void finish_kids(struct node *n, size_t first, struct lambda *l) {
  for (size_t i = first; i < n->count; i++)
    n->kids[i] = finish(n->kids[i], l, false);
}

/* Frames lie on the C stack, so they must not be of just any size. */
static void check_frame(size_t slots, value source) {
  if (slots > 2000) syntax_error("too many variables or arguments", source);
}

/* Give slots to variables; returns the first. */
static uint32_t reserve(struct lambda *l, struct variable **variables,
                        size_t count) {
  check_frame(l->next_slot + count, l->source);
  uint32_t first = l->next_slot;
  l->next_slot += (uint32_t)count;
  if (l->next_slot > l->slots) l->slots = l->next_slot;
  for (size_t i = 0; i < count; i++) {
    struct variable *v = variables[i];
    if (!v) continue;
    v->slot = first + (uint32_t)i;
    v->owner = l;
    v->boxed |= v->assigned;
  }
  return first;
}

/* The place of a free variable in the closure; adds it where it is new. */
static size_t captured_index(struct lambda *l, struct variable *v) {
  size_t count = l->captured_count;
  for (size_t i = 0; i < count; i++)
    if (l->captured[i] == v) return i;
  struct variable **more = allocate((count + 1) * sizeof *more);
  if (count) memcpy(more, l->captured, count * sizeof *more);
  more[count] = v;
  l->captured = more;
  l->captured_count = count + 1;
  return count;
}

/* The content of the variable's slot: its value, or the address of its box. */
static struct node *place(struct variable *v, struct lambda *l) {
  if (v->owner == l) return operand_slot(v->slot);
  if (v->self == l && !v->boxed) return operand_slot(0);
  return operand_captured(captured_index(l, v));
}

static struct node *finish_local(struct node *n, struct lambda *l) {
  struct variable *v = variable(n->datum);
  if (!v->boxed) return place(v, l);
  struct node *unbox = statement(run_unbox, 0, 1);
  unbox->datum = v->name;
  unbox->kids[0] = place(v, l);
  return unbox;
}

/* A body that first puts those of the variables that are boxed into boxes. */
static struct node *boxing(struct variable **variables, size_t count,
                           struct node *body) {
  for (size_t i = 0; i < count; i++) {
    if (!variables[i]->boxed) continue;
    struct node *n = statement(run_box, variables[i]->slot, 1);
    n->kids[0] = body;
    body = n;
  }
  return body;
}

static struct code *compile_lambda(struct lambda *l) {
  l->next_slot = l->slots = 1;
  reserve(l, l->parameters, l->count);
  struct node *body = finish(l->body, l, true);
  struct code *code = allocate(sizeof *code);
  body = boxing(l->parameters, l->count, body);
  if (is_operand(body)) { /* the callers of bodies expect a node */
    struct node *sequence = statement(run_sequence, 0, 1);
    sequence->kids[0] = body;
    body = sequence;
  }
  code->body = body;
  code->required = (uint32_t)(l->count - l->rest);
  code->rest = l->rest;
  code->arity = l->rest ? UINT32_MAX : (uint32_t)l->count;
  /*
   * Rounded up to units, so that more tail calls find the frame large enough;
   * not by more, since a slot that nobody wrote holds what was there before,
   * and continuations copy it.  With units of 8 slots, each continuation of
   * ctak kept older ones, without end.
   */
  uint32_t bytes = l->slots * (uint32_t)sizeof(value);
  code->frame_bytes =
      (uint32_t)((bytes + FRAME_UNIT - 1) / FRAME_UNIT * FRAME_UNIT);
  code->name = l->name;
  return code;
}

/* A node which makes a closure; its kids are what the closure captures. */
static struct node *finish_lambda(struct node *n, struct lambda *l) {
  struct lambda *inner = lambda_of(n);
  struct code *code = compile_lambda(inner);
  if (inner->captured_count == 0) {
    n->datum = make_closure(code, 0);
    return operand_constant(n);
  }
  struct node *made = statement(run_lambda, 0, inner->captured_count);
  made->datum = (value)code;
  for (size_t i = 0; i < inner->captured_count; i++)
    made->kids[i] = place(inner->captured[i], l);
  return made;
}

/* ------------------------------------------------------------- definitions */

/* One definition: into its slot or its box; or an expression by itself. */
static struct node *definition(struct variable *v, struct node *init) {
  if (!v) return init;
  struct node *n = statement(v->boxed ? run_set_box : run_store, v->slot, 2);
  if (!is_operand(init) && init->run == run_lambda && !v->boxed)
    n->run = run_make;
  n->kids[0] = operand_slot(v->slot);
  n->kids[1] = init;
  return n;
}

/*
 * Neighbouring lambdas may name each other: their closures are made first, and
 * filled when all of them are there.
 */
static struct node *finish_letrec(struct node *n, struct lambda *l, bool tail) {
  struct variable **variables = variables_of(n);
  size_t count = n->count - 1;
  uint32_t outer_slot = l->next_slot;
  value out = NIL, fills = NIL; /* of nodes, the last first */
  reserve(l, variables, count);
  for (size_t i = 0; i < count; i++) {
    struct variable *v = variables[i];
    if (v && n->kids[i]->kind == LAMBDA) v->self = lambda_of(n->kids[i]);
    if (v && v->boxed)
      out = cons((value)statement(run_new_box, v->slot, 0), out);
  }
  for (size_t i = 0; i <= count; i++) {
    struct variable *v = i < count ? variables[i] : NULL;
    if (n->kids[i]->kind != LAMBDA || !v || v->boxed)
      for (; fills != NIL; fills = cdr(fills)) out = cons(car(fills), out);
    struct node *init = finish(n->kids[i], l, tail && i == count);
    struct node *made = definition(v, init);
    out = cons((value)made, out);
    if (is_operand(made) || made->run != run_make) continue;
    struct node *fill = statement(run_fill, v->slot, 2);
    fill->kids[1] = init;
    fills = cons((value)fill, fills);
  }
  struct node *all = statement(run_sequence, 0, (size_t)list_length(out));
  for (size_t i = all->count; i > 0; i--, out = cdr(out))
    all->kids[i - 1] = (struct node *)car(out);
  l->next_slot = outer_slot;
  return all;
}

/* -------------------------------------------------------------------- calls */

/* A let, or the loop of that name: in place of the procedure is the body. */
static struct node *finish_let(struct node *n, struct lambda *let,
                               struct variable *loop, struct lambda *l,
                               bool tail) {
  static value next_mark;
  uint32_t outer_slot = l->next_slot;
  n->slot = (uint16_t)reserve(l, let->parameters, let->count);
  n->run = loop ? run_loop : run_let;
  finish_kids(n, 1, l);
  if (loop) {
    next_mark += 0x100;
    n->datum = loop->mark = next_mark | LOOP_BYTE;
    loop->slot = n->slot;
  }
  struct node *body = finish(let->body, l, tail);
  n->kids[0] = boxing(let->parameters, let->count, body);
  l->next_slot = outer_slot;
  return n;
}

/* What is called here, as far as is known now. */
static value known_value(const struct node *callee) {
  if (callee->kind == GLOBAL) return symbol(callee->datum)->global;
  return callee->kind == CONSTANT ? callee->datum : FALSE;
}

/* The primitive that a call in this position is sure to reach, or NULL. */
static const struct primitive *known_primitive(const struct node *callee) {
  value v = known_value(callee);
  if (callee->kind == GLOBAL && v != symbol(callee->datum)->builtin)
    return NULL;
  return has_type(v, TYPE_PRIMITIVE) ? primitive(v) : NULL;
}

/*
 * The frame of the lambda is made large enough for what it calls in its tail,
 * where that is known already and not much larger.
 */
static void make_room(struct lambda *l, const struct node *callee) {
  value v = known_value(callee);
  if (!has_type(v, TYPE_CLOSURE)) return;
  uint32_t bytes = closure(v)->code->frame_bytes;
  uint32_t slots = bytes / (uint32_t)sizeof(value);
  if (slots > l->slots && bytes <= 2 * FRAME_UNIT) l->slots = slots;
}

/* (+ a b c) is (+ (+ a b) c) */
static struct node *fold(struct node *n) {
  struct node *result = n->kids[1];
  for (size_t i = 2; i < n->count; i++) {
    struct node *call = node_make(CALL, 0, 3);
    call->source = n->source;
    call->kids[0] = n->kids[0];
    call->kids[1] = result;
    call->kids[2] = n->kids[i];
    result = call;
  }
  return result;
}

static struct node *finish_call(struct node *n, struct lambda *l, bool tail) {
  struct node *callee = n->kids[0];
  struct variable *name = named_let(n);
  if (name && name->is_loop)
    return finish_let(n, lambda_of(callee->kids[0]), name, l, tail);
  if (match(callee, n)) return finish_let(n, lambda_of(callee), NULL, l, tail);
  check_frame(n->count, n->source);
  if (callee->kind == LOCAL && variable(callee->datum)->is_loop) {
    n->run = jump_runner(n->count - 1);
    n->slot = (uint16_t)variable(callee->datum)->slot;
    n->datum = variable(callee->datum)->mark;
    finish_kids(n, 1, l);
    return n;
  }
  const struct primitive *p = known_primitive(callee);
  bool folds = p && p->name[1] == 0 && strchr("+-*", p->name[0]);
  if (folds && n->count > 3) n = fold(n);
  value global = callee->kind == GLOBAL ? callee->datum : 0;
  finish_kids(n, 0, l);
  n->tail = tail;
  if (p) {
    inline_call(p, n);
    if (global) symbol(global)->inlined = true;
    return n;
  }
  if (tail) make_room(l, callee);
  n->run = call_runner(n->count - 1, tail, global != 0);
  n->datum = global;
  return n;
}

static struct node *finish(struct node *n, struct lambda *l, bool tail) {
  static node_run *const runs[] = {[GLOBAL] = run_global,
                                   [SET_LOCAL] = run_set_box,
                                   [DEFINE] = run_set_global,
                                   [SET_GLOBAL] = run_set_global,
                                   [IF] = run_if,
                                   [SEQUENCE] = run_sequence,
                                   [OR] = run_or,
                                   [LETREC] = NULL}; /* and what lies between */
  if (is_operand(n) || n->run) return n; /* the + of a fold: it is finished */
  n->run = runs[n->kind];
  switch (n->kind) {
    case CONSTANT: return operand_constant(n);
    case LOCAL: return finish_local(n, l);
    case SET_LOCAL:
      n->kids[0] = place(variable(n->datum), l);
      n->kids[1] = finish(n->kids[1], l, false);
      return n;
    case LAMBDA: return finish_lambda(n, l);
    case LETREC: return finish_letrec(n, l, tail);
    case CALL: return finish_call(n, l, tail);
    default: break;
  }
  if (n->kind == DEFINE || n->kind == SET_GLOBAL) tail = false;
  for (size_t i = 0; i < n->count; i++) {
    bool is_tail = i + 1 == n->count || (n->kind == IF && i == 1);
    n->kids[i] = finish(n->kids[i], l, tail && is_tail);
  }
  if (n->kind == IF) inline_if(n);
  return n;
}

value compile_toplevel(value form) {
  struct lambda *l = allocate(sizeof *l);
  l->name = FALSE;
  l->source = form;
  l->body = expand(form, NULL);
  find_loops(l->body, NULL);
  return make_closure(compile_lambda(l), 0);
}
