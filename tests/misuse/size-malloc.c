/* SPDX-License-Identifier: MIT */
/* The size of memory of the C library is asked for. */
#include "misuse.h"

int main(void) {
  printf("%zu\n", gc_size(malloc(48)));
  return 0;
}
