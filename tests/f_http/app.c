/* A program on the handler API, for the tests: each path does one thing that a program may do. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "proa/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static proa_loop *loop;
static proa_server server;
static proa_op term, interrupt;
static int gone_count, later_count;

/* ---- later ---- */

typedef struct later {
	proa_op timer;
	proa_http_request *request; /* NULL: it has gone */
	int64_t left;               /* a stream's bytes */
} later;

static void on_gone(proa_http_request *request, void *user)
{
	later *l = proa_http_data(request);

	(void)user;
	gone_count++;
	l->request = NULL;
	if (!proa_in_flight(&l->timer))
		free(l);
}

static void on_time(proa_op *op)
{
	later *l = PROA_OF(op, later, timer);

	later_count++;
	if (l->request)
		proa_http_reply(l->request, 200, "text/plain", "later", 5);
	free(l);
}

static later *later_new(proa_http_request *request)
{
	later *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	l->request = request;
	proa_http_set_data(request, l);
	proa_http_later(request, on_gone);
	return l;
}

static void answer_later(proa_http_request *request)
{
	later *l = later_new(request);

	l->timer.want = PROA_BACKGROUND;
	proa_timer(proa_root(loop), &l->timer,
	           proa_in(loop, strtoll(proa_http_query(request), NULL, 10) * PROA_MSEC), on_time);
}

static void on_twice(proa_op *op)
{
	later *l = PROA_OF(op, later, timer);

	if (l->request) {
		proa_http_begin(l->request, 200, "text/plain", -1);
		proa_http_write(l->request, "one", 3);
		proa_http_write(l->request, "two", 3);
		proa_http_end(l->request);
	}
	free(l);
}

/* Written from a callback that is no handler: each call may send at once. */
static void answer_twice(proa_http_request *request)
{
	later *l = later_new(request);

	l->timer.want = PROA_BACKGROUND;
	proa_timer(proa_root(loop), &l->timer, proa_in(loop, PROA_MSEC), on_twice);
}

/* ---- streams ---- */

static void stream_more(proa_http_request *request, void *user)
{
	later *l = proa_http_data(request);
	char block[10000];

	(void)user;
	memset(block, 's', sizeof block);
	while (l->left) {
		size_t n = l->left < (int64_t)sizeof block ? (size_t)l->left : sizeof block;
		int rc = proa_http_write(request, block, n);

		if (rc == -PROA_EFULL) {
			proa_http_on_ready(request, stream_more);
			return;
		}
		if (rc < 0)
			abort();
		l->left -= (int64_t)n;
	}
	free(l);
	proa_http_end(request);
}

static void answer_stream(proa_http_request *request, bool sized)
{
	later *l = later_new(request);

	l->left = strtoll(proa_http_query(request), NULL, 10);
	proa_http_begin(request, 200, "text/plain", sized ? l->left : -1);
	stream_more(request, NULL);
}

/* A write beyond what was promised is refused, and the answer goes on. */
static void answer_long(proa_http_request *request)
{
	int rc;

	proa_http_begin(request, 200, NULL, 5);
	rc = proa_http_write(request, "1234567890", 10);
	proa_http_write(request, rc == -PROA_ETOOLONG ? "12345" : "wrong", 5);
	proa_http_end(request);
}

static void answer_short(proa_http_request *request)
{
	proa_http_begin(request, 200, NULL, 10);
	proa_http_write(request, "12345", 5);
	proa_http_end(request);
}

/* ---- bodies ---- */

static void on_piece(proa_http_request *request, const void *bytes, size_t len, void *user)
{
	(void)bytes;
	(void)user;
	proa_http_set_data(request, (void *)((uintptr_t)proa_http_data(request) + len));
}

static void on_resume(proa_op *op)
{
	later *l = PROA_OF(op, later, timer);

	if (op->result == 0)
		proa_http_resume(l->request);
	free(l);
}

/* Owned by the connection: it ends with it. */
static void on_paused_piece(proa_http_request *request, const void *bytes, size_t len, void *user)
{
	later *l = calloc(1, sizeof *l);
	const char *ms = proa_http_query(request);

	if (!l)
		abort();
	on_piece(request, bytes, len, user);
	l->request = request;
	proa_http_pause(request);
	proa_timer(proa_http_owner(request), &l->timer,
	           proa_in(loop, (*ms ? strtoll(ms, NULL, 10) : 20) * PROA_MSEC), on_resume);
}

static void answer_count(proa_http_request *request)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%zu", (size_t)(uintptr_t)proa_http_data(request));

	proa_http_reply(request, 200, "text/plain", text, (size_t)n);
}

static void on_head(proa_http_request *request, void *user)
{
	const char *path = proa_http_path(request);

	(void)user;
	if (!strcmp(path, "/count"))
		proa_http_stream(request, on_piece, true);
	if (!strcmp(path, "/count-limited"))
		proa_http_stream(request, on_piece, false);
	if (!strcmp(path, "/paused"))
		proa_http_stream(request, on_paused_piece, true);
	if (!strcmp(path, "/early"))
		proa_http_reply(request, 403, "text/plain", "no", 2);
}

/* ---- what may be said wrong ---- */

