/* SPDX-License-Identifier: MIT */
/*
 * lisp.h: the values of the Lisp, and what its files offer each other.
 *
 * Read this file first, then read.c, expand.c, compile.c and eval.c in the
 * order in which a program passes through them; README.md has the map.
 *
 * A value is one word.  Its low bits say what it is:
 *
 *     ................. 01   small integer (fixnum), 62 bits
 *     ................. 11   floating-point number, folded into the word
 *     ................ 000   address of an object that starts with a header
 *     ................ 010   address of a pair (16 bytes, no header) + 2
 *     ................ 100   address of a boxed double + 4
 *     ................ 110   character, boolean, empty list, ...
 *
 * The collector needs to be told nothing of this: an address plus a small tag
 * is an interior pointer and keeps its block alive.
 */
#ifndef LISP_H
#define LISP_H

#include <gleaner.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef uintptr_t value;

/* ------------------------------------------------- values without memory */

#define FALSE ((value)0x006)
#define TRUE ((value)0x016)
#define NIL ((value)0x026)
#define UNSPECIFIED ((value)0x036)
#define END_OF_FILE ((value)0x046)
#define UNBOUND ((value)0x056) /* a global or letrec variable without value */
#define AGAIN ((value)0x076)   /* eval.c: run the procedure in this frame */
#define TAIL ((value)0x0f6)    /* eval.c: run the call noted in vm */

enum {
  TAG_PAIR = 2,
  TAG_DOUBLE = 4,
  CHARACTER_BYTE = 0x0e, /* low byte of a character */
  LOOP_BYTE = 0x1e,      /* low byte of a loop's mark, see eval.c */
};

static inline value boolean(bool truth) { return truth ? TRUE : FALSE; }

/* Fixnums. */
#define FIXNUM_MAX (((intptr_t)1 << 61) - 1)
#define FIXNUM_MIN (-((intptr_t)1 << 61))

static inline value fixnum(intptr_t n) { return ((value)n << 2) | 1; }
static inline intptr_t fixnum_value(value v) { return (intptr_t)v >> 2; }
static inline bool is_fixnum(value v) { return (v & 3) == 1; }
static inline bool are_fixnums(value a, value b) {
  return (((a - 1) | (b - 1)) & 3) == 0;
}
static inline value fixnum_from_size(size_t n) { return fixnum((intptr_t)n); }
static inline bool fits_fixnum(intptr_t n) {
  return n >= FIXNUM_MIN && n <= FIXNUM_MAX;
}

/* Characters. */
static inline value character(uint32_t code) {
  return ((value)code << 8) | CHARACTER_BYTE;
}
static inline bool is_character(value v) {
  return (v & 0xff) == CHARACTER_BYTE;
}
static inline uint32_t character_code(value v) { return (uint32_t)(v >> 8); }

/* ------------------------------------------------------------------ pairs */

struct pair {
  value car;
  value cdr;
};

/* A pair as the reader makes it: where it stood in the source. */
struct located_pair {
  struct pair pair;
  value file; /* string, or 0 in a pair that is not located */
  uintptr_t line;
};

static inline bool is_pair(value v) { return (v & 7) == TAG_PAIR; }
static inline struct pair *pair(value v) {
  return (struct pair *)(v - TAG_PAIR);
}
static inline value car(value v) { return pair(v)->car; }
static inline value cdr(value v) { return pair(v)->cdr; }
static inline value cadr(value v) { return car(cdr(v)); }
static inline value cddr(value v) { return cdr(cdr(v)); }
static inline value caddr(value v) { return car(cddr(v)); }

/* ---------------------------------------------------------------- numbers */

/*
 * Doubles whose exponent lies between -255 and 256, most of those a program
 * meets, need no memory: after adding 1 to the three top bits of the exponent
 * these are s10x, and turning the word by three brings "s10" to the low end,
 * where 10 becomes the tag 11.  The others are boxed.
 */
static inline value flonum_fold(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  bits += (uint64_t)1 << 60;
  return ((bits << 3) | (bits >> 61)) ^ 1;
}
static inline double flonum_unfold(value v) {
  uint64_t bits = v ^ 1;
  bits = ((bits >> 3) | (bits << 61)) - ((uint64_t)1 << 60);
  double number;
  memcpy(&number, &bits, sizeof number);
  return number;
}
value flonum_box(double number);

