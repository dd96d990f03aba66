/* The HTTP server of a world: a handler that answers in every way there is, and a folder. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/http.h"

#include "proa/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a request keeps between callbacks; the loop's memory. */
typedef struct job {
	proa_op op;
	proa_http_request *req; /* NULL: it has gone, or is answered */
	served *s;
	proa_loop *loop;
	ask a;
	uint32_t at;
	uint64_t sum;
} job;

static served *server_of(void *user)
{
	return user;
}

/* ---- what is asked ---- */

static bool ask_read(const proa_http_request *req, ask *a)
{
	const char *path = proa_http_path(req);
	unsigned kind = 0, len = 0, ms = 0;
	char name[16];

	*a = (ask){.kind = ASK_FOLDER};
	if (sscanf(path, "/%15[a-z0-9]/%u/%u/%u", name, &a->id, &len, &ms) == 4) {
		while (kind < ASK_KINDS && strcmp(name, ask_name[kind]))
			kind++;
		a->kind = (uint8_t)kind;
	} else if (sscanf(proa_http_query(req), "%u", &a->id) != 1) {
		a->kind = ASK_KINDS;
	}
	a->len = len;
	a->ms = ms;
	return a->kind < ASK_KINDS;
}

/* Fields, sometimes many bytes of them. Who goes on without one has his connection closed. */
static bool id_put(const served *s, proa_http_request *req, const ask *a)
{
	char id[16], fill[700];
	int rc = 0;

	snprintf(id, sizeof id, "%u", a->id);
	memset(fill, 'x', sizeof fill);
	fill[below(s->w, sizeof fill)] = 0;
	fill[sizeof fill - 1] = 0;
	if (percent(s->w, 30))
		rc = proa_http_set(req, "X-Fill", fill);
	return (rc == 0 && proa_http_set(req, "X-Id", id) == 0) || percent(s->w, 50);
}

static void trouble(proa_http_request *req)
{
	proa_http_reply(req, 503, "text/plain; charset=utf-8", "503 Service Unavailable\n", 24);
}

/* ---- jobs ---- */

static void job_free(job *j)
{
	proa_loop_alloc(j->loop, j, sizeof *j, 0);
}

/* An op of its own tells later; it may be in flight. */
static void job_drop(job *j)
{
	j->req = NULL;
	if (!proa_in_flight(&j->op))
		job_free(j);
}

static void on_gone(proa_http_request *req, void *user)
{
	(void)user;
	job_drop(proa_http_data(req));
}

static job *job_new(served *s, proa_http_request *req, const ask *a)
{
	proa_loop *loop = proa_handle_loop(proa_http_owner(req));
	job *j = proa_loop_alloc(loop, NULL, 0, sizeof *j);

	if (!j)
		return NULL;
	memset(j, 0, sizeof *j);
	j->s = s;
	j->loop = loop;
	j->req = req;
	j->a = *a;
	proa_http_set_data(req, j);
	proa_http_later(req, on_gone);
	return j;
}

static void reply_bytes(proa_http_request *req, const ask *a)
{
	unsigned char body[ASK_BODY];

	bytes_of(a->id, 0, body, a->len);
	proa_http_reply(req, 200, "application/octet-stream", body, a->len);
}

static void on_time(proa_op *op)
{
	job *j = PROA_OF(op, job, op);

	if (j->req && j->a.kind == ASK_FILE)
		proa_http_reply_file(j->req, files[j->a.len].name);
	else if (j->req && op->result >= 0)
		reply_bytes(j->req, &j->a);
	else if (j->req)
		trouble(j->req); /* no worker, no memory; or refused, because it is closing */
	job_free(j);
}

static int64_t on_worker(proa_op *op)
{
	return PROA_OF(op, job, op)->a.ms;
}

/* ---- pieces ---- */

static void pieces_ready(proa_http_request *req, void *user);

