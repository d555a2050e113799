/* SPDX-License-Identifier: MIT */
/*
 * format.h: the compact form of a trace, for the recorder, which writes it as
 * it goes, and for trace.c.
 *
 *   file     8 bytes "GLTRACE\1", then records up to the end record
 *   record   a number v, and after a resize a second one
 *   number   LEB128: seven bits a byte, low ones first, bit 7 says that more
 *            follow
 *
 *   v & 3    v >> 2 is
 *     0      0: end of the trace; n: what follows was done by thread n - 1
 *     1      allocate so many bytes
 *     2      free the block that was allocated so many allocations ago,
 *            0 for the latest
 *     3      resize that block; the second number is the new size
 *
 * Blocks have no numbers of their own: the n-th allocation is block n.  Most
 * frees are of young blocks and most sizes are small, so an operation takes
 * about two bytes.  A file that was cut off reads as a trace that ends there,
 * since bytes that were never written are zero, the end record.
 */
#ifndef CONTRAST_FORMAT_H
#define CONTRAST_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAGIC "GLTRACE\1"
#define FORMAT_MAGIC_BYTES 8

enum format_kind {
  FORMAT_CONTROL,
  FORMAT_ALLOCATE,
  FORMAT_FREE,
  FORMAT_RESIZE
};

/* The longest number: ten bytes of seven bits hold 64. */
#define FORMAT_NUMBER_BYTES 10

/* The longest record. */
#define FORMAT_RECORD_BYTES (2 * FORMAT_NUMBER_BYTES)

/* Write a number at to; returns how many bytes it took. */
static inline size_t format_put(uint8_t *to, uint64_t number) {
  size_t n = 0;
  for (; number >= 0x80; number >>= 7) to[n++] = (uint8_t)(number | 0x80);
  to[n++] = (uint8_t)number;
  return n;
}

static inline size_t format_put_record(uint8_t *to, enum format_kind kind,
                                       uint64_t value) {
  return format_put(to, value << 2 | (uint64_t)kind);
}

/* Read a number from *from, which is moved on but not beyond end; what would
   lie there reads as zero. */
static inline uint64_t format_get(const uint8_t **from, const uint8_t *end) {
  uint64_t number = 0;
  for (unsigned shift = 0; *from < end; shift += 7) {
    uint8_t byte = *(*from)++;
    if (shift < 64) number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return number;
}

#endif
