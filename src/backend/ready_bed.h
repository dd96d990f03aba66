/* A test bed for the readiness engine: connections whose other end is a plain socket. */
/* SPDX-License-Identifier: MIT */
#ifndef PX_BACKEND_READY_BED_H
#define PX_BACKEND_READY_BED_H

#include "op/backend.h"
#include "proa/net.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One TCP connection: `ours` is proa's, `peer` a plain blocking socket. */
typedef struct pair {
	proa_handle ours;
	int peer;
	proa_op in, out;
	char buf[4096];
	int64_t got; /* bytes received so far */
	bool ended;  /* the stream, or with an error */
	int error;   /* of the recv that ended it */
} pair;

typedef struct bed {
	proa_loop *loop;
	int listener;
	struct sockaddr_in addr;
} bed;

static const char *const selectors[] = {"epoll", "kqueue", "poll"};
enum { SELECTORS = sizeof selectors / sizeof *selectors };

/* Those that this build has. */
#define EACH_SELECTOR(b)                                                                \
	for (size_t each_ = 0; each_ < SELECTORS; each_++)                              \
		for (bed b, *once_ = &b; once_ && selector_is_here(selectors[each_]) && \
		                         bed_open(&b, selectors[each_]);                \
		     bed_close(&b), once_ = NULL)

static inline bool selector_is_here(const char *name)
{
	for (size_t i = 0; px_backends[i]; i++)
		if (!strcmp(px_backends[i]->name, name))
			return true;
	return false;
}

static inline bool bed_open(bed *b, const char *name)
{
	proa_loop_options options = {.backend = name};
	socklen_t len = sizeof b->addr;

	*b = (bed){.addr = {.sin_family = AF_INET}};
	b->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return CHECK_EQ(bind(b->listener, (struct sockaddr *)&b->addr, len), 0) &&
	       CHECK_EQ(listen(b->listener, 1024), 0) &&
	       CHECK_EQ(getsockname(b->listener, (struct sockaddr *)&b->addr, &len), 0) &&
	       CHECK_EQ(proa_loop_open(&b->loop, &options), 0);
}

static inline void bed_close(bed *b)
{
	CHECK_EQ(proa_loop_close(&b->loop, 0), 0);
	close(b->listener);
}

static inline uint64_t bed_calls(const bed *b)
{
	proa_stats s = {.size = sizeof s};

	proa_loop_stats(b->loop, &s);
	return s.system_calls;
}

static inline void bed_spin(bed *b, int ms)
{
	int64_t until = proa_clock(b->loop) + ms * PROA_MSEC;

	while (proa_clock(b->loop) < until)
		proa_run_once(b->loop, until);
}

/* Runs the loop until it is so; 20 s are longer than any machine takes. */
#define BED_UNTIL(b, ...)                                                                 \
	do {                                                                              \
		int64_t until_ = proa_clock((b)->loop) + 20 * PROA_SEC;                   \
		while (!(__VA_ARGS__) && proa_clock((b)->loop) < until_)                  \
			proa_run_once((b)->loop, proa_clock((b)->loop) + 10 * PROA_MSEC); \
		CHECK(__VA_ARGS__);                                                       \
	} while (0)

/* Two ends of a fresh connection as plain descriptors. */
static inline bool bed_connect(bed *b, int *ours, int *peer)
{
	*peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!CHECK_EQ(connect(*peer, (struct sockaddr *)&b->addr, sizeof b->addr), 0))
		return false;
	*ours = accept(b->listener, NULL, NULL);
	return CHECK(*ours >= 0);
}

static inline bool pair_open(bed *b, pair *p)
{
	int one = 1, ours;

	memset(p, 0, sizeof *p);
	if (!bed_connect(b, &ours, &p->peer))
		return false;
	setsockopt(p->peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	p->in.user = p->out.user = p;
	proa_handle_init(proa_root(b->loop), &p->ours);
	proa_adopt_os(&p->ours, ours, PROA_TCP);
	return true;
}

static inline void pair_close(bed *b, pair *p)
{
	if (proa_is_open(&p->ours))
		proa_close(&p->ours, NULL);
	while (proa_is_closing(&p->ours))
		proa_run_once(b->loop, 0);
	if (p->peer >= 0)
		close(p->peer);
	p->peer = -1;
}

static inline void peer_reset(pair *p)
{
	struct linger none = {.l_onoff = 1};

	setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(p->peer);
	p->peer = -1;
}

/* Receives into one buffer, over and over, until the end. */
static inline void pair_received(proa_op *op)
{
	pair *p = op->user;

	if (op->result <= 0) {
		p->ended = true;
		p->error = (int)-op->result;
		CHECK_EQ((op->got & PROA_END) != 0, op->result == 0);
		return;
	}
	p->got += op->result;
	proa_recv(&p->ours, &p->in, p->buf, sizeof p->buf, pair_received);
}

static inline void pair_receive(pair *p)
{
	proa_recv(&p->ours, &p->in, p->buf, sizeof p->buf, pair_received);
}

static inline void run_until(bed *b, const bool *flag)
{
	BED_UNTIL(b, *flag);
}

#endif
