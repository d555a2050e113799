/* SPDX-License-Identifier: MIT */
/*
 * gc.h: what the files of the collector share: the options, the state of the
 * collector, and the phases that collect.c strings together.  The heap is seen
 * through alloc/heap.h alone.
 */
#ifndef GL_GC_H
#define GL_GC_H

#include <gleaner.h>
#include <pthread.h>

#include "../alloc/heap.h"

/* ----------------------------------------------------------------- options */

enum gl_mode { GL_MODE_MIXED, GL_MODE_IMPLICIT, GL_MODE_EXPLICIT };

/* What the environment said, see gleaner(7). */
struct gl_options {
  bool log;                /* GLEANER_LOG */
  bool check;              /* GLEANER_CHECK */
  bool debug;              /* GLEANER_DEBUG */
  enum gl_mode mode;       /* GLEANER_MODE */
  size_t heap_limit;       /* GLEANER_HEAP_LIMIT, bytes, 0 for none */
  uint64_t stress_every;   /* GLEANER_STRESS=every:N, 0 for never */
  bool stress_minor;       /* GLEANER_STRESS=minor:N */
  unsigned markers;        /* GLEANER_MARKERS, 0 for as many as processors */
  size_t mark_stack;       /* GLEANER_MARK_STACK, entries, 0 for growing */
  size_t mark_packets;     /* GLEANER_MARK_PACKETS, sent between markers */
  int stop_signal;         /* GLEANER_SIGNAL, 0 to choose one */
  bool preloaded;          /* as malloc: explicit, unless GLEANER_MODE is set */
  bool lean;               /* and so without a collector: lean.c */
};

extern struct gl_options gl_options;

void gl_options_read(void);

/* ------------------------------------------------------------------ ranges */

/* Memory to scan: [low, high), both multiples of the word size. */
struct gl_range {
  const char *low;
  const char *high;
};

/* A growing table of ranges outside the heap. */
struct gl_ranges {
  struct gl_range *items;
  size_t count;
  size_t capacity;
};

/* Make room for one more range; false where there is no memory. */
bool gl_ranges_reserve(struct gl_ranges *ranges);

/* Add a range; words cut by its ends are left out.  False, with nothing
   changed, where there is no memory. */
bool gl_ranges_add(struct gl_ranges *ranges, const void *low, const void *high);

/* Undo one gl_ranges_add of this range; false where there was none. */
bool gl_ranges_remove(struct gl_ranges *ranges, const void *low,
                      const void *high);

/* The first one that an address is in, or NULL. */
const struct gl_range *gl_ranges_find(const struct gl_ranges *ranges,
                                      const void *address);

/* Take [low, high) out of every range. */
bool gl_ranges_exclude(struct gl_ranges *ranges, const void *low,
                       const void *high);

/* ------------------------------------------------------- registers, stack */

#define GL_REGISTERS_MAX 64

/* The state of the program where it called the library: its registers, and
   where its stack begins. */
struct gl_entry {
  uintptr_t sp;
  uintptr_t registers[GL_REGISTERS_MAX];
  size_t register_count;
};

/*
 * Find, with libunwind, the frame that called the library: the first one whose
 * stack pointer is at or above entry_sp.  The library's own frames, and the
 * words dead in them, are then below what is scanned.
 */
void gl_stack_capture(struct gl_entry *entry, uintptr_t entry_sp);

/* In the child of a fork: another thread may have been in the middle of it. */
void gl_stack_forget_ways(void);

/* The same without libunwind, which takes locks: the library's own frames are
   scanned as well. */
void gl_stack_capture_here(struct gl_entry *entry);

/*
 * Wipe the dead stack below the caller.  What the program and the collector
 * left there comes back to life where the next calls lay their frames over it
 * and do not write every word of them (Boehm's collector clears its stack for
 * the same reason).
 */
void gl_stack_wipe(void);

/* The same after a look-up, which uses less. */
void gl_stack_wipe_little(void);

/* Write a backtrace of the calling thread to fd, leaving out the library's own
   frames below entry_sp.  No malloc, no stdio. */
void gl_stack_backtrace(int fd, uintptr_t entry_sp);

/* Note who called, at most count frames, ended by 0 where there are fewer; and
   write such a note to fd. */
void gl_stack_trace(uintptr_t *frames, size_t count, uintptr_t entry_sp);
void gl_stack_write_trace(int fd, const uintptr_t *frames, size_t count);

/* Where the calling function's caller has its stack pointer, in a public
   function or one that such a function tail-calls. */
