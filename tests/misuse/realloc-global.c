/* SPDX-License-Identifier: MIT */
/* A global variable is resized. */
#include "misuse.h"

int main(void) {
  static char block[64];
  keep(gc_realloc(block, 100));
  return 0;
}
