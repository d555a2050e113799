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
 *
 * A thread that has ended is one no more, but until it is joined its descriptor
 * has what it returns.  The C library lists all descriptors, as debuggers want
 * to know, too.
 *
 * The linker makes the vector longer by realloc, and only then has the thread's
 * word lead to it.  Between the two the word leads to memory that is free, and
 * may be another's, or gone; what leads to the new vector is a register or a
 * word of the thread's stack.  Where a thread may be there, all its words are
 * tried, and nothing is taken for a vector but what may be read and has entries
 * that lead to static storage of this thread.  Its other entries are believed
 * where they lead to memory.
 */
#include <dlfcn.h>
#include <string.h>

#include "mark.h"
#include "threads.h"

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

/* glibc: list_t. */
struct gl_tls_link {
  const struct gl_tls_link *next;
};

/* A key's slot, and how many lie in a second-level block. */
#define TLS_KEY_BYTES 16
#define TLS_KEYS_PER_BLOCK 32

_Static_assert(TLS_KEY_BYTES % sizeof(uintptr_t) == 0, "copied by words");

static struct gl_tls_layout tls_layout GL_DATA = {.descriptor_bytes = 0};

/* No process loads so many modules, or has so many threads. */
#define TLS_MODULES_MAX ((size_t)1 << 20)
#define TLS_THREADS_MAX ((size_t)1 << 22)

/* glibc: DTV_SURPLUS, entries that any vector has to spare when it is made. */
#define TLS_SURPLUS 14

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

/* Since glibc 2.34 the lists are the dynamic linker's. */
static void tls_find_threads(struct gl_tls_layout *found) {
  const char *linker = dlsym(RTLD_DEFAULT, "_rtld_global");
  const uint32_t *own =
      tls_debugger_symbol("_thread_db_rtld_global__dl_stack_used");
  const uint32_t *user =
      tls_debugger_symbol("_thread_db_rtld_global__dl_stack_user");
  const uint32_t *link = tls_debugger_symbol("_thread_db_pthread_list");
  const uint32_t *tid = tls_debugger_symbol("_thread_db_pthread_tid");
  if (linker == NULL || own == NULL || user == NULL || link == NULL ||
      tid == NULL || !tls_is_at("_thread_db_list_t_next", 0))
    return;
  if (link[2] >= found->descriptor_bytes || tid[2] >= found->descriptor_bytes)
    return;
  found->threads[0] = (const void *)(linker + own[2]);
  found->threads[1] = (const void *)(linker + user[2]);
  found->link_offset = link[2];
  found->tid_offset = tid[2];
}

struct gl_tls_layout gl_tls_find_layout(void) {
  struct gl_tls_layout found = {.static_bytes = tls_find_static(),
                                .slots = tls_find_slots()};
  const uint32_t *size = tls_debugger_symbol("_thread_db_sizeof_pthread");
  const uint32_t *keys = tls_debugger_symbol("_thread_db_pthread_specific");
  if (size == NULL || *size > 16 * GL_PAGE_BYTES) return found;
  found.descriptor_bytes = *size;
  tls_find_threads(&found);
  if (keys == NULL || keys[2] >= *size) return found;
  found.keys_offset = keys[2];
  /* Older tables count the array as one element of many bits. */
  found.key_blocks = keys[1] > 1 ? keys[1] : keys[0] / 64;
  if (found.keys_offset + found.key_blocks * sizeof(void *) > *size)
    found.key_blocks = 0;
  return found;
}

