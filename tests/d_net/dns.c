/* Look-ups: literals at once, names on a worker, and nobody waits for a resolver that hangs. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include <stdio.h>

static const char *first_addr(const proa_resolve_request *q)
{
	static char text[PROA_ADDR_TEXT];

	return proa_addr_print(&q->addr[0], text, sizeof text) < 0 ? "none" : text;
}

/* Its number on this system. */
static uint32_t family_of(const char *text)
{
	proa_addr a = {0};

	CHECK_EQ(proa_addr_parse(&a, text, 0), 0);
	return a.family;
}

static int64_t resolve(proa_loop *loop, proa_resolve_request *q)
{
	rec r = {0};

	SUBMIT(proa_resolve, proa_root(loop), &r, q);
	kit_await(loop, &r);
	return r.result;
}

TEST(resolve_literals)
{
	char zoned[64], zoned_out[96];
	const char *const cases[][3] = {
		{"127.0.0.1", "80", "127.0.0.1:80"},
		{"127.0.0.1", NULL, "127.0.0.1:0"},
		{"::1", "https", "[::1]:443"},
		{"[::1]", "http", "[::1]:80"},
		{zoned, "1", zoned_out},
	};

	LOOP(loop);
	long blocks = kit_mem.blocks;

	snprintf(zoned, sizeof zoned, "fe80::1%%%s", host_zone());
	snprintf(zoned_out, sizeof zoned_out, "[%s]:1", zoned);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		proa_resolve_request q = {
			.name = cases[i][0], .service = cases[i][1], .how = PROA_DNS_INLINE};

		CHECK_EQ(resolve(loop, &q), 1);
		CHECK_EQ(q.n, 1);
		CHECK_STR(first_addr(&q), cases[i][2]);
	}
	CHECK_EQ(kit_mem.blocks, blocks); /* neither memory nor threads */
	kit_close(&loop);
}

TEST(resolve_refused)
{
	static const char *const bad[] = {"",      "a b", "a..b", "127.0.0.1:80", "127.1", "0x7f.1",
	                                  "a/b",   "*",   "\n",   "unix:/x",      "[::1",  ":",
	                                  "a.123", NULL};
	char longest[256];

	LOOP(loop);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		proa_resolve_request q = {.name = bad[i]};

		CHECK_EQ(resolve(loop, &q), -PROA_EINVAL);
	}
	for (size_t i = 0; i < sizeof longest; i++)
		longest[i] = i % 2 ? '.' : 'a';
	longest[254] = 0;
	CHECK_EQ(resolve(loop, &(proa_resolve_request){.name = longest}), -PROA_EINVAL);
	CHECK_EQ(resolve(loop, &(proa_resolve_request){.name = "127.0.0.1", .service = "99999"}),
	         -PROA_EINVAL);
	CHECK_EQ(resolve(loop,
	                 &(proa_resolve_request){.name = "127.0.0.1", .family = family_of("::1")}),
	         -PROA_ENONAME);
	for (proa_dns how = PROA_DNS_DEFAULT; how <= PROA_DNS_EVENTED; how++)
		CHECK_EQ(resolve(loop, &(proa_resolve_request){.name = "localhost",
		                                               .family = 99,
		                                               .how = how}),
		         -PROA_EAFNOSUPPORT);
	CHECK_EQ(resolve(loop, &(proa_resolve_request){.name = "a.b", .how = PROA_DNS_INLINE}),
	         -PROA_ENONAME);
	kit_close(&loop);
}

TEST(resolve_on_a_worker)
{
	proa_resolve_request q = {.name = "127.0.0.1", .service = "http", .how = PROA_DNS_POOL};
	char name[] = "127.0.0.1";
	rec r = {0};

	LOOP(loop);
	CHECK_EQ(resolve(loop, &q), 1);
	CHECK_STR(first_addr(&q), "127.0.0.1:80");
	q.name = name;
	SUBMIT(proa_resolve, proa_root(loop), &r, &q);
	memset(name, 'x', sizeof name - 1); /* was copied */
	CHECK_EQ(kit_await(loop, &r), 1);
	q = (proa_resolve_request){
		.name = "localhost", .service = "80", .family = family_of("127.0.0.1")};
	CHECK_EQ(resolve(loop, &q), 1);
	CHECK_STR(first_addr(&q), "127.0.0.1:80");
	kit_close(&loop);
}

/* ---- the resolver hangs ---- */

TEST(resolve_cancelled_at_once)
{
	proa_resolve_request q[3] = {
		{.name = "localhost"}, {.name = "localhost"}, {.name = "localhost"}};
	rec r[3] = {0};
	proa_handle owner = {0};
	gate *g;

	LOOP(loop);
	g = gate_shut(loop, PROA_LANE_DNS, 4);
	proa_handle_init(proa_root(loop), &owner);
	SUBMIT(proa_resolve, &owner, &r[0], &q[0]);
	r[1].op.deadline_ns = proa_in(loop, 10 * PROA_MSEC);
	SUBMIT(proa_resolve, &owner, &r[1], &q[1]);
	SUBMIT(proa_resolve, &owner, &r[2], &q[2]);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ETIMEDOUT);
	kit_end(loop, &owner);
	CHECK_EQ(r[2].result, -PROA_ECANCELED);
	gate_open(loop, g);
	kit_close(&loop);
}

/* Cancelled at any point of the look-up, the request is the caller's again and is not touched. */
TEST(resolve_cancel_races)
{
	LOOP(loop);
	for (int i = 0; i < TEST_TIMES(300); i++) {
		proa_resolve_request q = {.name = "127.0.0.1", .how = PROA_DNS_POOL};
		rec r = {0};

		SUBMIT(proa_resolve, proa_root(loop), &r, &q);
		for (int k = 0; k < i % 4; k++)
			kit_once(loop, 0);
		proa_cancel(&r.op);
		kit_await(loop, &r);
		CHECK(r.result == 1 || r.result == -PROA_ECANCELED);
		CHECK_EQ(q.n, r.result == 1);
		memset(&q, 0xa5, sizeof q);
	}
	kit_close(&loop);
}

TEST(resolve_full)
{
	proa_workers_options o = {.threads = {1, 1, 1}, .queue_max = {1, 1, 1}};
	proa_resolve_request q[2] = {{.name = "localhost", .family = family_of("127.0.0.1")},
	                             {.name = "localhost"}};
	rec r[2] = {0};
	proa_workers *w;
	proa_loop *loop;
	gate *g;

	REQUIRE(proa_workers_open(&w, &o) == 0);
	if ((loop = kit_open(&(proa_loop_options){.workers = w}))) {
		g = gate_shut(loop, PROA_LANE_DNS, 1);
		SUBMIT(proa_resolve, proa_root(loop), &r[0], &q[0]);
		SUBMIT(proa_resolve, proa_root(loop), &r[1], &q[1]);
		CHECK_EQ(kit_await(loop, &r[1]), -PROA_EFULL);
		gate_open(loop, g);
		CHECK_EQ(kit_await(loop, &r[0]), 1);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

TEST(resolve_no_memory)
{
	proa_resolve_request q = {.name = "localhost", .family = family_of("127.0.0.1")};

	LOOP(loop);
	kit_mem.fail_at = kit_mem.calls + 1;
	CHECK_EQ(resolve(loop, &q), -PROA_ENOMEM);
	kit_mem.fail_at = kit_mem.calls + 2; /* the record, then the workers */
	CHECK_EQ(resolve(loop, &q), -PROA_ENOMEM);
	CHECK_EQ(resolve(loop, &q), 1);
	kit_close(&loop);
}
