/* Files as answers, once they are open: sent whole, in parts or not at all. */
/* SPDX-License-Identifier: MIT */
#include "http/mime.h"
#include "http/server.h"
#include "http/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- refusing ---- */

int px_file_status(int64_t error)
{
	switch (-error) {
	case PROA_ENOENT:
	case PROA_ENOTDIR:
	case PROA_ENAMETOOLONG:
	case PROA_ELOOP:
	case PROA_EINVAL: return 404;
	case PROA_EACCES:
	case PROA_EPERM:
	case PROA_EXDEV:
	case PROA_ENODEV: return 403;
	case PROA_EMFILE:
	case PROA_ENFILE:
	case PROA_ENOMEM:
	case PROA_EFULL: return 503;
	default: return 500;
	}
}

void px_file_leave(px_conn *c)
{
	if (!c->file_used)
		return;
	c->file_bound = c->file_used = false;
	proa_close(&c->file, NULL);
}

void px_file_refuse(proa_http_request *req, int status)
{
	px_file_leave(req->conn);
	req->file.stage = PX_FILE_NONE;
	px_answer_status(req, status);
}

/* ---- sending ---- */

static void file_end(proa_http_request *req)
{
	px_file_leave(req->conn);
	req->file.stage = PX_FILE_NONE;
	px_answered(req);
}

static const char *file_type(const proa_http_request *req)
{
	return req->file.loaded ? req->file.loaded->type : px_mime_of(req->file.path.data);
}

/* The tag is the file's own, so the text cannot be foreseen by who wrote its content. */
static int part_head(const proa_http_request *req, const px_range *range, char *out, size_t size)
{
	return snprintf(out, size,
	                "\r\n--proa%.40s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRId64
	                "-%" PRId64 "/%" PRId64 "\r\n\r\n",
	                req->file.boundary, file_type(req), range->first,
	                range->first + range->len - 1, req->file.stat.size_bytes);
}

static int parts_end(const proa_http_request *req, char *out, size_t size)
{
	return snprintf(out, size, "\r\n--proa%.40s--\r\n", req->file.boundary);
}

static int64_t parts_bytes(const proa_http_request *req)
{
	char text[300];
	int64_t sum = parts_end(req, text, sizeof text);

	for (int i = 0; i < req->file.ranges; i++)
		sum += part_head(req, &req->file.range[i], text, sizeof text) +
		       req->file.range[i].len;
	return sum;
}

/* What stands in front of the piece that is next. */
static void put_piece_head(proa_http_request *req)
{
	const px_range *range = &req->file.range[req->file.next];
	char text[300];

	if (req->file.ranges > 1)
		px_buf_put(px_out(req), text, (size_t)part_head(req, range, text, sizeof text));
}

static void put_pieces_end(proa_http_request *req)
{
	char text[80];

	if (req->file.ranges > 1)
		px_buf_put(px_out(req), text, (size_t)parts_end(req, text, sizeof text));
}

static void piece_begin(proa_http_request *req)
{
	put_piece_head(req);
	req->file.send = true;
}

static void piece_end(proa_http_request *req)
{
	if (++req->file.next < req->file.ranges) {
		piece_begin(req);
	} else {
		put_pieces_end(req);
		file_end(req);
	}
}

static void on_piece(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	if (op->result == -PROA_ENOTSUP) { /* a pipe: told at once, with nothing sent */
		c->by_hand = req->file.send = true;
		px_conn_settle(c);
		return;
	}
	req->written += op->count;
	/* A file that shrank: the client must not take it for whole, so it gets no more and no
	 * other answer. */
	if (op->result < req->file.range[req->file.next].len) {
		px_conn_die(c);
		return;
	}
	c->turning = true;
	piece_end(req);
	c->turning = false;
	px_conn_turn(c);
}

static void on_part(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_range *range = &req->file.range[req->file.next];
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	if (op->result != PX_MIN(range->len, PX_PART_BYTES)) {
		px_conn_die(c); /* it shrank, or cannot be read */
		return;
	}
	req->file.stage = PX_FILE_SENDING;
	px_out(req)->len += (size_t)op->result;
	req->written += op->result;
	range->first += op->result;
	range->len -= op->result;
	c->turning = true;
	if (range->len)
		req->file.send = true;
	else
		piece_end(req);
	c->turning = false;
	px_conn_turn(c);
}

