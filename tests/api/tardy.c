/* SPDX-License-Identifier: MIT */
/*
 * tardy.c: threads that cannot be stopped, or not at once.  Where one holds the
 * stop signal back and may not be traced, a collection waits: it names the
 * thread after a second, and goes on as soon as the signal is let through.
 *
 * All that runs meanwhile is the thread in question, so it does the watching.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

#define NOBODY 65534
#define SECOND_NS ((uint64_t)1000000000)
#define LIMIT_NS (60 * SECOND_NS) /* nothing takes so long */

/* ------------------------------------------------------- how it is refused */

/* A system call fails with EPERM, where all bits of a mask are unset in its
   first argument. */
static bool filter(uint32_t number, uint32_t mask) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
               offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool refuse_ptrace(void) { return filter(SYS_ptrace, 0); }

/* No process can be made; threads can. */
static bool refuse_clone(void) { return filter(SYS_clone, CLONE_THREAD); }

static bool refuse_by_user(void) {
  if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0) return false;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool (*const ways[])(void) = {refuse_ptrace, refuse_clone,
                                     refuse_by_user};
#define WAYS ((int)(sizeof ways / sizeof *ways))

/* What a test needs and the system may not allow; then it says so and ends. */
static bool is_possible(bool done, const char *what) {
  if (!done) printf("tardy: left out, for want of %s\n", what);
  return done;
}

static bool take_way(int i) {
  return is_possible(ways[i](), "a way to refuse");
}

/* --------------------------------------------------------------- the thread */

enum { NOT_YET, HELD_BACK, COLLECTING, LET_THROUGH, FINISH }; /* in order */

static int step;              /* of the test */
static bool held_back = true; /* or it lets all signals through */
static pid_t holder;
static uintptr_t kept, dropped; /* hidden addresses */
static uint64_t let_through_ns;
static struct stat errors_before;

static void pause_us(long us) {
  nanosleep(&(struct timespec){0, us * 1000}, NULL);
}

static void set_step(int to) { __atomic_store_n(&step, to, __ATOMIC_SEQ_CST); }

static void await_step(int wanted) {
  uint64_t end = suite_now_ns() + LIMIT_NS;
  while (__atomic_load_n(&step, __ATOMIC_SEQ_CST) < wanted) {
    expect(suite_now_ns() < end);
    pause_us(200);
  }
}

/* Until something was written to standard error, and then 50 ms: if it were
   written again we would see it. */
static void await_message(void) {
  struct stat now;
  uint64_t end = suite_now_ns() + LIMIT_NS;
  do {
    expect(suite_now_ns() < end);
    pause_us(1000);
    expect(fstat(STDERR_FILENO, &now) == 0);
  } while (now.st_size == errors_before.st_size);
  pause_us(50000);
}

static void hold(int how) {
  sigset_t all;
  sigfillset(&all);
  expect(pthread_sigmask(how, &all, NULL) == 0);
}

static void make(void *data) {
  void **word = data;
  *word = gc_malloc(64);
  kept = api_hide(*word);
  expect(gc_malloc(64) != NULL); /* its start is one past the end of the next */
  dropped = api_hide(gc_malloc(64));
}

/* Blocks all signals, and is the only one to know an object; until_when says
   for how long. */
static void *hold_main(void *until_when) {
  void *volatile word;
  void (*wait)(void);
  *(void **)&wait = until_when;
  holder = (pid_t)syscall(SYS_gettid);
  api_deep(make, (void *)&word);
  api_scrub();
  if (held_back) hold(SIG_BLOCK);
  set_step(HELD_BACK);
  await_step(COLLECTING);
  wait();
  let_through_ns = suite_now_ns();
  hold(SIG_UNBLOCK);
  await_step(FINISH);
  return (void *)api_hide(word);
}

static pthread_t start(void (*until_when)(void)) {
  pthread_t thread;
  suite_catch_errors();
  expect(fstat(STDERR_FILENO, &errors_before) == 0);
  gc_collect();
  ck_assert_int_eq(
      pthread_create(&thread, NULL, hold_main, *(void **)&until_when), 0);
  await_step(HELD_BACK);
  return thread;
}

