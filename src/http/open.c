/* Files as answers: the folder, and what of it a request asks for, opened and looked at. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"
#include "http/text.h"

#include <string.h>

/* ---- the loop's folder ---- */

static void on_dir(proa_op *op)
{
	px_local *local = PROA_OF(op, px_local, dir_op);
	px_node *node;

	local->dir_state = op->result < 0 ? PX_DIR_NONE_YET : PX_DIR_OPEN;
	while ((node = px_list_pop_front(&local->waiting))) {
		proa_http_request *req = PX_OF(node, proa_http_request, wait);

		if (local->dir_state == PX_DIR_OPEN || req->conn->dead) {
			px_conn_kick(req->conn);
		} else {
			req->file.stage = PX_FILE_NONE;
			px_answer_status(req, 503);
		}
	}
}

/* Each loop opens it for itself, at its first connection: a handle belongs to one loop. */
void px_dir_start(px_local *local)
{
	if (local->dir_state != PX_DIR_NONE_YET)
		return;
	local->dir_state = PX_DIR_OPENING;
	if (!local->dir_bound)
		proa_handle_init(proa_root(local->loop), &local->dir);
	local->dir_bound = true;
	proa_file_open(&local->dir, &local->dir_op, local->http->folder, PROA_O_READ | PROA_O_DIR,
	               0, on_dir);
}

/* ---- what is there ---- */

static void folder_redirect(proa_http_request *req)
{
	px_buf to = {.loop = req->local->loop};

	px_put_percent(&to, req->path.data);
	px_buf_char(&to, '/');
	if (*req->query) {
		px_buf_char(&to, '?');
		px_buf_text(&to, req->query);
	}
	px_buf_char(&to, 0);
	if (!to.failed)
		proa_http_set(req, "Location", to.data);
	px_file_refuse(req, to.failed ? 503 : 301);
	px_buf_free(&to);
}

static void index_missing(proa_http_request *req)
{
	if (req->local->http->o.listing_off) {
		px_file_refuse(req, 404);
		return;
	}
	req->file.path.len -= sizeof "/index.html" - 1;
	req->file.path.data[req->file.path.len] = 0;
	px_list_start(req);
}

static void file_seen(proa_http_request *req)
{
	const char *path = req->path.data;
	size_t len = strlen(path);

	switch (req->file.stat.type) {
	case PROA_S_FILE: px_file_answer(req); break;
	case PROA_S_DIR:
		if (req->file.exact || req->file.index)
			px_file_refuse(req, 404);
		else
			folder_redirect(req);
		break;
	default:
		/* A FIFO, socket or device: reading it could wait for ever, or do something. */
		px_file_refuse(req, len && path[len - 1] == '/' ? 404 : 403);
	}
}

static void on_stat(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	c->turning = true;
	if (op->result < 0)
		px_file_refuse(req, px_file_status(op->result));
	else
		file_seen(req);
	c->turning = false;
	px_conn_turn(c);
}

static void open_failed(proa_http_request *req, int64_t error)
{
	int status = px_file_status(error);

	if (req->file.index && status == 404)
		index_missing(req);
	else if (error == -PROA_EISDIR && !req->file.index && !req->file.exact)
		folder_redirect(req);
	else
		px_file_refuse(req, status);
}

static void on_open(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, aux_op);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	if (op->result >= 0) {
		proa_fstat(&c->file, op, &req->file.stat, on_stat);
		return;
	}
	c->turning = true;
	open_failed(req, op->result);
	c->turning = false;
	px_conn_turn(c);
}

static void answer_loaded(proa_http_request *req, const px_recent *r)
{
	req->file.stat = r->stat;
	req->file.loaded = r;
	file_seen(req);
	req->file.loaded = NULL;
}

static void file_bind(px_conn *c)
{
	if (!c->file_bound)
		proa_handle_init(&c->h, &c->file);
	c->file_bound = true;
}

/* Without an op and a worker, if nothing would have to wait. */
static bool start_now(proa_http_request *req)
{
	px_local *local = req->local;
	px_conn *c = req->conn;
	px_recent *r = px_recent_take(local);
	int rc;

	if (!r)
		return false;
	file_bind(c);
	rc = proa_file_open_now(&c->file, &local->dir, req->file.path.data, &r->stat, r->bytes.data,
	                        PX_SMALL_FILE);
	switch (rc) {
	case PROA_NOW_WAITS: return false;
	case PROA_NOW_READ:
		px_recent_keep(local, r, &req->file.path);
		answer_loaded(req, r);
		return true;
	case PROA_NOW_OPENED:
		c->file_used = true;
		req->file.stat = r->stat;
		file_seen(req);
		return true;
	default: open_failed(req, rc); return true;
	}
}

static void start_by_op(proa_http_request *req)
{
	px_conn *c = req->conn;

	file_bind(c);
	c->file_used = true;
	proa_file_open_in(&c->file, &req->aux_op, &req->local->dir, req->file.path.data,
	                  PROA_O_READ | PROA_O_BENEATH, 0, on_open);
}

static void on_file_free(proa_handle *h)
{
	px_conn *c = PROA_OF(h, px_conn, file);
	proa_http_request *req = c->req;

	if (px_conn_over(c) || !req || req->file.stage != PX_FILE_WAIT_FREE)
		return;
	c->turning = true;
	px_file_start(req);
	c->turning = false;
	px_conn_turn(c);
}

void px_file_start(proa_http_request *req)
{
	px_conn *c = req->conn;
	px_local *local = req->local;
	const px_recent *r;

	px_dir_start(local);
	if (local->dir_state == PX_DIR_OPENING) {
		req->file.stage = PX_FILE_WAIT_DIR;
		if (!px_node_linked(&req->wait))
			px_list_push_back(&local->waiting, &req->wait);
		return;
	}
	if ((r = px_recent_find(local, &req->file.path))) {
		answer_loaded(req, r);
	} else if (proa_is_closing(&c->file)) {
		req->file.stage = PX_FILE_WAIT_FREE;
		proa_close(&c->file,
		           on_file_free); /* under way already: this only asks to be told */
	} else {
		req->file.stage = PX_FILE_OPENING;
		if (!start_now(req))
			start_by_op(req);
	}
}
