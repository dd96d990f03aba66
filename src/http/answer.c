/* Answers: their heads, and the calls that programs make them with. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <stdio.h>
#include <string.h>

/* Sorted by nothing but number. RFC 9110, 15; RFC 6585. */
static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *proa_http_reason(int status)
{
	for (size_t i = 0; i < PX_COUNT(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

px_buf *px_out(proa_http_request *req)
{
	return &req->out[req->fill];
}

size_t px_out_queued(const proa_http_request *req)
{
	return req->out[0].len + req->out[1].len;
}

/* ---- the head ---- */

bool px_answer_keeps(const proa_http_request *req)
{
	px_conn *c = req->conn;

	return req->keep && req->body_done && !c->draining && !c->closing &&
	       c->served + 1 < req->local->http->o.requests_max;
}

/* Printed once a second a loop. */
static const char *date_now(px_local *local)
{
	int64_t now = proa_wall(local->loop) / PROA_SEC;

	if (now != local->date_s) {
		px_date_print(now, local->date);
		local->date_s = now;
	}
	return local->date;
}

static void put_field(px_buf *out, const char *name, const char *value)
{
	px_buf_text(out, name);
	px_buf_put(out, ": ", 2);
	px_buf_text(out, value);
	px_buf_put(out, "\r\n", 2);
}

static void put_status_line(px_buf *out, int status)
{
	px_buf_put(out, "HTTP/1.1 ", 9);
	px_buf_number(out, (uint64_t)status);
	px_buf_char(out, ' ');
	px_buf_text(out, proa_http_reason(status));
	px_buf_put(out, "\r\n", 2);
}

void px_put_head(proa_http_request *req, int status, const char *type, int64_t length)
{
	px_buf *out = px_out(req);
	bool keeps = px_answer_keeps(req);

	req->keep = keeps;
	req->begun = true;
	req->status = status;
	put_status_line(out, status);
	put_field(out, "Date", date_now(req->local));
	if (type)
		put_field(out, "Content-Type", type);
	if (req->chunked_out) {
		put_field(out, "Transfer-Encoding", "chunked");
	} else if (length >= 0 && status != 204) { /* RFC 9110, 8.6 */
		px_buf_text(out, "Content-Length: ");
		px_buf_number(out, (uint64_t)length);
		px_buf_put(out, "\r\n", 2);
	}
	if (!keeps)
		put_field(out, "Connection", "close");
	else if (req->version == 10)
		put_field(out, "Connection", "keep-alive");
	px_buf_put(out, req->extra.data, req->extra.len);
	px_buf_put(out, "\r\n", 2);
	out->failed = out->failed || req->extra.failed;
}

/* ---- its end ---- */

static void on_out(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, out_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	if (op->result < 0) {
		px_conn_die(c);
		return;
	}
	px_buf_clear(&req->out[!req->fill], PX_KEEP_BYTES);
	px_answer_ready(req);
	px_conn_turn(c);
}

void px_answer_flush(proa_http_request *req)
{
	px_buf *out = px_out(req);

	if (out->failed)
		px_conn_kick(req->conn); /* what has a hole is not sent: it ends there */
	if (!out->len || out->failed || proa_in_flight(&req->out_op) || req->conn->dead)
		return;
	req->fill = !req->fill;
	req->out_op.want = req->file.send ? PROA_CHAIN | PROA_FOLLOWED : PROA_CHAIN;
	proa_send(&req->conn->h, &req->out_op, out->data, out->len, on_out);
}

void px_answer_ready(proa_http_request *req)
{
	proa_http_fn *ready = req->ready;
	px_conn *c = req->conn;

	if (!ready || req->answered || px_out_queued(req) > req->local->http->o.out_max_bytes / 4)
		return;
	req->ready = NULL;
	c->turning = true; /* what it writes goes out when it has returned */
	ready(req, req->local->http->o.user);
	c->turning = false;
}

void px_answered(proa_http_request *req)
{
	px_conn *c = req->conn;

	req->answered = true;
	req->gone = req->ready = NULL;
	if (c->turning)
		return;
	px_answer_flush(req);
	if (!proa_in_flight(&req->out_op))
		px_conn_kick(c);
}

static bool status_without_body(int status)
{
	return status == 204 || status == 304;
}

static void answer_whole(proa_http_request *req, int status, const char *type, const void *body,
                         size_t len)
{
	px_put_head(req, status, type, status == 304 ? -1 : (int64_t)len);
	if (!req->head_only && !status_without_body(status)) {
		px_buf_put(px_out(req), body, len);
		req->written = (int64_t)len;
	}
	px_answered(req);
}

void px_answer_status(proa_http_request *req, int status)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%d %s\n", status, proa_http_reason(status));

	req->phase = PX_ANSWER;
	answer_whole(req, status, "text/plain; charset=utf-8", text, (size_t)n);
}

/* A program that was going to answer hears that it need not any more. */
static void answer_taken(proa_http_request *req)
{
	proa_http_fn *gone = req->gone;

	req->gone = NULL;
	req->answered = true; /* it may not do so now */
	if (gone)
		gone(req, req->local->http->o.user);
	req->answered = false;
}

void px_answer_fail(proa_http_request *req, int status)
{
	req->keep = false;
	if (req->begun) {
		px_conn_die(req->conn);
		return;
	}
	answer_taken(req);
	px_answer_status(req, status);
}

/* ---- what programs call ---- */

static proa_http_request *check(proa_http_request *req)
{
	PX_MAGIC_CHECK(req, PX_REQUEST_MAGIC);
	if (!req->conn)
		PX_PANIC("an HTTP request was used after it was answered");
	return req;
}

static int begin_check(const proa_http_request *req, int status, const char *type)
{
	if (req->conn->dead)
		return -PROA_ECONNRESET;
	if (req->begun || req->answered || req->file.stage != PX_FILE_NONE)
		return -PROA_EALREADY;
	if (status < 200 || status > 599 || (type && (!*type || !px_text_value(type))))
		return -PROA_EINVAL;
	return 0;
}

int proa_http_set(proa_http_request *req, const char *name, const char *value)
{
	static const char *const ours[] = {"connection", "content-length", "transfer-encoding",
	                                   "date"};
	size_t len = strlen(name);

	check(req);
	if (!px_text_token(name, len) || !px_text_value(value))
		return -PROA_EINVAL;
	for (size_t i = 0; i < PX_COUNT(ours); i++)
		if (px_text_is(name, len, ours[i]))
			return -PROA_EINVAL;
	put_field(&req->extra, name, value);
	return req->extra.failed ? -PROA_ENOMEM : 0;
}

int proa_http_reply(proa_http_request *req, int status, const char *type, const void *body,
                    size_t len)
{
	int rc = begin_check(check(req), status, type);

	if (rc < 0)
		return rc;
	/* Told before it is queued, because afterwards the request is not ours to look at. */
	if (!px_buf_room(px_out(req), len + req->extra.len + 512 + (type ? strlen(type) : 0))) {
		px_answered(req);
		return -PROA_ENOMEM;
	}
	answer_whole(req, status, type, body, len);
	return 0;
}

int proa_http_begin(proa_http_request *req, int status, const char *type, int64_t len_bytes)
{
	int rc = begin_check(check(req), status, type);
	bool failed;

	if (rc < 0)
		return rc;
	req->no_body = req->head_only || status_without_body(status);
	req->chunked_out = len_bytes < 0 && req->version == 11 && !status_without_body(status);
	if (len_bytes < 0 && !req->chunked_out && !req->no_body)
		req->conn->end_tells = true;
	if (req->conn->end_tells)
		req->keep = false;
	req->promised = len_bytes;
	px_put_head(req, status, type, status == 304 ? -1 : len_bytes);
	failed = px_out(req)->failed;
	if (!req->conn->turning)
		px_answer_flush(req);
	return failed ? -PROA_ENOMEM : 0;
}

int proa_http_write(proa_http_request *req, const void *bytes, size_t len)
{
	size_t max = check(req)->local->http->o.out_max_bytes;

	if (req->conn->dead)
		return -PROA_ECONNRESET;
	if (!req->begun || req->answered)
		return -PROA_EINVAL;
	if (len > max || (req->promised >= 0 && (int64_t)len > req->promised - req->written))
		return -PROA_ETOOLONG;
	if (req->no_body || !len) {
		req->written += (int64_t)len;
		return 0;
	}
	if (px_out_queued(req) && px_out_queued(req) + len > max)
		return -PROA_EFULL;
	if (!px_buf_fits(px_out(req), len + 32))
		return -PROA_ENOMEM;
	req->written += (int64_t)len;
	if (req->chunked_out)
		px_put_chunk(px_out(req), bytes, len);
	else
		px_buf_put(px_out(req), bytes, len);
	if (!req->conn->turning)
		px_answer_flush(req);
	return 0;
}

size_t proa_http_queued(const proa_http_request *req)
{
	return px_out_queued(req);
}

void proa_http_on_ready(proa_http_request *req, proa_http_fn *ready)
{
	check(req);
	req->ready = ready;
	if (!req->conn->dead && !proa_in_flight(&req->out_op))
		px_conn_kick(req->conn);
}

void proa_http_end(proa_http_request *req)
{
	check(req);
	if (!req->begun || req->answered || req->conn->dead)
		return;
	if (req->chunked_out && !req->no_body)
		px_put_last_chunk(px_out(req));
	if (req->promised > req->written && !req->no_body)
		req->keep = false;
	px_answered(req);
}

void proa_http_abort(proa_http_request *req)
{
	px_conn *c = check(req)->conn;

	req->gone = NULL;
	proa_close_abort(&c->h, NULL);
	px_conn_die(c);
}
