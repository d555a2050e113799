/* SPDX-License-Identifier: MIT */
/*
 * live.h: one trial of a liveness test.
 *
 * An object is made, its address is known only hidden (complemented), and a
 * case reveals it into the one place that is tested: a register, a stack slot,
 * a global and so on.  Then the heap is collected and flooded, and the object
 * is looked for.  Every case runs twice: once with the place left alone, when
 * every object must survive; and once with the place erased after the address
 * had been in it, when nearly all must go.  The second run is what proves that
 * the first did not pass by a stale copy elsewhere.
 */
#ifndef GLEANER_TESTS_LIVE_H
#define GLEANER_TESTS_LIVE_H

#include "../api.h"

struct live_trial {
  uintptr_t hidden; /* the address to hold, complemented */
  uintptr_t object; /* the start of the object, complemented */
  size_t size;      /* bytes of the object */
  uint64_t serial;  /* what it is filled with */
  bool erase;       /* erase the place before collecting */
  bool survived;    /* what came of it */
};

/* Where in the object the address points. */
enum live_offset { LIVE_FIRST, LIVE_MIDDLE, LIVE_LAST, LIVE_PAST };

struct live_case {
  const char *name;
  void (*hold)(struct live_trial *trial); /* hold, call live_judge, let go */
  enum live_offset offset;
};

/* The tables of cases, each ended by one without a name. */
extern const struct live_case live_places[];    /* places.c */
extern const struct live_case live_registers[]; /* places.c */
extern const struct live_case live_contexts[];  /* contexts.c */
extern const struct live_case live_threads[];   /* threads.c */

/* Collect, flood, and note whether the object survived. */
void live_judge(struct live_trial *trial);

/* Hold the address in *place while live_judge runs. */
void live_hold_at(struct live_trial *trial, volatile uintptr_t *place);

/* Put the address into *place, and erase it where the trial says so. */
static inline void live_put(const struct live_trial *trial,
                            volatile uintptr_t *place) {
  *place = ~trial->hidden;
  if (trial->erase) *place = 0;
}

/* A word of the library of this name that the test loads by dlopen: "data",
   "bss" or "tls". */
volatile uintptr_t *live_plugin_place(const char *name);

/* Run body(data) on a std::thread, and wait for it; false where the program
   was built without C++. */
bool live_std_thread(void (*body)(void *data), void *data);

#endif /* GLEANER_TESTS_LIVE_H */