/* Collect while it holds the signal back.  Returns how long that took. */
static uint64_t collect(void) {
  uint64_t start_ns = suite_now_ns();
  set_step(COLLECTING);
  gc_collect();
  ck_assert_uint_ne(let_through_ns, 0);
  return suite_now_ns() - start_ns;
}

/* Where the thread is stopped, it need not go on for that. */
static void collect_meanwhile(void) {
  set_step(COLLECTING);
  gc_collect();
}

/* It was waited for: what it alone knows is there, and nothing else. */
static void finish(pthread_t thread) {
  void *result;
  set_step(FINISH);
  ck_assert(api_is_allocated(kept));
  ck_assert(!api_is_allocated(dropped));
  ck_assert(gc_heap_check());
  ck_assert_int_eq(pthread_join(thread, &result), 0);
  ck_assert_uint_eq((uintptr_t)result, kept);
}

/* Exactly one line, about this thread, that ends like this: NUMBER is any. */
static void expect_message(const char *before, const char *behind) {
  char beginning[100];
  const char *text = suite_caught();
  snprintf(beginning, sizeof beginning, "gleaner: thread %d does not stop: %s",
           (int)holder, before);
  size_t length = strlen(beginning);
  ck_assert_msg(strncmp(text, beginning, length) == 0, "%s", text);
  text += length;
  size_t digits = strspn(text, "0123456789");
  ck_assert_uint_ge(digits, 1);
  ck_assert_str_eq(text + digits, behind);
}

/* ---------------------------------------------------------- blocked signals */

START_TEST(named_after_a_second_and_waited_for) {
  pthread_t thread = start(await_message);
  if (!take_way(_i)) return;
  uint64_t took_ns = collect();
  ck_assert_uint_ge(took_ns, SECOND_NS);
  ck_assert_uint_lt(suite_now_ns() - let_through_ns, SECOND_NS);
  expect_message("it blocks signal ",
                 ", and may not be traced; waiting for it\n");
  finish(thread);
}
END_TEST

static void wait_100_ms(void) { pause_us(100000); }

/* Nothing is said of one that holds it back for less. */
START_TEST(not_named_within_a_second) {
  pthread_t thread = start(wait_100_ms);
  if (!take_way(_i)) return;
  ck_assert_uint_ge(collect(), SECOND_NS / 10);
  ck_assert_str_eq(suite_caught(), "");
  finish(thread);
}
END_TEST

/* A debugger has it already.  It looks as if the thread held signals back from
   us: it passes on those that come, as all debuggers do. */
static pid_t debug(pid_t tid) {
  int ready[2];
  char byte;
  expect(pipe(ready) == 0);
  pid_t parent = getpid(), child = fork();
  expect(child >= 0);
  if (child == 0) {
    int status;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ptrace(PTRACE_SEIZE, tid, 0, 0) != 0) _exit(1);
    if (write(ready[1], "", 1) != 1) _exit(1);
    while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status))
      ptrace(PTRACE_CONT, tid, 0, status >> 16 != 0 ? 0 : WSTOPSIG(status));
    _exit(getppid() == parent ? 0 : 1);
  }
  close(ready[1]);
  if (read(ready[0], &byte, 1) == 1) return child;
  waitpid(child, NULL, 0);
  return 0;
}

START_TEST(debugged) {
  pthread_t thread = start(await_message);
  pid_t debugger = debug(holder);
  if (!is_possible(debugger != 0, "a debugger")) return;
  ck_assert_uint_ge(collect(), SECOND_NS);
  expect_message("it blocks signal ",
                 ", and may not be traced; waiting for it\n");
  finish(thread);
  ck_assert_int_eq(waitpid(debugger, NULL, 0), debugger);
}
END_TEST

/* --------------------------------------------------------- for moments only */

#define BLINKS 5

/* Each collection has to find a moment, however short; and no thread but the
   collecting one can say that it has. */
static void let_through_for_moments(void) {
  uint64_t end = suite_now_ns() + 20 * SECOND_NS;
  while (suite_now_ns() < end &&
         __atomic_load_n(&step, __ATOMIC_SEQ_CST) == COLLECTING) {
    pause_us(20000);
    let_through_ns = suite_now_ns();
    hold(SIG_UNBLOCK);
    hold(SIG_BLOCK);
  }
}

