/* SPDX-License-Identifier: MIT */
/*
 * derived.c: the forms that R7RS calls derived, as functions from form to
 * form.  What they insert at the head of a form is the syntax or the procedure
 * itself, made by special() and builtin(), so that nothing the program defines
 * can get in between; variables they bind are symbols that nobody can write.
 */
#include "expression.h"

static value builtin(const char *name) { return symbol(sym(name))->builtin; }

/* Build a list; the arguments end with 0, which is no value. */
#define FORM(...) form_of((const value[]){__VA_ARGS__, 0})

static value form_of(const value *items) {
  struct list_builder list = {NIL, NIL};
  for (; *items; items++) list_add(&list, *items);
  return list.first;
}

static void need(value form, intptr_t least) {
  if (list_length(form) < least) syntax_error("bad syntax", form);
}

static value begin(value forms) { return cons(special("begin"), forms); }

static value lambda(value parameters, value body) {
  return cons(special("lambda"), cons(parameters, body));
}

static value thunk(value body) { return lambda(NIL, body); }

/* ------------------------------------------------------------ conditionals */

static value and_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 1);
  value rest = cdr(form);
  if (rest == NIL) return TRUE;
  if (cdr(rest) == NIL) return begin(rest);
  return FORM(special("if"), car(rest), cons(car(form), cdr(rest)), FALSE);
}

static value when_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  return FORM(special("if"), cadr(form), begin(cddr(form)));
}

static value unless_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  return FORM(special("if"), cadr(form), UNSPECIFIED, begin(cddr(form)));
}

/* (test => receiver), or (test), or (test expression ...), then the rest. */
static value cond_clause(value clause, value rest, struct scope *scope) {
  if (cdr(clause) == NIL) return FORM(special("or"), car(clause), rest);
  if (!is_keyword(cadr(clause), scope, "=>"))
    return FORM(special("if"), car(clause), begin(cdr(clause)), rest);
  need(clause, 3);
  value t = make_temporary("test");
  return FORM(special("let"), FORM(FORM(t, car(clause))),
              FORM(special("if"), t, FORM(caddr(clause), t), rest));
}

static value cond_form(value form, struct scope *scope) {
  need(form, 1);
  if (cdr(form) == NIL) return UNSPECIFIED;
  value clause = cadr(form);
  need(clause, 1);
  if (is_keyword(car(clause), scope, "else")) {
    need(clause, 2);
    return begin(cdr(clause));
  }
  value rest =
      cddr(form) == NIL ? UNSPECIFIED : cons(special("cond"), cddr(form));
  return cond_clause(clause, rest, scope);
}

/* The consequence of a case clause: expressions, or => receiver. */
static value case_result(value body, value key, struct scope *scope) {
  if (is_pair(body) && is_keyword(car(body), scope, "=>")) {
    need(body, 2);
    return FORM(cadr(body), key);
  }
  return begin(body);
}

static value case_test(value data, value key) {
  value quoted = FORM(special("quote"), data);
  if (!is_pair(data) || cdr(data) != NIL)
    return FORM(builtin("memv"), key, quoted);
  pair(cdr(quoted))->car = car(data);
  return FORM(builtin("eqv?"), key, quoted);
}

static value case_form(value form, struct scope *scope) {
  need(form, 2);
  value key = make_temporary("key");
  struct list_builder clauses = {NIL, NIL};
  list_add(&clauses, special("cond"));
  for (value c = cddr(form); c != NIL; c = cdr(c)) {
    need(car(c), 2);
    value result = case_result(cdr(car(c)), key, scope);
    value test = is_keyword(car(car(c)), scope, "else")
                     ? TRUE
                     : case_test(car(car(c)), key);
    list_add(&clauses, FORM(test, result));
  }
  return FORM(special("let"), FORM(FORM(key, cadr(form))), clauses.first);
}

/* ---------------------------------------------------------------- bindings */

static value let_star_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  value bindings = cadr(form);
  if (!is_pair(bindings) || cdr(bindings) == NIL)
    return cons(special("let"), cdr(form));
  return FORM(special("let"), FORM(car(bindings)),
              cons(special("let*"), cons(cdr(bindings), cddr(form))));
}

static value do_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  value exit = caddr(form);
  need(exit, 1);
  need(cadr(form), 0);
  value loop = make_temporary("do");
  struct list_builder bindings = {NIL, NIL};
  struct list_builder steps = {NIL, NIL};
  list_add(&steps, loop);
  for (value b = cadr(form); b != NIL; b = cdr(b)) {
    need(car(b), 2);
    list_add(&bindings, FORM(car(car(b)), cadr(car(b))));
    value step = cddr(car(b));
    list_add(&steps, step == NIL ? car(car(b)) : car(step));
  }
  struct list_builder body = {NIL, NIL};
  list_add(&body, special("begin"));
  for (value b = cdr(cddr(form)); b != NIL; b = cdr(b)) list_add(&body, car(b));
  list_add(&body, steps.first);
  return FORM(special("let"), loop, bindings.first,
              FORM(special("if"), car(exit), begin(cdr(exit)), body.first));
}

