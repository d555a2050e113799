/* SPDX-License-Identifier: MIT */
/* The size of a global variable is asked for. */
#include "misuse.h"

int main(void) {
  static char block[64];
  printf("%zu\n", gc_size(block));
  return 0;
}
