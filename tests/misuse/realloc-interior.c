/* SPDX-License-Identifier: MIT */
/* An address inside a block is resized. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_realloc(block + 16, 100));
  return 0;
}
