/* SPDX-License-Identifier: MIT */
/*
 * text.c: text without malloc, stdio or locks, for messages that are written,
 * and files that are read, while the heap may be in any state.  A text is built
 * in a buffer of the caller's and never overruns it; its length counts what was
 * cut, as snprintf's does.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gc.h"

static void text_byte(struct gl_text *text, char byte) {
  if (text->length + 1 < text->size) {
    text->buffer[text->length] = byte;
    text->buffer[text->length + 1] = '\0';
  }
  text->length++;
}

void gl_text_string(struct gl_text *text, const char *string) {
  while (*string != '\0') text_byte(text, *string++);
}

static void text_digits(struct gl_text *text, uint64_t number, unsigned base) {
  gl_assert(base >= 10 && base <= 16);
  char digits[20]; /* of 2^64 in decimal */
  size_t count = 0;
  do {
    digits[count++] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  while (count > 0) text_byte(text, digits[--count]);
}

void gl_text_number(struct gl_text *text, uint64_t number) {
  text_digits(text, number, 10);
}

void gl_text_address(struct gl_text *text, const void *address) {
  gl_text_string(text, "0x");
  text_digits(text, (uintptr_t)address, 16);
}

void gl_text_megabytes(struct gl_text *text, uint64_t bytes) {
  uint64_t tenths = (bytes + 50000) / 100000;
  gl_text_number(text, tenths / 10);
  gl_text_string(text, ".");
  gl_text_number(text, tenths % 10);
}

void gl_text_write(const struct gl_text *text, int fd) {
  gl_assert(text->size > 0);
  size_t length = text->length < text->size ? text->length : text->size - 1;
  const char *at = text->buffer;
  int saved = errno, cancel_state = gl_cancel_forbid();
  while (length > 0) {
    ssize_t written = write(fd, at, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break; /* nobody to tell */
    at += written;
    length -= (size_t)written;
  }
  gl_cancel_restore(cancel_state);
  errno = saved;
}

/* -------------------------------------------------------------- reading */

/* Bytes read at once: a collection may run on the small stack of a
   coroutine. */
#define TEXT_CHUNK_BYTES 512

bool gl_text_read(int fd, char *buffer, size_t size) {
  if (fd < 0) return false;
  gl_assert(size > 1);
  ssize_t n = read(fd, buffer, size - 1);
  close(fd);
  if (n <= 0) return false;
  buffer[n] = '\0';
  return true;
}

bool gl_text_read_lines(int fd, char *line, size_t size, gl_text_line *visit,
                        void *data) {
  char chunk[TEXT_CHUNK_BYTES];
  size_t length = 0; /* of the line; what does not fit is left out */
  gl_assert(size > 0);
  if (fd < 0) return false;
  for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;) {
    for (ssize_t i = 0; i < n; i++) {
      if (chunk[i] != '\n') {
        if (length < size) line[length] = chunk[i];
        length++;
        continue;
      }
      bool whole = length < size;
      line[whole ? length : size - 1] = '\0';
      visit(line, whole, data);
      length = 0;
    }
  }
  close(fd);
  return true;
}
