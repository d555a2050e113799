/* SPDX-License-Identifier: MIT */
/* The size at an address inside a granule. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  printf("%zu\n", gc_size(block + 5));
  return 0;
}
