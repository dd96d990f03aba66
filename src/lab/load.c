/* The course's client: many connections, one message under way on each, every byte looked at. */
/* SPDX-License-Identifier: MIT */
#include "lab/load.h"

#include "lab/model.h"
#include "proa/net.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 256,
	DIALS = 128, /* connects under way: fewer than any listener's queue holds */
	TICK_MS = 20,
	WARM_NS = 200 * 1000 * 1000,
};

typedef struct conn {
	int fd; /* -1: not yet, or no more */
	uint32_t have;
	bool open, waiting, marked, served;
	uint64_t sequence;
	int64_t sent_ns;
	char in[LAB_MESSAGE + 1]; /* room for one byte too many */
} conn;

static struct {
	px_lab_load *o;
	conn *conns;
	proa_addr addr;
	int queue;
	uint32_t dialled, settled, waiting; /* connections: begun, opened or refused, unanswered */
	bool paused;                        /* no new messages */
	uint64_t random;
	int64_t alive_ns; /* somebody connected, or was served for the first time */
} client;

/* ---- messages ---- */

static uint64_t mixed(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* No two messages of a run are alike, so an answer that is another's, or an older one, is seen. */
static void message_fill(const conn *c, char *out)
{
	uint64_t words[LAB_MESSAGE / 8];
	uint64_t seed = (uint64_t)(c - client.conns) << 32 | (uint32_t)c->sequence;

	for (unsigned i = 0; i < LAB_MESSAGE / 8; i++)
		words[i] = mixed(seed * 8 + i);
	memcpy(out, words, LAB_MESSAGE);
	out[0] = c->marked ? client.o->mark : 0;
}

static _Noreturn void wrong(const conn *c, const char *what)
{
	snprintf(client.o->error, sizeof client.o->error, "connection %td, message %" PRIu64 ": %s",
	         c - client.conns, c->sequence, what);
	atomic_store(&client.o->phase, LOAD_DONE);
	_exit(1);
}

static void conn_drop(conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->open = false;
	client.o->dropped++;
	client.waiting -= c->waiting;
	c->waiting = false;
}

static void conn_ask(conn *c, int64_t now_ns)
{
	char message[LAB_MESSAGE];
	ssize_t n;

	c->sequence++;
	c->have = 0;
	client.random = mixed(client.random + 0x9e3779b97f4a7c15);
	c->marked = (double)(client.random >> 11) / 9007199254740992.0 < client.o->marked;
	message_fill(c, message);
	c->sent_ns = now_ns;
	client.waiting += !c->waiting;
	c->waiting = true;
	n = send(c->fd, message, LAB_MESSAGE, MSG_NOSIGNAL);
	if (n < 0)
		conn_drop(c);
	else if (n != LAB_MESSAGE)
		wrong(c, "was not sent whole");
}

/* ---- answers ---- */

static void latency_record(const conn *c, int64_t now_ns)
{
	px_hist *hist = c->marked ? &client.o->marked_latency : &client.o->latency;

	px_hist_record(hist, now_ns > c->sent_ns ? (uint64_t)(now_ns - c->sent_ns) : 0);
}

static void conn_answered(conn *c)
{
	int64_t now_ns = px_lab_now_ns();
	char right[LAB_MESSAGE];

	message_fill(c, right);
	if (memcmp(c->in, right, LAB_MESSAGE))
		wrong(c, "other bytes came back");
	client.waiting--;
	c->waiting = false;
	if (!c->served) {
		c->served = true;
		client.o->served++;
		client.alive_ns = now_ns;
	}
	if (client.o->phase == LOAD_MEASURING) {
		client.o->requests++;
		latency_record(c, now_ns);
	}
	if (!client.paused)
		conn_ask(c, now_ns);
}

static void conn_read(conn *c)
{
	while (c->open) {
		ssize_t n = recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_drop(c);
			return;
		}
		c->have += (uint32_t)n;
		if (c->have > LAB_MESSAGE || !c->waiting)
			wrong(c, "more bytes came back than were sent");
		if (c->have == LAB_MESSAGE)
			conn_answered(c);
		else
			continue;
		return; /* a short read: the next edge tells of more */
	}
}

/* ---- connecting ---- */

