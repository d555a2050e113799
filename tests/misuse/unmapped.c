/* SPDX-License-Identifier: MIT */
/* An address that is not mapped is freed. */
#include "misuse.h"

int main(void) {
  gc_free((void *)(uintptr_t)0x12345678000);
  return 0;
}