void gl_tls_set_layout(const struct gl_tls_layout *layout) {
  gl_assert(layout->keys_offset + layout->key_blocks * sizeof(void *) <=
            layout->descriptor_bytes);
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

size_t gl_tls_find_number(const void *module) {
  gl_assert(module != NULL); /* as slots are that have none */
  if (tls_layout.slots == NULL) return 0;
  size_t number = 0;
  const struct gl_tls_slots *slots = *tls_layout.slots;
  for (; slots != NULL; slots = slots->next)
    for (size_t i = 0; i < slots->count; i++, number++)
      if (slots->slots[i].module == module) return number;
  return 0;
}

struct tls_scan {
  const char *tp;
  bool doubtful; /* a block that is not in memory is none */
  gl_scan_range *scan;
  void *data;
  const struct tls_vector_entry *last; /* the vector that was found last */
};

GL_MARK_UNCHECKED static size_t tls_entries(
    const struct tls_vector_entry *vector) {
  return (size_t)(uintptr_t)vector[-1].block;
}

static bool tls_is_static(const char *tp, const void *block) {
  return (size_t)(tp - (const char *)block) <= tls_bytes_below();
}

/* Every module that the thread has a block for, but for those that lie in the
   static storage. */
GL_MARK_UNCHECKED static void tls_scan_modules(
    const struct tls_scan *how, const struct tls_vector_entry *vector) {
  size_t entries = tls_entries(vector);
  size_t generation = (size_t)(uintptr_t)vector[0].block;
  if (entries > TLS_MODULES_MAX) return;
  for (size_t i = 0; i < gl_modules.tls_count; i++) {
    const struct gl_tls_module *module = &gl_modules.tls[i];
    if (module->id == 0 || module->id > entries) continue;
    if (module->generation > generation) continue;
    const char *block = vector[module->id].block;
    if (block == NULL || block == (const char *)-1) continue;
    if (tls_is_static(how->tp, block)) continue;
    if (how->doubtful && !gl_stacks_are_mapped(block, block + module->bytes))
      continue;
    how->scan(block, block + module->bytes, how->data);
  }
}

/* A thread that ends frees its blocks before it forgets them: the memory may be
   another's, or gone. */
static void tls_scan_key_block(const char *block, gl_scan_range *scan,
                               void *data) {
  uintptr_t words[TLS_KEYS_PER_BLOCK * TLS_KEY_BYTES / sizeof(uintptr_t)];
  if (gl_stacks_try_copy(words, block, sizeof words))
    scan(words, (const char *)words + sizeof words, data);
}

static void tls_scan_keys(const char *descriptor, gl_scan_range *scan,
                          void *data) {
  scan(descriptor, descriptor + tls_layout.descriptor_bytes, data);
  for (size_t i = 0; i < tls_layout.key_blocks; i++) {
    const char *block;
    gl_assert(tls_layout.keys_offset + (i + 1) * sizeof block <=
              tls_layout.descriptor_bytes);
    memcpy(&block, descriptor + tls_layout.keys_offset + i * sizeof block,
           sizeof block);
    /* The first one lies in the descriptor itself. */
    bool within = (size_t)(block - descriptor) < tls_layout.descriptor_bytes;
    if (block != NULL && !within) tls_scan_key_block(block, scan, data);
  }
}

/* All but what the vector leads to.  Static storage of all modules: that of a
   library loaded late may be here and not in the vector, which only
   __tls_get_addr fills.  Returns the vector, or NULL. */
static const struct tls_vector_entry *tls_scan_fixed(const char *tp,
                                                     gl_scan_range *scan,
                                                     void *data) {
  scan(tp - tls_bytes_below(), tp, data);
  if (tls_layout.descriptor_bytes != 0) tls_scan_keys(tp, scan, data);
  return ((void *const *)tp)[1];
}

void gl_tls_scan(const void *tp, gl_scan_range *scan, void *data) {
  struct tls_scan how = {.tp = tp, .scan = scan, .data = data};
  const struct tls_vector_entry *vector = tls_scan_fixed(tp, scan, data);
  if (vector != NULL) tls_scan_modules(&how, vector);
}

/* ------------------------------------------------- threads that have ended */

/* The system writes a 0 over the number of a thread that has ended.  Of one
   that is about to start it may not be there yet. */
GL_MARK_UNCHECKED static void tls_scan_ended(const char *descriptor,
                                             gl_scan_range *scan, void *data) {
  pid_t tid;
  memcpy(&tid, descriptor + tls_layout.tid_offset, sizeof tid);
  if (tid == 0)
    scan(descriptor, descriptor + tls_layout.descriptor_bytes, data);
}

GL_MARK_UNCHECKED void gl_tls_scan_ended(gl_scan_range *scan, void *data) {
  gl_assert(gl_threads_are_stopped());
  for (int i = 0; i < 2; i++) {
    const struct gl_tls_link *first = tls_layout.threads[i], *at = first;
    if (first == NULL) continue;
    for (size_t n = 0; n < TLS_THREADS_MAX; n++) {
      at = at->next;
      if (at == first || at == NULL) break; /* NULL: not made yet */
      tls_scan_ended((const char *)at - tls_layout.link_offset, scan, data);
    }
  }
}

/* ------------------------------------------------ a vector that is replaced */

GL_MARK_UNCHECKED bool gl_tls_may_change(const void *low, const void *high) {
  const struct gl_range *linker = &gl_modules.linker;
  size_t bytes = (size_t)(linker->high - linker->low);
  gl_assert(linker->low <= linker->high);
  if (gl_modules.loads <= TLS_SURPLUS) return false;
  for (const uintptr_t *at = low; at < (const uintptr_t *)high; at++)
    if (*at - (uintptr_t)linker->low < bytes) return true;
  return false;
}

/* Whether a vector of this thread is at this address.  The C library's storage
   is static. */
GL_MARK_UNCHECKED static bool tls_is_vector(
    const struct tls_scan *how, const struct tls_vector_entry *vector) {
  const char *low = (const char *)(vector - 1);
  gl_assert(how->doubtful && tls_bytes_below() != 0);
  if (!gl_stacks_are_mapped(low, (const char *)(vector + 1))) return false;
  size_t entries = tls_entries(vector);
  if (entries > TLS_MODULES_MAX) return false;
  if (!gl_stacks_are_mapped(low, (const char *)(vector + 1 + entries)))
    return false;
  for (size_t i = 0; i < gl_modules.tls_count; i++) {
    size_t id = gl_modules.tls[i].id;
    if (id != 0 && id <= entries && tls_is_static(how->tp, vector[id].block))
      return true;
  }
  return false;
}

/* In the first and the last page of all is no memory, and what is computed
   there may wrap. */
static void tls_try_vector(struct tls_scan *how, uintptr_t address) {
  if (address + GL_PAGE_BYTES < 2 * GL_PAGE_BYTES) return;
  const struct tls_vector_entry *vector = (void *)address;
  if (vector == how->last || !tls_is_vector(how, vector)) return;
  how->last = vector;
  tls_scan_modules(how, vector);
}

/* What realloc returns is the entry before the vector; and before that lies the
   header of a block of malloc, which is all that it knows while it frees the
   old one. */
GL_MARK_UNCHECKED static void tls_look_for_vector(const void *low,
                                                  const void *high,
                                                  void *data) {
  const size_t entry = sizeof(struct tls_vector_entry);
  for (const uintptr_t *at = low; at < (const uintptr_t *)high; at++) {
    if (*at % entry != 0) continue;
    for (uintptr_t i = 0; i <= 2; i++) tls_try_vector(data, *at + i * entry);
  }
}

void gl_tls_scan_doubtful(const void *tp, const struct gl_tls_words *words,
                          gl_scan_range *scan, void *data) {
  struct tls_scan how = {
      .tp = tp, .doubtful = true, .scan = scan, .data = data};
  if (tls_bytes_below() == 0) {
    gl_tls_scan(tp, scan, data);
    return;
  }
  tls_try_vector(&how, (uintptr_t)tls_scan_fixed(tp, scan, data));
  words->visit(words, tls_look_for_vector, &how);
}
