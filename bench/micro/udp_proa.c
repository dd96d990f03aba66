/* UDP echo by proa: a datagram an op, batches of them, a multishot, runs joined by the system. */
/* SPDX-License-Identifier: MIT */
#include "micro.h"
#include "proa.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The echo runs alone on one CPU. The load, on another, keeps WINDOW datagrams on their way; it
 * sends them in runs and takes them in batches in each mode, so that it has time to spare. */
enum {
	BYTES = 512,
	RUN = 32,
	WINDOW = 128,
	LANES = 16,
	ANSWERS = WINDOW,
	BATCH = 16,
	ROOM = 65536
};
enum { UDP_LEVEL = 17, UDP_SEGMENT_ = 103, UDP_GRO_ = 104 };

typedef struct lane {
	struct echo *e;
	proa_op op;
	proa_msg msgs[BATCH];
	char room[BATCH][2048];
	bool busy;
} lane;

typedef struct mode {
	const char *name;
	proa_udp_options options;
	void (*start)(struct echo *);
} mode;

typedef struct echo {
	const px_micro_args *args;
	const mode *mode;
	proa_loop *loop;
	proa_handle handle;
	proa_op many;
	lane lanes[ANSWERS]; /* LANES of them receive; each may be one answer on its way */
	double cpu_ns;
	int port;
	pthread_barrier_t ready;
} echo;

/* ---- the echo ---- */

static void fail_on(const proa_op *op)
{
	if (op->result < 0 && op->result != -PROA_ECANCELED)
		px_bench_fail(proa_err_text((int)op->result));
}

static void one_recv(lane *l);

static void one_sent(proa_op *op)
{
	fail_on(op);
	if (op->result >= 0)
		one_recv(PROA_OF(op, lane, op));
}

static void one_got(proa_op *op)
{
	lane *l = PROA_OF(op, lane, op);

	fail_on(op);
	if (op->result < 0)
		return;
	l->msgs->len = (size_t)op->result;
	proa_send_msg(&l->e->handle, op, l->msgs, one_sent);
}

static void one_recv(lane *l)
{
	l->msgs->buf = l->room[0];
	l->msgs->len = sizeof l->room[0];
	proa_recv_msg(&l->e->handle, &l->op, l->msgs, one_got);
}

static void one_start(echo *e)
{
	for (int i = 0; i < LANES; i++)
		one_recv(&e->lanes[i]);
}

static void batch_recv(lane *l);

static void batch_sent(proa_op *op)
{
	fail_on(op);
	if (op->result >= 0)
		batch_recv(PROA_OF(op, lane, op));
}

static void batch_got(proa_op *op)
{
	lane *l = PROA_OF(op, lane, op);

	fail_on(op);
	if (op->result < 0)
		return;
	for (int64_t i = 0; i < op->result; i++)
		l->msgs[i].len = l->msgs[i].count;
	proa_send_msgs(&l->e->handle, op, l->msgs, (unsigned)op->result, batch_sent);
}

static void batch_recv(lane *l)
{
	for (int i = 0; i < BATCH; i++) {
		l->msgs[i].buf = l->room[i];
		l->msgs[i].len = sizeof l->room[i];
	}
	proa_recv_msgs(&l->e->handle, &l->op, l->msgs, BATCH, batch_got);
}

static void batch_start(echo *e)
{
	batch_recv(e->lanes);
}

static void many_sent(proa_op *op)
{
	lane *l = PROA_OF(op, lane, op);

	fail_on(op);
	proa_buffer_return(l->e->loop, l->msgs->buf);
	l->busy = false;
}

static void many_got(proa_op *op)
{
	echo *e = PROA_OF(op, echo, many);
	lane *l = e->lanes;

	fail_on(op);
	if (op->result < 0)
		return;
	while (l < e->lanes + ANSWERS && l->busy)
		l++;
	if (l == e->lanes + ANSWERS)
		px_bench_fail("more answers on their way than there are lanes");
	l->busy = true;
	proa_msg_of(op->buf, op->result, l->msgs);
	proa_send_msg(&e->handle, &l->op, l->msgs, many_sent);
}

static void many_start(echo *e)
{
	proa_recv_msg_many(&e->handle, &e->many, NULL, many_got);
}

