/* SPDX-License-Identifier: MIT */
/*
 * compile.c: from expressions to nodes, in three passes over each form.
 *
 * 1. find_loops: a named let whose name is only ever called, and only where a
 *    call would be a jump, needs no procedure: its variables are slots of the
 *    frame it stands in, and the calls become jumps.
 * 2. resolve: which variables need a box.  A variable lives in a slot of its
 *    procedure's frame, on the C stack; closures copy what they use.  One that
 *    is assigned is boxed, so that all copies (those in the saved stacks of
 *    continuations included) see the same value.
 * 3. emit: nodes, with the slots and the places of captured values filled in.
 */
#include "expression.h"
#include "node.h"

/* ------------------------------------------------------------------- pass 1 */

static void find_loops(struct expression *e, struct expression *tail);

/* The loop this call would be a jump of, or NULL. */
static struct expression *jump_target(const struct expression *call,
                                      struct expression *tail) {
  const struct expression *callee = call->kids[0];
  if (callee->kind != LOCAL || !callee->variable->loop) return NULL;
  for (; tail; tail = tail->outer_loop)
    if (tail == callee->variable->loop && tail->count == call->count)
      return tail;
  return NULL;
}

static void find_loops_in_call(struct expression *e, struct expression *tail) {
  struct expression *target = jump_target(e, tail);
  if (target) {
    target->variable->references++;
    target->variable->tail_calls++;
  }
  for (size_t i = target ? 1 : 0; i < e->count; i++)
    find_loops(e->kids[i], NULL);
}

/* Make it a letrec of one procedure, called at once. */
static void make_procedure(struct expression *loop) {
  size_t count = loop->count - 1;
  struct expression *lambda = expression_make(LAMBDA, 0);
  struct lambda *l = allocate(sizeof *l);
  l->count = count;
  l->parameters = loop->variables;
  l->body = loop->kids[count];
  l->name = loop->variable->name;
  l->source = loop->source;
  lambda->lambda = l;
  struct expression *name = expression_make(LOCAL, 0);
  name->variable = loop->variable;
  struct expression *call = expression_make(CALL, count + 1);
  call->kids[0] = name;
  call->source = loop->source;
  for (size_t i = 0; i < count; i++) call->kids[1 + i] = loop->kids[i];
  /* A loop has at least the body as a kid, and a LETREC here has two. */
  struct expression *letrec = expression_make(LETREC, 2);
  letrec->variables = allocate(sizeof(struct variable *));
  letrec->variables[0] = loop->variable;
  letrec->kids[0] = lambda;
  letrec->kids[1] = call;
  loop->kind = SEQUENCE;
  loop->count = 1;
  loop->kids[0] = letrec;
}

/*
 * The body of a loop that has to be a procedure is no tail position of the
 * loops around it: forget the jumps to those that were found in it.
 */
static void find_loop(struct expression *e, struct expression *tail) {
  size_t depth = 0;
  for (struct expression *l = tail; l; l = l->outer_loop) depth++;
  size_t *before = allocate_atomic((depth + 1) * sizeof *before);
  size_t i = 0;
  for (struct expression *l = tail; l; l = l->outer_loop)
    before[i++] = l->variable->tail_calls;
  for (size_t k = 0; k + 1 < e->count; k++) find_loops(e->kids[k], NULL);
  e->variable->loop = e;
  e->outer_loop = tail;
  find_loops(e->kids[e->count - 1], e);
  e->is_loop = !e->variable->assigned &&
               e->variable->references == e->variable->tail_calls;
  if (e->is_loop) return;
  i = 0;
  for (struct expression *l = tail; l; l = l->outer_loop)
    l->variable->tail_calls = before[i++];
  e->variable->loop = NULL;
  make_procedure(e);
}

static void find_loops(struct expression *e, struct expression *tail) {
  machine_poll();
  switch (e->kind) {
    case LOCAL: e->variable->references++; return;
    case LAMBDA: find_loops(e->lambda->body, NULL); return;
    case CALL: find_loops_in_call(e, tail); return;
    case LOOP: find_loop(e, tail); return;
    case IF:
      find_loops(e->kids[0], NULL);
      find_loops(e->kids[1], tail);
      find_loops(e->kids[2], tail);
      return;
    case SEQUENCE:
    case OR:
    case LET:
    case LETREC:
      for (size_t i = 0; i + 1 < e->count; i++) find_loops(e->kids[i], NULL);
      find_loops(e->kids[e->count - 1], tail);
      return;
    default:
      for (size_t i = 0; i < e->count; i++) find_loops(e->kids[i], NULL);
  }
}

