/* Each knob of the faults turns something: every kind of op there is, once, and cancelled once. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "s_sim/bed.h"

#include <stdlib.h>

enum { BYTES = 20000, OPS = 40 };

/* What one round uses; its ops end with the nodes' handles, whatever their results are. */
typedef struct every {
	bed s;
	link3 l;
	proa_handle udp_a, udp_b, file, dir, more, most, many;
	proa_op op[OPS];
	unsigned n;
	char bytes[BYTES], got[OPS][4096];
	proa_msg msg[4];
	proa_stat_info info;
	proa_resolve_request request;
	proa_socket socket;
	_Alignas(8) char entries[2048];
} every;

static proa_op *next(every *e)
{
	return &e->op[e->n++];
}

static char *room(every *e)
{
	return e->got[e->n - 1];
}

static void wait_ms(every *e, int64_t ms)
{
	proa_world_run(e->s.w, ms * PROA_MSEC);
}

static int64_t work(proa_op *op)
{
	return op->user != NULL;
}

static void receive_all(every *e)
{
	proa_recv(&e->l.b, next(e), room(e), 100, NULL);
	proa_recv_pooled(&e->l.b, next(e), NULL, NULL);
	proa_recv_pooled_many(&e->l.b, next(e), NULL, 0, NULL);
}

static void send_all(every *e)
{
	static const proa_vec vec[] = {{"one", 3}, {"two", 3}};

	proa_send(&e->l.a, next(e), e->bytes, BYTES, NULL);
	proa_sendv(&e->l.a, next(e), vec, 2, NULL);
	if (proa_is_open(&e->file))
		proa_send_file(&e->l.a, next(e), &e->file, 0, BYTES, NULL);
}

/* What comes back to a goes out again as a pooled send. */
static void send_pooled(every *e)
{
	proa_op *in = next(e);

	proa_recv_pooled(&e->l.a, in, NULL, NULL);
	proa_send(&e->l.b, next(e), e->bytes, 5000, NULL);
	wait_ms(e, 100);
	if (!proa_in_flight(in) && in->result > 0)
		proa_send_pooled(&e->l.a, next(e), in->buf, (size_t)in->result, NULL);
}

static void files_all(every *e)
{
	proa_file_open(&e->file, next(e), "/f", PROA_O_READ | PROA_O_WRITE, 0, NULL);
	proa_file_open(&e->dir, next(e), "/", PROA_O_READ | PROA_O_DIR, 0, NULL);
	wait_ms(e, 100);
	proa_fstat(&e->file, next(e), &e->info, NULL);
	proa_read(&e->file, next(e), room(e), 4096, 0, NULL);
	proa_write(&e->file, next(e), e->bytes, 4096, 0, NULL);
	proa_fsync(&e->file, next(e), NULL);
	proa_dir_read(&e->dir, next(e), e->entries, sizeof e->entries, NULL);
	proa_stat(&e->dir, next(e), "f", &e->info, NULL);
	proa_work(proa_root(e->s.a), next(e), NULL, work, NULL);
	e->request = (proa_resolve_request){.name = "b"};
	proa_resolve(proa_root(e->s.a), next(e), &e->request, NULL);
	wait_ms(e, 200);
}

static void datagrams_all(every *e)
{
	proa_addr a = bed_addr("10.0.0.1:9"), b = bed_addr("10.0.0.2:9");

	if (proa_udp_bind(&e->udp_a, &a, NULL) < 0 || proa_udp_bind(&e->udp_b, &b, NULL) < 0)
		return;
	for (int i = 0; i < 3; i++) {
		e->msg[i] = (proa_msg){.buf = e->bytes, .len = 100, .addr = b};
		proa_send_msg(&e->udp_a, next(e), &e->msg[i], NULL);
	}
	e->msg[3] = (proa_msg){.buf = e->got[OPS - 1], .len = 100};
	proa_recv_msg(&e->udp_b, next(e), &e->msg[3], NULL);
	wait_ms(e, 50);
}

static void cancel_now(every *e)
{
	proa_cancel(&e->op[e->n - 1]);
	wait_ms(e, 300);
}

/* Each alone, and late by a knob: so its cancel finds it. */
static void cancel_each(every *e)
{
	static const proa_vec vec[] = {{"one", 3}, {"two", 3}};
	proa_addr b = bed_addr("10.0.0.2:7");
	proa_op *in;

	proa_connect(&e->more, next(e), &b, NULL);
	cancel_now(e);
	proa_accept(&e->l.listener, next(e), NULL);
	cancel_now(e);
	proa_accept_many(&e->many, next(e), NULL);
	cancel_now(e);
	proa_recv(&e->l.b, next(e), room(e), 100, NULL);
	cancel_now(e);
	proa_recv_pooled(&e->l.b, next(e), NULL, NULL);
	cancel_now(e);
	proa_recv_pooled_many(&e->l.b, next(e), NULL, 0, NULL);
	cancel_now(e);
	proa_recv_msg(&e->udp_b, next(e), &e->msg[3], NULL);
	cancel_now(e);
	proa_send_msg(&e->udp_a, next(e), &e->msg[0], NULL);
	cancel_now(e);
	proa_recv_pooled(&e->l.a, in = next(e), NULL, NULL);
	bed_send(&e->s, &e->l.b, e->bytes, 100);
	wait_ms(e, 300);
	if (!proa_in_flight(in) && in->result > 0) {
		proa_send_pooled(&e->l.a, next(e), in->buf, (size_t)in->result, NULL);
		cancel_now(e);
	}
	proa_send(&e->l.a, next(e), e->bytes, 10, NULL);
	cancel_now(e);
	proa_sendv(&e->l.a, next(e), vec, 2, NULL);
	cancel_now(e);
	proa_send_file(&e->l.a, next(e), &e->file, 0, 10, NULL);
	cancel_now(e);
	proa_shutdown(&e->l.a, next(e), NULL);
	cancel_now(e);
}

