/* SPDX-License-Identifier: MIT */
/*
 * record.h: what the two halves of the recorder share: record.c, which stands
 * before malloc and its kin and owns the file, and record_gleaner.c, which
 * stands before the functions of <gleaner.h>.  All may be called from any
 * thread; where nothing is being recorded they do nothing.
 */
#ifndef CONTRAST_RECORD_H
#define CONTRAST_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#define RECORD_EXPORT __attribute__((visibility("default")))

bool record_is_on(void);

/* A block has been allocated.  A block that was at this address has died
   unseen, and is recorded as freed.  collected: it may die without a free.
   Returns the block. */
void *record_note_allocation(void *block, size_t size, bool collected);

/* A block is about to be freed. */
void record_note_free(void *block);

/* A block has been moved or resized; no other thread can have been given its
   old address in between. */
void *record_note_resize(void *old_block, void *block, size_t size);

/* Record the free of every collected block of which is_dead says so. */
void record_note_dead(bool (*is_dead)(const void *block));

#endif
