/* SPDX-License-Identifier: MIT */
/*
 * classic.c: the half of malloc, free and realloc that is the same for every
 * policy: sizes that cannot be, NULL, counting, and the copy where a block
 * cannot be resized where it is.
 */
#include "classic.h"

#include <string.h>

const struct gl_classic_policy *const gl_classic_policies[] = {
    &gl_classic_implicit_first,
    &gl_classic_implicit_next,
    &gl_classic_implicit_best,
    &gl_classic_explicit_lifo,
    &gl_classic_explicit_address,
    &gl_classic_simple,
    &gl_classic_segregated,
    &gl_classic_buddy,
    NULL};

const struct gl_classic_policy *gl_classic_find_policy(const char *name) {
  for (size_t i = 0; gl_classic_policies[i] != NULL; i++)
    if (strcmp(gl_classic_policies[i]->name, name) == 0)
      return gl_classic_policies[i];
  return NULL;
}

void gl_classic_open(struct gl_classic *heap,
                     const struct gl_classic_policy *policy,
                     enum gl_classic_backend backend) {
  memset(heap, 0, sizeof *heap);
  heap->policy = policy;
  heap->backend = backend;
  if (policy->start != NULL) policy->start(heap);
}

void *gl_classic_allocate(struct gl_classic *heap, size_t size) {
  if (size > GL_CLASSIC_MAX_BYTES) return NULL;
  heap->counts.allocations++;
  return heap->policy->allocate(heap, size);
}

void gl_classic_release(struct gl_classic *heap, void *block) {
  if (block == NULL) return;
  heap->counts.releases++;
  heap->policy->release(heap, block);
}

void *gl_classic_resize(struct gl_classic *heap, void *block, size_t size) {
  if (block == NULL) return gl_classic_allocate(heap, size);
  if (size > GL_CLASSIC_MAX_BYTES) return NULL;
  if (heap->policy->try_resize(heap, block, size)) return block;
  void *moved = gl_classic_allocate(heap, size);
  if (moved == NULL) return NULL;
  size_t usable = heap->policy->usable(heap, block);
  memcpy(moved, block, usable < size ? usable : size);
  heap->counts.moves++;
  gl_classic_release(heap, block);
  return moved;
}

size_t gl_classic_heap_bytes(const struct gl_classic *heap) {
  return heap->area_bytes + heap->table_bytes;
}

const char *gl_classic_check(const struct gl_classic *heap) {
  size_t bytes = 0;
  for (size_t i = 0; i < heap->area_count; i++) {
    const struct gl_classic_area *area = &heap->areas[i];
    if (area->start >= area->end) return "an area is empty";
    if (i > 0 && area[-1].end > area->start) return "areas are out of order";
    bytes += (size_t)(area->end - area->start);
  }
  if (bytes != heap->area_bytes) return "area_bytes is not the sum";
  return heap->policy->check(heap);
}
