/* SPDX-License-Identifier: MIT */
/* A block is resized after it was freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  gc_free(block);
  keep(gc_realloc(block, 100));
  return 0;
}
