/* A server and two clients: connections, datagrams, files, timers, workers, look-ups, cancels. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/mix.h"

#include <stdlib.h>

enum { ROUNDS = 4, BYTES = 3000 };

/* ---- what may come: docs/CONTRACT.md ---- */

/* Up to the first 0. */
static const int64_t of_open[] = {PROA_EMFILE, PROA_ENFILE, PROA_ENOBUFS, PROA_ENOMEM, 0};
static const int64_t of_connect[] = {PROA_ECONNREFUSED,
                                     PROA_ENETUNREACH,
                                     PROA_EHOSTUNREACH,
                                     PROA_EADDRNOTAVAIL,
                                     PROA_ETIMEDOUT,
                                     PROA_EMFILE,
                                     PROA_ENFILE,
                                     PROA_ENOBUFS,
                                     PROA_ENOMEM,
                                     PROA_ENONAME,
                                     PROA_ENAMETEMP,
                                     PROA_ECONNRESET,
                                     0};
static const int64_t of_stream[] = {PROA_ECONNRESET, PROA_ETIMEDOUT, PROA_ENOBUFS,
                                    PROA_EBROKEN,    PROA_ENOMEM,    PROA_ECANCELED,
                                    PROA_ENOTCONN,   PROA_EPIPE,     0};
static const int64_t of_gram[] = {PROA_ENOBUFS, PROA_ETIMEDOUT, PROA_ECONNREFUSED, PROA_ENOMEM, 0};
static const int64_t of_file[] = {PROA_EIO,     PROA_ENOSPC, PROA_EMFILE, PROA_ENFILE,
                                  PROA_ENOBUFS, PROA_ENOMEM, PROA_EFULL,  0};
static const int64_t of_name[] = {PROA_ENONAME, PROA_ENAMETEMP, PROA_ENOMEM,
                                  PROA_EFULL,   PROA_ETIMEDOUT, 0};
static const int64_t of_work[] = {PROA_ENOMEM, PROA_EFULL, PROA_ECANCELED, 0};

static bool may_be(int64_t result, const int64_t *set, const char *what)
{
	if (result >= 0)
		return true;
	while (*set && *set != -result)
		set++;
	if (!CHECK(*set))
		test_note("%s ended %s", what, proa_err_name(result));
	return false;
}

/* ---- the server: echoes bytes and datagrams ---- */

typedef struct conn {
	proa_handle h;
	proa_op in, out;
} conn;

static void conn_sent(proa_op *op)
{
	conn *c = PROA_OF(op, conn, out);

	if (!may_be(op->result, of_stream, "the server's send"))
		proa_close(&c->h, NULL);
	else
		proa_resume(&c->in);
}

static void conn_got(proa_op *op)
{
	conn *c = PROA_OF(op, conn, in);

	may_be(op->result, of_stream, "the server's recv");
	if (op->result > 0) { /* one at a time */
		if (op->got & PROA_MORE)
			proa_pause(op);
		proa_send_pooled(&c->h, &c->out, op->buf, (size_t)op->result, conn_sent);
	} else if (!(op->got & PROA_MORE)) {
		proa_finish(&c->h, proa_in(proa_op_loop(op), 10 * PROA_SEC), NULL);
	}
}

static void conn_start(proa_handle *h, void *user)
{
	conn *c = (conn *)(void *)h;

	(void)user;
	proa_recv_pooled_many(h, &c->in, NULL, 1, conn_got);
}

static void gram_got(proa_op *op);

static void gram_sent(proa_op *op)
{
	mix *m = op->user;

	if (op->result == -PROA_ECANCELED)
		return;
	may_be(op->result, of_gram, "the server's send_msg");
	m->msg.len = sizeof m->gram;
	proa_recv_msg(&m->at, op, &m->msg, gram_got);
}

static void gram_got(proa_op *op)
{
	mix *m = op->user;

	if (op->result < 0) {
		if (op->result != -PROA_ECANCELED && may_be(op->result, of_gram, "recv_msg") == 0)
			proa_recv_msg(&m->at, op, &m->msg, gram_got);
		return;
	}
	m->msg.len = (size_t)op->result;
	proa_send_msg(&m->at, op, &m->msg, gram_sent);
}