/* ------------------------------------------------------------------- pass 2 */

static void resolve(struct expression *e, struct lambda *l);

static void own(struct expression *e, size_t count, struct lambda *l) {
  for (size_t i = 0; i < count; i++)
    if (e->variables[i]) {
      e->variables[i]->owner = l;
      e->variables[i]->boxed |= e->variables[i]->assigned;
    }
}

static bool is_lambda(const struct expression *letrec, size_t i) {
  return letrec->variables[i] && letrec->kids[i]->kind == LAMBDA;
}

/*
 * Neighbouring lambdas are made together, before their closures are filled, so
 * they may name each other.  Whatever is named before it is ready gets a box.
 */
static void resolve_letrec(struct expression *e, struct lambda *l) {
  size_t count = e->count - 1;
  own(e, count, l);
  for (size_t i = 0; i < count; i++)
    if (e->variables[i]) e->variables[i]->ready = false;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = i; k < count && is_lambda(e, k); k++)
      e->variables[k]->ready = true;
    if (is_lambda(e, i)) e->variables[i]->self = e->kids[i]->lambda;
    resolve(e->kids[i], l);
    if (e->variables[i]) e->variables[i]->ready = true;
  }
  resolve(e->kids[count], l);
}

static void resolve_lambda(struct lambda *l, struct lambda *outer) {
  l->outer = outer;
  for (size_t i = 0; i < l->count; i++) {
    l->parameters[i]->owner = l;
    l->parameters[i]->boxed = l->parameters[i]->assigned;
  }
  resolve(l->body, l);
}

static void resolve(struct expression *e, struct lambda *l) {
  machine_poll();
  switch (e->kind) {
    case LOCAL:
    case SET_LOCAL:
      if (!e->variable->ready) e->variable->boxed = true;
      break;
    case LAMBDA: resolve_lambda(e->lambda, l); return;
    case LETREC: resolve_letrec(e, l); return;
    case LET:
    case LOOP: own(e, e->count - 1, l); break;
    case CALL:
      if (e->kids[0]->kind == LOCAL && e->kids[0]->variable->loop)
        e->kind = JUMP;
      break;
    default: break;
  }
  for (size_t i = e->kind == JUMP ? 1 : 0; i < e->count; i++)
    resolve(e->kids[i], l);
}

/* ------------------------------------------------------------------- pass 3 */

static const struct node *emit(struct expression *e, struct lambda *l,
                               bool tail);

static struct node *node_make(value (*run)(const struct node *, value *),
                              size_t kids) {
  struct node *n = allocate(sizeof *n + kids * sizeof n->kids[0]);
  n->run = run;
  n->count = (uint32_t)kids;
  return n;
}

static const struct node *emit_constant(value datum) {
  value *constant = allocate(sizeof *constant);
  *constant = datum;
  return (const struct node *)((uintptr_t)constant + 4);
}

/* Frames lie on the C stack, so they must not be of just any size. */
static void check_frame(size_t slots, value source) {
  if (slots > 2000) syntax_error("too many variables or arguments", source);
}

static uint32_t reserve_slots(struct lambda *l, size_t count) {
  check_frame(l->next_slot + count, l->source);
  uint32_t first = l->next_slot;
  l->next_slot += (uint32_t)count;
  if (l->next_slot > l->slots) l->slots = l->next_slot;
  return first;
}

/* The place of a free variable in the closure; adds it where it is new. */
static size_t captured_index(struct lambda *l, struct variable *v) {
  for (size_t i = 0; i < l->captured_count; i++)
    if (l->captured[i] == v) return i;
  size_t count = l->captured_count;
  struct variable **more = allocate((count + 1) * sizeof *more);
  if (count) memcpy(more, l->captured, count * sizeof *more);
  more[count] = v;
  l->captured = more;
  l->captured_count = count + 1;
  return count;
}

