/* SPDX-License-Identifier: MIT */
/* A small number is freed. */
#include "misuse.h"

int main(void) {
  gc_free((void *)(uintptr_t)42);
  return 0;
}