/* Copy formals with a fresh name for each; the pairs (name new) go to list. */
static value fresh_formals(value formals, struct list_builder *names) {
  struct list_builder out = {NIL, NIL};
  value fresh;
  for (; is_pair(formals); formals = cdr(formals)) {
    fresh = make_temporary("value");
    list_add(names, FORM(car(formals), fresh));
    list_add(&out, fresh);
  }
  if (formals == NIL) return out.first;
  fresh = make_temporary("values");
  list_add(names, FORM(formals, fresh));
  if (out.first == NIL) return fresh;
  pair(out.last)->cdr = fresh;
  return out.first;
}

static value receive_values(value formals, value expression, value body) {
  return FORM(builtin("call-with-values"), thunk(FORM(expression)),
              lambda(formals, body));
}

static value receive_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 4);
  return receive_values(cadr(form), caddr(form), cdr(cddr(form)));
}

static value let_values_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  need(cadr(form), 0);
  struct list_builder names = {NIL, NIL};
  struct list_builder formals = {NIL, NIL};
  for (value b = cadr(form); b != NIL; b = cdr(b)) {
    need(car(b), 2);
    list_add(&formals, fresh_formals(car(car(b)), &names));
  }
  value body = cons(special("let"), cons(names.first, cddr(form)));
  value bindings = list_reverse(cadr(form));
  for (value f = list_reverse(formals.first); f != NIL; f = cdr(f)) {
    body = receive_values(car(f), cadr(car(bindings)), FORM(body));
    bindings = cdr(bindings);
  }
  return body;
}

static value let_star_values_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  value bindings = cadr(form);
  if (bindings == NIL) return cons(special("let"), cdr(form));
  need(bindings, 1);
  need(car(bindings), 2);
  value rest = cons(special("let*-values"), cons(cdr(bindings), cddr(form)));
  return receive_values(car(car(bindings)), cadr(car(bindings)), FORM(rest));
}

static value define_values_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  struct list_builder names = {NIL, NIL};
  struct list_builder out = {NIL, NIL};
  struct list_builder sets = {NIL, NIL};
  value formals = fresh_formals(cadr(form), &names);
  list_add(&out, special("begin"));
  for (value n = names.first; n != NIL; n = cdr(n)) {
    list_add(&out, FORM(special("define"), car(car(n)), UNSPECIFIED));
    list_add(&sets, cons(special("set!"), car(n)));
  }
  if (sets.first == NIL) list_add(&sets, UNSPECIFIED);
  list_add(&out, receive_values(formals, caddr(form), sets.first));
  return out.first;
}

/* ------------------------------------------------------------------ records */

static value record_field(value spec, value type, value constant,
                          struct list_builder *out) {
  value name = is_pair(spec) ? car(spec) : spec;
  value field = FORM(special("quote"), name);
  if (is_pair(spec) && is_pair(cdr(spec))) {
    list_add(out, FORM(special("define"), cadr(spec),
                       FORM(builtin("%record-accessor"), type, field,
                            FORM(special("quote"), cadr(spec)))));
    if (is_pair(cddr(spec)))
      list_add(out, FORM(special("define"), caddr(spec),
                         FORM(builtin("%record-modifier"), type, field,
                              FORM(special("quote"), caddr(spec)))));
  }
  (void)constant;
  return name;
}

static value define_record_type_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  value type = cadr(form);
  type = is_pair(type) ? car(type) : type;
  value maker = caddr(form);
  value rest = cdr(cddr(form));
  struct list_builder fields = {NIL, NIL};
  struct list_builder out = {NIL, NIL};
  struct list_builder uses = {NIL, NIL};
  for (value f = is_pair(rest) ? cdr(rest) : NIL; f != NIL; f = cdr(f))
    list_add(&fields, record_field(car(f), type, FALSE, &uses));
  list_add(&out, special("begin"));
  list_add(&out,
           FORM(special("define"), type,
                FORM(builtin("%record-type"), FORM(special("quote"), type),
                     FORM(special("quote"), fields.first))));
  if (is_pair(maker))
    list_add(&out, FORM(special("define"), car(maker),
                        FORM(builtin("%record-constructor"), type,
                             FORM(special("quote"), cdr(maker)),
                             FORM(special("quote"), car(maker)))));
  else if (is_identifier(maker))
    list_add(&out, FORM(special("define"), maker,
                        FORM(builtin("%record-constructor"), type,
                             FORM(special("quote"), fields.first),
                             FORM(special("quote"), maker))));
  if (is_pair(rest) && is_identifier(car(rest)))
    list_add(&out, FORM(special("define"), car(rest),
                        FORM(builtin("%record-predicate"), type,
                             FORM(special("quote"), car(rest)))));
  if (uses.first != NIL) pair(out.last)->cdr = uses.first;
  return out.first;
}

