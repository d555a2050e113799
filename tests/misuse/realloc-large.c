/* SPDX-License-Identifier: MIT */
/* A large block is resized after it was freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(1 << 20);
  gc_free(block);
  keep(gc_realloc(block, 100));
  return 0;
}