static int server_start(proa_loop *loop, void *user)
{
	proa_serve_options o = {
		.conn_bytes = sizeof(conn), .idle_ns = 30 * PROA_SEC, .start = conn_start};
	proa_addr addr = bed_addr("10.0.0.1:9");
	mix *m = user;
	int rc;

	memset(&m->at, 0, sizeof m->at);
	memset(&m->udp, 0, sizeof m->udp);
	memset(&m->server, 0, sizeof m->server);
	proa_handle_init(proa_root(loop), &m->at);
	if ((rc = proa_udp_bind(&m->at, &addr, NULL)) < 0 ||
	    (rc = proa_serve(proa_root(loop), &m->server, "*:7", &o)) < 0) {
		may_be(rc, of_open, "the server's opening");
		return 0; /* the clients are refused */
	}
	m->serving = true;
	m->udp.user = m;
	m->msg = (proa_msg){.buf = m->gram, .len = sizeof m->gram};
	proa_recv_msg(&m->at, &m->udp, &m->msg, gram_got);
	return 0;
}

/* ---- a client ---- */

typedef struct client {
	mix *m;
	proa_loop *loop;
	proa_op op, second;
	proa_handle h;
	char out[BYTES], in[BYTES];
} client;

static void client_deadline(client *c, int64_t ns)
{
	c->op.deadline_ns = ns ? proa_in(c->loop, ns) : 0;
}

static void client_open(client *c)
{
	memset(&c->h, 0, sizeof c->h);
	proa_handle_init(proa_root(c->loop), &c->h);
	client_deadline(c, c->m->deadlines ? 40 * PROA_SEC : 0);
}

static void on_closed(proa_handle *h)
{
	*(bool *)h->user = true;
}

static void client_close(client *c)
{
	bool closed = false;

	c->h.user = &closed;
	proa_close(&c->h, on_closed);
	while (!closed)
		proa_run_once(c->loop, proa_in(c->loop, PROA_SEC));
}

static void exchanged(client *c, bool well)
{
	if (well)
		c->m->done++;
	else
		c->m->lost++;
}

/* What comes back is what was sent, as far as it comes. */
static bool stream_echo(client *c, size_t n)
{
	size_t at = 0;

	proa_send(&c->h, &c->second, c->out, n, NULL);
	while (at < n) {
		proa_recv(&c->h, &c->op, c->in + at, n - at, NULL);
		if (proa_await(c->loop, &c->op) <= 0)
			break;
		at += (size_t)c->op.result;
	}
	may_be(c->op.result, of_stream, "recv");
	CHECK_MEM(c->in, c->out, at);
	if (at < n)
		proa_cancel(&c->second);
	may_be(proa_await(c->loop, &c->second), of_stream, "send");
	return at == n;
}

static void do_stream(client *c, unsigned round)
{
	proa_addr addr = bed_addr("10.0.0.1:7");
	bool well;

	client_open(c);
	if (round & 1)
		proa_connect_name(&c->h, &c->op, "server", "7", NULL);
	else
		proa_connect(&c->h, &c->op, &addr, NULL);
	well = may_be(proa_await(c->loop, &c->op), of_connect, "connect");
	for (int i = 0; i < 3 && well; i++)
		well = stream_echo(c, i == 0 ? 1 : BYTES);
	if (well) { /* a recv that waits is cancelled, and the end comes to one that is not */
		proa_recv(&c->h, &c->op, c->in, BYTES, NULL);
		proa_timer(proa_root(c->loop), &c->second, proa_in(c->loop, PROA_MSEC), NULL);
		CHECK_EQ(proa_await(c->loop, &c->second), 0);
		proa_cancel(&c->op);
		may_be(proa_await(c->loop, &c->op), of_stream, "cancelled recv");
		proa_shutdown(&c->h, &c->op, NULL);
		may_be(proa_await(c->loop, &c->op), of_stream, "shutdown");
		proa_recv(&c->h, &c->op, c->in, BYTES, NULL);
		may_be(proa_await(c->loop, &c->op), of_stream, "last recv");
		CHECK_LE(c->op.result, 0);
	}
	client_close(c);
	exchanged(c, well);
}

static void do_gram(client *c)
{
	proa_addr addr = bed_addr("10.0.0.1:9");
	proa_msg msg = {.buf = c->out, .len = 40};
	bool well;
	int rc;

	client_open(c);
	if ((rc = proa_udp_connect(&c->h, &addr)) < 0) {
		may_be(rc, of_open, "udp_connect");
		client_close(c);
		return;
	}
	proa_send_msg(&c->h, &c->op, &msg, NULL);
	well = may_be(proa_await(c->loop, &c->op), of_gram, "send_msg");
	msg = (proa_msg){.buf = c->in, .len = BYTES};
	client_deadline(c, PROA_SEC);
	proa_recv_msg(&c->h, &c->op, &msg, NULL);
	well = may_be(proa_await(c->loop, &c->op), of_gram, "recv_msg") && well;
	if (well) {
		CHECK_EQ(c->op.result, 40);
		CHECK_MEM(c->in, c->out, 40);
	}
	client_close(c);
	exchanged(c, well);
}

