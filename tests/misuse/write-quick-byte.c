/* SPDX-License-Identifier: MIT */
/* One byte of it is enough. */
#include "misuse.h"

int main(void) {
  char *first = gc_malloc(48), *second = gc_malloc(48);
  keep(gc_malloc(48));
  gc_free(first);
  gc_free(second);
  second[0] ^= 1;
  keep(gc_malloc(48));
  keep(gc_malloc(48));
  return 0;
}
