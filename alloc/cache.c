/* SPDX-License-Identifier: MIT */
/*
 * cache.c: the slow half of a thread's allocator: how blocks are had from its
 * lanes (lane.c), how freed ones come back, and what happens to a cache when
 * its thread ends.
 *
 * Every function is called with the cache entered (busy), so the world cannot
 * stop meanwhile, except inside gl_heap_lock.
 */
#include "cache.h"

#include <string.h>

#include "arena.h"
#include "os.h"

/* With fewer arenas of small blocks the medium ones live there too: a program
   of a megabyte is not to hold two more for the sake of order. */
#define LANE_APART_ARENAS 8

/* Frees gathered for another cache before they are sent. */
#define CACHE_OUTBOX_BLOCKS 64

_Static_assert(CACHE_OUTBOX_BLOCKS >= GL_CHAINS, "no chain is left empty");
_Static_assert(offsetof(struct gl_cache, lane) +
                       sizeof((struct gl_cache *)NULL)->lane <=
                   UINT16_MAX,
               "an arena holds the offset of its lane");

__thread struct gl_cache *gl_self
    __attribute__((tls_model("initial-exec"))) = &gl_cache_none;
__thread struct gl_cache *gl_lean_self
    __attribute__((tls_model("initial-exec"))) = &gl_cache_none;
/* Nothing is ever freed in it, nor found idle. */
struct gl_cache gl_cache_none GL_DATA = {.look_in_granules = INT64_MAX};

/* --------------------------------------------------------------- accounting */

void gl_cache_settle(struct gl_cache *cache) {
  uint64_t now = cache->charged_bytes - gl_cache_net_freed_bytes(cache);
  int64_t debt = (int64_t)(now - cache->settled_bytes);
  gl_assert(cache != &gl_cache_none);
  cache->settled_bytes = now;
  __atomic_fetch_sub(&gl_heap.budget_bytes, debt, __ATOMIC_RELAXED);
}

/* The program wrote to the first block of a quick list after freeing it: the
   list is forgotten, since the block's link may be a lie. */
static GL_COLD void lane_report_written(struct gl_lane *lane, unsigned index) {
  const struct gl_quick *block = lane->quick[index];
  lane->quick[index] = NULL;
  gl_heap.on_corruption(block, "free memory was written to");
}

/* A block of a quick list, zeroed where its kind wants that; NULL where there
   is none. */
GL_INLINE void *lane_try_pop(struct gl_cache *cache, struct gl_lane *lane,
                             struct gl_class class) {
  struct gl_quick *block = lane->quick[class.index];
  gl_assert(gl_class_for(class.granules).index == class.index);
  if (block == NULL) return NULL;
  if (!gl_quick_is_sealed(block)) {
    lane_report_written(lane, class.index);
    return NULL;
  }
  gl_lane_pop(cache, lane, block, class.index, class.granules);
  return gl_kind_is_zeroed(lane->kind)
             ? memset(block, 0, class.granules << GL_GRANULE_SHIFT)
             : block;
}

void *gl_lane_try_pop_small(struct gl_cache *cache, struct gl_lane *lane,
                            size_t granules) {
  gl_assert(granules != 0 && granules <= GL_EXACT_CLASSES);
  return lane_try_pop(cache, lane, gl_class_for(granules));
}

GL_INLINE void *cache_allocate(struct gl_cache *cache, size_t granules,
                               enum gl_kind kind, enum gl_want *want) {
  bool small = granules <= GL_EXACT_CLASSES;
  struct gl_lane *lane = &cache->lane[kind];
  if (!small && lane->arena_count >= LANE_APART_ARENAS)
    lane = &cache->lane[kind + GL_KIND_COUNT];
  struct gl_class class = gl_class_for(granules);
  gl_assert(granules != 0 && granules <= GL_MEDIUM_MAX_GRANULES);
  gl_assert(gl_cache_is_entered(cache) && lane->kind == kind);
  cache->slow_allocations++;
  void *p = lane_try_pop(cache, lane, class);
  if (p != NULL) return p;
  if (small) return gl_lane_allocate_small(cache, lane, class.granules, want);
  return gl_lane_allocate_medium(cache, lane, class.granules, want);
}

