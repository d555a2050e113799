/* SPDX-License-Identifier: MIT */
/* A block is written to after it was freed; nothing else is wrong.  No
   collection sees it before the block has left the queue of those that were
   freed. */
#include "misuse.h"

int main(void) {
  gc_disable();
  char *block = gc_malloc(50);
  free_it(block);
  block[17] = 'x';
  for (int i = 0; i < 5000; i++) gc_free(gc_malloc(100));
  return 0;
}