/* The content of the variable's slot: its value, or the address of its box. */
static const struct node *emit_place(struct variable *v, struct lambda *l) {
  if (v->owner == l) return operand_slot(v->slot);
  if (v->self == l && !v->boxed) return operand_slot(0);
  return operand_captured(captured_index(l, v));
}

static const struct node *emit_local(struct expression *e, struct lambda *l) {
  struct variable *v = e->variable;
  if (!v->boxed) return emit_place(v, l);
  struct node *n = node_make(run_unbox, 1);
  n->datum = v->name;
  n->kids[0] = emit_place(v, l);
  return n;
}

static const struct node *emit_set_local(struct expression *e,
                                         struct lambda *l) {
  struct node *n = node_make(run_set_box, 2);
  n->kids[0] = emit_place(e->variable, l);
  n->kids[1] = emit(e->kids[0], l, false);
  return n;
}

static const struct node *emit_global(struct expression *e, struct lambda *l) {
  static value (*const runs[])(const struct node *, value *) = {
      [GLOBAL] = run_global,
      [SET_GLOBAL] = run_set_global,
      [DEFINE] = run_define};
  struct node *n = node_make(runs[e->kind], e->count);
  n->datum = e->datum;
  n->source = e->source;
  for (size_t i = 0; i < e->count; i++) n->kids[i] = emit(e->kids[i], l, false);
  return n;
}

static const struct node *emit_if(struct expression *e, struct lambda *l,
                                  bool tail) {
  struct node *n = node_make(run_if, 3);
  n->kids[0] = emit(e->kids[0], l, false);
  n->kids[1] = emit(e->kids[1], l, tail);
  n->kids[2] = emit(e->kids[2], l, tail);
  inline_if(n);
  return n;
}

/* SEQUENCE and OR. */
static const struct node *emit_kids(struct expression *e, struct lambda *l,
                                    bool tail) {
  if (e->count == 1) return emit(e->kids[0], l, tail);
  struct node *n = node_make(e->kind == OR ? run_or : run_sequence, e->count);
  for (size_t i = 0; i < e->count; i++)
    n->kids[i] = emit(e->kids[i], l, tail && i + 1 == e->count);
  return n;
}

/* A body that first puts those of the variables that are boxed into boxes. */
static const struct node *emit_boxing(struct variable **variables, size_t count,
                                      const struct node *body) {
  for (size_t i = 0; i < count; i++) {
    if (!variables[i]->boxed) continue;
    struct node *n = node_make(run_box, 1);
    n->slot = variables[i]->slot;
    n->kids[0] = body;
    body = n;
  }
  return body;
}

static const struct node *emit_let(struct expression *e, struct lambda *l,
                                   bool tail) {
  size_t count = e->count - 1;
  uint32_t outer_slot = l->next_slot;
  struct node *n = node_make(run_let, count + 1);
  n->slot = reserve_slots(l, count);
  for (size_t i = 0; i < count; i++) {
    e->variables[i]->slot = n->slot + (uint32_t)i;
    n->kids[i] = emit(e->kids[i], l, false);
  }
  const struct node *body = emit(e->kids[count], l, tail);
  n->kids[count] = emit_boxing(e->variables, count, body);
  l->next_slot = outer_slot;
  if (count == 1) n->run = run_let1;
  return count == 0 ? n->kids[0] : n;
}

static const struct node *emit_loop(struct expression *e, struct lambda *l,
                                    bool tail) {
  static value next_mark;
  size_t count = e->count - 1;
  uint32_t outer_slot = l->next_slot;
  struct node *n = node_make(run_loop, count + 1);
  next_mark++;
  e->mark = next_mark << 8 | LOOP_BYTE;
  e->loop_slot = reserve_slots(l, count);
  n->slot = e->loop_slot;
  n->datum = e->mark;
  for (size_t i = 0; i < count; i++) {
    e->variables[i]->slot = n->slot + (uint32_t)i;
    n->kids[i] = emit(e->kids[i], l, false);
  }
  const struct node *body = emit(e->kids[count], l, tail);
  n->kids[count] = emit_boxing(e->variables, count, body);
  l->next_slot = outer_slot;
  return n;
}

