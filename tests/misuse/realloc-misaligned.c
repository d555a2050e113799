/* SPDX-License-Identifier: MIT */
/* An address inside a granule is resized. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_realloc(block + 1, 100));
  return 0;
}
