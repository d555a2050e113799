/* SPDX-License-Identifier: MIT */
/* Memory of the C library is freed. */
#include "misuse.h"

int main(void) {
  gc_free(malloc(48));
  return 0;
}
