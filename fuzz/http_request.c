/* A request's bytes, cut at a place of their own: head, fields, path, conditions, ranges, body. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static proa_http http;
static px_local local;
static px_conn *conn;

static void setup(void)
{
	static char memory[sizeof(px_conn) + PX_PEER_TEXT] __attribute__((aligned(16)));

	if (conn)
		return;
	http.o.head_max_bytes = 16384;
	px_local_init(&local, &http, NULL);
	conn = (void *)memory;
	conn->local = &local;
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
}

static void fields_try(const proa_http_request *req)
{
	const char *range = proa_http_header(req, "range");
	px_range found[PX_RANGE_MAX];
	px_cond cond = {
		.if_match = proa_http_header(req, "if-match"),
		.if_none_match = proa_http_header(req, "if-none-match"),
		.if_modified = proa_http_header(req, "if-modified-since"),
		.if_unmodified = proa_http_header(req, "if-unmodified-since"),
		.if_range = proa_http_header(req, "if-range"),
	};
	int n = range ? px_range_parse(range, 1000, found) : 0;

	px_assert(n >= -1 && n <= PX_RANGE_MAX);
	for (int i = 0; i < n; i++)
		px_assert(found[i].first >= 0 && found[i].len > 0 &&
		          found[i].first + found[i].len <= 1000);
	px_cond_check(&cond, "\"1-2-3\"", 1000000000, 1800000000);
	px_cond_range(&cond, "\"1-2-3\"", 1000000000, 1800000000);
}

static void body_try(proa_http_request *req, const char *bytes, size_t len)
{
	while (len && req->chunked) {
		size_t used, part;
		px_chunk_verdict verdict = px_chunk_feed(&req->chunk, bytes, len, &used, &part);

		px_assert(used <= len && part <= used);
		px_assert(used || verdict != PX_CHUNK_DATA);
		if (verdict == PX_CHUNK_DONE || verdict == PX_CHUNK_BAD)
			return;
		bytes += used;
		len -= used;
	}
}

/* Fed in two pieces; false: not a whole good head. */
static bool head_feed(proa_http_request *req, const char *bytes, size_t len, size_t cut, size_t *at)
{
	size_t end = cut < len ? cut : len, skip, used;

	for (*at = 0;; end = len) {
		px_scan_verdict verdict = px_scan_head(&req->scan, bytes + *at, end - *at, &skip,
		                                       &used);

		px_assert(skip <= used && used <= end - *at);
		px_buf_put(&req->head, bytes + *at + skip, used - skip);
		*at += used;
		if (verdict != PX_SCAN_MORE)
			return verdict == PX_SCAN_DONE;
		if (end == len)
			return false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	proa_http_request *req;
	size_t at;

	setup();
	if (!size || !(req = px_request_take(conn)))
		return 0;
	conn->req = req;
	if (head_feed(req, (const char *)data + 1, size - 1, data[0], &at) &&
	    px_request_parse(req) == 0) {
		request_holds(req);
		fields_try(req);
		body_try(req, (const char *)data + 1 + at, size - 1 - at);
	}
	conn->req = NULL;
	px_request_give(req);
	return 0;
}
