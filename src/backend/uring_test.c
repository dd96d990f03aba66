/* The io_uring backend's own: features forced off, full queues, threads, forks, cost. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "proa/doctor.h"

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* NULL: skipped, or failed. */
static proa_loop *uring_open(const proa_loop_options *options)
{
	proa_loop_options o = options ? *options : (proa_loop_options){.size = 0};
	proa_loop *loop;
	int rc;

	o.backend = "io_uring";
	rc = proa_loop_open(&loop, &o);
	if (rc == -PROA_ENOTSUP)
		test_skip("io_uring cannot work here");
	else
		CHECK_EQ(rc, 0);
	return loop;
}

static void spin(proa_loop *loop, int ms)
{
	int64_t until = proa_clock(loop) + ms * PROA_MSEC;

	while (proa_clock(loop) < until)
		proa_run_once(loop, until);
}

#define UNTIL(loop, ...)                                                   \
	do {                                                               \
		int64_t until_ = proa_clock(loop) + 10 * PROA_SEC;         \
		while (!(__VA_ARGS__) && proa_clock(loop) < until_)        \
			proa_run_once(loop, proa_clock(loop) + PROA_MSEC); \
		CHECK(__VA_ARGS__);                                        \
	} while (0)

/* ---- everything once, whatever is missing ---- */

enum { PEERS = 12, MESSAGE = 5000, POOL_BUFFERS = 4, POOL_BYTES = 256 };

typedef struct scene scene;

/* A connection of the server: echoes what comes, by recv_pooled or by recv_pooled_many. */
typedef struct server_conn {
	proa_handle h;
	proa_op in, out;
	scene *s;
	bool many;
} server_conn;

typedef struct client {
	proa_handle h;
	proa_op connect, send, recv;
	unsigned char in[MESSAGE];
	size_t got;
} client;

struct scene {
	proa_loop *loop;
	proa_buffers *pool;
	proa_handle listener;
	proa_op accept;
	server_conn conn[PEERS];
	client client[PEERS];
	unsigned char out[MESSAGE];
	unsigned accepted;
	proa_handle file;
	int file_fd;
};

static void echo_pooled(proa_op *op);

static void echo_sent(proa_op *op)
{
	server_conn *c = op->user;

	if (!c->many && op->result > 0)
		proa_recv_pooled(&c->h, &c->in, c->s->pool, echo_pooled);
	if (c->many)
		proa_resume(&c->in);
}

static void echo_over(server_conn *c, proa_op *op)
{
	CHECK(op->result == 0 ? op->got & PROA_END : op->result == -PROA_ECANCELED);
	proa_close(&c->h, NULL);
}

static void echo_pooled(proa_op *op)
{
	server_conn *c = op->user;

	if (op->result <= 0)
		echo_over(c, op);
	else
		proa_send_pooled(&c->h, &c->out, op->buf, (size_t)op->result, echo_sent);
}

static void echo_many(proa_op *op)
{
	server_conn *c = op->user;

	if (!(op->got & PROA_MORE)) {
		echo_over(c, op);
		return;
	}
	proa_pause(op);
	proa_send_pooled(&c->h, &c->out, op->buf, (size_t)op->result, echo_sent);
}

static void accepted(proa_op *op)
{
	scene *s = op->user;
	server_conn *c = &s->conn[s->accepted];

	if (!(op->got & PROA_MORE)) {
		CHECK_EQ(op->result, -PROA_ECANCELED);
		return;
	}
	if (!CHECK_EQ(op->result, 0) || !CHECK_LT(s->accepted, PEERS))
		return;
	*c = (server_conn){.s = s, .many = s->accepted % 3 != 0};
	c->in.user = c->out.user = c;
	proa_handle_init(&s->listener, &c->h);
	proa_adopt(&c->h, op->socket);
	if (c->many)
		proa_recv_pooled_many(&c->h, &c->in, s->pool, s->accepted % 3 - 1, echo_many);
	else
		proa_recv_pooled(&c->h, &c->in, s->pool, echo_pooled);
	s->accepted++;
}

