/* SPDX-License-Identifier: MIT */
/*
 * hash.c: equality and hash tables (SRFI 69, of which prelude.scm has what can
 * be said in Scheme).  The collector does not move blocks, so an address is as
 * good a hash as any.
 */
#include "lisp.h"

/* ----------------------------------------------------------------- equality */

bool is_eqv(value a, value b) {
  if (a == b) return true;
  if (has_type(a, TYPE_BIGNUM))
    return has_type(b, TYPE_BIGNUM) && big_compare(a, b) == 0;
  if (!is_flonum(a) || !is_flonum(b)) return false;
  double x = flonum_value(a), y = flonum_value(b);
  return memcmp(&x, &y, sizeof x) == 0;
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
  if (--c->budget > 0) return false;
  if (c->known == FALSE) c->known = hash_make(FALSE);
  value with = hash_get(c->known, a, NIL);
  for (value l = with; l != NIL; l = cdr(l))
    if (car(l) == b) return true;
  hash_put(c->known, a, cons(b, with));
  return false;
}

static bool compare(struct comparison *c, value a, value b) {
  machine_poll();
  for (; is_pair(a) && is_pair(b) && a != b; a = cdr(a), b = cdr(b))
    if (is_known(c, a, b))
      return true;
    else if (!compare(c, car(a), car(b)))
      return false;
  if (is_eqv(a, b)) return true;
  if (!is_object(a) || type_of(a) != type_of(b)) return false;
  switch (type_of(a)) {
    case TYPE_STRING:
      return string(a)->length == string(b)->length &&
             memcmp(string(a)->chars, string(b)->chars,
                    string(a)->length * sizeof(uint32_t)) == 0;
    case TYPE_BYTEVECTOR:
      return bytevector(a)->length == bytevector(b)->length &&
             memcmp(bytevector(a)->bytes, bytevector(b)->bytes,
                    bytevector(a)->length) == 0;
    case TYPE_VECTOR:
      if (vector(a)->length != vector(b)->length) return false;
      if (is_known(c, a, b)) return true;
      for (size_t i = 0; i < vector(a)->length; i++)
        if (!compare(c, vector(a)->items[i], vector(b)->items[i])) return false;
      return true;
    default: return false;
  }
}

bool is_equal(value a, value b) {
  struct comparison c = {100000, FALSE};
  return compare(&c, a, b);
}

/* ------------------------------------------------------------------ hashing */

static size_t mix(size_t hash, size_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

static size_t hash_eqv(value v) {
  if (has_type(v, TYPE_BIGNUM)) return mix(1, big_hash(v));
  if (!is_flonum(v)) return mix(0, v);
  double d = flonum_value(v);
  uint64_t bits;
  memcpy(&bits, &d, sizeof bits);
  return mix(2, bits);
}

/* A few items of a large datum tell enough. */
static size_t hash_equal(value v, int *budget) {
  size_t hash = 3;
  for (; is_pair(v) && --*budget > 0; v = cdr(v))
    hash = mix(hash, hash_equal(car(v), budget));
  if (is_pair(v)) return hash;
  switch (type_of(v)) {
    case TYPE_STRING:
      for (size_t i = 0; i < string(v)->length; i++)
        hash = mix(hash, string(v)->chars[i]);
      return hash;
    case TYPE_BYTEVECTOR:
      for (size_t i = 0; i < bytevector(v)->length; i++)
        hash = mix(hash, bytevector(v)->bytes[i]);
      return hash;
    case TYPE_VECTOR:
      for (size_t i = 0; i < vector(v)->length && --*budget > 0; i++)
        hash = mix(hash, hash_equal(vector(v)->items[i], budget));
      return hash;
    default: return mix(hash, hash_eqv(v));
  }
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

static struct table *table(value v) { return (struct table *)v; }

value hash_make(value equal) {
  struct table *t = allocate(sizeof *t);
  t->head.type = TYPE_HASH_TABLE;
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
  struct entry **link = find(t, key, hash);
  if (*link) {
    (*link)->datum = datum;
    return;
  }
  struct entry *e = allocate(sizeof *e);
  *e = (struct entry){key, datum, NULL, hash};
  *link = e;
  if (++t->count > t->size) grow(t);
}

/* --------------------------------------------------------------- primitives */

/* (%hash-table equal hash): booleans or procedures, as in struct table. */
static value make_hash_table(value equal, value hash) {
  value t = hash_make(equal);
  table(t)->hash = hash;
  return t;
}

static value is_hash_table(value v) {
  return boolean(has_type(v, TYPE_HASH_TABLE));
}

static value hash_ref_default(value t, value key, value missing) {
  return hash_get(t, key, missing);
}

static value hash_set(value t, value key, value datum) {
  hash_put(t, key, datum);
  return UNSPECIFIED;
}

static value hash_exists(value t, value key) {
  return boolean(*find(table(t), key, hash_of(table(t), key)) != NULL);
}

static value hash_delete(value v, value key) {
  struct table *t = table(v);
  struct entry **link = find(t, key, hash_of(t, key));
  if (*link) {
    *link = (*link)->next;
    t->count--;
  }
  return UNSPECIFIED;
}

static value hash_count(value t) { return fixnum_from_size(table(t)->count); }

static value hash_clear(value v) {
  struct table *t = table(v);
  memset(t->buckets, 0, t->size * sizeof *t->buckets);
  t->count = 0;
  return UNSPECIFIED;
}

static value hash_to_alist(value v) {
  struct table *t = table(v);
  value list = NIL;
  for (size_t i = 0; i < t->size; i++)
    for (struct entry *e = t->buckets[i]; e; e = e->next)
      list = cons(cons(e->key, e->datum), list);
  return list;
}

static value hash_equivalence(value t) { return table(t)->equal; }
static value hash_function(value t) { return table(t)->hash; }

static value bounded(size_t hash, size_t argc, const value *argv) {
  if (argc < 2) return fixnum((intptr_t)(hash >> 4));
  if (argv[1] <= fixnum(0) || (intptr_t)argv[1] < 0)
    fail1("hash: not a bound", argv[1]);
  return fixnum_from_size(hash % (size_t)fixnum_value(argv[1]));
}

static value hash(size_t argc, const value *argv) {
  int budget = 64;
  return bounded(hash_equal(argv[0], &budget), argc, argv);
}

static value hash_by_identity(size_t argc, const value *argv) {
  return bounded(hash_eqv(argv[0]), argc, argv);
}

const struct primitive_row hash_rows[] = {
    ROW2("%hash-table", "a", make_hash_table),
    ROW1("hash-table?", "a", is_hash_table),
    ROW3("hash-table-ref/default", "ha", hash_ref_default),
    ROW3("hash-table-set!", "ha", hash_set),
    ROW2("hash-table-exists?", "ha", hash_exists),
    ROW2("hash-table-contains?", "ha", hash_exists),
    ROW2("hash-table-delete!", "ha", hash_delete),
    ROW1("hash-table-size", "h", hash_count),
    ROW1("hash-table-clear!", "h", hash_clear),
    ROW1("hash-table->alist", "h", hash_to_alist),
    ROW1("%hash-table-equal", "h", hash_equivalence),
    ROW1("%hash-table-hash", "h", hash_function),
    ROWN("hash", "ak", 1, 2, hash),
    ROWN("string-hash", "sk", 1, 2, hash),
    ROWN("hash-by-identity", "ak", 1, 2, hash_by_identity),
    ROW_END,
};
