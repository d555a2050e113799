/* SPDX-License-Identifier: MIT */
/* An address inside a block is freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  gc_free(block + 16);
  return 0;
}
