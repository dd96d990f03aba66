/* Look-ups by each strategy: the hosts file, servers asked on the loop's thread, and back. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/gram.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a DNS server of our own, on the same loop (RFC 1035) ---- */

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, NAMES_MAX = 256 };

/* "one.test" has 10.0.0.1 for so many seconds; 1.0.0.10.in-addr.arpa is "one.test"; "silent.test"
 * is never answered; nothing else exists. */
typedef struct server {
	proa_handle h;
	proa_op many;
	gram out[8];
	unsigned char bytes[8][512];
	unsigned asked, ttl_s, next;
	char text[64]; /* where it is */
} server;

static void put16(unsigned char **p, unsigned n)
{
	*(*p)++ = (unsigned char)(n >> 8);
	*(*p)++ = (unsigned char)n;
}

/* The question's name with dots; how long the question is. */
static size_t question_name(const unsigned char *q, size_t n, char *name)
{
	size_t at = 0;

	for (name[0] = 0; at < n && q[at]; at += q[at] + 1u) {
		size_t have = strlen(name);

		snprintf(name + have, NAMES_MAX - have, "%s%.*s", have ? "." : "", q[at],
		         (const char *)&q[at + 1]);
	}
	return at + 5;
}

static void answer_head(unsigned char **p, unsigned type, unsigned ttl_s, unsigned len)
{
	put16(p, 0xc00c); /* the name is the question's */
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, ttl_s);
	put16(p, len);
}

/* The reply's length; 0: none. */
static size_t reply_make(const server *s, const unsigned char *in, size_t n, unsigned char *out)
{
	static const unsigned char name[] = "\3one\4test", addr[] = {10, 0, 0, 1};
	char asked[NAMES_MAX];
	size_t end = 12 + question_name(in + 12, n - 12, asked);
	unsigned type = in[end - 3];
	unsigned char *p = out + end;
	bool known = !strcmp(asked, "one.test"), back = !strcmp(asked, "1.0.0.10.in-addr.arpa");
	bool answers = (known && type == TYPE_A) || (back && type == TYPE_PTR);

	if (!strcmp(asked, "silent.test"))
		return 0;
	memcpy(out, in, end);
	out[2] = 0x81;                        /* a response */
	out[3] = known || back ? 0x80 : 0x83; /* or there is no such name */
	memset(out + 6, 0, 6);
	out[7] = answers;
	if (answers && type == TYPE_A) {
		answer_head(&p, type, s->ttl_s, sizeof addr);
		memcpy(p, addr, sizeof addr);
		p += sizeof addr;
	} else if (answers) {
		answer_head(&p, type, s->ttl_s, sizeof name);
		memcpy(p, name, sizeof name);
		p += sizeof name;
	}
	return (size_t)(p - out);
}

static void server_got(proa_op *op)
{
	server *s = PROA_OF(op, server, many);
	unsigned i = s->next++ % 8;
	gram *g = &s->out[i];

	if (op->result < 12)
		return;
	s->asked++;
	CHECK(!proa_in_flight(&g->r.op));
	proa_msg_of(op->buf, op->result, &g->m);
	g->m.len = reply_make(s, op->buf, (size_t)op->result, s->bytes[i]);
	g->m.buf = s->bytes[i];
	if (g->m.len)
		SUBMIT(proa_send_msg, &s->h, &g->r, &g->m);
	proa_buffer_return(proa_op_loop(op), op->buf);
}

static server *server_open(proa_loop *loop)
{
	server *s = calloc(1, sizeof *s);
	proa_addr at;

	s->ttl_s = 60;
	udp_here(loop, &s->h, &at);
	CHECK_GT(proa_addr_print(&at, s->text, sizeof s->text), 0);
	s->many.want = PROA_BACKGROUND;
	proa_recv_msg_many(&s->h, &s->many, NULL, server_got);
	return s;
}

static int64_t resolve(proa_loop *loop, proa_resolve_request *q, const char *name)
{
	rec r = {0};

	q->name = name;
	SUBMIT(proa_resolve, proa_root(loop), &r, q);
	return kit_await(loop, &r);
}

static const char *first_addr(const proa_resolve_request *q)
{
	static char text[PROA_ADDR_TEXT];

	return proa_addr_print(&q->addr[0], text, sizeof text) < 0 ? "none" : text;
}

static bool evented_none(proa_loop **loop)
{
	if (proa_dns_servers(*loop, "127.0.0.1:1") != -PROA_ENOTSUP)
		return false;
	kit_close(loop);
	return true;
}

#define LOOP_EVENTED(loop)       \
	LOOP(loop);              \
	if (evented_none(&loop)) \
	SKIP("built without c-ares")

