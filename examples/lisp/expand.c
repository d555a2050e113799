/* SPDX-License-Identifier: MIT */
/*
 * expand.c: from data to nodes: the scopes, the nine special forms, and bodies
 * with internal definitions.  Forms that can be said in terms of others are
 * macros in prelude.scm; syntax-rules is in macro.c.  What comes out has no
 * macros left, and every name is a struct variable or a global symbol.
 *
 * A form that C code builds has a keyword itself, not its name, at its head;
 * what the program binds cannot come between.
 */
#include "node.h"

static value current_form = FALSE; /* the innermost one with a location */

static value strip(value datum);

_Noreturn void syntax_error(const char *message, value form) {
  if (location(form) == FALSE && current_form != FALSE) form = current_form;
  vm.where = form;
  fail_kind("syntax-error", message, cons(strip(form), NIL));
}

struct node *node_make(enum kind kind, value datum, size_t kids) {
  struct node *n = allocate(sizeof *n + kids * sizeof n->kids[0]);
  n->kind = (uint8_t)kind;
  n->datum = datum;
  n->source = current_form;
  n->count = (uint32_t)kids;
  return n;
}

static struct node *constant(value datum) {
  return node_make(CONSTANT, datum, 0);
}

/* ------------------------------------------------------------- identifiers */

bool is_identifier(value v) { return is_symbol(v) || has_type(v, TYPE_ALIAS); }

value symbol_of(value identifier) {
  while (has_type(identifier, TYPE_ALIAS)) identifier = cell(identifier)->first;
  return identifier;
}

/* The copying of a datum, which may be circular: a table of what was copied. */
struct stripping {
  value copies;
  bool has_alias;
};

static value strip_copy(struct stripping *s, value datum) {
  machine_poll();
  s->has_alias |= has_type(datum, TYPE_ALIAS);
  struct items from = items_of(datum);
  if (from.count == 0) return symbol_of(datum);
  value copy = hash_get(s->copies, datum, 0);
  if (copy) return copy;
  copy =
      is_pair(datum) ? cons(NIL, NIL) : make_sequence(TYPE_VECTOR, from.count);
  hash_put(s->copies, datum, copy);
  value *to = items_of(copy).at;
  for (size_t i = 0; i < from.count; i++) to[i] = strip_copy(s, from.at[i]);
  return copy;
}

/* The datum with symbols for the aliases that macros inserted. */
static value strip(value datum) {
  if (items_of(datum).count == 0) return symbol_of(datum);
  struct stripping s = {hash_make(FALSE), false};
  value copy = strip_copy(&s, datum);
  return s.has_alias ? copy : datum;
}

PRIMITIVE(strip_primitive, "%strip a") { return strip(a[0]); }

PRIMITIVE(syntax_error_primitive, "%syntax-error al") {
  bool is_text = is_string(a[0]);
  syntax_error(is_text ? utf8_from_string(a[0], NULL) : "syntax-error", a[1]);
}

/* ------------------------------------------------------------------ scopes */

/* Where the macros of the prelude were defined: names keep their meaning. */
struct scope builtins = {NULL, NIL};

static value scope_find(struct scope *scope, value identifier) {
  for (; scope; scope = scope->outer)
    for (value b = scope->bindings; b != NIL; b = cdr(b))
      if (car(car(b)) == identifier) return cdr(car(b));
  return FALSE;
}

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
  return s->syntax ? s->syntax : identifier;
}

static void scope_bind(struct scope *scope, value identifier, value meaning) {
  scope->bindings = cons(cons(identifier, meaning), scope->bindings);
}

static struct scope *scope_make(struct scope *outer) {
  struct scope *scope = allocate(sizeof *scope);
  *scope = (struct scope){outer, NIL};
  return scope;
}

/* twice: what to say where the scope has such a variable already. */
static struct variable *bind_variable(struct scope *scope, value identifier,
                                      value form, const char *twice) {
  if (!is_identifier(identifier))
    syntax_error("a variable must be a symbol", form);
  for (value b = scope->bindings; b != NIL; b = cdr(b))
    if (car(car(b)) == identifier && has_type(cdr(car(b)), TYPE_VARIABLE))
      syntax_error(twice, form);
  struct variable *v = make_object(TYPE_VARIABLE, sizeof *v);
  v->name = symbol_of(identifier);
  v->ready = true;
  scope_bind(scope, identifier, (value)v);
  return v;
}

