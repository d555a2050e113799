/* SPDX-License-Identifier: MIT */
/*
 * expand.c: from data to expressions: the scopes, the dozen special forms, and
 * bodies with internal definitions.  Forms that can be said in terms of others
 * are macros in prelude.scm; syntax-rules is in macro.c.
 *
 * A form that C code builds has a keyword itself, not its name, at its head;
 * what the program binds cannot come between.
 */
#include "expression.h"

static value keyword(const char *name) { return symbol(sym(name))->builtin; }

static value current_form = FALSE; /* the innermost one with a location */

_Noreturn void syntax_error(const char *message, value form) {
  if (location(form) == FALSE)
    form = current_form == FALSE ? form : current_form;
  vm.where = form;
  fail_kind("syntax-error", message, cons(strip(form), NIL));
}

struct expression *expression_make(enum expression_kind kind, size_t kids) {
  struct expression *e = allocate(sizeof *e + kids * sizeof e->kids[0]);
  e->kind = kind;
  e->count = kids;
  return e;
}

static struct expression *constant(value datum) {
  struct expression *e = expression_make(CONSTANT, 0);
  e->datum = datum;
  return e;
}

/* ------------------------------------------------------------- identifiers */

bool is_identifier(value v) { return is_symbol(v) || has_type(v, TYPE_ALIAS); }

value make_alias(value identifier, struct scope *scope) {
  return make_cell(TYPE_ALIAS, identifier, (value)scope);
}

value symbol_of(value identifier) {
  while (has_type(identifier, TYPE_ALIAS)) identifier = cell(identifier)->first;
  return identifier;
}

/* Data may be circular; after so many steps, seen is a table of those met. */
struct walk {
  int budget;
  value seen;
};

static bool was_seen(struct walk *w, value datum) {
  if (--w->budget > 0) return false;
  if (w->seen == FALSE) w->seen = hash_make(FALSE);
  bool known = hash_get(w->seen, datum, FALSE) != FALSE;
  hash_put(w->seen, datum, TRUE);
  return known;
}

static bool has_alias(struct walk *w, value datum) {
  machine_poll();
  for (; is_pair(datum); datum = cdr(datum)) {
    if (was_seen(w, datum)) return false;
    if (has_alias(w, car(datum))) return true;
  }
  if (has_type(datum, TYPE_VECTOR) && !was_seen(w, datum))
    for (size_t i = 0; i < vector(datum)->length; i++)
      if (has_alias(w, vector(datum)->items[i])) return true;
  return has_type(datum, TYPE_ALIAS);
}

/* copies: a table of what was copied, so that circles stay circles. */
static value strip_copy(value datum, value copies) {
  machine_poll();
  value copy = hash_get(copies, datum, 0);
  if (copy) return copy;
  if (is_pair(datum)) {
    copy = cons(NIL, NIL);
    hash_put(copies, datum, copy);
    pair(copy)->car = strip_copy(car(datum), copies);
    pair(copy)->cdr = strip_copy(cdr(datum), copies);
    return copy;
  }
  if (!has_type(datum, TYPE_VECTOR)) return symbol_of(datum);
  copy = make_sequence(TYPE_VECTOR, vector(datum)->length);
  hash_put(copies, datum, copy);
  for (size_t i = 0; i < vector(datum)->length; i++)
    vector(copy)->items[i] = strip_copy(vector(datum)->items[i], copies);
  return copy;
}

/* Where no macro was used there are no aliases. */
static bool macro_used;

value strip(value datum) {
  struct walk w = {10000, FALSE};
  if (!macro_used || !has_alias(&w, datum)) return datum;
  return strip_copy(datum, hash_make(FALSE));
}

static value scope_find(struct scope *scope, value identifier) {
  for (; scope; scope = scope->outer)
    for (value b = scope->bindings; b != NIL; b = cdr(b))
      if (car(car(b)) == identifier) return cdr(car(b));
  return FALSE;
}

/* Where the macros of the prelude were defined: names keep their meaning. */
struct scope builtins = {NULL, NIL};

value lookup(struct scope *scope, value identifier) {
  for (;;) {
    value found = scope_find(scope, identifier);
    if (found != FALSE) return found;
    if (is_symbol(identifier)) break;
    scope = (struct scope *)cell(identifier)->second;
    identifier = cell(identifier)->first;
  }
  struct symbol *s = symbol(identifier);
  if (scope == &builtins && s->builtin) return s->builtin;
  return s->syntax != FALSE ? s->syntax : identifier;
}

