/* SPDX-License-Identifier: MIT */
/*
 * own.h: memory for the tools themselves.  It comes from mmap, so that the
 * tools disturb neither the heap of the system's malloc nor the program break,
 * which are being measured, and so that no collector looks into it.
 */
#ifndef CONTRAST_OWN_H
#define CONTRAST_OWN_H

#include <stddef.h>

/* Zeroed memory; the program ends with a message where there is none. */
void *own_allocate(size_t bytes);

/* The same memory at another size, moved where need be; what is new is zero. */
void *own_resize(void *p, size_t old_bytes, size_t bytes);

/* Zeroed memory which this process and its children share. */
void *own_allocate_shared(size_t bytes);

void own_free(void *p, size_t bytes);

/* Say what is wrong, as printf does, and end the program with status 1. */
void own_die(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#endif