static void do_file(client *c)
{
	bool well;

	client_open(c);
	client_deadline(c, 0);
	proa_file_open(&c->h, &c->op, "data", PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE, 0600,
	               NULL);
	well = may_be(proa_await(c->loop, &c->op), of_file, "file_open");
	if (well) {
		proa_write(&c->h, &c->op, c->out, BYTES, 0, NULL);
		well = may_be(proa_await(c->loop, &c->op), of_file, "write");
		CHECK(!well || c->op.result == BYTES);
	}
	if (well) {
		proa_fsync(&c->h, &c->op, NULL);
		well = may_be(proa_await(c->loop, &c->op), of_file, "fsync");
		proa_read(&c->h, &c->op, c->in, BYTES, 0, NULL);
		if (!may_be(proa_await(c->loop, &c->op), of_file, "read"))
			well = false;
	}
	if (well) { /* short only in front of an error */
		CHECK(c->op.result == BYTES || !(c->op.got & PROA_END));
		CHECK_MEM(c->in, c->out, (size_t)c->op.result);
	}
	client_close(c);
	exchanged(c, well);
}

static int64_t seven(proa_op *op)
{
	(void)op;
	return 7;
}

static void do_work(client *c)
{
	proa_resolve_request r = {.name = "server", .service = "7"};

	client_deadline(c, 0);
	proa_work(proa_root(c->loop), &c->op, NULL, seven, NULL);
	if (may_be(proa_await(c->loop, &c->op), of_work, "work"))
		CHECK_EQ(c->op.result, 7);
	proa_resolve(proa_root(c->loop), &c->op, &r, NULL);
	if (may_be(proa_await(c->loop, &c->op), of_name, "resolve"))
		CHECK_EQ(c->op.result, 1);
	proa_post(c->loop, &c->second, NULL);
	CHECK_EQ(proa_await(c->loop, &c->second), 0);
}

static int client_main(void *user)
{
	mix *m = user;
	client *c = calloc(1, sizeof *c);
	int rc;

	if (!CHECK(c))
		return -PROA_ENOMEM;
	c->m = m;
	for (int i = 0; i < BYTES; i++)
		c->out[i] = (char)(i * 7 + i / 256);
	if ((rc = proa_loop_open(&c->loop, NULL)) < 0) {
		may_be(rc, of_open, "loop_open");
		free(c);
		return rc;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		do_stream(c, round);
		do_gram(c);
		do_file(c);
		do_work(c);
	}
	CHECK_EQ(proa_loop_close(&c->loop, 0), 0);
	free(c);
	return 0;
}

static void client_down(int result, void *user)
{
	(void)result;
	((mix *)user)->downs++;
}

/* ---- the world ---- */

void mix_open(mix *m, const proa_world_options *o)
{
	proa_node_options server = {
		.name = "server", .addr = "10.0.0.1", .start = server_start, .user = m};
	proa_node_options c = {.main = client_main, .down = client_down, .user = m};
	proa_world_options with = *o;

	*m = (mix){.deadlines = o->seed & 1};
	with.window_bytes = 2000; /* a send is more than one step */
	bed_world(&m->bed, &with);
	CHECK_EQ(proa_world_add(m->bed.w, NULL, &server), 0);
	c.name = "one";
	c.addr = "10.0.0.2,fd00::2";
	CHECK_EQ(proa_world_add(m->bed.w, NULL, &c), 0);
	c.name = "two";
	c.addr = "10.0.0.3";
	CHECK_EQ(proa_world_add(m->bed.w, NULL, &c), 0);
}

static bool both_down(void *user)
{
	return ((mix *)user)->downs == 2;
}

void mix_run(mix *m)
{
	proa_world *w = m->bed.w;
	proa_loop *loop;

	CHECK_EQ(proa_world_until(w, both_down, m, 2 * 3600 * PROA_SEC), 0);
	proa_world_calm(w, true);
	if (m->serving && (loop = proa_node_loop(proa_world_find(w, "server")))) {
		proa_serve_end(&m->server, proa_clock(loop) + PROA_SEC, NULL);
		proa_close(&m->at, NULL);
	}
	CHECK_EQ(proa_world_settle(w, 60 * PROA_SEC), 0);
}

void mix_close(mix *m)
{
	bed_close(&m->bed);
}