/* ------------------------------------------------- control and the dynamic */

static value delay_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  return FORM(builtin("%make-lazy"),
              thunk(FORM(FORM(builtin("make-promise"), cadr(form)))));
}

static value delay_force_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  return FORM(builtin("%make-lazy"), thunk(cdr(form)));
}

static value case_lambda_form(value form, struct scope *scope) {
  (void)scope;
  struct list_builder out = {NIL, NIL};
  list_add(&out, builtin("%case-lambda"));
  for (value c = cdr(form); is_pair(c); c = cdr(c))
    list_add(&out, cons(special("lambda"), car(c)));
  return out.first;
}

static value parameterize_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 3);
  need(cadr(form), 0);
  struct list_builder out = {NIL, NIL};
  list_add(&out, builtin("%parameterize"));
  list_add(&out, thunk(cddr(form)));
  for (value b = cadr(form); b != NIL; b = cdr(b)) {
    need(car(b), 2);
    list_add(&out, car(car(b)));
    list_add(&out, cadr(car(b)));
  }
  return out.first;
}

/* (guard (name clause ...) body ...); without else the answer may be "no". */
static value guard_form(value form, struct scope *scope) {
  need(form, 3);
  need(cadr(form), 1);
  value clauses = cdr(cadr(form));
  bool has_else = false;
  struct list_builder cond = {NIL, NIL};
  list_add(&cond, special("cond"));
  for (value c = clauses; is_pair(c); c = cdr(c)) {
    list_add(&cond, car(c));
    if (is_pair(car(c)) &&
        (car(car(c)) == TRUE || is_keyword(car(car(c)), scope, "else")))
      has_else = true;
  }
  if (!has_else) list_add(&cond, FORM(TRUE, UNBOUND));
  return FORM(builtin("%guard"), thunk(cddr(form)),
              lambda(FORM(car(cadr(form))), FORM(cond.first)),
              boolean(has_else));
}

static value assert_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  return FORM(special("if"), cadr(form), UNSPECIFIED,
              FORM(builtin("error"), text("assertion failed"),
                   FORM(special("quote"), cadr(form))));
}

/* --------------------------------------------------------------- quasiquote */

static value quasi(value template, intptr_t depth, struct scope *scope);

static value quasi_nested(value template, intptr_t depth, struct scope *scope) {
  return FORM(builtin("list"), FORM(special("quote"), car(template)),
              quasi(cadr(template), depth, scope));
}

static bool is_tagged(value form, struct scope *scope, const char *name) {
  return is_pair(form) && is_pair(cdr(form)) && cddr(form) == NIL &&
         is_identifier(car(form)) && is_keyword(car(form), scope, name);
}

static value quasi_pair(value template, intptr_t depth, struct scope *scope) {
  value head = car(template);
  if (is_tagged(head, scope, "unquote-splicing") && depth == 1) {
    if (cdr(template) == NIL) return cadr(head);
    return FORM(builtin("append"), cadr(head),
                quasi(cdr(template), depth, scope));
  }
  if (is_tagged(head, scope, "unquote-splicing"))
    head = quasi_nested(head, depth - 1, scope);
  else
    head = quasi(head, depth, scope);
  return FORM(builtin("cons"), head, quasi(cdr(template), depth, scope));
}

/* Does anything have to be evaluated in the template? */
static bool is_constant(value template, struct scope *scope) {
  for (; is_pair(template); template = cdr(template)) {
    if (is_tagged(template, scope, "unquote") ||
        is_tagged(template, scope, "unquote-splicing") ||
        is_tagged(template, scope, "quasiquote") ||
        !is_constant(car(template), scope))
      return false;
  }
  return !has_type(template, TYPE_VECTOR);
}

static value quasi(value template, intptr_t depth, struct scope *scope) {
  machine_poll();
  if (has_type(template, TYPE_VECTOR)) {
    value list = NIL;
    for (size_t i = vector(template)->length; i > 0; i--)
      list = cons(vector(template)->items[i - 1], list);
    return FORM(builtin("list->vector"), quasi(list, depth, scope));
  }
  if (!is_pair(template) || is_constant(template, scope))
    return FORM(special("quote"), template);
  if (is_tagged(template, scope, "unquote"))
    return depth == 1 ? cadr(template)
                      : quasi_nested(template, depth - 1, scope);
  if (is_tagged(template, scope, "quasiquote"))
    return quasi_nested(template, depth + 1, scope);
  return quasi_pair(template, depth, scope);
}