START_TEST(a_moment_is_enough) {
  pthread_t thread = start(let_through_for_moments);
  if (!take_way(_i)) return;
  for (int i = 0; i < BLINKS; i++) ck_assert_uint_lt(collect(), SECOND_NS);
  set_step(LET_THROUGH);
  ck_assert_str_eq(suite_caught(), "");
  gc_collect();
  finish(thread);
}
END_TEST

/* ----------------------------------------------------------- cannot be told */

static int caught_by_wait;

static void wait_for_signals(void) {
  sigset_t all;
  struct timespec limit = {0, 20000000};
  sigfillset(&all);
  for (uint64_t end = suite_now_ns() + SECOND_NS / 3; suite_now_ns() < end;)
    caught_by_wait += sigtimedwait(&all, NULL, &limit) > 0;
}

/* A thread in sigwait takes our signal for its own: once, and not over and over
   even where the system does not tell that it is there. */
START_TEST(waiting_for_signals) {
  pthread_t thread = start(wait_for_signals);
  if (!take_way(_i)) return;
  collect();
  ck_assert_int_le(caught_by_wait, ways[_i] == refuse_by_user ? 12 : 3);
  ck_assert_str_eq(suite_caught(), "");
  finish(thread);
}
END_TEST

/* The same by signalfd: nobody can see that it waits. */
static void read_signals(void) {
  struct signalfd_siginfo info;
  sigset_t all;
  sigfillset(&all);
  int fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
  expect(fd >= 0);
  for (uint64_t end = suite_now_ns() + SECOND_NS / 3; suite_now_ns() < end;) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, 20) > 0)
      caught_by_wait += read(fd, &info, sizeof info) == sizeof info;
  }
  close(fd);
}

START_TEST(reading_signals) {
  pthread_t thread = start(read_signals);
  if (!take_way(_i)) return;
  collect();
  ck_assert_int_le(caught_by_wait, 12);
  ck_assert_str_eq(suite_caught(), "");
  finish(thread);
}
END_TEST

static bool vforks_held_back;

/* Its child has its memory: the kernel lets it do nothing until then, neither
   take a signal nor be traced. */
static void be_in_vfork(void) {
  struct timespec time = {1, 300000000};
  int status;
  if (!vforks_held_back) hold(SIG_UNBLOCK);
  pid_t child = vfork();
  if (child == 0) {
    syscall(SYS_nanosleep, &time, NULL);
    _exit(7);
  }
  expect(child > 0);
  expect(waitpid(child, &status, 0) == child);
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

START_TEST(in_vfork) {
  vforks_held_back = _i != 0;
  pthread_t thread = start(be_in_vfork);
  set_step(COLLECTING);
  pause_us(100000);
  uint64_t start_ns = suite_now_ns();
  gc_collect();
  ck_assert_uint_ge(suite_now_ns() - start_ns, SECOND_NS);
  if (vforks_held_back)
    expect_message("it blocks signal ",
                   ", and may not be traced; waiting for it\n");
  else
    expect_message("no answer to signal ", "; waiting for it\n");
  finish(thread);
}
END_TEST

/* ----------------------------------------------- what the kernel makes hard */

#define MANY_GROUPS 5000
#define BIG_STACK_BYTES ((size_t)256 << 20)

/* The list of groups is in the file that tells which signals are held back. */
START_TEST(user_in_many_groups) {
  gid_t *groups = calloc(MANY_GROUPS, sizeof *groups);
  for (unsigned i = 0; i < MANY_GROUPS; i++) groups[i] = 1000000 + i;
  if (setgroups(MANY_GROUPS, groups) != 0) return; /* not root */
  pthread_t thread = start(wait_100_ms);
  for (int i = 0; i < 3; i++) gc_collect();
  ck_assert_int_eq(__atomic_load_n(&step, __ATOMIC_SEQ_CST), HELD_BACK);
  collect_meanwhile();
  finish(thread);
}
END_TEST

/* As much as the user has queued already, or 0 by the system's configuration:
   then no real-time signal can be sent at all. */
START_TEST(queue_of_signals_is_full) {
  struct rlimit as_before, none;
  held_back = _i != 0;
  pthread_t thread = start(wait_100_ms);
  ck_assert_int_eq(getrlimit(RLIMIT_SIGPENDING, &as_before), 0);
  none = (struct rlimit){0, as_before.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &none), 0);
  uint64_t start_ns = suite_now_ns();
  for (int i = 0; i < 3; i++) gc_collect();
  ck_assert_uint_lt(suite_now_ns() - start_ns, SECOND_NS);
  ck_assert_str_eq(suite_caught(), "");
  collect_meanwhile();
  finish(thread);
  /* Check makes a timer when a test ends, which has a signal queued too. */
  ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &as_before), 0);
}
END_TEST

