/* SPDX-License-Identifier: MIT */
/*
 * ast.c: a compiler at work.  Functions are read into syntax trees, the trees
 * are rewritten with constants folded, code is emitted into a buffer that
 * grows, and the trees die together when their module is done; symbol tables
 * and code of the last few modules stay.
 *
 * ast [MODULES [FUNCTIONS]]: functions in each module.
 */
#include "collector.h"

#include <string.h>

enum op { CONSTANT, VARIABLE, ADD, MULTIPLY, SUBTRACT, CALL };

enum { KEPT_MODULES = 8, NAMES = 64, MOST_DEPTH = 9, STATEMENTS = 12 };

struct symbol {
  struct symbol *next;
  uint32_t name;
  uint32_t uses;
};

struct tree {
  enum op op;
  uint32_t line;
  int64_t value;
  struct symbol *symbol;
  struct tree *left;
  struct tree *right;
};

struct code {
  uint32_t *words;
  size_t count;
  size_t capacity;
};

struct module {
  struct symbol *symbols[NAMES];
  struct code code;
};

static struct symbol *intern(struct module *module, uint32_t name) {
  struct symbol **bucket = &module->symbols[name % NAMES];
  struct symbol *symbol = *bucket;
  while (symbol != NULL && symbol->name != name) symbol = symbol->next;
  if (symbol == NULL) {
    symbol = (struct symbol *)bench_alloc(sizeof *symbol);
    symbol->name = name;
    symbol->next = *bucket;
    *bucket = symbol;
  }
  symbol->uses++;
  return symbol;
}

static struct tree *make_tree(enum op op, struct tree *left,
                              struct tree *right) {
  struct tree *tree = (struct tree *)bench_alloc(sizeof *tree);
  tree->op = op;
  tree->left = left;
  tree->right = right;
  return tree;
}

/* What a parser would make of the source, which is random. */
static struct tree *parse(struct module *module, uint64_t *random, int depth) {
  uint32_t kind = bench_below(random, 10);
  if (depth == MOST_DEPTH || kind < 2) {
    struct tree *leaf =
        make_tree(kind % 2 == 0 ? CONSTANT : VARIABLE, NULL, NULL);
    leaf->value = bench_below(random, 100);
    if (leaf->op == VARIABLE)
      leaf->symbol = intern(module, bench_below(random, 500));
    return leaf;
  }
  struct tree *left = parse(module, random, depth + 1);
  struct tree *right = parse(module, random, depth + 1);
  return make_tree((enum op)(ADD + kind % 4), left, right);
}

static int64_t compute(enum op op, int64_t a, int64_t b) {
  uint64_t left = (uint64_t)a;
  uint64_t right = (uint64_t)b;
  if (op == ADD) return (int64_t)(left + right);
  if (op == MULTIPLY) return (int64_t)(left * right);
  return (int64_t)(left - right);
}

/* A new tree with the operations on constants done. */
static struct tree *fold(const struct tree *tree) {
  if (tree->op <= VARIABLE) {
    struct tree *copy = make_tree(tree->op, NULL, NULL);
    *copy = *tree;
    return copy;
  }
  struct tree *left = fold(tree->left);
  struct tree *right = fold(tree->right);
  if (left->op != CONSTANT || right->op != CONSTANT || tree->op == CALL)
    return make_tree(tree->op, left, right);
  struct tree *constant = make_tree(CONSTANT, NULL, NULL);
  constant->value = compute(tree->op, left->value, right->value);
  return constant;
}

static void emit_word(struct code *code, uint32_t word) {
  if (code->count == code->capacity) {
    size_t capacity = code->capacity != 0 ? 2 * code->capacity : 64;
    uint32_t *words = (uint32_t *)bench_alloc_atomic(capacity * sizeof *words);
    if (code->count != 0)
      memcpy(words, code->words, code->count * sizeof *words);
    code->words = words;
    code->capacity = capacity;
  }
  code->words[code->count++] = word;
}

static void emit(struct code *code, const struct tree *tree) {
  if (tree->left != NULL) emit(code, tree->left);
  if (tree->right != NULL) emit(code, tree->right);
  emit_word(code, (uint32_t)tree->op);
  if (tree->op == CONSTANT) emit_word(code, (uint32_t)tree->value);
  if (tree->op == VARIABLE) emit_word(code, tree->symbol->name);
}

static struct module *compile(size_t functions, uint64_t *random) {
  struct module *module = (struct module *)bench_alloc(sizeof *module);
  struct tree **bodies =
      (struct tree **)bench_alloc(functions * sizeof *bodies);
  for (size_t i = 0; i < functions; i++) {
    for (int j = 0; j < STATEMENTS; j++)
      bodies[i] = make_tree(CALL, parse(module, random, 0), bodies[i]);
  }
  for (size_t i = 0; i < functions; i++) {
    for (struct tree *body = bodies[i]; body != NULL; body = body->right)
      emit(&module->code, fold(body->left));
  }
  return module;
}

static uint64_t sum_module(const struct module *module) {
  uint64_t sum = 0;
  if (module == NULL) return 0;
  for (size_t i = 0; i < module->code.count; i++)
    sum = bench_mix(sum, module->code.words[i]);
  for (int i = 0; i < NAMES; i++) {
    for (struct symbol *s = module->symbols[i]; s != NULL; s = s->next)
      sum = bench_mix(sum, s->uses);
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t modules = bench_argument(argc, argv, 1, 150);
  size_t functions = bench_argument(argc, argv, 2, 40);
  struct module *kept[KEPT_MODULES] = {NULL};
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("ast");
  for (size_t i = 0; i < modules; i++) {
    struct module **slot = &kept[i % KEPT_MODULES];
    sum = bench_mix(sum, sum_module(*slot));
    *slot = compile(functions, &random);
  }
  bench_end(sum);
}
