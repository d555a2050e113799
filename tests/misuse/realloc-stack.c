/* SPDX-License-Identifier: MIT */
/* A local variable is resized. */
#include "misuse.h"

int main(void) {
  char block[64];
  keep(block);
  keep(gc_realloc(block, 100));
  return 0;
}