void scope_bind(struct scope *scope, value identifier, value denotation) {
  scope->bindings = cons(cons(identifier, denotation), scope->bindings);
}

static struct scope *scope_make(struct scope *outer) {
  struct scope *scope = allocate(sizeof *scope);
  scope->outer = outer;
  scope->bindings = NIL;
  return scope;
}

static struct variable *bind_variable(struct scope *scope, value identifier,
                                      value form) {
  if (!is_identifier(identifier))
    syntax_error("a variable must be a symbol", form);
  struct variable *v = make_object(TYPE_VARIABLE, sizeof *v);
  v->name = symbol_of(identifier);
  v->ready = true;
  scope_bind(scope, identifier, (value)v);
  return v;
}

/* The length of a form that must be a list of at least this many items. */
static size_t form_length(value form, intptr_t least) {
  intptr_t length = list_length(form);
  if (length < least) syntax_error("bad syntax", form);
  return (size_t)length;
}

/* --------------------------------------------------------------- the heart */

static struct expression *expand_identifier(value id, struct scope *scope) {
  value found = lookup(scope, id);
  struct expression *e;
  if (has_type(found, TYPE_VARIABLE)) {
    e = expression_make(LOCAL, 0);
    e->variable = (struct variable *)found;
    return e;
  }
  if (has_type(found, TYPE_SYNTAX))
    syntax_error("keyword used as a variable", cons(id, NIL));
  if (!is_symbol(found)) return constant(found);
  if (vm.building && symbol(found)->global != UNBOUND)
    return constant(symbol(found)->global);
  e = expression_make(GLOBAL, 0);
  e->datum = found;
  e->source = current_form;
  return e;
}

/* The form itself, or a copy which says where the code around it stood. */
static value with_location(value form) {
  if (location(form) != FALSE || current_form == FALSE) return form;
  struct located_pair *block = allocate(sizeof *block);
  *block = *(struct located_pair *)pair(current_form);
  block->pair = *pair(form);
  return (value)block + TAG_PAIR;
}

static struct expression *expand_call(value form, struct scope *scope) {
  size_t count = form_length(form, 1);
  value source = with_location(form);
  struct expression *e = expression_make(CALL, count);
  for (size_t i = 0; i < count; i++, form = cdr(form))
    e->kids[i] = expand(car(form), scope);
  e->source = source;
  struct expression *callee = e->kids[0];
  if (callee->kind != LAMBDA || callee->lambda->rest ||
      callee->lambda->count != count - 1)
    return e;
  struct expression *let = expression_make(LET, count);
  let->variables = callee->lambda->parameters;
  for (size_t i = 1; i < count; i++) let->kids[i - 1] = e->kids[i];
  let->kids[count - 1] = callee->lambda->body;
  return let;
}

/* The keyword at the head of a form, or NULL. */
static struct syntax *head_syntax(value form, struct scope *scope) {
  if (!is_pair(form)) return NULL;
  value head = car(form);
  if (is_identifier(head)) head = lookup(scope, head);
  return has_type(head, TYPE_SYNTAX) ? syntax(head) : NULL;
}

/* Expand macros and derived forms at the head until there are none. */
static value expand_head(value form, struct scope *scope) {
  for (;;) {
    struct syntax *head = head_syntax(form, scope);
    if (!head || head->special) return form;
    machine_poll();
    if (location(form) != FALSE) current_form = form;
    macro_used = true;
    form = head->expander == FALSE
               ? macro_expand(head, form, scope)
               : cons(keyword("begin"), apply1(head->expander, form));
  }
}

static struct expression *expand_pair(value form, struct scope *scope) {
  value outer_form = current_form;
  if (location(form) != FALSE) current_form = form;
  form = expand_head(form, scope);
  struct syntax *head = head_syntax(form, scope);
  struct expression *e = head            ? head->special(form, scope)
                         : is_pair(form) ? expand_call(form, scope)
                                         : expand(form, scope);
  current_form = outer_form;
  return e;
}

struct expression *expand(value form, struct scope *scope) {
  machine_poll();
  if (is_identifier(form)) return expand_identifier(form, scope);
  if (is_pair(form)) return expand_pair(form, scope);
  if (form == NIL) syntax_error("the empty list is not an expression", form);
  return constant(strip(form));
}

