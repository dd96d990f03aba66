/* glib [ADDRESS]: an echo server on a proa loop inside of GLib's main loop, which counts beside. */
/* SPDX-License-Identifier: MIT */
#include "echo.h"
#include "example.h"
#include <glib-unix.h>

/* GLib asks each source before it waits and after, then gives a turn to those that are ready. */
struct source {
	GSource base; /* first */
	proa_loop *loop;
	gpointer fd;
};

static gboolean on_prepare(GSource *g, int *timeout_ms)
{
	struct source *s = (struct source *)(void *)g;
	int64_t at = proa_loop_prepare(s->loop);
	int64_t left_ms = (at - proa_clock(s->loop) + PROA_MSEC - 1) / PROA_MSEC;

	*timeout_ms = at ? (int)CLAMP(left_ms, 0, G_MAXINT) : -1;
	return *timeout_ms == 0;
}

/* Also at the end of any wait, for it may have been the loop's time that ended it. */
static gboolean on_check(GSource *g)
{
	(void)g;
	return TRUE;
}

static gboolean on_dispatch(GSource *g, GSourceFunc callback, void *user)
{
	proa_run_once(((struct source *)(void *)g)->loop, PROA_POLL);
	return (void)callback, (void)user, G_SOURCE_CONTINUE;
}

/* Gives GLib's default context the loop as a source. 0, or an error. */
static int source_attach(proa_loop *loop)
{
	static GSourceFuncs funcs = {on_prepare, on_check, on_dispatch, NULL, NULL, NULL};
	int fd = proa_loop_fd(loop);
	struct source *s;

	if (fd < 0)
		return fd;
	s = (struct source *)(void *)g_source_new(&funcs, sizeof *s);
	s->loop = loop;
	s->fd = g_source_add_unix_fd(&s->base, fd, G_IO_IN);
	g_source_attach(&s->base, NULL);
	g_source_unref(&s->base);
	return 0;
}

static gboolean on_tick(void *user)
{
	static unsigned told;
	const struct echo *e = user;

	if (e->n != told)
		printf("%u connections\n", told = e->n);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	GMainLoop *main_loop = g_main_loop_new(NULL, FALSE);
	struct echo e;
	proa_loop *loop;
	int rc = proa_loop_open(&loop, NULL);

	if (rc < 0 || (rc = source_attach(loop)) < 0 ||
	    (rc = echo_start(&e, loop, argc > 1 ? argv[1] : "127.0.0.1:7777", 1000, 0)) < 0)
		return say_error("glib", rc);
	say_where(&e.h);
	g_timeout_add(100, on_tick, &e);
	g_main_loop_run(main_loop);
	return 0;
}
