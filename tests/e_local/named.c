/* Windows' pipes with names: connections, and what a name may be. */
/* SPDX-License-Identifier: MIT */
#include "e_local/named.h"
#include "host_child.h"

#include <stdio.h>

enum { BIG = 1 << 20 };

/* The thread that waits for clients is the one that waits for children. */
__attribute__((constructor)) static void wait_begin(void)
{
	host_children_begin();
}

/* A name that no test beside this one has. */
const char *named_text(void)
{
	static char text[64];

	snprintf(text, sizeof text, "pipe:proa-test-%u", host_pid());
	return text;
}

void named_listen(proa_loop *loop, proa_handle *l, proa_addr *addr)
{
	memset(l, 0, sizeof *l);
	proa_handle_init(proa_root(loop), l);
	CHECK_EQ(proa_addr_parse(addr, named_text(), 0), 0);
	REQUIRE(CHECK_EQ(proa_listen(l, addr, NULL), 0));
}

void named_take(proa_loop *loop, rec *accepted, proa_handle *h)
{
	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	proa_adopt(h, accepted->socket);
}

void named_dial(proa_loop *loop, proa_handle *h, rec *c, const proa_addr *addr)
{
	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	SUBMIT(proa_connect, h, c, addr);
}

/* A listener, and both ends of a connection. */
typedef struct served {
	proa_handle l, in, out; /* in was accepted */
	proa_addr addr;
} served;

static void served_open(proa_loop *loop, served *s)
{
	rec a = {0}, c = {0};

	named_listen(loop, &s->l, &s->addr);
	SUBMIT0(proa_accept, &s->l, &a);
	named_dial(loop, &s->out, &c, &s->addr);
	CHECK_EQ(kit_await(loop, &c), 0);
	REQUIRE(CHECK_EQ(kit_await(loop, &a), 0));
	named_take(loop, &a, &s->in);
}

static void served_close(proa_loop *loop, served *s)
{
	kit_end(loop, &s->in);
	kit_end(loop, &s->out);
	kit_end(loop, &s->l);
}

void named_say(proa_loop *loop, proa_handle *h, const char *text)
{
	rec s = {0};

	SUBMIT(proa_send, h, &s, text, strlen(text));
	CHECK_EQ(kit_await(loop, &s), (long long)strlen(text));
}

void named_hear(proa_loop *loop, proa_handle *h, const char *text)
{
	char buf[64];
	rec r = {0};

	SUBMIT(proa_recv, h, &r, buf, sizeof buf);
	if (CHECK_EQ(kit_await(loop, &r), (long long)strlen(text)))
		CHECK_MEM(buf, text, strlen(text));
	CHECK(*text || (r.got & PROA_END));
}

/* ---- a connection ---- */

TEST(named_both_ways)
{
	static char bytes[BIG], back[BIG];
	proa_handle *ends[2];
	served s;
	LOOP(loop);

	served_open(loop, &s);
	ends[0] = &s.in;
	ends[1] = &s.out;
	kit_fill(bytes, sizeof bytes, 0);
	for (int i = 0; i < 2; i++) {
		rec out = {0}, in = {0};
		size_t got = 0;

		SUBMIT(proa_send, ends[i], &out, bytes, sizeof bytes);
		while (got < sizeof back) {
			SUBMIT(proa_recv, ends[!i], &in, back + got, sizeof back - got);
			REQUIRE(kit_await(loop, &in) > 0);
			got += (size_t)in.result;
		}
		CHECK_EQ(kit_await(loop, &out), BIG);
		CHECK(kit_filled(back, sizeof back, 0));
	}
	kit_end(loop, &s.out);
	named_hear(loop, &s.in, "");
	kit_end(loop, &s.in);
	kit_end(loop, &s.l);
	kit_close(&loop);
}

TEST(named_pooled_both_ways)
{
	rec r = {0}, s = {0};
	served c;
	LOOP(loop);

	served_open(loop, &c);
	SUBMIT(proa_recv_pooled, &c.in, &r, NULL);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	named_say(loop, &c.out, "hello");
	CHECK_EQ(kit_await(loop, &r), 5);
	SUBMIT(proa_send_pooled, &c.in, &s, r.buf, 5);
	named_hear(loop, &c.out, "hello");
	CHECK_EQ(kit_await(loop, &s), 5);
	served_close(loop, &c);
	kit_close(&loop);
}

TEST(named_addresses_and_who_is_there)
{
	char text[PROA_ADDR_TEXT];
	proa_cred cred;
	served s;
	LOOP(loop);

	served_open(loop, &s);
	for (proa_handle *h = &s.l; h <= &s.out; h++) {
		proa_addr at;

		CHECK_EQ(proa_local_addr(h, &at), 0);
		CHECK_GT(proa_addr_print(&at, text, sizeof text), 0);
		CHECK_STR(text, named_text());
	}
	for (proa_handle *h = &s.in; h <= &s.out; h++) {
		cred.pid = 0;
		CHECK_EQ(proa_peer_cred(h, &cred), 0);
		CHECK_EQ(cred.pid, host_pid());
	}
	served_close(loop, &s);
	kit_close(&loop);
}

