/* SPDX-License-Identifier: MIT */
/* An address inside a large block is freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(1 << 20);
  gc_free(block + 65536);
  return 0;
}
