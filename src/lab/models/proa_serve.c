/* How the models on proa begin: a loop, a server, its address. */
/* SPDX-License-Identifier: MIT */
#include "lab/models/proa_serve.h"

#include "lab/model.h"

#include <stdio.h>
#include <stdlib.h>

static _Noreturn void fail(const char *what, int rc)
{
	fprintf(stderr, "proa: lab: %s: %s\n", what, proa_err_text(rc));
	exit(2);
}

_Noreturn void px_lab_proa_serve(const char *addr, const proa_loop_options *with,
                                 const proa_serve_options *options)
{
	static proa_server server;
	proa_loop *loop;
	proa_addr bound;
	char text[PROA_ADDR_TEXT];
	int rc = proa_loop_open(&loop, with);

	if (rc < 0)
		fail(with->backend ? with->backend : "a loop", rc);
	if ((rc = proa_serve(proa_root(loop), &server, addr, options)) < 0)
		fail(addr, rc);
	if ((rc = proa_serve_addr(&server, &bound)) < 0 ||
	    (rc = proa_addr_print(&bound, text, sizeof text)) < 0)
		fail(addr, rc);
	printf("listening %s\n", text);
	fflush(stdout);
	proa_run(loop);
	fail("the server ended", rc);
}
