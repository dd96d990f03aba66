/* The connection: receives, lets requests be read and answered, sends, and ends. */
/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <string.h>

enum { FINISH_SEC = 2 }; /* a client's time to take the last answer and close */

/* ---- bytes that have come ---- */

const char *px_conn_bytes(const px_conn *c, size_t *len)
{
	*len = c->buf_len - c->buf_at;
	return c->buf + c->buf_at;
}

void px_conn_used(px_conn *c, size_t n)
{
	c->buf_at += (uint32_t)n;
	if (c->buf_at < c->buf_len || !c->buf)
		return;
	proa_buffer_return(c->local->loop, c->buf);
	c->buf = NULL;
	c->buf_at = c->buf_len = 0;
}

/* ---- the end ---- */

/* Everything that the connection owned has ended, the program's ops too: only now is nobody left
 * who could still name the request. */
static void on_closed(proa_handle *h)
{
	px_conn *c = PROA_OF(h, px_conn, h);

	px_conn_used(c, c->buf_len - c->buf_at);
	if (c->req)
		px_request_give(c->req);
	c->req = NULL;
}

void px_conn_die(px_conn *c)
{
	proa_http_request *req = c->req;

	if (c->dead)
		return;
	c->dead = true;
	if (c->end_tells)
		proa_close_abort(&c->h, on_closed);
	else
		proa_close(&c->h, on_closed);
	if (req && req->begun)
		px_conn_log(c);
	if (req && req->gone && !req->answered) {
		proa_http_fn *gone = req->gone;

		req->gone = NULL;
		gone(req, req->local->http->o.user);
	}
}

bool px_conn_over(px_conn *c)
{
	if (!c->dead && !proa_is_closing(&c->h))
		return false;
	px_conn_die(c);
	return true;
}

/* Nothing is queued or in flight any more but perhaps a recv. Finishing shuts our side down and
 * reads on for a while: closing at once could reset the connection before the client has read our
 * last answer (RFC 9112, 9.6). */
static void conn_finish(px_conn *c)
{
	if (proa_in_flight(&c->in)) {
		proa_cancel(&c->in);
		return;
	}
	c->dead = true;
	px_conn_used(c, c->buf_len - c->buf_at);
	proa_finish(&c->h, proa_in(c->local->loop, FINISH_SEC * PROA_SEC), NULL);
}

/* ---- receiving ---- */

/* The whole head by one time, and a body by one that moves with it; what is idle otherwise is ended
 * by proa_set_idle. */
static int64_t recv_deadline(const px_conn *c)
{
	const proa_http_request *req = c->req;
	const proa_http_options *o = &c->local->http->o;

	if (!req)
		return c->served ? 0 : c->start_ns + o->head_ns;
	if (req->phase == PX_HEAD)
		return req->begin_ns ? req->begin_ns + o->head_ns : 0;
	if (req->phase == PX_BODY)
		return req->body_ns + o->idle_ns + req->got / PX_BODY_RATE * PROA_SEC;
	return 0;
}

/* The handle's idle time knows nothing of pauses: those are not the client's. */
static bool body_is_late(const px_conn *c)
{
	const proa_http_request *req = c->req;
	int64_t now = proa_now(c->local->loop);

	return !req->paused && (now >= recv_deadline(c) ||
	                        now - req->moved_ns >= c->local->http->o.idle_ns - PROA_MSEC);
}

static void recv_timed_out(px_conn *c)
{
	proa_http_request *req = c->req;

	if (!req || (req->phase == PX_HEAD && !req->head.len))
		c->closing = true;
	else if (req->phase == PX_HEAD || (req->phase == PX_BODY && body_is_late(c)))
		px_answer_fail(req, 408);
	/* else it was the client that waited, for us: px_conn_settle receives again */
	px_conn_turn(c);
}

static void on_recv(proa_op *op)
{
	px_conn *c = PROA_OF(op, px_conn, in);

	if (op->result > 0) {
		c->buf = op->buf;
		c->buf_at = 0;
		c->buf_len = (uint32_t)op->result;
	}
	if (px_conn_over(c))
		return; /* with its buffer, if it brought one */
	c->eof = c->eof || op->result == 0;
	if (op->result == -PROA_ETIMEDOUT)
		recv_timed_out(c);
	else if (op->result >= 0 || op->result == -PROA_ECANCELED)
		px_conn_turn(c);
	else
		px_conn_die(c);
}

/* While an answer is awaited one looks out for the client's end; not while it is being sent, since
 * sending will tell. */
static bool recv_wanted(const px_conn *c)
{
	const proa_http_request *req = c->req;

	if (c->buf || c->eof || c->closing || proa_in_flight(&c->in))
		return false;
	if (!req || req->phase == PX_HEAD)
		return true;
	if (req->phase == PX_BODY)
		return !req->paused;
	return !req->answered && req->file.stage == PX_FILE_NONE;
}

/* ---- going on ---- */

void px_conn_log(px_conn *c)
{
	proa_http_request *req = c->req;
	proa_http *http = c->local->http;
	const char *referer, *agent;

	if (!http->o.log || req->logged)
		return;
	req->logged = true;
	referer = req->known ? proa_http_header(req, "referer") : NULL;
	agent = req->known ? proa_http_header(req, "user-agent") : NULL;
	http->o.log(
		&(proa_http_record){
			.loop = c->local->loop,
			.peer = c->peer,
			.method = req->method,
			.target = req->known ? req->target : "-",
			.referer = referer ? referer : "-",
			.agent = agent ? agent : "-",
			.status = req->status,
			.version = req->version,
			.body_bytes = req->no_body ? 0 : req->written,
			.time_s = proa_wall(c->local->loop) / PROA_SEC,
			.duration_ns = proa_now(c->local->loop) - req->begin_ns,
		},
		http->o.user);
}

