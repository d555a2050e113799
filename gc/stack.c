/* SPDX-License-Identifier: MIT */
/*
 * stack.c: registers and frames, by libunwind; the only file that uses it.
 *
 * The collector runs on the stack of the program, in frames whose dead words
 * would pin garbage.  So it does not scan from its own stack pointer: it asks
 * libunwind for the frame that called the library, for that frame's exact stack
 * pointer, and for the registers as that frame has them (our own frames may
 * have saved them to the stack and put their own words there).
 *
 * Frames are unwound before the world is stopped only: libunwind takes locks
 * that a stopped thread might hold.  The words of the stack are then scanned
 * flat; stepping frame by frame to find them is dearer and finds no more.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <string.h>
#include <unistd.h>

#include "gc.h"

#define STACK_FRAMES_MAX 64 /* of our own, at the very most */
#define STACK_BACKTRACE_MAX 40

/* Less than the 5.6 KB that a collection has used itself, so that it is
   there. */
#define STACK_WIPE_BYTES 5120
#define STACK_WIPE_LITTLE_BYTES 512

/* No frame information, or no way to ask for it. */
GL_NOINLINE void gl_stack_capture_here(struct gl_entry *entry) {
  unw_context_t context;
  unw_getcontext(&context);
  const uintptr_t *words = (const uintptr_t *)&context;
  size_t count = sizeof context / sizeof *words;
  if (count > GL_REGISTERS_MAX) count = GL_REGISTERS_MAX;
  memcpy(entry->registers, words, count * sizeof *words);
  entry->register_count = count;
  entry->sp = (uintptr_t)__builtin_frame_address(0);
}

/* Every integer register that the frame under the cursor has a value for. */
static void stack_read_registers(struct gl_entry *entry, unw_cursor_t *cursor) {
  entry->register_count = 0;
  for (int i = 0; i <= UNW_TDEP_LAST_REG; i++) {
    unw_word_t value;
    if (unw_is_fpreg(i) || unw_get_reg(cursor, i, &value) < 0) continue;
    if (entry->register_count == GL_REGISTERS_MAX) return;
    entry->registers[entry->register_count++] = (uintptr_t)value;
  }
  gl_assert(entry->register_count > 0);
}

/*
 * Ways into the library, as they were unwound.  To step over a frame takes
 * libunwind two system calls (it holds signals back), and a collection of a
 * small heap takes not much longer than to step over ours.  But each of those
 * has one size.  So where the same return addresses lie in the same places the
 * frames are the same, and what they saved is in the same places too.
 *
 * Everything is by its distance from the frame of gl_stack_capture.  Who has
 * the turn to collect has these.
 */
#define STACK_WAYS 8
#define STACK_WAY_FRAMES 12
#define STACK_WAY_SAVED 8

struct stack_slot {
  uintptr_t at;
  uintptr_t value; /* of a return address */
};

struct stack_way {
  size_t frames;   /* of ours; 0 for none yet */
  uintptr_t entry; /* what was said to be the program's stack pointer, */
  uintptr_t sp;    /* and what it is */
  struct stack_slot returns[STACK_WAY_FRAMES];
  size_t saved;
  uintptr_t saved_at[STACK_WAY_SAVED]; /* in a frame, or in the context */
};

_Static_assert(STACK_WAY_SAVED <= GL_REGISTERS_MAX, "an entry has them all");

static struct stack_way stack_ways[STACK_WAYS] GL_DATA;
static unsigned stack_next_way GL_DATA = 0;

static uintptr_t stack_word(uintptr_t address) {
  return *(const uintptr_t *)address;
}

/* In order: that one frame is there says where the next one is.  The last
   returns to the program, wherever that is. */
static bool stack_way_is(const struct stack_way *way, uintptr_t frame,
                         uintptr_t entry_sp) {
  gl_assert(way->frames <= STACK_WAY_FRAMES && way->saved <= STACK_WAY_SAVED);
  if (way->frames == 0 || entry_sp - frame != way->entry) return false;
  for (size_t i = 0; i + 1 < way->frames; i++)
    if (stack_word(frame + way->returns[i].at) != way->returns[i].value)
      return false;
  return true;
}

