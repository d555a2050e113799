/* SPDX-License-Identifier: MIT */
/* An address that is not mapped is resized. */
#include "misuse.h"

int main(void) {
  keep(gc_realloc((void *)(uintptr_t)0x12345678000, 100));
  return 0;
}