static value keyword(const char *name) { return symbol(sym(name))->builtin; }

/* The length of a form that must be a list of at least this many items. */
static size_t form_length(value form, intptr_t least) {
  intptr_t length = list_length(form);
  if (length < least) syntax_error("bad syntax", form);
  return (size_t)length;
}

/* --------------------------------------------------------------- the heart */

static struct node *expand_identifier(value id, struct scope *scope) {
  value found = lookup(scope, id);
  if (has_type(found, TYPE_VARIABLE)) {
    struct variable *v = variable(found);
    v->references++;
    v->boxed |= !v->ready;
    return node_make(LOCAL, found, 0);
  }
  if (has_type(found, TYPE_SYNTAX))
    syntax_error("keyword used as a variable", cons(id, NIL));
  if (!is_symbol(found)) return constant(found);
  if (vm.building && symbol(found)->global != UNBOUND)
    return constant(symbol(found)->global);
  return node_make(GLOBAL, found, 0);
}

/* The form itself, or a copy which says where the code around it stood. */
static value with_location(value form) {
  if (location(form) != FALSE || current_form == FALSE) return form;
  struct located_pair *block = allocate(sizeof *block);
  *block = *(struct located_pair *)pair(current_form);
  block->pair = *pair(form);
  return (value)block + TAG_PAIR;
}

static void name_lambda(struct node *n, value name) {
  if (n->kind == LAMBDA) ((struct lambda *)n->datum)->name = name;
}

static struct node *expand_call(value form, struct scope *scope) {
  size_t count = form_length(form, 1);
  struct node *n = node_make(CALL, 0, count);
  n->source = with_location(form);
  for (size_t i = 0; i < count; i++, form = cdr(form))
    n->kids[i] = expand(car(form), scope);
  if (n->kids[0]->kind != LAMBDA) return n;
  struct lambda *let = (struct lambda *)n->kids[0]->datum;
  if (count == 1 && let->count == 0) return let->body;
  for (size_t i = 1; i < count && i <= let->count; i++)
    name_lambda(n->kids[i], let->parameters[i - 1]->name);
  return n;
}

/* The keyword at the head of a form, or NULL. */
static struct syntax *head_syntax(value form, struct scope *scope) {
  if (!is_pair(form)) return NULL;
  value head = car(form);
  if (is_identifier(head)) head = lookup(scope, head);
  return has_type(head, TYPE_SYNTAX) ? syntax(head) : NULL;
}

/* Expand macros at the head; the special form that is left there, or NULL. */
static struct syntax *expand_head(value *form, struct scope *scope) {
  for (;;) {
    struct syntax *head = head_syntax(*form, scope);
    if (location(*form) != FALSE) current_form = *form;
    if (!head || head->special) return head;
    machine_poll();
    *form = head->expander == FALSE
                ? macro_expand(head, *form, scope)
                : cons(keyword("begin"), apply1(head->expander, *form));
  }
}

static struct node *expand_pair(value form, struct scope *scope) {
  value outer_form = current_form;
  struct syntax *head = expand_head(&form, scope);
  struct node *n = head            ? head->special(form, scope)
                   : is_pair(form) ? expand_call(form, scope)
                                   : expand(form, scope);
  current_form = outer_form;
  return n;
}

struct node *expand(value form, struct scope *scope) {
  machine_poll();
  if (is_identifier(form)) return expand_identifier(form, scope);
  if (is_pair(form)) return expand_pair(form, scope);
  if (form == NIL) syntax_error("the empty list is not an expression", form);
  return constant(strip(form));
}

/* A node whose kids are the items of a list, expanded. */
static struct node *expand_items(enum kind kind, value items,
                                 struct scope *scope) {
  size_t count = form_length(items, 0);
  if (count == 0) return constant(kind == OR ? FALSE : UNSPECIFIED);
  if (count == 1) return expand(car(items), scope);
  struct node *n = node_make(kind, 0, count);
  for (size_t i = 0; i < count; i++, items = cdr(items))
    n->kids[i] = expand(car(items), scope);
  return n;
}

/* ----------------------------------------------------------- special forms */

static struct node *expand_quote(value form, struct scope *scope UNUSED) {
  if (list_length(form) != 2) syntax_error("bad syntax", form);
  return constant(strip(cadr(form)));
}