static inline value flonum(double number) {
  value v = flonum_fold(number);
  return LIKELY((v & 3) == 3) ? v : flonum_box(number);
}
static inline bool is_flonum(value v) {
  return (v & 3) == 3 || (v & 7) == TAG_DOUBLE;
}
static inline double flonum_value(value v) {
  return LIKELY((v & 3) == 3) ? flonum_unfold(v)
                              : *(const double *)(v - TAG_DOUBLE);
}

/* ---------------------------------------------------- objects with header */

enum type {
  /* Types without header, so that every value has one. */
  TYPE_FIXNUM,
  TYPE_FLONUM,
  TYPE_PAIR,
  TYPE_NIL,
  TYPE_BOOLEAN,
  TYPE_CHARACTER,
  TYPE_SPECIAL, /* unspecified, end of file */
  /* Types with header. */
  TYPE_BIGNUM,
  TYPE_SYMBOL,
  TYPE_STRING,
  TYPE_VECTOR,
  TYPE_BYTEVECTOR,
  TYPE_CLOSURE,
  TYPE_PRIMITIVE,
  TYPE_RECORD_TYPE, /* cell: name, list of fields */
  TYPE_RECORD,      /* laid out as a vector: its type, the fields */
  TYPE_VALUES,      /* as a vector */
  TYPE_PORT,
  TYPE_CONDITION,
  TYPE_HASH_TABLE,
  TYPE_ENVIRONMENT, /* cell */
  TYPE_ALIAS,       /* an identifier that a macro inserted, see macro.c */
  TYPE_SYNTAX,
  TYPE_VARIABLE, /* a local variable while code is expanded */
  TYPE_GUARD,    /* on the list of handlers only, see control.c */
};

struct object {
  uint32_t type;
  uint32_t flags;
};

enum { FLAG_LITERAL = 1 }; /* a constant of the program: not to be mutated */

struct symbol {
  struct object head;
  value name;    /* string */
  value global;  /* value of the global variable, or UNBOUND */
  value syntax;  /* macro or special form of this name, or 0 */
  value builtin; /* primitive or special form it named at the start, or 0 */
  bool inlined;  /* compile.c has relied on the primitive it names */
};
/* Strings, vectors and bytevectors have their length and items in one place. */
struct string {
  struct object head;
  size_t length;
  uint32_t chars[];
};
struct vector {
  struct object head;
  size_t length;
  value items[];
};
struct bytevector {
  struct object head;
  size_t length;
  uint8_t bytes[];
};
struct closure {
  struct object head; /* the flags are the code's arity */
  const struct code *code;
  value captured[]; /* values of free variables, or addresses of boxes */
};
struct condition {
  struct object head;
  value kind;      /* symbol: error, file-error, read-error, ... */
  value message;   /* string */
  value irritants; /* list */
  value where;     /* expression, or FALSE */
};
struct cell { /* two values under a type */
  struct object head;
  value first;
  value second;
};

static inline bool is_object(value v) { return (v & 7) == 0; }
static inline bool has_type(value v, enum type type) {
  return is_object(v) && ((const struct object *)v)->type == type;
}
/* A value of that type as what it points to: vector(v)->length. */
#define VIEW(type)                                                             \
  static inline struct type *type(value v) { return (struct type *)v; }
VIEW(symbol)
VIEW(string)
VIEW(vector)
VIEW(bytevector)
VIEW(closure)
VIEW(condition)
VIEW(cell)
/*
 * What a datum is made of: the two parts of a pair, the items of a vector, or
 * nothing.  Who follows them must expect circles.
 */
struct items {
  value *at;
  size_t count;
};
static inline struct items items_of(value v) {
  if (is_pair(v)) return (struct items){&pair(v)->car, 2};
  if (!has_type(v, TYPE_VECTOR)) return (struct items){NULL, 0};
  return (struct items){vector(v)->items, vector(v)->length};
}
static inline bool is_symbol(value v) { return has_type(v, TYPE_SYMBOL); }
static inline bool is_string(value v) { return has_type(v, TYPE_STRING); }
static inline enum type type_of(value v) {
  if (is_fixnum(v)) return TYPE_FIXNUM;
  if (is_pair(v)) return TYPE_PAIR;
  if (is_object(v)) return ((const struct object *)v)->type;
  if (is_flonum(v)) return TYPE_FLONUM;
  if (is_character(v)) return TYPE_CHARACTER;
  if (v == TRUE || v == FALSE) return TYPE_BOOLEAN;
  return v == NIL ? TYPE_NIL : TYPE_SPECIAL;
}

