/* SPDX-License-Identifier: MIT */
/* A block is freed twice, at once. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  gc_free(block);
  gc_free(block);
  return 0;
}
