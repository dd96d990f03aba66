/* An HTTP server with a handler: "/" at once, "/slow" a second later, "/count" as a stream. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "proa/http.h"
#include <stdio.h>
#include <string.h>

static proa_op timer; /* for one slow request at a time; the others are told so */

/* The connection owns the timer: if it ends first, so does the timer. */
static void on_time(proa_op *op)
{
	if (op->result == 0)
		proa_http_reply(op->user, 200, "text/plain", "late\n", 5);
}

static void answer_slow(proa_http_request *request)
{
	proa_handle *owner = proa_http_owner(request);

	timer.user = request;
	proa_http_later(request, NULL);
	proa_timer(owner, &timer, proa_in(proa_handle_loop(owner), PROA_SEC), on_time);
}

static void on_request(proa_http_request *request, void *user)
{
	const char *path = proa_http_path(request);

	(void)user;
	if (!strcmp(path, "/")) {
		proa_http_reply(request, 200, "text/plain", "hello\n", 6);
	} else if (!strcmp(path, "/slow") && !proa_in_flight(&timer)) {
		answer_slow(request);
	} else if (!strcmp(path, "/count") &&
	           proa_http_begin(request, 200, "text/plain", -1) == 0) {
		for (char digit = '0'; digit <= '9'; digit++)
			proa_http_write(request, (char[]){digit, '\n'}, 2);
		proa_http_end(request);
	} else {
		proa_http_reply(request, 404, "text/plain", "not here\n", 9);
	}
}

int main(int argc, char **argv)
{
	const char *addr = argc > 1 ? argv[1] : "127.0.0.1:8080";
	proa_http_options options = {.handler = on_request};
	proa_server server;
	proa_http *http;
	proa_loop *loop;

	if (proa_http_open(&http, &options) < 0 || proa_loop_open(&loop, NULL) < 0 ||
	    proa_http_serve(http, proa_root(loop), &server, addr) < 0)
		return fprintf(stderr, "hello_http: cannot serve on %s\n", addr);
	proa_run(loop);
	proa_loop_close(&loop, 0);
	proa_http_close(&http);
}