/* The kernel's own threads in the process, here one that looks for requests of
   io_uring, are listed with the others.  They take no signal, have no stack and
   no thread-local storage of their own, and need not end with the thread that
   has made them. */
static int ring = -1;

static void *make_ring(void *ignored) {
  struct io_uring_params params = {.flags = IORING_SETUP_SQPOLL,
                                   .sq_thread_idle = 1000};
  ring = (int)syscall(SYS_io_uring_setup, 8, &params);
  return ignored;
}

/* In a thread whose stack the C library does not keep. */
static bool start_kernel_thread(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  expect(pthread_attr_init(&attributes) == 0);
  expect(pthread_attr_setstacksize(&attributes, BIG_STACK_BYTES) == 0);
  expect(pthread_create(&thread, &attributes, make_ring, NULL) == 0);
  expect(pthread_join(thread, NULL) == 0);
  return ring >= 0;
}

START_TEST(threads_of_the_kernel) {
  if (!is_possible(start_kernel_thread(), "io_uring")) return;
  pthread_t thread = start(wait_100_ms);
  uint64_t start_ns = suite_now_ns();
  for (int i = 0; i < 10; i++) gc_collect();
  ck_assert_uint_lt(suite_now_ns() - start_ns, SECOND_NS);
  if (_i < WAYS && !take_way(_i)) return;
  collect_meanwhile();
  ck_assert_str_eq(suite_caught(), "");
  finish(thread);
  close(ring);
  for (int i = 0; i < 10; i++) gc_collect();
}
END_TEST

/* Whether a signal waits at the thread. */
static bool has_pending(void) {
  char path[64], line[100];
  unsigned long long pending = 1;
  snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)holder);
  FILE *file = fopen(path, "r");
  expect(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "SigPnd: %llx", &pending) == 1) break;
  fclose(file);
  return pending != 0;
}

/* What was stopped by tracing has none of our signals left: the next program
   would die of it, after an execve. */
START_TEST(no_signal_is_left) {
  pthread_t thread = start(wait_100_ms);
  for (int i = 0; i < 5; i++) {
    collect_meanwhile();
    ck_assert(!has_pending());
  }
  finish(thread);
}
END_TEST

static uint64_t collections(void) { return suite_stats().collections; }

/* Its threads are listed by numbers that mean nothing in there, or mean others.
   They cannot be stopped, and must not be taken for stopped. */
static void be_in_namespace(void) {
  pthread_t thread = start(wait_100_ms);
  uint64_t before = collections(), start_ns = suite_now_ns();
  for (int i = 0; i < 3; i++) gc_collect();
  expect(suite_now_ns() - start_ns < SECOND_NS);
  expect(collections() == before);
  const char *text = suite_caught();
  expect(strncmp(text, "gleaner: /proc is", 17) == 0);
  expect(strchr(text, '\n') == text + strlen(text) - 1);
  expect(api_is_allocated(kept));
  set_step(FINISH);
  expect(pthread_join(thread, NULL) == 0);
  gc_collect(); /* nobody has to be stopped any more */
  expect(collections() == before + 1);
}