static bool answer_next(px_conn *c)
{
	proa_http_request *req = c->req;

	if (!req->answered)
		return false;
	if (px_out(req)->failed)
		return false; /* it ends, in px_conn_settle */
	px_conn_log(c);
	c->served++;
	c->closing = c->closing || !req->keep;
	px_request_reset(req);
	return true;
}

static bool conn_step(px_conn *c)
{
	if (!c->req)
		return px_read_head(c);
	switch (c->req->phase) {
	case PX_HEAD: return px_read_head(c);
	case PX_BODY: return px_read_body(c);
	default: return answer_next(c);
	}
}

void px_conn_turn(px_conn *c)
{
	if (c->turning)
		return; /* an answer from inside a handler: the loop below goes on with it */
	c->turning = true;
	while (!c->dead && conn_step(c))
		; /* all that can be done with the bytes at hand */
	c->turning = false;
	px_conn_settle(c);
}

static bool request_busy(const proa_http_request *req)
{
	return req->phase != PX_HEAD || (req->head.len && !req->conn->closing) ||
	       px_out_queued(req) || proa_in_flight(&req->out_op) || proa_in_flight(&req->aux_op);
}

static void on_bell(proa_op *op)
{
	proa_http_request *req = PROA_OF(op, proa_http_request, bell);
	px_conn *c = req->conn;

	if (px_conn_over(c))
		return;
	px_answer_ready(req);
	c->turning = true;
	if (req->file.stage == PX_FILE_WAIT_DIR)
		px_file_start(req);
	c->turning = false;
	px_conn_turn(c);
}

void px_conn_kick(px_conn *c)
{
	proa_http_request *req = c->req;

	if (c->dead || c->turning)
		return;
	if (!proa_in_flight(&req->bell))
		proa_doorbell(&c->h, &req->bell, on_bell);
	proa_notify(&req->bell);
}

/* The request goes back when nothing of it is left, a bell included, which has to be asked. */
static void request_return(px_conn *c)
{
	proa_http_request *req = c->req;

	if (proa_in_flight(&req->bell)) {
		proa_cancel(&req->bell);
		return;
	}
	c->req = NULL;
	px_request_give(req);
}

/* With nothing else in flight nobody would tell us that the connection is being closed (its
 * server's end, the loop's): a bell that is not rung does, because its end is the close's. */
static void bell_hang(px_conn *c)
{
	proa_http_request *req = c->req;

	if (proa_in_flight(&c->in) || proa_in_flight(&req->out_op) ||
	    proa_in_flight(&req->aux_op) || proa_in_flight(&req->bell) || proa_is_closing(&c->file))
		return;
	proa_doorbell(&c->h, &req->bell, on_bell);
}

void px_conn_settle(px_conn *c)
{
	if (c->turning || c->dead)
		return;
	if (c->req && px_out(c->req)->failed) {
		px_conn_die(c);
		return;
	}
	if (c->req && !px_file_soon(c->req))
		px_answer_flush(c->req);
	if (c->req)
		px_file_pump(c->req);
	if (c->eof && !c->buf && (!c->req || c->req->phase == PX_HEAD))
		c->closing = true;
	if (c->eof && !c->buf && c->req && c->req->phase == PX_BODY && !c->req->body_done) {
		px_conn_die(c); /* the rest of its body will not come */
		return;
	}
	if (c->req && !request_busy(c->req))
		request_return(c);
	if (c->draining && !c->req && !c->buf)
		c->closing = true;
	if (c->closing && !c->req) {
		conn_finish(c);
		return;
	}
	if (recv_wanted(c)) {
		c->in.deadline_ns = recv_deadline(c);
		proa_recv_pooled(&c->h, &c->in, NULL, on_recv);
	}
	if (!c->req)
		return;
	if (c->req->ready && !proa_in_flight(&c->req->out_op))
		px_conn_kick(c); /* nothing that is sent will tell it */
	bell_hang(c);
}

/* ---- beginning and draining ---- */

static px_local *local_of(px_service *service, proa_loop *loop)
{
	for (unsigned i = 0; i < service->locals; i++)
		if (service->local[i].loop == loop)
			return &service->local[i];
	PX_PANIC("an HTTP connection arrived on a loop that the server was not made for");
}

static void peer_print(px_conn *c)
{
	proa_addr addr;
	char text[PROA_ADDR_TEXT], *port;

	memcpy(c->peer, "-", 2);
	if (proa_peer_addr(&c->h, &addr) < 0 || proa_addr_print(&addr, text, sizeof text) < 0)
		return;
	port = strrchr(text, ':');
	if (port && proa_addr_port(&addr))
		*port = 0;
	if (*text && strlen(text) < PX_PEER_TEXT)
		memcpy(c->peer, text, strlen(text) + 1);
}

void px_conn_start(proa_handle *h, void *service)
{
	px_conn *c = PROA_OF(h, px_conn, h);

	c->local = local_of(service, proa_handle_loop(h));
	c->start_ns = proa_now(c->local->loop);
	px_local_keep(c->local, c);
	if (c->local->http->folder)
		px_dir_start(c->local);
	if (c->local->http->o.log)
		peer_print(c);
	px_conn_settle(c);
}

void px_conn_drain(proa_handle *h, void *service)
{
	px_conn *c = PROA_OF(h, px_conn, h);

	(void)service;
	c->draining = true;
	if (c->local && !c->dead)
		px_conn_settle(c);
}
