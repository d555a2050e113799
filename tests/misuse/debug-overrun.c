/* SPDX-License-Identifier: MIT */
/* The byte after the size asked for is written to. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(50);
  block[50] = 'x';
  free_it(block);
  return 0;
}
