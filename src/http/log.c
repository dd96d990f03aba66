/* The access log's line. */
/* SPDX-License-Identifier: MIT */
#include "http/date.h"
#include "proa/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct line {
	char *at, *end; /* end: the last byte but two, kept for "\n" and the 0 */
} line;

static void put(line *l, const char *text)
{
	while (*text && l->at < l->end)
		*l->at++ = *text++;
}

/* Nothing that a client sends or calls itself can end a field, the line, or reach a terminal as a
 * control sequence. */
static void put_safe(line *l, const char *text, const char *unsafe)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[5] = {'\\', 'x', hex[c >> 4], hex[c & 15], 0};
		char plain[2] = {*text, 0};

		put(l, c < 0x20 || c >= 0x7f || strchr(unsafe, c) ? escape : plain);
	}
}

static void put_quoted(line *l, const char *text)
{
	put(l, " \"");
	put_safe(l, text, "\"\\");
	put(l, "\"");
}

static void put_request(line *l, const proa_http_record *r)
{
	char text[2048];

	snprintf(text, sizeof text, "%s %s HTTP/%d.%d", r->method, r->target, r->version / 10,
	         r->version % 10);
	put_quoted(l, text);
}

size_t proa_http_log_line(const proa_http_record *r, char *out, size_t size)
{
	line l = {out, out + size - 2};
	px_civil c = px_civil_of(r->time_s);
	char text[128];

	if (size < 2) {
		if (size)
			*out = 0;
		return 0;
	}
	put_safe(&l, r->peer, " \"\\"); /* a local client's is a path of its own choice */
	snprintf(text, sizeof text, " - - [%02u/%s/%04d:%02u:%02u:%02u +0000]", c.day % 100,
	         px_month_name[c.month - 1], (int)(c.year % 10000), c.hour % 100, c.minute % 100,
	         c.second % 100);
	put(&l, text);
	put_request(&l, r);
	snprintf(text, sizeof text, " %d %" PRId64, r->status, r->body_bytes);
	put(&l, text);
	put_quoted(&l, r->referer);
	put_quoted(&l, r->agent);
	snprintf(text, sizeof text, " %" PRId64 ".%03d", r->duration_ns / PROA_MSEC,
	         (int)(r->duration_ns / PROA_USEC % 1000));
	put(&l, text);
	*l.at++ = '\n';
	*l.at = 0;
	return (size_t)(l.at - out);
}
