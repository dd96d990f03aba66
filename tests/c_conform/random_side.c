/* Of the random programs: ends of connections, those that come and go, and the other thread. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

world w;

/* ---- failing ---- */

void random_failed(uint64_t seed)
{
	printf("  again with PROA_RANDOM_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	_Exit(1);
}

static void crashed(int signo)
{
	/* By abort alone, which nobody calls with stderr in hand. */
	fprintf(stderr, "  in PROA_RANDOM_SEED=%llu\n", (unsigned long long)w.seed);
	signal(signo, SIG_DFL);
	raise(signo);
}

void random_watch(void)
{
	signal(SIGABRT, crashed);
}

/* The arrays of bytes are large and need no clearing. */
static void side_clear(side *s)
{
	memset(s, 0, offsetof(side, segment));
	s->fd = -1;
	s->n_segments = 0;
	s->tx_n = s->rx_n = 0;
}

void random_world_clear(uint64_t seed)
{
	uint64_t n_told = w.n_told;

	for (unsigned i = 0; i < 2 * PAIRS; i++)
		side_clear(&w.side[i]);
	memset(&w, 0, offsetof(world, side));
	memset(w.lurker, 0, sizeof w.lurker);
	memset(w.post, 0, sizeof w.post);
	w.n_bells = 0;
	w.n_told = n_told;
	w.seed = seed;
	w.running = true;
	px_rng_init(&w.rng, seed);
}

/* ---- a pair's bytes: what came is what the sends of the other end told to have gone ---- */

static void bytes_verify(side *to)
{
	side *from = peer_of(to);
	size_t at = 0, total = 0;
	unsigned char want[4096];

	for (unsigned i = 0; i < from->n_segments; i++) {
		segment *g = &from->segment[i];

		total += g->count;
		for (size_t done = 0; done < g->count && at < to->rx_n;) {
			size_t n = PX_MIN(PX_MIN(sizeof want, g->count - done), to->rx_n - at);

			kit_fill(want, n, g->base + done);
			MUST(!memcmp(want, to->rx + at, n));
			at += n;
			done += n;
		}
	}
	MUST(at == to->rx_n); /* no more than was sent */
	MUST(!to->whole || total == to->rx_n);
}

void side_ended(side *s)
{
	side *p = peer_of(s);

	s->open = false;
	w.n_open--;
	if (p->open)
		return;
	bytes_verify(s);
	bytes_verify(p);
	if (w.running)
		side_open((unsigned)(s - w.side) / 2);
}

void side_received(side *s, const void *bytes, size_t n)
{
	MUST(!s->eof && s->rx_n + n <= RX_MAX);
	memcpy(s->rx + s->rx_n, bytes, n);
	s->rx_n += n;
}

/* Nothing may be missing when the peer has only shut its side, for then nobody has reset. */
void side_eof(side *s)
{
	if (!s->eof)
		s->whole = !s->failed && !s->closing && peer_of(s)->open && !peer_of(s)->closing;
	s->eof = true;
}

static void side_begin(side *s, int fd, bool plain)
{
	side_clear(s);
	s->open = true;
	w.n_open++;
	if (percent(70))
		kit_fd_small(fd, 4096);
	if (plain) {
		s->fd = fd;
		return;
	}
	proa_handle_init(percent(80) ? proa_root(w.loop) : &w.owner, &s->h);
	proa_adopt_os(&s->h, fd, PROA_TCP);
}

void side_open(unsigned pair)
{
	int fd[2];

	MUST(kit_tcp(fd, false));
	side_begin(&w.side[2 * pair], fd[0], false);
	side_begin(&w.side[2 * pair + 1], fd[1], percent(40));
}

/* ---- plain peers ---- */

void side_plain_close(side *s, bool reset)
{
	if (reset)
		kit_fd_reset(s->fd);
	else
		kit_fd_close(s->fd);
	s->fd = -1;
	side_ended(s);
}

static void plain_read(side *s)
{
	char buf[4096];
	long n = kit_fd_read(s->fd, buf, 1 + below(sizeof buf));

	if (n > 0)
		side_received(s, buf, (size_t)n);
	else if (n == 0)
		side_eof(s);
	else
		s->failed |= n == -2;
}

static void plain_write(side *s)
{
	size_t len = 1 + below(percent(50) ? 50 : 4096);
	unsigned char buf[4096];
	long n;

	if (s->tx_n > TX_MAX - sizeof buf || s->n_segments == SEGMENTS)
		return;
	kit_fill(buf, len, s->tx_n);
	n = host_sock_try_send(s->fd, buf, len);
	if (n <= 0) {
		s->failed |= n != -1;
		return;
	}
	s->segment[s->n_segments++] = (segment){s->tx_n, (size_t)n};
	s->tx_n += (size_t)n;
}

void side_plain_step(side *s)
{
	uint64_t what = below(200);

	if (!s->open || s->fd < 0)
		return;
	if (what < 2)
		side_plain_close(s, what == 0);
	else if (what < 4)
		host_sock_fin(s->fd);
	else if (what < 70)
		plain_write(s);
	else if (what < 140)
		plain_read(s);
}

/* ---- lurkers ---- */

static lurker *lurker_free(void)
{
	lurker *l = &w.lurker[below(LURKERS)];

	if (l->open)
		return NULL;
	*l = (lurker){.open = true};
	proa_handle_init(percent(50) ? proa_root(w.loop) : &w.listener, &l->h);
	return l;
}

static void lurker_closed(proa_handle *h)
{
	lurker *l = (lurker *)h;

	MUST(kit_running && l->open && l->closing && !l->flying);
	l->open = false;
}

static void lurker_close(lurker *l)
{
	l->closing = true;
	if (percent(30))
		proa_close_abort(&l->h, lurker_closed);
	else
		proa_close(&l->h, lurker_closed);
}

static bool lurker_stated(const lurker *l, int64_t r)
{
	switch (-r) {
	case PROA_ECONNRESET:
	case PROA_ETIMEDOUT: return true;
	case PROA_ENOMEM:
	case PROA_ENOTCONN: return w.starved;
	case PROA_ECANCELED: return l->asked || l->closing;
	default: return r >= 0;
	}
}

static void lurker_done(proa_op *op)
{
	lurker *l = op->user;
	int64_t r = op->result;

	MUST(kit_running && l->open && l->flying > 0);
	w.n_told++;
	if (op->got & PROA_MORE) {
		MUST(r > 0 && op->buf);
		proa_buffer_return(w.loop, op->buf);
		return;
	}
	l->flying--;
	if (r == -PROA_ECONNREFUSED && !w.running)
		return; /* the listener went first */
	if (!lurker_stated(l, r)) {
		test_note("a lurker's: %s (%lld), got %u, asked %d closing %d, starved %d",
		          proa_err_name(r), (long long)r, op->got, l->asked, l->closing, w.starved);
		MUST(lurker_stated(l, r));
	}
	if (percent(20))
		lurker_close(l);
}

static void lurker_talk(lurker *l)
{
	l->recv = (proa_op){.user = l};
	l->send = (proa_op){.user = l};
	l->flying += 2;
	proa_recv_pooled_many(&l->h, &l->recv, NULL, 1, lurker_done);
	proa_send(&l->h, &l->send, "lurker", 6, lurker_done);
}

static void lurker_connect(void)
{
	lurker *l = lurker_free();

	if (!l)
		return;
	l->connect = (proa_op){.user = l};
	if (percent(20))
		/* Not past at once, or what follows would be told that nothing was begun. */
		l->connect.deadline_ns = proa_now(w.loop) + 1 + (int64_t)below(200 * PROA_USEC);
	l->flying++;
	proa_connect(&l->h, &l->connect, &w.addr, lurker_done);
	if (percent(70))
		lurker_talk(l);
}

static void accept_done(proa_op *op)
{
	lurker *l;

	MUST(kit_running);
	if (!(op->got & PROA_MORE))
		w.accepting--;
	if (op->result < 0) {
		MUST(op->result == -PROA_ECANCELED || op->result == -PROA_ETIMEDOUT);
		return;
	}
	MUST(op->socket.id != 0);
	if (!w.running || percent(50) || !(l = lurker_free())) {
		proa_socket_close(op->socket);
		return;
	}
	proa_adopt(&l->h, op->socket);
	if (percent(80))
		lurker_talk(l);
}

void lurkers_open(void)
{
	kit_listen(w.loop, &w.listener, &w.addr);
}

void lurkers_step(void)
{
	lurker *l = &w.lurker[below(LURKERS)];

	switch (below(12)) {
	case 0:
		if (l->open)
			lurker_close(l);
		break;
	case 1:
		if (l->open) {
			l->asked = true;
			proa_cancel(percent(50) ? &l->connect : percent(50) ? &l->recv : &l->send);
		}
		break;
	case 2:
	case 3:
	case 4: lurker_connect(); break;
	case 5:
	case 6: {
		proa_op *op = percent(50) ? &w.accept : &w.accept_many;

		if (proa_in_flight(op))
			break;
		*op = (proa_op){.deadline_ns = percent(20) ? proa_now(w.loop) + PROA_MSEC : 0};
		w.accepting++;
		(op == &w.accept ? proa_accept : proa_accept_many)(&w.listener, op, accept_done);
		break;
	}
	case 7: proa_pause(&w.accept_many); break;
	case 8: proa_resume(&w.accept_many); break;
	case 9:
		if (percent(20))
			proa_cancel(percent(50) ? &w.accept : &w.accept_many);
		break;
	default: break;
	}
}

void lurkers_close(void)
{
	for (unsigned i = 0; i < LURKERS; i++)
		if (w.lurker[i].open)
			lurker_close(&w.lurker[i]);
	proa_close(&w.listener, kit_closed);
}

bool lurkers_left(void)
{
	for (unsigned i = 0; i < LURKERS; i++)
		if (w.lurker[i].open)
			return true;
	return w.accepting > 0;
}

/* ---- the thread that posts and rings ---- */

void bell_there(slot *t)
{
	host_lock_enter(&w.lock);
	w.bell[w.n_bells++] = t;
	host_lock_leave(&w.lock);
}

void bell_gone(slot *t)
{
	host_lock_enter(&w.lock);
	for (unsigned i = 0; i < w.n_bells; i++)
		if (w.bell[i] == t)
			w.bell[i--] = w.bell[--w.n_bells];
	host_lock_leave(&w.lock);
}

static void post_done(proa_op *op)
{
	MUST(kit_running && (op->result == 0 || op->result == -PROA_ECANCELED));
	atomic_store(&w.posted[op - w.post], false);
}

static void *poster_main(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !atomic_load(&w.stop); i++) {
		unsigned k = i % POSTS;

		if (!atomic_exchange(&w.posted[k], true))
			proa_post(w.loop, &w.post[k], post_done);
		host_lock_enter(&w.lock);
		if (w.n_bells)
			proa_notify(&w.bell[i % w.n_bells]->op);
		host_lock_leave(&w.lock);
		host_sleep_us(i % 200);
	}
	return NULL;
}

void poster_start(void)
{
	atomic_store(&w.stop, false);
	for (unsigned i = 0; i < POSTS; i++)
		atomic_store(&w.posted[i], false);
	host_lock_init(&w.lock);
	MUST(host_thread_start(&w.poster, poster_main, NULL));
}

void poster_stop(void)
{
	atomic_store(&w.stop, true);
	host_thread_join(&w.poster);
}