static void pieces_write(job *j)
{
	unsigned char bytes[3000];
	proa_http_request *req = j->req;
	bool half = j->a.kind == ASK_HALF;

	while (j->at < j->a.len) {
		uint32_t n = 1 + (uint32_t)below(j->s->w, sizeof bytes);
		int rc;

		n = n < j->a.len - j->at ? n : j->a.len - j->at;
		bytes_of(j->a.id, j->at, bytes, n);
		rc = proa_http_write(req, bytes, n);
		if (rc == -PROA_EFULL) {
			proa_http_on_ready(req, pieces_ready);
			return;
		}
		if (rc == -PROA_ECONNRESET)
			return; /* `gone` is on its way */
		if (rc < 0) {
			job_drop(j);
			proa_http_abort(req);
			return;
		}
		j->at += n;
	}
	job_drop(j);
	if (half)
		proa_http_abort(req);
	else
		proa_http_end(req);
}

static void pieces_ready(proa_http_request *req, void *user)
{
	(void)user;
	pieces_write(proa_http_data(req));
}

static void pieces_begin(job *j)
{
	int64_t len = j->a.kind == ASK_CHUNKS ? -1 : (int64_t)j->a.len + (j->a.kind == ASK_HALF);

	if (proa_http_begin(j->req, 200, "application/octet-stream", len) == 0)
		pieces_write(j);
}

static void on_begin(proa_op *op)
{
	job *j = PROA_OF(op, job, op);

	if (!j->req)
		job_free(j);
	else if (op->result == 0)
		pieces_begin(j);
}

/* ---- bodies that are streamed ---- */

static void on_resume(proa_op *op)
{
	job *j = PROA_OF(op, job, op);

	if (!j->req)
		job_free(j);
	else
		proa_http_resume(j->req);
}

static void on_piece(proa_http_request *req, const void *bytes, size_t len, void *user)
{
	job *j = proa_http_data(req);

	j->sum = sum_add(j->sum, bytes, len);
	j->at += (uint32_t)len;
	if (!percent(server_of(user)->w, 20) || proa_in_flight(&j->op))
		return;
	proa_http_pause(req);
	proa_timer(proa_http_owner(req), &j->op,
	           proa_in(j->loop, (int64_t)j->a.ms * PROA_MSEC / 10), on_resume);
}

static void on_head(proa_http_request *req, void *user)
{
	served *s = user;
	ask a;

	if (!ask_read(req, &a))
		return;
	if (a.kind == ASK_EARLY && id_put(s, req, &a))
		reply_bytes(req, &a);
	else if (a.kind == ASK_EARLY)
		trouble(req);
	else if (a.kind == ASK_SUM && job_new(s, req, &a))
		proa_http_stream(req, on_piece, true);
	else if (a.kind == ASK_SUM)
		trouble(req);
}

static void reply_sum(proa_http_request *req)
{
	job *j = proa_http_data(req);
	char text[64];
	size_t n = sum_print(j->sum, j->at, text, sizeof text);

	job_drop(j);
	proa_http_reply(req, 200, "text/plain", text, n);
}

/* ---- the handler ---- */

static void reply_later(served *s, proa_http_request *req, const ask *a)
{
	job *j = job_new(s, req, a);
	proa_handle *owner = proa_http_owner(req);

	if (!j)
		trouble(req);
	else if (a->kind == ASK_WORK)
		proa_work(owner, &j->op, NULL, on_worker, on_time);
	else if (a->kind == ASK_LATER || a->kind == ASK_FILE)
		proa_timer(owner, &j->op, proa_in(j->loop, (int64_t)a->ms * PROA_MSEC), on_time);
	else if (a->ms % 2)
		proa_timer(owner, &j->op, proa_in(j->loop, (int64_t)a->ms * PROA_MSEC), on_begin);
	else
		pieces_begin(j);
}