static void answer_set(proa_http_request *request)
{
	static const char *const bad[][2] = {{"A", "b\r\nC: d"},
	                                     {"A", "b\nC"},
	                                     {"A", "b\rC"},
	                                     {"A\r\n", "b"},
	                                     {"A:", "b"},
	                                     {"", "b"},
	                                     {"A b", "c"},
	                                     {"Content-Length", "1"},
	                                     {"connection", "x"},
	                                     {"dAtE", "today"},
	                                     {"Transfer-Encoding", "x"}};
	char text[32];
	int n, refused = 0;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		refused += proa_http_set(request, bad[i][0], bad[i][1]) == -PROA_EINVAL;
	refused += proa_http_reply(request, 200, "a\r\nb", "", 0) == -PROA_EINVAL;
	refused += proa_http_reply(request, 100, NULL, "", 0) == -PROA_EINVAL;
	refused += proa_http_reply(request, 600, NULL, "", 0) == -PROA_EINVAL;
	proa_http_set(request, "X-Good", "yes\tand no");
	n = snprintf(text, sizeof text, "%d", refused);
	proa_http_reply(request, 200, "text/plain", text, (size_t)n);
}

static void answer_echo(proa_http_request *request)
{
	size_t len;
	const void *body = proa_http_body(request, &len);

	proa_http_reply(request, 200, "application/octet-stream", body, len);
}

static void answer_about(proa_http_request *request)
{
	char text[1024];
	const char *name, *value = proa_http_header_at(request, 0, &name);
	const char *test = proa_http_header(request, "x-TEST");
	int n = snprintf(text, sizeof text, "%s|%s|%s|%s|%d|%s|%s=%s", proa_http_method(request),
	                 proa_http_target(request), proa_http_path(request),
	                 proa_http_query(request), proa_http_version(request), test ? test : "-",
	                 value ? name : "-", value ? value : "-");

	proa_http_reply(request, 200, "text/plain", text, (size_t)n);
}

static void answer_counts(proa_http_request *request)
{
	char text[64];
	int n = snprintf(text, sizeof text, "gone %d later %d", gone_count, later_count);

	proa_http_reply(request, 200, "text/plain", text, (size_t)n);
}

static void answer_abort(proa_http_request *request)
{
	proa_http_begin(request, 200, NULL, -1);
	proa_http_write(request, "half", 4);
	proa_http_abort(request);
}

/* ---- paths ---- */

static void on_request(proa_http_request *request, void *user)
{
	const char *path = proa_http_path(request);

	(void)user;
	if (!strcmp(path, "/hello"))
		proa_http_reply(request, 200, "text/plain", "hello", 5);
	else if (!strcmp(path, "/echo"))
		answer_echo(request);
	else if (!strcmp(path, "/later"))
		answer_later(request);
	else if (!strcmp(path, "/twice"))
		answer_twice(request);
	else if (!strcmp(path, "/stream"))
		answer_stream(request, false);
	else if (!strcmp(path, "/sized"))
		answer_stream(request, true);
	else if (!strcmp(path, "/short"))
		answer_short(request);
	else if (!strcmp(path, "/long"))
		answer_long(request);
	else if (!strcmp(path, "/count") || !strcmp(path, "/count-limited") ||
	         !strcmp(path, "/paused"))
		answer_count(request);
	else if (!strcmp(path, "/set"))
		answer_set(request);
	else if (!strcmp(path, "/counts"))
		answer_counts(request);
	else if (!strcmp(path, "/abort"))
		answer_abort(request);
	else if (!strcmp(path, "/file"))
		proa_http_reply_file(request, "hello.txt");
	else if (!strcmp(path, "/outside"))
		proa_http_reply_file(request, "../outside");
	else if (!strcmp(path, "/empty"))
		proa_http_reply(request, 204, NULL, "x", 1); /* says nothing all the same */
	else if (!strncmp(path, "/about", 6) || !strcmp(path, "*"))
		answer_about(request);
	else if (strcmp(path, "/nothing") != 0)
		proa_http_reply_folder(request);
}

/* ---- the program ---- */

static void on_term(proa_op *op)
{
	if (op->result > 0)
		proa_serve_end(&server, proa_in(loop, 2 * PROA_SEC), NULL);
}

static int fail(int rc)
{
	fprintf(stderr, "http_app: %s\n", proa_err_text(rc));
	return 2;
}

/* DIR BACKEND HEAD_MS IDLE_MS */
int main(int argc, char **argv)
{
	proa_http_options o = {.handler = on_request,
	                       .head = on_head,
	                       .head_max_bytes = 4096,
	                       .body_max_bytes = 1000,
	                       .out_max_bytes = 32768,
	                       .requests_max = 50};
	proa_loop_options lo = {.buffers_count = 64}; /* none may be lost */
	proa_http *http;
	proa_addr addr;
	char text[PROA_ADDR_TEXT];
	int rc;

	if (argc != 5)
		return 2;
	o.folder = argv[1];
	lo.backend = argv[2];
	o.head_ns = strtoll(argv[3], NULL, 10) * PROA_MSEC;
	o.idle_ns = strtoll(argv[4], NULL, 10) * PROA_MSEC;
	if ((rc = proa_loop_open(&loop, &lo)) < 0 || (rc = proa_http_open(&http, &o)) < 0 ||
	    (rc = proa_http_serve(http, proa_root(loop), &server, "127.0.0.1:0")) < 0)
		return fail(rc);
	term.want = interrupt.want = PROA_BACKGROUND;
	proa_signal(proa_root(loop), &term, SIGTERM, on_term);
	proa_signal(proa_root(loop), &interrupt, SIGINT, on_term);
	if (proa_serve_addr(&server, &addr) < 0 || proa_addr_print(&addr, text, sizeof text) < 0)
		return fail(-PROA_EINVAL);
	printf("listening %s\n", text);
	fflush(stdout);
	proa_run(loop);
	rc = proa_loop_close(&loop, 0);
	proa_http_close(&http);
	return rc < 0 ? fail(rc) : 0;
}
