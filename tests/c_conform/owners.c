/* Owners: one close ends a tree of handles, timers and bells, the owner's own callback last. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

/* What was told, in order: one character each. */
static char told[64];
static size_t n_told;

static void tell(char c)
{
	if (n_told < sizeof told - 1)
		told[n_told++] = c;
	told[n_told] = 0;
}

static void tell_closed(proa_handle *h)
{
	tell(*(const char *)h->user);
}

static void tell_final(rec *r)
{
	CHECK_EQ(r->result, -PROA_ECANCELED);
	tell(*(const char *)r->ctx);
}

static void own(proa_handle *owner, proa_handle *h, const char *name)
{
	memset(h, 0, sizeof *h);
	proa_handle_init(owner, h);
	h->user = (void *)(uintptr_t)name;
}

TEST(owner_is_told_last)
{
	proa_handle top, left, right, leaf;
	rec timer = {.then = tell_final, .ctx = (void *)(uintptr_t) "t"},
	    bell = {.then = tell_final, .ctx = (void *)(uintptr_t) "b"};
	LOOP(loop);

	n_told = 0;
	own(proa_root(loop), &top, "T");
	own(&top, &left, "L");
	own(&top, &right, "R");
	own(&left, &leaf, "F");
	SUBMIT(proa_timer, &leaf, &timer, proa_in(loop, PROA_SEC));
	SUBMIT_BELL(&right, &bell);
	/* Each asks for its own callback; the owner's close would end them without. */
	proa_close(&top, tell_closed);
	proa_close(&leaf, tell_closed);
	proa_close(&left, tell_closed);
	proa_close(&right, tell_closed);
	UNTIL(loop, n_told == 6);
	CHECK_EQ(told[5], 'T');
	CHECK_LT(strchr(told, 't') - told, strchr(told, 'F') - told);
	CHECK_LT(strchr(told, 'F') - told, strchr(told, 'L') - told);
	CHECK_LT(strchr(told, 'b') - told, strchr(told, 'R') - told);
	kit_close(&loop);
}

static proa_handle *leaf_of_late;
static rec late = {.then = tell_final, .ctx = (void *)(uintptr_t) "s"};

static void submit_late(rec *r)
{
	tell_final(r);
	SUBMIT(proa_timer, leaf_of_late, &late, proa_in(proa_op_loop(&r->op), PROA_SEC));
}

/* Also if something is submitted on the owned one when its own end waits to be told. */
TEST(owner_is_told_last_though_an_op_came_late)
{
	proa_handle top, leaf;
	rec timer[2] = {{.then = tell_final, .ctx = (void *)(uintptr_t) "1"},
	                {.then = submit_late, .ctx = (void *)(uintptr_t) "2"}};
	LOOP(loop);

	n_told = 0;
	leaf_of_late = &leaf;
	memset(&late.op, 0, sizeof late.op);
	own(proa_root(loop), &top, "T");
	own(&top, &leaf, "F");
	SUBMIT(proa_timer, &leaf, &timer[0], proa_in(loop, PROA_SEC));
	SUBMIT(proa_timer, &top, &timer[1], proa_in(loop, PROA_SEC));
	proa_close(&leaf, tell_closed);
	proa_close(&top, tell_closed);
	UNTIL(loop, n_told == 5);
	CHECK_STR(told, "12sFT");
	kit_close(&loop);
}

/* One close frees a connection with two sockets, a timer and more; nothing calls back after. */
typedef struct session {
	proa_handle owner, client, server;
	rec timer, recv[2], many, bell, post;
	char buf[2][64];
} session;

static int sessions_freed;

static void session_closed(proa_handle *h)
{
	session *s = PROA_OF(h, session, owner);

	CHECK_EQ(s->timer.finals + s->recv[0].finals + s->recv[1].finals + s->bell.finals, 4);
	memset(s, 0xdd, sizeof *s); /* whoever still uses it, falls over it */
	free(s);
	sessions_freed++;
}

