/* SPDX-License-Identifier: MIT */
/* The same with a large block. */
#include "misuse.h"

int main(void) {
  uintptr_t hidden = hide_large_garbage();
  gc_collect();
  gc_free(reveal(hidden));
  return 0;
}