static const struct node *emit_jump(struct expression *e, struct lambda *l) {
  struct expression *loop = e->kids[0]->variable->loop;
  size_t count = e->count - 1;
  struct node *n = node_make(count == 1   ? run_jump1
                             : count == 2 ? run_jump2
                             : count == 3 ? run_jump3
                                          : run_jump,
                             count);
  n->datum = loop->mark;
  n->slot = loop->loop_slot;
  for (size_t i = 0; i < count; i++)
    n->kids[i] = emit(e->kids[1 + i], l, false);
  return n;
}

/* ----------------------------------------------------------------- closures */

static struct code *compile_lambda(struct lambda *l) {
  check_frame(l->count, l->source);
  for (size_t i = 0; i < l->count; i++)
    l->parameters[i]->slot = 1 + (uint32_t)i;
  l->next_slot = 1 + (uint32_t)l->count;
  l->slots = l->next_slot;
  const struct node *body = emit(l->body, l, true);
  struct code *code = allocate(sizeof *code);
  code->body = emit_boxing(l->parameters, l->count, body);
  if (is_operand(code->body)) { /* the callers of bodies expect a node */
    struct node *n = node_make(run_sequence, 1);
    n->kids[0] = code->body;
    code->body = n;
  }
  code->required = (uint32_t)(l->count - l->rest);
  code->rest = l->rest;
  code->arity = l->rest ? -1 : (int32_t)l->count;
  /*
   * Rounded up, so that more tail calls find the frame large enough; not by
   * more, since a slot that nobody wrote holds what was there before, and
   * continuations copy it.  With multiples of 8, each continuation of ctak
   * kept older ones, without end.
   */
  code->frame_bytes = (uint32_t)((l->slots + 3) / 4 * 4 * sizeof(value));
  code->name = l->name;
  code->source = l->source;
  return code;
}

static value closure_of_nothing(const struct code *code) {
  struct closure *c = make_object(TYPE_CLOSURE, sizeof *c);
  c->code = code;
  return (value)c;
}

/* A node which makes a closure; its kids are what the closure captures. */
static const struct node *emit_lambda(struct lambda *inner, struct lambda *l) {
  struct code *code = compile_lambda(inner);
  if (inner->captured_count == 0)
    return emit_constant(closure_of_nothing(code));
  struct node *n = node_make(run_lambda, inner->captured_count);
  n->datum = (value)code;
  for (size_t i = 0; i < inner->captured_count; i++)
    n->kids[i] = emit_place(inner->captured[i], l);
  return n;
}

/*
 * The lambdas from first on, made together; those with a box come after.  The
 * run_fix node has the lambda nodes as kids, and their slots as datum.
 */
static void emit_group(struct expression *e, size_t first, size_t end,
                       struct lambda *l, struct list_builder *out) {
  struct node *fix = node_make(run_fix, end - first);
  fix->count = 0;
  value slots = make_sequence(TYPE_VECTOR, end - first);
  fix->datum = slots;
  for (size_t i = first; i < end; i++) {
    if (e->variables[i]->boxed) continue;
    vector(slots)->items[fix->count] = fixnum((intptr_t)e->variables[i]->slot);
    fix->kids[fix->count++] = emit_lambda(e->kids[i]->lambda, l);
  }
  if (fix->count > 0) list_add(out, (value)fix);
  for (size_t i = first; i < end; i++) {
    if (!e->variables[i]->boxed) continue;
    struct node *set = node_make(run_set_box, 2);
    set->kids[0] = operand_slot(e->variables[i]->slot);
    set->kids[1] = emit_lambda(e->kids[i]->lambda, l);
    list_add(out, (value)set);
  }
}

static const struct node *emit_item(struct expression *e, size_t i,
                                    struct lambda *l) {
  struct variable *v = e->variables[i];
  const struct node *init = emit(e->kids[i], l, false);
  if (!v) return init;
  struct node *n = node_make(v->boxed ? run_set_box : run_store, 2);
  n->slot = v->slot;
  n->kids[0] = operand_slot(v->slot);
  n->kids[1] = init;
  return n;
}