static value quasiquote_form(value form, struct scope *scope) {
  need(form, 2);
  return quasi(cadr(form), 1, scope);
}

/* ---------------------------------------------------------------- libraries */

static value features(void) {
  static const char *const names[] = {"r7rs",         "full-unicode", "gleaner",
                                      "gleaner-lisp", "linux",        "x86-64"};
  value list = NIL;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    list = cons(sym(names[i]), list);
  return list;
}

static value memq(value item, value list) {
  while (is_pair(list) && car(list) != item) list = cdr(list);
  return boolean(is_pair(list));
}

/* The libraries whose names all start so are built in. */
static bool is_library(value name) {
  static const char *const scheme[] = {
      "base", "case-lambda", "char",    "complex", "cxr",
      "eval", "file",        "inexact", "lazy",    "load",
      "read", "repl",        "time",    "write",   "process-context",
      "r5rs", NULL};
  if (list_length(name) != 2) return false;
  if (car(name) == sym("srfi")) return cadr(name) == fixnum(69);
  if (car(name) != sym("scheme") || !is_symbol(cadr(name))) return false;
  for (size_t i = 0; scheme[i]; i++)
    if (cadr(name) == sym(scheme[i]))
      return i != 4; /* there are no complex numbers */
  return false;
}

static bool feature_holds(value requirement) {
  requirement = strip(requirement);
  if (!is_pair(requirement))
    return requirement == sym("else") || memq(requirement, features()) == TRUE;
  value rest = cdr(requirement);
  if (car(requirement) == sym("library") && is_pair(rest))
    return is_library(car(rest));
  if (car(requirement) == sym("not") && is_pair(rest))
    return !feature_holds(car(rest));
  bool all = car(requirement) == sym("and");
  for (; is_pair(rest); rest = cdr(rest))
    if (feature_holds(car(rest)) != all) return !all;
  return all;
}

static value cond_expand_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 1);
  for (value c = cdr(form); c != NIL; c = cdr(c)) {
    need(car(c), 1);
    if (feature_holds(car(car(c)))) return begin(cdr(car(c)));
  }
  return begin(NIL);
}

/* All names are always there, so there is nothing to import. */
static value import_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 1);
  return begin(NIL);
}

static value read_all(value path) {
  if (!is_string(path)) syntax_error("include: a file name is needed", path);
  value p = port_open_near(path);
  struct list_builder out = {NIL, NIL};
  for (value d = read_datum(p); d != END_OF_FILE; d = read_datum(p))
    list_add(&out, d);
  port_close(p);
  return out.first;
}

static value include_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  struct list_builder out = {NIL, NIL};
  for (value f = cdr(form); f != NIL; f = cdr(f))
    list_add(&out, begin(read_all(car(f))));
  return begin(out.first);
}

/* A library's body is evaluated where it stands, in the one environment. */
static value define_library_form(value form, struct scope *scope) {
  need(form, 2);
  struct list_builder out = {NIL, NIL};
  for (value d = cddr(form); d != NIL; d = cdr(d)) {
    need(car(d), 1);
    if (!is_keyword(car(car(d)), scope, "export")) list_add(&out, car(d));
  }
  return begin(out.first);
}

static value syntax_error_form(value form, struct scope *scope) {
  (void)scope;
  need(form, 2);
  value message = cadr(form);
  syntax_error(
      is_string(message) ? utf8_from_string(message, NULL) : "syntax-error",
      cddr(form));
}

static value features_get(void) { return features(); }

const struct primitive_row syntax_rows[] = {
    ROW0("features", features_get),
    ROW_END,
};

void derived_init(void) {
  static const struct {
    const char *name;
    value (*transform)(value, struct scope *);
  } forms[] = {
      {"and", and_form},
      {"when", when_form},
      {"unless", unless_form},
      {"cond", cond_form},
      {"case", case_form},
      {"let*", let_star_form},
      {"do", do_form},
      {"receive", receive_form},
      {"let-values", let_values_form},
      {"let*-values", let_star_values_form},
      {"define-values", define_values_form},
      {"define-record-type", define_record_type_form},
      {"delay", delay_form},
      {"delay-force", delay_force_form},
      {"case-lambda", case_lambda_form},
      {"parameterize", parameterize_form},
      {"guard", guard_form},
      {"assert", assert_form},
      {"quasiquote", quasiquote_form},
      {"cond-expand", cond_expand_form},
      {"import", import_form},
      {"include", include_form},
      {"include-ci", include_form},
      {"define-library", define_library_form},
      {"syntax-error", syntax_error_form},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    syntax_install(forms[i].name, NULL, forms[i].transform);
}
