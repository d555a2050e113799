/* SPDX-License-Identifier: MIT */
/* A string constant is freed. */
#include "misuse.h"

int main(void) {
  gc_free((void *)(uintptr_t)"constant");
  return 0;
}
