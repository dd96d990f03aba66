/* proa serve: a folder over HTTP. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "host.h"
#include "log.h"
#include "proa/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct serve {
	const cli_args *args;
	proa_group *group;
	proa_http *http;
	cli_log *log;
	cli_signals signals;
} serve;

static void serve_stop(unsigned again, void *user)
{
	serve *s = user;

	proa_group_stop(s->group, again ? 0 : CLI_DRAIN_SEC * PROA_SEC);
}

/* On each loop's thread; the first one takes the signals for all. */
static int loop_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	serve *s = user;

	if (index == 0) {
		s->group = group;
		cli_signals_watch(&s->signals, loop);
	}
	return s->log ? cli_log_attach(s->log, loop, index) : 0;
}

static void on_record(const proa_http_record *record, void *user)
{
	(void)user;
	cli_log_put(record);
}

/* ---- what is printed ---- */

static void print_url(const serve *s, const proa_addr *addr)
{
	char text[PROA_ADDR_TEXT], *path = cli_host_full_path(s->args->dir);

	cli_print_listening(addr);
	if (proa_addr_print(addr, text, sizeof text) < 0)
		snprintf(text, sizeof text, "?");
	/* Every address: say one that a browser here can open. */
	if (!strncmp(text, "0.0.0.0:", 8) || !strncmp(text, "[::]:", 5))
		snprintf(text, sizeof text, "localhost:%u", proa_addr_port(addr));
	printf("serving %s at %s%s%s\n", path ? path : s->args->dir,
	       proa_addr_port(addr) ? "http://" : "", text, proa_addr_port(addr) ? "/" : "");
	fflush(stdout);
	free(path);
}

/* ---- from the beginning to the end ---- */

static int serve_folder(serve *s)
{
	proa_http_options o = {.folder = s->args->dir, .log = s->log ? on_record : NULL};
	proa_addr addr;
	int rc = proa_http_open(&s->http, &o);

	if (rc < 0)
		return cli_fail("cannot serve '%s': %s", s->args->dir,
		                rc == -PROA_ENOTDIR ? "it is not a folder" : proa_err_text(rc));
	rc = proa_http_serve_group(s->http, s->group, s->args->listen, &addr);
	if (rc < 0)
		return cli_fail_listen(s->args->listen, rc);
	print_url(s, &addr);
	return CLI_OK;
}

static int serve_group(serve *s)
{
	proa_loop_options loop = {.backend = s->args->backend, .stay = true};
	proa_group_options o = {
		.loops = s->args->workers, .loop = &loop, .start = loop_start, .user = s};
	proa_group *group;
	int status, rc;

	s->signals.stop = serve_stop;
	s->signals.user = s;
	if ((rc = proa_group_open(&group, &o)) < 0)
		return cli_fail_backend(s->args, rc);
	status = serve_folder(s);
	if (status != CLI_OK)
		proa_group_stop(group, 0);
	rc = proa_group_wait(&group);
	if (rc < 0 && status == CLI_OK)
		status = cli_fail("%s", proa_err_text(rc));
	return status;
}

static int serve_run(const cli_args *given)
{
	cli_args args = *given;
	serve s = {.args = &args};
	int status;

	args.dir = args.dir ? args.dir : ".";
	args.listen = args.listen ? args.listen : "127.0.0.1:8080";
	if (args.log && !(s.log = cli_log_open(CLI_WORKERS_MAX)))
		return cli_fail("%s", proa_err_text(-PROA_ENOMEM));
	cli_signals_prepare();
	status = serve_group(&s);
	if (status == CLI_OK)
		cli_unlisten(args.listen);
	proa_http_close(&s.http);
	cli_log_close(s.log);
	return status;
}

const cli_command cli_serve = {
	.name = "serve",
	.usage = "[DIR] [--listen ADDR:PORT] [--workers N] [--backend NAME] [--log]",
	.about = "Serves a folder over HTTP/1.1.",
	.help = "  DIR                  the folder (default: the current one)\n"
		"  --listen ADDR:PORT   127.0.0.1:8080 (the default), [::1]:8080, :8080 for every\n"
		"                       address, or unix:/path; port 0: any, it is printed\n"
		"  --workers N          loops, each on a thread of its own (default: one a CPU)\n"
		"  --backend NAME       one of 'proa doctor', or it fails (default: the best)\n"
		"  --log                a line on stdout for each request\n\n"
		"Names that begin with a dot are hidden. Nothing outside of the folder is served,\n"
		"not by a link either. SIGTERM or SIGINT lets what runs end for up to 10 seconds;\n"
		"a second one ends it at once.\n",
	.takes = CLI_DIR | CLI_LISTEN | CLI_WORKERS | CLI_BACKEND | CLI_LOG,
	.run = serve_run,
};
