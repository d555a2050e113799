/* SPDX-License-Identifier: MIT */
/* The size of a freed block is asked for. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  gc_free(block);
  printf("%zu\n", gc_size(block));
  return 0;
}
