/* SPDX-License-Identifier: MIT */
/*
 * port.c: ports.  A port has a buffer of bytes, in a pointer-free block:
 * of an input port what was read and not yet taken, of an output port what was
 * written and not yet sent, of a string or bytevector port everything.  Text
 * is UTF-8 in all of them.
 */
#include "lisp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 8192 };

static value standard_input, standard_output, standard_error; /* parameters */

_Noreturn static void file_error(const char *message, value name) {
  value reason = text(strerror(errno));
  fail_kind("file-error", message, list2(name, reason));
}

value port_make(int fd, unsigned direction, value name) {
  struct port *p = allocate(sizeof *p);
  p->head.type = TYPE_PORT;
  p->direction = direction;
  p->open = true;
  p->fd = fd;
  p->line = 1;
  p->name = name;
  p->size = BUFFER_BYTES;
  p->data = allocate_atomic(p->size);
  return (value)p;
}

/* A program of unknown origin, see --steps, gets no files. */
static void check_files(value name) {
  errno = EPERM;
  if (vm.steps) file_error("no files here", name);
}

value port_open(const char *path, unsigned direction) {
  value name = text(path);
  check_files(name);
  int flags = direction & PORT_INPUT ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  int fd = open(path, flags | O_CLOEXEC, 0666);
  if (fd < 0) file_error("cannot open file", name);
  return port_make(fd, direction, name);
}

value port_open_string(const uint8_t *bytes, size_t length, unsigned how) {
  struct port *p = allocate(sizeof *p);
  p->head.type = TYPE_PORT;
  p->direction = how;
  p->open = true;
  p->fd = -1;
  p->line = 1;
  p->name = FALSE;
  p->size = length > 64 ? length : 64;
  p->data = allocate_atomic(p->size);
  p->end = length;
  if (length) memcpy(p->data, bytes, length);
  return (value)p;
}

value port_take_string(value p) {
  return make_string_utf8((const char *)port(p)->data, port(p)->end);
}

/* -------------------------------------------------------------------- input */

/* Read some more bytes behind those that are there; false at the end. */
static bool refill(struct port *p) {
  if (p->fd < 0) return false;
  if (p->fd == 0) port_flush(current_output());
  size_t left = p->end - p->start;
  memmove(p->data, p->data + p->start, left);
  p->start = 0;
  p->end = left;
  ssize_t count;
  while ((count = read(p->fd, p->data + left, p->size - left)) < 0) {
    if (errno != EINTR) file_error("cannot read", p->name);
    machine_poll();
  }
  p->end += (size_t)count;
  return count > 0;
}

/* The next character, and how many bytes it takes; none at the end. */
static uint32_t decode(struct port *p, size_t *bytes) {
  *bytes = 0;
  if (p->start == p->end && !refill(p)) return NO_CHARACTER;
  uint8_t lead = p->data[p->start];
  *bytes = 1;
  if (LIKELY(lead < 0x80)) return lead;
  size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  while (p->end - p->start < need && refill(p)) continue;
  uint32_t code;
  *bytes = utf8_decode(p->data + p->start, p->end - p->start, &code);
  return code;
}

uint32_t port_read(value v) {
  struct port *p = port(v);
  size_t bytes;
  uint32_t code = decode(p, &bytes);
  p->start += bytes;
  p->line += code == '\n';
  return code;
}

uint32_t port_peek(value v) {
  size_t bytes;
  return decode(port(v), &bytes);
}

/* Up to length bytes into out; fewer only at the end. */
static size_t read_bytes(struct port *p, uint8_t *out, size_t length) {
  size_t done = 0;
  while (done < length && (p->start < p->end || refill(p))) {
    size_t part = p->end - p->start;
    if (part > length - done) part = length - done;
    memcpy(out + done, p->data + p->start, part);
    p->start += part;
    done += part;
  }
  return done;
}

/* ------------------------------------------------------------------- output */

void port_flush(value v) {
  struct port *p = port(v);
  if (p->fd < 0 || !(p->direction & PORT_OUTPUT)) return;
  size_t end = p->end;
  p->end = 0; /* whatever happens: an error must not be met again at exit */
  for (size_t done = 0; done < end;) {
    ssize_t count = write(p->fd, p->data + done, end - done);
    if (count < 0 && errno != EINTR) file_error("cannot write", p->name);
    if (count > 0) done += (size_t)count;
  }
}

