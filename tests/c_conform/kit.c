/* The conformance kit: loops with an account, recorded ops, pairs of connections. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_file.h"

#include <stdlib.h>

kit_memory kit_mem;
bool kit_running;
int kit_n_closed;

static long n_submitted, n_final; /* through kit_op and kit_done, of the open loop */
static long order;
static proa_loop *volatile kit_loop; /* the open one */
static unsigned long long kit_thread;
static proa_checker *checker; /* watches it */

kit_seam kit_put_in;
bool kit_given_up;
void (*kit_let_go)(void);

/* ---- loops ---- */

void *kit_alloc(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
	kit_memory *m = user;
	void *new;

	if (!new_bytes) {
		m->blocks -= old != NULL;
		m->bytes -= old ? (long)old_bytes : 0;
		free(old);
		return NULL;
	}
	m->calls++;
	if (kit_put_in.alloc_fails && kit_put_in.alloc_fails()) {
		m->failed++;
		return NULL;
	}
	if (m->fail_at && (m->calls == m->fail_at || (m->fail_on && m->calls > m->fail_at))) {
		m->failed++;
		return NULL;
	}
	if (!(new = realloc(old, new_bytes)))
		return NULL;
	m->blocks += old == NULL;
	m->bytes += (long)new_bytes - (old ? (long)old_bytes : 0);
	return new;
}

/* ---- the library's own account of it ---- */

static void check_failed(const char *text, void *user)
{
	(void)user;
	if (!CHECK_ALWAYS(!"the checker has seen a violation"))
		test_note("%s", text);
}

static void check_open(proa_loop *loop)
{
	CHECK_EQ(proa_checker_open(&checker, &(proa_checker_options){.violation = check_failed}),
	         0);
	if (checker && strcmp(proa_loop_backend(loop), "sim")) /* a world has one by itself */
		proa_checker_watch(checker, loop);
}

static void check_close(void)
{
	CHECK_ALWAYS_EQ(proa_checker_close(&checker), 0);
}

proa_loop *kit_open(const proa_loop_options *options)
{
	proa_loop_options o = {0};
	proa_loop *loop;
	int rc;

	if (options)
		o = *options;
	kit_mem = (kit_memory){0};
	n_submitted = n_final = 0;
	kit_given_up = false;
	kit_thread = host_thread_id();
	o.backend = test_backend;
	o.alloc = kit_alloc;
	o.alloc_user = &kit_mem;
	rc = proa_loop_open(&loop, &o);
	if (rc == -PROA_ENOTSUP)
		test_skip("%s cannot work here", test_backend);
	else
		CHECK_EQ(rc, 0);
	if (loop)
		check_open(loop);
	kit_loop = loop;
	return loop;
}

void kit_close(proa_loop **loop)
{
	int64_t close_ns = (kit_put_in.patience_ns ? 10 : 60) * PROA_SEC;
	proa_stats stats;

	kit_loop = NULL; /* what fails from here on is not for giving up */
	kit_running = true;
	CHECK_ALWAYS_EQ(proa_loop_close(loop, proa_clock(*loop) + close_ns), 0);
	kit_running = false;
	if (*loop) {
		proa_loop_stats(*loop, &stats);
		CHECK_ALWAYS_EQ(stats.in_flight, 0);
	}
	if (!*loop)
		check_close();
	CHECK_ALWAYS_EQ(n_final, n_submitted);
	CHECK_ALWAYS_EQ(kit_mem.blocks, 0);
	CHECK_ALWAYS_EQ(kit_mem.bytes, 0);
}

void kit_give_up(void)
{
	proa_loop *loop = kit_loop;

	if (!loop || host_thread_id() != kit_thread)
		return; /* it goes on: with a loop of its own, it may know what to do */
	kit_given_up = true;
	if (kit_running) {
		proa_stop(loop);
		return;
	}
	if (kit_let_go)
		kit_let_go();
	kit_close(&loop);
	test_leave();
}

bool kit_has(const proa_loop *loop)
{
	return loop == kit_loop && host_thread_id() == kit_thread;
}

void kit_give_up_soon(void)
{
	proa_loop *loop = kit_loop;

	if (!loop)
		return;
	kit_given_up = true;
	proa_stop(loop);
}

/* ---- running ---- */

int kit_once(proa_loop *loop, int ms)
{
	int rc;

	kit_running = true;
	rc = proa_run_once(loop, ms ? proa_clock(loop) + ms * PROA_MSEC : PROA_POLL);
	kit_running = false;
	if (kit_given_up)
		kit_give_up();
	return rc;
}

/* A wait may end early, with nothing told; so time is what counts. */
void kit_settle(proa_loop *loop)
{
	int64_t until = host_now_ns() + 12 * PROA_MSEC;

	for (int i = 0; i < 4 || host_now_ns() < until; i++)
		kit_once(loop, 3);
}

uint64_t kit_submitted(const proa_loop *loop, const char *kind)
{
	proa_stats s;
	unsigned i = 0;

	proa_loop_stats(loop, &s);
	while (proa_stats_kind(i) && strcmp(proa_stats_kind(i), kind))
		i++;
	return CHECK(proa_stats_kind(i) != NULL) ? s.submitted[i] : 0;
}

long long kit_patience_ns(void)
{
	return kit_put_in.patience_ns ? kit_put_in.patience_ns : 60 * PROA_SEC * host_slowness();
}

/* ---- recorded ops ---- */

proa_op *kit_op(rec *r)
{
	if (!CHECK_EQ(r->submits, r->finals) && test_excusing)
		r = calloc(1, sizeof *r); /* the test is lost, and is left soon */
	r->submits++;
	n_submitted++;
	return &r->op;
}

