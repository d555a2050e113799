/* SPDX-License-Identifier: MIT */
/* The old address is freed after realloc moved the block. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_malloc(48));
  char *moved = gc_realloc(block, 5000);
  gc_free(block);
  keep(moved);
  return 0;
}
