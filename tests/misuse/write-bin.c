/* SPDX-License-Identifier: MIT */
/* Free memory is written to that is in a bin. */
#include "misuse.h"

int main(void) {
  char *blocks[64];
  for (int i = 0; i < 64; i++) blocks[i] = gc_malloc(3000);
  for (int i = 0; i < 64; i += 2) gc_free(blocks[i]);
  gc_trim();
  keep(gc_malloc(2500));
  for (int i = 0; i < 64; i += 2) memset(blocks[i], 'x', 2000);
  for (int i = 0; i < 1000; i++) keep(gc_malloc(2500));
  return 0;
}
