/* SPDX-License-Identifier: MIT */
/* table.c: what cc1 compiles for its trace: counts lines in a hash table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node {
  struct node *next;
  int key;
  char name[16];
};
static struct node *table[64];
static unsigned hash(const char *s) {
  unsigned h = 5381;
  while (*s) h = h * 33 + (unsigned char)*s++;
  return h;
}
static struct node *find(const char *s) {
  struct node *n = table[hash(s) % 64];
  while (n && strcmp(n->name, s)) n = n->next;
  return n;
}
static void add(const char *s, int key) {
  struct node *n = malloc(sizeof *n);
  n->key = key;
  strncpy(n->name, s, 15);
  n->name[15] = 0;
  n->next = table[hash(s) % 64];
  table[hash(s) % 64] = n;
}
int main(void) {
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    struct node *n = find(line);
    if (n)
      n->key++;
    else
      add(line, 1);
  }
  for (int i = 0; i < 64; i++)
    for (struct node *n = table[i]; n; n = n->next)
      printf("%d %s", n->key, n->name);
  return 0;
}
