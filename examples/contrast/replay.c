/* SPDX-License-Identifier: MIT */
/*
 * replay.c: runs the two replays of a trace on a subject in processes of their
 * own; see replay.h.
 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "own.h"

/* A replay that takes longer is stopped. */
#define REPLAY_LIMIT_SECONDS 60

typedef void replay_work(const struct plan *plan, struct replay_result *result);

static void replay_note_status(struct replay_result *result, int status) {
  if (result->fault[0] != '\0') return;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    snprintf(result->fault, sizeof result->fault, "took more than %d seconds",
             REPLAY_LIMIT_SECONDS);
  else if (WIFSIGNALED(status))
    snprintf(result->fault, sizeof result->fault, "ended by signal %d (%s)",
             WTERMSIG(status), strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) != 0)
    snprintf(result->fault, sizeof result->fault, "ended with status %d",
             WEXITSTATUS(status));
}

static void replay_fork(const struct plan *plan, struct replay_result *result,
                        replay_work *work) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) own_die("fork: %s", strerror(errno));
  if (child == 0) {
    alarm(REPLAY_LIMIT_SECONDS);
    result->subject->open(result->subject, result->over_mmap,
                          plan->peak_payload);
    work(plan, result);
    _exit(EXIT_SUCCESS);
  }
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) own_die("waitpid: %s", strerror(errno));
  replay_note_status(result, status);
}

struct replay_result *replay_run(const struct plan *plan,
                                 const struct subject *subject,
                                 bool over_mmap) {
  struct replay_result *result = own_allocate_shared(sizeof *result);
  memcpy(result->trace, plan->trace->name, sizeof result->trace);
  result->subject = subject;
  result->over_mmap = over_mmap;
  result->ops = plan->trace->op_count;
  result->peak_payload = plan->peak_payload;
  replay_fork(plan, result, replay_check);
  if (result->done) replay_fork(plan, result, replay_time);
  return result;
}

double replay_utilization(const struct replay_result *result) {
  if (!result->done || result->peak_heap == 0) return 0.0;
  return (double)result->peak_payload / (double)result->peak_heap;
}
