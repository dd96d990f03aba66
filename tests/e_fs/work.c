/* Work on threads: results, lanes, bounds, cancelling, closing, sharing. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "host_file.h"

#include <stdatomic.h>

static unsigned long long ran_on;

static int64_t work_seven(proa_op *op)
{
	(void)op;
	ran_on = host_thread_id();
	return 7;
}

TEST(work_runs_elsewhere)
{
	LOOP(loop);
	rec r = {0};

	SUBMIT(proa_work, proa_root(loop), &r, NULL, work_seven);
	CHECK_EQ(kit_await(loop, &r), 7);
	CHECK_NE(ran_on, host_thread_id());
	CHECK_EQ(r.got, 0);
	CHECK(r.buf == NULL);
	kit_close(&loop);
}

static int64_t work_error(proa_op *op)
{
	(void)op;
	return -PROA_EIO;
}

TEST(work_tells_errors)
{
	LOOP(loop);
	rec r = {0};

	SUBMIT(proa_work, proa_root(loop), &r, NULL, work_error);
	CHECK_EQ(kit_await(loop, &r), -PROA_EIO);
	kit_close(&loop);
}

static int64_t work_count(proa_op *op)
{
	rec *r = (rec *)op;

	atomic_fetch_add((atomic_long *)r->ctx, 1);
	return (int64_t)(r->order = 0);
}

TEST(work_many)
{
	enum { N = 2000 };
	static rec r[N];
	atomic_long ran = 0;
	int n = TEST_TIMES(N);

	LOOP(loop);
	memset(r, 0, sizeof r);
	for (int i = 0; i < n; i++) {
		r[i].ctx = &ran;
		SUBMIT(proa_work, proa_root(loop), &r[i], NULL, work_count);
	}
	for (int i = 0; i < n; i++)
		CHECK_EQ(kit_await(loop, &r[i]), 0);
	CHECK_EQ(ran, n);
	kit_close(&loop);
}

/* ---- cancelling ---- */

static proa_workers *one_thread_each(unsigned queue_max)
{
	proa_workers_options o = {.threads = {1, 1, 1},
	                          .queue_max = {queue_max, queue_max, queue_max}};
	proa_workers *w;

	CHECK_EQ(proa_workers_open(&w, &o), 0);
	return w;
}

static proa_loop *open_with(proa_workers *w)
{
	return kit_open(&(proa_loop_options){.workers = w});
}

TEST(work_cancelled_before_start)
{
	proa_workers *w = one_thread_each(0);
	proa_loop *loop = open_with(w);
	rec r[3] = {0};
	atomic_long ran = 0;
	gate *g;

	if (loop) {
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		for (int i = 0; i < 3; i++) {
			r[i].ctx = &ran;
			SUBMIT(proa_work, proa_root(loop), &r[i], NULL, work_count);
		}
		proa_cancel(&r[1].op);
		CHECK_EQ(kit_await(loop, &r[1]), -PROA_ECANCELED);
		CHECK_EQ(ran, 0);
		gate_open(loop, g);
		CHECK_EQ(kit_await(loop, &r[0]), 0);
		CHECK_EQ(kit_await(loop, &r[2]), 0);
		CHECK_EQ(ran, 2);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
	CHECK(!w);
}

static atomic_bool asked_runs;

static int64_t work_until_asked(proa_op *op)
{
	atomic_store(&asked_runs, true);
	while (!proa_work_cancelled(op))
		host_yield();
	return 3;
}

TEST(work_asked_while_it_runs)
{
	LOOP(loop);
	rec r = {0};

	atomic_store(&asked_runs, false);
	SUBMIT(proa_work, proa_root(loop), &r, NULL, work_until_asked);
	UNTIL(loop, atomic_load(&asked_runs));
	proa_cancel(&r.op);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), 3); /* what it achieved */
	kit_close(&loop);
}

