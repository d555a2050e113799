/* SPDX-License-Identifier: MIT */
/*
 * handler.c: the error handler can be replaced and may come back.  Then the
 * call that was wrong does nothing, says so, and the heap is as it was.
 */
#include <errno.h>
#include <stdint.h>

#include "../api.h"

static struct gc_error seen;
static char message[300];
static int count;

static void note(const struct gc_error *error, void *data) {
  API_CHECK(data == &count);
  seen = *error;
  snprintf(message, sizeof message, "%s", error->message);
  count++;
  gc_free(gc_malloc(100)); /* the whole API may be used */
}

static void expect(const char *function, const void *address,
                   const void *base, size_t size) {
  API_CHECK(strcmp(seen.function, function) == 0);
  API_CHECK(seen.address == address && seen.base == base);
  API_CHECK(seen.size == size);
  API_CHECK(strncmp(message, function, strlen(function)) == 0);
}

int main(void) {
  char local[32];
  char *block = gc_malloc(48), *large = gc_malloc(1 << 20);
  size_t size = gc_size(block), large_size = gc_size(large);
  API_CHECK(size >= 48 && large_size >= 1 << 20);
  API_CHECK(gc_set_error_handler(note, &count) == NULL);
  errno = 5;
  gc_free(NULL);
  API_CHECK(errno == 5 && count == 0);
  gc_free(block + 16);
  API_CHECK(errno == 5 && count == 1);
  expect("gc_free", block + 16, block, size);
  gc_free(large + 4096);
  API_CHECK(count == 2);
  expect("gc_free", large + 4096, large, large_size);
  gc_free(local);
  API_CHECK(count == 3);
  expect("gc_free", local, NULL, 0);
  API_CHECK(gc_realloc(block + 1, 10) == NULL && count == 4);
  expect("gc_realloc", block + 1, block, size);
  API_CHECK(gc_size(block + 32) == 0 && count == 5);
  expect("gc_size", block + 32, block, size);
  API_CHECK(gc_size(block) == size && gc_size(NULL) == 0);
  gc_free(block);
  gc_free(block);
  API_CHECK(count == 6 && strcmp(seen.fault, "freed twice") == 0);
  gc_free(large);
  gc_free(large);
  API_CHECK(count == 7 && strcmp(seen.fault, "freed twice") == 0);
  /* Not reported: what gc_base is asked may be any number. */
  API_CHECK(gc_base((void *)(uintptr_t)42) == NULL && gc_base(local) == NULL);
  API_CHECK(count == 7 && gc_heap_check());
  API_CHECK(gc_set_error_handler(NULL, NULL) == note);
  return 0;
}
