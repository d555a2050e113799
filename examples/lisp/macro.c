/* SPDX-License-Identifier: MIT */
/*
 * macro.c: syntax-rules.
 *
 * Hygiene by renaming: a symbol that a template inserts becomes an alias, a
 * fresh identifier which remembers the symbol and the scope of the macro's
 * definition.  An alias that the expanded code binds is a variable of its own;
 * one that it does not bind means what the symbol meant where the macro was
 * defined.  quote turns aliases back to symbols.
 */
#include "node.h"

/* What a pattern variable matched: under n ellipses, lists of lists of ... */
struct binding {
  struct binding *next;
  value id;
  intptr_t depth; /* under how many ellipses it stands */
  value matched;
};

struct matcher {
  struct syntax *macro;
  struct scope *use; /* where the macro is used */
  struct binding *bindings;
  struct binding *renames; /* a symbol as id, its alias as what it matched */
};

static void bind(struct binding **list, value id, intptr_t depth,
                 value matched) {
  struct binding *b = allocate(sizeof *b);
  *b = (struct binding){*list, id, depth, matched};
  *list = b;
}

static struct binding *find(struct binding *list, value id) {
  while (list && list->id != id) list = list->next;
  return list;
}

value macro_make(value spec, struct scope *scope) {
  if (is_identifier(spec)) {
    value same = lookup(scope, spec);
    if (has_type(same, TYPE_SYNTAX)) return same;
  }
  bool is_form = list_length(spec) >= 2 && is_identifier(car(spec));
  value head = is_form ? lookup(scope, car(spec)) : FALSE;
  bool is_expander = head == sym("%expander");
  if (head != sym("syntax-rules") && !is_expander)
    syntax_error("a macro must be a syntax-rules", spec);
  struct syntax *macro = make_object(TYPE_SYNTAX, sizeof *macro);
  macro->scope = scope;
  macro->ellipsis = sym("...");
  macro->expander = is_expander ? eval_toplevel(cadr(spec)) : FALSE;
  if (is_expander) return (value)macro;
  value rest = cdr(spec);
  if (is_identifier(car(rest))) {
    macro->ellipsis = car(rest);
    rest = cdr(rest);
  }
  if (!is_pair(rest) || list_length(car(rest)) < 0)
    syntax_error("syntax-rules: literals must be a list", spec);
  macro->literals = car(rest);
  macro->rules = cdr(rest);
  for (value r = macro->rules; r != NIL; r = cdr(r))
    if (!is_pair(r) || list_length(car(r)) != 2 || !is_pair(car(car(r))))
      syntax_error("syntax-rules: a rule must be (pattern template)", spec);
  return (value)macro;
}

static bool is_literal(const struct syntax *macro, value identifier) {
  for (value l = macro->literals; l != NIL; l = cdr(l))
    if (car(l) == identifier) return true;
  return false;
}

static bool is_ellipsis(const struct syntax *macro, value v) {
  return is_identifier(v) && !is_literal(macro, v) &&
         symbol_of(v) == symbol_of(macro->ellipsis);
}

static bool is_variable(const struct syntax *macro, value v) {
  return is_identifier(v) && !is_literal(macro, v) && !is_ellipsis(macro, v) &&
         symbol_of(v) != sym("_");
}

/* ---------------------------------------------------------------- matching */

static bool match(struct matcher *m, value pattern, value form);

static bool match_identifier(struct matcher *m, value pattern, value form) {
  if (is_literal(m->macro, pattern))
    return is_identifier(form) &&
           lookup(m->use, form) == lookup(m->macro->scope, pattern);
  if (is_variable(m->macro, pattern)) bind(&m->bindings, pattern, 0, form);
  return true;
}

/* The variables of a pattern, each bound to no match yet. */
static void bind_sequences(struct matcher *m, value pattern, intptr_t depth) {
  if (has_type(pattern, TYPE_VECTOR)) pattern = vector_to_list(pattern);
  for (; is_pair(pattern); pattern = cdr(pattern)) {
    bool more = is_pair(cdr(pattern)) && is_ellipsis(m->macro, cadr(pattern));
    bind_sequences(m, car(pattern), depth + more);
  }
  if (is_variable(m->macro, pattern)) bind(&m->bindings, pattern, depth, NIL);
}

/* (sub ... . rest): rest takes as many items as it has pairs. */
static bool match_ellipsis(struct matcher *m, value pattern, value form) {
  value sub = car(pattern);
  value rest = cddr(pattern);
  intptr_t spare = 0;
  for (value f = form; is_pair(f); f = cdr(f)) spare++;
  for (value r = rest; is_pair(r); r = cdr(r)) spare--;
  if (spare < 0) return false;
  value items = NIL; /* the last first */
  for (; spare > 0; spare--, form = cdr(form)) items = cons(car(form), items);
  struct binding *outer = m->bindings;
  bind_sequences(m, sub, 1);
  for (; items != NIL; items = cdr(items)) {
    struct matcher one = {m->macro, m->use, NULL, NULL};
    if (!match(&one, sub, car(items))) return false;
    for (struct binding *b = m->bindings; b != outer; b = b->next)
      b->matched = cons(find(one.bindings, b->id)->matched, b->matched);
  }
  return match(m, rest, form);
}