static struct expression *expand_sequence(value forms, struct scope *scope,
                                          value form) {
  size_t count = (size_t)list_length(forms);
  if (list_length(forms) < 1)
    syntax_error("bad syntax: an expression is missing", form);
  if (count == 1) return expand(car(forms), scope);
  struct expression *e = expression_make(SEQUENCE, count);
  for (size_t i = 0; i < count; i++, forms = cdr(forms))
    e->kids[i] = expand(car(forms), scope);
  return e;
}

/* ------------------------------------------------------------------ bodies */

/*
 * The items of a body: a list of (variable . form) for definitions and
 * (FALSE . form) for expressions, with macros expanded far enough to tell.
 */
static void scan_body(value forms, struct scope *scope,
                      struct list_builder *items);

static void scan_define(value form, struct scope *scope,
                        struct list_builder *items) {
  form_length(form, 2);
  value target = cadr(form);
  value init = cddr(form);
  while (is_pair(target)) { /* (define ((f a) b) ...) is curried */
    init = cons(cons(keyword("lambda"), cons(cdr(target), init)), NIL);
    target = car(target);
  }
  struct variable *v = NULL;
  for (value b = scope->bindings; b != NIL && !v; b = cdr(b))
    if (car(car(b)) == target && has_type(cdr(car(b)), TYPE_VARIABLE))
      syntax_error("defined twice in one body", form);
  v = bind_variable(scope, target, form);
  list_add(items, cons((value)v, init == NIL ? UNSPECIFIED : car(init)));
}

static void define_syntax(value form, struct scope *scope) {
  if (list_length(form) != 3 || !is_identifier(cadr(form)))
    syntax_error("bad syntax", form);
  struct scope *place = scope ? scope : vm.building ? &builtins : NULL;
  value macro = macro_make(caddr(form), place);
  if (scope)
    scope_bind(scope, cadr(form), macro);
  else
    symbol(symbol_of(cadr(form)))->syntax = macro;
}

static void scan_form(value form, struct scope *scope,
                      struct list_builder *items) {
  value outer_form = current_form;
  if (location(form) != FALSE) current_form = form;
  form = expand_head(form, scope);
  struct syntax *head = head_syntax(form, scope);
  if (head && strcmp(head->name, "begin") == 0)
    scan_body(cdr(form), scope, items);
  else if (head && strcmp(head->name, "define") == 0)
    scan_define(form, scope, items);
  else if (head && strcmp(head->name, "define-syntax") == 0)
    define_syntax(form, scope);
  else
    list_add(items, cons(FALSE, form));
  current_form = outer_form;
}

static void scan_body(value forms, struct scope *scope,
                      struct list_builder *items) {
  for (; is_pair(forms); forms = cdr(forms))
    scan_form(car(forms), scope, items);
}

/* Expand the form of a definition, which names a lambda after its variable. */
static struct expression *expand_item(value item, struct scope *scope) {
  struct expression *e = expand(cdr(item), scope);
  if (e->kind == LAMBDA && car(item) != FALSE)
    e->lambda->name = ((struct variable *)car(item))->name;
  return e;
}

/* (define (loop ...) ...) (loop ...) is a named let said in another way. */
static struct expression *as_loop(struct expression *letrec) {
  if (letrec->count != 2 || letrec->kids[0]->kind != LAMBDA) return letrec;
  struct lambda *l = letrec->kids[0]->lambda;
  struct expression *call = letrec->kids[1];
  if (call->kind != CALL || call->kids[0]->kind != LOCAL ||
      call->kids[0]->variable != letrec->variables[0] || l->rest ||
      call->count != l->count + 1)
    return letrec;
  struct expression *loop = expression_make(LOOP, l->count + 1);
  loop->variable = letrec->variables[0];
  loop->variables = l->parameters;
  for (size_t i = 0; i < l->count; i++) loop->kids[i] = call->kids[1 + i];
  loop->kids[l->count] = l->body;
  loop->source = call->source;
  return loop;
}

static struct expression *body_of_items(value items, struct scope *scope) {
  size_t last_definition = 0;
  size_t count = 0;
  for (value i = items; i != NIL; i = cdr(i)) {
    count++;
    if (car(car(i)) != FALSE) last_definition = count;
  }
  struct expression *e = expression_make(LETREC, last_definition + 1);
  e->variables = allocate(last_definition * sizeof(struct variable *));
  for (size_t i = 0; i < last_definition; i++, items = cdr(items)) {
    value v = car(car(items));
    e->variables[i] = v == FALSE ? NULL : (struct variable *)v;
    e->kids[i] = expand_item(car(items), scope);
  }
  struct expression *rest = expression_make(SEQUENCE, count - last_definition);
  for (size_t i = 0; i < rest->count; i++, items = cdr(items))
    rest->kids[i] = expand(cdr(car(items)), scope);
  if (rest->count == 0) rest = constant(UNSPECIFIED);
  e->kids[last_definition] = rest->count == 1 ? rest->kids[0] : rest;
  return last_definition == 0 ? e->kids[0] : as_loop(e);
}

