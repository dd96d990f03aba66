/* Clocks of nodes: drift, jumps, somebody who sets the time; timers that are never early. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

static int64_t timer_at(bed *s, proa_loop *loop, int64_t at_ns)
{
	proa_op op = {0};

	proa_timer(proa_root(loop), &op, at_ns, NULL);
	CHECK_EQ(proa_world_await(s->w, &op), 0);
	CHECK_GE(proa_clock(loop), at_ns);
	CHECK_LE(proa_clock(loop), at_ns + PROA_MSEC);
	return proa_world_now(s->w);
}

TEST(clock_begins_somewhere)
{
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(proa_world_now(s.w), 0);
	CHECK_GT(proa_clock(s.a), 0); /* a deadline of 0 is none */
	CHECK_GT(proa_wall(s.a), INT64_C(1700000000) * PROA_SEC);
	proa_world_run(s.w, 5 * PROA_SEC);
	CHECK_EQ(proa_world_now(s.w), 5 * PROA_SEC);
	CHECK_EQ(proa_clock(s.a), proa_clock(s.b));
	CHECK_EQ(proa_world_run(s.w, -5), 0);
	CHECK_EQ(proa_world_now(s.w), 5 * PROA_SEC);
	bed_close(&s);
}

/* Fast and slow clocks, from the slowest one there is. */
TEST(clock_drift)
{
	static const int32_t drifts[] = {-900000, -500000, -50000, -100,   -1,
	                                 1,       100,     50000,  2000000};

	for (size_t i = 0; i < sizeof drifts / sizeof *drifts; i++) {
		int32_t ppm = drifts[i];
		int64_t from, own, took;
		bed s;

		bed_open(&s, NULL);
		proa_world_run(s.w, 3 * PROA_SEC + 7);
		own = proa_clock(s.a);
		proa_world_drift(s.w, "a", ppm);
		CHECK_EQ(proa_clock(s.a), own); /* no jump by that */
		from = proa_world_now(s.w);
		proa_world_run(s.w, 10 * PROA_SEC);
		CHECK_EQ(proa_clock(s.a), own + 10 * (PROA_SEC + PROA_SEC / 1000000 * ppm));
		CHECK_EQ(proa_clock(s.b), own + 10 * PROA_SEC);
		for (int k = 1; k < 20; k++) {
			from = proa_world_now(s.w);
			own = proa_clock(s.a);
			took = timer_at(&s, s.a, own + k * k * PROA_MSEC + k) - from;
			CHECK_GE(took * (1000000 + ppm) / 1000000 + 1, k * k * PROA_MSEC + k);
		}
		proa_world_drift(s.w, "a", 0);
		from = proa_world_now(s.w);
		took = timer_at(&s, s.a, proa_clock(s.a) + PROA_SEC) - from;
		CHECK_GE(took, PROA_SEC);
		CHECK_LE(took, PROA_SEC + PROA_MSEC);
		bed_close(&s);
	}
}

/* A timer that is not for this century waits, on whatever clock. */
TEST(clock_drift_of_a_far_timer)
{
	for (int32_t ppm = -900000; ppm <= 900000; ppm += 900000) {
		proa_op op = {0}, farther = {0};
		bed s;

		bed_open(&s, NULL);
		proa_world_drift(s.w, "a", ppm);
		proa_timer(proa_root(s.a), &op, INT64_MAX / 2, NULL);
		proa_timer(proa_root(s.a), &farther, INT64_MAX, NULL);
		proa_world_run(s.w, 100000 * PROA_SEC);
		CHECK(proa_in_flight(&op) && proa_in_flight(&farther));
		proa_cancel(&op);
		CHECK_EQ(proa_world_await(s.w, &op), -PROA_ECANCELED);
		bed_close(&s);
	}
}

/* While a timer waits. */
TEST(clock_jump)
{
	proa_op near = {0}, far = {0};
	int64_t wall, own;
	bed s;

	bed_open(&s, NULL);
	proa_timer(proa_root(s.a), &near, proa_clock(s.a) + 10 * PROA_SEC, NULL);
	proa_timer(proa_root(s.a), &far, proa_clock(s.a) + 7200 * PROA_SEC, NULL);
	proa_world_run(s.w, PROA_SEC);
	wall = proa_wall(s.a);
	own = proa_clock(s.a);
	proa_world_jump(s.w, "a", 3600 * PROA_SEC);
	CHECK_EQ(proa_clock(s.a), own + 3600 * PROA_SEC);
	CHECK_EQ(proa_wall(s.a), wall + 3600 * PROA_SEC);
	proa_world_jump(s.w, "a", -PROA_SEC); /* it never goes back */
	CHECK_EQ(proa_clock(s.a), own + 3600 * PROA_SEC);
	CHECK_EQ(proa_clock(s.b), own);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(!proa_in_flight(&near));
	CHECK(proa_in_flight(&far));
	proa_world_run(s.w, 3598 * PROA_SEC);
	CHECK(proa_in_flight(&far));
	proa_world_run(s.w, 2 * PROA_SEC);
	CHECK(!proa_in_flight(&far));
	bed_close(&s);
}