static void client_received(proa_op *op)
{
	client *c = op->user;

	if (op->result <= 0) {
		CHECK_EQ(op->result, -PROA_ECANCELED);
		return;
	}
	c->got += (size_t)op->result;
	if (c->got < MESSAGE)
		proa_recv(&c->h, op, c->in + c->got, MESSAGE - c->got, client_received);
}

static void client_sent(proa_op *op)
{
	CHECK_EQ(op->result, MESSAGE);
}

static void client_start(scene *s, client *c, unsigned i, const proa_addr *addr)
{
	static proa_vec vec[3];

	*c = (client){.got = 0};
	c->connect.user = c->send.user = c->recv.user = c;
	proa_handle_init(proa_root(s->loop), &c->h);
	proa_connect(&c->h, &c->connect, addr, NULL);
	vec[0] = (proa_vec){s->out, 1};
	vec[1] = (proa_vec){s->out + 1, 0};
	vec[2] = (proa_vec){s->out + 1, MESSAGE - 1};
	if (i % 2)
		proa_sendv(&c->h, &c->send, vec, 3, client_sent);
	else
		proa_send(&c->h, &c->send, s->out, MESSAGE, client_sent);
	proa_recv(&c->h, &c->recv, c->in, MESSAGE, client_received);
}

static bool all_echoed(const scene *s)
{
	for (unsigned i = 0; i < PEERS; i++) {
		if (s->client[i].got < MESSAGE)
			return false;
	}
	return true;
}

/* A file to a client, by the server's first connection; then a recv that waits and is cancelled. */
static void play_file(scene *s)
{
	proa_handle *from = &s->conn[0].h;
	client *to = &s->client[0];
	proa_op send = {0};

	for (unsigned i = 1; i < PEERS; i++) { /* whose peer is the first connection? */
		proa_addr a, b;

		if (!proa_peer_addr(from, &a) && !proa_local_addr(&s->client[i].h, &b) &&
		    proa_addr_port(&a) == proa_addr_port(&b))
			to = &s->client[i];
	}
	proa_handle_init(proa_root(s->loop), &s->file);
	proa_adopt_os(&s->file, dup(s->file_fd), PROA_FILE);
	to->got = 0;
	memset(to->in, 0, MESSAGE);
	proa_recv(&to->h, &to->recv, to->in, MESSAGE, client_received);
	proa_send_file(from, &send, &s->file, 0, MESSAGE + 100, NULL);
	CHECK_EQ(proa_await(s->loop, &send), MESSAGE);
	CHECK(send.got & PROA_END);
	UNTIL(s->loop, to->got == MESSAGE);
	CHECK_MEM(to->in, s->out, MESSAGE);
	proa_recv(&to->h, &to->recv, to->in, MESSAGE, NULL);
	spin(s->loop, 2);
	proa_cancel(&to->recv);
	CHECK_EQ(proa_await(s->loop, &to->recv), -PROA_ECANCELED);
	proa_close(&s->file, NULL);
}