void port_write_bytes(value v, const char *bytes, size_t length) {
  struct port *p = port(v);
  if (length > p->size - p->end && p->fd >= 0) port_flush(v);
  if (length > p->size - p->end) {
    size_t size = 2 * (p->end + length);
    uint8_t *data = allocate_atomic(size);
    memcpy(data, p->data, p->end);
    gc_free(p->data);
    p->data = data;
    p->size = size;
  }
  memcpy(p->data + p->end, bytes, length);
  p->end += length;
  if (p->direction & PORT_LINES && memchr(bytes, '\n', length)) port_flush(v);
}

void port_write(value v, uint32_t code) {
  char bytes[4];
  port_write_bytes(v, bytes, utf8_encode(code, bytes));
}

void port_write_text(value v, const char *utf8) {
  port_write_bytes(v, utf8, strlen(utf8));
}

/* A port of a file loses its buffer at once; string ports may be read yet. */
void port_close(value v) {
  struct port *p = port(v);
  if (!p->open) return;
  port_flush(v);
  p->open = false;
  if (p->fd < 0) return;
  if (p->fd > 2) close(p->fd);
  p->fd = -1;
  p->start = p->end = p->size = 0;
  gc_free(p->data);
  p->data = NULL;
}

/* ------------------------------------------------------------- those in use */

static value current(value parameter) {
  value p = parameter_get(parameter);
  if (!has_type(p, TYPE_PORT)) fail1("the current port is none", p);
  return p;
}

value current_input(void) { return current(standard_input); }
value current_output(void) { return current(standard_output); }
value current_error(void) { return current(standard_error); }

static value standard_port(const char *name, int fd, unsigned direction) {
  value p = port_make(fd, direction, text(name));
  value parameter = make_cell(TYPE_PARAMETER, p, FALSE);
  symbol(sym(name))->global = parameter;
  symbol(sym(name))->builtin = parameter;
  return parameter;
}

/* At exit; the port may not be what the program made current. */
static void flush_standard_output(void) {
  struct port *p = port(cell(standard_output)->first);
  if (p->end && write(p->fd, p->data, p->end) < 0) p->end = 0;
}

void ports_init(void) {
  unsigned lines = isatty(1) ? PORT_LINES : 0;
  standard_input = standard_port("current-input-port", 0, PORT_INPUT);
  standard_output =
      standard_port("current-output-port", 1, PORT_OUTPUT | lines);
  standard_error =
      standard_port("current-error-port", 2, PORT_OUTPUT | PORT_LINES);
  atexit(flush_standard_output);
}

/* --------------------------------------------------------------- primitives */

/* The port that argv[at] names or, if none is given, the current one. */
static value port_argument(size_t argc, const value *argv, size_t at,
                           unsigned direction) {
  bool input = direction & PORT_INPUT;
  value p = argc > at ? argv[at] : input ? current_input() : current_output();
  if (!has_type(p, TYPE_PORT) || !(port(p)->direction & direction))
    fail1(input ? "not an input port" : "not an output port", p);
  if (!port(p)->open) fail1("the port is closed", p);
  if ((port(p)->direction ^ direction) & PORT_BINARY)
    fail1("wrong kind of port: binary or textual", p);
  return p;
}

value text_input(size_t argc, const value *argv, size_t at) {
  return port_argument(argc, argv, at, PORT_INPUT);
}

value text_output(size_t argc, const value *argv, size_t at) {
  return port_argument(argc, argv, at, PORT_OUTPUT);
}

static value char_or_end(uint32_t c) {
  return c == NO_CHARACTER ? END_OF_FILE : character(c);
}

static value read_char(size_t argc, const value *argv) {
  return char_or_end(port_read(text_input(argc, argv, 0)));
}

static value peek_char(size_t argc, const value *argv) {
  return char_or_end(port_peek(text_input(argc, argv, 0)));
}

static value is_ready(size_t argc, const value *argv) {
  value p = argc ? argv[0] : current_input();
  return boolean(port(p)->direction & PORT_INPUT);
}