/* Nothing that waits minds the wall clock. */
TEST(clock_set_wall)
{
	const int64_t year = 365 * 86400 * PROA_SEC;
	proa_op op = {0};
	int64_t wall, from;
	bed s;

	bed_open(&s, NULL);
	wall = proa_wall(s.a);
	from = proa_clock(s.a);
	proa_timer(proa_root(s.a), &op, from + PROA_SEC, NULL);
	proa_world_set_wall(s.w, "a", year);
	CHECK_EQ(proa_wall(s.a), wall + year);
	CHECK_EQ(proa_wall(s.b), wall);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(proa_in_flight(&op));
	proa_world_set_wall(s.w, "a", -2 * year);
	CHECK_EQ(proa_wall(s.a), wall - year + PROA_MSEC);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	CHECK_GE(proa_clock(s.a), from + PROA_SEC);
	CHECK_LE(proa_clock(s.a), from + PROA_SEC + PROA_MSEC);
	bed_close(&s);
}

/* A deadline and an idle time are on the node's own clock. */
TEST(clock_of_deadlines_and_idle_times)
{
	proa_op op = {0};
	char got[4];
	int64_t from;
	link3 l;
	bed s;

	bed_open(&s, NULL);
	bed_link(&s, &l);
	proa_world_drift(s.w, "b", -500000); /* half as fast */
	from = proa_world_now(s.w);
	op.deadline_ns = proa_clock(s.b) + PROA_SEC;
	proa_recv(&l.b, &op, got, 4, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT);
	CHECK_GE(proa_world_now(s.w) - from, 2 * PROA_SEC);
	CHECK_LE(proa_world_now(s.w) - from, 2 * PROA_SEC + PROA_MSEC);
	op.deadline_ns = 0;
	proa_set_idle(&l.b, 3 * PROA_SEC);
	from = proa_world_now(s.w);
	proa_recv(&l.b, &op, got, 4, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), -PROA_ETIMEDOUT);
	CHECK_GE(proa_world_now(s.w) - from, 6 * PROA_SEC - 2 * PROA_MSEC);
	CHECK_LE(proa_world_now(s.w) - from, 6 * PROA_SEC + 10 * PROA_MSEC);
	proa_set_idle(&l.b, PROA_SEC); /* slow but alive: a byte each second of the world's */
	proa_send(&l.a, &op, "x", 1, NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 1);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(bed_recv(&s, &l.b, got, 4), 1);
		proa_world_run(s.w, PROA_SEC);
		CHECK_EQ(bed_send(&s, &l.a, "x", 1), 1);
	}
	bed_unlink(&s, &l);
	bed_close(&s);
}

/* ---- the world's own time ---- */

static void count(void *user)
{
	++*(int *)user;
}

static bool never(void *user)
{
	(void)user;
	return false;
}

static bool reached(void *user)
{
	return *(int *)user >= 2;
}

TEST(world_at_and_until)
{
	int n = 0;
	bed s;

	bed_open(&s, NULL);
	proa_world_run(s.w, PROA_SEC);
	for (int i = 1; i <= 3; i++)
		CHECK_EQ(proa_world_at(s.w, i * 2 * PROA_SEC, count, &n), 0);
	CHECK_EQ(proa_world_at(s.w, 0, count, &n), 0); /* past: now */
	CHECK_EQ(proa_world_until(s.w, reached, &n, 60 * PROA_SEC), 0);
	CHECK_EQ(proa_world_now(s.w), 2 * PROA_SEC);
	CHECK_EQ(proa_world_until(s.w, never, &n, PROA_SEC), -PROA_ETIMEDOUT);
	CHECK_EQ(n, 2);
	CHECK_EQ(proa_world_now(s.w), 3 * PROA_SEC);
	CHECK_EQ(proa_world_until(s.w, never, &n, PROA_SEC), -PROA_ETIMEDOUT);
	CHECK_EQ(n, 3);
	proa_world_run(s.w, 60 * PROA_SEC);
	CHECK_EQ(n, 4);
	bed_close(&s);
}

TEST(world_random_is_its_seeds)
{
	uint64_t first[8];

	for (int i = 0; i < 3; i++) {
		bed s;
		bool same = true;

		bed_world(&s, &(proa_world_options){.seed = i == 2 ? 8 : 7});
		for (int k = 0; k < 8; k++) {
			uint64_t n = proa_world_random(s.w, 1000000);

			CHECK_LT(n, 1000000);
			if (i == 0)
				first[k] = n;
			same = same && first[k] == n;
		}
		CHECK_EQ(proa_world_random(s.w, 1), 0);
		CHECK_EQ(same, i < 2);
		bed_close(&s);
	}
}
