/* SPDX-License-Identifier: MIT */
/*
 * mixed.c: an inverted index over a stream of documents, in memory: which
 * word is where, for the latest documents only.  Older ones leave the index.
 * Now and then somebody asks for the documents in which two words meet; the
 * last answers are kept, and read again later.
 *
 * This is the program that frees what is plainly its own: the words it has cut
 * out and not kept, and arrays that it has replaced by larger ones.  What is
 * shared, documents and words and answers, it leaves to the collector.
 * implicit.c and explicit.c are the same program; compare them with diff.
 *
 *   index -> buckets -> word -> postings: document and offset, sorted
 *     |                  +----> text
 *     +----> document -> document -> ... -> the latest
 *               +----> text <--- snippet of an answer: a pointer into it
 */
#include <gleaner.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOCUMENTS 20000
#define WINDOW 2000 /* documents in the index */
#define DOCUMENT_WORDS 60
#define VOCABULARY 20000
#define QUERY_EVERY 1 /* documents between two queries */
#define ANSWERS 64    /* that are kept */
#define SNIPPET_BYTES 24

struct document {
  struct document *next;
  uint32_t number;
  char *text;
};

struct posting {
  struct document *document;
  uint32_t offset;
};

struct word {
  struct word *next; /* of the same bucket */
  char *text;
  struct posting *postings;
  size_t first, count, room; /* those before first are of the past */
};

struct index {
  struct word **buckets;
  size_t bucket_count, word_count;
  struct document *oldest, *latest;
  size_t document_count;
};

struct answer {
  size_t count;
  const char **snippets;
};

/* The programmer's mistakes, to be asked for by name: --forget does not free
   the words that were cut out, --early frees the text of a document that
   leaves, although an answer may point into it. */
static bool mistake_forget, mistake_early;

static void *need(void *block) {
  if (block != NULL) return block;
  fputs("out of memory\n", stderr);
  exit(EXIT_FAILURE);
}

static void drop(char *word) {
  if (!mistake_forget) gc_free(word);
}

/* --------------------------------------------------------------- the words */

static size_t hash(const char *text) {
  size_t sum = 5381;
  for (; *text != '\0'; text++) sum = sum * 33 + (unsigned char)*text;
  return sum ^ sum >> 17;
}

static struct word **find(const struct index *index, const char *text) {
  struct word **link = &index->buckets[hash(text) % index->bucket_count];
  while (*link != NULL && strcmp((*link)->text, text) != 0)
    link = &(*link)->next;
  return link;
}

static void grow_buckets(struct index *index) {
  struct word **old = index->buckets;
  size_t old_count = index->bucket_count;
  index->bucket_count = old_count * 2 + 64;
  index->buckets = need(gc_calloc(index->bucket_count, sizeof *old));
  for (size_t i = 0; i < old_count; i++)
    for (struct word *word = old[i], *next; word != NULL; word = next) {
      next = word->next;
      size_t at = hash(word->text) % index->bucket_count;
      word->next = index->buckets[at];
      index->buckets[at] = word;
    }
  gc_free(old);
}

static struct word *intern(struct index *index, char *text) {
  if (index->word_count >= index->bucket_count) grow_buckets(index);
  struct word **link = find(index, text);
  if (*link != NULL) {
    drop(text);
    return *link;
  }
  struct word *word = need(gc_malloc(sizeof *word));
  word->text = text;
  *link = word;
  index->word_count++;
  return word;
}

/* Make room by dropping postings of the past, or by doubling. */
static void make_room(struct word *word) {
  size_t live = word->count - word->first;
  size_t room = live * 2 + 4;
  struct posting *postings = need(gc_malloc(room * sizeof *postings));
  if (live > 0)
    memcpy(postings, word->postings + word->first, live * sizeof *postings);
  gc_free(word->postings);
  word->postings = postings;
  word->room = room;
  word->count = live;
  word->first = 0;
}

static void add_posting(struct word *word, struct document *document,
                        size_t offset) {
  if (word->count == word->room) make_room(word);
  word->postings[word->count++] = (struct posting){document, (uint32_t)offset};
}

/* ----------------------------------------------------------- the documents */

/* The next word at *at, in lower case; *at is moved behind it. */
static char *next_word(const char *text, size_t *at) {
  while (text[*at] == ' ') (*at)++;
  size_t length = strcspn(text + *at, " ");
  if (length == 0) return NULL;
  char *word = need(gc_strndup(text + *at, length));
  for (size_t i = 0; i < length; i++)
    if (word[i] >= 'A' && word[i] <= 'Z') word[i] += 'a' - 'A';
  *at += length;
  return word;
}

static void add_document(struct index *index, char *text, uint32_t number) {
  struct document *document = need(gc_malloc(sizeof *document));
  document->text = text;
  document->number = number;
  if (index->latest != NULL)
    index->latest->next = document;
  else
    index->oldest = document;
  index->latest = document;
  index->document_count++;
  size_t at = 0;
  for (char *word; (word = next_word(text, &at)) != NULL;) {
    size_t offset = at - strlen(word);
    add_posting(intern(index, word), document, offset);
  }
}

