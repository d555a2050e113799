/* SPDX-License-Identifier: MIT */
/* Another thread frees a block, then its own does; a collection finds it. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_malloc(48));
  in_thread(free_it, block);
  gc_free(block);
  gc_collect();
  return 0;
}