static const struct stack_way *stack_find_way(uintptr_t frame,
                                              uintptr_t entry_sp) {
  for (size_t i = 0; i < STACK_WAYS; i++)
    if (stack_way_is(&stack_ways[i], frame, entry_sp)) return &stack_ways[i];
  return NULL;
}

static void stack_go_way(struct gl_entry *entry, const struct stack_way *way,
                         uintptr_t frame) {
  gl_assert(way->frames > 0 && way->saved > 0);
  for (size_t i = 0; i < way->saved; i++)
    entry->registers[i] = stack_word(frame + way->saved_at[i]);
  entry->register_count = way->saved;
  entry->sp = frame + way->sp;
}

/* Of the frame that the cursor has just come to, and its stack pointer.  False
   where its return address is not where calls put it. */
static bool stack_add_frame(struct stack_way *way, unw_cursor_t *cursor,
                            uintptr_t sp, uintptr_t frame) {
  unw_word_t ip;
  gl_assert(way->frames <= STACK_WAY_FRAMES && way->saved == 0);
  if (way->frames == STACK_WAY_FRAMES ||
      unw_get_reg(cursor, UNW_REG_IP, &ip) < 0)
    return false;
  uintptr_t at = sp - sizeof(uintptr_t);
  way->returns[way->frames++] = (struct stack_slot){at - frame, (uintptr_t)ip};
  return stack_word(at) == ip;
}

/* Where the registers are that calls preserve. */
static bool stack_add_saved(struct stack_way *way, unw_cursor_t *cursor,
                            uintptr_t frame) {
  gl_assert(way->frames > 0 && way->saved == 0);
  for (int i = 0; i <= UNW_TDEP_LAST_REG; i++) {
    unw_save_loc_t where;
    if (unw_is_fpreg(i) || i == UNW_REG_SP || i == UNW_REG_IP ||
        unw_get_save_loc(cursor, i, &where) < 0 || where.type == UNW_SLT_NONE)
      continue;
    if (where.type != UNW_SLT_MEMORY || way->saved == STACK_WAY_SAVED)
      return false;
    way->saved_at[way->saved++] = (uintptr_t)where.u.addr - frame;
  }
  return way->saved > 0;
}

static void stack_keep_way(const struct stack_way *way) {
  gl_assert(stack_next_way < STACK_WAYS && way->frames > 0 && way->saved > 0);
  stack_ways[stack_next_way] = *way;
  stack_next_way = (stack_next_way + 1) % STACK_WAYS;
}

void gl_stack_forget_ways(void) { memset(stack_ways, 0, sizeof stack_ways); }

/* Step by step. */
static GL_NOINLINE void stack_unwind(struct gl_entry *entry,
                                     unw_context_t *context, uintptr_t frame,
                                     uintptr_t entry_sp) {
  struct stack_way way = {.frames = 0};
  unw_cursor_t cursor;
  unw_word_t sp = 0;
  bool found = unw_init_local(&cursor, context) == 0, plain = true;
  for (int i = 0; found && i < STACK_FRAMES_MAX; i++) {
    if (unw_step(&cursor) <= 0 || unw_get_reg(&cursor, UNW_REG_SP, &sp) < 0)
      break;
    plain = plain && stack_add_frame(&way, &cursor, (uintptr_t)sp, frame);
    if (sp < entry_sp) continue;
    stack_read_registers(entry, &cursor);
    entry->sp = (uintptr_t)sp;
    way.entry = entry_sp - frame;
    way.sp = (uintptr_t)sp - frame;
    if (plain && stack_add_saved(&way, &cursor, frame)) stack_keep_way(&way);
    return;
  }
  gl_stack_capture_here(entry);
}

