/* Reading: a head, then a body, out of whatever bytes have come. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <string.h>

/* ---- heads ---- */

/* The head and its end are copied, because the buffer goes back to the pool as soon as it is empty.
 */
static px_scan_verdict head_take(px_conn *c, proa_http_request *req)
{
	size_t len, skip, used;
	const char *bytes = px_conn_bytes(c, &len);
	px_scan_verdict verdict = px_scan_head(&req->scan, bytes, len, &skip, &used);

	px_buf_put(&req->head, bytes + skip, used - skip);
	px_conn_used(c, used);
	return verdict;
}

/* 0: within the limits. A request line that is too long by itself is a target too long to be looked
 * at (RFC 9112, 3). */
static int head_limits(const proa_http_request *req)
{
	size_t max = req->local->http->o.head_max_bytes;
	size_t line_max = PX_MIN(max, (size_t)PX_TARGET_MAX);

	if (req->head.failed)
		return 503;
	if (req->head.len > line_max && !memchr(req->head.data, '\n', line_max))
		return 414;
	return req->head.len > max ? 431 : 0;
}

static void call_handler(proa_http_request *req)
{
	proa_http *http = req->local->http;

	req->phase = PX_ANSWER;
	if (http->o.handler)
		http->o.handler(req, http->o.user);
	else
		proa_http_reply_folder(req);
	if (!req->answered && !req->begun && !req->later && req->file.stage == PX_FILE_NONE)
		px_answer_status(req, 500);
}

/* The client waits for it before it sends the body (RFC 9110, 10.1.1); not if that has come
 * already. */
static void put_continue(px_conn *c, proa_http_request *req)
{
	if (req->expects && !req->begun && !c->buf)
		px_buf_text(px_out(req), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void request_begin(px_conn *c, proa_http_request *req)
{
	proa_http *http = req->local->http;

	req->phase = PX_BODY;
	req->body_ns = req->moved_ns = proa_now(req->local->loop);
	if (http->o.head)
		http->o.head(req, http->o.user);
	if (req->answered || c->dead) {
		req->phase = PX_ANSWER;
		return;
	}
	if (req->length > (int64_t)http->o.body_max_bytes && !req->any_size) {
		px_answer_fail(req, 413);
		return;
	}
	if (req->body_done)
		call_handler(req);
	else
		put_continue(c, req);
}

bool px_read_head(px_conn *c)
{
	proa_http_request *req = c->req;
	px_scan_verdict verdict;
	int status;

	if (!c->buf || c->closing || (req && px_out_queued(req) > PX_PIPELINE_BYTES))
		return false;
	if (!req) {
		req = c->req = px_request_take(c);
		if (!req) {
			px_conn_die(c);
			return false;
		}
	}
	if (!req->begin_ns)
		req->begin_ns = proa_now(req->local->loop);
	verdict = head_take(c, req);
	status = head_limits(req);
	if (!status && verdict == PX_SCAN_MORE)
		return false;
	if (!status)
		status = verdict == PX_SCAN_BAD ? 400 : px_request_parse(req);
	if (status)
		px_answer_fail(req, status);
	else
		request_begin(c, req);
	return true;
}

/* ---- bodies ---- */

static void piece_take(proa_http_request *req, const char *bytes, size_t len)
{
	proa_http *http = req->local->http;

	req->got += (int64_t)len;
	req->moved_ns = proa_now(req->local->loop);
	if (!len)
		return;
	if (req->got > (int64_t)http->o.body_max_bytes && !req->any_size) {
		px_answer_fail(req, 413);
	} else if (req->piece) {
		req->piece(req, bytes, len, http->o.user);
	} else if (http->o.handler) {
		px_buf_put(&req->body, bytes, len);
		if (req->body.failed)
			px_answer_fail(req, 503);
	}
}

/* The chunk that has been announced will not fit: no need to wait for it. */
static bool chunk_too_large(const proa_http_request *req)
{
	uint64_t max = req->local->http->o.body_max_bytes;

	return req->chunk.left > max || req->chunk.left + (uint64_t)req->got > max;
}

static void chunked_take(px_conn *c, proa_http_request *req)
{
	size_t len, used, data;
	const char *bytes = px_conn_bytes(c, &len);
	px_chunk_verdict verdict = px_chunk_feed(&req->chunk, bytes, len, &used, &data);

	if (verdict == PX_CHUNK_DATA)
		piece_take(req, bytes + used - data, data);
	px_conn_used(c, used);
	if (verdict == PX_CHUNK_BAD && !req->answered)
		px_answer_fail(req, 400);
	else if (!req->answered && !req->any_size && chunk_too_large(req))
		px_answer_fail(req, 413);
	req->body_done = verdict == PX_CHUNK_DONE;
}

static void fixed_take(px_conn *c, proa_http_request *req)
{
	size_t len;
	const char *bytes = px_conn_bytes(c, &len);
	int64_t left = req->length - req->got;

	if ((int64_t)len > left)
		len = (size_t)left;
	piece_take(req, bytes, len);
	px_conn_used(c, len);
	req->body_done = req->got == req->length;
}

bool px_read_body(px_conn *c)
{
	proa_http_request *req = c->req;

	if (req->answered) {
		req->phase = PX_ANSWER;
		return true;
	}
	if (req->paused || (!req->body_done && !c->buf))
		return false;
	if (!req->body_done && req->chunked)
		chunked_take(c, req);
	else if (!req->body_done)
		fixed_take(c, req);
	if (req->body_done && !req->paused && !req->answered && !c->dead)
		call_handler(req);
	return true;
}