/* The oldest document leaves; so do words that were in no other. */
static void remove_document(struct index *index) {
  struct document *document = index->oldest;
  size_t at = 0;
  for (char *text; (text = next_word(document->text, &at)) != NULL;) {
    struct word **link = find(index, text);
    struct word *word = *link;
    drop(text);
    if (word == NULL) continue;
    while (word->first < word->count &&
           word->postings[word->first].document == document)
      word->first++;
    if (word->first < word->count) continue;
    *link = word->next;
    index->word_count--;
  }
  index->oldest = document->next;
  /* Some posting of the past may still point to it, and must not hold all the
     documents that came later. */
  document->next = NULL;
  index->document_count--;
  if (mistake_early) gc_free(document->text);
}

/* ------------------------------------------------------------- the queries */

static char *make_snippet(const struct posting *posting) {
  return posting->document->text + posting->offset;
}

/* Where a and b are in the same document: the snippets at a. */
static struct answer *ask(const struct index *index, const char *a,
                          const char *b) {
  struct answer *answer = need(gc_malloc(sizeof *answer));
  const struct word *left = *find(index, a), *right = *find(index, b);
  if (left == NULL || right == NULL) return answer;
  size_t most = left->count - left->first;
  answer->snippets = need(gc_calloc(most, sizeof *answer->snippets));
  for (size_t i = left->first, j = right->first; i < left->count; i++) {
    uint32_t number = left->postings[i].document->number;
    while (j < right->count && right->postings[j].document->number < number)
      j++;
    if (j < right->count && right->postings[j].document->number == number)
      answer->snippets[answer->count++] = make_snippet(&left->postings[i]);
  }
  return answer;
}

static uint64_t read_answer(const struct answer *answer) {
  uint64_t sum = answer->count;
  for (size_t i = 0; i < answer->count; i++)
    for (int k = 0; k < SNIPPET_BYTES && answer->snippets[i][k] != '\0'; k++)
      sum = sum * 31 + (unsigned char)answer->snippets[i][k];
  return sum;
}

/* ---------------------------------------------------------------- the text */

static uint32_t draw(uint64_t *state, uint32_t limit) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t)((*state >> 33) * limit >> 31);
}

/* A word of the vocabulary; low numbers are frequent, as words are. */
static int make_word(uint64_t *state, char *to, size_t size) {
  uint32_t limit = 1 + draw(state, 1 + draw(state, VOCABULARY));
  return snprintf(to, size, "%c%" PRIx32, "WwTtSs"[limit % 6],
                  draw(state, limit) * 2654435761u % 0xffffff);
}

static char *make_text(uint64_t *state) {
  char buffer[DOCUMENT_WORDS * 16];
  size_t used = 0;
  for (int i = 0; i < DOCUMENT_WORDS; i++) {
    used += (size_t)make_word(state, buffer + used, sizeof buffer - used);
    buffer[used++] = ' ';
  }
  return need(gc_strndup(buffer, used - 1));
}

/* -------------------------------------------------------------------- main */

static void report(uint64_t sum, double seconds) {
  struct gc_stats stats, left;
  gc_get_stats(&stats);
  gc_collect();
  gc_get_stats(&left);
  printf("sum=%016" PRIx64
         " seconds=%.3f peak_heap_mb=%.1f collections=%" PRIu64
         " pause_max_ms=%.2f left_mb=%.1f\n",
         sum, seconds, (double)stats.peak_heap_bytes / 1e6, stats.collections,
         (double)stats.pause_max_ns / 1e6, (double)left.live_bytes / 1e6);
}

int main(int argc, char **argv) {
  uint32_t documents = DOCUMENTS;
  mistake_forget = argc > 1 && strcmp(argv[1], "--forget") == 0;
  mistake_early = argc > 1 && strcmp(argv[1], "--early") == 0;
  struct index *index = need(gc_malloc(sizeof *index));
  struct answer **answers = need(gc_calloc(ANSWERS, sizeof *answers));
  uint64_t state = 42, sum = 0;
  clock_t start = clock();
  for (uint32_t i = 0; i < documents; i++) {
    add_document(index, make_text(&state), i);
    if (index->document_count > WINDOW) remove_document(index);
    if (i % QUERY_EVERY != 0) continue;
    struct answer **slot = &answers[i / QUERY_EVERY % ANSWERS];
    if (*slot != NULL) sum = sum * 31 + read_answer(*slot);
    size_t at = 0;
    char *a = next_word(index->latest->text, &at);
    char *b = next_word(index->latest->text, &at);
    *slot = ask(index, a, b);
    drop(a);
    drop(b);
  }
  report(sum, (double)(clock() - start) / CLOCKS_PER_SEC);
  return EXIT_SUCCESS;
}