/* Up to the end of a line, or of the file, or that many characters. */
static value read_text(value p, size_t limit, bool line) {
  value out = port_open_string(NULL, 0, PORT_OUTPUT);
  if (limit > 0 && port_peek(p) == NO_CHARACTER) return END_OF_FILE;
  for (; limit > 0 && port_peek(p) != NO_CHARACTER; limit--) {
    uint32_t c = port_read(p);
    if (line && c == '\n') break;
    port_write(out, c);
  }
  return port_take_string(out);
}

static value read_line(size_t argc, const value *argv) {
  return read_text(text_input(argc, argv, 0), SIZE_MAX, true);
}

static value read_string(size_t argc, const value *argv) {
  value p = text_input(argc, argv, 1);
  return read_text(p, size_argument(argv[0]), false);
}

static value read_primitive(size_t argc, const value *argv) {
  return read_datum(text_input(argc, argv, 0));
}

static value next_byte(size_t argc, const value *argv, bool take) {
  struct port *p = port(port_argument(argc, argv, 0, PORT_INPUT | PORT_BINARY));
  if (p->start == p->end && !refill(p)) return END_OF_FILE;
  value byte = fixnum(p->data[p->start]);
  p->start += take;
  return byte;
}

static value read_u8(size_t argc, const value *argv) {
  return next_byte(argc, argv, true);
}

static value peek_u8(size_t argc, const value *argv) {
  return next_byte(argc, argv, false);
}

/* (read-bytevector! bytevector port start end) */
static value read_bytevector_into(size_t argc, const value *argv) {
  value p = port_argument(argc, argv, 1, PORT_INPUT | PORT_BINARY);
  struct range r = range_of(argc, argv, 2, bytevector(argv[0])->length);
  check_mutable(argv[0]);
  size_t count = read_bytes(port(p), bytevector(argv[0])->bytes + r.start,
                            r.end - r.start);
  return count == 0 && r.end > r.start ? END_OF_FILE : fixnum_from_size(count);
}

static value write_char(size_t argc, const value *argv) {
  port_write(text_output(argc, argv, 1), character_code(argv[0]));
  return UNSPECIFIED;
}

static value write_string(size_t argc, const value *argv) {
  value p = text_output(argc, argv, 1);
  struct range r = range_of(argc, argv, 2, string(argv[0])->length);
  for (size_t i = r.start; i < r.end; i++)
    port_write(p, string(argv[0])->chars[i]);
  return UNSPECIFIED;
}

static value newline(size_t argc, const value *argv) {
  port_write(text_output(argc, argv, 0), '\n');
  return UNSPECIFIED;
}

/* (write-bytevector bytevector port start end) */
static value write_bytevector(size_t argc, const value *argv) {
  value p = port_argument(argc, argv, 1, PORT_OUTPUT | PORT_BINARY);
  struct range r = range_of(argc, argv, 2, bytevector(argv[0])->length);
  port_write_bytes(p, (const char *)bytevector(argv[0])->bytes + r.start,
                   r.end - r.start);
  return UNSPECIFIED;
}

static value flush_output(size_t argc, const value *argv) {
  port_flush(argc ? argv[0] : current_output());
  return UNSPECIFIED;
}

static value close_primitive(value p) {
  port_close(p);
  return UNSPECIFIED;
}

#define OPEN(name, direction)                                                  \
  static value name(value path) {                                              \
    return port_open(utf8_from_string(path, NULL), direction);                 \
  }
OPEN(open_input, PORT_INPUT)
OPEN(open_output, PORT_OUTPUT)
OPEN(open_binary_input, PORT_INPUT | PORT_BINARY)
OPEN(open_binary_output, PORT_OUTPUT | PORT_BINARY)

static value open_input_string(value s) {
  size_t length;
  char *utf8 = utf8_from_string(s, &length);
  return port_open_string((const uint8_t *)utf8, length, PORT_INPUT);
}

static value open_output_string(void) {
  return port_open_string(NULL, 0, PORT_OUTPUT);
}

static value open_input_bytes(value b) {
  return port_open_string(bytevector(b)->bytes, bytevector(b)->length,
                          PORT_INPUT | PORT_BINARY);
}

static value open_output_bytes(void) {
  return port_open_string(NULL, 0, PORT_OUTPUT | PORT_BINARY);
}