GL_NOINLINE void gl_stack_capture(struct gl_entry *entry, uintptr_t entry_sp) {
  unw_context_t context;
  uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
  unw_getcontext(&context);
  const struct stack_way *way = stack_find_way(frame, entry_sp);
  if (way != NULL)
    stack_go_way(entry, way, frame);
  else
    stack_unwind(entry, &context, frame, entry_sp);
  gl_assert(entry->register_count > 0);
  gl_assert(entry->register_count <= GL_REGISTERS_MAX);
}

GL_NOINLINE void gl_stack_wipe(void) {
  char dead[STACK_WIPE_BYTES];
  memset(dead, 0, sizeof dead);
  __asm__ volatile("" : : "m"(dead)); /* or it would be left out */
}

GL_NOINLINE void gl_stack_wipe_little(void) {
  char dead[STACK_WIPE_LITTLE_BYTES];
  memset(dead, 0, sizeof dead);
  __asm__ volatile("" : : "m"(dead));
}

/* --------------------------------------------------------------- backtrace */

static void stack_write_frame(int fd, int number, unw_cursor_t *cursor) {
  char buffer[256], name[160];
  struct gl_text text = {buffer, sizeof buffer, 0};
  unw_word_t ip = 0, offset = 0;
  unw_get_reg(cursor, UNW_REG_IP, &ip);
  gl_text_string(&text, "  #");
  gl_text_number(&text, (uint64_t)number);
  gl_text_string(&text, " ");
  gl_text_address(&text, (const void *)ip);
  int found = unw_get_proc_name(cursor, name, sizeof name, &offset);
  gl_text_string(&text, " ");
  if (found == 0 || found == -UNW_ENOMEM) {
    gl_text_string(&text, name);
    gl_text_string(&text, "+");
    gl_text_number(&text, offset);
  } else if (gl_modules_find((const void *)ip, name, sizeof name)) {
    gl_text_string(&text, "in ");
    gl_text_string(&text, name);
  } else {
    gl_text_string(&text, "?");
  }
  gl_text_string(&text, "\n");
  gl_assert(text.length < text.size);
  gl_text_write(&text, fd);
}

void gl_stack_backtrace(int fd, uintptr_t entry_sp) {
  unw_context_t context;
  unw_cursor_t cursor;
  unw_word_t sp = 0;
  int number = 0;
  unw_getcontext(&context);
  if (unw_init_local(&cursor, &context) != 0) return;
  while (number < STACK_BACKTRACE_MAX && unw_step(&cursor) > 0) {
    unw_get_reg(&cursor, UNW_REG_SP, &sp);
    if (sp < entry_sp) continue;
    stack_write_frame(fd, number++, &cursor);
  }
}

void gl_stack_trace(uintptr_t *frames, size_t count, uintptr_t entry_sp) {
  unw_context_t context;
  unw_cursor_t cursor;
  unw_word_t sp = 0, ip = 0;
  size_t found = 0;
  memset(frames, 0, count * sizeof *frames);
  unw_getcontext(&context);
  if (unw_init_local(&cursor, &context) != 0) return;
  while (found < count && unw_step(&cursor) > 0) {
    unw_get_reg(&cursor, UNW_REG_SP, &sp);
    unw_get_reg(&cursor, UNW_REG_IP, &ip);
    if (sp >= entry_sp) frames[found++] = (uintptr_t)ip;
  }
}

/* A cursor that is at the frame in nothing but its instruction: enough to name
   the function. */
void gl_stack_write_trace(int fd, const uintptr_t *frames, size_t count) {
  unw_context_t context;
  unw_cursor_t cursor;
  unw_getcontext(&context);
  for (size_t i = 0; i < count && frames[i] != 0; i++) {
    if (unw_init_local(&cursor, &context) != 0) return;
    unw_set_reg(&cursor, UNW_REG_IP, (unw_word_t)frames[i]);
    stack_write_frame(fd, (int)i, &cursor);
  }
}
