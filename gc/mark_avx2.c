/* SPDX-License-Identifier: MIT */
/*
 * mark_avx2.c: marking with the instructions of x86-64-v3: four words are
 * compared with the bounds of the heap at once, and those that are within are
 * moved together by a permutation.  Compiled with those instructions allowed,
 * and called only where the processor has them.
 *
 * A word is within where word - base < extent, unsigned.  AVX2 compares signed
 * numbers: both sides are turned by 2^63, the left one by turning the base.
 */
#include <immintrin.h>

#include "hot.h"

#define TURN ((uintptr_t)1 << 63)

#define PICK(a, b, c, d)                                                       \
  {2 * (a), 2 * (a) + 1, 2 * (b), 2 * (b) + 1,                                 \
   2 * (c), 2 * (c) + 1, 2 * (d), 2 * (d) + 1}

/* For each mask of four words: the halves of those in it, in order.  Bytes, so
   that a load can be scaled by their length. */
static const uint8_t hot_permutations[16][8]
    __attribute__((aligned(64))) = {
        PICK(0, 0, 0, 0), PICK(0, 0, 0, 0), PICK(1, 0, 0, 0), PICK(0, 1, 0, 0),
        PICK(2, 0, 0, 0), PICK(0, 2, 0, 0), PICK(1, 2, 0, 0), PICK(0, 1, 2, 0),
        PICK(3, 0, 0, 0), PICK(0, 3, 0, 0), PICK(1, 3, 0, 0), PICK(0, 1, 3, 0),
        PICK(2, 3, 0, 0), PICK(0, 2, 3, 0), PICK(1, 2, 3, 0), PICK(0, 1, 2, 3),
};

/* Both turned, in every lane. */
struct hot_filter {
  __m256i base;
  __m256i extent;
};

GL_INLINE struct hot_filter hot_filter_begin(const struct hot *h) {
  struct hot_filter f = {
      .base = _mm256_set1_epi64x((long long)(h->base + TURN)),
      .extent = _mm256_set1_epi64x((long long)(h->extent - TURN))};
  /* Or gcc makes them anew for each object, which takes longer than to keep
     them. */
  __asm__("" : "+x"(f.base), "+x"(f.extent));
  return f;
}

/* Store, of four words, those in a mask, at and above a place with room for all
   four; returns how many. */
GL_INLINE size_t hot_store(struct gl_word *place, __m256i words,
                           unsigned mask) {
  gl_assert(mask < 16);
  __m256i order = _mm256_cvtepu8_epi32(
      _mm_loadl_epi64((const __m128i *)hot_permutations[mask]));
  _mm256_storeu_si256((__m256i *)place,
                      _mm256_permutevar8x32_epi32(words, order));
  return (unsigned)__builtin_popcount(mask);
}

/* Those of four words, just read, that are within. */
GL_INLINE void hot_filter_read(struct hot *h, const struct hot_filter *f,
                               __m256i words) {
  gl_assert(hot_ring_has_room(h, GL_SPLIT_WORDS));
  /* Read once: what is judged is what is kept.  The block may be the stack that
     the collecting thread runs on, and change meanwhile. */
  __asm__("" : "+x"(words));
  __m256i turned = _mm256_sub_epi64(words, f->base);
  __m256i within = _mm256_cmpgt_epi64(f->extent, turned);
  unsigned mask = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(within));
  h->ring_end += hot_store(&h->ring[h->ring_end], words, mask);
}

GL_MARK_UNCHECKED GL_INLINE void hot_filter_four(struct hot *h,
                                                 const struct hot_filter *f,
                                                 const struct gl_word *word) {
  hot_filter_read(h, f, _mm256_loadu_si256((const __m256i *)word));
}

/* From an index on: as many ones as a block has words are before the zeros. */
static const int64_t hot_ones[4 * HOT_SHORT_GRANULES]
    __attribute__((aligned(64))) = {[0 ... 2 * HOT_SHORT_GRANULES - 1] = -1};

/* What is masked is not read, so it may be nobody's memory; and it is 0. */
GL_MARK_UNCHECKED GL_INLINE void hot_filter_short(struct hot *h,
                                                  const struct hot_filter *f,
                                                  const struct gl_word *word,
                                                  size_t granules,
                                                  size_t most) {
  gl_assert(granules <= most && most <= HOT_SHORT_GRANULES);
  const int64_t *ones = hot_ones + 2 * (HOT_SHORT_GRANULES - granules);
  for (size_t i = 0; i < 2 * most; i += 4) {
    __m256i mask = _mm256_loadu_si256((const __m256i *)(ones + i));
    hot_filter_read(
        h, f, _mm256_maskload_epi64((const long long *)(word + i), mask));
  }
}

