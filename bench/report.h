/* SPDX-License-Identifier: MIT */
/*
 * report.h: what every benchmark needs that is not allocation: a clock, the
 * resident set, random numbers that are the same in every run, arguments, and
 * the one line of results, which bench/run reads:
 *
 *   bench name=trees seconds=0.512345 peak_bytes=10485760 checksum=9f3a...
 *
 * followed by more key=value pairs where a program measures more than that.
 * The checksum depends on the arguments only: two collectors that disagree
 * about it have lost something.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>
#include <stdint.h>

/* Start the clock of the work that the line is about. */
void bench_begin(const char *name);

/*
 * Stop the clock.  Optional: bench_end does it, and a program that looks at
 * its results at length, or notes things, calls it before.
 */
void bench_stop(void);

/* Add key=value to the line; at most 16 of them. */
void bench_note(const char *key, double value);

/* Print the line. */
void bench_end(uint64_t checksum);

/*
 * The index-th argument as a number, which may end in K, M or G (powers of
 * 1024), or fallback where it was not given.  Ends the program with status 2
 * where it is no number.
 */
size_t bench_argument(int argc, char **argv, int index, size_t fallback);

/* Monotonic time. */
uint64_t bench_now_ns(void);

/*
 * Resident memory now, and the most it was.  The peak is that of the address
 * space, VmHWM, since getrusage's survives an exec: a small program would show
 * that of the shell that started it.
 */
size_t bench_resident_bytes(void);
size_t bench_peak_bytes(void);

/* Say so and end the program with status 3, which bench/run tells from 1. */
void bench_out_of_memory(size_t size) __attribute__((noreturn, cold));

/* Print a message about an error of the program itself; status 1. */
void bench_die(const char *message) __attribute__((noreturn, cold));

/* Sort count numbers, and take the one below which the fraction lies. */
void bench_sort(uint64_t *values, size_t count);
uint64_t bench_quantile(const uint64_t *sorted, size_t count, double fraction);

/*
 * The next random number (xorshift64*, Vigna 2016).  The state must not be 0
 * at first; the low bits are the weaker ones, so only the upper 32 are given.
 */
static inline uint32_t bench_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return (uint32_t)((x * UINT64_C(2685821657736338717)) >> 32);
}

/* A random number below limit. */
static inline uint32_t bench_below(uint64_t *state, size_t limit) {
  return (uint32_t)(((uint64_t)bench_random(state) * limit) >> 32);
}

/* Stir value into the checksum. */
static inline uint64_t bench_mix(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return sum ^ (sum >> 29);
}

/* Keep the compiler from proving that a value is not used. */
static inline void bench_keep(const void *value) {
  __asm__ volatile("" : : "r"(value) : "memory");
}

#endif /* BENCH_REPORT_H */
