/* SPDX-License-Identifier: MIT */
/* A block is resized that another thread has freed. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  in_thread(free_it, block);
  keep(gc_realloc(block, 5000));
  return 0;
}