static void need_memory_port(value p, unsigned direction) {
  if (port(p)->fd >= 0 || !port(p)->data ||
      (port(p)->direction & (PORT_OUTPUT | PORT_BINARY)) != direction)
    fail1("not such a port in memory", p);
}

static value get_output_string(value p) {
  need_memory_port(p, PORT_OUTPUT);
  return port_take_string(p);
}

static value get_output_bytes(value p) {
  need_memory_port(p, PORT_OUTPUT | PORT_BINARY);
  value b = make_bytevector(port(p)->end);
  memcpy(bytevector(b)->bytes, port(p)->data, port(p)->end);
  return b;
}

static value is_port(value v) { return boolean(has_type(v, TYPE_PORT)); }
static value is_input(value v) {
  return boolean(has_type(v, TYPE_PORT) && port(v)->direction & PORT_INPUT);
}
static value is_output(value v) {
  return boolean(has_type(v, TYPE_PORT) && port(v)->direction & PORT_OUTPUT);
}
static value is_textual(value v) {
  return boolean(has_type(v, TYPE_PORT) && !(port(v)->direction & PORT_BINARY));
}
static value is_binary(value v) {
  return boolean(has_type(v, TYPE_PORT) && port(v)->direction & PORT_BINARY);
}
static value is_input_open(value v) {
  return boolean(port(v)->open && is_input(v) == TRUE);
}
static value is_output_open(value v) {
  return boolean(port(v)->open && is_output(v) == TRUE);
}

static value end_of_file(void) { return END_OF_FILE; }
static value is_end_of_file(value v) { return boolean(v == END_OF_FILE); }

static value file_exists(value path) {
  return boolean(access(utf8_from_string(path, NULL), F_OK) == 0);
}

static value delete_file(value path) {
  check_files(path);
  if (unlink(utf8_from_string(path, NULL)) != 0)
    file_error("cannot delete file", path);
  return UNSPECIFIED;
}

const struct primitive_row port_rows[] = {
    ROWN("read", "o", 0, 1, read_primitive),
    ROWN("read-char", "o", 0, 1, read_char),
    ROWN("peek-char", "o", 0, 1, peek_char),
    ROWN("char-ready?", "o", 0, 1, is_ready),
    ROWN("u8-ready?", "o", 0, 1, is_ready),
    ROWN("read-line", "o", 0, 1, read_line),
    ROWN("read-string", "ko", 1, 2, read_string),
    ROWN("read-u8", "o", 0, 1, read_u8),
    ROWN("peek-u8", "o", 0, 1, peek_u8),
    ROWN("read-bytevector!", "bok", 1, 4, read_bytevector_into),
    ROWN("write-char", "co", 1, 2, write_char),
    ROWN("write-string", "sok", 1, 4, write_string),
    ROWN("newline", "o", 0, 1, newline),
    ROWN("write-bytevector", "bok", 1, 4, write_bytevector),
    ROWN("flush-output-port", "o", 0, 1, flush_output),
    ROW1("close-port", "o", close_primitive),
    ROW1("close-input-port", "o", close_primitive),
    ROW1("close-output-port", "o", close_primitive),
    ROW1("open-input-file", "s", open_input),
    ROW1("open-output-file", "s", open_output),
    ROW1("open-binary-input-file", "s", open_binary_input),
    ROW1("open-binary-output-file", "s", open_binary_output),
    ROW1("open-input-string", "s", open_input_string),
    ROW0("open-output-string", open_output_string),
    ROW1("open-input-bytevector", "b", open_input_bytes),
    ROW0("open-output-bytevector", open_output_bytes),
    ROW1("get-output-string", "o", get_output_string),
    ROW1("get-output-bytevector", "o", get_output_bytes),
    ROW1("port?", "a", is_port),
    ROW1("input-port?", "a", is_input),
    ROW1("output-port?", "a", is_output),
    ROW1("textual-port?", "a", is_textual),
    ROW1("binary-port?", "a", is_binary),
    ROW1("input-port-open?", "o", is_input_open),
    ROW1("output-port-open?", "o", is_output_open),
    ROW0("eof-object", end_of_file),
    ROW1("eof-object?", "a", is_end_of_file),
    ROW1("file-exists?", "s", file_exists),
    ROW1("delete-file", "s", delete_file),
    ROW_END,
};
