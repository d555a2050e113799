/* SPDX-License-Identifier: MIT */
/* The size of what is not mapped is asked for. */
#include "misuse.h"

int main(void) {
  printf("%zu\n", gc_size((void *)(uintptr_t)0x12345678000));
  return 0;
}