static struct node *expand_if(value form, struct scope *scope) {
  size_t count = form_length(form, 3);
  if (count > 4) syntax_error("bad syntax", form);
  struct node *n = node_make(IF, 0, 5);
  n->count = 3;
  n->kids[0] = expand(cadr(form), scope);
  n->kids[1] = expand(caddr(form), scope);
  n->kids[2] =
      count == 4 ? expand(car(cdr(cddr(form))), scope) : constant(UNSPECIFIED);
  return n;
}

static struct node *expand_or(value form, struct scope *scope) {
  return expand_items(OR, cdr(form), scope);
}

static struct node *expand_begin(value form, struct scope *scope) {
  return expand_items(SEQUENCE, cdr(form), scope);
}

static struct node *expand_set(value form, struct scope *scope) {
  if (list_length(form) != 3 || !is_identifier(cadr(form)))
    syntax_error("bad syntax", form);
  value found = lookup(scope, cadr(form));
  if (has_type(found, TYPE_SYNTAX)) syntax_error("set! of a keyword", form);
  bool is_local = has_type(found, TYPE_VARIABLE);
  struct node *n =
      node_make(is_local ? SET_LOCAL : SET_GLOBAL, found, is_local ? 2 : 1);
  n->kids[is_local] = expand(caddr(form), scope);
  n->source = with_location(form);
  if (is_local) {
    struct variable *v = variable(found);
    v->assigned = true;
    v->boxed |= !v->ready;
  }
  return n;
}

static struct node *expand_body(value forms, struct scope *outer);

static struct node *expand_lambda(value form, struct scope *outer) {
  form_length(form, 3);
  static const char twice[] = "two parameters of the same name";
  struct scope *scope = scope_make(outer);
  value parameters = cadr(form);
  struct lambda *l = allocate(sizeof *l);
  size_t count = 1;
  for (value p = parameters; is_pair(p); p = cdr(p)) count++;
  l->parameters = allocate(count * sizeof(struct variable *));
  for (; is_pair(parameters); parameters = cdr(parameters))
    l->parameters[l->count++] =
        bind_variable(scope, car(parameters), form, twice);
  l->rest = parameters != NIL;
  if (l->rest)
    l->parameters[l->count++] = bind_variable(scope, parameters, form, twice);
  l->name = FALSE;
  l->source = current_form;
  l->body = expand_body(cddr(form), scope);
  return node_make(LAMBDA, (value)l, 0);
}

/* The call of a lambda; where it has a name, of ((letrec ((name ...)) name) */
static struct node *expand_let(value form, struct scope *scope) {
  form_length(form, 3);
  value name = is_identifier(cadr(form)) ? cadr(form) : FALSE;
  value rest = name == FALSE ? cdr(form) : cddr(form);
  struct list_builder names = EMPTY(names), inits = EMPTY(inits);
  if (list_length(car(rest)) < 0)
    syntax_error("bad syntax: bindings are not a list", form);
  for (value b = car(rest); b != NIL; b = cdr(b)) {
    intptr_t length = list_length(car(b));
    if (length < 1 || length > 2)
      syntax_error("bad syntax: a binding is not (name value)", form);
    list_add(&names, car(car(b)));
    list_add(&inits, length == 1 ? UNSPECIFIED : cadr(car(b)));
  }
  value procedure = cons(keyword("lambda"), cons(names.first, cdr(rest)));
  if (name != FALSE) {
    value define = cons(keyword("define"), list2(name, procedure));
    procedure =
        cons(cons(keyword("lambda"), cons(NIL, list2(define, name))), NIL);
  }
  return expand(cons(procedure, inits.first), scope);
}

/* ------------------------------------------------------------------ bodies */

/*
 * The items of a body: a list of (variable . form) for definitions and
 * (FALSE . form) for expressions, with macros expanded far enough to tell.
 */
static void scan_define(value form, struct scope *scope,
                        struct list_builder *items) {
  form_length(form, 2);
  value target = cadr(form);
  value init = cddr(form);
  while (is_pair(target)) { /* (define ((f a) b) ...) is curried */
    init = cons(cons(keyword("lambda"), cons(cdr(target), init)), NIL);
    target = car(target);
  }
  struct variable *v =
      bind_variable(scope, target, form, "defined twice in one body");
  v->ready = false;
  list_add(items, cons((value)v, init == NIL ? UNSPECIFIED : car(init)));
}

