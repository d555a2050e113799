/* SPDX-License-Identifier: MIT */
/* Data of a library is freed. */
#include "misuse.h"

int main(void) {
  gc_free(stdout);
  return 0;
}
