/* What is asked of an HTTP server in a world, as text, and what must be answered. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const file_of files[FILES] = {
	{"empty.txt", "text/plain; charset=utf-8", 0},
	{"small.html", "text/html; charset=utf-8", 100},
	{"dir/index.html", "text/html; charset=utf-8", 8192},
	{"mid.bin", "application/octet-stream", 8193},
	{"large.bin", "application/octet-stream", 70000},
};

const char *const ask_name[ASK_KINDS] = {"plain",  "later", "work", "chunks", "known",
                                         "echo",   "sum",   "file", "folder", "list",
                                         "nobody", "mute",  "half", "early",  "bad"};

static const struct {
	const char *text;
	int status;
} bad[ASK_BADS - 2] = {
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
	{"FROB / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
	{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400},
	{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413},
	{"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400},
};
enum { BAD_LONG_LINE = ASK_BADS - 2, BAD_LONG_HEAD };

/* ---- bytes ---- */

void bytes_of(unsigned id, uint32_t at, void *out, size_t len)
{
	unsigned char *p = out;

	for (size_t i = 0; i < len; i++)
		p[i] = byte_of(id, at + (uint32_t)i);
}

uint64_t sum_add(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3u;
	return hash;
}

size_t sum_print(uint64_t hash, uint64_t len, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "%016" PRIx64 " %" PRIu64 "\n", hash, len);
}

/* ---- the text ---- */

static size_t put(char *out, size_t n, const char *text)
{
	size_t len = strlen(text);

	memcpy(out + n, text, len);
	return n + len;
}

static size_t bad_print(const ask *a, char *out)
{
	size_t n;

	if (a->bad < BAD_LONG_LINE)
		return put(out, 0, bad[a->bad].text);
	n = put(out, 0, a->bad == BAD_LONG_HEAD ? "GET / HTTP/1.1\r\nHost: a\r\nA: " : "GET /");
	memset(out + n, 'a', ASK_BODY);
	return put(out, n + ASK_BODY, "\r\n\r\n");
}

static size_t line_print(const ask *a, char *out)
{
	const char *name = ask_name[a->kind];
	const char *method = ask_posts(a) ? "POST" : a->head ? "HEAD" : "GET";
	char path[100];

	switch (a->kind) {
	case ASK_FILE: snprintf(path, sizeof path, "/file/%u/%u/0", a->id, a->file); break;
	case ASK_FOLDER:
		/* An index is asked for by its folder. */
		snprintf(path, sizeof path, "/%.*s?%u",
		         (int)(strcspn(files[a->file].name, "/") + (a->file == 2)),
		         files[a->file].name, a->id);
		break;
	case ASK_LIST:
	case ASK_404: snprintf(path, sizeof path, "/%s/?%u", name, a->id); break;
	default: snprintf(path, sizeof path, "/%s/%u/%u/%u", name, a->id, a->len, a->ms);
	}
	return (size_t)snprintf(out, 200, "%s %s HTTP/1.%d\r\nHost: sim\r\n", method, path,
	                        !a->v10);
}

static size_t body_print(const ask *a, char *out, size_t n)
{
	uint32_t at = 0;

	while (a->chunked && at < a->len) {
		uint32_t len = 1 + (a->id * 7919 + at * 131) % 3000;

		len = len < a->len - at ? len : a->len - at;
		n += (size_t)snprintf(out + n, 20, "%x\r\n", (unsigned)len);
		bytes_of(a->id, at, out + n, len);
		n = put(out, n + len, "\r\n");
		at += len;
	}
	if (a->chunked)
		return put(out, n, "0\r\n\r\n");
	bytes_of(a->id, 0, out + n, a->len);
	return n + a->len;
}

