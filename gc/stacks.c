/* SPDX-License-Identifier: MIT */
/*
 * stacks.c: which memory is the stack of a stopped thread.
 *
 * From the stack pointer to the end of the stack it is in, flat.  What stack
 * that is:
 *
 *    the thread's own       for the main thread, to the end of its mapping, for
 *                           the program's arguments lie there; for others, up
 *                           to the thread-local storage that the C library
 *                           keeps at the top
 *    alternate signal stack its upper end, and then the stack beneath it, from
 *                           where the signal came
 *    a block of the heap    a coroutine's: the stack pointer itself is a root,
 *                           and the block is scanned like any other
 *    an added stack         gc_add_stack; all of it is scanned in any case
 *    any other memory       to the end of its mapping
 *
 * A thread that is not on its own stack has frames waiting there too, and
 * nobody knows how far down: all of its pages that are in memory are scanned.
 * So they are where it may seem to be on its own: on an added stack that is a
 * local variable, or where nobody tells of an alternate signal stack that is.
 *
 * Everything runs with the world stopped and the heap lock held.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../alloc/os.h"
#include "threads.h"

/* Pages that are looked at by one system call. */
#define STACKS_PROBE_PAGES 64

/* Signal stacks within signal stacks: no deeper than this. */
#define STACKS_NESTED_MAX 4

/* Where the first frame of the program begins (glibc's dynamic linker). */
extern void *__libc_stack_end;

static struct {
  struct gl_ranges maps; /* readable and writable mappings, by address */
  bool maps_are_read;
  bool maps_are_complete; /* false where there was no memory for them */
  struct gl_ranges added; /* by gc_add_stack */
  pid_t main_tid;         /* thread on the process's first stack; 0 for none */
} stacks GL_DATA = {.maps_are_read = false};

/* ---------------------------------------------------------------- mappings */

/* The fields of a line of maps: "low-high rwxp offset device inode name\n". */
enum stacks_field {
  STACKS_LOW,
  STACKS_HIGH,
  STACKS_READ,
  STACKS_WRITE,
  STACKS_REST, /* of the permissions */
  STACKS_OFFSET,
  STACKS_DEVICE,
  STACKS_INODE,
  STACKS_NAME
};

/* A reader of maps, a byte at a time.  It fills the table, and finds the
   mapping of one address meanwhile. */
struct stacks_reader {
  uintptr_t number[2];
  int field; /* enum stacks_field */
  bool readable, writable;
  bool anonymous; /* not of a file */
  uintptr_t address;
  struct gl_range found;
  struct gl_range last; /* the newest, not yet in the table: */
  bool may_go_on;       /* an anonymous one */
};

static void stacks_note(struct stacks_reader *reader) {
  const struct gl_range *last = &reader->last;
  gl_assert(last->low <= last->high);
  if (last->low == last->high) return;
  if (!gl_ranges_add(&stacks.maps, last->low, last->high))
    stacks.maps_are_complete = false;
  if (reader->address - (uintptr_t)last->low <
      (uintptr_t)(last->high - last->low))
    reader->found = *last;
}

/* What is one stack may be several mappings: mlock, madvise and mprotect divide
   them.  (But the heap, and what lies below it, are two things.) */
static bool stacks_goes_on(const struct stacks_reader *reader,
                           const char *low) {
  return reader->anonymous && reader->may_go_on && reader->last.high == low &&
         !gl_in_heap(low) && !gl_in_heap(low - 1);
}

static void stacks_end_line(struct stacks_reader *reader) {
  const char *low = (const char *)reader->number[STACKS_LOW];
  const char *high = (const char *)reader->number[STACKS_HIGH];
  gl_assert(reader->field >= STACKS_INODE && low < high);
  if (!reader->readable || !reader->writable) low = high = NULL;
  if (low == NULL || !stacks_goes_on(reader, low)) {
    stacks_note(reader);
    reader->last.low = low;
    reader->may_go_on = reader->anonymous;
  }
  reader->last.high = high;
  reader->number[0] = reader->number[1] = 0;
  reader->field = STACKS_LOW;
}

static void stacks_read_byte(struct stacks_reader *reader, char c) {
  if (c == '\n') {
    stacks_end_line(reader);
  } else if (reader->field >= STACKS_REST) {
    reader->anonymous &= reader->field != STACKS_INODE || c == '0' || c == ' ';
    if (c == ' ' && reader->field < STACKS_NAME) reader->field++;
  } else if (reader->field >= STACKS_READ) {
    if (reader->field == STACKS_READ) reader->readable = c == 'r';
    if (reader->field == STACKS_WRITE) reader->writable = c == 'w';
    reader->anonymous = true;
    reader->field++;
  } else if (c == '-' || c == ' ') {
    reader->field++;
  } else {
    unsigned digit = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    uintptr_t *number = &reader->number[reader->field];
    gl_assert(digit < 16 && *number >> 60 == 0);
    *number = *number << 4 | digit;
  }
}