START_TEST(proc_of_another_namespace) {
  int status;
  bool alone =
      unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
  if (!is_possible(alone, "namespaces")) return;
  if (_i != 0) gc_collect(); /* or the library is first used in there */
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    be_in_namespace();
    _exit(0);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

/* A process without /proc, and with one thread, collects all the same. */
START_TEST(no_proc) {
  char empty[] = "/tmp/gleaner-tardy-XXXXXX";
  if (_i != 0) gc_collect(); /* or the library is first used in there */
  int above = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
  ck_assert_ptr_nonnull(mkdtemp(empty));
  bool done = chroot(empty) == 0 ||
              (unshare(CLONE_NEWUSER) == 0 && chroot(empty) == 0);
  expect(unlinkat(above, empty + strlen("/tmp/"), AT_REMOVEDIR) == 0);
  if (!is_possible(done, "a root without /proc")) return;
  uint64_t before = collections();
  kept = api_hide(gc_malloc(100));
  for (int i = 0; i < 3; i++) gc_collect();
  ck_assert_uint_eq(collections(), before + 3);
}
END_TEST

/* -------------------------------------------------------------- job control */

#define NODES ((size_t)1000000)
#define JOB_STOPS 20

struct node {
  struct node *next;
  size_t number;
};

static void until_finish(void) { await_step(FINISH); }

/* Nearly always in a collection, with a thread that is stopped by tracing. */
_Noreturn static void be_job(int finish_fd, int started_fd) {
  struct node *list = NULL;
  struct pollfd finished = {.fd = finish_fd, .events = POLLIN};
  void *result;
  pthread_t thread = start(until_finish);
  for (size_t i = 0; i < NODES; i++) {
    struct node *node = gc_malloc(sizeof *node);
    *node = (struct node){.next = list, .number = i};
    list = node;
  }
  set_step(COLLECTING);
  expect(write(started_fd, "", 1) == 1);
  do {
    gc_collect();
  } while (poll(&finished, 1, 0) == 0);
  size_t i = NODES;
  for (; list != NULL; list = list->next) expect(list->number == --i);
  set_step(FINISH);
  expect(i == 0 && gc_heap_check());
  expect(pthread_join(thread, &result) == 0 && (uintptr_t)result == kept);
  _exit(0);
}

/* The shell is told that the process has stopped, though a thread of it was
   already. */
START_TEST(stopped_by_job_control) {
  int finish_fds[2], started_fds[2], status = 0;
  char byte;
  expect(pipe(finish_fds) == 0 && pipe(started_fds) == 0);
  pid_t job = fork();
  if (job == 0) be_job(finish_fds[0], started_fds[1]);
  expect(job > 0 && read(started_fds[0], &byte, 1) == 1);
  for (long i = 0; i < JOB_STOPS; i++) {
    pause_us(i * 997 % 20000);
    expect(kill(job, SIGSTOP) == 0);
    uint64_t end = suite_now_ns() + LIMIT_NS / 6;
    while (waitpid(job, &status, WUNTRACED | WNOHANG) == 0) {
      expect(suite_now_ns() < end);
      pause_us(1000);
    }
    ck_assert(WIFSTOPPED(status));
    expect(kill(job, SIGCONT) == 0);
    ck_assert_int_eq(waitpid(job, &status, WCONTINUED), job);
  }
  expect(write(finish_fds[1], "", 1) == 1);
  ck_assert_int_eq(waitpid(job, &status, 0), job);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("tardy");
  tcase_add_loop_test(tests, named_after_a_second_and_waited_for, 0, WAYS);
  tcase_add_loop_test(tests, not_named_within_a_second, 0, WAYS);
  tcase_add_test(tests, debugged);
  tcase_add_loop_test(tests, a_moment_is_enough, 0, WAYS);
  tcase_add_loop_test(tests, waiting_for_signals, 0, WAYS);
  tcase_add_loop_test(tests, reading_signals, 0, WAYS);
  tcase_add_loop_test(tests, in_vfork, 0, 2);
  tcase_add_test(tests, user_in_many_groups);
  tcase_add_loop_test(tests, queue_of_signals_is_full, 0, 2);
  tcase_add_loop_test(tests, threads_of_the_kernel, 0, WAYS + 1);
  tcase_add_test(tests, no_signal_is_left);
  tcase_add_loop_test(tests, proc_of_another_namespace, 0, 2);
  tcase_add_loop_test(tests, no_proc, 0, 2);
  tcase_add_test(tests, stopped_by_job_control);
  return suite_end();
}
