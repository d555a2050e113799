/* SPDX-License-Identifier: MIT */
/* The size at an address inside a block is asked for. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  printf("%zu\n", gc_size(block + 32));
  return 0;
}