/* Read all mappings.  Returns that of address, or an empty range.  By way of
   this thread: /proc/self shows nothing once the main thread has ended. */
static struct gl_range stacks_read_maps(uintptr_t address) {
  char buffer[4096];
  struct stacks_reader reader = {.address = address};
  stacks.maps.count = 0;
  stacks.maps_are_read = true;
  stacks.maps_are_complete = true;
  int fd = open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  for (ssize_t n = fd < 0 ? 0 : 1; n > 0;) {
    n = read(fd, buffer, sizeof buffer);
    for (ssize_t i = 0; i < n; i++) stacks_read_byte(&reader, buffer[i]);
  }
  stacks_note(&reader);
  if (fd >= 0) close(fd);
  gl_assert(reader.found.low == NULL ||
            address - (uintptr_t)reader.found.low <
                (uintptr_t)(reader.found.high - reader.found.low));
  return reader.found;
}

/* How many pages from one on can be read, of some. */
static size_t stacks_count_readable(uintptr_t page) {
  struct iovec pages[STACKS_PROBE_PAGES];
  char bytes[STACKS_PROBE_PAGES];
  gl_assert(page % GL_PAGE_BYTES == 0);
  struct iovec here = {bytes, sizeof bytes};
  for (size_t i = 0; i < STACKS_PROBE_PAGES; i++)
    pages[i] = (struct iovec){(char *)page + (i << GL_PAGE_SHIFT), 1};
  ssize_t n =
      process_vm_readv(getpid(), &here, 1, pages, STACKS_PROBE_PAGES, 0);
  return n > 0 ? (size_t)n : 0;
}

/* What can be read around an address, from the page before on, where the table
   of mappings cannot be: without a file descriptor, or /proc. */
static struct gl_range stacks_probe(uintptr_t address) {
  uintptr_t low = address & ~(GL_PAGE_BYTES - 1), high = low;
  for (size_t n = STACKS_PROBE_PAGES; n == STACKS_PROBE_PAGES;) {
    n = stacks_count_readable(high);
    high += n << GL_PAGE_SHIFT;
  }
  if (high > low && stacks_count_readable(low - GL_PAGE_BYTES) > 0)
    low -= GL_PAGE_BYTES;
  gl_assert(low == high || address - low < high - low);
  return (struct gl_range){(char *)low, (char *)high};
}

/* The mapping that address is in, or what can be read around it; or an empty
   range. */
static struct gl_range stacks_mapping(uintptr_t address) {
  if (!stacks.maps_are_read || !stacks.maps_are_complete) {
    struct gl_range found = stacks_read_maps(address);
    return stacks.maps.count > 0 ? found : stacks_probe(address);
  }
  if (stacks.maps.count == 0) return stacks_probe(address);
  const char *at = (const char *)address;
  size_t low = 0, high = stacks.maps.count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct gl_range *range = &stacks.maps.items[middle];
    gl_assert(range->low < range->high);
    if (at >= range->low && at < range->high) return *range;
    if (at < range->low)
      high = middle;
    else
      low = middle + 1;
  }
  return (struct gl_range){at, at};
}

bool gl_stacks_share(const void *one, const void *other) {
  int cancel_state = gl_cancel_forbid();
  gl_heap_lock(NULL);
  struct gl_range range = stacks_read_maps((uintptr_t)one);
  gl_heap_unlock();
  gl_cancel_restore(cancel_state);
  return (const char *)other >= range.low && (const char *)other < range.high;
}

bool gl_stacks_is_mapped(const void *address) {
  return gl_stacks_share(address, address);
}

void gl_stacks_begin(void) { stacks.maps_are_read = false; }

/* ------------------------------------------------------- pages in memory */

#define STACKS_PAGEMAP_ENTRIES 512
#define STACKS_PAGE_IS_THERE ((uint64_t)3 << 62) /* present, or swapped out */

/* The program may have made a page of a stack a guard, after it was used.
   Pages are asked for in order, hence the mapping of the last one. */
