/* SPDX-License-Identifier: MIT */
/* A block is freed that the collector has freed before. */
#include "misuse.h"

int main(void) {
  uintptr_t hidden = hide_garbage();
  gc_collect();
  gc_free(reveal(hidden));
  return 0;
}