TEST(work_deadline)
{
	LOOP(loop);
	rec r = {0}, queued = {0}, past = {0};
	gate *g;

	atomic_store(&asked_runs, false);
	SUBMIT(proa_work, proa_root(loop), &r, NULL, work_until_asked);
	UNTIL(loop, atomic_load(&asked_runs));
	proa_deadline(&r.op, proa_in(loop, 10 * PROA_MSEC));
	CHECK_EQ(kit_await(loop, &r), 3);
	past.op.deadline_ns = PROA_POLL;
	SUBMIT(proa_work, proa_root(loop), &past, NULL, work_seven);
	CHECK_EQ(kit_await(loop, &past), -PROA_ETIMEDOUT);
	kit_close(&loop);

	proa_workers *w = one_thread_each(0);
	if ((loop = open_with(w))) {
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		queued.op.deadline_ns = proa_in(loop, 10 * PROA_MSEC);
		SUBMIT(proa_work, proa_root(loop), &queued, NULL, work_seven);
		CHECK_EQ(kit_await(loop, &queued), -PROA_ETIMEDOUT);
		gate_open(loop, g);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

/* Owner, running and waiting tasks: the close is told last. */
TEST(work_owner_closes)
{
	proa_workers *w = one_thread_each(0);
	proa_loop *loop = open_with(w);
	proa_handle owner = {0};
	rec run = {0}, wait[3] = {0};

	if (loop) {
		proa_handle_init(proa_root(loop), &owner);
		atomic_store(&asked_runs, false);
		SUBMIT(proa_work, &owner, &run, NULL, work_until_asked);
		for (int i = 0; i < 3; i++)
			SUBMIT(proa_work, &owner, &wait[i], NULL, work_seven);
		UNTIL(loop, atomic_load(&asked_runs));
		kit_end(loop, &owner);
		CHECK_EQ(run.result, 3);
		for (int i = 0; i < 3; i++)
			CHECK(wait[i].result == -PROA_ECANCELED ||
			      wait[i].result == 7); /* a race */
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

TEST(work_bounded)
{
	proa_workers *w = one_thread_each(2);
	proa_loop *loop = open_with(w);
	rec r[4] = {0};
	atomic_long ran = 0;
	gate *g;

	if (loop) {
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		for (int i = 0; i < 4; i++) {
			r[i].ctx = &ran;
			if (i == 3)
				proa_cancel(&r[0].op); /* makes room */
			SUBMIT(proa_work, proa_root(loop), &r[i], NULL, work_count);
		}
		CHECK_EQ(kit_await(loop, &r[2]), -PROA_EFULL);
		gate_open(loop, g);
		CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
		CHECK_EQ(kit_await(loop, &r[1]), 0);
		CHECK_EQ(kit_await(loop, &r[3]), 0);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

/* So do tasks that a strand holds, when they are cancelled. */
TEST(work_bounded_also_in_a_strand)
{
	proa_workers *w = one_thread_each(3);
	proa_loop *loop = open_with(w);
	proa_strand strand = {{0}};
	rec r[4] = {0}, again[4] = {0};
	atomic_long ran = 0;
	gate *g;

	if (loop) {
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		for (int i = 0; i < 4; i++) {
			r[i].ctx = again[i].ctx = &ran;
			SUBMIT(proa_work, proa_root(loop), &r[i], &strand, work_count);
		}
		CHECK_EQ(kit_await(loop, &r[3]), -PROA_EFULL);
		for (int i = 2; i >= 0; i--)
			proa_cancel(&r[i].op);
		for (int i = 0; i < 4; i++)
			SUBMIT(proa_work, proa_root(loop), &again[i], &strand, work_count);
		CHECK_EQ(kit_await(loop, &again[3]), -PROA_EFULL);
		gate_open(loop, g);
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(kit_await(loop, &r[i]), -PROA_ECANCELED);
			CHECK_EQ(kit_await(loop, &again[i]), 0);
		}
		CHECK_EQ(atomic_load(&ran), 3);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

/* ---- lanes ---- */

static void file_reads(proa_loop *loop)
{
	proa_handle file = {0};
	rec open = {0}, read = {0};
	char buf[16];

	proa_handle_init(proa_root(loop), &file);
	SUBMIT(proa_file_open, &file, &open, host_path_zeros(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &open), 0);
	SUBMIT(proa_read, &file, &read, buf, sizeof buf, 0);
	CHECK_EQ(kit_await(loop, &read), sizeof buf);
	kit_end(loop, &file);
}

static void work_computes(proa_loop *loop)
{
	rec work = {0};

	SUBMIT(proa_work, proa_root(loop), &work, NULL, work_seven);
	CHECK_EQ(kit_await(loop, &work), 7);
}

static void name_resolves(proa_loop *loop)
{
	proa_resolve_request q = {.name = "localhost", .how = PROA_DNS_POOL};
	rec r = {0};

	SUBMIT(proa_resolve, proa_root(loop), &r, &q);
	CHECK_GT(kit_await(loop, &r), 0);
}

/* Every thread of one lane hangs: the other two do not notice. */
TEST(work_lanes_apart)
{
	static void (*const goes_on[])(proa_loop *) = {
		[PROA_LANE_CPU] = work_computes,
		[PROA_LANE_FILES] = file_reads,
		[PROA_LANE_DNS] = name_resolves,
	};
	proa_workers *w = one_thread_each(0);
	proa_loop *loop = open_with(w);

	for (unsigned hangs = 0; loop && hangs < 3; hangs++) {
		gate *g = gate_shut(loop, (proa_lane)hangs, 1);

		for (unsigned other = 1; other < 3; other++)
			goes_on[(hangs + other) % 3](loop);
		gate_open(loop, g);
		goes_on[hangs](loop);
	}
	if (loop)
		kit_close(&loop);
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

static int64_t lane_runs(proa_op *op)
{
	atomic_store((atomic_bool *)((rec *)op)->ctx, true);
	return 0;
}

/* The same for the program's own tasks, and each lane has its own bound. */
TEST(work_in_lanes_apart)
{
	proa_workers *w = one_thread_each(1);
	proa_loop *loop = open_with(w);

	for (unsigned hangs = 0; loop && hangs < 3; hangs++) {
		gate *g = gate_shut(loop, (proa_lane)hangs, 1);
		rec behind = {0}, full = {0};
		atomic_bool ran = false;

		behind.ctx = &ran;
		SUBMIT(proa_work_in, proa_root(loop), &behind, (proa_lane)hangs, NULL, lane_runs);
		SUBMIT(proa_work_in, proa_root(loop), &full, (proa_lane)hangs, NULL, work_seven);
		CHECK_EQ(kit_await(loop, &full), -PROA_EFULL);
		for (unsigned other = 1; other < 3; other++) {
			proa_lane lane = (proa_lane)((hangs + other) % 3);
			rec r = {0};

			SUBMIT(proa_work_in, proa_root(loop), &r, lane, NULL, work_seven);
			CHECK_EQ(kit_await(loop, &r), 7);
		}
		CHECK(proa_in_flight(&behind.op) && !atomic_load(&ran));
		gate_open(loop, g);
		CHECK_EQ(kit_await(loop, &behind), 0);
		CHECK(atomic_load(&ran));
	}
	if (loop)
		kit_close(&loop);
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

/* ---- pools ---- */

TEST(workers_options)
{
	proa_workers *w = NULL;

	CHECK_EQ(proa_workers_open(&w, NULL), 0);
	CHECK_EQ(proa_workers_close(&w, 0), 0);
	CHECK_EQ(proa_workers_close(&w, 0), 0);
	CHECK_EQ(proa_workers_open(&w, &(proa_workers_options){.size = 1}), -PROA_ESIZES);
	CHECK_EQ(proa_workers_open(&w, &(proa_workers_options){.threads = {100000}}), -PROA_EINVAL);
	CHECK(!w);
}

/* A close that a task outlives: what the pool has is run, what comes then is told so. */
TEST(workers_close_in_time)
{
	proa_workers *w = one_thread_each(0);
	proa_loop *loop = open_with(w);
	rec queued = {0}, late = {0}, file = {0};
	proa_stat_info info;
	gate *g;

	if (loop) {
		SUBMIT(proa_stat, proa_root(loop), &file, ".", &info); /* there is a thread ... */
		CHECK_EQ(kit_await(loop, &file), 0); /* ... of another lane, which ends at once */
		file = (rec){0};
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		SUBMIT(proa_work, proa_root(loop), &queued, NULL, work_seven);
		CHECK_EQ(proa_workers_close(&w, proa_clock(loop) + 20 * PROA_MSEC),
		         -PROA_ETIMEDOUT);
		REQUIRE(w != NULL);
		SUBMIT(proa_work, proa_root(loop), &late, NULL, work_seven);
		CHECK_EQ(kit_await(loop, &late), -PROA_ESTOPPED);
		SUBMIT(proa_stat, proa_root(loop), &file, ".", &info);
		CHECK_EQ(kit_await(loop, &file), -PROA_ESTOPPED);
		CHECK(proa_in_flight(&queued.op));
		gate_open(loop, g);
		CHECK_EQ(kit_await(loop, &queued), 7);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
	CHECK(!w);
}

TEST(work_no_memory)
{
	LOOP(loop);
	rec r = {0}, again = {0};

	kit_mem.fail_at = kit_mem.calls + 1;
	SUBMIT(proa_work, proa_root(loop), &r, NULL, work_seven);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOMEM);
	SUBMIT(proa_work, proa_root(loop), &again, NULL, work_seven);
	CHECK_EQ(kit_await(loop, &again), 7);
	kit_close(&loop);
}

/* A task that cannot be cancelled outlives a close with a deadline; the next close succeeds. */
TEST(work_outlives_close)
{
	LOOP(loop);
	gate *g = gate_shut(loop, PROA_LANE_FILES, 1);

	CHECK_EQ(proa_loop_close(&loop, proa_clock(loop) + 20 * PROA_MSEC), -PROA_ETIMEDOUT);
	REQUIRE(loop != NULL);
	gate_open(loop, g);
	kit_close(&loop);
}

/* The child of a fork has no threads: it closes what it inherited, and nothing waits for them. */
static struct {
	proa_workers *workers;
	proa_loop *loop, *other;
} inherited;

static int child_closes(const char *unused)
{
	(void)unused;
	return proa_loop_close(&inherited.other, 0) || proa_loop_close(&inherited.loop, 0) ||
	       proa_workers_close(&inherited.workers, 0);
}

TEST(workers_in_a_forked_child)
{
	rec shared_work = {0}, own_work = {0};
	proa_loop *loop, *other;
	proa_workers *w;
	host_child child;

	NEED(HOST_FORK);
	REQUIRE(proa_workers_open(&w, NULL) == 0);
	if ((loop = kit_open(&(proa_loop_options){.workers = w}))) {
		CHECK_EQ(proa_loop_open(&other, &(proa_loop_options){.backend = test_backend}), 0);
		SUBMIT(proa_work, proa_root(loop), &shared_work, NULL, work_seven);
		CHECK_EQ(kit_await(loop, &shared_work), 7);
		proa_work(proa_root(other), &own_work.op, NULL, work_seven, NULL);
		CHECK_EQ(proa_await(other, &own_work.op), 7);
		inherited.workers = w;
		inherited.loop = loop;
		inherited.other = other;
		CHECK(host_child_start(&child, child_closes, ""));
		CHECK_EQ(host_child_wait(&child), 0);
		CHECK_EQ(proa_loop_close(&other, 0), 0);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

typedef struct sharer {
	proa_workers *workers;
	int n, done;
} sharer;

static int64_t work_nothing(proa_op *op)
{
	(void)op;
	return 1;
}

static void shared_done(proa_op *op)
{
	sharer *s = op->user;

	s->done += (int)op->result;
	if (s->done < s->n)
		proa_work(proa_op_handle(op), op, NULL, work_nothing, shared_done);
}

/* Opens, uses and closes loops one after another: the last task's worker may still be waking one as
 * it goes. */
static void *share(void *arg)
{
	sharer *s = arg;

	for (int i = 0; i < 20; i++) {
		proa_op op = {.user = s};
		proa_loop *loop;

		s->done = 0;
		if (proa_loop_open(&loop, &(proa_loop_options){.backend = test_backend,
		                                               .workers = s->workers}) < 0)
			return NULL;
		proa_work(proa_root(loop), &op, NULL, work_nothing, shared_done);
		CHECK_EQ(proa_run(loop), 0);
		CHECK_EQ(s->done, s->n);
		CHECK_EQ(proa_loop_close(&loop, 0), 0);
	}
	return NULL;
}

TEST(workers_shared)
{
	enum { LOOPS = 3 };
	sharer s[LOOPS];
	host_thread t[LOOPS];
	proa_workers *w;

	REQUIRE(proa_workers_open(&w, NULL) == 0);
	for (int i = 0; i < LOOPS; i++) {
		s[i] = (sharer){.workers = w, .n = 50};
		REQUIRE(host_thread_start(&t[i], share, &s[i]));
	}
	for (int i = 0; i < LOOPS; i++)
		host_thread_join(&t[i]);
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}
