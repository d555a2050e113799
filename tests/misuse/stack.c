/* SPDX-License-Identifier: MIT */
/* A local variable is freed. */
#include "misuse.h"

int main(void) {
  char block[64];
  keep(block);
  gc_free(block);
  return 0;
}