GL_MARK_UNCHECKED GL_INLINE void hot_filter_one(struct hot *h,
                                                struct gl_word word) {
  __asm__("" : "+r"(word.bits)); /* read once, as above */
  gl_assert(hot_ring_has_room(h, 1));
  h->ring[h->ring_end] = word;
  h->ring_end += word.bits - h->base < h->extent;
}

/* Of a block of so many granules more is fetched, so far ahead: which may be
   its next piece. (Churn's blocks of up to 16 KiB: 0.9 of the time to mark; 256
   or 512 bytes ahead: 0.95.) */
#define LONG_GRANULES 16
#define LONG_WORDS_AHEAD 128

GL_MARK_UNCHECKED GL_INLINE void hot_filter_words(struct hot *h,
                                                  const struct hot_filter *f,
                                                  const struct gl_word *word,
                                                  size_t granules) {
  for (; granules >= LONG_GRANULES; granules -= 4, word += 8) {
    __builtin_prefetch(word + LONG_WORDS_AHEAD);
    hot_filter_four(h, f, word);
    hot_filter_four(h, f, word + 4);
  }
  for (; granules >= 2; granules -= 2, word += 4) hot_filter_four(h, f, word);
  if (granules == 0) return;
  hot_filter_one(h, word[0]);
  hot_filter_one(h, word[1]);
}

/* Of four words, in a mask, those in territories that are held. */
GL_INLINE unsigned hot_held_of(__m256i words, __m256i base, __m128i shift,
                               __m256i held) {
  const __m256i last = _mm256_set1_epi64x(GL_REGIONS_MAX - 1);
  __m256i bit = _mm256_and_si256(
      _mm256_srl_epi64(_mm256_sub_epi64(words, base), shift), last);
  __m256i sign = _mm256_slli_epi64(_mm256_srlv_epi64(held, bit), 63);
  return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(sign));
}

/* What is stored over the ring has been read: no more is kept than was. */
GL_INLINE void hot_split(struct hot *h, const struct gl_word *words,
                         size_t count, size_t from) {
  struct gl_marker *m = h->m;
  const __m256i held = _mm256_set1_epi64x(m->held);
  const __m256i base = _mm256_set1_epi64x((long long)gl_marking.region_base);
  const __m128i shift = _mm_cvtsi32_si128((int)gl_marking.region_shift);
  size_t kept = from, away = m->away_count;
  for (size_t i = 0; i < count; i += GL_SPLIT_WORDS) {
    __m256i four = _mm256_loadu_si256((const __m256i *)&words[i]);
    unsigned all = count - i < GL_SPLIT_WORDS ? (1u << (count - i)) - 1 : 15;
    unsigned mine = hot_held_of(four, base, shift, held) & all;
    kept += hot_store(&h->ring[kept], four, mine);
    away += hot_store(&m->away[away], four, mine ^ all);
  }
  gl_assert(kept - from + away - m->away_count == count);
  h->ring_end = kept;
  m->away_count = away;
}

#include "drain.h"

void gl_marker_drain_avx2(struct gl_marker *m) {
  gl_assert(gl_marking.has_avx2);
  hot_drain(m);
}

/* In a mask, which of four words are above `most`, all turned. */
GL_MARK_UNCHECKED GL_INLINE unsigned hot_without(const struct gl_word *word,
                                                 __m256i base, __m256i most) {
  __m256i words = _mm256_loadu_si256((const __m256i *)word);
  __m256i without = _mm256_cmpgt_epi64(_mm256_sub_epi64(words, base), most);
  return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(without));
}

GL_MARK_UNCHECKED const struct gl_word *
gl_mark_next_root_avx2(const struct gl_word *word, const struct gl_word *end) {
  const uintptr_t base = gl_heap.base, extent = gl_marking.extent_bytes;
  const __m256i bases = _mm256_set1_epi64x((long long)(base + TURN));
  const __m256i most = _mm256_set1_epi64x((long long)(extent - TURN));
  gl_assert((uintptr_t)word % sizeof *word == 0 && word <= end);
  for (; end - word >= 8; word += 8) {
    unsigned without = hot_without(word, bases, most) |
                       hot_without(word + 4, bases, most) << 4;
    if (without != 0xff) return word + __builtin_ctz(~without);
  }
  while (word < end && word->bits - base > extent) word++;
  return word;
}

bool gl_marker_has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}
