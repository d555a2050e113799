/* SPDX-License-Identifier: MIT */
/* Many other operations come between the two frees. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  keep(gc_malloc(48));
  gc_free(block);
  for (size_t i = 0; i < 100000; i++) gc_free(gc_malloc(64 + i % 500));
  gc_free(block);
  return 0;
}