#define GL_ENTRY_SP() ((uintptr_t)__builtin_dwarf_cfa())

/* ----------------------------------------------------------------- modules */

/* Thread-local storage of one module. */
struct gl_tls_module {
  size_t id;
  size_t bytes;
  size_t generation; /* when it got its id */
};

struct gl_modules {
  struct gl_ranges data; /* writable segments, less RELRO and our own data */
  struct gl_tls_module *tls;
  size_t tls_count;
  size_t tls_capacity;
  struct gl_range linker; /* code of the dynamic linker */
  uint64_t loads;         /* modules that were ever loaded */
};

/*
 * Run body(data) with the list of modules held fixed: no module is loaded or
 * unloaded until it returns.  Returns what body returned.
 */
bool gl_modules_hold(bool (*body)(void *data), void *data);

/* Fill gl_modules in, within gl_modules_hold; wants the heap lock.  False
   without memory. */
bool gl_modules_list(void);

/* Whether the calling thread holds it fixed, or is in a callback of
   dl_iterate_phdr; false where nobody knows. */
bool gl_modules_are_held(void);

extern struct gl_modules gl_modules;

/* Find the dynamic linker's lock, for which it waits, unless it is known; hold
   it across a fork. */
void gl_modules_init(void);
void gl_modules_before_fork(void);
void gl_modules_after_fork(bool in_child);

/* Make room for as many modules as most programs have, so that the first
   collection need not; false without memory. */
bool gl_modules_reserve(void);

/* True, and the module's name (not to be kept), where address is in the data or
   the code of a loaded module. */
bool gl_modules_find(const void *address, char *name, size_t size);

/* Learn how to find other namespaces of the dynamic linker.  Waits for whoever
   is loading a module, and may allocate. */
void gl_namespaces_init(void);

/* Call visit for the modules of all namespaces of the dynamic linker but our
   own, until one returns false.  Within gl_modules_hold, under the heap lock.
   Returns whether none did. */
struct dl_phdr_info;
typedef bool gl_namespaces_visit_module(const struct dl_phdr_info *info);
bool gl_namespaces_visit(gl_namespaces_visit_module *visit);

/* --------------------------------------------------------------------- TLS */

/* Where the C library keeps thread-local storage and keys. */
struct gl_tls_layout {
  size_t descriptor_bytes; /* of struct pthread */
  size_t keys_offset;      /* of its array of second-level blocks; 0: unknown */
  size_t key_blocks;
  size_t static_bytes; /* of static storage and the descriptor; 0: unknown */
  const struct gl_tls_slots *const *slots; /* the modules; NULL: unknown */
  /* Lists of descriptors, on stacks of its own and on the program's; NULL:
     unknown.  Where in a descriptor its link is, and its thread's number. */
  const struct gl_tls_link *threads[2];
  size_t link_offset, tid_offset;
};

/* Learn the C library's layout.  Waits for whoever is loading a module, and may
   allocate. */
struct gl_tls_layout gl_tls_find_layout(void);

/* From now on scan by this layout. */
void gl_tls_set_layout(const struct gl_tls_layout *layout);

/* When the dynamic linker gave this number to a module, by its own count; 0
   where that is not known.  Within gl_modules_hold. */
size_t gl_tls_generation(size_t module);

/* The number of a module, a struct link_map; 0 where it has no thread-local
   storage yet, or that is not known.  Within gl_modules_hold. */
size_t gl_tls_find_number(const void *module);

/* Call scan for every range of thread-local storage and pthread keys of the
   thread whose thread pointer is tp; it is the caller or stopped. */
typedef void gl_scan_range(const void *low, const void *high, void *data);
void gl_tls_scan(const void *tp, gl_scan_range *scan, void *data);

/* The descriptors of threads that have ended and were not joined yet: what they
   return is there.  The C library has them in a list, of which no member is
   taken out while it is looked at: the world is stopped. */
void gl_tls_scan_ended(gl_scan_range *scan, void *data);

/*
 * The same where the thread may be in the midst of replacing its vector.  It
 * may be where it is in the dynamic linker, or in a call from there: whether
 * any word of [low, high), of its registers and stack, is an address in the
 * linker. gl_tls_scan_doubtful has visit call look for all such ranges again.
 */
bool gl_tls_may_change(const void *low, const void *high);

struct gl_tls_words {
  void (*visit)(const struct gl_tls_words *words, gl_scan_range *look,
                void *data);
  void *thread;
};