TEST(evented_asks_once_and_keeps_the_answer)
{
	proa_resolve_request q = {.service = "80", .how = PROA_DNS_EVENTED};
	server *s;
	LOOP_EVENTED(loop);

	s = server_open(loop);
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	CHECK_EQ(resolve(loop, &q, "one.test"), 1);
	CHECK_STR(first_addr(&q), "10.0.0.1:80");
	CHECK_EQ(q.ttl_ns, 60 * PROA_SEC);
	CHECK_GT(s->asked, 0);
	s->asked = 0;
	for (int how = PROA_DNS_DEFAULT; how <= PROA_DNS_EVENTED; how++) {
		if (how == PROA_DNS_POOL)
			continue;
		q = (proa_resolve_request){.service = "81", .how = (proa_dns)how};
		CHECK_EQ(resolve(loop, &q, "ONE.test."), 1);
		CHECK_STR(first_addr(&q), "10.0.0.1:81");
		CHECK_GT(q.ttl_ns, 50 * PROA_SEC);
		CHECK_LE(q.ttl_ns, 60 * PROA_SEC);
	}
	CHECK_EQ(s->asked, 0);
	q = (proa_resolve_request){.how = PROA_DNS_EVENTED};
	CHECK_EQ(resolve(loop, &q, "two.test"), -PROA_ENONAME);
	CHECK_EQ(resolve(loop, &q, "two.test"), -PROA_ENONAME);
	CHECK_EQ(q.n, 0);
	kit_close(&loop);
	free(s);
}

TEST(evented_keeps_nothing_that_may_not_be_kept)
{
	proa_resolve_request q = {.how = PROA_DNS_EVENTED};
	server *s;
	LOOP_EVENTED(loop);

	s = server_open(loop);
	s->ttl_s = 0;
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	CHECK_EQ(resolve(loop, &q, "one.test"), 1);
	CHECK_EQ(q.ttl_ns, 0);
	s->asked = 0;
	CHECK_EQ(resolve(loop, &q, "one.test"), 1);
	CHECK_GT(s->asked, 0);
	q.how = PROA_DNS_INLINE;
	CHECK_EQ(resolve(loop, &q, "one.test"), -PROA_ENONAME);
	kit_close(&loop);
	free(s);
}

TEST(evented_reverse)
{
	proa_reverse_request q = {.how = PROA_DNS_EVENTED};
	server *s;
	rec r = {0};
	LOOP_EVENTED(loop);

	s = server_open(loop);
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	CHECK_EQ(proa_addr_parse(&q.addr, "10.0.0.1", 99), 0);
	SUBMIT(proa_reverse, proa_root(loop), &r, &q);
	CHECK_EQ(kit_await(loop, &r), 8);
	CHECK_STR(q.name, "one.test");
	CHECK_EQ(proa_addr_parse(&q.addr, "10.0.0.2", 0), 0);
	SUBMIT(proa_reverse, proa_root(loop), &r, &q);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENONAME);
	CHECK_STR(q.name, "");
	q.addr = (proa_addr){0};
	SUBMIT(proa_reverse, proa_root(loop), &r, &q);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	kit_close(&loop);
	free(s);
}

/* A server that says nothing holds nobody up: not the canceller, not others, not the close. */
TEST(evented_hangs_alone)
{
	enum { MANY = 30 };
	static proa_resolve_request q[MANY];
	static rec r[MANY];
	proa_resolve_request other = {.how = PROA_DNS_EVENTED};
	proa_handle owner = {0};
	long long began;
	server *s;
	LOOP_EVENTED(loop);

	memset(r, 0, sizeof r);
	s = server_open(loop);
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	proa_handle_init(proa_root(loop), &owner);
	began = test_now_ns();
	for (int i = 0; i < MANY; i++) {
		q[i] = (proa_resolve_request){.name = "silent.test", .how = PROA_DNS_EVENTED};
		if (i == 1)
			r[i].op.deadline_ns = proa_in(loop, 10 * PROA_MSEC);
		SUBMIT(proa_resolve, &owner, &r[i], &q[i]);
	}
	CHECK_EQ(resolve(loop, &other, "one.test"), 1);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ETIMEDOUT);
	kit_end(loop, &owner);
	for (int i = 2; i < MANY; i++)
		CHECK_EQ(r[i].result, -PROA_ECANCELED);
	memset(q, 0xa5, sizeof q); /* ours again */
	kit_settle(loop);
	kit_close(&loop);
	CHECK_LT(test_now_ns() - began, 5 * PROA_SEC); /* it is asked thrice, for 2 s each */
	free(s);
}