void *gl_cache_allocate_slow(struct gl_cache *cache, size_t granules,
                             enum gl_kind kind, enum gl_want *want) {
  return cache_allocate(cache, granules, kind, want);
}

void *gl_cache_pop_medium(struct gl_cache *cache, size_t size,
                          enum gl_kind kind) {
  gl_assert(size > gl_heap.small_most && kind < GL_KIND_COUNT);
  if (gl_cache_is_large(size)) return NULL;
  struct gl_class class = gl_cache_medium_class(size);
  gl_cache_enter(cache);
  void *p = lane_try_pop(cache, &cache->lane[kind + GL_KIND_COUNT], class);
  if (p == NULL) p = lane_try_pop(cache, &cache->lane[kind], class);
  gl_cache_leave(cache);
  return p;
}

void *gl_cache_try_take_aligned(struct gl_cache *cache, size_t granules,
                                size_t align, enum gl_kind kind) {
  struct gl_class class = gl_class_for(granules);
  bool small = granules <= GL_EXACT_CLASSES;
  struct gl_lane *lane = &cache->lane[kind + (small ? 0 : GL_KIND_COUNT)];
  gl_assert(gl_cache_is_entered(cache));
  gl_assert(align != 0 && (align & (align - 1)) == 0);
  if ((uintptr_t)lane->quick[class.index] % align == 0) {
    void *p = lane_try_pop(cache, lane, class);
    if (p != NULL) return p;
  }
  return small ? gl_lane_bump_aligned(cache, lane, granules, align) : NULL;
}

/* Whether the fast paths may be used: no debugging, no fork. */
static bool cache_is_fast(const struct gl_cache *cache) {
  return cache != &gl_cache_none && !gl_heap.slow_only &&
         __atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) == 0;
}

void *gl_cache_finish_allocate(struct gl_cache *cache, size_t size,
                               enum gl_kind kind, void *taken) {
  enum gl_want want;
  gl_assert(taken == NULL || gl_in_heap(taken));
  if (size > gl_heap.small_most) return gl_cache_pop_medium(cache, size, kind);
  if (taken == NULL && cache_is_fast(cache))
    taken = cache_allocate(cache, gl_heap.small_granules[size], kind, &want);
  gl_cache_leave(cache);
  if (cache->look_in_granules < 0) gl_cache_look(cache);
  return taken;
}

/* -------------------------------------------------------------------- free */

/* Free the newest block of the open hole: the bump pointer moves back. */
static void lane_unbump(struct gl_cache *cache, struct gl_lane *lane, char *p,
                        size_t bytes) {
  gl_assert(p == lane->hole.cur && p >= lane->hole.limit);
  gl_assert(gl_arena_of(p) == gl_arena_of(lane->hole.start));
  if (gl_kind_is_zeroed(lane->kind)) memset(p, 0, bytes);
  lane->hole.cur = p + bytes;
  cache->withdrawn_bytes += bytes;
}

/* Free a block of the calling thread that no quick list may take: it lies
   ahead of the cursor, where its tag is all that is needed. */
static void cache_free_ahead(struct gl_cache *cache, struct gl_arena *arena,
                             char *p) {
  size_t granule = gl_granule_of(p);
  gl_assert(gl_arena_is_swept(arena));
  gl_cache_free_tag(cache, arena, granule, gl_cache_tagged_size(granule));
}

