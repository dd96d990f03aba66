/* A strict reader of HTTP answers. */
/* SPDX-License-Identifier: MIT */
#include "http_answers.h"

#include "http/chunk.h"
#include "http/text.h"
#include "proa/http.h"

#include <stdio.h>

enum { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_END };

typedef struct answer {
	const char *at, *end; /* not read yet */
	int status;
	bool close, parts;
	int64_t length; /* -1: no Content-Length */
	bool chunked;
	uint64_t seen; /* which of the known fields */
	bool has_target, has_body;
	uint64_t target, body;
} answer;

uint64_t answer_hash(const void *bytes, size_t len)
{
	return px_fnv(PX_FNV_SEED, bytes, len);
}

/* Every field that the server, or the handler of the target, ever sends, and each once. */
static const char *const known[] = {
	"Date",
	"Content-Type",
	"Content-Length",
	"Transfer-Encoding",
	"Connection",
	"ETag",
	"Last-Modified",
	"Accept-Ranges",
	"Content-Range",
	"Location",
	"Allow",
	"Cache-Control",
	ANSWER_TARGET,
	ANSWER_BODY,
	"Content-Security-Policy",
	"X-Query",
};
enum { KNOWN_QUERY = 15 };

/* The line at a->at without its end; NULL: it is not whole. */
static char *line_take(answer *a)
{
	const char *cr = a->at < a->end ? memchr(a->at, '\r', (size_t)(a->end - a->at)) : NULL;
	char *line;

	if (!cr || cr + 1 == a->end) {
		px_assert(a->at == a->end || !memchr(a->at, '\n', (size_t)(a->end - a->at)));
		return NULL;
	}
	px_assert(cr[1] == '\n');
	line = fuzz_text(a->at, (size_t)(cr - a->at));
	px_assert(strlen(line) == (size_t)(cr - a->at) && px_text_value(line));
	a->at = cr + 2;
	return line;
}

static void status_line_hold(answer *a, const char *line)
{
	char want[64];

	px_assert(strlen(line) > 13 && !strncmp(line, "HTTP/1.1 ", 9));
	a->status = (int)strtol(line + 9, NULL, 10);
	snprintf(want, sizeof want, "HTTP/1.1 %03d %s", a->status, proa_http_reason(a->status));
	px_assert(!strcmp(line, want) && *proa_http_reason(a->status));
}

static void value_take(answer *a, size_t field, const char *value)
{
	const char *name = known[field];

	if (!strcmp(name, "Content-Length")) {
		px_assert(px_text_number(value, strlen(value), &a->length));
	} else if (!strcmp(name, "Transfer-Encoding")) {
		px_assert(!strcmp(value, "chunked"));
		a->chunked = true;
	} else if (!strcmp(name, "Connection")) {
		a->close = !strcmp(value, "close");
		px_assert(a->close || !strcmp(value, "keep-alive"));
	} else if (!strcmp(name, "Content-Type")) {
		a->parts = !strncmp(value, "multipart/byteranges; boundary=proa", 35);
	} else if (!strcmp(name, ANSWER_TARGET)) {
		a->has_target = true;
		a->target = strtoull(value, NULL, 16);
	} else if (!strcmp(name, ANSWER_BODY)) {
		a->has_body = true;
		a->body = strtoull(value, NULL, 16);
	}
}

static void field_hold(answer *a, const char *line)
{
	const char *colon = strchr(line, ':');
	size_t i = 0, n = colon ? (size_t)(colon - line) : 0;

	px_assert(colon && px_text_token(line, n) && colon[1] == ' ');
	while (i < PX_COUNT(known) && (strlen(known[i]) != n || memcmp(known[i], line, n)))
		i++;
	px_assert(i < PX_COUNT(known) && !(a->seen >> i & 1));
	px_assert(i == KNOWN_QUERY || (colon[2] && colon[2] != ' '));
	a->seen |= UINT64_C(1) << i;
	value_take(a, i, colon + 2);
}