/* Boxes first, then the items in order, then the body. */
static const struct node *emit_letrec(struct expression *e, struct lambda *l,
                                      bool tail) {
  size_t count = e->count - 1;
  uint32_t outer_slot = l->next_slot;
  uint32_t slot = reserve_slots(l, count);
  struct list_builder out = {NIL, NIL};
  for (size_t i = 0; i < count; i++) {
    struct variable *v = e->variables[i];
    if (!v) continue;
    v->slot = slot + (uint32_t)i;
    if (!v->boxed) continue;
    struct node *n = node_make(run_new_box, 0);
    n->slot = v->slot;
    list_add(&out, (value)n);
  }
  for (size_t i = 0; i < count;) {
    size_t end = i;
    while (end < count && is_lambda(e, end)) end++;
    if (end > i) {
      emit_group(e, i, end, l, &out);
      i = end;
    } else {
      list_add(&out, (value)emit_item(e, i++, l));
    }
  }
  list_add(&out, (value)emit(e->kids[count], l, tail));
  struct node *n = node_make(run_sequence, (size_t)list_length(out.first));
  for (size_t i = 0; i < n->count; i++, out.first = cdr(out.first))
    n->kids[i] = (const struct node *)car(out.first);
  l->next_slot = outer_slot;
  return n;
}

/* -------------------------------------------------------------------- calls */

/* The primitive that a call in this position is sure to reach, or NULL. */
static const struct primitive *known_primitive(const struct expression *e) {
  value v = e->kind == CONSTANT ? e->datum : FALSE;
  if (e->kind == GLOBAL &&
      symbol(e->datum)->global == symbol(e->datum)->builtin)
    v = symbol(e->datum)->builtin;
  return v && has_type(v, TYPE_PRIMITIVE) ? primitive(v) : NULL;
}

/* A primitive's arguments, then the procedure, should it be redefined. */
static const struct node *emit_primitive(struct expression *e,
                                         const struct primitive *p,
                                         const struct node *const *kids,
                                         bool tail) {
  size_t argc = e->count - 1;
  bool folds = argc > 2 && inline_folds(p);
  const struct node *result = kids[1];
  for (size_t done = folds ? 1 : 0; result && done < argc;) {
    size_t part = folds ? 2 : argc; /* (+ a b c) is (+ (+ a b) c) */
    struct node *n = node_make(NULL, part + 1);
    n->datum = (value)p;
    n->source = e->source;
    n->slot = tail;
    n->count = (uint32_t)part;
    for (size_t i = 0; i < part; i++)
      n->kids[i] = folds && i == 0 ? result : kids[1 + done++];
    n->kids[part] = kids[0];
    result = inline_call(p, n);
  }
  if (result && e->kids[0]->kind == GLOBAL)
    symbol(e->kids[0]->datum)->inlined = true;
  return result;
}

static const struct node *emit_call(struct expression *e, struct lambda *l,
                                    bool tail) {
  bool global = e->kids[0]->kind == GLOBAL;
  check_frame(e->count, e->source);
  struct node *n = node_make(call_runner(e->count - 1, tail, global), e->count);
  n->source = e->source;
  n->datum = e->kids[0]->datum;
  for (size_t i = 0; i < e->count; i++) n->kids[i] = emit(e->kids[i], l, false);
  const struct primitive *p = known_primitive(e->kids[0]);
  const struct node *inlined = p ? emit_primitive(e, p, n->kids, tail) : NULL;
  return inlined ? inlined : n;
}

static const struct node *emit(struct expression *e, struct lambda *l,
                               bool tail) {
  switch (e->kind) {
    case CONSTANT: return emit_constant(e->datum);
    case LOCAL: return emit_local(e, l);
    case SET_LOCAL: return emit_set_local(e, l);
    case GLOBAL:
    case SET_GLOBAL:
    case DEFINE: return emit_global(e, l);
    case IF: return emit_if(e, l, tail);
    case OR:
    case SEQUENCE: return emit_kids(e, l, tail);
    case LAMBDA: return emit_lambda(e->lambda, l);
    case LET: return emit_let(e, l, tail);
    case LETREC: return emit_letrec(e, l, tail);
    case LOOP: return emit_loop(e, l, tail);
    case JUMP: return emit_jump(e, l);
    case CALL: return emit_call(e, l, tail);
  }
  return NULL;
}

value compile_toplevel(value form) {
  struct lambda *l = allocate(sizeof *l);
  l->name = FALSE;
  l->source = form;
  l->body = expand(form, NULL);
  find_loops(l->body, NULL);
  resolve(l->body, l);
  return closure_of_nothing(compile_lambda(l));
}
