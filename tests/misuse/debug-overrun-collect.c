/* SPDX-License-Identifier: MIT */
/* The same, found by a collection. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(50);
  block[50] = 'x';
  keep(block);
  gc_collect();
  return 0;
}
