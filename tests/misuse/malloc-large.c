/* SPDX-License-Identifier: MIT */
/* Large memory of the C library, which it has from mmap. */
#include "misuse.h"

int main(void) {
  gc_free(malloc(1 << 22));
  return 0;
}