/* There is no end of one direction; a finish is the queued sends, and the close. */
TEST(named_shut_down_and_finished)
{
	static char bytes[300000];
	rec r = {0}, s = {0};
	size_t got = 0;
	char buf[4096];
	served c;
	LOOP(loop);

	served_open(loop, &c);
	SUBMIT0(proa_shutdown, &c.out, &r);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	kit_fill(bytes, sizeof bytes, 0);
	kit_n_closed = 0;
	SUBMIT(proa_send, &c.in, &s, bytes, sizeof bytes);
	proa_finish(&c.in, 0, kit_closed);
	do {
		SUBMIT(proa_recv, &c.out, &r, buf, sizeof buf);
		REQUIRE(CHECK_GE(kit_await(loop, &r), 0));
		CHECK(kit_filled(buf, (size_t)r.result, got));
		got += (size_t)r.result;
	} while (r.result > 0);
	CHECK_EQ(got, sizeof bytes);
	UNTIL(loop, kit_n_closed == 1);
	CHECK_EQ(s.result, (long long)sizeof bytes);
	kit_end(loop, &c.out);
	kit_end(loop, &c.l);
	kit_close(&loop);
}

/* ---- names ---- */

TEST(named_is_taken_once)
{
	proa_handle l, second = {0};
	proa_addr addr;
	LOOP(loop);

	named_listen(loop, &l, &addr);
	proa_handle_init(proa_root(loop), &second);
	CHECK_EQ(proa_listen(&second, &addr, NULL), -PROA_EADDRINUSE);
	kit_end(loop, &l);
	CHECK_EQ(proa_listen(&second, &addr, NULL), 0);
	kit_end(loop, &second);
	kit_close(&loop);
}

/* The name goes with its listener, though a connection lives; and stays while that is not so. */
TEST(named_is_kept_by_its_listener)
{
	proa_handle second = {0};
	served s;
	rec c = {0};
	LOOP(loop);

	served_open(loop, &s);
	proa_handle_init(proa_root(loop), &second);
	CHECK_EQ(proa_listen(&second, &s.addr, NULL), -PROA_EADDRINUSE);
	kit_end(loop, &s.in);
	kit_end(loop, &s.out);
	CHECK_EQ(proa_listen(&second, &s.addr, NULL), -PROA_EADDRINUSE);
	kit_end(loop, &s.l);
	SUBMIT(proa_connect, &second, &c, &s.addr);
	CHECK_EQ(kit_await(loop, &c), -PROA_ENOENT);
	CHECK_EQ(proa_listen(&second, &s.addr, NULL), 0);
	kit_end(loop, &second);
	kit_close(&loop);
}

TEST(named_refused)
{
	proa_listen_options spread = {.size = sizeof spread, .reuseport = true};
	proa_handle h = {0};
	proa_addr addr;
	char text[128] = "pipe:";
	rec c = {0};
	LOOP(loop);

	proa_handle_init(proa_root(loop), &h);
	CHECK_EQ(proa_addr_parse(&addr, text, 0), -PROA_EADDRTEXT);
	memset(text + 5, 'n', 98);
	CHECK_EQ(proa_addr_parse(&addr, text, 0), 0);
	CHECK_EQ(proa_listen(&h, &addr, &spread), -PROA_ENOTSUP);
	CHECK_EQ(proa_listen_msg(&h, &addr, NULL), -PROA_EAFNOSUPPORT);
	CHECK_EQ(proa_local_gram(&h, &addr), -PROA_EAFNOSUPPORT);
	SUBMIT(proa_connect, &h, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), -PROA_ENOENT);
	SUBMIT(proa_connect_msg, &h, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), -PROA_EAFNOSUPPORT);
	text[5 + 98] = 'n';
	CHECK_EQ(proa_addr_parse(&addr, text, 0), -PROA_EADDRTEXT);
	CHECK_EQ(proa_addr_parse(&addr, "pipe:\xff", 0), 0);
	CHECK_EQ(proa_listen(&h, &addr, NULL), -PROA_ENOENT); /* no UTF-8 */
	SUBMIT(proa_connect, &h, &c, &addr);
	CHECK_EQ(kit_await(loop, &c), -PROA_ENOENT);
	kit_end(loop, &h);
	kit_close(&loop);
}

/* The longest name, and one in which other paths would find a way out. */
TEST(named_anything)
{
	static const char longest[] = "pipe:nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
				      "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
	static const char *const names[] = {"pipe:..\\..\\proa-test", "pipe:a/b c:\xc3\xa4.*?",
	                                    longest};
	LOOP(loop);

	for (int i = 0; i < 3; i++) {
		char text[PROA_ADDR_TEXT];
		proa_handle l = {0}, h;
		proa_addr addr;
		rec c = {0};

		proa_handle_init(proa_root(loop), &l);
		CHECK_EQ(proa_addr_parse(&addr, names[i], 0), 0);
		if (!CHECK_EQ(proa_listen(&l, &addr, NULL), 0))
			test_note("%s", names[i]);
		CHECK_EQ(proa_local_addr(&l, &addr), 0);
		CHECK_GT(proa_addr_print(&addr, text, sizeof text), 0);
		CHECK_STR(text, names[i]);
		named_dial(loop, &h, &c, &addr);
		CHECK_EQ(kit_await(loop, &c), 0);
		kit_end(loop, &h);
		kit_end(loop, &l);
	}
	kit_close(&loop);
}
