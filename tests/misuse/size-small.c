/* SPDX-License-Identifier: MIT */
/* The size of a small number is asked for. */
#include "misuse.h"

int main(void) {
  printf("%zu\n", gc_size((void *)(uintptr_t)42));
  return 0;
}