struct expression *expand_body(value forms, struct scope *outer) {
  if (list_length(forms) < 1)
    syntax_error("bad syntax: a body needs an expression", forms);
  struct scope *scope = scope_make(outer);
  struct list_builder items = {NIL, NIL};
  scan_body(forms, scope, &items);
  return body_of_items(items.first, scope);
}

/* ----------------------------------------------------------- special forms */

static struct expression *expand_quote(value form, struct scope *scope) {
  (void)scope;
  if (list_length(form) != 2) syntax_error("bad syntax", form);
  return constant(strip(cadr(form)));
}

static struct expression *expand_if(value form, struct scope *scope) {
  size_t count = form_length(form, 3);
  if (count > 4) syntax_error("bad syntax", form);
  struct expression *e = expression_make(IF, 3);
  e->kids[0] = expand(cadr(form), scope);
  e->kids[1] = expand(caddr(form), scope);
  e->kids[2] =
      count == 4 ? expand(car(cdr(cddr(form))), scope) : constant(UNSPECIFIED);
  return e;
}

static struct expression *expand_or(value form, struct scope *scope) {
  size_t count = form_length(form, 1) - 1;
  if (count == 0) return constant(FALSE);
  struct expression *e = expression_make(OR, count);
  for (size_t i = 0; i < count; i++) {
    form = cdr(form);
    e->kids[i] = expand(car(form), scope);
  }
  return count == 1 ? e->kids[0] : e;
}

static struct expression *expand_begin(value form, struct scope *scope) {
  if (cdr(form) == NIL) return constant(UNSPECIFIED);
  return expand_sequence(cdr(form), scope, form);
}

static struct expression *expand_set(value form, struct scope *scope) {
  if (list_length(form) != 3 || !is_identifier(cadr(form)))
    syntax_error("bad syntax", form);
  value found = lookup(scope, cadr(form));
  if (has_type(found, TYPE_SYNTAX)) syntax_error("set! of a keyword", form);
  bool is_local = has_type(found, TYPE_VARIABLE);
  struct expression *e = expression_make(is_local ? SET_LOCAL : SET_GLOBAL, 1);
  e->kids[0] = expand(caddr(form), scope);
  e->datum = found;
  e->source = with_location(form);
  if (is_local) {
    e->variable = (struct variable *)found;
    e->variable->assigned = true;
  }
  return e;
}

static struct expression *expand_lambda(value form, struct scope *outer) {
  form_length(form, 3);
  struct scope *scope = scope_make(outer);
  value parameters = cadr(form);
  size_t count = 0;
  for (value p = parameters; is_pair(p); p = cdr(p)) count++;
  struct lambda *l = allocate(sizeof *l);
  l->parameters = allocate((count + 1) * sizeof(struct variable *));
  for (; is_pair(parameters); parameters = cdr(parameters))
    l->parameters[l->count++] = bind_variable(scope, car(parameters), form);
  l->rest = parameters != NIL;
  if (l->rest)
    l->parameters[l->count++] = bind_variable(scope, parameters, form);
  l->name = FALSE;
  l->source = current_form;
  for (value b = scope->bindings; b != NIL; b = cdr(b))
    for (value c = cdr(b); c != NIL; c = cdr(c))
      if (car(car(b)) == car(car(c)))
        syntax_error("two parameters of the same name", form);
  l->body = expand_body(cddr(form), scope);
  struct expression *e = expression_make(LAMBDA, 0);
  e->lambda = l;
  return e;
}

/* Bind the names of (name init) ... in scope; returns their number. */
static size_t bind_names(value bindings, struct scope *scope,
                         struct variable ***variables, value form) {
  size_t count = (size_t)list_length(bindings);
  if (list_length(bindings) < 0)
    syntax_error("bad syntax: bindings are not a list", form);
  *variables = allocate(count * sizeof(struct variable *));
  for (size_t i = 0; i < count; i++, bindings = cdr(bindings)) {
    value binding = car(bindings);
    intptr_t length = list_length(binding);
    if (length < 1 || length > 2)
      syntax_error("bad syntax: a binding is not (name value)", form);
    (*variables)[i] = bind_variable(scope, car(binding), form);
  }
  return count;
}

