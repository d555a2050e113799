/* SPDX-License-Identifier: MIT */
/*
 * pipe.c: a producer and a consumer.  One thread takes the blocks, another
 * gives them back; a bounded ring is between them.  Every free is one of
 * another thread's block.
 *
 * pipe [MESSAGES [MOST]]: how many, and the largest size.
 */
#include "allocator.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { RING = 4096, CACHE_LINE_BYTES = 64 };

struct message {
  size_t size;
  uint64_t value;
};

/* sent and received count up; the ring holds the difference. */
static struct message *ring[RING];
static _Alignas(CACHE_LINE_BYTES) atomic_size_t sent;
static _Alignas(CACHE_LINE_BYTES) atomic_size_t received;
static size_t message_count;
static size_t most_bytes;

static void *produce(void *argument) {
  uint64_t random = 1;
  for (size_t i = 0; i < message_count; i++) {
    size_t size = bench_log_size(&random, 16, most_bytes);
    struct message *message = (struct message *)bench_take(size);
    message->size = size;
    message->value = i;
    /* acquire: with the consumer's release, the slot has been read */
    while (i - atomic_load_explicit(&received, memory_order_acquire) == RING)
      sched_yield();
    ring[i % RING] = message;
    /* release: with the consumer's acquire, the message is complete */
    atomic_store_explicit(&sent, i + 1, memory_order_release);
  }
  return argument;
}

static uint64_t consume(void) {
  uint64_t sum = 0;
  for (size_t i = 0; i < message_count; i++) {
    while (atomic_load_explicit(&sent, memory_order_acquire) == i)
      sched_yield();
    struct message *message = ring[i % RING];
    atomic_store_explicit(&received, i + 1, memory_order_release);
    sum = bench_mix(sum, message->size ^ message->value);
    bench_give(message);
  }
  return sum;
}

int main(int argc, char **argv) {
  bench_allocator_init();
  message_count = bench_argument(argc, argv, 1, 4000000);
  most_bytes = bench_argument(argc, argv, 2, 512);
  if (most_bytes < sizeof(struct message)) bench_die("messages too small");
  pthread_t producer;
  bench_begin("pipe");
  if (pthread_create(&producer, NULL, produce, NULL) != 0)
    bench_die("cannot start a thread");
  uint64_t sum = consume();
  pthread_join(producer, NULL);
  bench_end(sum);
}
