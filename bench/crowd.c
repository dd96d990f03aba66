/* An echo server among a million timers and as many posts: each has to be done once. */
/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "proa.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The least that a connection of an echo server can be. */
typedef struct conn {
	proa_handle h;
	proa_op op;
} conn;

static struct {
	const char *listen, *backend;
	size_t count;    /* of timers, and of posts */
	int64_t wait_ns; /* from the start until the timers come out and the posts begin */
	int64_t from_ns; /* when that is, on the loop's clock */
	proa_loop *loop;
	proa_server server;
	proa_op *timers, *posts, term, begin;
	pthread_t poster;
	bool posting;
	size_t fired, posted, early, again; /* early: timers before their time; again: done twice */
	size_t pending;                     /* timers, when the first was due */
	unsigned connections;               /* at that time */
} crowd = {.count = 1000000, .wait_ns = INT64_C(5000000000)};

/* ---- connections ---- */

static void on_recv(proa_op *op);

static void on_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result < 0)
		proa_close(&c->h, NULL);
	else
		proa_recv_pooled(&c->h, op, NULL, on_recv);
}

static void on_recv(proa_op *op)
{
	conn *c = PROA_OF(op, conn, op);

	if (op->result <= 0)
		proa_close(&c->h, NULL);
	else
		proa_send_pooled(&c->h, op, op->buf, (size_t)op->result, on_sent);
}

static void conn_start(proa_handle *h, void *user)
{
	(void)user;
	proa_recv_pooled(h, &PROA_OF(h, conn, h)->op, NULL, on_recv);
}

/* ---- crowds ---- */

/* An op's `user` is NULL until it is done. */
static void once(proa_op *op, size_t *count)
{
	if (op->user)
		crowd.again++;
	op->user = op;
	++*count;
}

static int64_t due_ns(size_t i)
{
	return crowd.from_ns + (int64_t)((i * 7919) % 1000000) * 1000; /* within a second */
}

static void on_timer(proa_op *op)
{
	if (op->result < 0)
		return; /* the program ends */
	if (proa_now(crowd.loop) < due_ns((size_t)(op - crowd.timers)))
		crowd.early++;
	once(op, &crowd.fired);
}

static void on_post(proa_op *op)
{
	if (op->result == 0)
		once(op, &crowd.posted);
}

static void *posts_make(void *none)
{
	for (size_t i = 0; i < crowd.count; i++)
		proa_post(crowd.loop, &crowd.posts[i], on_post);
	return none;
}

static void on_begin(proa_op *op)
{
	if (op->result < 0)
		return;
	crowd.pending = crowd.count - crowd.fired;
	crowd.connections = proa_serve_count(&crowd.server);
	crowd.posting = !pthread_create(&crowd.poster, NULL, posts_make, NULL);
}

static void crowd_make(void)
{
	proa_handle *root = proa_root(crowd.loop);

	crowd.timers = calloc(crowd.count, sizeof *crowd.timers);
	crowd.posts = calloc(crowd.count, sizeof *crowd.posts);
	if (!crowd.timers || !crowd.posts)
		px_bench_die("a crowd", ENOMEM);
	crowd.from_ns = proa_in(crowd.loop, crowd.wait_ns);
	for (size_t i = 0; i < crowd.count; i++)
		proa_timer(root, &crowd.timers[i], due_ns(i), on_timer);
	proa_timer(root, &crowd.begin, crowd.from_ns, on_begin);
}

/* ---- the program ---- */

static void on_term(proa_op *op)
{
	(void)op;
	proa_stop(crowd.loop);
}

static void report(void)
{
	printf("{\"fired\": %zu, \"posted\": %zu, \"early\": %zu, \"again\": %zu, "
	       "\"pending\": %zu, \"connections\": %u, \"armed_bytes\": %zu}\n",
	       crowd.fired, crowd.posted, crowd.early, crowd.again, crowd.pending,
	       crowd.connections, sizeof(conn));
	fflush(stdout);
}

static void check(const char *what, int rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "crowd: %s: %s\n", what, proa_err_text(rc));
	exit(2);
}

static void options_read(int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			crowd.listen = NULL;
		else if (!strcmp(argv[i], "--listen"))
			crowd.listen = argv[i + 1];
		else if (!strcmp(argv[i], "--backend"))
			crowd.backend = argv[i + 1];
		else if (!strcmp(argv[i], "--count"))
			crowd.count = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--wait"))
			crowd.wait_ns = (int64_t)(strtod(argv[i + 1], NULL) * 1e9);
	}
	if (!crowd.listen || !crowd.count)
		px_bench_usage(argv[0], "--listen ADDR:PORT [--backend NAME] [--count N] "
		                        "[--wait SECONDS]");
}

int main(int argc, char **argv)
{
	proa_serve_options serve = {.conn_bytes = sizeof(conn), .start = conn_start};
	proa_loop_options options = {0};
	char text[PROA_ADDR_TEXT];
	proa_addr addr;

	options_read(argc, argv);
	px_bench_prepare();
	options.backend = crowd.backend;
	check("the loop", proa_loop_open(&crowd.loop, &options));
	check(crowd.listen, proa_serve(proa_root(crowd.loop), &crowd.server, crowd.listen, &serve));
	proa_signal(proa_root(crowd.loop), &crowd.term, SIGTERM, on_term);
	crowd_make();
	check(crowd.listen, proa_serve_addr(&crowd.server, &addr));
	check(crowd.listen, proa_addr_print(&addr, text, sizeof text));
	printf("listening %s\n", text);
	fflush(stdout);
	proa_run(crowd.loop);
	if (crowd.posting)
		pthread_join(crowd.poster, NULL);
	report();
	proa_loop_close(&crowd.loop, 0);
	free(crowd.timers);
	free(crowd.posts);
	return 0;
}
