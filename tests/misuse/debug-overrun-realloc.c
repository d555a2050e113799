/* SPDX-License-Identifier: MIT */
/* The same, found when the block is resized. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc_atomic(50);
  block[51] = 'x';
  keep(gc_realloc(block, 100));
  return 0;
}
