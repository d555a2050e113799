/* SPDX-License-Identifier: MIT */
/* A global variable is freed. */
#include "misuse.h"

int main(void) {
  static char block[64];
  gc_free(block);
  return 0;
}
