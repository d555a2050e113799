/* SPDX-License-Identifier: MIT */
/* One thread frees what another has freed before. */
#include "misuse.h"

int main(void) {
  char *block = gc_malloc(48);
  in_thread(free_it, block);
  in_thread(free_it, block);
  return 0;
}