/* Through memory, where the system sends no file: one part is read while the one before it is on
 * its way, and no other until that has gone. */
static void part_read(proa_http_request *req)
{
	const px_range *range = &req->file.range[req->file.next];
	size_t len = (size_t)PX_MIN(range->len, PX_PART_BYTES);

	if (!px_buf_fits(px_out(req), len)) {
		px_conn_die(req->conn);
		return;
	}
	req->file.stage = PX_FILE_READING;
	proa_read(&req->conn->file, &req->aux_op, px_out(req)->data, len, range->first, on_part);
}

/* Sends are a queue: behind the one with the head, this needs not wait for its end. */
void px_file_pump(proa_http_request *req)
{
	const px_range *range = &req->file.range[req->file.next];

	if (!req->file.send || px_out(req)->len || req->conn->dead)
		return;
	req->file.send = false;
	if (req->conn->by_hand)
		part_read(req);
	else
		proa_send_file(&req->conn->h, &req->aux_op, &req->conn->file, range->first,
		               range->len, on_piece);
}

/* A small file goes behind its head in memory, so that both are one packet. */
static void on_small(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	if (op->result != req->file.range[0].len) {
		px_conn_die(c);
		return;
	}
	px_out(req)->len += (size_t)op->result;
	req->written = op->result;
	c->turning = true;
	file_end(req);
	c->turning = false;
	px_conn_turn(c);
}

static void body_loaded(proa_http_request *req)
{
	const char *bytes = req->file.loaded->bytes.data;

	for (; req->file.next < req->file.ranges; req->file.next++) {
		const px_range *range = &req->file.range[req->file.next];

		put_piece_head(req);
		px_buf_put(px_out(req), bytes + range->first, (size_t)range->len);
		req->written += range->len;
	}
	put_pieces_end(req);
	file_end(req);
}

static void body_begin(proa_http_request *req)
{
	px_range *range = req->file.range;

	if (req->head_only || !range[0].len) {
		file_end(req);
	} else if (req->file.loaded) {
		body_loaded(req);
	} else if (req->file.ranges == 1 && range->len <= PX_SMALL_FILE &&
	           px_buf_fits(px_out(req), (size_t)range->len)) {
		req->file.stage = PX_FILE_READING;
		proa_read(&req->conn->file, &req->aux_op, px_out(req)->data + px_out(req)->len,
		          (size_t)range->len, range->first, on_small);
	} else {
		req->file.stage = PX_FILE_SENDING;
		piece_begin(req);
	}
}

bool px_file_soon(const proa_http_request *req)
{
	px_file_stage stage = req->file.stage;

	if (stage == PX_FILE_READING)
		return true; /* the read is writing into the output */
	return (stage == PX_FILE_OPENING || stage == PX_FILE_WAIT_FREE) &&
	       req->out[req->fill].len < PX_HOLD_BYTES;
}

/* ---- deciding what to send ---- */

static void put_content_range(proa_http_request *req)
{
	const px_range *range = req->file.range;
	char text[80];

	snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, range->first,
	         range->first + range->len - 1, req->file.stat.size_bytes);
	proa_http_set(req, "Content-Range", text);
}

/* RFC 9110, 14.2: GET alone, and only if If-Range holds. */
static int ranges_of(proa_http_request *req, const px_cond *cond, const char *etag, int64_t now_s)
{
	const char *value = px_request_field(req, "range");
	int64_t mtime_s = req->file.stat.mtime_ns / PROA_SEC;

	if (!value || req->head_only || !px_cond_range(cond, etag, mtime_s, now_s))
		return 0;
	return px_range_parse(value, req->file.stat.size_bytes, req->file.range);
}

static void range_refuse(proa_http_request *req)
{
	char text[40];

	snprintf(text, sizeof text, "bytes */%" PRId64, req->file.stat.size_bytes);
	proa_http_set(req, "Content-Range", text);
	px_file_refuse(req, 416);
}

static void file_whole(proa_http_request *req)
{
	req->file.ranges = 1;
	req->file.range[0] = (px_range){0, req->file.stat.size_bytes};
	px_put_head(req, 200, file_type(req), req->file.stat.size_bytes);
	body_begin(req);
}