/* --------------------------------------------------------------- memory.c */

/* Never NULL: without memory they raise an error of the Lisp. */
void *allocate(size_t size);
void *allocate_atomic(size_t size);
void *make_object(enum type type, size_t size);
_Noreturn void fail_memory(void);
extern struct gc_pool pairs; /* what a program makes most, taken inline */
static inline value cons(value head, value tail) {
  struct pair *block = gc_pool_take(&pairs);
  if (UNLIKELY(!block)) fail_memory();
  *block = (struct pair){head, tail};
  return (value)block + TAG_PAIR;
}
value list2(value a, value b);
value make_cell(enum type type, value first, value second);
/* A string, vector, ...; what is in it is random, or zero. */
value make_sequence(enum type type, size_t length);
size_t item_bytes(enum type type); /* of one of its items */
value make_string_utf8(const char *text, size_t bytes);
value text(const char *text);
value intern(value name);
value sym(const char *name);
value symbols_list(void); /* list of (name . symbol) */

/* A block for a string in UTF-8, with a terminating zero. */
char *utf8_from_string(value s, size_t *bytes);
size_t utf8_encode(uint32_t code, char *out);
size_t utf8_decode(const uint8_t *bytes, size_t length, uint32_t *code);

/* A list being built at its end: struct list_builder out = EMPTY(out) */
struct list_builder {
  value first;
  value *end; /* where what follows goes */
};
#define EMPTY(list) {NIL, &(list).first}
static inline void list_add(struct list_builder *list, value item) {
  *list->end = cons(item, NIL);
  list->end = &pair(*list->end)->cdr;
}
/* The finished list, with what follows its items. */
static inline value list_end(struct list_builder *list, value tail) {
  *list->end = tail;
  return list->first;
}

/* ------------------------------------------------------------- primitives */

/*
 * A procedure in C is defined in one place, with its name in the Lisp and its
 * signature: a letter for the type of each argument (see primitive.c), "|"
 * before those that may be left out, "*" at the end if there may be any number
 * of the last.  It is called with arguments that fit: a[0] ... a[n - 1].
 *
 *     PRIMITIVE(length, "vector-length v", "string-length s") { return ...; }
 *
 * self->variant is the place in the list of the name it was called by.  The
 * linker gathers all primitives in a table.
 */
struct primitive;
typedef value primitive_function(const value *a, size_t n,
                                 const struct primitive *self);
struct primitive {
  struct object head;
  const char *name;
  primitive_function *call;
  size_t variant;
  value data;          /* of one made at run time: what it works on */
  uint32_t min, max;   /* number of arguments */
  uint32_t accepts[6]; /* sets of types of arguments; the last: the rest */
};
VIEW(primitive)

struct family {
  primitive_function *call;
  const char *const *names;
};
#define UNUSED __attribute__((unused))
#define ARGUMENTS                                                              \
  const value *a UNUSED, size_t n UNUSED, const struct primitive *self UNUSED
#define FUNCTION(id) static value id(ARGUMENTS)
#define PRIMITIVE(id, ...)                                                     \
  static primitive_function id;                                                \
  static const struct family family_##id                                       \
      __attribute__((used, section("primitives"), aligned(8))) = {             \
          id, (const char *const[]){__VA_ARGS__, NULL}};                       \
  FUNCTION(id)
/* The same for what is called for its effect: the value is unspecified. */
#define COMMAND(id, ...)                                                       \
  static void do_##id(ARGUMENTS);                                              \
  PRIMITIVE(id, __VA_ARGS__) {                                                 \
    do_##id(a, n, self);                                                       \
    return UNSPECIFIED;                                                        \
  }                                                                            \
  static void do_##id(ARGUMENTS)

void primitives_init(void);
struct primitive *primitive_make(const char *name, const char *signature,
                                 primitive_function *call, value data);
