/* SPDX-License-Identifier: MIT */
/* Another thread frees a block, then its own does. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_malloc(48));
  in_thread(free_it, block);
  gc_free(block);
  for (int i = 0; i < 100000; i++) keep(gc_malloc(48));
  return 0;
}