static bool stacks_is_readable(uintptr_t page, struct gl_range *last) {
  uintptr_t bytes = (uintptr_t)(last->high - last->low);
  gl_assert(page % GL_PAGE_BYTES == 0);
  if (page - (uintptr_t)last->low < bytes) return true;
  *last = stacks_mapping(page);
  return last->high > last->low || stacks.maps.count == 0;
}

/* Scan the pages of [low, high) that are in memory; without /proc, all. */
static void stacks_scan_resident(uintptr_t low, uintptr_t high,
                                 gl_scan_range *scan, void *data) {
  uint64_t entries[STACKS_PAGEMAP_ENTRIES];
  struct gl_range mapping = {NULL, NULL};
  int fd = open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
  uintptr_t page = low & ~(GL_PAGE_BYTES - 1);
  while (page < high) {
    size_t count = (high - page + GL_PAGE_BYTES - 1) >> GL_PAGE_SHIFT;
    if (count > STACKS_PAGEMAP_ENTRIES) count = STACKS_PAGEMAP_ENTRIES;
    ssize_t n = fd < 0 ? -1
                       : pread(fd, entries, count * sizeof *entries,
                               (off_t)(page >> GL_PAGE_SHIFT) * 8);
    size_t known = n < 0 ? 0 : (size_t)n / sizeof *entries;
    gl_assert(known <= count);
    for (size_t i = 0; i < count; i++, page += GL_PAGE_BYTES) {
      if (i < known && (entries[i] & STACKS_PAGE_IS_THERE) == 0) continue;
      if (!stacks_is_readable(page, &mapping)) continue;
      uintptr_t from = page > low ? page : low;
      uintptr_t to = page + GL_PAGE_BYTES < high ? page + GL_PAGE_BYTES : high;
      scan((void *)from, (void *)to, data);
    }
  }
  if (fd >= 0) close(fd);
}

/* --------------------------------------------------- the thread's own stack */

static bool stacks_is_main(const struct gl_thread *thread) {
  return thread->tid == stacks.main_tid;
}

void gl_stacks_init(void) { stacks.main_tid = getpid(); }

void gl_stacks_after_fork(bool by_main) {
  stacks.main_tid = by_main ? getpid() : 0;
}

/* The main thread's stack grows, so its lower end is asked for again.  Where
   nobody knows it, all that is below is taken for the stack. */
static void stacks_find_main(struct gl_thread *thread) {
  gl_assert(__libc_stack_end != NULL && thread->tid > 0);
  thread->stack_high = gl_round_up((uintptr_t)__libc_stack_end, 16);
  struct gl_range mapping = stacks_mapping(thread->stack_high - 1);
  thread->stack_low = 0;
  if (stacks.maps.count == 0) return;
  thread->stack_low = (uintptr_t)mapping.low;
  thread->stack_high = (uintptr_t)mapping.high;
}

static void stacks_find_own(struct gl_thread *thread) {
  if (stacks_is_main(thread)) {
    stacks_find_main(thread);
    return;
  }
  if (thread->stack_tp == thread->tp) return;
  uintptr_t tp = (uintptr_t)thread->tp;
  struct gl_range mapping = stacks_mapping(tp);
  thread->stack_tp = stacks.maps.count > 0 ? thread->tp : NULL;
  thread->stack_low = (uintptr_t)mapping.low;
  uintptr_t high = gl_tls_stack_end(thread->tp);
  if (high > (uintptr_t)mapping.high) high = (uintptr_t)mapping.high;
  thread->stack_high = high;
}

static bool stacks_on_own(struct gl_thread *thread, uintptr_t sp) {
  if (thread->stack_tp == thread->tp && sp >= thread->stack_low &&
      sp < thread->stack_high)
    return true;
  stacks_find_own(thread);
  if (stacks_is_main(thread)) thread->stack_tp = thread->tp;
  return sp >= thread->stack_low && sp < thread->stack_high;
}

/* ----------------------------------------------------------------- scanning */

struct stacks_walk {
  struct gl_thread *thread;
  gl_scan_range *scan;
  void *data;
};

/* The red zone may reach out of a stack that is nearly full. */
static void stacks_scan_words(const struct stacks_walk *walk, uintptr_t sp,
                              uintptr_t low, uintptr_t high) {
  gl_assert(sp >= low);
  size_t red_zone = walk->thread->red_zone_bytes;
  uintptr_t from = sp - low < red_zone ? low : sp - red_zone;
  walk->scan((void *)from, (void *)high, walk->data);
}

/* The added stack that an address is in, or NULL. */
static const struct gl_range *stacks_find_added(const char *address) {
  return gl_ranges_find(&stacks.added, address);
}

