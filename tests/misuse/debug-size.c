/* SPDX-License-Identifier: MIT */
/* The size of a freed block is asked for. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(50);
  if (gc_size(block) != 50) return 1;
  free_it(block);
  printf("%zu\n", gc_size(block));
  return 0;
}