void gl_tls_scan_doubtful(const void *tp, const struct gl_tls_words *words,
                          gl_scan_range *scan, void *data);

/* Where the stack of a thread ends, if it was made by the C library: at what
   gl_tls_scan scans, its static storage and the descriptor above that; or
   behind both where they are not known. */
uintptr_t gl_tls_stack_end(const void *tp);

/* ------------------------------------------------------------------ threads */

bool gl_threads_init(void);

/* Stop every other thread of the process; wants the heap lock.  False where
   there is no memory or file descriptor for it; some may be stopped then. */
bool gl_threads_stop(void);

/* Where that was false: stop those that have a cache, for a fork.  They are all
   that can be in the heap, since another one needs its lock first; and they can
   be found without memory, a file descriptor or /proc.  False where one takes
   too long: it may hold the signal back. */
bool gl_threads_stop_known(void);

/* Let all go on that were stopped. */
void gl_threads_resume(void);

/* Scan the stacks, registers and thread-local storage of all threads; entry is
   the caller's own. */
void gl_scan_threads(const struct gl_entry *entry, gl_scan_range *scan,
                     void *data);

/* Give the calling thread a cache, best that of a block which it frees; false
   without memory. */
bool gl_threads_adopt(const void *freed);

/* True while the world is stopped, or is about to be; and where it is this
   thread that stops it. */
bool gl_threads_are_stopped(void);
bool gl_threads_are_stopped_here(void);

/* How many threads the last stop found, the caller counted. */
size_t gl_threads_count(void);

/* The thread that is about to fork; and in the child. */
void gl_threads_before_fork(void);
void gl_threads_after_fork(void);

/* Make the heap whole, and keep it so across a fork; the library is ready. */
void gl_fork_before(void);
void gl_fork_after(bool in_child);

/* ----------------------------------------------------- without a collector */

/* In place of gl_threads_init; of gl_threads_adopt; of gl_fork_before,
   after. */
bool gl_lean_init(void);
bool gl_lean_adopt(const void *freed);
void gl_lean_before_fork(void);
void gl_lean_after_fork(bool in_child);

/* After an operation of a thread that is about to end: nobody will tell of its
   end any more, so its cache is given up at once. */
void gl_lean_settle(void);

/* Give free memory back to the system.  Returns the bytes given back. */
size_t gl_lean_trim(void);

/* -------------------------------------------------------------------- roots */

extern struct gl_ranges gl_added_roots; /* under the heap lock */

/* Scan everything that is a root.  Returns the bytes scanned. */
size_t gl_roots_scan(const struct gl_entry *entry);

/* A helper is about to mark, and to sleep: so long the signal of a fault is let
   through to it.  Nothing for the collecting thread. */
void gl_guards_wake(void);
void gl_guards_sleep(void);
void gl_guards_after_fork(void);

/* From the one to the other, in a stopped world, the collecting thread and the
   helpers may read pages that the program has made guards.  When all locks have
   been let go: say what was amiss, and send on what was sent.  That may not
   return. */
void gl_guards_begin(void);
void gl_guards_end(void);
void gl_guards_settle(void);

/* --------------------------------------------------------------------- mark */

bool gl_mark_init(void);

/* Start a marking: everything is white, the mark stack is empty. */
void gl_mark_begin(void);

/* Mark what the words of [low, high) reach; they are roots, so one past the
   end counts. */
void gl_mark_roots(const void *low, const void *high);

/* What the blocks of tenured arenas point to, in a minor collection; they are
   black themselves. */
void gl_mark_tenured(void);

/* Mark all blocks of uncollectable kind. */
void gl_mark_uncollectable(void);

/* After it, whether no word of a block that was reached points to a white one;
   it takes as long as a marking. */
bool gl_mark_prove(void);

/* Finish: mark everything that is reachable from what is marked. */
void gl_mark_finish(void);

/* After a marking: live granules of each arena, blocks marked, and processor
   time that helpers took for it. */
const uint32_t *gl_mark_live(void);
uint64_t gl_mark_objects(void);

/* Words of the roots that were candidates. */
size_t gl_mark_root_pointers(void);
uint64_t gl_markers_helped_ns(void);
size_t gl_mark_metadata_bytes(void);

/* Tell whether it was quick, for the choice of helpers. */
struct gl_cycle;
void gl_helpers_note(const struct gl_cycle *cycle);

/* Processors that this process may use: by its affinity, and by the limits of
   its cgroups. */
unsigned gl_processors(void);

