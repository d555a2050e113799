/* SPDX-License-Identifier: MIT */
/*
 * hash.c: equality, order and hash tables (SRFI 69, of which prelude.scm has
 * what can be said in Scheme).  The collector does not move blocks, so an
 * address is as good a hash as any.
 */
#include "lisp.h"

/* ----------------------------------------------------------------- equality */

static value flonum_bits(value v) { return flonum_fold(flonum_value(v)); }

bool is_eqv(value a, value b) {
  if (a == b) return true;
  if (has_type(a, TYPE_BIGNUM))
    return has_type(b, TYPE_BIGNUM) && big_compare(a, b) == 0;
  return is_flonum(a) && is_flonum(b) && flonum_bits(a) == flonum_bits(b);
}

/*
 * One call of equal?.  Most data are small; what is not compared after so many
 * steps may be a circle, and from then on pairs of objects that are being
 * compared already are taken as equal, in a table: a -> list of b.
 */
struct comparison {
  int budget;
  value known;
};

static bool is_known(struct comparison *c, value a, value b) {
  machine_poll();
  if (--c->budget > 0) return false;
  if (c->known == FALSE) c->known = hash_make(FALSE);
  value with = hash_get(c->known, a, NIL);
  for (value l = with; l != NIL; l = cdr(l))
    if (car(l) == b) return true;
  hash_put(c->known, a, cons(b, with));
  return false;
}

/* Of what has no items. */
static bool are_same_atoms(value a, value b) {
  if (is_eqv(a, b)) return true;
  return type_fits(a, SEQUENCES) && has_type(b, type_of(a)) &&
         vector(a)->length == vector(b)->length &&
         memcmp(vector(a)->items, vector(b)->items, sequence_bytes(a)) == 0;
}

static bool compare(struct comparison *c, value a, value b) {
  while (a != b) {
    struct items x = items_of(a), y = items_of(b);
    if (x.count == 0 || y.count == 0) return are_same_atoms(a, b);
    if (x.count != y.count || is_pair(a) != is_pair(b)) return false;
    if (is_known(c, a, b)) return true;
    size_t last = x.count - 1;
    for (size_t i = 0; i < last; i++)
      if (x.at[i] != y.at[i] && !compare(c, x.at[i], y.at[i])) return false;
    a = x.at[last];
    b = y.at[last];
  }
  return true;
}

bool is_equal(value a, value b) {
  if (items_of(a).count == 0) return are_same_atoms(a, b);
  struct comparison c = {100000, FALSE};
  return compare(&c, a, b);
}

/* -------------------------------------------------------------------- order */

static int compare_strings(const struct string *s, const struct string *t) {
  for (size_t i = 0; i < s->length && i < t->length; i++)
    if (s->chars[i] != t->chars[i]) return s->chars[i] < t->chars[i] ? -1 : 1;
  return (s->length > t->length) - (s->length < t->length);
}

/* Of two numbers, characters or strings. */
static int order_of(value a, value b) {
  if (is_string(a)) return compare_strings(string(a), string(b));
  return is_character(a) ? (a > b) - (a < b) : number_compare(a, b);
}

PRIMITIVE(are_ordered, "< nn*", "= nn*", "<= nn*", "> nn*", ">= nn*",
          "char<? cc*", "char=? cc*", "char<=? cc*", "char>? cc*",
          "char>=? cc*", "string<? ss*", "string=? ss*", "string<=? ss*",
          "string>? ss*", "string>=? ss*") {
  static const unsigned accepted[] = {1, 2, 3, 4, 6}; /* less, equal, greater */
  for (size_t i = 0; i + 1 < n; i++)
    if (!(accepted[self->variant % 5] >> (order_of(a[i], a[i + 1]) + 1) & 1))
      return FALSE;
  return TRUE;
}

/* ------------------------------------------------------------------ hashing */