static void define_syntax(value form, struct scope *scope) {
  if (list_length(form) != 3 || !is_identifier(cadr(form)))
    syntax_error("bad syntax", form);
  struct scope *place = scope ? scope : vm.building ? &builtins : NULL;
  value macro = macro_make(caddr(form), place);
  struct symbol *s = symbol(symbol_of(cadr(form)));
  if (scope) {
    scope_bind(scope, cadr(form), macro);
    return;
  }
  s->syntax = macro;
  if (vm.building) s->builtin = macro;
}

/* Definitions inside bodies are seen by scan_form; here are the global ones. */
static struct node *expand_define(value form, struct scope *scope) {
  if (scope) syntax_error("a definition where an expression is needed", form);
  struct list_builder items = EMPTY(items);
  scan_define(form, scope_make(NULL), &items);
  value name = variable(car(car(items.first)))->name;
  symbol(name)->syntax = 0;
  struct node *n = node_make(DEFINE, name, 1);
  n->kids[0] = expand(cdr(car(items.first)), NULL);
  name_lambda(n->kids[0], name);
  return n;
}

static struct node *expand_define_syntax(value form, struct scope *scope) {
  if (scope) syntax_error("a definition where an expression is needed", form);
  define_syntax(form, NULL);
  return constant(UNSPECIFIED);
}

static void scan_form(value form, struct scope *scope,
                      struct list_builder *items) {
  value outer_form = current_form;
  struct syntax *head = expand_head(&form, scope);
  if (head && head->special == expand_begin)
    for (value f = cdr(form); is_pair(f); f = cdr(f))
      scan_form(car(f), scope, items);
  else if (head && head->special == expand_define)
    scan_define(form, scope, items);
  else if (head && head->special == expand_define_syntax)
    define_syntax(form, scope);
  else
    list_add(items, cons(FALSE, form));
  current_form = outer_form;
}

/*
 * Neighbouring lambdas are made together, before their closures are filled, so
 * they may name each other.  Whatever is named before it is ready gets a box.
 */
static struct node *expand_definition(value items, struct scope *scope) {
  for (value i = items; i != NIL && car(car(i)) != FALSE; i = cdr(i)) {
    struct syntax *head = head_syntax(cdr(car(i)), scope);
    if (!head || head->special != expand_lambda) break;
    variable(car(car(i)))->ready = true;
  }
  struct node *n = expand(cdr(car(items)), scope);
  if (car(car(items)) == FALSE) return n;
  struct variable *v = variable(car(car(items)));
  v->ready = true;
  name_lambda(n, v->name);
  return n;
}

static struct node *expand_body(value forms, struct scope *outer) {
  if (list_length(forms) < 1)
    syntax_error("bad syntax: a body needs an expression", forms);
  struct scope *scope = scope_make(outer);
  struct list_builder items = EMPTY(items), last = EMPTY(last);
  for (; forms != NIL; forms = cdr(forms)) scan_form(car(forms), scope, &items);
  size_t count = 0, at = 0;
  for (value i = items.first; i != NIL; i = cdr(i))
    if (at++, car(car(i)) != FALSE) count = at;
  struct variable **variables = allocate((count + 1) * sizeof *variables);
  struct node *n = node_make(LETREC, (value)variables, count + 1);
  value i = items.first;
  for (at = 0; at < count; at++, i = cdr(i)) {
    value v = car(car(i));
    variables[at] = v == FALSE ? NULL : variable(v);
    n->kids[at] = expand_definition(i, scope);
  }
  for (; i != NIL; i = cdr(i)) list_add(&last, cdr(car(i)));
  n->kids[count] = expand_items(SEQUENCE, last.first, scope);
  return count == 0 ? n->kids[0] : n;
}

static void special_form(const char *name, special_expander *expander) {
  struct syntax *s = make_object(TYPE_SYNTAX, sizeof *s);
  s->special = expander;
  symbol(sym(name))->syntax = (value)s;
  symbol(sym(name))->builtin = (value)s;
}

void expand_init(void) {
  special_form("quote", expand_quote);
  special_form("if", expand_if);
  special_form("or", expand_or);
  special_form("begin", expand_begin);
  special_form("set!", expand_set);
  special_form("lambda", expand_lambda);
  special_form("let", expand_let);
  special_form("define", expand_define);
  special_form("define-syntax", expand_define_syntax);
}
