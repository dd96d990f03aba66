/* A request's head, cut at any place: against a second reading of its lines; then its fields. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "http/server.h"
#include "http/text.h"

enum { HEAD_MAX = 16384, BLANKS_MAX = 4 };

static proa_http http;
static px_local local;
static px_conn *conn;

static void setup(void)
{
	static char memory[sizeof(px_conn) + PX_PEER_TEXT] __attribute__((aligned(16)));

	if (conn)
		return;
	http.o.head_max_bytes = HEAD_MAX;
	px_local_init(&local, &http, NULL);
	conn = (void *)memory;
	conn->local = &local;
}

/* ---- where the head ends, a second time ---- */

/* A line at bytes[at, n): its length with CR LF; 0: not whole yet; -1: malformed. */
static long line_len(const char *bytes, size_t at, size_t n)
{
	for (size_t i = at; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\r')
			return i + 1 == n ? 0 : bytes[i + 1] == '\n' ? (long)(i + 2 - at) : -1;
		if (c == 0x7f || (c < 0x20 && c != '\t') || (i == at && strchr(" \t", c)))
			return -1;
	}
	return 0;
}

/* Where the head begins and ends. */
static px_scan_verdict head_again(const char *bytes, size_t n, size_t *begin, size_t *end)
{
	size_t blanks = 0;
	long line = 0;

	for (*end = 0;; *end += (size_t)line, *begin = *end) {
		line = line_len(bytes, *end, n);
		if (line != 2 && !(*end < n && bytes[*end] == '\r'))
			break;
		if (++blanks > BLANKS_MAX)
			return PX_SCAN_BAD;
		if (line != 2)
			break;
	}
	for (*begin = *end; line > 0; *end += (size_t)line) {
		line = line_len(bytes, *end, n);
		if (line == 2) {
			*end += 2;
			return PX_SCAN_DONE;
		}
	}
	return line ? PX_SCAN_BAD : PX_SCAN_MORE;
}

/* ---- the fields, a second time ---- */

typedef struct text {
	const char *at;
	size_t len;
} text;

static bool text_is(text a, const char *b)
{
	return strlen(b) == a.len && !memcmp(a.at, b, a.len);
}

static text trimmed(const char *at, const char *end)
{
	while (at < end && strchr(" \t", *at))
		at++;
	while (end > at && strchr(" \t", end[-1]))
		end--;
	return (text){at, (size_t)(end - at)};
}

/* The body's length as the fields told it: -1 chunked. Only for heads that were taken. */
static void framing_agrees(const proa_http_request *req, text name, text value)
{
	if (px_text_is(name.at, name.len, "content-length")) {
		char *number = fuzz_text(value.at, value.len);

		px_assert(strspn(number, "0123456789") == value.len && value.len);
		px_assert(strtoll(number, NULL, 10) == req->length && !req->chunked);
		free(number);
	}
	if (px_text_is(name.at, name.len, "transfer-encoding"))
		px_assert(req->chunked && px_text_is(value.at, value.len, "chunked"));
}

/* `head` is the bytes as they came, from the request line to the empty line. */
static void fields_agree(const proa_http_request *req, const char *head)
{
	const char *at = strstr(head, "\r\n") + 2, *name;
	unsigned i = 0;

	px_assert(!strncmp(head, req->method, strlen(req->method)));
	px_assert(!strncmp(head + strlen(req->method) + 1, req->target, strlen(req->target)));
	for (; strncmp(at, "\r\n", 2); i++) {
		const char *colon = strchr(at, ':'), *end = strstr(at, "\r\n");
		const char *value = proa_http_header_at(req, i, &name);
		text want;

		px_assert(value && colon && colon < end);
		want = trimmed(colon + 1, end);
		px_assert(text_is((text){at, (size_t)(colon - at)}, name));
		px_assert(text_is(want, value));
		framing_agrees(req, (text){at, (size_t)(colon - at)}, want);
		at = end + 2;
	}
	px_assert(!proa_http_header_at(req, i, &name));
}

/* What a handler may rely on. */
static void request_holds(const proa_http_request *req)
{
	const char *name, *value;

	px_assert(*req->path.data == '/' || !strcmp(req->path.data, "*"));
	px_assert(!strstr(req->path.data, "//") && !strstr(req->path.data, "/../"));
	px_assert(!strchr(req->path.data, '\\'));
	px_assert(px_text_token(req->method, strlen(req->method)));
	px_assert(px_text_value(req->target) && px_text_value(req->query));
	for (unsigned i = 0; (value = proa_http_header_at(req, i, &name)); i++) {
		px_assert(px_text_token(name, strlen(name)) && px_text_value(value));
		px_assert(proa_http_header(req, name));
	}
	px_assert(req->length >= 0 && !(req->chunked && req->length));
	px_assert(req->version == 11 ? proa_http_header(req, "host") != NULL
	                             : !req->chunked && !req->expects);
}

/* ---- together ---- */

static px_scan_verdict head_feed(proa_http_request *req, const char *bytes, size_t len, size_t cut,
                                 size_t *at)
{
	size_t end = cut < len ? cut : len, skip, used;

	for (*at = 0;; end = len) {
		px_scan_verdict verdict = px_scan_head(&req->scan, bytes + *at, end - *at, &skip,
		                                       &used);

		px_assert(skip <= used && used <= end - *at);
		px_buf_put(&req->head, bytes + *at + skip, used - skip);
		*at += used;
		if (verdict != PX_SCAN_MORE || end == len)
			return verdict;
	}
}

static void request_try(proa_http_request *req, const char *bytes, size_t len, size_t cut)
{
	size_t at, begin = 0, end = 0;
	px_scan_verdict verdict = head_feed(req, bytes, len, cut, &at);
	char *head;
	int status;

	px_assert(verdict == head_again(bytes, len, &begin, &end));
	if (verdict != PX_SCAN_DONE)
		return;
	px_assert(at == end && req->head.len == end - begin);
	head = fuzz_text(bytes + begin, end - begin);
	status = px_request_parse(req);
	px_assert(!status || *proa_http_reason(status));
	if (!status) {
		request_holds(req);
		fields_agree(req, head);
	}
	free(head);
}

FUZZ(http_request)
{
	proa_http_request *req;
	char *bytes;

	setup();
	if (!size || size > HEAD_MAX || !(req = px_request_take(conn)))
		return;
	bytes = fuzz_copy(data + 1, size - 1);
	conn->req = req;
	request_try(req, bytes, size - 1, data[0]);
	conn->req = NULL;
	px_request_give(req);
	free(bytes);
}