static size_t mix(size_t hash, size_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

static size_t hash_eqv(value v) {
  if (has_type(v, TYPE_BIGNUM)) return mix(1, big_hash(v));
  return mix(0, is_flonum(v) ? flonum_bits(v) : v);
}

/* A few items of a large datum tell enough. */
static size_t hash_equal(value v, int *budget) {
  size_t hash = 3;
  struct items items = items_of(v);
  for (size_t i = 0; i < items.count && --*budget > 0; i++)
    hash = mix(hash, hash_equal(items.at[i], budget));
  if (items.count > 0) return hash;
  if (!type_fits(v, SEQUENCES)) return mix(hash, hash_eqv(v));
  bool is_wide = is_string(v);
  for (size_t i = 0; i < vector(v)->length; i++)
    hash = mix(hash, is_wide ? string(v)->chars[i] : bytevector(v)->bytes[i]);
  return hash;
}

/* ------------------------------------------------------------------- tables */

struct entry {
  value key;
  value datum;
  struct entry *next;
  size_t hash;
};

/* size is a power of two, and count is not above it. */
struct table {
  struct object head;
  value equal; /* FALSE: eqv?, TRUE: equal?, or a procedure */
  value hash;  /* a procedure, or FALSE */
  size_t count;
  size_t size;
  struct entry **buckets;
};

VIEW(table)

value hash_make(value equal) {
  struct table *t = make_object(TYPE_HASH_TABLE, sizeof *t);
  t->equal = equal;
  t->hash = FALSE;
  t->size = 8;
  t->buckets = allocate(t->size * sizeof *t->buckets);
  return (value)t;
}

static size_t hash_of(const struct table *t, value key) {
  if (t->equal == FALSE) return hash_eqv(key);
  if (t->hash != FALSE) {
    bool bounded = has_type(t->hash, TYPE_CLOSURE) &&
                   closure(t->hash)->code->required == 2;
    return hash_eqv(bounded ? apply2(t->hash, key, fixnum(1 << 28))
                            : apply1(t->hash, key));
  }
  int budget = 64;
  return t->equal == TRUE ? hash_equal(key, &budget) : 0;
}

static bool is_key(const struct table *t, value a, value b) {
  if (t->equal == FALSE) return is_eqv(a, b);
  return t->equal == TRUE ? is_equal(a, b) : apply2(t->equal, a, b) != FALSE;
}

/* The link to the entry of that key, or to where it would be added. */
static struct entry **find(struct table *t, value key, size_t hash) {
  struct entry **link = &t->buckets[hash & (t->size - 1)];
  while (*link && !((*link)->hash == hash && is_key(t, key, (*link)->key)))
    link = &(*link)->next;
  return link;
}

static void grow(struct table *t) {
  size_t size = 2 * t->size;
  struct entry **buckets = allocate(size * sizeof *buckets);
  for (size_t i = 0; i < t->size; i++)
    for (struct entry *e = t->buckets[i], *next; e; e = next) {
      next = e->next;
      e->next = buckets[e->hash & (size - 1)];
      buckets[e->hash & (size - 1)] = e;
    }
  t->buckets = buckets;
  t->size = size;
}

value hash_get(value v, value key, value missing) {
  struct table *t = table(v);
  struct entry *e = *find(t, key, hash_of(t, key));
  return e ? e->datum : missing;
}

void hash_put(value v, value key, value datum) {
  struct table *t = table(v);
  size_t hash = hash_of(t, key);
  struct entry **link = find(t, key, hash), *e = *link;
  if (!e) {
    *link = e = allocate(sizeof *e);
    *e = (struct entry){key, datum, NULL, hash};
    if (++t->count > t->size) grow(t);
  }
  e->datum = datum;
}

value hash_to_alist(value v) {
  struct table *t = table(v);
  value list = NIL;
  for (size_t i = 0; i < t->size; i++)
    for (struct entry *e = t->buckets[i]; e; e = e->next)
      list = cons(cons(e->key, e->datum), list);
  return list;
}

/* --------------------------------------------------------------- primitives */

/* (%hash-table equal hash): booleans or procedures, as in struct table. */
PRIMITIVE(make_hash_table, "%hash-table aa") {
  value t = hash_make(a[0]);
  table(t)->hash = a[1];
  return t;
}

PRIMITIVE(hash_ref, "hash-table-ref/default haa") {
  return hash_get(a[0], a[1], a[2]);
}

COMMAND(hash_set, "hash-table-set! haa") { hash_put(a[0], a[1], a[2]); }

COMMAND(hash_delete, "hash-table-delete! ha") {
  struct table *t = table(a[0]);
  struct entry **link = find(t, a[1], hash_of(t, a[1]));
  if (*link) {
    *link = (*link)->next;
    t->count--;
  }
}

PRIMITIVE(hash_size, "hash-table-size h") {
  return fixnum_from_size(table(a[0])->count);
}

PRIMITIVE(to_alist, "hash-table->alist h") { return hash_to_alist(a[0]); }

PRIMITIVE(hash_part, "%hash-table-equal h", "%hash-table-hash h") {
  return self->variant ? table(a[0])->hash : table(a[0])->equal;
}

PRIMITIVE(hash, "hash a|k", "string-hash s|k", "hash-by-identity a|k") {
  int budget = 64;
  bool by_identity = self->variant == 2;
  size_t h = by_identity ? hash_eqv(a[0]) : hash_equal(a[0], &budget);
  if (n < 2) return fixnum((intptr_t)(h >> 4));
  if ((intptr_t)a[1] <= (intptr_t)fixnum(0)) fail1("hash: not a bound", a[1]);
  return fixnum_from_size(h % (size_t)fixnum_value(a[1]));
}