static const mode modes[] = {
	{"one", {.recv_bytes = 1 << 21}, one_start},
	{"batch", {.recv_bytes = 1 << 21}, batch_start},
	{"joined", {.recv_bytes = 1 << 21, .gro = true}, many_start},
};

static void *echo_run(void *arg)
{
	echo *e = arg;
	proa_loop_options options = {.backend = e->args->backend, .stay = true};
	proa_addr at;
	int64_t began;

	px_micro_pin(0);
	if (proa_loop_open(&e->loop, &options) < 0)
		px_bench_fail("proa_loop_open");
	proa_handle_init(proa_root(e->loop), &e->handle);
	if (proa_addr_parse(&at, "127.0.0.1:0", 0) < 0 ||
	    proa_udp_bind(&e->handle, &at, &e->mode->options) < 0 ||
	    proa_local_addr(&e->handle, &at) < 0)
		px_bench_fail("proa_udp_bind");
	e->port = proa_addr_port(&at);
	for (int i = 0; i < ANSWERS; i++)
		e->lanes[i].e = e;
	e->mode->start(e);
	pthread_barrier_wait(&e->ready);
	began = px_micro_thread_cpu_ns();
	proa_run(e->loop);
	e->cpu_ns = (double)(px_micro_thread_cpu_ns() - began);
	proa_loop_close(&e->loop, 0);
	return NULL;
}

/* ---- the load ---- */

typedef struct load {
	int fd;
	char bytes[RUN * BYTES], room[BATCH][ROOM];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
} load;

static load *load_new(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int segment = BYTES, on = 1, bytes = 1 << 21;
	struct timeval patience = {.tv_sec = 2};
	load *l = px_micro_alloc(1, sizeof *l);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&to, sizeof to) ||
	    setsockopt(l->fd, UDP_LEVEL, UDP_SEGMENT_, &segment, sizeof segment) ||
	    setsockopt(l->fd, UDP_LEVEL, UDP_GRO_, &on, sizeof on) ||
	    setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) ||
	    setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
		px_bench_die("a socket for datagrams", errno);
	for (int i = 0; i < BATCH; i++) {
		l->iov[i] = (struct iovec){l->room[i], ROOM};
		l->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &l->iov[i], .msg_iovlen = 1};
	}
	return l;
}

static size_t load_take(load *l)
{
	int n = recvmmsg(l->fd, l->msgs, BATCH, MSG_WAITFORONE, NULL);
	size_t bytes = 0;

	if (n <= 0)
		px_bench_die("an answer", n < 0 ? errno : 0);
	for (int i = 0; i < n; i++)
		bytes += l->msgs[i].msg_len;
	return bytes / BYTES;
}

static void load_run(int port, size_t count)
{
	load *l = load_new(port);
	size_t sent = 0, got = 0;

	while (got < count) {
		for (; sent < count && sent - got <= WINDOW - RUN; sent += RUN)
			if (send(l->fd, l->bytes, sizeof l->bytes, 0) != sizeof l->bytes)
				px_bench_die("send", errno);
		got += load_take(l);
	}
	close(l->fd);
	free(l);
}

/* ---- one mode ---- */

static void mode_run(const px_micro_args *args, const mode *m)
{
	echo *e = px_micro_alloc(1, sizeof *e);
	size_t count = args->count / RUN * RUN;
	pthread_t thread;
	int64_t began;
	char name[64];

	e->args = args;
	e->mode = m;
	pthread_barrier_init(&e->ready, NULL, 2);
	if (pthread_create(&thread, NULL, echo_run, e))
		px_bench_fail("pthread_create");
	pthread_barrier_wait(&e->ready);
	px_micro_pin(1);
	began = px_bench_now_ns();
	load_run(e->port, count);
	began = px_bench_now_ns() - began;
	proa_stop(e->loop);
	pthread_join(thread, NULL);
	snprintf(name, sizeof name, "udp_proa_%s", m->name);
	px_micro_begin(name);
	px_micro_figure("rps", (double)count * 1e9 / (double)began);
	px_micro_figure("server_ns", e->cpu_ns / (double)count);
	px_micro_end();
	pthread_barrier_destroy(&e->ready);
	free(e);
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 200000);

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (!args.only || !strcmp(args.only, modes[i].name))
			mode_run(&args, &modes[i]);
	return 0;
}
