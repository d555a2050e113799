/* SPDX-License-Identifier: MIT */
/*
 * index.c: an in-memory inverted index, as of a search engine.  Documents of
 * words that are as frequent as in natural language are indexed, documents
 * are retired by building the index anew, and queries intersect lists.
 *
 * index [DOCUMENTS [BUILDS [QUERIES]]]
 */
#include "collector.h"

#include <stdio.h>
#include <string.h>

enum { BUCKETS = 1 << 15, WORDS_A_DOCUMENT = 120, VOCABULARY = 60000 };

/* The documents a word is in, in ascending order. */
struct postings {
  size_t count;
  size_t capacity;
  uint32_t *documents;
};

struct entry {
  struct entry *next;
  const char *word;
  struct postings *postings;
};

struct index {
  struct entry *buckets[BUCKETS];
};

/* Zipf's law, nearly: the logarithm of the rank is evenly distributed. */
static uint32_t random_rank(uint64_t *random) {
  uint32_t octave = bench_below(random, 16);
  uint32_t rank = (1u << octave) + bench_below(random, (size_t)1 << octave);
  return rank % VOCABULARY;
}

static char *make_word(uint32_t rank) {
  char text[16];
  int length = snprintf(text, sizeof text, "w%xord", (unsigned)rank);
  char *word = (char *)bench_alloc_atomic((size_t)length + 1);
  memcpy(word, text, (size_t)length + 1);
  return word;
}

static uint32_t hash(const char *word) {
  uint32_t value = 2166136261u;
  for (; *word != '\0'; word++)
    value = (value ^ (unsigned char)*word) * 16777619u;
  return value ^ (value >> 15);
}

static struct postings *find(const struct index *index, const char *word) {
  struct entry *entry = index->buckets[hash(word) % BUCKETS];
  while (entry != NULL && strcmp(entry->word, word) != 0) entry = entry->next;
  return entry != NULL ? entry->postings : NULL;
}

static struct postings *insert(struct index *index, const char *word) {
  struct entry **bucket = &index->buckets[hash(word) % BUCKETS];
  struct entry *entry = (struct entry *)bench_alloc(sizeof *entry);
  entry->next = *bucket;
  entry->word = word;
  entry->postings = (struct postings *)bench_alloc(sizeof *entry->postings);
  *bucket = entry;
  return entry->postings;
}

static void append(struct postings *postings, uint32_t document) {
  if (postings->count != 0 &&
      postings->documents[postings->count - 1] == document)
    return;
  if (postings->count == postings->capacity) {
    postings->capacity = postings->capacity ? 2 * postings->capacity : 4;
    uint32_t *documents =
        (uint32_t *)bench_alloc_atomic(postings->capacity * sizeof *documents);
    if (postings->count != 0) {
      memcpy(documents, postings->documents,
             postings->count * sizeof *documents);
    }
    postings->documents = documents;
  }
  postings->documents[postings->count++] = document;
}

static struct index *build(size_t documents, uint64_t *random) {
  struct index *index = (struct index *)bench_alloc(sizeof *index);
  for (uint32_t document = 0; document < documents; document++) {
    for (int i = 0; i < WORDS_A_DOCUMENT; i++) {
      char *word = make_word(random_rank(random));
      struct postings *postings = find(index, word);
      if (postings == NULL) postings = insert(index, word);
      append(postings, document);
    }
  }
  return index;
}

/* The documents that have both words: a new list, soon garbage. */
static struct postings *intersect(const struct postings *a,
                                  const struct postings *b) {
  struct postings *both = (struct postings *)bench_alloc(sizeof *both);
  size_t i = 0;
  size_t j = 0;
  while (i < a->count && j < b->count) {
    uint32_t left = a->documents[i];
    uint32_t right = b->documents[j];
    if (left == right) append(both, left);
    i += left <= right;
    j += right <= left;
  }
  return both;
}

static uint64_t query(const struct index *index, uint64_t *random) {
  struct postings *a = find(index, make_word(random_rank(random)));
  struct postings *b = find(index, make_word(random_rank(random)));
  return a != NULL && b != NULL ? intersect(a, b)->count : 0;
}

int main(int argc, char **argv) {
  bench_collector_init();
  size_t documents = bench_argument(argc, argv, 1, 20000);
  size_t builds = bench_argument(argc, argv, 2, 5);
  size_t queries = bench_argument(argc, argv, 3, 500);
  uint64_t random = 1;
  uint64_t sum = 0;
  bench_begin("index");
  for (size_t i = 0; i < builds; i++) {
    struct index *index = build(documents, &random);
    for (size_t j = 0; j < queries; j++)
      sum = bench_mix(sum, query(index, &random));
  }
  bench_end(sum);
}