static void cache_free_behind(struct gl_cache *cache, struct gl_arena *arena,
                              char *p) {
  size_t granule = gl_granule_of(p), granules = gl_cache_tagged_size(granule);
  struct gl_lane *lane = gl_lane_of(cache, arena);
  gl_assert(gl_arena_owner(arena) == cache && (uintptr_t)p < arena->bound);
  if (p == lane->hole.cur && granule % GL_ARENA_GRANULES != 0) {
    gl_tags_clear(gl_heap.tags, granule);
    lane_unbump(cache, lane, p, granules << GL_GRANULE_SHIFT);
    return;
  }
  gl_cache_free_tag(cache, arena, granule, granules);
  /* One that was shrunk in place may have a size between two classes: its tag
     is enough. */
  struct gl_class class = gl_class_for(granules);
  if (class.granules == granules) gl_lane_push(lane, p, class.index);
}

/*
 * Free the block at p, or return false where the slow path must: not the
 * calling thread's, not swept, not a block, large.  The cache is entered.
 */
static bool cache_free_entered(struct gl_cache *cache, char *p) {
  size_t granule = gl_cache_granule(p);
  if (granule >= gl_heap.extent_granules) return false;
  struct gl_arena *arena = gl_arena_of(p);
  if (gl_arena_owner(arena) != cache || !gl_arena_is_swept(arena) ||
      !gl_tags_is_block(gl_heap.tags, granule))
    return false;
  if ((uintptr_t)p < arena->bound)
    cache_free_behind(cache, arena, p);
  else if (cache_is_fast(cache) && !gl_heap.slow_free)
    cache_free_ahead(cache, arena, p);
  else
    return false;
  return true;
}

static void cache_link(struct gl_quick *sent, const struct gl_quick *next) {
  sent->link = (uintptr_t)next ^ gl_heap.secret;
  sent->seal = gl_cache_seal(sent);
}

/* The owner of the arena, who may be another, changes other bits of the same
   word meanwhile; this one changes only if the program frees the block twice at
   the same time. */
GL_RACES static bool cache_is_block(const char *p) {
  gl_assert(gl_in_heap(p) && (uintptr_t)p % GL_GRANULE_BYTES == 0);
  return gl_tags_is_block(gl_heap.tags, gl_granule_of(p));
}

/* Its owner may have freed it as well: then it is no block any more, and its
   link leads into a quick list. */
void gl_cache_refuse_sent(const struct gl_quick *block) {
  const char *fault =
      cache_is_block((const char *)block)
          ? "freed by another thread, then written to or freed by its own"
          : "freed twice, once by another thread";
  gl_heap.on_corruption(block, fault);
}

bool gl_cache_take_off(struct gl_quick *block, struct gl_quick **next) {
  if (GL_UNLIKELY(!gl_cache_is_sent(block))) {
    gl_cache_refuse_sent(block);
    return false;
  }
  block->seal = 0;
  *next = gl_quick_next(block);
  return true;
}

bool gl_cache_find_own(const struct gl_cache *cache, const void *p,
                      struct gl_block *block) {
  size_t granules = gl_cache_find_granules(cache, p);
  if (granules == 0) return false;
  *block = (struct gl_block){
      .start = gl_granule_address(gl_granule_of(p)),
      .size = granules << GL_GRANULE_SHIFT,
      .kind = (enum gl_kind)gl_arena_of(p)->kind};
  return true;
}