/* The same by the affinity mask of the calling thread alone: one system
   call. */
unsigned gl_processors_by_affinity(void);

/* The second by itself: list is /proc/self/cgroup, and mount where cgroups are
   seen, /sys/fs/cgroup.  UINT32_MAX where there is no limit. */
unsigned gl_processors_by_cgroups(const char *list, const char *mount);

/* --------------------------------------------------------------------- pace */

struct gl_cycle;

void gl_pace_init(void);

/* Set the budget: what may be allocated before a collection is due.  Returns
   it. */
size_t gl_pace_set_budget(void);

/* The collector is turned on or off. */
void gl_pace_turn(bool on);

/* A collection was due and could not be done: go on for a while. */
void gl_pace_extend_budget(void);

/* What has been allocated since the start; exact where all holes are closed. */
uint64_t gl_pace_allocated_bytes(void);

/* Tell the pace how a collection went. */
void gl_pace_note(const struct gl_cycle *cycle);

/* Whether the next budget depends on how fast the program allocates, and
   markers mark. */
bool gl_pace_is_guided(void);

/* -------------------------------------------------------- minor collections */

/* Whether the collection that begins is a minor one.  With the world stopped,
   before gl_heap_prepare_mark. */
bool gl_minor_choose(const struct gl_cycle *cycle);

/* What a minor one found alive that the last full one did not; and, when the
   next budget is set, how a collection went.  Under the heap lock. */
size_t gl_minor_floating_bytes(const struct gl_cycle *cycle);
void gl_minor_note(const struct gl_cycle *cycle);

/* ------------------------------------------------------------------ collect */

enum gl_cause {
  GL_CAUSE_BUDGET,  /* as much was allocated as the pace allows */
  GL_CAUSE_ROOM,    /* an allocation found no room */
  GL_CAUSE_PROGRAM, /* gc_collect */
  GL_CAUSE_STRESS   /* GLEANER_STRESS */
};

/* What one collection did, for log and statistics. */
struct gl_cycle {
  uint64_t number;
  enum gl_cause cause;
  bool minor;          /* what is old was left alone */
  bool timed;          /* by processor time, as follows */
  /* Processor time, for the pace: of the process when it was stopped, less what
     that took; of this thread, when it begins to stop the others, and to mark;
     and of all markers, to mark. */
  uint64_t stopped_cpu_ns, stopping_cpu_ns, marking_cpu_ns, mark_cpu_ns;
  uint64_t allocated_bytes; /* since the start, all holes closed */
  uint64_t start_ns;   /* the pause begins */
  uint64_t stopped_ns; /* every thread is stopped */
  uint64_t roots_ns;   /* roots are scanned */
  uint64_t marked_ns;  /* marking is done */
  uint64_t end_ns;     /* the threads run again */
  uint64_t swept_ns;   /* what is done outside the pause is done */
  size_t before_bytes;
  size_t after_bytes;
  size_t live_bytes;
  size_t tenured_bytes; /* of them, in arenas that were old before it; */
  size_t large_atomic_bytes; /* in large blocks without pointers; */
  size_t floating_bytes; /* of them, perhaps dead */
  size_t root_bytes;
  size_t root_pointers; /* in them */
  uint64_t marked_objects;
  size_t next_bytes;   /* to allocate until the next one is due */
  size_t threads;
  bool stopped;        /* the world was: otherwise nothing was done */
};

/* Collect.  Returns false where it could not be done: no memory or file
   descriptor to find the roots with.  True as well where another thread
   collected meanwhile, unless the program asked. */
bool gl_collect(enum gl_cause cause, uintptr_t entry_sp);

/* Run body with the world stopped, the heap lock held, and holes open.  False,
   without running it, where the world could not be stopped. */
bool gl_collect_stopped(void (*body)(void *data), void *data);

/* Wait for this thread's turn to collect, before any other lock.  False,
   without waiting, where it has the dynamic linker's lock. */
bool gl_collect_take_turn(void);
void gl_collect_end_turn(bool taken);
void gl_collect_turn_after_fork(bool taken);

/* Keep collections from starting, across a fork. */
void gl_collect_lock(void);
void gl_collect_unlock(void);

/* ------------------------------------------------------- statistics and log */

struct gl_totals {
  uint64_t collections;
  uint64_t pause_total_ns, pause_max_ns, pause_last_ns, mark_total_ns;
  uint64_t stop_last_ns;
  size_t live_bytes, root_bytes;
  uint64_t marked_objects;
  uint64_t minor_collections;
};

