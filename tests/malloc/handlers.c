/* SPDX-License-Identifier: MIT */
/*
 * handlers.c: a library (and, with MAIN, the program) whose handlers of a fork
 * allocate.  Its constructor, which runs before that of a library that was only
 * preloaded, has them called.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void handlers_are_there(void);

#ifdef MAIN

static int finish;

static void *allocate(void *data) {
  while (__atomic_load_n(&finish, __ATOMIC_SEQ_CST) == 0) free(malloc(3000));
  return data;
}

int main(void) {
  pthread_t thread;
  int status = 0;
  handlers_are_there();
  if (pthread_create(&thread, NULL, allocate, NULL) != 0) return 2;
  for (int i = 0; i < 20 && status == 0; i++) {
    pid_t child = fork();
    if (child == 0) {
      for (size_t size = 0; size < 10000; size += 10) free(malloc(size));
      _exit(0);
    }
    if (waitpid(child, &status, 0) != child) return 3;
  }
  __atomic_store_n(&finish, 1, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
  return status != 0;
}

#else

static void *kept[1000];

static void use(void) {
  for (size_t i = 0; i < 1000; i++) {
    free(kept[i]);
    kept[i] = malloc(i % 200 + 1);
    memset(kept[i], 1, i % 200 + 1);
  }
  free(malloc(50000));
}

__attribute__((constructor)) static void begin(void) {
  pthread_atfork(use, use, use);
}

void handlers_are_there(void) {}

#endif
