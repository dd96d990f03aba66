/* What a client of a world is answered: every byte of it must be the one that was asked for. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ask *asked(const conn *c)
{
	return &c->asks[c->answered];
}

static bool wrong(const conn *c, const char *what)
{
	const ask *a = asked(c);

	return seed_wrong("%s: %s, asked for %s %u (%u bytes%s%s%s), %u of %u answered, %u sent",
	                  c->c->name, what, c->answered < c->n ? ask_name[a->kind] : "nothing",
	                  a->id, (unsigned)a->len, a->head ? ", head" : "", a->v10 ? ", 1.0" : "",
	                  a->last ? ", range" : "", c->answered, c->n, c->sent);
}

/* ---- fields ---- */

typedef struct fields {
	int64_t length; /* -1: none */
	bool chunked, close, keep, date, type, id, etag, modified, ranges, range, fill;
} fields;

static bool value_is(const conn *c, const char *name, const char *value, const char *must)
{
	char text[200];

	if (!strcmp(value, must))
		return true;
	snprintf(text, sizeof text, "%s is %.60s, not %.60s", name, value, must);
	return wrong(c, text);
}

/* Each at most once. */
static bool once(bool *flag)
{
	bool first = !*flag;

	*flag = true;
	return first;
}

static bool field_take(conn *c, fields *f, const char *name, const char *value)
{
	const want *w = &c->want;
	char text[80];

	if (!strcmp(name, "Date"))
		return once(&f->date) && strlen(value) == 29 && !strcmp(value + 25, " GMT");
	if (!strcmp(name, "Content-Type"))
		return once(&f->type) && value_is(c, name, value, w->type);
	if (!strcmp(name, "Content-Length")) {
		char *end;
		bool first = f->length < 0;

		f->length = strtoll(value, &end, 10);
		return first && !*end;
	}
	if (!strcmp(name, "Transfer-Encoding"))
		return once(&f->chunked) && value_is(c, name, value, "chunked");
	if (!strcmp(name, "Connection"))
		return once(strcmp(value, "close") ? &f->keep : &f->close) &&
		       (f->close || !strcmp(value, "keep-alive"));
	if (!strcmp(name, "X-Id")) {
		snprintf(text, sizeof text, "%u", asked(c)->id);
		return once(&f->id) && value_is(c, name, value, text);
	}
	if (!strcmp(name, "X-Fill"))
		return once(&f->fill) && strspn(value, "x") == strlen(value);
	if (!strcmp(name, "Content-Range")) {
		snprintf(text, sizeof text, "bytes %u-%u/%u", (unsigned)asked(c)->first,
		         (unsigned)asked(c)->last, (unsigned)files[asked(c)->file].len);
		return once(&f->range) && (c->want.status != 206 || value_is(c, name, value, text));
	}
	if (!strcmp(name, "ETag"))
		return once(&f->etag) && *value == '"';
	if (!strcmp(name, "Last-Modified"))
		return once(&f->modified) && strlen(value) == 29;
	if (!strcmp(name, "Accept-Ranges"))
		return once(&f->ranges) && value_is(c, name, value, "bytes");
	return asked(c)->kind == ASK_LIST &&
	       (!strcmp(name, "Cache-Control") || !strcmp(name, "Content-Security-Policy"));
}

static bool fields_take(conn *c, fields *f, char *at)
{
	while (*at) {
		char *end = strstr(at, "\r\n"), *colon = strstr(at, ": ");

		if (!end || !colon || colon > end)
			return wrong(c, at);
		*end = *colon = 0;
		if (!field_take(c, f, at, colon + 2))
			return wrong(c, at);
		at = end + 2;
	}
	return true;
}

/* ---- heads ---- */

/* The server may be out of memory or descriptors, its disk fail, the request come too slowly. */
static bool refusal(const conn *c, int status)
{
	return !c->c->calm && (status == 500 || status == 503 || status == 408);
}

static bool status_take(conn *c, const char *head, size_t *line_len)
{
	const char *end = strstr(head, "\r\n");
	char line[80];
	int status = 0;

	if (sscanf(head, "HTTP/1.1 %3d ", &status) != 1)
		return wrong(c, head);
	snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", status, proa_http_reason(status));
	*line_len = (size_t)(end + 2 - head);
	if (strncmp(head, line, *line_len) || line[*line_len])
		return wrong(c, "another status line");
	want_of(asked(c), &c->want);
	if (status != c->want.status) {
		if (!refusal(c, status))
			return wrong(c, line);
		want_status(&c->want, status);
		seen.refused++;
	}
	return true;
}

static bool lengths_agree(const conn *c, const fields *f)
{
	const want *w = &c->want;

	if (f->chunked != w->chunked || (f->length < 0) != w->unsaid)
		return wrong(c, "its length is told another way");
	if (asked(c)->kind == ASK_LIST && w->ours)
		return true;
	if (asked(c)->kind == ASK_HALF && w->ours)
		return f->length == w->len + 1 || wrong(c, "another length");
	return w->unsaid || f->length == w->len || wrong(c, "another length");
}

static bool fields_whole(const conn *c, const fields *f)
{
	const want *w = &c->want;

	if (!f->date || !f->type)
		return wrong(c, "a field is missing");
	if (w->ours && !f->id)
		return wrong(c, "no id");
	if (w->file && !(f->etag && f->modified && f->ranges))
		return wrong(c, "a file's fields are missing");
	if (w->status == 206 && !f->range)
		return wrong(c, "no range");
	if (f->close && f->keep)
		return wrong(c, "close and keep-alive");
	return lengths_agree(c, f);
}