value primitive_call(const struct primitive *p, size_t n, const value *a);
_Noreturn void arity_error(value procedure, size_t argc);
/* The error "NAME: message", of that primitive. */
_Noreturn void fail_in(const struct primitive *self, const char *message,
                       value irritants);

/* Sets of types, such as an argument must belong to. */
#define SET(type) (1u << (type))
#define SEQUENCES (SET(TYPE_STRING) | SET(TYPE_VECTOR) | SET(TYPE_BYTEVECTOR))
#define PROCEDURES (SET(TYPE_CLOSURE) | SET(TYPE_PRIMITIVE))
#define INTEGERS (SET(TYPE_FIXNUM) | SET(TYPE_BIGNUM))
#define NUMBERS (INTEGERS | SET(TYPE_FLONUM))
static inline bool type_fits(value v, uint32_t set) {
  return set == UINT32_MAX || set >> type_of(v) & 1;
}

/* --------------------------------------------------- expand.c, compile.c */

/* The code of a lambda expression, compiled. */
struct code {
  const struct node *body;
  uint32_t arity;       /* of arguments, UINT32_MAX where it varies */
  uint32_t frame_bytes; /* of slots: itself, arguments, local variables */
  uint32_t required;
  bool rest;
  value name;      /* symbol or FALSE */
  value otherwise; /* closure for other numbers of arguments, or 0 */
};

void expand_init(void);
/* A thunk which evaluates the form in the global environment. */
value compile_toplevel(value form);

/* ----------------------------------------------------------------- eval.c */

/* The dynamic environment; continuations and guards save and restore it. */
struct dynamic {
  value winds;    /* list of (before . after), innermost first */
  value handlers; /* list of procedures and guards, innermost first */
  value bindings; /* list of (parameter . value), innermost first */
};

/* The state of the machine; a global, so the collector sees what it holds. */
struct machine {
  uintptr_t stack_limit;  /* frames below it: overflow, or an interrupt */
  uintptr_t steps;        /* that are left, or 0: no limit */
  uintptr_t steps_wanted; /* by --steps, once the program is open */
  bool building;          /* the prelude is being loaded */
  bool redefined;         /* an inlined primitive has been redefined */
  volatile bool interrupted;
  value where; /* expression being evaluated, for errors */

  /* The call that a TAIL asks for. */
  value frame[17]; /* the procedure, then the arguments if they fit */
  size_t argc;
  const value *argv;

  struct dynamic dynamic;
};
extern struct machine vm;

value apply(value procedure, size_t argc, const value *argv);
value apply0(value procedure);
value apply1(value procedure, value a);
value apply2(value procedure, value a, value b);
/* Ask for a call in tail position of a primitive: return tail_call(...). */
value tail_call(value procedure, size_t argc, const value *argv);
value eval_toplevel(value form);
void machine_poll_slow(void);

/* Called where C recurses or loops on what the program made. */
static inline void machine_poll(void) {
  if (UNLIKELY((uintptr_t)__builtin_frame_address(0) < vm.stack_limit))
    machine_poll_slow();
}

/* -------------------------------------------------------------- control.c */

_Noreturn void fail(const char *message, value irritants);
_Noreturn void fail1(const char *message, value irritant);
_Noreturn void fail_kind(const char *kind, const char *message,
                         value irritants);
_Noreturn void raise_overflow(bool to_guard);
/* The value of body, or 0 after printing what it raised. */
value call_reporting(value (*body)(void *data), void *data);
void condition_print(value object, value port);
value location(value form);
value parameter_make(const char *name, value v, value converter);
value parameter_get(value parameter);
/* With the exit status that the value stands for; at_once: only that. */
_Noreturn void exit_with(value code, bool at_once);

/* ---------------------------------------------------------------- stack.c */

/* base: an address in the frame of main, whose argv it is. */
void stack_start(void *base, char **argv);
/* handling: an overflow is, for which there is a reserve.  Was it before? */
bool stack_limit_set(bool handling);
bool stack_is_full(void);
extern char *stack_base;

/* ---------------------------------------------------------------- numbers */

