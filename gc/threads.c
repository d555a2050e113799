/* SPDX-License-Identifier: MIT */
/*
 * threads.c: every thread of the process, stopped and started again.
 *
 * A stop, as the collecting thread sees it:
 *
 *    list /proc/self/task; ask each thread that is new in this stop to stop,
 *    by a signal; wait until all have answered; list again, since a thread
 *    that had not stopped yet may have made another; until nothing is new.
 *
 * And as the others see it: the handler answers, and sleeps until the stop is
 * over.  But where it interrupted the allocator (the cache is busy) it only
 * leaves a note, and the thread answers when it leaves the allocator: so no
 * allocation is ever seen half-done.
 *
 * Invariant: while world.stopping is not 0, every thread but the collecting
 * one and the markers either sleeps in threads_park, or has not yet run a
 * single instruction of the program since it was made, or is dead.
 *
 * The numbers of stops tell answers apart; world.stopping is the number of the
 * stop that is on, and the word that stopped threads sleep on.
 */
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../alloc/cache.h"
#include "../alloc/os.h"
#include "mark.h"

/* The kernel's largest thread id is below 2^22 (linux/threads.h). */
#define THREADS_TID_BITS 22
#define THREADS_TABLE_BITS 12
#define THREADS_TABLE_COUNT (1u << (THREADS_TID_BITS - THREADS_TABLE_BITS))
#define THREADS_TABLE_SIZE (1u << THREADS_TABLE_BITS)

#define THREADS_BLOCK 64 /* records made at a time */
#define THREADS_LIST_BYTES 32768

/* How long to wait for answers before looking what is the matter, and before
   saying so. */
#define THREADS_PATIENCE_NS ((uint64_t)2000000)
#define THREADS_REPORT_NS ((uint64_t)1000000000)

struct threads_block {
  struct threads_block *next;
  struct gl_thread items[THREADS_BLOCK];
};

static struct {
  uint32_t stopping; /* the stop that is on; 0 for none */
  uint32_t answers;  /* to this stop */
  uint32_t expected;
  uint32_t number;   /* of stops so far */
  size_t count;      /* threads found by the last stop, the caller too */
  int signal;
  bool ready;
  bool reported;     /* a thread that does not stop, in this stop */
  pid_t pid;
  pid_t fork_tid;    /* the thread that forks */
  pthread_key_t key; /* its destructor tells of the end of a thread */
  struct gl_thread *self; /* of the collecting thread */
  struct threads_block *blocks;
  struct gl_thread *free;
  struct gl_thread **by_tid[THREADS_TABLE_COUNT];
  char list[THREADS_LIST_BYTES] __attribute__((aligned(8)));
} world GL_DATA = {.stopping = 0};

/* ------------------------------------------------------------------- records */

static pid_t threads_tid(void) { return (pid_t)syscall(SYS_gettid); }

struct gl_thread *gl_threads_find(pid_t tid) {
  size_t table = (size_t)tid >> THREADS_TABLE_BITS;
  if (table >= THREADS_TABLE_COUNT) return NULL;
  struct gl_thread **slots =
      __atomic_load_n(&world.by_tid[table], __ATOMIC_ACQUIRE);
  if (slots == NULL) return NULL;
  return __atomic_load_n(&slots[(size_t)tid % THREADS_TABLE_SIZE],
                         __ATOMIC_ACQUIRE);
}

static bool threads_set(pid_t tid, struct gl_thread *thread) {
  size_t table = (size_t)tid >> THREADS_TABLE_BITS;
  if (table >= THREADS_TABLE_COUNT) return false;
  if (world.by_tid[table] == NULL) {
    struct gl_thread **slots = gl_os_map(THREADS_TABLE_SIZE * sizeof *slots);
    if (slots == NULL) return false;
    __atomic_store_n(&world.by_tid[table], slots, __ATOMIC_RELEASE);
  }
  /* Release: the handler reads the record it finds here. */
  __atomic_store_n(&world.by_tid[table][(size_t)tid % THREADS_TABLE_SIZE],
                   thread, __ATOMIC_RELEASE);
  return true;
}