/* On a stack that is neither the thread's own nor for signals. */
static void stacks_scan_foreign(const struct stacks_walk *walk, uintptr_t sp) {
  gl_assert(sp < walk->thread->stack_low || sp >= walk->thread->stack_high);
  if (gl_in_heap((void *)sp)) {
    walk->scan(&sp, &sp + 1, walk->data);
    return;
  }
  if (stacks_find_added((const char *)sp) != NULL) return;
  struct gl_range mapping = stacks_mapping(sp);
  stacks_scan_words(walk, sp, (uintptr_t)mapping.low, (uintptr_t)mapping.high);
}

/* Scan the stack that sp is in.  Returns the stack pointer of what waits
   beneath, where that is known; 0 where sp was on the thread's own stack; and
   1 where something waits there, or may wait, but nobody knows where. */
static uintptr_t stacks_scan_one(const struct stacks_walk *walk, uintptr_t sp) {
  struct gl_thread *thread = walk->thread;
  if (sp >= thread->alt_low && sp < thread->alt_high) {
    stacks_scan_words(walk, sp, thread->alt_low, thread->alt_high);
    const ucontext_t *beneath =
        gl_context_find_beneath(sp, thread->alt_low, thread->alt_high);
    return beneath != NULL ? gl_context_sp(beneath) : 1;
  }
  if (stacks_on_own(thread, sp)) {
    stacks_scan_words(walk, sp, thread->stack_low, thread->stack_high);
    bool may_wait =
        thread->tracee != NULL || stacks_find_added((const char *)sp) != NULL;
    return may_wait ? 1 : 0;
  }
  stacks_scan_foreign(walk, sp);
  return 1;
}

void gl_stacks_scan(struct gl_thread *thread, gl_scan_range *scan, void *data) {
  struct stacks_walk walk = {thread, scan, data};
  uintptr_t sp = thread->sp;
  gl_assert(gl_threads_are_stopped());
  for (int i = 0; i < STACKS_NESTED_MAX && sp > 1; i++)
    sp = stacks_scan_one(&walk, sp);
  if (sp == 0) return;
  stacks_find_own(thread);
  stacks_scan_resident(thread->stack_low, thread->stack_high, scan, data);
}

struct gl_range gl_stacks_left_out(const struct gl_thread *thread) {
  const char *sp = (const char *)thread->sp;
  struct gl_block block;
  gl_assert(gl_threads_are_stopped());
  if (gl_in_heap(sp) && gl_heap_find(sp, &block)) {
    gl_assert((size_t)(sp - block.start) < block.size);
    return (struct gl_range){sp, block.start + block.size};
  }
  const struct gl_range *added = stacks_find_added(sp);
  return (struct gl_range){sp, added != NULL ? added->high : sp};
}

bool gl_stacks_are_mapped(const char *low, const char *high) {
  if (high < low) return false; /* it may be any word */
  while (low < high) {
    struct gl_range mapping = stacks_mapping((uintptr_t)low);
    if (mapping.high <= low) return false;
    gl_assert(mapping.low <= low);
    low = mapping.high;
  }
  return true;
}

bool gl_stacks_try_copy(void *to, const void *from, size_t bytes) {
  gl_assert(bytes > 0 && gl_threads_are_stopped());
  struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)from, bytes};
  ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  if (n >= 0 || errno == EFAULT) return n == (ssize_t)bytes;
  /* A sandbox may forbid the call. */
  if (!gl_stacks_are_mapped(from, (const char *)from + bytes)) return false;
  memcpy(to, from, bytes);
  return true;
}

/* ------------------------------------------------------------- added stacks */

void gl_stacks_scan_added(gl_scan_range *scan, void *data) {
  for (size_t i = 0; i < stacks.added.count; i++)
    stacks_scan_resident((uintptr_t)stacks.added.items[i].low,
                         (uintptr_t)stacks.added.items[i].high, scan, data);
}

GC_API bool gc_add_stack(const void *low, const void *high) {
  if (low > high) {
    errno = EINVAL;
    return false;
  }
  if (!gl_setup()) return false;
  gl_heap_lock(NULL);
  bool added = gl_ranges_add(&stacks.added, low, high);
  gl_heap_unlock();
  if (!added) errno = ENOMEM;
  return added;
}

GC_API bool gc_remove_stack(const void *low, const void *high) {
  gl_heap_lock(NULL);
  bool removed = gl_ranges_remove(&stacks.added, low, high);
  gl_heap_unlock();
  if (!removed) errno = EINVAL;
  return removed;
}
