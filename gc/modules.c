/* SPDX-License-Identifier: MIT */
/*
 * modules.c: the writable data of the program and of every library that is
 * loaded, and the size of their thread-local storage.
 *
 * The list is made anew for every collection, with the dynamic linker's lock
 * held until the collection is over: so a library can be neither loaded nor
 * unloaded between the listing and the scanning.  It comes before all locks of
 * our own, since a program that allocates in a callback of dl_iterate_phdr has
 * it already.
 */
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "gc.h"

struct gl_modules gl_modules GL_DATA = {.tls_count = 0};

/* The linker makes these: the bounds of the section that GL_DATA names. */
extern const char __start_gl_data[] __attribute__((visibility("hidden")));
extern const char __stop_gl_data[] __attribute__((visibility("hidden")));

struct modules_hold {
  bool (*body)(void *data);
  void *data;
  bool result;
};

static bool modules_reserve_tls(void) {
  struct gl_modules *modules = &gl_modules;
  gl_assert(modules->tls_count <= modules->tls_capacity);
  if (modules->tls_count < modules->tls_capacity) return true;
  size_t capacity = modules->tls_capacity == 0
                        ? GL_PAGE_BYTES / sizeof *modules->tls
                        : modules->tls_capacity * 2;
  struct gl_tls_module *tls = gl_os_map(capacity * sizeof *tls);
  if (tls == NULL) return false;
  if (modules->tls != NULL) {
    memcpy(tls, modules->tls, modules->tls_count * sizeof *tls);
    gl_os_unmap(modules->tls, modules->tls_capacity * sizeof *tls);
  }
  modules->tls = tls;
  modules->tls_capacity = capacity;
  return true;
}

static bool modules_add_tls(size_t id, size_t bytes) {
  struct gl_modules *modules = &gl_modules;
  if (!modules_reserve_tls()) return false;
  gl_assert(modules->tls_count < modules->tls_capacity && bytes > 0);
  modules->tls[modules->tls_count++] = (struct gl_tls_module){
      .id = id, .bytes = bytes, .generation = gl_tls_generation(id)};
  return true;
}

bool gl_modules_reserve(void) {
  return gl_ranges_reserve(&gl_modules.data) && modules_reserve_tls();
}

static bool modules_add_segment(const struct dl_phdr_info *info,
                                const ElfW(Phdr) * segment) {
  const char *low = (const char *)(info->dlpi_addr + segment->p_vaddr);
  const char *high = low + segment->p_memsz;
  if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0)
    return gl_ranges_add(&gl_modules.data, low, high);
  if (segment->p_type == PT_TLS && segment->p_memsz > 0)
    return modules_add_tls(info->dlpi_tls_modid, segment->p_memsz);
  return true;
}

/* RELRO is rounded to whole pages: what shares a page with it is not
   protected, and stays a root. */
static bool modules_exclude_relro(const struct dl_phdr_info *info,
                                  const ElfW(Phdr) * segment) {
  if (segment->p_type != PT_GNU_RELRO) return true;
  uintptr_t low = info->dlpi_addr + segment->p_vaddr;
  uintptr_t high = (low + segment->p_memsz) & ~(GL_PAGE_BYTES - 1);
  return low >= high ||
         gl_ranges_exclude(&gl_modules.data, (void *)low, (void *)high);
}

/* The code of the dynamic linker: it has one such segment. */
static void modules_note_linker(const struct dl_phdr_info *info) {
  if (info->dlpi_addr != _r_debug.r_ldbase) return;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
    const char *low = (const char *)(info->dlpi_addr + segment->p_vaddr);
    gl_modules.linker = (struct gl_range){low, low + segment->p_memsz};
  }
}

static bool modules_add(const struct dl_phdr_info *info) {
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (!modules_add_segment(info, &info->dlpi_phdr[i])) return false;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (!modules_exclude_relro(info, &info->dlpi_phdr[i])) return false;
  return true;
}

static int modules_list_one(struct dl_phdr_info *info, size_t size,
                            void *data) {
  (void)size;
  (void)data;
  gl_modules.loads = info->dlpi_adds;
  modules_note_linker(info);
  return modules_add(info) ? 0 : 1;
}

bool gl_modules_list(void) {
  gl_modules.data.count = 0;
  gl_modules.tls_count = 0;
  if (dl_iterate_phdr(modules_list_one, NULL) != 0) return false;
  if (!gl_namespaces_visit(modules_add)) return false;
  gl_assert(gl_modules.data.count > 0);
  return gl_ranges_exclude(&gl_modules.data, __start_gl_data, __stop_gl_data);
}

/* Called for the first module only, with the linker's (recursive) lock held. */
static int modules_hold_first(struct dl_phdr_info *info, size_t size,
                              void *data) {
  (void)info;
  (void)size;
  struct modules_hold *hold = data;
  hold->result = hold->body(hold->data);
  return 1;
}

bool gl_modules_hold(bool (*body)(void *data), void *data) {
  struct modules_hold hold = {body, data, false};
  dl_iterate_phdr(modules_hold_first, &hold);
  return hold.result;
}

