/* SPDX-License-Identifier: MIT */
/*
 * share.h: which candidates a marker keeps: in a minor collection none in a
 * tenured arena, and while others mark too those that lie in territories it
 * holds; the others it puts aside to be sent, and looks for news once a turn.
 * Part of drain.h; markers.c has the slow halves.
 */
#ifndef GL_SHARE_H
#define GL_SHARE_H

#include "hot.h"

/* Candidates of a packet taken in at a time: what a turn works on. */
#define SHARE_TAKE ((size_t)48)

/* Split words into candidates and those of other markers, to whom they are sent
   when there are many. */
GL_INLINE void hot_sort(struct hot *h, const struct gl_word *words,
                        size_t count, size_t from) {
  gl_assert(h->m->shared && h->m->away_count < GL_PACKET_WORDS);
  gl_assert(from + count <= GL_MARK_RING - GL_MARK_RING_SLACK);
  hot_split(h, words, count, from);
  if (GL_LIKELY(h->m->away_count < GL_PACKET_WORDS)) return;
  hot_save(h);
  gl_markers_send(h->m);
  hot_load(h);
}

/* Sort the candidates from an index on again. */
GL_INLINE void hot_sort_again(struct hot *h, size_t from) {
  gl_assert(h->ring_start <= from && from <= h->ring_end);
  if (h->m->held == GL_TERRITORIES_ALL) return;
  hot_sort(h, h->ring + from, h->ring_end - from, from);
}

/* Whether this marker has anything to do with the news. */
GL_INLINE bool hot_is_concerned(const struct hot *h, uint64_t news) {
  const struct gl_marker *m = h->m;
  if (((uint32_t)news & m->held) != 0 && m->coming == NULL) return true;
  return (news & GL_NEWS_HUNGRY) != 0 &&
         (hot_has_entries(h) || m->away_count + m->unsent > 0);
}

/* It is in another processor's cache. */
GL_INLINE void hot_fetch_packet(const struct gl_packet *packet) {
  for (size_t at = 0; packet != NULL && at < sizeof *packet; at += 64)
    __builtin_prefetch((const char *)packet + at);
}

/* Take in some of the packet that is coming, what this marker still holds, and
   fetch their tags. */
GL_INLINE void hot_take(struct hot *h) {
  struct gl_packet *packet = h->m->coming;
  gl_assert(h->m->taken < packet->count && packet->count <= GL_PACKET_WORDS);
  gl_assert(hot_ring_has_room(h, SHARE_TAKE));
  if (h->m->taken == 0) hot_fetch_packet(packet->next);
  size_t from = h->ring_end, at = h->m->taken;
  size_t left = packet->count - at;
  size_t count = left < SHARE_TAKE ? left : SHARE_TAKE;
  hot_sort(h, packet->candidates + at, count, from);
  hot_fetch_all_tags(h, from);
  h->m->taken = at + count;
  if (count < left) return;
  h->m->coming = packet->next;
  h->m->taken = 0;
  gl_markers_return(h->m, packet);
}

/* Drop the candidates that are black from the start, from an index on. */
GL_INLINE void hot_drop(struct hot *h, size_t from) {
  size_t kept = from;
  for (size_t i = from; i < h->ring_end; i++) {
    struct gl_word word = h->ring[i];
    h->ring[kept] = word;
    kept += hot_tenured(h, word) ^ 1;
  }
  h->ring_end = kept;
}

/* Of the candidates that were just found, from an index on, keep those that
   this marker has to look at. */
GL_INLINE void hot_sift(struct hot *h, size_t from) {
  gl_assert(h->ring_start <= from && from <= h->ring_end);
  if (h->tenured_bias != 0) hot_drop(h, from);
  if (h->m->shared) hot_sort_again(h, from);
}

/* Look for what others have sent, and give where somebody is hungry. */
GL_INLINE void hot_heed(struct hot *h) {
  gl_assert(h->m->shared && h->m->taken == 0);
  uint64_t news = __atomic_load_n(&gl_markers_news.word, __ATOMIC_RELAXED);
  if (GL_LIKELY(news == 0) || !hot_is_concerned(h, news)) return;
  hot_save(h);
  gl_markers_share(h->m);
  hot_load(h);
  hot_sort_again(h, h->ring_start); /* it may have given up territory */
}

/* Between two turns, when few candidates are in the ring.  Returns whether
   anything came in. */
GL_INLINE bool hot_share(struct hot *h) {
  if (h->m->taken == 0) hot_heed(h);
  if (h->m->coming == NULL) return false;
  hot_rewind(h); /* so there is room */
  hot_take(h);
  return true;
}

#endif
