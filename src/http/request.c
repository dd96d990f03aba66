/* Requests: lent to connections from a list of each loop, and what programs ask of them. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <string.h>

void px_local_init(px_local *local, proa_http *http, proa_loop *loop)
{
	*local = (px_local){.http = http, .loop = loop, .date_s = -1};
	px_list_init(&local->waiting);
}

static void request_free(proa_http_request *req)
{
	px_buf_free(&req->head);
	px_buf_free(&req->path);
	px_buf_free(&req->body);
	px_buf_free(&req->extra);
	px_buf_free(&req->out[0]);
	px_buf_free(&req->out[1]);
	px_buf_free(&req->file.path);
	px_buf_free(&req->file.entries);
	PX_MAGIC_KILL(req);
	proa_loop_alloc(req->local->loop, req, sizeof *req, 0);
}

static proa_http_request *request_new(px_local *local)
{
	proa_http_request *req = proa_loop_alloc(local->loop, NULL, 0, sizeof *req);
	px_buf empty = {.loop = local->loop};

	if (!req)
		return NULL;
	memset(req, 0, sizeof *req);
	req->magic = PX_REQUEST_MAGIC;
	req->local = local;
	req->head = req->path = req->body = req->extra = empty;
	req->out_op.want = PROA_CHAIN; /* a file goes behind its head */
	req->out[0] = req->out[1] = req->file.path = req->file.entries = empty;
	px_request_reset(req);
	return req;
}

static void on_keeper(proa_op *op)
{
	px_local *local = PROA_OF(op, px_local, keeper);
	proa_http_request *req;

	local->kept = false;
	while ((req = local->free)) {
		local->free = req->next_free;
		request_free(req);
	}
	local->free_count = 0;
	px_recent_free(local);
}

void px_local_keep(px_local *local, px_conn *c)
{
	if (local->kept)
		return;
	local->kept = true;
	local->vanishes = !strcmp(proa_loop_backend(local->loop), "sim");
	local->keeper.want = PROA_BACKGROUND;
	proa_doorbell((proa_handle *)(void *)proa_serve_of(&c->h), &local->keeper, on_keeper);
}

void px_local_check(const px_local *local)
{
	if ((local->kept || local->lent) && !local->vanishes)
		PX_PANIC("proa_http_close before the loops that it served on were closed");
}

proa_http_request *px_request_take(px_conn *c)
{
	px_local *local = c->local;
	proa_http_request *req = local->free;

	if (req) {
		local->free = req->next_free;
		local->free_count--;
	} else {
		req = request_new(local);
		if (!req)
			return NULL;
	}
	local->lent++;
	req->next_free = NULL;
	req->conn = c;
	return req;
}

void px_request_reset(proa_http_request *req)
{
	px_list_remove(&req->wait);
	req->phase = PX_HEAD;
	req->known = req->keep = req->chunked = req->expects = req->body_done = false;
	req->head_only = req->any_size = req->paused = false;
	req->later = req->begun = req->answered = req->chunked_out = req->no_body = false;
	req->logged = false;
	req->version = 11;
	req->scan = (px_scan){0};
	req->chunk = (px_chunk){0};
	req->method = req->target = "-";
	req->query = "";
	req->fields = 0;
	req->length = req->got = req->begin_ns = req->body_ns = 0;
	req->moved_ns = req->paused_ns = 0;
	req->piece = NULL;
	req->status = 0;
	req->promised = req->written = 0;
	req->gone = req->ready = NULL;
	req->data = NULL;
	px_buf_clear(&req->head, PX_KEEP_BYTES);
	px_buf_clear(&req->path, PX_KEEP_BYTES);
	px_buf_clear(&req->body, PX_KEEP_BYTES);
	px_buf_clear(&req->extra, PX_KEEP_BYTES);
	px_buf_clear(&req->file.path, PX_KEEP_BYTES);
	px_buf_clear(&req->file.entries, PX_KEEP_BYTES);
	req->file.stage = PX_FILE_NONE;
	req->file.exact = req->file.index = req->file.send = false;
	req->file.ranges = req->file.next = 0;
}

void px_request_give(proa_http_request *req)
{
	px_local *local = req->local;

	px_assert(!proa_in_flight(&req->out_op) && !proa_in_flight(&req->aux_op) &&
	          !proa_in_flight(&req->bell));
	px_request_reset(req);
	req->conn = NULL;
	local->lent--;
	if (!local->kept || local->free_count == PX_KEEP_REQUESTS) {
		request_free(req);
		return;
	}
	px_buf_clear(&req->out[0], PX_KEEP_BYTES);
	px_buf_clear(&req->out[1], PX_KEEP_BYTES);
	req->next_free = local->free;
	local->free = req;
	local->free_count++;
}

/* ---- what programs ask ---- */

static const proa_http_request *check(const proa_http_request *req)
{
	PX_MAGIC_CHECK(req, PX_REQUEST_MAGIC);
	if (!req->conn)
		PX_PANIC("an HTTP request was used after it was answered");
	return req;
}

const char *proa_http_method(const proa_http_request *req)
{
	return check(req)->method;
}

const char *proa_http_target(const proa_http_request *req)
{
	return check(req)->target;
}

const char *proa_http_path(const proa_http_request *req)
{
	return check(req)->path.data;
}

const char *proa_http_query(const proa_http_request *req)
{
	return check(req)->query;
}

int proa_http_version(const proa_http_request *req)
{
	return check(req)->version;
}

static bool same_name(const px_field *field, const char *name, size_t len)
{
	if (field->name_len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (px_text_lower(field->name[i]) != px_text_lower(name[i]))
			return false;
	return true;
}

const char *proa_http_header(const proa_http_request *req, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < check(req)->fields; i++)
		if (same_name(&req->field[i], name, len))
			return req->field[i].value;
	return NULL;
}

const char *px_request_field(const proa_http_request *req, const char *lower)
{
	return proa_http_header(req, lower);
}

const char *proa_http_header_at(const proa_http_request *req, unsigned i, const char **name)
{
	if (i >= check(req)->fields)
		return NULL;
	*name = req->field[i].name;
	return req->field[i].value;
}

const void *proa_http_body(const proa_http_request *req, size_t *len_bytes)
{
	*len_bytes = check(req)->body.len;
	return req->body.data;
}

proa_handle *proa_http_owner(const proa_http_request *req)
{
	return &check(req)->conn->h;
}

void *proa_http_data(const proa_http_request *req)
{
	return check(req)->data;
}

void proa_http_set_data(proa_http_request *req, void *data)
{
	check(req);
	req->data = data;
}

void proa_http_stream(proa_http_request *req, proa_http_piece *piece, bool any_size)
{
	check(req);
	req->piece = piece;
	req->any_size = any_size;
}

void proa_http_pause(proa_http_request *req)
{
	check(req);
	if (!req->paused)
		req->paused_ns = proa_now(req->local->loop);
	req->paused = true;
}

void proa_http_resume(proa_http_request *req)
{
	check(req);
	if (!req->paused)
		return;
	req->paused = false;
	req->moved_ns = proa_now(req->local->loop);
	req->body_ns += req->moved_ns - req->paused_ns;
	px_conn_kick(req->conn);
}

void proa_http_later(proa_http_request *req, proa_http_fn *gone)
{
	check(req);
	req->later = true;
	req->gone = gone;
}