/* False: it is not whole. "100 Continue" may stand before it. */
static bool head_take(answer *a)
{
	char *line;

	do {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
		size_t n = sizeof go_on - 1;

		if ((size_t)(a->end - a->at) < n || memcmp(a->at, go_on, n))
			break;
		a->at += n;
	} while (true);
	if (!(line = line_take(a)))
		return false;
	status_line_hold(a, line);
	free(line);
	while ((line = line_take(a))) {
		bool last = !*line;

		if (!last)
			field_hold(a, line);
		free(line);
		if (last)
			return true;
	}
	return false;
}

static int body_kind(const answer *a, const answer_record *r)
{
	px_assert(!(a->chunked && a->length >= 0));
	px_assert(r->version == 11 || !a->chunked);
	if (r->head || a->status == 204 || a->status == 304)
		return BODY_NONE;
	if (a->chunked)
		return BODY_CHUNKED;
	if (a->length >= 0)
		return BODY_LENGTH;
	px_assert(a->close && r->version == 10); /* a client could not know its end */
	return BODY_END;
}

/* False: it is not whole. */
static bool chunked_take(answer *a, px_buf *body)
{
	px_chunk chunk = {0};
	px_chunk_verdict verdict;

	do {
		size_t used, data;

		verdict = px_chunk_feed(&chunk, a->at, (size_t)(a->end - a->at), &used, &data);
		px_assert(verdict != PX_CHUNK_BAD);
		px_buf_put(body, a->at + used - data, data);
		a->at += used;
	} while (verdict == PX_CHUNK_DATA);
	return verdict == PX_CHUNK_DONE;
}

static bool body_take(answer *a, int kind, px_buf *body)
{
	size_t left = (size_t)(a->end - a->at);
	bool whole = kind != BODY_LENGTH || left >= (size_t)a->length;

	if (kind == BODY_CHUNKED)
		return chunked_take(a, body);
	if (kind == BODY_NONE)
		return true;
	left = kind == BODY_END || !whole ? left : (size_t)a->length;
	px_buf_put(body, a->at, left);
	a->at += left;
	return whole;
}

/* Those with which the server gives up on what comes behind. */
static bool ends_all(int status)
{
	return status == 400 || status == 408 || status == 413 || status == 414 || status == 417 ||
	       status == 431 || status == 501 || status == 505;
}

static void answer_agrees(const answer *a, const answer_record *r, int kind, const px_buf *body)
{
	px_assert(a->status == r->status);
	px_assert(a->close || !ends_all(a->status) || a->has_target);
	px_assert(a->seen & 1); /* a Date */
	if (a->has_target)
		px_assert(r->read && a->target == r->target);
	if (a->has_body && kind != BODY_NONE)
		px_assert(a->body == answer_hash(body->data, body->len));
	if (!a->parts)
		px_assert((int64_t)body->len == r->body_bytes);
}

void answers_hold(const char *bytes, size_t n, const answer_record *records, size_t count, bool cut)
{
	answer a = {.at = bytes, .end = bytes + n};
	bool close = false;
	size_t i = 0;

	while (a.at < a.end) {
		px_buf body = {0};
		bool whole;
		int kind = BODY_NONE;

		px_assert(!close);
		a = (answer){.at = a.at, .end = a.end, .length = -1};
		whole = head_take(&a);
		px_assert(!whole || i < count);
		if (whole) {
			kind = body_kind(&a, &records[i]);
			whole = body_take(&a, kind, &body) && !(cut && kind == BODY_END);
		}
		if (whole)
			answer_agrees(&a, &records[i], kind, &body);
		else
			a.at = a.end; /* the connection's end says so */
		close = a.close;
		i += whole;
		px_buf_free(&body);
	}
	/* What was logged was sent, but for one that was broken off. */
	px_assert(cut ? i <= count : i == count || i + 1 == count);
}
