/* What the load generator asks of an HTTP/1.1 server, and how it checks what comes back. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	REQUEST_MAX = 1024,
	HEAD_MAX = 8192,
	ROW = 256, /* requests in a row in memory, so that a pipeline is one send */
};

/* Heads of one server are alike but for the date: one that was read and found right is remembered,
 * and the next are compared with it. */
static struct {
	char requests[REQUEST_MAX * ROW];
	const char *body;
	uint64_t body_bytes;
	char head[HEAD_MAX];
	size_t head_bytes, date_from, date_to; /* head_bytes 0: none yet */
} http;

static void body_map(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		px_bench_die(path, errno);
	http.body_bytes = (uint64_t)st.st_size;
	if (http.body_bytes) {
		http.body = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
		                 fd, 0);
		if (http.body == MAP_FAILED)
			px_bench_die(path, errno);
	}
	close(fd);
}

static void http_open(void)
{
	char request[REQUEST_MAX];
	int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n",
	                 load.options.path, load.options.connect,
	                 load.options.close ? "Connection: close\r\n" : "");

	if (n < 0 || n >= REQUEST_MAX)
		px_bench_die(load.options.path, ENAMETOOLONG);
	for (int i = 0; i < ROW; i++)
		memcpy(http.requests + i * n, request, (size_t)n);
	load.message_bytes = (uint64_t)n;
	body_map(load.options.expect);
}

static void http_begin(px_load_conn *c)
{
	c->head_bytes = 0;
	c->in_body = false;
	c->body_at = 0;
}

static const char *http_out(const px_load_conn *c, uint64_t offset, uint64_t *bytes)
{
	uint64_t row = load.message_bytes * ROW, at = offset % row;

	(void)c;
	if (*bytes > row - at)
		*bytes = row - at;
	return &http.requests[at];
}

/* ---- heads ---- */

/* The value of a field in a head that is ended by an empty line, or NULL. */
static const char *field_find(const char *head, size_t bytes, const char *name)
{
	size_t len = strlen(name);
	const char *line = head, *end = head + bytes;

	while ((line = memchr(line, '\n', (size_t)(end - line)))) {
		line++;
		if ((size_t)(end - line) > len && !strncasecmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

/* One digit string, and nothing behind it but the end of the line. */
static bool length_is(const char *value, uint64_t wanted)
{
	char *end;

	return value && strtoull(value, &end, 10) == wanted && end != value && *end == '\r';
}

static void head_remember(const char *head, size_t bytes)
{
	const char *date = field_find(head, bytes, "date");

	memcpy(http.head, head, bytes);
	http.head_bytes = bytes;
	http.date_from = date ? (size_t)(date - head) : bytes;
	http.date_to = date ? http.date_from + strcspn(date, "\r") : bytes;
}

static bool head_known(const char *data, uint64_t bytes)
{
	return http.head_bytes && bytes >= http.head_bytes &&
	       !memcmp(data, http.head, http.date_from) &&
	       !memcmp(data + http.date_to, http.head + http.date_to,
	               http.head_bytes - http.date_to);
}

/* A head with its empty line, read with care. */
static void head_check(const px_load_conn *c, const char *head, size_t bytes)
{
	if (bytes < 12 || memcmp(head, "HTTP/1.1 200", 12))
		px_load_error(c, "not HTTP/1.1 with status 200", 200, c->answered);
	if (!length_is(field_find(head, bytes, "content-length"), http.body_bytes))
		px_load_error(c, "wrong Content-Length", http.body_bytes, 0);
	if (field_find(head, bytes, "transfer-encoding"))
		px_load_error(c, "Transfer-Encoding beside Content-Length", 0, 0);
	head_remember(head, bytes);
}

static size_t head_end(const char *data, size_t bytes)
{
	const char *end = memmem(data, bytes, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

/* What came of a head is put behind what had come of it; how much of `data` is of the head. */
static uint64_t head_collect(px_load_conn *c, const char *data, uint64_t bytes)
{
	uint32_t had = c->head_bytes;
	uint64_t room = HEAD_MAX - had, part = bytes < room ? bytes : room;
	size_t whole;

	if (!c->head)
		c->head = malloc(HEAD_MAX);
	if (!c->head)
		px_bench_die("a head", ENOMEM);
	memcpy(c->head + had, data, (size_t)part);
	whole = head_end(c->head, had + (size_t)part);
	if (whole) {
		head_check(c, c->head, whole);
		c->head_bytes = 0;
		c->in_body = true;
		return whole - had;
	}
	if (part == room)
		px_load_error(c, "a head without an end", HEAD_MAX, had + part);
	c->head_bytes += (uint32_t)part;
	return part;
}

static uint64_t head_take(px_load_conn *c, const char *data, uint64_t bytes)
{
	uint64_t whole;

	if (c->head_bytes)
		return head_collect(c, data, bytes);
	if (head_known(data, bytes)) {
		whole = http.head_bytes;
	} else {
		whole = head_end(data, (size_t)bytes);
		if (!whole)
			return head_collect(c, data, bytes);
		head_check(c, data, (size_t)whole);
	}
	c->in_body = true;
	return whole;
}

/* ---- bodies ---- */

static uint64_t body_take(px_load_conn *c, const char *data, uint64_t bytes)
{
	uint64_t left = http.body_bytes - c->body_at, part = bytes < left ? bytes : left;
	const char *right = http.body + c->body_at;

	if (part && memcmp(data, right, (size_t)part))
		px_load_wrong_byte(c, c->body_at, right, data);
	c->body_at += part;
	return part;
}

static uint64_t http_in(px_load_conn *c, const char *data, uint64_t bytes)
{
	uint64_t messages = 0;

	while (bytes) {
		uint64_t part;

		if (c->answered + messages >= c->issued)
			px_load_error(c, "more answers than requests", 0, bytes);
		part = c->in_body ? body_take(c, data, bytes) : head_take(c, data, bytes);
		data += part;
		bytes -= part;
		if (c->in_body && c->body_at == http.body_bytes) {
			c->in_body = false;
			c->body_at = 0;
			messages++;
		}
	}
	return messages;
}

const px_load_protocol px_load_http = {
	.open = http_open,
	.begin = http_begin,
	.out = http_out,
	.in = http_in,
};
