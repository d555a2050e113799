/* SPDX-License-Identifier: MIT */
/*
 * tls.c: thread-local storage and pthread keys of any stopped thread, found
 * from its thread pointer alone.
 *
 * The dynamic thread vector is part of the ABI (Drepper, "ELF Handling For
 * Thread-Local Storage"): the word behind the thread pointer leads to it, and
 * its entry for a module leads to that module's block, if the thread has one.
 * Pthread keys lie in the C library's descriptor of the thread; where, and how
 * large it is, glibc tells to debuggers in variables named _thread_db_*, and
 * they serve here as well.  Without them the keys of other threads are seen
 * only as far as they lie on that thread's stack mapping.
 *
 * The number of a module that was unloaded is given to another, and the entry
 * of a thread that has not looked since leads to a block of the old module,
 * which may be shorter.  The dynamic linker counts generations: an entry is out
 * of date where the vector's is less than that of the module.
 */
#include <dlfcn.h>
#include <string.h>

#include "gc.h"

/* glibc: union dtv. */
struct tls_vector_entry {
  void *block; /* (void *)-1: not allocated yet; entry 0 is a counter */
  void *to_free;
};

/* glibc: struct dtv_slotinfo_list, the modules by number.  Debuggers need it
   too, and are told its layout, which has always been this one. */
struct gl_tls_slots {
  size_t count;
  const struct gl_tls_slots *next;
  struct {
    size_t generation;
    const void *module;
  } slots[];
};

/* A key's slot, and how many lie in a second-level block. */
#define TLS_KEY_BYTES 16
#define TLS_KEYS_PER_BLOCK 32

static struct gl_tls_layout tls_layout GL_DATA = {0, 0, 0, 0, NULL};

/* No process loads so many modules: the vector is being replaced. */
#define TLS_MODULES_MAX ((size_t)1 << 20)

/* glibc: {bits of an element, number of elements, byte offset}. */
static const uint32_t *tls_debugger_symbol(const char *name) {
  return dlsym(RTLD_DEFAULT, name);
}

/* glibc's own allocator of thread stacks asks its dynamic linker so. */
static size_t tls_find_static(void) {
  void (*get_info)(size_t * bytes, size_t * alignment);
  size_t bytes = 0, alignment;
  *(void **)&get_info = dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
  if (get_info != NULL) get_info(&bytes, &alignment);
  return bytes;
}

/* Whether a field lies where we think it does. */
static bool tls_is_at(const char *name, size_t offset) {
  const uint32_t *field = tls_debugger_symbol(name);
  return field != NULL && field[2] == offset;
}

static const struct gl_tls_slots *const *tls_find_slots(void) {
  const char *linker = dlsym(RTLD_DEFAULT, "_rtld_global");
  const uint32_t *list =
      tls_debugger_symbol("_thread_db_rtld_global__dl_tls_dtv_slotinfo_list");
  const uint32_t *size = tls_debugger_symbol("_thread_db_sizeof_dtv_slotinfo");
  const struct gl_tls_slots *all = NULL;
  if (linker != NULL && list != NULL && size != NULL &&
      *size == sizeof all->slots[0] &&
      tls_is_at("_thread_db_dtv_slotinfo_gen", 0) &&
      tls_is_at("_thread_db_dtv_slotinfo_list_len", 0) &&
      tls_is_at("_thread_db_dtv_slotinfo_list_next", sizeof(size_t)) &&
      tls_is_at("_thread_db_dtv_slotinfo_list_slotinfo", sizeof *all))
    return (const void *)(linker + list[2]);
  return NULL;
}

struct gl_tls_layout gl_tls_find_layout(void) {
  struct gl_tls_layout found = {.static_bytes = tls_find_static(),
                                .slots = tls_find_slots()};
  const uint32_t *size = tls_debugger_symbol("_thread_db_sizeof_pthread");
  const uint32_t *keys = tls_debugger_symbol("_thread_db_pthread_specific");
  if (size == NULL || *size > 16 * GL_PAGE_BYTES) return found;
  found.descriptor_bytes = *size;
  if (keys == NULL || keys[2] >= *size) return found;
  found.keys_offset = keys[2];
  /* Older tables count the array as one element of many bits. */
  found.key_blocks = keys[1] > 1 ? keys[1] : keys[0] / 64;
  if (found.keys_offset + found.key_blocks * sizeof(void *) > *size)
    found.key_blocks = 0;
  return found;
}

void gl_tls_set_layout(const struct gl_tls_layout *layout) {
  tls_layout = *layout;
}

/* Static storage lies right below the thread pointer; 0 where its size is not
   known. */
static size_t tls_bytes_below(void) {
  size_t above = tls_layout.descriptor_bytes;
  return above != 0 && tls_layout.static_bytes > above
             ? tls_layout.static_bytes - above
             : 0;
}

uintptr_t gl_tls_stack_end(const void *tp) {
  size_t below = tls_bytes_below();
  return below != 0 ? (uintptr_t)tp - below
                    : (uintptr_t)tp + tls_layout.descriptor_bytes;
}

size_t gl_tls_generation(size_t module) {
  if (tls_layout.slots == NULL) return 0;
  const struct gl_tls_slots *slots = *tls_layout.slots;
  for (; slots != NULL; slots = slots->next) {
    if (module < slots->count) return slots->slots[module].generation;
    module -= slots->count;
  }
  return 0;
}

/* Every module that the thread has a block for, but for those that lie in the
   static storage. */
static void tls_scan_modules(const char *tp,
                             const struct tls_vector_entry *vector,
                             gl_scan_range *scan, void *data) {
  size_t entries = (size_t)(uintptr_t)vector[-1].block;
  size_t generation = (size_t)(uintptr_t)vector[0].block;
  if (entries > TLS_MODULES_MAX) return;
  for (size_t i = 0; i < gl_modules.tls_count; i++) {
    const struct gl_tls_module *module = &gl_modules.tls[i];
    if (module->id == 0 || module->id > entries) continue;
    if (module->generation > generation) continue;
    const char *block = vector[module->id].block;
    if (block == NULL || block == (const char *)-1) continue;
    if ((size_t)(tp - block) <= tls_bytes_below()) continue;
    scan(block, block + module->bytes, data);
  }
}

static void tls_scan_keys(const char *descriptor, gl_scan_range *scan,
                          void *data) {
  scan(descriptor, descriptor + tls_layout.descriptor_bytes, data);
  for (size_t i = 0; i < tls_layout.key_blocks; i++) {
    const char *block;
    memcpy(&block, descriptor + tls_layout.keys_offset + i * sizeof block,
           sizeof block);
    /* The first one lies in the descriptor itself. */
    bool within = (size_t)(block - descriptor) < tls_layout.descriptor_bytes;
    if (block != NULL && !within)
      scan(block, block + TLS_KEYS_PER_BLOCK * TLS_KEY_BYTES, data);
  }
}

void gl_tls_scan(const void *tp, gl_scan_range *scan, void *data) {
  /* Of all modules: that of a library loaded late may be here and not in the
     vector, which only __tls_get_addr fills. */
  scan((const char *)tp - tls_bytes_below(), tp, data);
  const struct tls_vector_entry *vector = ((void *const *)tp)[1];
  if (vector != NULL) tls_scan_modules(tp, vector, scan, data);
  if (tls_layout.descriptor_bytes != 0) tls_scan_keys(tp, scan, data);
}