static session *session_start(proa_loop *loop, int fd[2])
{
	session *s = calloc(1, sizeof *s);
	proa_handle *h[2] = {&s->client, &s->server};

	proa_handle_init(proa_root(loop), &s->owner);
	for (int i = 0; i < 2; i++) {
		int pair[2];

		CHECK(kit_tcp(pair, false));
		proa_handle_init(i ? h[0] : &s->owner, h[i]); /* a chain of three */
		proa_adopt_os(h[i], pair[0], PROA_TCP);
		fd[i] = pair[1];
		SUBMIT(proa_recv, h[i], &s->recv[i], s->buf[i], sizeof s->buf[i]);
	}
	SUBMIT(proa_timer, &s->owner, &s->timer, proa_in(loop, PROA_SEC));
	SUBMIT_BELL(&s->server, &s->bell);
	return s;
}

TEST(owner_close_frees_a_whole_session)
{
	LOOP(loop);

	sessions_freed = 0;
	for (int i = 0; i < 50; i++) {
		int fd[2];
		session *s = session_start(loop, fd);

		for (int k = 0; k < i % 4; k++)
			kit_once(loop, 0);
		if (i % 2)
			kit_fd_write(fd[0], "hello", 5);
		if (i % 3 == 0)
			proa_notify(&s->bell.op);
		proa_close(&s->owner, session_closed);
		if (i % 5 == 0)
			kit_fd_reset(fd[1]);
		else
			kit_fd_close(fd[1]);
		UNTIL(loop, sessions_freed == i + 1);
		kit_fd_close(fd[0]);
	}
	kit_close(&loop);
}

TEST(owner_waits_for_a_close_that_began_before)
{
	proa_handle top, child;
	LOOP(loop);

	n_told = 0;
	own(proa_root(loop), &top, "T");
	own(&top, &child, "C");
	proa_close(&child, tell_closed);
	proa_close(&top, tell_closed);
	UNTIL(loop, n_told == 2);
	CHECK_STR(told, "CT");
	kit_close(&loop);
}

static void closed_closes_owner(proa_handle *h)
{
	proa_handle *owner = h->user;

	proa_close(owner, tell_closed);
	tell('c');
}

TEST(owner_closed_in_the_callback_of_what_it_owns)
{
	proa_handle top, child;
	LOOP(loop);

	n_told = 0;
	own(proa_root(loop), &top, "T");
	own(&top, &child, "C");
	child.user = &top;
	proa_close(&child, closed_closes_owner);
	UNTIL(loop, n_told == 2);
	CHECK_STR(told, "cT");
	kit_close(&loop);
}

/* A deep chain and a wide one: neither recursion nor quadratic. */
TEST(owner_of_many)
{
	size_t n = TEST_TIMES(20000);
	proa_handle *h = calloc(n, sizeof *h), top = {0};
	rec *timers = calloc(n, sizeof *timers);
	int before = kit_n_closed;
	LOOP(loop);

	proa_handle_init(proa_root(loop), &top);
	for (size_t i = 0; i < n; i++) {
		proa_handle_init(&top, &h[i]);
		SUBMIT(proa_timer, &h[i], &timers[i], proa_in(loop, PROA_SEC * 60));
	}
	proa_close(&top, kit_closed);
	UNTIL(loop, kit_n_closed == before + 1);
	memset(h, 0, n * sizeof *h);
	proa_handle_init(proa_root(loop), &top);
	for (size_t i = 0; i < 64; i++)
		proa_handle_init(i ? &h[i - 1] : &top, &h[i]);
	memset(timers, 0, sizeof *timers);
	SUBMIT(proa_timer, &h[63], &timers[0], proa_in(loop, PROA_SEC * 60));
	kit_end(loop, &top);
	CHECK_EQ(timers[0].result, -PROA_ECANCELED);
	free(h);
	free(timers);
	kit_close(&loop);
}

TEST(owner_statistics_count_open_handles)
{
	proa_handle a, b;
	proa_stats s;
	LOOP(loop);

	proa_loop_stats(loop, &s);
	CHECK_EQ(s.handles, 0);
	kit_pair(loop, &a, &b);
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.handles, 2);
	CHECK_EQ(proa_loop_load(loop), 2);
	kit_end(loop, &a);
	kit_end(loop, &b);
	proa_loop_stats(loop, &s);
	CHECK_EQ(s.handles, 0);
	CHECK_EQ(s.in_flight, 0);
	kit_close(&loop);
}
