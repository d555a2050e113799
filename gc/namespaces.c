/* SPDX-License-Identifier: MIT */
/*
 * namespaces.c: the modules that dl_iterate_phdr does not show, since they are
 * in another namespace than we are: what dlmopen loaded, auditing libraries,
 * and the program, where it is we who were loaded so.
 *
 * From 2.35 on glibc publishes all namespaces to debuggers.  A namespace is
 * never taken off their list, and its entry is complete before it is there;
 * modules are put on its own list, and taken off it as they are unmapped, under
 * the lock that dl_iterate_phdr takes.  The caller holds that one, and no other
 * is taken: _dl_find_object waits for nobody.  It knows a module before the
 * first instruction there is run; until then the module is passed over.  Older
 * versions, and other C libraries, show no other namespaces.
 *
 * Another copy of this library is a module as any other.  What it holds are
 * addresses of its own heap, which mean nothing in this one.
 */
#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "gc.h"

/* glibc: struct r_debug_extended. */
struct namespaces_entry {
  struct r_debug debug;
  const struct namespaces_entry *next; /* where r_version is 2 or more */
};

/* glibc: struct dl_find_object. */
struct namespaces_object {
  unsigned long long flags;
  const char *low;
  const char *high;
  const struct link_map *module;
  void *unwinding;
  unsigned long long reserved[7];
};

/* _dl_find_object, which older versions do not have; returns 0 where it found
   a module. */
typedef int namespaces_finder(const void *address,
                              struct namespaces_object *found);
static namespaces_finder *namespaces_finder_found GL_DATA = NULL;

/* The first namespace, and the module that we are in. */
static const struct namespaces_entry *namespaces_all GL_DATA = NULL;
static const struct link_map *namespaces_own GL_DATA = NULL;

void gl_namespaces_init(void) {
  namespaces_finder *finder;
  *(void **)&finder = dlsym(RTLD_DEFAULT, "_dl_find_object");
  __atomic_store_n(&namespaces_finder_found, finder, __ATOMIC_RELAXED);
}

static bool namespaces_find(const void *address,
                            struct namespaces_object *found) {
  namespaces_finder *finder =
      __atomic_load_n(&namespaces_finder_found, __ATOMIC_RELAXED);
  return finder != NULL && finder(address, found) == 0;
}

/* The program's dynamic section leads to it.  The symbol _r_debug may lead to a
   copy in the program, which is shorter and never changes. */
static const struct namespaces_entry *namespaces_find_all(void) {
  struct namespaces_object program;
  const void *headers = (const void *)getauxval(AT_PHDR);
  if (!namespaces_find(headers, &program)) return NULL;
  const ElfW(Dyn) *at = program.module->l_ld;
  for (; at != NULL && at->d_tag != DT_NULL; at++)
    if (at->d_tag == DT_DEBUG) return (const void *)at->d_un.d_ptr;
  return NULL;
}

static bool namespaces_are_known(void) {
  struct namespaces_object own;
  if (namespaces_all != NULL) return true;
  if (!namespaces_find(&namespaces_all, &own)) return false;
  namespaces_own = own.module;
  namespaces_all = namespaces_find_all();
  return namespaces_all != NULL;
}

/* Acquires what the dynamic linker releases as it adds a namespace: the entry
   is complete. */
static bool namespaces_are_several(void) {
  return __atomic_load_n(&namespaces_all->debug.r_version, __ATOMIC_ACQUIRE) >=
         2;
}

static const struct link_map *namespaces_modules(
    const struct namespaces_entry *space) {
  return __atomic_load_n(&space->debug.r_map, __ATOMIC_ACQUIRE);
}

static bool namespaces_is_own(const struct link_map *module) {
  gl_assert(namespaces_own != NULL);
  while (module != NULL && module != namespaces_own) module = module->l_next;
  return module != NULL;
}

/* The headers of a file that is mapped from here on.  They lie within the first
   page of all but very odd files, which are passed over. */
static bool namespaces_read_headers(const char *file,
                                    struct dl_phdr_info *info) {
  const ElfW(Ehdr) *header = (const void *)file;
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return false;
  size_t bytes = header->e_phnum * sizeof(ElfW(Phdr));
  if (bytes > GL_PAGE_BYTES || header->e_phoff > GL_PAGE_BYTES - bytes)
    return false;
  info->dlpi_phdr = (const void *)(file + header->e_phoff);
  info->dlpi_phnum = header->e_phnum;
  gl_assert((const char *)(info->dlpi_phdr + info->dlpi_phnum) <=
            file + GL_PAGE_BYTES);
  return true;
}

/* False where it is not ready, or stands in for the dynamic linker, of which
   all namespaces share one. */
static bool namespaces_describe(const struct link_map *module,
                                struct dl_phdr_info *info) {
  struct namespaces_object found;
  if (!namespaces_find(module->l_ld, &found)) return false;
  if (found.module != module) return false;
  *info = (struct dl_phdr_info){.dlpi_addr = module->l_addr,
                                .dlpi_tls_modid = gl_tls_find_number(module)};
  return namespaces_read_headers(found.low, info);
}

static bool namespaces_visit_one(const struct link_map *module,
                                 gl_namespaces_visit_module *visit) {
  struct dl_phdr_info info;
  for (; module != NULL; module = module->l_next)
    if (namespaces_describe(module, &info) && !visit(&info)) return false;
  return true;
}

bool gl_namespaces_visit(gl_namespaces_visit_module *visit) {
  if (!namespaces_are_known() || !namespaces_are_several()) return true;
  const struct namespaces_entry *space = namespaces_all;
  for (; space != NULL;
       space = __atomic_load_n(&space->next, __ATOMIC_ACQUIRE)) {
    const struct link_map *modules = namespaces_modules(space);
    if (!namespaces_is_own(modules) && !namespaces_visit_one(modules, visit))
      return false;
  }
  return true;
}
