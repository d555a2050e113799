/* SPDX-License-Identifier: MIT */
/* A block is written to that another thread has freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_malloc(48));
  in_thread(free_it, block);
  memset(block, 'x', 16);
  for (int i = 0; i < 100000; i++) keep(gc_malloc(48));
  return 0;
}