static bool match(struct matcher *m, value pattern, value form) {
  machine_poll();
  if (is_identifier(pattern)) return match_identifier(m, pattern, form);
  if (is_pair(pattern)) {
    if (is_pair(cdr(pattern)) && is_ellipsis(m->macro, cadr(pattern)))
      return match_ellipsis(m, pattern, form);
    return is_pair(form) && match(m, car(pattern), car(form)) &&
           match(m, cdr(pattern), cdr(form));
  }
  if (has_type(pattern, TYPE_VECTOR))
    return has_type(form, TYPE_VECTOR) &&
           match(m, vector_to_list(pattern), vector_to_list(form));
  return is_equal(pattern, form);
}

/* ------------------------------------------------------------ instantiation */

static value rename_identifier(struct matcher *m, value identifier) {
  struct binding *known = find(m->renames, identifier);
  if (known) return known->matched;
  value alias = make_cell(TYPE_ALIAS, identifier, (value)m->macro->scope);
  bind(&m->renames, identifier, 0, alias);
  return alias;
}

static value instantiate(struct matcher *m, value template, bool literally);

/*
 * The bindings to walk along for a template that is followed by an ellipsis:
 * copies of those of variables at least as deep as the ellipses around them.
 */
static void find_sequences(struct matcher *m, value template, intptr_t depth,
                           struct binding **found) {
  if (has_type(template, TYPE_VECTOR)) template = vector_to_list(template);
  for (; is_pair(template); template = cdr(template)) {
    intptr_t more = 0;
    for (value t = cdr(template); is_pair(t) && is_ellipsis(m->macro, car(t));
         t = cdr(t))
      more++;
    find_sequences(m, car(template), depth + more, found);
  }
  struct binding *b = find(m->bindings, template);
  if (b && b->depth >= depth) bind(found, b->id, b->depth, b->matched);
}

/* Instantiate a template once for each item of the sequences in it. */
static void repeat(struct matcher *m, value template, intptr_t depth,
                   struct list_builder *out) {
  struct binding *outer = m->bindings, *sequences = NULL;
  find_sequences(m, template, depth, &sequences);
  if (!sequences)
    syntax_error("syntax-rules: nothing to repeat before ...", template);
  for (;; m->bindings = outer) {
    for (struct binding *s = sequences; s; s = s->next) {
      if (!is_pair(s->matched)) {
        m->bindings = outer;
        return;
      }
      bind(&m->bindings, s->id, s->depth - 1, car(s->matched));
      s->matched = cdr(s->matched);
    }
    if (depth > 1)
      repeat(m, template, depth - 1, out);
    else
      list_add(out, instantiate(m, template, false));
  }
}

static value instantiate_pair(struct matcher *m, value template) {
  struct list_builder out = EMPTY(out);
  while (is_pair(template)) {
    value sub = car(template);
    intptr_t depth = 0;
    template = cdr(template);
    if (is_ellipsis(m->macro, sub) && out.first == NIL && is_pair(template))
      return instantiate(m, car(template), true);
    while (is_pair(template) && is_ellipsis(m->macro, car(template))) {
      depth++;
      template = cdr(template);
    }
    if (depth > 0)
      repeat(m, sub, depth, &out);
    else
      list_add(&out, instantiate(m, sub, false));
  }
  return list_end(&out, instantiate(m, template, false));
}

/* literally: after (... template), where an ellipsis is just a symbol. */
static value instantiate(struct matcher *m, value template, bool literally) {
  machine_poll();
  if (is_identifier(template)) {
    const struct binding *b = find(m->bindings, template);
    return b ? b->matched : rename_identifier(m, template);
  }
  if (is_pair(template)) {
    if (!literally) return instantiate_pair(m, template);
    value head = instantiate(m, car(template), true);
    return cons(head, instantiate(m, cdr(template), true));
  }
  if (has_type(template, TYPE_VECTOR)) {
    value items = instantiate(m, vector_to_list(template), literally);
    return sequence_from_list(TYPE_VECTOR, items, (size_t)list_length(items));
  }
  return template;
}

value macro_expand(struct syntax *macro, value form, struct scope *scope) {
  for (value r = macro->rules; r != NIL; r = cdr(r)) {
    struct matcher m = {macro, scope, NULL, NULL};
    value pattern = cdr(car(car(r)));
    if (match(&m, pattern, cdr(form)))
      return instantiate(&m, cadr(car(r)), false);
  }
  bool is_builtin = macro->scope == &builtins;
  syntax_error(is_builtin ? "bad syntax" : "no rule of the macro matches",
               form);
}
