/* SPDX-License-Identifier: MIT */
/* The size of a local variable is asked for. */
#include "misuse.h"

int main(void) {
  char block[64];
  keep(block);
  printf("%zu\n", gc_size(block));
  return 0;
}