static bool threads_make_records(void) {
  struct threads_block *block = gl_os_map(sizeof *block);
  if (block == NULL) return false;
  block->next = world.blocks;
  world.blocks = block;
  for (size_t i = THREADS_BLOCK; i-- > 0;) {
    block->items[i].next_free = world.free;
    world.free = &block->items[i];
  }
  return true;
}

/* The record of a thread, made where there is none; NULL without memory. */
static struct gl_thread *threads_record(pid_t tid) {
  struct gl_thread *thread = gl_threads_find(tid);
  if (thread != NULL) return thread;
  if (world.free == NULL && !threads_make_records()) return NULL;
  thread = world.free;
  struct gl_thread *next_free = thread->next_free;
  memset(thread, 0, sizeof *thread);
  thread->tid = tid;
  if (!threads_set(tid, thread)) {
    thread->tid = 0;
    thread->next_free = next_free;
    return NULL;
  }
  world.free = next_free;
  return thread;
}

/* The thread is gone.  A cache it did not give back itself is free for
   another thread to take: nobody was in the middle of using it. */
static void threads_forget(struct gl_thread *thread) {
  if (thread->cache != NULL) gl_cache_abandon(thread->cache);
  threads_set(thread->tid, NULL);
  thread->tid = 0;
  thread->cache = NULL;
  thread->next_free = world.free;
  world.free = thread;
}

void gl_threads_each(void (*visit)(struct gl_thread *thread, void *data),
                     void *data) {
  for (struct threads_block *b = world.blocks; b != NULL; b = b->next)
    for (size_t i = 0; i < THREADS_BLOCK; i++)
      if (b->items[i].tid != 0) visit(&b->items[i], data);
}

/* -------------------------------------------------- seen by a stopped thread */

/* Its frame lies below whatever its caller spilled. */
static GL_NOINLINE void threads_answer(struct gl_thread *thread,
                                       uint32_t number) {
  thread->tp = gl_context_thread_pointer();
  if (thread->context == NULL)
    thread->sp = (uintptr_t)__builtin_frame_address(0);
  /* Release: the collecting thread reads the record after the answer. */
  __atomic_store_n(&thread->acked, number, __ATOMIC_RELEASE);
  uint32_t answers = __atomic_add_fetch(&world.answers, 1, __ATOMIC_SEQ_CST);
  /* Both sides write, then read: one of them sees the other. */
  if (answers >= __atomic_load_n(&world.expected, __ATOMIC_SEQ_CST))
    gl_futex_wake(&world.answers, 1);
  while (__atomic_load_n(&world.stopping, __ATOMIC_ACQUIRE) == number)
    gl_futex_wait(&world.stopping, number, 0);
}

/* The number of the stop that this thread has yet to answer, or 0. */
static uint32_t threads_asked(const struct gl_thread *thread) {
  uint32_t number = __atomic_load_n(&world.stopping, __ATOMIC_ACQUIRE);
  if (number == 0 || thread == NULL) return 0;
  return __atomic_load_n(&thread->signalled, __ATOMIC_ACQUIRE) == number &&
                 thread->acked != number
             ? number
             : 0;
}

static void threads_set_signal_stack(struct gl_thread *thread,
                                     const stack_t *stack) {
  bool none = (stack->ss_flags & SS_DISABLE) != 0;
  thread->alt_low = none ? 0 : (uintptr_t)stack->ss_sp;
  thread->alt_high = none ? 0 : (uintptr_t)stack->ss_sp + stack->ss_size;
}

/* The signal: stop here, or at the end of the allocation that it hit. */
static void threads_on_signal(int number, siginfo_t *info, void *data) {
  const ucontext_t *context = data;
  struct gl_cache *cache = gl_self;
  int saved = errno;
  (void)number;
  (void)info;
  struct gl_thread *thread = gl_threads_find(threads_tid());
  uint32_t stop = threads_asked(thread);
  bool busy = __atomic_load_n(&cache->busy, __ATOMIC_RELAXED) != 0;
  if (stop != 0 && cache != &gl_cache_none && busy) {
    __atomic_store_n(&cache->stop_wanted, 1, __ATOMIC_RELAXED);
  } else if (stop != 0) {
    thread->context = context;
    thread->sp = gl_context_sp(context);
    threads_set_signal_stack(thread, &context->uc_stack);
    threads_answer(thread, stop);
  }
  errno = saved;
}

