/* SPDX-License-Identifier: MIT */
/* A block is freed twice, under the preloaded library. */
#include <stdlib.h>

static void (*volatile call_free)(void *) = free;

int main(void) {
  void *block = malloc(48);
  call_free(block);
  call_free(block);
  return 0;
}
