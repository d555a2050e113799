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

static value standard_ports[3]; /* parameters */

_Noreturn static void file_error(const char *message, value name) {
  value reason = text(strerror(errno));
  fail_kind("file-error", message, list2(name, reason));
}

/* fd: of a file, or -1 for a string or bytevector port. */
value port_make(int fd, unsigned direction, value name) {
  struct port *p = make_object(TYPE_PORT, sizeof *p);
  p->direction = direction;
  p->open = true;
  p->fd = fd;
  p->line = 1;
  p->name = name;
  p->size = fd < 0 ? 64 : BUFFER_BYTES;
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

static void port_write_bytes(value v, const void *bytes, size_t length);

value port_open_string(const void *bytes, size_t length, unsigned direction) {
  value p = port_make(-1, direction, FALSE);
  port_write_bytes(p, bytes, length);
  return p;
}

value port_take_string(value p) {
  return make_string_utf8((const char *)port(p)->data, port(p)->end);
}

/* -------------------------------------------------------------------- input */

/* Read some more bytes behind those that are there; false at the end. */
static bool refill(struct port *p) {
  if (p->fd < 0) return p->more && p->more((value)p);
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

static void port_write_bytes(value v, const void *bytes, size_t length) {
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

value current_port(int fd) {
  value p = parameter_get(standard_ports[fd]);
  if (!has_type(p, TYPE_PORT)) fail1("the current port is none", p);
  return p;
}

static void standard_port(int fd, const char *name, unsigned direction) {
  value p = port_make(fd, direction, text(name));
  standard_ports[fd] = parameter_make(name, p, FALSE);
  symbol(sym(name))->global = standard_ports[fd];
}

/* At exit; the port may not be what the program made current. */
static void flush_standard_output(void) {
  struct port *p = port(car(primitive(standard_ports[1])->data));
  if (p->end && write(p->fd, p->data, p->end) < 0) p->end = 0;
}

void ports_init(void) {
  unsigned lines = isatty(1) ? PORT_LINES : 0;
  standard_port(0, "current-input-port", PORT_INPUT);
  standard_port(1, "current-output-port", PORT_OUTPUT | lines);
  standard_port(2, "current-error-port", PORT_OUTPUT | PORT_LINES);
  atexit(flush_standard_output);
}

/* --------------------------------------------------------------- primitives */

value port_argument(const value *a, size_t n, size_t at, unsigned direction) {
  bool input = direction & PORT_INPUT;
  value p = n > at ? a[at] : current_port(input ? 0 : 1);
  if (!has_type(p, TYPE_PORT) || !(port(p)->direction & direction))
    fail1(input ? "not an input port" : "not an output port", p);
  if (!port(p)->open) fail1("the port is closed", p);
  if ((port(p)->direction ^ direction) & PORT_BINARY)
    fail1("wrong kind of port: binary or textual", p);
  return p;
}

/* What the second name in a list is for: bytes. */
static unsigned binary(const struct primitive *self) {
  return self->variant ? PORT_BINARY : 0;
}

PRIMITIVE(read_char, "read-char |o", "peek-char |o") {
  value p = port_argument(a, n, 0, PORT_INPUT);
  uint32_t c = self->variant ? port_peek(p) : port_read(p);
  return c == NO_CHARACTER ? END_OF_FILE : character(c);
}

PRIMITIVE(is_ready, "char-ready? |o", "u8-ready? |o") {
  value p = n ? a[0] : current_input();
  return boolean(port(p)->direction & PORT_INPUT);
}

/* Up to the end of a line, or that many characters, or the end of the file. */
PRIMITIVE(read_text, "read-line |o", "read-string k|o") {
  bool is_line = self->variant == 0;
  value p = port_argument(a, n, self->variant, PORT_INPUT);
  size_t left = is_line ? SIZE_MAX : size_argument(a[0]);
  value out = port_make(-1, PORT_OUTPUT, FALSE);
  if (left > 0 && port_peek(p) == NO_CHARACTER) return END_OF_FILE;
  for (; left > 0 && port_peek(p) != NO_CHARACTER; left--) {
    uint32_t c = port_read(p);
    if (is_line && c == '\n') break;
    port_write(out, c);
  }
  return port_take_string(out);
}

PRIMITIVE(read_primitive, "read |o") {
  return read_datum(port_argument(a, n, 0, PORT_INPUT));
}

PRIMITIVE(next_byte, "read-u8 |o", "peek-u8 |o") {
  struct port *p = port(port_argument(a, n, 0, PORT_INPUT | PORT_BINARY));
  if (p->start == p->end && !refill(p)) return END_OF_FILE;
  value byte = fixnum(p->data[p->start]);
  p->start += self->variant == 0;
  return byte;
}

/* (read-bytevector! bytevector port start end) */
PRIMITIVE(read_bytevector, "read-bytevector! b|okk") {
  struct port *p = port(port_argument(a, n, 1, PORT_INPUT | PORT_BINARY));
  struct range r = range_of(a, n, 2, bytevector(a[0])->length);
  size_t start = r.start;
  check_mutable(a[0]);
  while (r.start < r.end && (p->start < p->end || refill(p)))
    bytevector(a[0])->bytes[r.start++] = p->data[p->start++];
  if (r.start == start && r.end > start) return END_OF_FILE;
  return fixnum_from_size(r.start - start);
}

COMMAND(write_char, "write-char c|o", "newline |o") {
  value p = port_argument(a, n, 1 - self->variant, PORT_OUTPUT);
  port_write(p, self->variant ? '\n' : character_code(a[0]));
}

/* (write-string string port start end) */
COMMAND(write_part, "write-string s|okk", "write-bytevector b|okk") {
  value p = port_argument(a, n, 1, PORT_OUTPUT | binary(self));
  struct range r = range_of(a, n, 2, vector(a[0])->length);
  if (is_string(a[0]))
    for (; r.start < r.end; r.start++)
      port_write(p, string(a[0])->chars[r.start]);
  else
    port_write_bytes(p, bytevector(a[0])->bytes + r.start, r.end - r.start);
}

COMMAND(flush_output, "flush-output-port |o") {
  port_flush(n ? a[0] : current_output());
}

COMMAND(close_primitive, "close-port o", "close-input-port o",
        "close-output-port o") {
  port_close(a[0]);
}

PRIMITIVE(open_file, "open-input-file s", "open-output-file s",
          "open-binary-input-file s", "open-binary-output-file s") {
  unsigned binary = self->variant < 2 ? 0 : PORT_BINARY;
  unsigned direction = self->variant % 2 ? PORT_OUTPUT : PORT_INPUT;
  return port_open(utf8_from_string(a[0], NULL), direction | binary);
}

PRIMITIVE(open_input, "open-input-string s", "open-input-bytevector b") {
  size_t length = bytevector(a[0])->length;
  const void *bytes = bytevector(a[0])->bytes;
  if (is_string(a[0])) bytes = utf8_from_string(a[0], &length);
  return port_open_string(bytes, length, PORT_INPUT | binary(self));
}

PRIMITIVE(open_output, "open-output-string", "open-output-bytevector") {
  return port_make(-1, PORT_OUTPUT | binary(self), FALSE);
}

PRIMITIVE(get_output, "get-output-string o", "get-output-bytevector o") {
  struct port *p = port(a[0]);
  if (p->fd >= 0 || !p->data || p->direction != (PORT_OUTPUT | binary(self)))
    fail1("not such a port in memory", a[0]);
  return self->variant ? make_bytes(p->data, p->end) : port_take_string(a[0]);
}

PRIMITIVE(is_port, "input-port? a", "output-port? a", "binary-port? a",
          "textual-port? a") {
  if (!has_type(a[0], TYPE_PORT)) return FALSE;
  bool is_binary = port(a[0])->direction & PORT_BINARY;
  if (self->variant == 3) return boolean(!is_binary);
  return boolean(port(a[0])->direction >> self->variant & 1);
}

PRIMITIVE(is_open, "input-port-open? o", "output-port-open? o") {
  return boolean(port(a[0])->open && is_port(a, n, self) == TRUE);
}

PRIMITIVE(end_of_file, "eof-object") { return END_OF_FILE; }

PRIMITIVE(file_exists, "file-exists? s") {
  return boolean(access(utf8_from_string(a[0], NULL), F_OK) == 0);
}

COMMAND(delete_file, "delete-file s") {
  check_files(a[0]);
  if (unlink(utf8_from_string(a[0], NULL)) != 0)
    file_error("cannot delete file", a[0]);
}