static void play(proa_loop *loop)
{
	scene *s = calloc(1, sizeof *s);
	proa_buffers_options small = {.count = POOL_BUFFERS, .size_bytes = POOL_BYTES};
	proa_addr addr;

	s->loop = loop;
	s->accept.user = s;
	for (size_t i = 0; i < MESSAGE; i++)
		s->out[i] = (unsigned char)(i * 7 + i / 256);
	s->file_fd = memfd_create("proa", MFD_CLOEXEC);
	CHECK_EQ(write(s->file_fd, s->out, MESSAGE), MESSAGE);
	CHECK_EQ(proa_buffers_open(loop, &s->pool, &small), 0);
	CHECK_EQ(proa_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	proa_handle_init(proa_root(loop), &s->listener);
	CHECK_EQ(proa_listen(&s->listener, &addr, NULL), 0);
	CHECK_EQ(proa_local_addr(&s->listener, &addr), 0);
	proa_accept_many(&s->listener, &s->accept, accepted);
	for (unsigned i = 0; i < PEERS; i++)
		client_start(s, &s->client[i], i, &addr);
	UNTIL(loop, all_echoed(s));
	for (unsigned i = 0; i < PEERS; i++)
		CHECK_MEM(s->client[i].in, s->out, MESSAGE);
	play_file(s);
	for (unsigned i = 0; i < PEERS / 2; i++)
		proa_close(&s->client[i].h, NULL);
	spin(loop, 2);
	CHECK_EQ(proa_loop_close(&loop, proa_clock(loop) + 10 * PROA_SEC), 0);
	close(s->file_fd);
	free(s);
}

static void play_off(const char *off)
{
	proa_loop *loop;

	setenv("PROA_URING_OFF", off, 1);
	loop = uring_open(NULL);
	if (loop)
		play(loop);
	unsetenv("PROA_URING_OFF");
}

TEST(uring_each_feature_off)
{
	static const char *const together[] = {
		"defer_taskrun,coop_taskrun",
		"defer_taskrun,taskrun_flag",
		"pbuf_ring,poll_first,multishot_accept,multishot_poll",
		"multishot_recv,poll_first",
		"ext_arg,submit_now,no_sqarray,r_disabled",
	};
	proa_doctor_report report = {.size = sizeof report};

	proa_doctor(&report);
	if (!report.features)
		SKIP("io_uring cannot work here");
	play_off("");
	for (unsigned i = 0; i < report.features; i++)
		play_off(report.feature[i].name);
	for (size_t i = 0; i < sizeof together / sizeof *together; i++)
		play_off(together[i]);
}

/* ---- full queues ---- */

enum { READS = 1500 };

static unsigned reads_done, reads_canceled;

static void read_done(proa_op *op)
{
	reads_done += op->result == 8;
	reads_canceled += op->result == -PROA_ECANCELED;
}

/* Far more than the submission queue holds, in one go, and as many cancels behind them. */
static void many_reads(const char *off, bool cancel)
{
	static unsigned char in[READS][8];
	static proa_op op[READS];
	proa_handle file = {0};
	int fd = memfd_create("proa", MFD_CLOEXEC);
	proa_loop *loop;

	setenv("PROA_URING_OFF", off, 1);
	loop = uring_open(NULL);
	unsetenv("PROA_URING_OFF");
	if (!loop) {
		close(fd);
		return;
	}
	CHECK_EQ(write(fd, "12345678", 8), 8);
	proa_handle_init(proa_root(loop), &file);
	proa_adopt_os(&file, fd, PROA_FILE);
	memset(op, 0, sizeof op);
	reads_done = reads_canceled = 0;
	for (int i = 0; i < READS; i++)
		proa_read(&file, &op[i], in[i], 8, 0, read_done);
	for (int i = 0; cancel && i < READS; i++)
		proa_cancel(&op[i]);
	UNTIL(loop, reads_done + reads_canceled == READS);
	CHECK(cancel || reads_done == READS);
	for (int i = 0; i < READS && !cancel; i++)
		CHECK_MEM(in[i], "12345678", 8);
	CHECK_EQ(proa_loop_close(&loop, proa_clock(loop) + 10 * PROA_SEC), 0);
}

TEST(uring_full_queues)
{
	many_reads("", false);
	many_reads("", true);
	many_reads("submit_now", false);
	many_reads("submit_now", true);
	many_reads("cqsize,submit_all,defer_taskrun", true);
}

/* ---- descriptors that do not block ---- */

typedef struct pair {
	proa_handle a, b;
} pair;

static bool pair_open(proa_loop *loop, pair *p)
{
	int fd[2];

	memset(p, 0, sizeof *p);
	if (!CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0))
		return false;
	proa_handle_init(proa_root(loop), &p->a);
	proa_handle_init(proa_root(loop), &p->b);
	proa_adopt_os(&p->a, fd[0], PROA_LOCAL);
	proa_adopt_os(&p->b, fd[1], PROA_LOCAL);
	return true;
}

static void give_back(proa_op *op)
{
	int64_t *sum = op->user;

	if (op->result <= 0)
		return;
	*sum += op->result;
	proa_buffer_return(proa_op_loop(op), op->buf);
}

