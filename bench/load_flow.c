/* What the load generator asks for and checks: closed loop, open loop, churn, idle. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_NS = 100 * 1000 * 1000 };

_Noreturn void px_load_error(const px_load_conn *c, const char *what, uint64_t expected,
                             uint64_t got)
{
	char text[256];

	snprintf(text, sizeof text,
	         "load: connection %" PRIu32 ": %s (expected %" PRIu64 ", got %" PRIu64 "; %" PRIu64
	         " requests answered so far)",
	         c->index, what, expected, got, load.answered);
	printf("{\"errors\": 1, \"error\": \"%s\"}\n", text);
	fflush(stdout);
	px_bench_fail(text);
}

_Noreturn void px_load_wrong_byte(const px_load_conn *c, uint64_t offset, const char *right,
                                  const char *data)
{
	uint64_t i = 0;

	while (data[i] == right[i])
		i++;
	fprintf(stderr, "load: wrong byte at offset %" PRIu64 "\n", offset + i);
	px_load_error(c, "wrong byte", (unsigned char)right[i], (unsigned char)data[i]);
}

/* ---- connections ---- */

/* A client has some 28,000 ports an address: many connections come from many addresses. */
static void source_bind(int fd)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int on = 1;

	if (load.options.sources < 2)
		return;
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK +
	                             (uint32_t)(load.opened % load.options.sources));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from))
		px_bench_die("bind", errno);
}