/* Add a collection to the totals; it gets its number. */
void gl_stats_note(struct gl_cycle *cycle);
uint64_t gl_stats_collections(void);
void gl_log_cycle(const struct gl_cycle *cycle);

/* Text without malloc, stdio or locks: appends, never overruns. */
struct gl_text {
  char *buffer;
  size_t size;
  size_t length; /* of the whole text, even where it was cut */
};

void gl_text_string(struct gl_text *text, const char *string);
void gl_text_number(struct gl_text *text, uint64_t number);
void gl_text_address(struct gl_text *text, const void *address);
void gl_text_megabytes(struct gl_text *text, uint64_t bytes);
void gl_text_write(const struct gl_text *text, int fd);

/* Read the beginning of a file as text, and close it.  False where it cannot be
   read, or fd is negative. */
bool gl_text_read(int fd, char *buffer, size_t size);

/* Call visit for each line of a file that ends, without the end; close it.  Of
   a line of size bytes and more the beginning, and it is not whole.  False
   where fd is negative. */
typedef void gl_text_line(char *line, bool whole, void *data);
bool gl_text_read_lines(int fd, char *line, size_t size, gl_text_line *visit,
                        void *data);

/* ------------------------------------------------------------- cancellation */

/* No function of the library is a point of cancellation, though it calls some
   that are, as open, read and write: a thread must not end with a lock held.
   Nests. */
static inline int gl_cancel_forbid(void) {
  int state;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  return state;
}

static inline void gl_cancel_restore(int state) {
  pthread_setcancelstate(state, NULL);
}

/* ------------------------------------------------------------------- errors */

/* Report misuse of the API to the error handler. */
void gl_error_misuse(const char *function, const void *address,
                     enum gl_fault fault, uintptr_t entry_sp);
void gl_error_init(void);

/* Report what was found while the world was stopped: then the handler cannot
   run.  When all locks have been let go. */
void gl_error_settle(void);

/* Report any other fault of the program: function(address): fault.  size is
   that of the block at base, which may be NULL. */
void gl_error_fault(const char *function, const void *address,
                    const char *fault, const void *base, size_t size,
                    uintptr_t entry_sp);

/* ---------------------------------------------------------------- debugging */

/* In place of gl_api_take; of freeing a block that is known to be one. */
void *gl_debug_allocate(size_t size, size_t align, enum gl_kind kind,
                        uintptr_t entry_sp);
enum gl_fault gl_debug_free(const char *function, void *p,
                            uintptr_t entry_sp);

/* Free what waits to be looked at once more: there is no room.  False where
   nothing waits. */
bool gl_debug_empty_queue(const char *function, uintptr_t entry_sp);

/* Whether the block at p is freed, though the heap does not know it yet; the
   size that was asked for, or usable where that is not known. */
bool gl_debug_is_freed(const void *p);
bool gl_debug_is_freed_locked(const void *p); /* with the heap lock */
size_t gl_debug_size(const void *p, size_t usable);

/* Look at every block; before a collection. */
void gl_debug_check(uintptr_t entry_sp);

/* During one: what waits in the queue is alive; after marking, what is white is
   dead. */
void gl_debug_mark_roots(void);
void gl_debug_note_dead(void);

/* Write where a block was allocated, and first freed, if that is known. */
void gl_debug_describe(const void *block);

/* --------------------------------------------- slow halves of the functions */

/* What the functions of gleaner.h do where no fast path will, and what those of
   malloc do; function is the name to report misuse under.  align is 0 for a
   granule. */
void *gl_api_take(size_t size, size_t align, enum gl_kind kind,
                  uintptr_t entry_sp); /* without debugging */
void *gl_api_allocate(size_t size, size_t align, enum gl_kind kind,
                      uintptr_t entry_sp);
void gl_api_free(const char *function, void *p, uintptr_t entry_sp);
/* After gl_cache_try_free, where that was not all. */
enum gl_freed;
void gl_api_finish_free(const char *function, void *p, enum gl_freed freed,
                        uintptr_t entry_sp);
void *gl_api_resize(const char *function, void *block, size_t size,
                    uintptr_t entry_sp);
size_t gl_api_size(const char *function, const void *block,
                   uintptr_t entry_sp);

/* -------------------------------------------------------------------- state */

/* True where collections may start by themselves. */
bool gl_is_collecting(void);

/* Set the library up, once; false, and errno, where there is no memory. */
bool gl_setup(void);

#endif