/* What keeps the loop running is the op, not what c-ares still waits for. */
TEST(evented_is_in_the_background)
{
	proa_resolve_request q = {.name = "silent.test", .how = PROA_DNS_EVENTED};
	server *s;
	rec r = {0};
	LOOP_EVENTED(loop);

	s = server_open(loop);
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	SUBMIT(proa_resolve, proa_root(loop), &r, &q);
	kit_settle(loop);
	proa_cancel(&r.op);
	kit_running = true;
	CHECK_EQ(proa_run(loop), 0);
	kit_running = false;
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_close(&loop);
	free(s);
}

TEST(evented_servers_that_are_none)
{
	LOOP_EVENTED(loop);

	CHECK_NE(proa_dns_servers(loop, "not an address"), 0);
	CHECK_EQ(proa_dns_servers(loop, NULL), 0);
	CHECK_EQ(proa_dns_servers(loop, ""), -PROA_EINVAL);
	kit_close(&loop);
}

TEST(evented_servers_of_questions_on_their_way)
{
	proa_resolve_request q = {.name = "silent.test", .how = PROA_DNS_EVENTED};
	server *s;
	rec r = {0};
	LOOP_EVENTED(loop);

	s = server_open(loop);
	CHECK_EQ(proa_dns_servers(loop, s->text), 0);
	SUBMIT(proa_resolve, proa_root(loop), &r, &q);
	CHECK_EQ(proa_dns_servers(loop, NULL), -PROA_ENAMETEMP);
	CHECK_EQ(proa_dns_servers(loop, s->text), -PROA_ENAMETEMP);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
	free(s);
}

/* ---- the hosts file ---- */

TEST(inline_reads_the_hosts_file)
{
	proa_resolve_request q = {.service = "https", .how = PROA_DNS_INLINE};
	proa_reverse_request back = {.how = PROA_DNS_INLINE};
	char path[64];
	rec r = {0};
	FILE *file;
	LOOP(loop);

	if (!strcmp(proa_loop_backend(loop), "sim")) {
		kit_close(&loop);
		SKIP("a world has no hosts file");
	}
	snprintf(path, sizeof path, "proa-hosts-%u", host_pid());
	file = fopen(path, "w");
	if (CHECK(file != NULL)) {
		fputs("10.9.8.7 from.file alias\n", file);
		fclose(file);
	}
	host_setenv("PROA_HOSTS", path);
	CHECK_EQ(resolve(loop, &q, "Alias"), 1);
	CHECK_STR(first_addr(&q), "10.9.8.7:443");
	CHECK_EQ(resolve(loop, &q, "localhost"), 2); /* always known */
	CHECK_EQ(resolve(loop, &q, "not.there"), -PROA_ENONAME);
	q.service = "imap"; /* only the system knows that one */
	CHECK_EQ(resolve(loop, &q, "alias"), -PROA_ENONAME);
	CHECK_EQ(proa_addr_parse(&back.addr, "10.9.8.7", 0), 0);
	SUBMIT(proa_reverse, proa_root(loop), &r, &back);
	CHECK_EQ(kit_await(loop, &r), 9);
	CHECK_STR(back.name, "from.file");
	host_setenv("PROA_HOSTS", NULL);
	remove(path);
	kit_close(&loop);
}

/* ---- names that are none ---- */

TEST(resolve_names_with_a_length)
{
	static const char with_0[] = "one\0.test";
	proa_resolve_request q = {.how = PROA_DNS_INLINE, .name_len = sizeof with_0 - 1};
	char longest[300];
	LOOP(loop);

	CHECK_EQ(resolve(loop, &q, with_0), -PROA_EINVAL);
	q.name_len = 9;
	CHECK_EQ(resolve(loop, &q, "127.0.0.1 and more"), 1);
	memset(longest, 'a', sizeof longest);
	for (q.name_len = 250; q.name_len <= sizeof longest; q.name_len += 10) {
		CHECK_EQ(resolve(loop, &q, longest), -PROA_EINVAL);
		q.how = PROA_DNS_EVENTED;
	}
	kit_close(&loop);
}

TEST(reverse_on_a_worker)
{
	proa_reverse_request q = {.how = PROA_DNS_POOL};
	rec r = {0};
	LOOP(loop);

	CHECK_EQ(proa_addr_parse(&q.addr, "127.0.0.1", 0), 0);
	SUBMIT(proa_reverse, proa_root(loop), &r, &q);
	kit_await(loop, &r);
	/* Most machines call it so; some call it nothing. */
	CHECK(r.result > 0 ? r.result == (int64_t)strlen(q.name)
	                   : r.result == -PROA_ENONAME || r.result == -PROA_ENAMETEMP);
	SUBMIT(proa_reverse, proa_root(loop), &r, &q);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	kit_close(&loop);
}