static void answer_end(conn *c)
{
	const ask *a = asked(c);

	if (a->kind == ASK_LIST && c->want.ours && !a->head) {
		if (!seen.list_len) {
			seen.list_len = c->got;
			seen.list_sum = c->list_sum;
		}
		if (c->got != seen.list_len || c->list_sum != seen.list_sum)
			wrong(c, "another listing");
	}
	seen.whole++;
	c->answered++;
	c->continued = false;
	c->reading = READ_HEAD;
	if (c->last)
		c->n = c->answered; /* the others will not be answered */
	conn_write(c);
}

static void body_begin(conn *c, const fields *f)
{
	const ask *a = asked(c);

	c->got = 0;
	c->list_sum = 0;
	c->left = f->length;
	/* Without all of the head, or memory for it, the server cannot know that it is a HEAD. */
	if (a->head && c->last && !c->want.ours)
		c->lingers = false;
	if (a->head)
		answer_end(c);
	else if (f->chunked)
		c->reading = READ_SIZE;
	else if (f->length < 0)
		c->reading = READ_REST;
	else if (f->length)
		c->reading = READ_BODY;
	else
		answer_end(c);
}

/* `head` is 0-terminated, without its empty line. */
static bool head_take(conn *c, char *head)
{
	fields f = {.length = -1};
	size_t line_len = 0;

	if (c->answered >= c->sent || c->answered >= c->n)
		return wrong(c, "an answer that nobody asked for");
	if (asked(c)->expects && !c->continued && !strcmp(head, "HTTP/1.1 100 Continue\r\n")) {
		c->continued = true;
		if (c->waits)
			proa_cancel(&c->pace);
		return true;
	}
	if (!status_take(c, head, &line_len) || !fields_take(c, &f, head + line_len) ||
	    !fields_whole(c, &f))
		return false;
	if (f.close)
		c->last = true;
	body_begin(c, &f);
	return true;
}

/* ---- bodies ---- */

static bool body_take(conn *c, const char *bytes, size_t len)
{
	const want *w = &c->want;

	if (asked(c)->kind == ASK_LIST && w->ours) {
		c->list_sum = sum_add(c->list_sum, bytes, len);
		c->got += (uint32_t)len;
		return true;
	}
	if (c->got + len > w->len)
		return wrong(c, "a byte too many");
	for (size_t i = 0; i < len; i++, c->got++) {
		unsigned char must = w->text[0] ? (unsigned char)w->text[c->got]
		                                : byte_of(w->id, w->from + c->got);

		if ((unsigned char)bytes[i] != must)
			return wrong(c, "another byte");
	}
	return true;
}

static bool size_take(conn *c, const char *text)
{
	char *end;

	c->left = strtoll(text, &end, 16);
	if (end == text || strcmp(end, "\r\n"))
		return wrong(c, "no chunk's size");
	c->reading = c->left ? READ_CHUNK : READ_LAST_END;
	return true;
}

static bool chunks_end(conn *c)
{
	if (c->got != c->want.len)
		return wrong(c, "a byte too few");
	answer_end(c);
	return true;
}

static bool bytes_take(conn *c, const char *bytes, size_t len)
{
	if (!body_take(c, bytes, len))
		return false;
	if (c->reading == READ_REST)
		return true;
	c->left -= (int64_t)len;
	if (c->left)
		return true;
	if (c->reading == READ_CHUNK)
		c->reading = READ_CHUNK_END;
	else
		answer_end(c);
	return true;
}

bool answer_take(conn *c, char *bytes, size_t len)
{
	char text[40];

	switch (c->reading) {
	case READ_HEAD: bytes[len - 2] = 0; return head_take(c, bytes);
	case READ_SIZE:
		memcpy(text, bytes, len);
		text[len] = 0;
		return size_take(c, text);
	case READ_CHUNK_END:
		c->reading = READ_SIZE;
		return !memcmp(bytes, "\r\n", 2) || wrong(c, "a chunk is longer");
	case READ_LAST_END:
		return !memcmp(bytes, "\r\n", 2) ? chunks_end(c) : wrong(c, "a trailer");
	case READ_TAIL:
		snprintf(text, sizeof text, "left is %.*s", (int)(len < 25 ? len : 25), bytes);
		return (c->answered < c->sent && !memcmp(bytes, "HTTP/1.1 ", len < 9 ? len : 9)) ||
		       wrong(c, text);
	default: return bytes_take(c, bytes, len);
	}
}

/* It has ended in the middle of an answer, or behind one. */
bool answer_cut(conn *c, int64_t result)
{
	bool clean = result == 0 || result == -PROA_EEND;
	char text[80];

	if (c->reading == READ_REST && clean && seen.closes_tell && c->got != c->want.len)
		return wrong(c, "an answer that its end makes whole is not");
	if (c->reading == READ_REST && clean)
		answer_end(c);
	if (c->reading != READ_HEAD)
		seen.cut++;
	if (c->c->calm && c->answered < c->n) {
		snprintf(text, sizeof text, "nothing was wrong, but %s", proa_err_name(result));
		return wrong(c, text);
	}
	return true;
}