static void cache_flush_chain(struct gl_cache *cache, unsigned i) {
  gl_assert(cache->outbox.last[i] != NULL && cache->outbox.owner != cache);
  struct gl_quick **inbox = &cache->outbox.owner->inbox[i];
  struct gl_quick *head = __atomic_load_n(inbox, __ATOMIC_RELAXED);
  do {
    cache_link(cache->outbox.last[i], head);
    /* Release: the owner that takes the list reads the links in it. */
  } while (!__atomic_compare_exchange_n(inbox, &head, cache->outbox.first[i],
                                        true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
  cache->outbox.first[i] = NULL;
}

void gl_cache_flush_outbox(struct gl_cache *cache) {
  gl_assert(cache->outbox.count != 0 || cache->outbox.first[0] == NULL);
  for (unsigned i = GL_CHAINS; i-- > 0;)
    if (cache->outbox.first[i] != NULL) cache_flush_chain(cache, i);
  cache->outbox.count = 0;
}

GL_INLINE void cache_gather(struct gl_cache *cache, struct gl_quick *sent) {
  size_t count = cache->outbox.count++, i = count % GL_CHAINS;
  gl_assert(count < CACHE_OUTBOX_BLOCKS);
  cache_link(sent, cache->outbox.first[i]);
  if (count < GL_CHAINS) cache->outbox.last[i] = sent;
  cache->outbox.first[i] = sent;
  if (count + 1 >= CACHE_OUTBOX_BLOCKS) gl_cache_flush_outbox(cache);
}

static enum gl_fault cache_send(struct gl_cache *cache, struct gl_cache *owner,
                                char *p) {
  gl_assert(owner != cache);
  if (gl_cache_is_sent(p)) return GL_FAULT_TWICE;
  if (cache->outbox.owner != owner) gl_cache_flush_outbox(cache);
  cache->outbox.owner = owner;
  __atomic_store_n(&gl_heap.sends, true, __ATOMIC_RELAXED);
  cache_gather(cache, (struct gl_quick *)p);
  return GL_FAULT_NONE;
}

static enum gl_freed cache_freed(struct gl_cache *cache) {
  return gl_cache_is_asked_on_leaving(cache) ? GL_FREED_ASKED : GL_FREED_DONE;
}

/* Gather a block of the thread that the last ones went to.  The gate is not
   looked at: the outbox is forgotten as it is shut. */
GL_INLINE bool cache_try_gather(struct gl_cache *cache, char *p) {
  struct gl_arena *arena = gl_arena_of(p);
  struct gl_cache *owner = gl_arena_owner(arena);
  if (owner == NULL || owner != cache->outbox.owner || gl_heap.slow_only ||
      !gl_arena_is_swept(arena) || !cache_is_block(p) || gl_cache_is_sent(p))
    return false;
  cache_gather(cache, (struct gl_quick *)p);
  return true;
}

bool gl_lean_try_send(char *p) { return cache_try_gather(gl_lean_self, p); }

static bool cache_try_send(struct gl_cache *cache, char *p) {
  struct gl_arena *arena = gl_arena_of(p);
  struct gl_cache *owner = gl_arena_owner(arena);
  if (owner == NULL || !gl_arena_is_swept(arena)) return false;
  if (!cache_is_fast(cache) || gl_heap.slow_free || !cache_is_block(p))
    return false;
  return cache_send(cache, owner, p) == GL_FAULT_NONE;
}

static enum gl_freed cache_send_on(struct gl_cache *cache, char *p) {
  if (!cache_try_gather(cache, p) && !cache_try_send(cache, p))
    return GL_FREED_NOTHING;
  return cache_freed(cache);
}

enum gl_freed gl_cache_free_more(struct gl_cache *cache, char *p,
                                 enum gl_freed freed) {
  if (freed == GL_FREED_ELSEWHERE) return cache_send_on(cache, p);
  if (freed == GL_FREED_LONG) freed = gl_cache_take_back_long(cache, p);
  if (freed == GL_FREED_LONG || freed == GL_FREED_NOTHING) {
    if (!cache_free_entered(cache, p)) return GL_FREED_NOTHING;
    freed = cache->look_in_granules < 0 ? GL_FREED_LOOK : GL_FREED_DONE;
  }
  return freed == GL_FREED_DONE ? cache_freed(cache) : freed;
}

bool gl_cache_finish_free(struct gl_cache *cache, char *p,
                          enum gl_freed freed) {
  freed = gl_cache_free_more(cache, p, freed);
  if (freed == GL_FREED_DONE) return true;
  if (freed == GL_FREED_ASKED) {
    gl_heap.on_leave(cache);
    return true;
  }
  gl_assert(freed == GL_FREED_LOOK || freed == GL_FREED_NOTHING);
  gl_cache_leave(cache);
  if (freed != GL_FREED_LOOK) return false;
  gl_cache_look(cache);
  return true;
}

enum gl_fault gl_cache_free_slow(struct gl_cache *cache, struct gl_arena *arena,
                                 char *p) {
  gl_assert(gl_arena_of(p) == arena);
  gl_arena_sweep(arena);
  if (!cache_is_block(p)) return GL_FAULT_FREE;
  struct gl_cache *owner = gl_arena_owner(arena);
  if (owner != cache) return cache_send(cache, owner, p);
  cache_free_ahead(cache, arena, p);
  return GL_FAULT_NONE;
}

/* One block from the inbox.  Its arena may be anybody's by now. */
static GL_NOINLINE void cache_take_in_slow(struct gl_cache *cache, char *p) {
  struct gl_arena *arena = gl_arena_of(p);
  if (!cache_free_entered(cache, p) &&
      gl_cache_free_slow(cache, arena, p) == GL_FAULT_FREE)
    gl_cache_refuse_sent((struct gl_quick *)p);
}

static void cache_take_in(struct gl_cache *cache, char *p) {
  gl_assert(gl_cache_granule(p) < gl_heap.extent_granules);
  enum gl_freed freed =
      gl_cache_try_take_back(cache, p, gl_granule_of(p), true);
  if (freed == GL_FREED_LONG)
    cache_free_behind(cache, gl_arena_of(p), p);
  else if (freed == GL_FREED_NOTHING || freed == GL_FREED_ELSEWHERE)
    cache_take_in_slow(cache, p);
}

/* Another processor wrote to it last. */
GL_INLINE void cache_fetch(const struct gl_quick *block) {
  __builtin_prefetch(block, 1);
  __builtin_prefetch(gl_tags_at((uintptr_t)block), 1);
}

/* Empty the inbox; returns how many chains there are. */
static size_t cache_open_inbox(struct gl_cache *cache,
                               struct gl_quick *chain[GL_CHAINS]) {
  size_t count = 0;
  for (unsigned i = 0; i < GL_CHAINS; i++) {
    struct gl_quick **from = &cache->inbox[i];
    if (__atomic_load_n(from, __ATOMIC_RELAXED) == NULL) continue;
    /* Acquire: of the links. */
    chain[count] = __atomic_exchange_n(from, NULL, __ATOMIC_ACQUIRE);
    cache_fetch(chain[count++]);
  }
  return count;
}

void gl_cache_drain_inbox(struct gl_cache *cache) {
  gl_assert(cache != &gl_cache_none);
  struct gl_quick *chain[GL_CHAINS];
  size_t count = cache_open_inbox(cache, chain);
  for (size_t i = 0; count > 0; i = i + 1 < count ? i + 1 : 0) {
    struct gl_quick *block = chain[i], *next = NULL;
    if (gl_cache_take_off(block, &next)) {
      if (next != NULL) cache_fetch(next);
      cache_take_in(cache, (char *)block);
    }
    chain[i] = next != NULL ? next : chain[--count];
  }
}

/* ---------------------------------------------------------- cache lifetimes */

void gl_cache_init(struct gl_cache *cache) {
  gl_assert(!cache->in_use && (uintptr_t)cache % 64 == 0);
  gl_assert((gl_heap.caches == NULL) == (gl_heap.cache_count == 0));
  for (int i = 0; i < GL_LANES; i++) {
    cache->lane[i].kind = (enum gl_kind)(i % GL_KIND_COUNT);
    cache->lane[i].few = GL_ZERO_FEW;
  }
  cache->next = gl_heap.caches;
  gl_heap.caches = cache;
  gl_heap.cache_count++;
}

/*
 * A fast path that was cut short left the tags true: what it was to free or to
 * allocate is a free run that no list has, or a block that nobody has, which
 * may read black.  Not so the open hole, in which that block may lie, and the
 * lists; nor the outbox, whose blocks stay allocated.
 */
void gl_cache_mend(struct gl_cache *cache) {
  if (!cache->torn) return;
  memset(&cache->outbox, 0, sizeof cache->outbox);
  for (int i = 0; i < GL_LANES; i++) {
    struct gl_lane *lane = &cache->lane[i];
    for (struct gl_arena *a = lane->first; a != NULL; a = a->next)
      gl_tags_whiten_lines(gl_heap.tags, gl_arena_index(a) * GL_ARENA_LINES,
                           GL_ARENA_LINES);
    gl_lane_rescan(cache, lane);
  }
  cache->torn = false;
}

static bool cache_is_orphan(const struct gl_cache *cache) {
  return !cache->in_use && cache != gl_heap.common;
}

/* A cache whose thread has ended, or NULL. */
static struct gl_cache *cache_find_orphan(const void *freed) {
  struct gl_cache *cache = gl_in_heap(freed) ? gl_arena_of(freed)->owner : NULL;
  if (cache != NULL && cache_is_orphan(cache)) return cache;
  cache = gl_heap.caches;
  while (cache != NULL && !cache_is_orphan(cache)) cache = cache->next;
  gl_assert(cache == NULL || cache->thread == NULL);
  return cache;
}

struct gl_cache *gl_cache_acquire(const void *freed) {
  struct gl_cache *cache = cache_find_orphan(freed);
  if (cache == NULL) {
    cache = gl_os_map(gl_round_up(sizeof *cache, GL_PAGE_BYTES));
    if (cache == NULL) return NULL;
    if (gl_heap.caches != NULL) gl_common_open();
    gl_cache_init(cache);
  }
  gl_cache_mend(cache);
  gl_assert(!cache->in_use && cache->busy == 0 && !cache->torn);
  cache->in_use = true;
  gl_self = cache;
  return cache;
}

void gl_cache_wait_at_gate(struct gl_cache *cache) {
  gl_assert(cache == &gl_cache_none || gl_cache_is_entered(cache));
  while (__atomic_load_n(&gl_heap.gate, __ATOMIC_RELAXED) != 0) {
    gl_cache_leave(cache);
    gl_heap_lock(NULL); /* whoever shut the gate holds it */
    gl_heap_unlock();
    gl_cache_enter(cache);
  }
}

void gl_cache_abandon(struct gl_cache *cache) {
  gl_assert(cache->in_use && cache != gl_heap.common && cache != gl_self);
  cache->pin = NULL;
  cache->thread = NULL;
  cache->busy = 0;
  cache->stop_wanted = 0;
  cache->in_use = false;
}

void gl_cache_release(struct gl_cache *cache) {
  gl_assert(cache->in_use && cache != gl_heap.common);
  gl_cache_enter_slow(cache);
  gl_cache_flush_outbox(cache);
  gl_cache_drain_inbox(cache);
  for (int i = 0; i < GL_LANES; i++)
    gl_lane_close(cache, &cache->lane[i], true);
  gl_cache_settle(cache);
  gl_heap_lock(cache);
  gl_cache_trim(cache, false);
  gl_assert(cache->outbox.count == 0);
  gl_self = gl_lean_self = &gl_cache_none;
  cache->pin = NULL;
  cache->thread = NULL;
  cache->busy = 0;
  cache->in_use = false;
  gl_heap_unlock();
  gl_heap.on_unlock();
}

/* ------------------------------------------------------------------- check */

bool gl_cache_check(const struct gl_cache *cache) {
  for (int i = 0; i < GL_LANES; i++)
    if (!gl_lane_check(cache, &cache->lane[i])) return false;
  return true;
}