static struct expression *expand_init_of(value binding, struct scope *scope,
                                         struct variable *variable) {
  if (cdr(binding) == NIL) return constant(UNSPECIFIED);
  return expand_item(cons((value)variable, cadr(binding)), scope);
}

static struct expression *expand_let(value form, struct scope *outer) {
  form_length(form, 3);
  value name = cadr(form);
  value rest = cddr(form);
  struct scope *name_scope = outer;
  enum expression_kind kind = LET;
  struct variable *loop = NULL;
  if (is_identifier(name)) {
    form_length(form, 4);
    kind = LOOP;
    name_scope = scope_make(outer);
    loop = bind_variable(name_scope, name, form);
  } else {
    rest = cdr(form);
  }
  struct scope *scope = scope_make(name_scope);
  struct variable **variables;
  size_t count = bind_names(car(rest), scope, &variables, form);
  struct expression *e = expression_make(kind, count + 1);
  e->variables = variables;
  e->variable = loop;
  e->source = with_location(form);
  value bindings = car(rest);
  for (size_t i = 0; i < count; i++, bindings = cdr(bindings))
    e->kids[i] = expand_init_of(car(bindings), outer, variables[i]);
  e->kids[count] = expand_body(cdr(rest), scope);
  return e;
}

static struct expression *expand_letrec(value form, struct scope *outer) {
  form_length(form, 3);
  struct scope *scope = scope_make(outer);
  struct variable **variables;
  size_t count = bind_names(cadr(form), scope, &variables, form);
  struct expression *e = expression_make(LETREC, count + 1);
  e->variables = variables;
  value bindings = cadr(form);
  for (size_t i = 0; i < count; i++, bindings = cdr(bindings))
    e->kids[i] = expand_init_of(car(bindings), scope, variables[i]);
  e->kids[count] = expand_body(cddr(form), scope);
  return as_loop(e);
}

/* Definitions inside bodies are seen by scan_form; here are the global ones. */
static struct expression *expand_define(value form, struct scope *scope) {
  if (scope) syntax_error("a definition where an expression is needed", form);
  struct scope *nowhere = scope_make(NULL);
  struct list_builder items = {NIL, NIL};
  scan_define(form, nowhere, &items);
  value item = car(items.first);
  value name = ((struct variable *)car(item))->name;
  symbol(name)->syntax = FALSE;
  struct expression *e = expression_make(DEFINE, 1);
  e->datum = name;
  e->kids[0] = expand_item(item, NULL);
  return e;
}

static struct expression *expand_define_syntax(value form,
                                               struct scope *scope) {
  if (scope) syntax_error("a definition where an expression is needed", form);
  define_syntax(form, NULL);
  return constant(UNSPECIFIED);
}

/* let-syntax and letrec-syntax. */
static struct expression *expand_let_syntax(value form, struct scope *outer) {
  form_length(form, 3);
  struct scope *scope = scope_make(outer);
  for (value b = cadr(form); is_pair(b); b = cdr(b)) {
    if (list_length(car(b)) != 2 || !is_identifier(car(car(b))))
      syntax_error("bad syntax", form);
    value macro = macro_make(cadr(car(b)), scope);
    scope_bind(scope, car(car(b)), macro);
  }
  return expand_body(cddr(form), scope);
}

PRIMITIVE(strip_primitive, "%strip", "a") { return strip(a[0]); }

PRIMITIVE(syntax_error_primitive, "%syntax-error", "al") {
  bool is_text = is_string(a[0]);
  syntax_error(is_text ? utf8_from_string(a[0], NULL) : "syntax-error", a[1]);
}

void expand_init(void) {
  static const struct {
    const char *name;
    struct expression *(*expand)(value, struct scope *);
  } forms[] = {
      {"quote", expand_quote},
      {"if", expand_if},
      {"or", expand_or},
      {"begin", expand_begin},
      {"set!", expand_set},
      {"lambda", expand_lambda},
      {"let", expand_let},
      {"letrec", expand_letrec},
      {"letrec*", expand_letrec},
      {"define", expand_define},
      {"define-syntax", expand_define_syntax},
      {"let-syntax", expand_let_syntax},
      {"letrec-syntax", expand_let_syntax},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    struct syntax *s = make_object(TYPE_SYNTAX, sizeof *s);
    s->name = forms[i].name;
    s->special = forms[i].expand;
    symbol(sym(s->name))->syntax = (value)s;
    symbol(sym(s->name))->builtin = (value)s;
  }
}
