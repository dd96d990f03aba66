/* The HTTP server of the measurements: six bytes for any path, or the files of a folder. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "proa/http.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_request(proa_http_request *request, void *user)
{
	(void)user;
	proa_http_reply(request, 200, "text/plain", "hello\n", 6);
}

static int fail(const char *what, int rc)
{
	fprintf(stderr, "http_hello: %s: %s\n", what, proa_err_text(rc));
	return 2;
}

/* When SIGTERM comes the loop ends, and with it the program. */
static void on_term(proa_op *op)
{
	proa_stop(op->user);
}

static int run(proa_loop *loop, proa_http *http, const char *listen)
{
	static proa_server server;
	static proa_op term;
	char text[PROA_ADDR_TEXT];
	proa_addr addr;
	int rc = proa_http_serve(http, proa_root(loop), &server, listen);

	if (rc < 0 || (rc = proa_serve_addr(&server, &addr)) < 0)
		return fail(listen, rc);
	term.user = loop;
	proa_signal(proa_root(loop), &term, SIGTERM, on_term);
	if (proa_addr_print(&addr, text, sizeof text) >= 0)
		printf("listening %s\n", text);
	fflush(stdout);
	proa_run(loop);
	return 0;
}

int main(int argc, char **argv)
{
	/* connections are kept without an end, as the peers keep them */
	proa_http_options http_options = {.handler = on_request, .requests_max = UINT_MAX};
	proa_loop_options loop_options = {0};
	const char *listen = NULL;
	proa_http *http;
	proa_loop *loop;
	int rc, status;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--listen"))
			listen = argv[i + 1];
		else if (!strcmp(argv[i], "--backend"))
			loop_options.backend = argv[i + 1];
		else if (!strcmp(argv[i], "--folder"))
			http_options.folder = argv[i + 1];
	}
	if (!listen)
		return fprintf(stderr, "usage: http_hello --listen ADDR:PORT [--backend NAME] "
		                       "[--folder DIR]\n"),
		       2;
	if (http_options.folder)
		http_options.handler = NULL;
	if ((rc = proa_http_open(&http, &http_options)) < 0)
		return fail("http", rc);
	if ((rc = proa_loop_open(&loop, &loop_options)) < 0)
		return fail("loop", rc);
	status = run(loop, http, listen);
	proa_loop_close(&loop, 0);
	proa_http_close(&http);
	return status;
}