static void dial(conn *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	int on = 1;

	c->fd = socket((int)client.addr.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0) {
		snprintf(client.o->error, sizeof client.o->error, "the client: %s",
		         strerror(errno));
		_exit(1);
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	connect(c->fd, (struct sockaddr *)(void *)client.addr.data, client.addr.len);
	epoll_ctl(client.queue, EPOLL_CTL_ADD, c->fd, &event);
	client.dialled++;
}

static void conn_settle(conn *c, uint32_t events)
{
	client.settled++;
	if (events & (EPOLLERR | EPOLLHUP)) {
		conn_drop(c);
		return;
	}
	c->open = true;
	client.o->connected++;
	client.alive_ns = px_lab_now_ns();
}

static void conn_event(conn *c, uint32_t events)
{
	if (!c->open && events & (EPOLLERR | EPOLLHUP | EPOLLOUT))
		conn_settle(c, events);
	if (c->open && events & EPOLLIN)
		conn_read(c);
}

static void wait_once(void)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(client.queue, events, BATCH, client.o->busy ? 0 : TICK_MS);

	for (int i = 0; i < n; i++) {
		conn *c = events[i].data.ptr;

		if (c->fd >= 0)
			conn_event(c, events[i].events);
	}
}

#define WARM_MOST_NS (INT64_C(15) * 1000000000) /* who is not served by then, is not */

static bool alive(void)
{
	return px_lab_now_ns() - client.alive_ns < client.o->quiet_ns;
}

static void connect_all(void)
{
	px_lab_load *o = client.o;

	client.alive_ns = px_lab_now_ns();
	while (client.settled < o->connections && alive()) {
		while (client.dialled < o->connections && client.dialled - client.settled < DIALS)
			dial(&client.conns[client.dialled]);
		wait_once();
	}
}

/* ---- the run ---- */

static void ask_all(void)
{
	int64_t now_ns = px_lab_now_ns();

	for (uint32_t i = 0; i < client.o->connections; i++) {
		conn *c = &client.conns[i];

		if (c->open && !c->waiting)
			conn_ask(c, now_ns);
		c->sent_ns = now_ns; /* also of those that wait since the warm-up */
	}
}

/* Until everybody was served once, or as many as will be; then until it is silent. */
static void warm_up(void)
{
	px_lab_load *o = client.o;
	int64_t begin_ns = client.alive_ns = px_lab_now_ns();
	int64_t warm_ns = o->run_ns < WARM_NS ? o->run_ns : WARM_NS;

	ask_all();
	while ((o->served + o->dropped < o->connections || px_lab_now_ns() - begin_ns < warm_ns) &&
	       px_lab_now_ns() - begin_ns < WARM_MOST_NS && alive())
		wait_once();
	client.paused = true;
	client.alive_ns = px_lab_now_ns();
	while (client.waiting && alive())
		wait_once();
	client.paused = false;
}

/* False: it is to leave, and no more is wanted of it. */
static bool hold(px_lab_phase phase, const atomic_bool *until)
{
	atomic_store(&client.o->phase, phase);
	while (!atomic_load(until)) {
		if (atomic_load(&client.o->leave))
			return false;
		usleep(1000);
	}
	return true;
}

static void measure(void)
{
	px_lab_load *o = client.o;
	int64_t begin_ns = px_lab_now_ns(), end_ns = begin_ns + o->run_ns, now_ns = begin_ns;

	atomic_store(&o->phase, LOAD_MEASURING);
	ask_all();
	while (now_ns < end_ns && (!o->requests_max || o->requests < o->requests_max)) {
		wait_once();
		now_ns = px_lab_now_ns();
	}
	o->ns = now_ns - begin_ns;
	for (uint32_t i = 0; i < o->connections; i++)
		if (client.conns[i].waiting)
			latency_record(&client.conns[i], now_ns);
}

static void reset_all(void)
{
	struct linger none = {.l_onoff = 1};

	for (uint32_t i = 0; i < client.o->connections; i++) {
		if (client.conns[i].fd < 0)
			continue;
		setsockopt(client.conns[i].fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
		close(client.conns[i].fd);
	}
}

void px_lab_load_run(px_lab_load *load)
{
	client.o = load;
	client.conns = calloc(load->connections, sizeof *client.conns);
	client.queue = epoll_create1(EPOLL_CLOEXEC);
	if (!client.conns || client.queue < 0 || proa_addr_parse(&client.addr, load->addr, 0) < 0) {
		snprintf(load->error, sizeof load->error, "the client cannot start");
		return;
	}
	for (uint32_t i = 0; i < load->connections; i++)
		client.conns[i].fd = -1;
	connect_all();
	warm_up();
	if (hold(LOAD_WARM, &load->go))
		measure();
	hold(LOAD_DONE, &load->leave);
	reset_all();
}