/* The same from ordinary code.  The registers that calls preserve are spilled
   to the frame, which is scanned from here up; all signals are held back, so
   that no handler of the program runs in a stopped world. */
static GL_NOINLINE void threads_stop_self(struct gl_thread *thread,
                                          uint32_t stop) {
  sigset_t all, before;
  stack_t signal_stack;
  __builtin_unwind_init();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  sigaltstack(NULL, &signal_stack);
  threads_set_signal_stack(thread, &signal_stack);
  thread->context = NULL;
  threads_answer(thread, stop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A stop was asked for while the thread was in the allocator, which it has
   left now. */
static void threads_on_leave(struct gl_cache *cache) {
  __atomic_store_n(&cache->stop_wanted, 0, __ATOMIC_RELAXED);
  GL_SIGNAL_FENCE();
  int saved = errno;
  struct gl_thread *thread = gl_threads_find(threads_tid());
  uint32_t stop = threads_asked(thread);
  if (stop != 0) threads_stop_self(thread, stop);
  errno = saved;
}

/* ------------------------------------------------ seen by the collecting one */

/* True where /proc says that the process has no other thread but helpers. */
static bool threads_is_alone(void) {
  struct stat info;
  /* The directory has a link for each of its entries, "." and ".." too. */
  return stat("/proc/self/task", &info) == 0 &&
         info.st_nlink == 3 + gl_markers_helpers();
}

static bool threads_send(const struct gl_thread *thread) {
  for (;;) {
    if (syscall(SYS_tgkill, world.pid, thread->tid, world.signal) == 0)
      return true;
    if (errno != EAGAIN) return false;
    /* The queue of signals is full: some are about to be taken. */
    gl_futex_wait(&world.answers, world.answers, 100000);
  }
}

/* Ask one listed thread to stop, if it was not asked yet.  Returns 1 where it
   was, 0 where there was nothing to ask, -1 without memory. */
static int threads_ask(pid_t tid) {
  if (gl_markers_is_helper(tid)) return 0;
  struct gl_thread *thread = threads_record(tid);
  if (thread == NULL) return -1;
  bool known = thread->seen == world.number;
  thread->seen = world.number;
  world.count += !known;
  if (known || thread == world.self || thread->dead) return 0;
  /* Release: the handler compares it. */
  __atomic_store_n(&thread->signalled, world.number, __ATOMIC_RELEASE);
  __atomic_add_fetch(&world.expected, 1, __ATOMIC_SEQ_CST);
  if (threads_send(thread)) return 1;
  thread->dead = true;
  __atomic_sub_fetch(&world.expected, 1, __ATOMIC_SEQ_CST);
  return 0;
}

/* A number at the start of a name; 0 where there is none. */
static pid_t threads_parse(const char *name) {
  long tid = 0;
  for (; *name >= '0' && *name <= '9' && tid < 1 << THREADS_TID_BITS; name++)
    tid = tid * 10 + (*name - '0');
  return (pid_t)tid;
}

/* Ask every thread of a buffer of directory entries. */
static int threads_ask_listed(const char *entries, long bytes) {
  int asked = 0;
  for (long at = 0; at < bytes;) {
    const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
    at += entry->d_reclen;
    pid_t tid = threads_parse(entry->d_name);
    if (tid == 0) continue;
    int result = threads_ask(tid);
    if (result < 0) return -1;
    asked += result;
  }
  return asked;
}

/* List the threads and ask all new ones.  Returns how many, or -1. */
static int threads_ask_all(void) {
  int asked = 0;
  int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  for (;;) {
    long n = syscall(SYS_getdents64, fd, world.list, sizeof world.list);
    if (n <= 0) break;
    int result = threads_ask_listed(world.list, n);
    if (result < 0) {
      close(fd);
      return -1;
    }
    asked += result;
  }
  close(fd);
  return asked;
}

/* ------------------------------------------------------ threads that tarry */

/* A file of a thread under /proc, as text; false where it cannot be read. */
static bool threads_read_file(pid_t tid, const char *name, char *buffer,
                              size_t size) {
  char path[64];
  struct gl_text text = {path, sizeof path, 0};
  gl_text_string(&text, "/proc/self/task/");
  gl_text_number(&text, (uint64_t)tid);
  gl_text_string(&text, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, buffer, size - 1);
  close(fd);
  if (n <= 0) return false;
  buffer[n] = '\0';
  return true;
}

/* Gone, a zombie, or dying: it runs no more code of the program. */
static bool threads_is_dead(pid_t tid) {
  char buffer[512];
  if (syscall(SYS_tgkill, world.pid, tid, 0) != 0 && errno == ESRCH) return true;
  if (!threads_read_file(tid, "/stat", buffer, sizeof buffer)) return false;
  const char *end = strrchr(buffer, ')'); /* of the name */
  if (end == NULL || end[1] != ' ') return false;
  return end[2] == 'Z' || end[2] == 'X' || end[2] == 'x';
}

/* Whether a thread holds the stop signal back. */
static bool threads_is_blocking(pid_t tid) {
  char buffer[4096];
  if (!threads_read_file(tid, "/status", buffer, sizeof buffer)) return false;
  const char *at = strstr(buffer, "\nSigBlk:\t");
  if (at == NULL) return false;
  uint64_t mask = 0;
  for (at += 9; *at >= '0'; at++)
    mask = mask << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
  return mask >> (world.signal - 1) & 1;
}

static void threads_report(const struct gl_thread *thread, bool blocks) {
  char buffer[200];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "gleaner: thread ");
  gl_text_number(&text, (uint64_t)thread->tid);
  gl_text_string(&text, " does not stop: ");
  gl_text_string(&text, blocks ? "it blocks signal " : "no answer to signal ");
  gl_text_number(&text, (uint64_t)world.signal);
  gl_text_string(&text, "; waiting for it\n");
  gl_text_write(&text, STDERR_FILENO);
}

struct threads_tardy {
  bool report;
};

static void threads_look_at(struct gl_thread *thread, void *data) {
  const struct threads_tardy *tardy = data;
  if (thread->signalled != world.number || thread->dead ||
      __atomic_load_n(&thread->acked, __ATOMIC_ACQUIRE) == world.number)
    return;
  if (threads_is_dead(thread->tid)) {
    thread->dead = true;
    __atomic_sub_fetch(&world.expected, 1, __ATOMIC_SEQ_CST);
  } else if (tardy->report) {
    threads_report(thread, threads_is_blocking(thread->tid));
  }
}

/* Wait for the answers of all that were asked. */
static void threads_await(void) {
  uint64_t start_ns = gl_os_now_ns();
  for (;;) {
    uint32_t answers = __atomic_load_n(&world.answers, __ATOMIC_SEQ_CST);
    if (answers >= __atomic_load_n(&world.expected, __ATOMIC_SEQ_CST)) return;
    if (gl_futex_wait(&world.answers, answers, THREADS_PATIENCE_NS)) continue;
    bool late = gl_os_now_ns() - start_ns > THREADS_REPORT_NS;
    struct threads_tardy tardy = {.report = late && !world.reported};
    world.reported |= late;
    gl_threads_each(threads_look_at, &tardy);
  }
}

/* --------------------------------------------------------------- stop, resume */

/* Threads that this stop did not find are gone. */
static void threads_forget_unseen(struct gl_thread *thread, void *data) {
  (void)data;
  if (thread->seen != world.number && thread != world.self)
    threads_forget(thread);
}

static bool threads_stop_others(void) {
  int asked;
  do {
    asked = threads_ask_all();
    threads_await();
  } while (asked > 0);
  return asked == 0;
}

bool gl_threads_stop(void) {
  world.number += world.number == UINT32_MAX ? 2 : 1;
  world.self = threads_record(threads_tid());
  if (world.self == NULL) return false;
  world.self->seen = world.number;
  world.answers = world.expected = 0;
  world.count = 1;
  world.reported = false;
  gl_stacks_begin();
  __atomic_store_n(&world.stopping, world.number, __ATOMIC_SEQ_CST);
  if (!threads_is_alone() && !threads_stop_others()) return false;
  gl_threads_each(threads_forget_unseen, NULL);
  return true;
}

void gl_threads_resume(void) {
  __atomic_store_n(&world.stopping, 0, __ATOMIC_SEQ_CST);
  if (world.expected > 0) gl_futex_wake(&world.stopping, INT32_MAX);
}

size_t gl_threads_count(void) { return world.count; }

bool gl_threads_are_stopped(void) {
  return __atomic_load_n(&world.stopping, __ATOMIC_RELAXED) != 0;
}

/* ------------------------------------------------------------------ scanning */

struct threads_scan {
  gl_scan_range *scan;
  void *data;
};

static void threads_scan_stopped(struct gl_thread *thread, void *data) {
  const struct threads_scan *how = data;
  if (thread == world.self || thread->dead || thread->acked != world.number)
    return;
  if (thread->context != NULL)
    gl_context_scan(thread->context, how->scan, how->data);
  gl_stacks_scan(thread, how->scan, how->data);
  gl_tls_scan(thread->tp, how->scan, how->data);
}

static void threads_scan_self(const struct gl_entry *entry,
                              const struct threads_scan *how) {
  struct gl_thread *self = world.self;
  stack_t signal_stack;
  sigaltstack(NULL, &signal_stack);
  threads_set_signal_stack(self, &signal_stack);
  self->tp = gl_context_thread_pointer();
  self->sp = entry->sp + GL_RED_ZONE_BYTES; /* it has none: it called us */
  how->scan(entry->registers, entry->registers + entry->register_count,
            how->data);
  gl_stacks_scan(self, how->scan, how->data);
  gl_tls_scan(self->tp, how->scan, how->data);
}

void gl_threads_scan(const struct gl_entry *entry, gl_scan_range *scan,
                     void *data) {
  struct threads_scan how = {scan, data};
  threads_scan_self(entry, &how);
  gl_threads_each(threads_scan_stopped, &how);
  gl_stacks_scan_added(scan, data);
}

/* ------------------------------------------------------- coming and going */

static void threads_on_exit(void *data) {
  struct gl_cache *cache = data;
  if (gl_self != cache) return;
  gl_heap_lock(NULL);
  struct gl_thread *thread = gl_threads_find(threads_tid());
  if (thread != NULL) thread->cache = NULL;
  gl_heap_unlock();
  gl_cache_release(cache);
}

static void threads_unblock_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, world.signal);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool gl_threads_adopt(void) {
  gl_heap_lock(NULL);
  struct gl_thread *thread = threads_record(threads_tid());
  struct gl_cache *cache = thread == NULL ? NULL : gl_cache_acquire();
  if (cache != NULL) thread->cache = cache;
  gl_heap_unlock();
  if (cache == NULL) return false;
  threads_unblock_signal();
  /* Without memory for it the end of the thread is noticed by a stop. */
  pthread_setspecific(world.key, cache);
  return true;
}

