/* proa_wait and proa_await: completions as values, for schedulers and small programs. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

TEST(wait_gives_values)
{
	proa_op a = {0}, b = {0};
	proa_event e[4];
	LOOP(loop);

	CHECK_EQ(proa_wait(loop, e, 4, 0), 0); /* nothing in flight */
	proa_timer(proa_root(loop), &a, 1, NULL);
	proa_post(loop, &b, NULL);
	memset(e, 0xee, sizeof e);
	CHECK_EQ(proa_wait(loop, e, 4, 0), 2);
	for (int i = 0; i < 2; i++) {
		CHECK(e[i].op == &a || e[i].op == &b);
		CHECK(e[i].handle == (e[i].op == &a ? proa_root(loop) : NULL));
		CHECK_EQ(e[i].result, 0);
		CHECK_EQ(e[i].count, 0);
		CHECK_EQ(e[i].sys_error, 0);
		CHECK_EQ(e[i].got, 0);
		CHECK(e[i].buf == NULL);
	}
	CHECK(e[0].op != e[1].op);
	CHECK(!proa_in_flight(&a) && !proa_in_flight(&b));
	kit_close(&loop);
}

TEST(wait_full_array_leaves_the_rest)
{
	enum { N = 10 };
	proa_op op[N] = {{0}};
	proa_event e[4];
	int seen[N] = {0}, total = 0, rc;
	LOOP(loop);

	for (int i = 0; i < N; i++)
		proa_timer(proa_root(loop), &op[i], 1, NULL);
	while ((rc = proa_wait(loop, e, 4, 0)) > 0) {
		CHECK_LE(rc, 4);
		for (int i = 0; i < rc; i++, total++)
			seen[e[i].op - op]++;
	}
	CHECK_EQ(total, N);
	for (int i = 0; i < N; i++)
		CHECK_EQ(seen[i], 1);
	kit_close(&loop);
}

TEST(wait_runs_the_callbacks_of_others)
{
	rec r = {0};
	proa_op op = {0};
	proa_event e[4];
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &r, 1);
	proa_timer(proa_root(loop), &op, 1, NULL);
	kit_running = true;
	CHECK_EQ(proa_wait(loop, e, 4, 0), 1);
	kit_running = false;
	CHECK(e[0].op == &op);
	CHECK_EQ(r.finals, 1);
	kit_close(&loop);
}

TEST(wait_keeps_its_deadline)
{
	proa_op op = {0};
	proa_event e;
	long long before = test_now_ns();
	LOOP(loop);

	proa_timer(proa_root(loop), &op, proa_in(loop, 3600 * PROA_SEC), NULL);
	CHECK_EQ(proa_wait(loop, &e, 1, proa_clock(loop) + 10 * PROA_MSEC), 0);
	CHECK_GE(test_now_ns() - before, 10 * PROA_MSEC);
	CHECK_LT(test_now_ns() - before, 30 * PROA_SEC);
	CHECK_EQ(proa_wait(loop, &e, 1, PROA_POLL), 0);
	proa_cancel(&op);
	CHECK_EQ(proa_wait(loop, &e, 1, 0), 1);
	CHECK_EQ(e.result, -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(wait_tells_closes)
{
	proa_handle h = {0};
	proa_op op = {0};
	proa_event e[4];
	LOOP(loop);

	proa_handle_init(proa_root(loop), &h);
	proa_timer(&h, &op, proa_in(loop, 3600 * PROA_SEC), NULL);
	proa_close(&h, NULL);
	CHECK_EQ(proa_wait(loop, e, 1, 0), 1);
	CHECK(e[0].op == &op && e[0].handle == &h);
	CHECK_EQ(e[0].result, -PROA_ECANCELED);
	CHECK_EQ(proa_wait(loop, e, 4, 0), 1);
	CHECK(e[0].op == NULL && e[0].handle == &h);
	/* With a callback it is not an event. */
	proa_handle_init(proa_root(loop), &h);
	proa_close(&h, kit_closed);
	kit_running = true;
	CHECK_EQ(proa_wait(loop, e, 4, 0), 0);
	kit_running = false;
	kit_close(&loop);
}

TEST(wait_two_completions_of_one_multishot)
{
	proa_op bell = {0};
	proa_event e[4];
	int64_t sum = 0;
	LOOP(loop);

	proa_doorbell(proa_root(loop), &bell, NULL);
	for (int i = 0; i < 3; i++) {
		proa_notify(&bell);
		CHECK_EQ(proa_wait(loop, e, 4, proa_clock(loop) + PROA_SEC), 1);
		CHECK(e[0].op == &bell && (e[0].got & PROA_MORE));
		sum += e[0].result;
	}
	CHECK_EQ(sum, 3);
	proa_cancel(&bell);
	CHECK_EQ(proa_wait(loop, e, 4, 0), 1);
	CHECK_EQ(e[0].result, -PROA_ECANCELED);
	CHECK_EQ(e[0].got & PROA_MORE, 0);
	kit_close(&loop);
}

TEST(wait_wants_room)
{
	proa_event e;
	LOOP(loop);

	CHECK_EQ(proa_wait(loop, &e, 0, 0), -PROA_EINVAL);
	kit_close(&loop);
}

TEST(await_leaves_the_others_running)
{
	rec r = {0};
	proa_op op = {0};
	LOOP(loop);

	SUBMIT(proa_timer, proa_root(loop), &r, proa_in(loop, 2 * PROA_MSEC));
	proa_timer(proa_root(loop), &op, proa_in(loop, 6 * PROA_MSEC), NULL);
	kit_running = true;
	CHECK_EQ(proa_await(loop, &op), 0);
	CHECK_EQ(r.finals, 1);
	CHECK_EQ(proa_await(loop, &op), 0); /* final already: its result again */
	kit_running = false;
	kit_close(&loop);
}
