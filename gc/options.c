/* SPDX-License-Identifier: MIT */
/*
 * options.c: the environment, read once while the library is set up.  A value
 * that cannot be understood is named on standard error and then ignored.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc.h"

/* Entries of a mark stack of fixed size.  A block takes one for each 4 GiB, and
   all of them have to fit at once. */
#define OPTIONS_MARK_STACK_MIN 64
#define OPTIONS_MARK_STACK_MAX ((size_t)1 << 32)

/* Memory for packets, touched as it is used.  Every marker may hold one, and
   then there must be another; the most are a million candidates, which a marker
   finds in 20 ms and another may be kept from taking for so long. */
#define OPTIONS_PACKETS_MIN 48
#define OPTIONS_PACKETS_MAX 4096

_Static_assert(OPTIONS_MARK_STACK_MIN < OPTIONS_MARK_STACK_MAX &&
                   OPTIONS_PACKETS_MIN < OPTIONS_PACKETS_MAX,
               "bounds are in order");

struct gl_options gl_options GL_DATA = {.markers = 0};

static void options_complain(const char *name, const char *value) {
  char buffer[200];
  struct gl_text text = {buffer, sizeof buffer, 0};
  gl_text_string(&text, "gleaner: cannot understand ");
  gl_text_string(&text, name);
  gl_text_string(&text, "=");
  gl_text_string(&text, value);
  gl_text_string(&text, ", ignored\n");
  gl_text_write(&text, STDERR_FILENO);
}

/* A number with an optional K, M, G or T; false where it is none. */
static bool options_parse_size(const char *value, uint64_t *size) {
  char *end;
  if (*value < '0' || *value > '9') return false;
  errno = 0;
  unsigned long long number = strtoull(value, &end, 10);
  if (errno == ERANGE) return false;
  static const char units[] = "KMGT";
  int letter = *end & ~0x20; /* in upper case */
  const char *unit = letter != 0 ? strchr(units, letter) : NULL;
  unsigned shift = 0;
  if (unit != NULL) {
    shift = 10u * (unsigned)(unit - units + 1);
    end++;
  }
  gl_assert(shift <= 40);
  if (*end != '\0' || number > UINT64_MAX >> shift) return false;
  *size = number << shift;
  return true;
}

static uint64_t options_size(const char *name, uint64_t otherwise,
                             uint64_t most) {
  gl_assert(otherwise <= most);
  const char *value = getenv(name);
  uint64_t size;
  if (value == NULL || *value == '\0') return otherwise;
  if (options_parse_size(value, &size) && size <= most) return size;
  options_complain(name, value);
  return otherwise;
}

/* The same between two bounds, where it is not 0. */
static uint64_t options_bounded(const char *name, uint64_t otherwise,
                                uint64_t least, uint64_t most) {
  gl_assert(least <= most && (otherwise == 0 || otherwise >= least));
  uint64_t size = options_size(name, otherwise, most);
  return size != 0 && size < least ? least : size;
}

static bool options_flag(const char *name) {
  const char *value = getenv(name);
  if (value == NULL || *value == '\0' || strcmp(value, "0") == 0) return false;
  if (strcmp(value, "1") == 0) return true;
  options_complain(name, value);
  return false;
}

/* A signal that a program may have a handler for; 0 to choose one. */
static int options_signal(void) {
  static const char name[] = "GLEANER_SIGNAL";
  int number = (int)options_size(name, 0, INT32_MAX);
  sigset_t set;
  sigemptyset(&set);
  if (number == 0 || (sigaddset(&set, number) == 0 && number != SIGKILL &&
                      number != SIGSTOP))
    return number;
  options_complain(name, getenv(name));
  return 0;
}

static enum gl_mode options_mode(void) {
  const char *value = getenv("GLEANER_MODE");
  if (value == NULL || *value == '\0')
    return gl_options.preloaded ? GL_MODE_EXPLICIT : GL_MODE_MIXED;
  if (strcmp(value, "mixed") == 0) return GL_MODE_MIXED;
  if (strcmp(value, "implicit") == 0) return GL_MODE_IMPLICIT;
  if (strcmp(value, "explicit") == 0) return GL_MODE_EXPLICIT;
  options_complain("GLEANER_MODE", value);
  return GL_MODE_MIXED;
}

static void options_stress(void) {
  static const char full[] = "every:", minor[] = "minor:";
  _Static_assert(sizeof full == sizeof minor, "the number begins at one place");
  const char *value = getenv("GLEANER_STRESS");
  uint64_t every = 0;
  if (value == NULL || *value == '\0') return;
  gl_options.stress_minor = strncmp(value, minor, sizeof minor - 1) == 0;
  if ((gl_options.stress_minor ||
       strncmp(value, full, sizeof full - 1) == 0) &&
      options_parse_size(value + sizeof full - 1, &every))
    gl_options.stress_every = every;
  else
    options_complain("GLEANER_STRESS", value);
}

void gl_options_read(void) {
  gl_options.log = options_flag("GLEANER_LOG");
  gl_options.check = options_flag("GLEANER_CHECK");
  gl_options.debug = options_flag("GLEANER_DEBUG");
  gl_options.mode = options_mode();
  gl_options.lean =
      gl_options.preloaded && gl_options.mode == GL_MODE_EXPLICIT;
  gl_options.heap_limit = options_size("GLEANER_HEAP_LIMIT", 0, SIZE_MAX);
  options_stress();
  gl_options.markers = (unsigned)options_size("GLEANER_MARKERS", 0, UINT32_MAX);
  gl_options.mark_stack = options_bounded(
      "GLEANER_MARK_STACK", GL_TORTURE ? OPTIONS_MARK_STACK_MIN : 0,
      OPTIONS_MARK_STACK_MIN, OPTIONS_MARK_STACK_MAX);
  gl_options.mark_packets = options_bounded(
      "GLEANER_MARK_PACKETS",
      GL_TORTURE ? OPTIONS_PACKETS_MIN : OPTIONS_PACKETS_MAX,
      OPTIONS_PACKETS_MIN, OPTIONS_PACKETS_MAX);
  if (gl_options.mark_packets == 0)
    gl_options.mark_packets = OPTIONS_PACKETS_MAX;
  gl_assert(gl_options.mark_packets >= OPTIONS_PACKETS_MIN &&
            gl_options.mark_packets <= OPTIONS_PACKETS_MAX);
  gl_options.stop_signal = options_signal();
}