/* Somebody else made it so (a dup in another process shares the flag): ops wait all the same. */
TEST(uring_descriptor_turns_nonblocking)
{
	enum { LEN = 3 << 20 };
	proa_op in = {0}, out = {0}, many = {0};
	unsigned char *big;
	char small[8];
	int64_t sum = 0;
	pair p;
	proa_loop *loop = uring_open(NULL);

	if (!loop)
		return;
	big = calloc(1, LEN);
	REQUIRE(pair_open(loop, &p));
	fcntl((int)proa_os(&p.a), F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl((int)proa_os(&p.b), F_SETFL, O_RDWR | O_NONBLOCK);
	proa_recv(&p.b, &in, small, sizeof small, NULL);
	spin(loop, 2);
	CHECK(proa_in_flight(&in));
	proa_send(&p.a, &out, "first", 5, NULL);
	CHECK_EQ(proa_await(loop, &in), 5);
	CHECK_EQ(proa_await(loop, &out), 5);
	many.user = &sum;
	proa_recv_pooled_many(&p.b, &many, NULL, 0, give_back);
	spin(loop, 2);
	proa_send(&p.a, &out, big, LEN, NULL);
	CHECK_EQ(proa_await(loop, &out), LEN);
	UNTIL(loop, sum == LEN);
	proa_shutdown(&p.a, &out, NULL);
	CHECK_EQ(proa_await(loop, &out), 0);
	UNTIL(loop, !proa_in_flight(&many));
	CHECK_EQ(many.result, 0);
	proa_recv_pooled(&p.a, &in, NULL, NULL);
	spin(loop, 2);
	proa_cancel(&in);
	CHECK_EQ(proa_await(loop, &in), -PROA_ECANCELED);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	free(big);
}

/* ---- a slow reader is not an idle one ---- */

enum { IDLE_MS = 400, BYTES_A_MS = 8 << 10 };

/* Reads at its pace until the send is over: slower than the machine by far, but never silent for
 * the idle time. How long it was silent at most, because it was not its turn. */
static int64_t slow_read(proa_loop *loop, int fd, const proa_op *out, int64_t *read)
{
	static unsigned char part[16384];
	int64_t begin = proa_clock(loop), last = begin, longest = 0, now;

	while (proa_in_flight(out)) {
		ssize_t n = 1;

		spin(loop, 2);
		now = proa_clock(loop);
		longest = now - last > longest ? now - last : longest;
		last = now;
		while (n > 0 && *read < (now - begin) / PROA_MSEC * BYTES_A_MS) {
			n = recv(fd, part, sizeof part, MSG_DONTWAIT);
			*read += n > 0 ? n : 0;
		}
	}
	return longest;
}

/* False: the machine left it no time, and nothing was shown. */
static bool slow_reader(bool idle_first)
{
	enum { LEN = 4 << 20 };
	unsigned char *big = calloc(1, LEN);
	proa_op out = {0};
	int64_t read = 0;
	pair p;
	bool slow = false;
	proa_loop *loop = uring_open(NULL);

	if (loop && pair_open(loop, &p)) {
		if (idle_first)
			proa_set_idle(&p.a, IDLE_MS * PROA_MSEC);
		proa_send(&p.a, &out, big, LEN, NULL);
		spin(loop, 2);
		proa_set_idle(&p.a, IDLE_MS * PROA_MSEC);
		slow = slow_read(loop, (int)proa_os(&p.b), &out, &read) > IDLE_MS / 4 * PROA_MSEC;
		CHECK(out.result == LEN || slow);
		CHECK(read > LEN / 2 || slow);
		CHECK_EQ(proa_loop_close(&loop, 0), 0);
	}
	free(big);
	return !slow;
}

TEST(uring_slow_reader_is_not_idle)
{
	for (int idle_first = 0; idle_first < 2; idle_first++) {
		int tries = 0;

		while (!slow_reader(idle_first) && CHECK_LT(tries, 30))
			tries++;
	}
}

/* ---- threads and forks ---- */

static void *run_elsewhere(void *arg)
{
	proa_loop *loop = arg;

	play(loop);
	return NULL;
}

static void opened_here_run_there(const char *off)
{
	proa_loop *loop;
	pthread_t t;

	setenv("PROA_URING_OFF", off, 1);
	loop = uring_open(NULL);
	unsetenv("PROA_URING_OFF");
	if (!loop)
		return;
	CHECK_EQ(pthread_create(&t, NULL, run_elsewhere, loop), 0);
	pthread_join(t, NULL);
}

TEST(uring_opened_here_run_there)
{
	opened_here_run_there("");
	opened_here_run_there("r_disabled");
	opened_here_run_there("ring_fd");
}

/* More loops than a thread may register rings. */
TEST(uring_many_loops_on_a_thread)
{
	enum { LOOPS = 20 };
	proa_loop *loop[LOOPS] = {NULL};
	proa_op timer[LOOPS];

	memset(timer, 0, sizeof timer);
	for (int i = 0; i < LOOPS; i++) {
		if (!(loop[i] = uring_open(NULL)))
			return;
		proa_timer(proa_root(loop[i]), &timer[i], proa_now(loop[i]) + PROA_MSEC, NULL);
	}
	for (int i = 0; i < LOOPS; i++)
		CHECK_EQ(proa_await(loop[i], &timer[i]), 0);
	for (int i = 0; i < LOOPS; i++)
		CHECK_EQ(proa_loop_close(&loop[i], 0), 0);
}

TEST(uring_child_only_lets_go)
{
	proa_op in = {0}, out = {0};
	char small[8];
	int status;
	pid_t child;
	pair p;
	proa_loop *loop = uring_open(NULL);

	if (!loop)
		return;
	REQUIRE(pair_open(loop, &p));
	proa_recv_pooled(&p.b, &in, NULL, NULL);
	spin(loop, 2);
	child = fork();
	if (child == 0)
		_exit(proa_loop_close(&loop, 0) == 0 && !loop ? 0 : 1);
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
	proa_send(&p.a, &out, "still here", 10, NULL);
	CHECK_EQ(proa_await(loop, &in), 10);
	proa_buffer_return(loop, in.buf);
	proa_recv(&p.a, &in, small, sizeof small, NULL);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}

/* ---- cost ---- */

enum { ECHOES = 64, ROUNDS = 50 };

static unsigned cost_echoes;

static void cost_echo(proa_op *op);

static void cost_sent(proa_op *op)
{
	cost_echoes++;
	proa_recv_pooled(op->user, op, NULL, cost_echo);
}

static void cost_echo(proa_op *op)
{
	if (op->result > 0)
		proa_send_pooled(op->user, op, op->buf, (size_t)op->result, cost_sent);
}

TEST(uring_system_calls_of_an_echo)
{
	static pair p[ECHOES];
	static proa_op op[ECHOES];
	proa_stats before = {.size = sizeof before}, after = {.size = sizeof after};
	char c;
	proa_loop *loop = uring_open(NULL);

	if (!loop)
		return;
	memset(op, 0, sizeof op);
	cost_echoes = 0;
	for (int i = 0; i < ECHOES; i++) {
		REQUIRE(pair_open(loop, &p[i]));
		op[i].user = &p[i].b;
		proa_recv_pooled(&p[i].b, &op[i], NULL, cost_echo);
	}
	spin(loop, 2);
	proa_loop_stats(loop, &before);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < ECHOES; i++)
			CHECK_EQ(send((int)proa_os(&p[i].a), "x", 1, 0), 1);
		UNTIL(loop, cost_echoes == (unsigned)(round + 1) * ECHOES);
		for (int i = 0; i < ECHOES; i++)
			CHECK_EQ(recv((int)proa_os(&p[i].a), &c, 1, MSG_DONTWAIT), 1);
	}
	proa_loop_stats(loop, &after);
	test_note("%.3f system calls an echo",
	          (double)(after.system_calls - before.system_calls) / (ECHOES * ROUNDS));
#ifndef PX_TORTURE
	CHECK_LE((after.system_calls - before.system_calls) * 10, ECHOES * ROUNDS);
#endif
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}