void kit_done(proa_op *op)
{
	rec *r = (rec *)op;

	CHECK_ALWAYS(kit_running);
	CHECK_ALWAYS_EQ(r->submits, r->finals + 1);
	CHECK_ALWAYS(op->result >= 0 || strcmp(proa_err_name(op->result), "EUNKNOWN") != 0);
	if (kit_put_in.completed)
		kit_put_in.completed(op);
	r->result = op->result;
	r->sys_error = op->sys_error;
	r->got = op->got;
	if (!r->bell) {
		r->count = op->count;
		r->buf = op->buf;
		r->socket = op->socket;
	}
	r->bytes += op->result > 0 ? op->result : 0;
	if (op->got & PROA_MORE) {
		CHECK_ALWAYS(proa_in_flight(op));
		r->mores++;
	} else {
		CHECK_ALWAYS(!proa_in_flight(op));
		r->finals++;
		r->order = ++order;
		r->at_ns = proa_clock(proa_op_loop(op));
		n_final++;
	}
	if (r->then && !kit_given_up)
		r->then(r);
}

int64_t kit_await(proa_loop *loop, rec *r)
{
	UNTIL(loop, r->finals == r->submits);
	return r->result;
}

/* ---- handles ---- */

void kit_closed(proa_handle *handle)
{
	(void)handle;
	CHECK(kit_running);
	kit_n_closed++;
}

void kit_end(proa_loop *loop, proa_handle *handle)
{
	int before = kit_n_closed;

	proa_close(handle, kit_closed);
	UNTIL(loop, kit_n_closed == before + 1);
}

bool kit_tcp(int fd[2], bool v6)
{
	proa_addr addr;
	int listener;

	fd[0] = fd[1] = -1;
	CHECK_EQ(proa_addr_parse(&addr, v6 ? "[::1]:0" : host_loopback(), 0), 0);
	if ((listener = host_sock_listen(&addr, 1)) < 0)
		return false;
	fd[0] = host_sock(&addr, false);
	if (host_sock_connect(fd[0], &addr))
		fd[1] = host_sock_accept(listener);
	host_sock_close(listener);
	if (fd[1] < 0)
		return false;
	host_sock_nodelay(fd[0]);
	host_sock_nodelay(fd[1]);
	return true;
}

static void adopt(proa_loop *loop, proa_handle *h, int fd)
{
	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	proa_adopt_os(h, fd, PROA_TCP);
}

void kit_pair(proa_loop *loop, proa_handle *a, proa_handle *b)
{
	int fd[2];

	CHECK(kit_tcp(fd, false));
	adopt(loop, a, fd[0]);
	adopt(loop, b, fd[1]);
}

int kit_half(proa_loop *loop, proa_handle *h)
{
	int fd[2];

	CHECK(kit_tcp(fd, false));
	adopt(loop, h, fd[0]);
	return fd[1];
}

void kit_listen(proa_loop *loop, proa_handle *listener, proa_addr *addr)
{
	kit_listen_at(loop, listener, host_loopback(), addr);
}

void kit_listen_at(proa_loop *loop, proa_handle *listener, const char *text, proa_addr *addr)
{
	proa_addr any;

	memset(listener, 0, sizeof *listener);
	proa_handle_init(proa_root(loop), listener);
	CHECK_EQ(proa_addr_parse(&any, text, 0), 0);
	CHECK_EQ(proa_listen(listener, &any, NULL), 0);
	CHECK_EQ(proa_local_addr(listener, addr), 0);
}

int kit_connect(const proa_addr *addr)
{
	int fd = host_sock(addr, false);

	CHECK_GE(fd, 0);
	CHECK(host_sock_connect(fd, addr));
	host_sock_nodelay(fd);
	return fd;
}

/* ---- plain sockets ---- */

void kit_fd_close(int fd)
{
	host_sock_close(fd);
}

int kit_fd_refusing(proa_addr *addr)
{
	int fd;

	CHECK_EQ(proa_addr_parse(addr, "127.0.0.1:0", 0), 0);
	CHECK_GE(fd = host_sock_bound(addr), 0);
	return fd;
}

void kit_fd_reset(int fd)
{
	host_sock_reset(fd);
}

void kit_fd_fin(int fd)
{
	CHECK(host_sock_fin(fd));
}

void kit_fd_write(int fd, const void *bytes, size_t len)
{
	CHECK_EQ(host_sock_send(fd, bytes, len), len);
}

long kit_fd_read(int fd, void *bytes, size_t len)
{
	return host_sock_try_recv(fd, bytes, len);
}

void kit_fd_small(int fd, int bytes)
{
	host_sock_buffers(fd, bytes);
}

bool kit_was_reset(int64_t result)
{
	return result == -PROA_ECONNRESET || (result == 0 && host_lacks(HOST_RESETS));
}

/* ---- bytes ---- */

static unsigned char byte_at(uint64_t at)
{
	return (unsigned char)(at ^ (at >> 7) * 3 ^ (at >> 15) * 5);
}

void kit_fill(void *buf, size_t len, uint64_t at)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(at + i);
}

bool kit_filled(const void *buf, size_t len, uint64_t at)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i] != byte_at(at + i))
			return false;
	return true;
}

int kit_file(size_t len)
{
	int fd = host_file_temp();
	char buf[4096];

	CHECK_GE(fd, 0);
	for (size_t at = 0; at < len; at += sizeof buf) {
		size_t n = len - at < sizeof buf ? len - at : sizeof buf;

		kit_fill(buf, n, at);
		CHECK(host_file_write(fd, buf, n, (long long)at));
	}
	return fd;
}