static void connect_again(every *e)
{
	proa_addr one = bed_addr("10.0.0.2:7"), many = bed_addr("10.0.0.2:8");

	proa_accept(&e->l.listener, next(e), NULL);
	proa_accept_many(&e->many, next(e), NULL);
	proa_connect(&e->more, next(e), &one, NULL);
	proa_connect(&e->most, next(e), &many, NULL);
}

static void sockets_give(every *e)
{
	for (unsigned i = 0; i < e->n; i++)
		if (proa_op_handle(&e->op[i]) == &e->l.listener && !proa_in_flight(&e->op[i]) &&
		    e->op[i].result == 0 && e->op[i].socket.id) {
			proa_socket_close(e->op[i].socket);
			e->op[i].socket.id = 0;
		}
}

static void handles_open(every *e)
{
	proa_handle *of_a[] = {&e->udp_a, &e->file, &e->dir, &e->more, &e->most};

	bed_link(&e->s, &e->l);
	bed_listen(e->s.b, &e->many, "*:8");
	for (int i = 0; i < 5; i++)
		proa_handle_init(proa_root(e->s.a), of_a[i]);
	proa_handle_init(proa_root(e->s.b), &e->udp_b);
}

/* Kills what is left: here it matters that it happened, not how it ended. */
static uint64_t round_strikes(uint64_t seed, proa_fault fault, const char *kind, int *rc)
{
	every *e = calloc(1, sizeof *e);
	bool cancels = fault == PROA_FAULT_CANCEL_LATE || fault == PROA_FAULT_CANCEL_LOST;
	uint64_t n;

	bed_open(&e->s, &(proa_world_options){.seed = seed, .window_bytes = 2000});
	proa_world_file_put(e->s.w, "a", "/f", e->bytes, BYTES);
	handles_open(e);
	*rc = proa_world_fault(e->s.w, fault, kind, 300000);
	if (*rc == 0 && cancels) /* there is something to cancel */
		proa_world_fault(e->s.w, PROA_FAULT_LATE, kind, 1000000);
	if (*rc == 0 && fault == PROA_FAULT_ERROR_DURING) /* there is a middle */
		proa_world_fault(e->s.w, PROA_FAULT_SHORT, kind, 1000000);
	if (*rc == 0) {
		files_all(e);
		datagrams_all(e);
	}
	if (*rc == 0 && cancels)
		cancel_each(e);
	if (*rc == 0 && !cancels) {
		connect_again(e);
		wait_ms(e, 20);
		receive_all(e);
		send_pooled(e);
		send_all(e);
		proa_shutdown(&e->l.a, next(e), NULL);
		wait_ms(e, 300);
	}
	sockets_give(e);
	n = bed_faults(&e->s, fault);
	proa_world_kill(e->s.w, "a", PROA_KILL_PROCESS);
	proa_world_kill(e->s.w, "b", PROA_KILL_PROCESS);
	proa_world_run(e->s.w, PROA_MSEC);
	CHECK_EQ(e->s.violations, 0);
	proa_world_close(&e->s.w);
	free(e);
	return n;
}

/* -1: it cannot happen to that kind. */
static int64_t knob_strikes(proa_fault fault, const char *kind)
{
	uint64_t n = 0;
	int rc = 0;

	for (uint64_t seed = 1; seed <= 60 && !n && rc == 0; seed++)
		n = round_strikes(seed, fault, kind, &rc);
	return rc < 0 ? -1 : (int64_t)n;
}

/* A knob that turns nothing would be taken for a program that stands it. */
TEST(every_knob_strikes)
{
	unsigned knobs = 0;

	for (int f = 0; f < PROA_FAULT_COUNT; f++)
		for (unsigned i = 0; proa_stats_kind(i); i++) {
			int64_t n = knob_strikes((proa_fault)f, proa_stats_kind(i));

			knobs += n >= 0;
			if (n == 0 && !CHECK(n != 0))
				test_note("%s of %s", proa_fault_name((proa_fault)f),
				          proa_stats_kind(i));
		}
	test_note("%u knobs", knobs);
	CHECK_GT(knobs, 100);
}