/* --------------------------------------------------------------------- fork */

/*
 * The lock that dl_iterate_phdr takes is not among those that the C library
 * puts right in the child of a fork.  Where another thread had it, the child
 * waits for ever: in a collection, but in throwing an exception as well.  So it
 * is taken before a fork.
 *
 * Nobody gives its address away; it is in the dynamic linker's own data, and it
 * is the recursive mutex there that we hold once more in a callback of a
 * callback than in a callback.  (Whoever sets up the library may hold it
 * before, or the lock that dlopen takes.)  This waits for that lock, and for no
 * other.
 */
static pthread_mutex_t *modules_lock GL_DATA = NULL;

/* The same while a fork holds it: it may be found meanwhile. */
static pthread_mutex_t *modules_fork_lock GL_DATA = NULL;

static pthread_mutex_t *modules_known_lock(void) {
  return __atomic_load_n(&modules_lock, __ATOMIC_RELAXED);
}

struct modules_search {
  pthread_mutex_t *found; /* the first one that fits */
  size_t count;
};

/* How often this thread holds it, 0 where it may be no mutex at all.  (Who it
   is comes last, a system call: this is asked of every word.) */
static unsigned modules_depth(const pthread_mutex_t *mutex) {
  bool holds = (mutex->__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE_NP &&
               mutex->__data.__count != 0 &&
               mutex->__data.__owner == gettid();
  return holds ? mutex->__data.__count : 0;
}

struct modules_deeper {
  const pthread_mutex_t *mutex;
  unsigned depth;
};

static int modules_look_deeper(struct dl_phdr_info *info, size_t size,
                               void *data) {
  struct modules_deeper *deeper = data;
  (void)info;
  (void)size;
  deeper->depth = modules_depth(deeper->mutex);
  return 1;
}

static void modules_try_mutex(struct modules_search *search,
                              pthread_mutex_t *mutex) {
  unsigned depth = modules_depth(mutex);
  if (depth == 0) return;
  struct modules_deeper deeper = {.mutex = mutex};
  dl_iterate_phdr(modules_look_deeper, &deeper);
  if (deeper.depth != depth + 1) return;
  if (search->count++ == 0) search->found = mutex;
}

static void modules_search_data(struct modules_search *search, uintptr_t low,
                                uintptr_t high) {
  uintptr_t at = gl_round_up(low, sizeof(void *));
  for (; at + sizeof(pthread_mutex_t) <= high; at += sizeof(void *))
    modules_try_mutex(search, (pthread_mutex_t *)at);
}

static int modules_search_linker(struct dl_phdr_info *info, size_t size,
                                 void *data) {
  (void)size;
  if (info->dlpi_addr != _r_debug.r_ldbase) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    uintptr_t low = info->dlpi_addr + segment->p_vaddr;
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0)
      modules_search_data(data, low, low + segment->p_memsz);
  }
  return 1;
}

void gl_modules_init(void) {
  struct modules_search search = {.count = 0};
  if (modules_known_lock() != NULL) return;
  dl_iterate_phdr(modules_search_linker, &search);
  gl_assert((search.count == 0) == (search.found == NULL));
  if (search.count == 1)
    __atomic_store_n(&modules_lock, search.found, __ATOMIC_RELAXED);
}

bool gl_modules_are_held(void) {
  const pthread_mutex_t *lock = modules_known_lock();
  if (lock == NULL) return false;
  int owner = __atomic_load_n(&lock->__data.__owner, __ATOMIC_RELAXED);
  return owner != 0 && owner == gettid(); /* a system call */
}

void gl_modules_before_fork(void) {
  pthread_mutex_t *lock = modules_known_lock();
  if (lock == NULL) return;
  pthread_mutex_lock(lock);
  gl_assert(modules_fork_lock == NULL);
  modules_fork_lock = lock;
}

void gl_modules_after_fork(bool in_child) {
  pthread_mutex_t *lock = modules_fork_lock;
  if (lock == NULL) return;
  gl_assert(lock == modules_known_lock());
  /* The child's only thread has another number than the one that locked. */
  if (in_child) lock->__data.__owner = gettid();
  modules_fork_lock = NULL;
  pthread_mutex_unlock(lock);
}

/* -------------------------------------------------------- naming an address */

struct modules_find {
  uintptr_t address;
  char *name;
  size_t size;
};

static int modules_find_one(struct dl_phdr_info *info, size_t size,
                            void *data) {
  (void)size;
  struct modules_find *find = data;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    uintptr_t low = info->dlpi_addr + segment->p_vaddr;
    if (segment->p_type != PT_LOAD || find->address - low >= segment->p_memsz)
      continue;
    const char *name = info->dlpi_name;
    if (name == NULL || *name == '\0') name = "the program";
    struct gl_text text = {find->name, find->size, 0};
    gl_text_string(&text, name);
    return 1;
  }
  return 0;
}

bool gl_modules_find(const void *address, char *name, size_t size) {
  struct modules_find find = {(uintptr_t)address, name, size};
  gl_assert(size > 0);
  return dl_iterate_phdr(modules_find_one, &find) != 0;
}
