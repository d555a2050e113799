/* SPDX-License-Identifier: MIT */
/*
 * bins.h: segregated fit within arenas: the free runs of a lane that were too
 * small for the block at hand when the cursor passed them, and the tails of
 * holes.  A run in a bin has a 01 tag at its head, its size and its links in
 * its own dead bytes, all of them encoded.
 *
 *      head granule            second granule
 *     | next ^ s | prev ^ s | size ^ s ^ address |  dead ...   | next block
 *       01                    00                   00            tag
 *
 * where s is the heap's secret.  A program that writes to freed memory changes
 * one of the three; every one is checked against the tags before it is used.
 */
#ifndef GL_BINS_H
#define GL_BINS_H

#include "types.h"

/* Put the free run at granule (whose head is tagged 01) into the bin of its
   size.  granules is at least GL_BIN_MIN_GRANULES. */
void gl_bins_insert(struct gl_lane *lane, size_t granule, size_t granules);

/* Take the best-fitting run of at least granules out of its bin.  Returns its
   first granule, with *length set, or 0 where there is none.  Its tag still
   reads 01. */
size_t gl_bins_take(struct gl_lane *lane, size_t granules, size_t *length);

/* Take the run that begins at granule out of its bin, if it is in one: its
   length, or 0. */
size_t gl_bins_remove(struct gl_lane *lane, size_t granule);

/* Forget all runs; their tags remain. */
void gl_bins_reset(struct gl_lane *lane);

/* Prove that every run in a bin is what its tags say. */
bool gl_bins_check(const struct gl_lane *lane);

#endif