size_t ask_print(const ask *a, char *out, size_t *head_len)
{
	size_t n;

	if (a->kind == ASK_BAD)
		return *head_len = bad_print(a, out);
	n = line_print(a, out);
	if (a->v10)
		n = put(out, n, "Connection: keep-alive\r\n");
	if (a->last)
		n += (size_t)snprintf(out + n, 60, "Range: bytes=%u-%u\r\n", (unsigned)a->first,
		                      (unsigned)a->last);
	if (a->expects)
		n = put(out, n, "Expect: 100-continue\r\n");
	if (a->chunked)
		n = put(out, n, "Transfer-Encoding: chunked\r\n");
	else if (ask_posts(a))
		n += (size_t)snprintf(out + n, 60, "Content-Length: %u\r\n", (unsigned)a->len);
	*head_len = n = put(out, n, "\r\n");
	return ask_posts(a) ? body_print(a, out, n) : n;
}

/* ---- the answer ---- */

int ask_status(const ask *a)
{
	switch (a->kind) {
	case ASK_404: return 404;
	case ASK_MUTE: return 500;
	case ASK_BAD:
		if (a->bad >= BAD_LONG_LINE)
			return a->bad == BAD_LONG_LINE ? 414 : 431;
		return bad[a->bad].status;
	default: return a->last ? 206 : 200;
	}
}

void want_of(const ask *a, want *w)
{
	*w = (want){.status = ask_status(a),
	            .type = "application/octet-stream",
	            .id = a->id,
	            .len = a->len,
	            .ours = true};
	switch (a->kind) {
	case ASK_FILE:
	case ASK_FOLDER:
		w->type = files[a->file].type;
		w->id = a->file;
		w->len = a->last ? a->last - a->first + 1 : files[a->file].len;
		w->from = a->first;
		w->file = true;
		break;
	case ASK_LIST: w->type = "text/html; charset=utf-8"; break;
	case ASK_SUM:
		w->type = "text/plain";
		w->len = (uint32_t)sum_print(ask_sum(a), a->len, w->text, sizeof w->text);
		break;
	case ASK_404:
	case ASK_MUTE:
	case ASK_BAD: want_status(w, w->status); break;
	}
	w->chunked = a->kind == ASK_CHUNKS && !a->v10;
	w->unsaid = a->kind == ASK_CHUNKS;
}

void want_status(want *w, int status)
{
	w->status = status;
	w->type = "text/plain; charset=utf-8";
	w->len = (uint32_t)snprintf(w->text, sizeof w->text, "%d %s\n", status,
	                            proa_http_reason(status));
	w->chunked = w->unsaid = w->file = w->ours = false;
	w->from = 0;
}

uint64_t ask_sum(const ask *a)
{
	uint64_t hash = 0;
	unsigned char byte;

	for (uint32_t i = 0; i < a->len; i++) {
		byte = byte_of(a->id, i);
		hash = sum_add(hash, &byte, 1);
	}
	return hash;
}

/* ---- choosing ---- */

static void range_random(proa_world *w, ask *a)
{
	uint32_t len = files[a->file].len;

	if (len < 2 || !percent(w, 30))
		return;
	a->first = (uint32_t)below(w, len - 1);
	a->last = a->first + 1 + (uint32_t)below(w, len - a->first - 1);
}

/* How one ends that is the last on its connection in any case. */
static bool ask_ends(const ask *a)
{
	return a->kind >= ASK_HALF || (a->kind == ASK_CHUNKS && a->v10 && !a->head);
}

bool ask_random(proa_world *w, ask *a, unsigned id, bool calm)
{
	static const uint32_t most[] = {10, 1000, 1000, ASK_BODY};

	*a = (ask){.kind = (uint8_t)below(w, calm ? ASK_HALF : ASK_KINDS), .id = id};
	a->len = (uint32_t)below(w, most[below(w, 4)]);
	a->ms = (uint32_t)below(w, percent(w, 10) ? 3000 : 20);
	a->file = (uint8_t)below(w, FILES);
	a->bad = (uint8_t)below(w, ASK_BADS);
	a->v10 = percent(w, a->kind == ASK_CHUNKS ? 40 : 10);
	if (ask_posts(a)) {
		a->chunked = !a->v10 && percent(w, 40);
		a->expects = !a->v10 && a->len && percent(w, 20);
	} else if (a->kind < ASK_HALF) {
		a->head = percent(w, 15);
	}
	if ((a->kind == ASK_FILE || a->kind == ASK_FOLDER) && !a->head)
		range_random(w, a);
	return ask_ends(a);
}
