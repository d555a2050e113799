/* SPDX-License-Identifier: MIT */
/*
 * own.c: memory for the tools themselves, see own.h.
 */
#include "own.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void own_die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(EXIT_FAILURE);
}

static void *own_map(size_t bytes, int flags) {
  if (bytes == 0) bytes = 1;
  void *p =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) own_die("no memory for %zu bytes", bytes);
  return p;
}

void *own_allocate(size_t bytes) { return own_map(bytes, MAP_PRIVATE); }

void *own_allocate_shared(size_t bytes) { return own_map(bytes, MAP_SHARED); }

void *own_resize(void *p, size_t old_bytes, size_t bytes) {
  if (p == NULL) return own_allocate(bytes);
  if (old_bytes == 0) old_bytes = 1;
  void *moved = mremap(p, old_bytes, bytes, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) own_die("no memory for %zu bytes", bytes);
  return moved;
}

void own_free(void *p, size_t bytes) {
  if (p != NULL) munmap(p, bytes == 0 ? 1 : bytes);
}