static void file_parts(proa_http_request *req, int n)
{
	char type[96];

	req->file.ranges = n;
	if (n == 1) {
		put_content_range(req);
		px_put_head(req, 206, file_type(req), req->file.range[0].len);
	} else {
		snprintf(req->file.boundary, sizeof req->file.boundary, "%016" PRIx64,
		         px_mix((uint64_t)proa_clock(req->local->loop) ^ req->file.stat.ino));
		snprintf(type, sizeof type, "multipart/byteranges; boundary=proa%s",
		         req->file.boundary);
		px_put_head(req, 206, type, parts_bytes(req));
	}
	body_begin(req);
}

void px_file_answer(proa_http_request *req)
{
	const px_version *version = px_version_of(req->local, &req->file.stat);
	int64_t mtime_s = req->file.stat.mtime_ns / PROA_SEC,
		now_s = proa_wall(req->local->loop) / PROA_SEC;
	px_cond cond = {
		.if_match = px_request_field(req, "if-match"),
		.if_none_match = px_request_field(req, "if-none-match"),
		.if_modified = px_request_field(req, "if-modified-since"),
		.if_unmodified = px_request_field(req, "if-unmodified-since"),
		.if_range = px_request_field(req, "if-range"),
	};
	int status, n;

	px_buf_put(&req->extra, version->fields, version->fields_len);
	status = px_cond_check(&cond, version->etag, mtime_s, now_s);
	if (status == 412) {
		px_file_refuse(req, 412);
	} else if (status == 304) {
		px_put_head(req, 304, NULL, -1);
		file_end(req);
	} else if ((n = ranges_of(req, &cond, version->etag, now_s)) < 0) {
		range_refuse(req);
	} else if (n > 0) {
		file_parts(req, n);
	} else {
		file_whole(req);
	}
}

/* ---- what programs call ---- */

/* 0: go on; else it is answered. RFC 9110, 9.3.7 and 15.5.6. */
static bool method_refused(proa_http_request *req)
{
	bool options = !strcmp(req->method, "OPTIONS");

	if (!strcmp(req->method, "GET") || req->head_only)
		return false;
	proa_http_set(req, "Allow", "GET, HEAD, OPTIONS");
	if (options)
		proa_http_reply(req, 204, NULL, NULL, 0);
	else
		px_answer_status(req, 405);
	return true;
}

static int file_begin(proa_http_request *req, const char *path, size_t len, bool index)
{
	px_buf *to = &req->file.path;

	px_buf_put(to, len ? path : ".", len ? len : 1);
	if (index)
		px_buf_text(to, "/index.html");
	px_buf_char(to, 0);
	if (to->failed) {
		px_answer_status(req, 503);
		return 0;
	}
	to->len--;
	req->file.index = index;
	req->gone = NULL; /* the request is the server's again */
	px_file_start(req);
	px_conn_settle(req->conn);
	return 0;
}

static int file_check(proa_http_request *req)
{
	PX_MAGIC_CHECK(req, PX_REQUEST_MAGIC);
	if (!req->conn)
		PX_PANIC("an HTTP request was used after it was answered");
	if (req->conn->dead)
		return -PROA_ECONNRESET;
	if (req->begun || req->answered || req->file.stage != PX_FILE_NONE)
		return -PROA_EALREADY;
	return req->local->http->folder ? 0 : -PROA_EINVAL;
}

int proa_http_reply_file(proa_http_request *req, const char *path)
{
	int rc = file_check(req);

	if (rc < 0)
		return rc;
	if (!*path || *path == '/')
		return -PROA_EINVAL;
	if (method_refused(req))
		return 0;
	req->file.exact = true;
	return file_begin(req, path, strlen(path), false);
}

int proa_http_reply_folder(proa_http_request *req)
{
	int rc = file_check(req);
	size_t len;
	bool slash;

	if (rc < 0)
		return rc;
	if (method_refused(req))
		return 0;
	if (px_path_hidden(req->path.data) || *req->path.data != '/') {
		px_answer_status(req, 404);
		return 0;
	}
	len = strlen(req->path.data);
	slash = req->path.data[len - 1] == '/';
	return file_begin(req, req->path.data + 1, len - 1 - (slash && len > 1), slash);
}
