/* SPDX-License-Identifier: MIT */
/* The block freed twice is not the newest one. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  char *newer = gc_malloc(48);
  gc_free(block);
  gc_free(block);
  gc_free(newer);
  return 0;
}
