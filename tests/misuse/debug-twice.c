/* SPDX-License-Identifier: MIT */
/* A block is freed twice, long after, with a collection in between; both places
   are told. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(50);
  free_it(block);
  for (int i = 0; i < 1000; i++) gc_free(gc_malloc(50));
  gc_collect();
  gc_free(block);
  return 0;
}
