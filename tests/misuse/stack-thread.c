/* SPDX-License-Identifier: MIT */
/* A local variable of another thread than the first one. */
#include "misuse.h"

int main(void) {
  in_thread(free_local, NULL);
  return 0;
}