double number_to_double(value v);
int number_compare(value a, value b); /* -1, 0, 1; 2: NaN has no order */
value number_exact(value v);          /* FALSE: none is equal to it */
value number_divide(value a, value b);
value number_parse(const char *text, unsigned radix); /* FALSE: no number */
value number_format(value v, unsigned radix);

/* bignum_gmp.c or bignum_none.c: operands are fixnums or bignums. */
void bignum_init(void);
enum big_operation { BIG_ADD, BIG_SUB, BIG_MUL, BIG_QUO, BIG_REM, BIG_ROOT };
value big_arithmetic(enum big_operation operation, value a, value b);
int big_compare(value a, value b);
double big_to_double(value a);
value big_from_double(double number);
value big_parse(const char *text, unsigned radix);
value big_format(value a, unsigned radix);
size_t big_hash(value a);

/* ------------------------------------------------------------ read, print */

value read_datum(value port);              /* END_OF_FILE at the end */
const char *character_name(uint32_t code); /* or NULL */
extern const char escape_letters[], escaped_characters[];
enum print_style { DISPLAY, WRITE, WRITE_SHARED, WRITE_SIMPLE };
void print(value v, value port, enum print_style style);
value print_to_string(value v, enum print_style style);

/* ------------------------------------------------------------------ ports */

enum {
  PORT_INPUT = 1,
  PORT_OUTPUT = 2,
  PORT_BINARY = 4,
  PORT_FOLD_CASE = 8, /* #!fold-case was read */
  PORT_LINES = 16,    /* flushed at the end of a line */
};
struct port {
  struct object head;
  unsigned direction; /* PORT_* */
  bool open;
  int fd;        /* or -1: a string or bytevector port */
  uint8_t *data; /* buffer */
  size_t start;  /* input: next byte; output: unused */
  size_t end;    /* bytes in data */
  size_t size;   /* of data */
  uintptr_t line;
  value name;               /* string or FALSE */
  bool (*more)(value port); /* adds what is to be read next, or NULL */
};
VIEW(port)
#define NO_CHARACTER UINT32_MAX
value port_open(const char *path, unsigned direction);
value port_open_string(const void *bytes, size_t length, unsigned direction);
value port_make(int fd, unsigned direction, value name);
value port_take_string(value p);
uint32_t port_read(value p);
uint32_t port_peek(value p);
void port_write(value p, uint32_t code);
void port_write_text(value p, const char *text);
void port_flush(value p);
void port_close(value p);
value current_port(int fd); /* in place of a file: 0, 1 or 2 */
static inline value current_input(void) { return current_port(0); }
static inline value current_output(void) { return current_port(1); }
static inline value current_error(void) { return current_port(2); }
void ports_init(void);
/* The port at a[at], or the current one; it must be such a port, and open. */
value port_argument(const value *a, size_t n, size_t at, unsigned direction);

/* --------------------------------------------------------------- system.c */

value load_file(value path);
void prelude_load(void);
int64_t clock_ns(void);
void command_line_set(int argc, char **argv);

/* ---------------------------------------------------- lists and sequences */

intptr_t list_length(value list); /* -1: not a proper list */
value list_of(const value *items, size_t count, value tail);
/* The length of what must be a list, for the primitive that was given it. */
size_t list_argument(const struct primitive *self, value list);

/* The items from start to end, which is excluded. */
struct range {
  size_t start;
  size_t end;
};
/* The part that a[at] and a[at + 1] select, where they are given. */
struct range range_of(const value *a, size_t n, size_t at, size_t length);
size_t size_argument(value v);
size_t sequence_bytes(value v); /* of all its items */
void check_mutable(value v);
value sequence_from_list(enum type type, value list, size_t length);
value vector_to_list(value v);
value make_bytes(const void *bytes, size_t length);
value fold_case(value s);

/* ------------------------------------------------------ equality, hashing */

bool is_eqv(value a, value b);
bool is_equal(value a, value b);
value hash_make(value equal); /* FALSE: eqv?, TRUE: equal? */
value hash_get(value table, value key, value missing);
void hash_put(value table, value key, value datum);
value hash_to_alist(value table);

/* ------------------------------------------------------------------ repl */

void repl(void);
/* line_edit.c or line_plain.c: a line from the terminal, or END_OF_FILE. */
value line_read(const char *prompt);

#endif /* LISP_H */
