/* SPDX-License-Identifier: MIT */
/*
 * plugin.c: the library that the liveness test loads by dlopen.  It knows
 * nothing of the collector, and needs nothing of the C library.
 */
#include <stdint.h>

#ifndef PLUGIN_TLS_WORDS
#define PLUGIN_TLS_WORDS 600
#endif

/* Of "data", "bss" and "tls". */
void *plugin_place(const char *name);

static uintptr_t padding[1000] = {1};
static uintptr_t in_data[4] = {2};
static uintptr_t in_bss[5000];
static _Thread_local uintptr_t in_tls[PLUGIN_TLS_WORDS];

void *plugin_place(const char *name) {
  padding[0]++;
  if (*name == 'd') return &in_data[3];
  if (*name == 'b') return &in_bss[4321];
  return &in_tls[PLUGIN_TLS_WORDS - 23];
}