static int socket_connect(void)
{
	int fd = socket(load.addr.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		px_bench_die("socket", errno);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	source_bind(fd);
	while (connect(fd, (struct sockaddr *)&load.addr.sa, load.addr.len)) {
		if (errno != EINTR)
			px_bench_die("connect", errno);
	}
	if (load.engine == &px_load_epoll)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void conn_open(px_load_conn *c)
{
	c->fd = socket_connect();
	c->sent = c->wanted = c->received = c->issued = c->answered = 0;
	c->finishing = c->sending = false;
	load.protocol->begin(c);
	load.opened++;
	load.engine->add(c);
}

static void conn_close(px_load_conn *c, bool reset)
{
	struct linger none = {.l_onoff = 1};

	load.engine->remove(c);
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(c->fd);
	c->fd = -1;
}

static void conns_make(void)
{
	uint64_t stamps = load.stamp_mask + 1;

	load.conns = calloc(load.options.connections, sizeof *load.conns);
	if (!load.conns)
		px_bench_die("connections", ENOMEM);
	for (uint32_t i = 0; i < load.options.connections; i++) {
		px_load_conn *c = &load.conns[i];

		c->index = i;
		c->stamps = calloc(stamps, sizeof *c->stamps);
		if (!c->stamps)
			px_bench_die("connections", ENOMEM);
		c->fd = -1;
		if (load.options.mode != LOAD_CHURN)
			conn_open(c);
	}
}

static bool conn_full(const px_load_conn *c)
{
	return c->issued - c->answered > load.stamp_mask;
}

static void conn_request(px_load_conn *c, int64_t due_ns)
{
	c->stamps[c->issued++ & load.stamp_mask] = due_ns;
	c->wanted += load.message_bytes;
	load.issued++;
}

/* ---- churn: connect, one message, its answer, close ---- */

/* The kernel ends the port's life in our place (TIME_WAIT) when the server has closed as well; an
 * HTTP server that was asked to close does so first. */
static void churn_finish(px_load_conn *c)
{
	c->finishing = true;
	if (!load.options.reset && !load.options.close)
		shutdown(c->fd, SHUT_WR);
}

static bool requests_left(int64_t now_ns)
{
	return load.issued < load.options.requests && now_ns < load.stop_ns;
}

static void churn_begin(px_load_conn *c)
{
	int64_t now_ns = px_bench_now_ns();

	while (requests_left(now_ns)) {
		conn_open(c);
		conn_request(c, now_ns);
		load.engine->flush(c);
		/* With --reset every second one is gone before its answer. */
		if (!load.options.reset || load.opened & 1)
			return;
		conn_close(c, true);
		load.answered++;
	}
}

/* ---- answers ---- */

/* False: the connection was removed. */
static bool conn_answered(px_load_conn *c, uint64_t messages, int64_t now_ns)
{
	switch (load.options.mode) {
	case LOAD_CLOSED:
		while (messages-- && requests_left(now_ns))
			conn_request(c, now_ns);
		load.engine->flush(c);
		return true;
	case LOAD_CHURN:
		churn_finish(c);
		if (!load.options.reset)
			return true;
		conn_close(c, true);
		churn_begin(c);
		return false;
	default: return true;
	}
}

bool px_load_received(px_load_conn *c, const char *data, uint64_t bytes)
{
	int64_t now_ns = px_bench_now_ns();
	uint64_t messages = load.protocol->in(c, data, bytes);

	c->received += bytes;
	load.bytes += bytes;
	load.alive_ns = now_ns;
	for (uint64_t i = 0; i < messages; i++) {
		int64_t due_ns = c->stamps[c->answered++ & load.stamp_mask];

		px_hist_record(&load.latency, now_ns > due_ns ? (uint64_t)(now_ns - due_ns) : 0);
	}
	if (!messages)
		return true;
	load.answered += messages;
	load.counted += messages;
	load.end_ns = now_ns;
	return conn_answered(c, messages, now_ns);
}

void px_load_ended(px_load_conn *c, int sys_error)
{
	if (!c->finishing || sys_error)
		px_load_error(c, sys_error ? strerror(sys_error) : "closed early", c->wanted,
		              c->received);
	conn_close(c, false);
	churn_begin(c);
}

/* ---- the loop ---- */

static void alive_check(int64_t now_ns)
{
	if (now_ns - load.alive_ns < load.options.timeout_ns)
		return;
	for (uint32_t i = 0; i < load.options.connections; i++) {
		const px_load_conn *c = &load.conns[i];

		if (c->answered < c->issued || c->finishing)
			px_load_error(c, "no answer", c->wanted, c->received);
	}
}

static void loop_wait(int64_t timeout_ns)
{
	int64_t begin_ns;

	if (!load.options.busy) {
		load.engine->wait(timeout_ns);
		return;
	}
	begin_ns = px_bench_now_ns();
	if (!load.engine->wait(0))
		load.idle_ns += px_bench_now_ns() - begin_ns;
}

/* Until all that was asked for was answered. */
static void loop_drain(void)
{
	while (load.answered < load.issued) {
		loop_wait(TICK_NS);
		alive_check(px_bench_now_ns());
	}
}

static void counting_begin(void)
{
	px_hist_reset(&load.latency);
	load.counted = load.bytes = 0;
	load.idle_ns = 0;
	px_load_use(&load.used);
	load.begin_ns = px_bench_now_ns();
}

static void counting_end(void)
{
	px_load_usage begin = load.used;

	px_load_use(&load.used);
	load.used.client_ns -= begin.client_ns + load.idle_ns;
	load.used.server_ns -= begin.server_ns;
	load.used.slept -= begin.slept;
	load.used.preempted -= begin.preempted;
}

static void closed_run(void)
{
	int64_t warm_ns = load.begin_ns + load.options.warmup_ns;
	bool warm = load.options.warmup_ns > 0;

	for (uint32_t i = 0; i < load.options.connections; i++) {
		for (uint32_t k = 0; k < load.options.depth && requests_left(load.begin_ns); k++)
			conn_request(&load.conns[i], px_bench_now_ns());
		load.engine->flush(&load.conns[i]);
	}
	while (load.answered < load.issued) {
		int64_t now_ns;

		loop_wait(TICK_NS);
		now_ns = px_bench_now_ns();
		if (warm && now_ns >= warm_ns) {
			warm = false;
			counting_begin();
		}
		alive_check(now_ns);
	}
}

/* Due at even distances whether or not answers come, and measured from when it was due: what waits
 * for a slow server is counted as waiting. A connection that can take no more is passed over. */
static void open_issue(uint32_t *turn, uint64_t *nth, int64_t now_ns)
{
	uint32_t passed = 0;

	while (passed < load.options.connections && load.issued < load.options.requests) {
		int64_t due_ns = load.begin_ns + (int64_t)((double)*nth * 1e9 / load.options.rate);
		px_load_conn *c = &load.conns[*turn];

		if (due_ns > now_ns || due_ns >= load.stop_ns)
			return;
		*turn = (*turn + 1) % load.options.connections;
		if (conn_full(c)) {
			passed++;
			continue;
		}
		passed = 0;
		++*nth;
		conn_request(c, due_ns);
		load.engine->flush(c);
	}
}

static void open_run(void)
{
	uint32_t turn = 0;
	uint64_t nth = 0;

	for (;;) {
		int64_t now_ns = px_bench_now_ns();
		int64_t due_ns = load.begin_ns + (int64_t)((double)nth * 1e9 / load.options.rate);

		if (due_ns >= load.stop_ns || load.issued >= load.options.requests)
			break;
		if (due_ns > now_ns)
			loop_wait(due_ns - now_ns);
		else
			loop_wait(0);
		open_issue(&turn, &nth, px_bench_now_ns());
		alive_check(px_bench_now_ns());
	}
	loop_drain();
}

static void churn_run(void)
{
	for (uint32_t i = 0; i < load.options.connections; i++)
		churn_begin(&load.conns[i]);
	for (;;) {
		bool open = false;

		for (uint32_t i = 0; i < load.options.connections; i++)
			open |= load.conns[i].fd >= 0;
		if (!open)
			return;
		loop_wait(TICK_NS);
		alive_check(px_bench_now_ns());
	}
}

static bool held(int64_t until_ns)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	if (!load.options.hold_stdin)
		return px_bench_now_ns() < until_ns;
	return poll(&in, 1, 0) == 0 || read(STDIN_FILENO, &byte, 1) > 0;
}

/* Nothing may end while it is held, and all are active at once after it. */
static void idle_run(void)
{
	int64_t until_ns = px_bench_now_ns() + load.options.hold_ns;

	while (held(until_ns))
		load.engine->wait(TICK_NS);
	counting_begin();
	load.alive_ns = load.begin_ns;
	for (uint32_t i = 0; i < load.options.connections; i++) {
		conn_request(&load.conns[i], px_bench_now_ns());
		load.engine->flush(&load.conns[i]);
	}
	loop_drain();
}

void px_load_run(void)
{
	static void (*const runs[])(void) = {
		[LOAD_CLOSED] = closed_run,
		[LOAD_OPEN] = open_run,
		[LOAD_CHURN] = churn_run,
		[LOAD_IDLE] = idle_run,
	};

	load.protocol->open();
	load.engine->open();
	load.stop_ns = INT64_MAX;
	conns_make();
	counting_begin();
	load.alive_ns = load.begin_ns;
	if (load.options.duration_ns)
		load.stop_ns = load.begin_ns + load.options.warmup_ns + load.options.duration_ns;
	runs[load.options.mode]();
	counting_end();
}
