/* Allocation k fails, once and for ever, for every k: told as an error, nothing hangs. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <stdlib.h>

typedef struct scene {
	proa_loop *loop;
	proa_handle l, c, s;
	rec accept, connect, many, recv, send[2], timer;
	char buf[16];
	bool clean; /* everything worked */
} scene;

static void then_return(rec *r)
{
	if (r->result > 0)
		proa_buffer_return(proa_op_loop(&r->op), r->buf);
}

static void then_adopt(rec *r)
{
	scene *sc = r->ctx;

	if (r->result < 0)
		return;
	if (proa_os(&sc->s) >= 0 || proa_is_closing(&sc->s))
		proa_socket_close(r->socket);
	else
		proa_adopt(&sc->s, r->socket);
}

/* So many iterations are enough for what does not wait for memory. */
static bool ended(scene *sc, rec *r)
{
	for (int i = 0; i < 60 && r->finals < r->submits; i++)
		kit_once(sc->loop, 2);
	return r->finals == r->submits;
}

static bool scene_connect(scene *sc)
{
	proa_addr addr;
	int rc;

	proa_handle_init(proa_root(sc->loop), &sc->l);
	proa_handle_init(proa_root(sc->loop), &sc->c);
	proa_handle_init(&sc->l, &sc->s);
	CHECK_EQ(proa_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	rc = proa_listen(&sc->l, &addr, NULL);
	CHECK(rc == 0 || rc == -PROA_ENOMEM);
	if (rc || proa_local_addr(&sc->l, &addr))
		return false;
	sc->accept = (rec){.then = then_adopt, .ctx = sc};
	SUBMIT0(proa_accept_many, &sc->l, &sc->accept);
	SUBMIT(proa_connect, &sc->c, &sc->connect, &addr);
	if (!CHECK(ended(sc, &sc->connect)))
		return false;
	CHECK(sc->connect.result == 0 || sc->connect.result == -PROA_ENOMEM);
	for (int i = 0; i < 60 && !sc->accept.mores && !sc->accept.finals; i++)
		kit_once(sc->loop, 2);
	return sc->connect.result == 0 && proa_is_open(&sc->s);
}

static bool is_nomem_or(int64_t result, int64_t good)
{
	return result == good || result == -PROA_ENOMEM;
}

static void scene_talk(scene *sc)
{
	proa_buffers *pool;
	int rc = proa_buffers_open(sc->loop, &pool, &(proa_buffers_options){.count = 64});

	CHECK(is_nomem_or(rc, 0));
	sc->many.then = then_return;
	SUBMIT(proa_recv_pooled_many, &sc->s, &sc->many, rc ? NULL : pool, 2);
	SUBMIT(proa_recv_pooled, &sc->c, &sc->recv, NULL);
	SUBMIT(proa_send, &sc->c, &sc->send[0], "hello", 5);
	SUBMIT(proa_send, &sc->s, &sc->send[1], "world", 5);
	SUBMIT(proa_timer, &sc->c, &sc->timer, 1);
	/* These never allocate. */
	CHECK(ended(sc, &sc->timer));
	CHECK_EQ(sc->timer.result, 0);
	CHECK(ended(sc, &sc->send[0]));
	CHECK_EQ(sc->send[0].result, 5);
	CHECK(ended(sc, &sc->send[1]));
	CHECK_EQ(sc->send[1].result, 5);
	for (int i = 0; i < 60 && !sc->many.mores && !sc->many.finals; i++)
		kit_once(sc->loop, 2);
	CHECK(sc->many.bytes == 5 || sc->many.result == -PROA_ENOMEM);
	CHECK(ended(sc, &sc->recv)); /* an error, never a silence */
	CHECK(is_nomem_or(sc->recv.result, 5));
	if (sc->recv.buf)
		proa_buffer_return(sc->loop, sc->recv.buf);
	sc->clean = rc == 0 && sc->many.bytes == 5 && sc->recv.result == 5;
}

/* True: all k-th allocations are through, nothing failed. */
static bool scene_play(long k, bool for_ever)
{
	proa_loop_options o = {.backend = test_backend, .alloc = kit_alloc, .alloc_user = &kit_mem};
	scene *sc = calloc(1, sizeof *sc);
	bool failed;
	int rc;

	kit_mem = (kit_memory){.fail_at = k, .fail_on = for_ever};
	rc = proa_loop_open(&sc->loop, &o);
	CHECK(rc == 0 || rc == -PROA_ENOMEM || rc == -PROA_ENOTSUP);
	if (rc == 0) {
		if (scene_connect(sc))
			scene_talk(sc);
		kit_running = true;
		CHECK_EQ(proa_loop_close(&sc->loop, proa_clock(sc->loop) + 60 * PROA_SEC), 0);
		kit_running = false;
	}
	failed = kit_mem.failed > 0;
	CHECK(failed || sc->clean || rc);
	CHECK_EQ(kit_mem.blocks, 0);
	CHECK_EQ(kit_mem.bytes, 0);
	for (rec *r = &sc->accept; r <= &sc->timer; r++)
		CHECK_EQ(r->submits, r->finals);
	free(sc);
	return !failed;
}

static void play_all(bool for_ever)
{
	long k = 1;
	LOOP(loop);

	kit_close(&loop);
	while (k < 200 && !scene_play(k, for_ever))
		k++;
	CHECK_GT(k, 5);
	CHECK_LT(k, 200);
	test_note("%ld allocations failed, one after another", k - 1);
}

TEST(nomem_once)
{
	play_all(false);
}

TEST(nomem_for_ever)
{
	play_all(true);
}
