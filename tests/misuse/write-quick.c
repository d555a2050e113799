/* SPDX-License-Identifier: MIT */
/* A block is written to after it was freed; the next one of its
   size is what notices. */
#include "misuse.h"

int main(void) {
  char *first = gc_malloc(48), *second = gc_malloc(48);
  keep(gc_malloc(48));
  gc_free(first);
  gc_free(second);
  memset(second, 'x', 8);
  keep(gc_malloc(48));
  keep(gc_malloc(48));
  return 0;
}
