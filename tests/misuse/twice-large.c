/* SPDX-License-Identifier: MIT */
/* A large block is freed twice. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(1 << 20);
  gc_free(block);
  gc_free(block);
  return 0;
}