/* The highest real-time signal that nobody uses. */
static int threads_choose_signal(void) {
  if (gl_options.stop_signal > 0) return gl_options.stop_signal;
  for (int number = SIGRTMAX - 1; number > SIGRTMIN; number--) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 &&
        action.sa_handler == SIG_DFL)
      return number;
  }
  return SIGRTMAX;
}

bool gl_threads_init(void) {
  struct sigaction action = {.sa_sigaction = threads_on_signal,
                             .sa_flags = SA_SIGINFO | SA_RESTART};
  sigfillset(&action.sa_mask);
  world.pid = getpid();
  world.signal = threads_choose_signal();
  if (sigaction(world.signal, &action, NULL) != 0) return false;
  if (pthread_key_create(&world.key, threads_on_exit) != 0) return false;
  gl_heap.on_leave = threads_on_leave;
  world.ready = true;
  return true;
}

/* -------------------------------------------------------------------- fork */

void gl_threads_before_fork(void) { world.fork_tid = threads_tid(); }

static void threads_forget_other(struct gl_thread *thread, void *data) {
  if (thread != data) threads_forget(thread);
}

/* In the child the forking thread is all there is, under another id. */
void gl_threads_after_fork(void) {
  struct gl_thread *self = gl_threads_find(world.fork_tid);
  gl_markers_after_fork();
  gl_threads_each(threads_forget_other, self);
  world.pid = getpid();
  if (self == NULL) return;
  struct gl_cache *cache = self->cache;
  self->cache = NULL; /* or it would be abandoned */
  threads_forget(self);
  self = threads_record(threads_tid());
  if (self != NULL) self->cache = cache;
}
