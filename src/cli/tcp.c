/* What the commands that serve TCP share: one loop or several, signals, the drain, counters. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdio.h>

/* ---- one worker: a loop on this thread ---- */

static void on_ended(proa_handle *server)
{
	cli_tcp *t = PROA_OF(server, cli_tcp, server);

	t->ended = true;
}

static void loop_stop(unsigned again, void *user)
{
	cli_tcp *t = user;

	if (!t->ended)
		proa_serve_end(&t->server,
		               again ? PROA_POLL : proa_in(t->loop, CLI_DRAIN_SEC * PROA_SEC),
		               on_ended);
}

static int run_loop(cli_tcp *t)
{
	proa_loop_options o = {.backend = t->args->backend, .buffers_count = t->args->buffers};
	proa_addr addr;
	int rc = proa_loop_open(&t->loop, &o);

	if (rc < 0)
		return cli_fail_backend(t->args, rc);
	if ((rc = proa_serve(proa_root(t->loop), &t->server, t->listen, &t->serve)) < 0) {
		proa_loop_close(&t->loop, 0);
		return cli_fail_listen(t->listen, rc);
	}
	t->signals.stop = loop_stop;
	t->signals.user = t;
	cli_signals_watch(&t->signals, t->loop);
	if (proa_serve_addr(&t->server, &addr) == 0)
		cli_print_listening(&addr);
	proa_run(t->loop);
	snprintf(t->backend, sizeof t->backend, "%s", proa_loop_backend(t->loop));
	proa_loop_stats(t->loop, &t->stats);
	proa_loop_close(&t->loop, 0);
	return CLI_OK;
}

/* ---- several: a group ---- */

static void group_stop(unsigned again, void *user)
{
	cli_tcp *t = user;

	proa_group_stop(t->group, again ? 0 : CLI_DRAIN_SEC * PROA_SEC);
}

static int group_loop_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	cli_tcp *t = user;

	if (index)
		return 0;
	t->group = group;
	snprintf(t->backend, sizeof t->backend, "%s", proa_loop_backend(loop));
	cli_signals_watch(&t->signals, loop);
	return 0;
}

/* The counters may be read on any thread, and here the loops are still there. */
static void group_loop_drain(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	cli_tcp *t = user;

	(void)loop;
	for (unsigned i = 0; index == 0 && i < proa_group_size(group); i++) {
		proa_stats stats = {0};

		proa_loop_stats(proa_group_loop(group, i), &stats);
		cli_stats_add(&t->stats, &stats);
	}
}

static int run_group(cli_tcp *t)
{
	proa_loop_options loop = {
		.backend = t->args->backend, .stay = true, .buffers_count = t->args->buffers};
	proa_group_options o = {.loops = t->args->workers,
	                        .loop = &loop,
	                        .start = group_loop_start,
	                        .drain = group_loop_drain,
	                        .user = t};
	proa_group *group;
	proa_addr addr;
	int rc;

	t->signals.stop = group_stop;
	t->signals.user = t;
	if ((rc = proa_group_open(&group, &o)) < 0)
		return cli_fail_backend(t->args, rc);
	if ((rc = proa_group_serve(group, t->listen, &t->serve, &addr)) < 0) {
		proa_group_stop(group, 0);
		proa_group_wait(&group);
		return cli_fail_listen(t->listen, rc);
	}
	cli_print_listening(&addr);
	rc = proa_group_wait(&group);
	return rc < 0 ? cli_fail("%s", proa_err_text(rc)) : CLI_OK;
}

int cli_tcp_run(cli_tcp *t)
{
	int status;

	cli_signals_prepare();
	status = t->args->workers > 1 ? run_group(t) : run_loop(t);
	if (status == CLI_OK)
		cli_unlisten(t->listen);
	if (status == CLI_OK && t->args->stats)
		cli_print_stats(t->backend, &t->stats);
	return status;
}