static void on_request(proa_http_request *req, void *user)
{
	served *s = user;
	const void *body;
	size_t len;
	ask a;

	if (!ask_read(req, &a)) {
		proa_http_reply(req, 404, "text/plain", "?", 1);
		return;
	}
	if (!id_put(s, req, &a)) {
		if (a.kind == ASK_SUM)
			job_drop(proa_http_data(req));
		trouble(req);
		return;
	}
	switch (a.kind) {
	case ASK_PLAIN: reply_bytes(req, &a); break;
	case ASK_ECHO:
		body = proa_http_body(req, &len);
		proa_http_reply(req, 200, "application/octet-stream", body, len);
		break;
	case ASK_SUM: reply_sum(req); break;
	case ASK_FILE:
		if (percent(s->w, 50))
			reply_later(s, req, &a);
		else
			proa_http_reply_file(req, files[a.len].name);
		break;
	case ASK_FOLDER: proa_http_reply_folder(req); break;
	case ASK_MUTE: break;
	default: reply_later(s, req, &a);
	}
}

/* ---- the program ---- */

static int http_open(served *s)
{
	proa_http_options o = {.handler = on_request,
	                       .head = on_head,
	                       .user = s,
	                       .folder = "/www",
	                       .out_max_bytes = 8000,
	                       .body_max_bytes = 30000,
	                       .idle_ns = 5 * PROA_SEC,
	                       .head_ns = 4 * PROA_SEC,
	                       .conn_max = 20};

	return proa_http_open(&s->http, &o);
}

static int server_start(proa_loop *loop, void *user)
{
	served *s = user;
	int rc = http_open(s);

	if (rc < 0)
		return rc;
	s->loop = loop;
	memset(&s->server, 0, sizeof s->server);
	memset(&s->owner, 0, sizeof s->owner);
	proa_handle_init(proa_root(loop), &s->owner);
	rc = proa_http_serve(s->http, &s->owner, &s->server, "*:80");
	s->up = rc == 0;
	return rc;
}

static int server_main(void *user)
{
	served *s = user;
	proa_group_options o = {.loops = 2};
	int rc = http_open(s);

	if (rc < 0 || (rc = proa_group_open(&s->g, &o)) < 0)
		return rc;
	rc = proa_http_serve_group(s->http, s->g, "*:80", NULL);
	s->up = rc == 0;
	if (rc < 0)
		proa_group_stop(s->g, PROA_POLL);
	proa_group_wait(&s->g);
	return rc;
}

/* What is the program's own: nothing else of it is left. */
static void server_down(int result, void *user)
{
	served *s = user;

	proa_http_close(&s->http);
	s->g = NULL;
	s->loop = NULL;
	s->up = false;
	if (s->group && result == 0)
		s->ended = true;
	chaos_down(s->chaos, s->name);
}

void server_add(served *s, const char *addr)
{
	proa_node_options o = {.name = s->name, .addr = addr, .down = server_down, .user = s};
	static unsigned char bytes[FILE_MAX];
	char path[40];

	if (s->group)
		o.main = server_main;
	else
		o.start = server_start;
	MUST(proa_world_add(s->w, NULL, &o) == 0);
	for (unsigned i = 0; i < FILES; i++) {
		bytes_of(i, 0, bytes, files[i].len);
		snprintf(path, sizeof path, "/www/%s", files[i].name);
		MUST(proa_world_file_put(s->w, s->name, path, bytes, files[i].len) == 0);
	}
	MUST(proa_world_file_put(s->w, s->name, "/www/list/a", "a", 1) == 0);
	MUST(proa_world_file_put(s->w, s->name, "/www/list/b/c", "c", 1) == 0);
}

static void on_end(proa_handle *h)
{
	PROA_OF(h, served, server)->ended = true;
}

void server_end(served *s)
{
	if (s->group)
		proa_group_stop(s->g, 5 * PROA_SEC);
	else
		proa_serve_end(&s->server, proa_in(s->loop, 5 * PROA_SEC), on_end);
}
