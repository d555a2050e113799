/* SPDX-License-Identifier: MIT */
/*
 * forking.c: a handler of a signal forks, as one does that starts another
 * program.  It is nearly always in the middle of a malloc or free that it comes.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 300

static volatile sig_atomic_t forks, faults;

static void fork_in_handler(int number) {
  int status = -1;
  (void)number;
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(7);
  }
  pid_t gone = waitpid(child, &status, 0);
  if (child <= 0 || gone != child || status != 7 << 8) faults++;
  forks++;
}

int main(void) {
  static char *kept[64];
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  struct sigaction action = {.sa_handler = fork_in_handler};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  for (size_t i = 0; forks < FORKS; i++) {
    size_t bytes = i % 3 == 0 ? 200000 + i % 9 * 4096 : i % 3000 + 1;
    free(kept[i % 64]);
    kept[i % 64] = malloc(bytes);
    memset(kept[i % 64], 1, bytes);
  }
  return faults != 0;
}
