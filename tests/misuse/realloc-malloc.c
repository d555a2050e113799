/* SPDX-License-Identifier: MIT */
/* Memory of the C library is resized. */
#include "misuse.h"

int main(void) {
  keep(gc_realloc(malloc(48), 100));
  return 0;
}
