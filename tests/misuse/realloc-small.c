/* SPDX-License-Identifier: MIT */
/* A small number is resized. */
#include "misuse.h"

int main(void) {
  keep(gc_realloc((void *)(uintptr_t)42, 100));
  return 0;
}
