/* An echo through one loop, and the doctor's line. */
/* SPDX-License-Identifier: MIT */
#include "seam/echo.h"

typedef struct echo {
	proa_handle listener, client, server;
	proa_op accept, connect, in, out;
	char got[8];
} echo;

static bool connected(proa_loop *loop, echo *e)
{
	proa_addr addr;

	proa_handle_init(proa_root(loop), &e->listener);
	proa_handle_init(proa_root(loop), &e->client);
	proa_handle_init(proa_root(loop), &e->server);
	if (proa_addr_parse(&addr, "127.0.0.1:0", 0) || proa_listen(&e->listener, &addr, NULL) ||
	    proa_local_addr(&e->listener, &addr))
		return false;
	proa_accept(&e->listener, &e->accept, NULL);
	proa_connect(&e->client, &e->connect, &addr, NULL);
	if (proa_await(loop, &e->accept) || proa_await(loop, &e->connect))
		return false;
	proa_adopt(&e->server, e->accept.socket);
	return true;
}

/* By a buffer of the loop's on one side, by our own on the other. */
static bool goes_round(proa_loop *loop, echo *e)
{
	bool whole;

	proa_recv_pooled(&e->server, &e->in, NULL, NULL);
	proa_send(&e->client, &e->out, "hello", 5, NULL);
	if (proa_await(loop, &e->in) != 5 || proa_await(loop, &e->out) != 5)
		return false;
	proa_send_pooled(&e->server, &e->out, e->in.buf, 5, NULL);
	proa_recv(&e->client, &e->in, e->got, sizeof e->got, NULL);
	whole = proa_await(loop, &e->in) == 5 && proa_await(loop, &e->out) == 5;
	return whole && !memcmp(e->got, "hello", 5);
}

bool echo_works(proa_loop *loop)
{
	static echo e; /* it may be in flight still when this has failed */

	memset(&e, 0, sizeof e);
	if (!connected(loop, &e) || !goes_round(loop, &e))
		return false;
	proa_close(&e.client, NULL);
	proa_close(&e.server, NULL);
	proa_close(&e.listener, NULL);
	return proa_run(loop) == 0;
}

bool doctor_says(const char *backend, bool works, const char *says)
{
	static proa_doctor_report r;

	memset(&r, 0, sizeof r);
	r.size = sizeof r;
	proa_doctor(&r);
	for (unsigned i = 0; i < r.backends; i++)
		if (!strcmp(r.backend[i].name, backend))
			return r.backend[i].works == works && strstr(r.backend[i].why, says);
	return false;
}
