/* SPDX-License-Identifier: MIT */
/* A block is written to after it was freed; nothing else is wrong. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(50);
  free_it(block);
  block[17] = 'x';
  for (int i = 0; i < 5000; i++) gc_free(gc_malloc(100));
  return 0;
}
