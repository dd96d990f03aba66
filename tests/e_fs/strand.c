/* Strands: in order, never two at once. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct line {
	proa_strand strand;
	proa_lane lane;
	atomic_int inside;
	atomic_int next; /* the number that must run next */
	int told;        /* the number that must be told next; the loop's thread */
	bool overlapped, disordered;
	int plain; /* no atomic: the strand alone keeps it whole */
} line;

typedef struct job {
	rec r; /* first */
	line *line;
	int number;
} job;

static int64_t job_run(proa_op *op)
{
	job *j = (job *)op;
	line *l = j->line;

	if (atomic_fetch_add(&l->inside, 1))
		l->overlapped = true;
	if (atomic_fetch_add(&l->next, 1) != j->number)
		l->disordered = true;
	l->plain++;
	if (j->number % 50 == 0) /* lasts, so that another one would be seen */
		host_sleep_us(500);
	atomic_fetch_sub(&l->inside, 1);
	return j->number;
}

static void job_told(rec *r)
{
	job *j = (job *)r;

	CHECK_EQ(j->line->told++, j->number);
}

static void lines_submit(proa_loop *loop, line *lines, job *jobs, int n_lines, int each)
{
	for (int i = 0; i < n_lines * each; i++) {
		job *j = &jobs[i];

		j->line = &lines[i % n_lines];
		j->number = i / n_lines;
		j->r.then = job_told;
		SUBMIT(proa_work_in, proa_root(loop), &j->r, j->line->lane, &j->line->strand,
		       job_run);
	}
}

/* Several strands, all in one lane or each in its own. */
static void order_is_kept(bool lanes, int each)
{
	enum { LINES = 3, THREADS = 4 };
	proa_workers_options o = {.threads = {THREADS, THREADS, THREADS}};
	line lines[LINES];
	job *jobs = calloc((size_t)(LINES * each), sizeof *jobs);
	proa_workers *w;
	proa_loop *loop;

	memset(lines, 0, sizeof lines);
	for (int i = 0; lanes && i < LINES; i++)
		lines[i].lane = (proa_lane)i;
	CHECK_EQ(proa_workers_open(&w, &o), 0);
	if ((loop = kit_open(&(proa_loop_options){.workers = w}))) {
		lines_submit(loop, lines, jobs, LINES, each);
		for (int i = 0; i < LINES; i++) {
			UNTIL(loop, lines[i].told == each);
			CHECK_EQ(lines[i].plain, each);
			CHECK(!lines[i].overlapped && !lines[i].disordered);
		}
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
	free(jobs);
}

TEST(strand_order)
{
	order_is_kept(false, 1000);
}

TEST(strand_order_in_each_lane)
{
	order_is_kept(true, 300);
}

/* Taken out of the middle, off the head of the queue, and off the end: the others go on in order.
 */
TEST(strand_cancel)
{
	enum { N = 6 };
	proa_workers *w;
	proa_loop *loop;
	line l;
	job j[N];
	gate *g;

	memset(&l, 0, sizeof l);
	memset(j, 0, sizeof j);
	CHECK_EQ(proa_workers_open(&w, &(proa_workers_options){.threads = {1}}), 0);
	if ((loop = kit_open(&(proa_loop_options){.workers = w}))) {
		g = gate_shut(loop, PROA_LANE_CPU, 1);
		for (int i = 0; i < N; i++) {
			j[i].line = &l;
			SUBMIT(proa_work, proa_root(loop), &j[i].r, &l.strand, job_run);
		}
		proa_cancel(&j[0].r.op);
		proa_cancel(&j[2].r.op);
		proa_cancel(&j[5].r.op);
		j[1].number = 0;
		j[3].number = 1;
		j[4].number = 2;
		gate_open(loop, g);
		for (int i = 0; i < N; i++)
			kit_await(loop, &j[i].r);
		CHECK_EQ(l.plain, 3);
		CHECK(!l.disordered);
		CHECK_EQ(j[0].r.result, -PROA_ECANCELED);
		CHECK_EQ(j[1].r.result, 0);
		CHECK_EQ(j[2].r.result, -PROA_ECANCELED);
		CHECK_EQ(j[4].r.result, 2);
		CHECK(j[1].r.order < j[3].r.order && j[3].r.order < j[4].r.order);
		kit_close(&loop);
	}
	CHECK_EQ(proa_workers_close(&w, 0), 0);
}

/* Each strand is freed as soon as its last task is told, which is when nobody may touch it any
 * more. */
static void strand_over(rec *r)
{
	free(r->ctx);
	r->ctx = NULL;
}

static int64_t run_nothing(proa_op *op)
{
	(void)op;
	return 0;
}

TEST(strand_freed_at_the_end)
{
	enum { N = 200 };
	static rec r[N];

	LOOP(loop);
	memset(r, 0, sizeof r);
	for (int i = 0; i < N; i++) {
		r[i].ctx = calloc(1, sizeof(proa_strand));
		r[i].then = strand_over;
		SUBMIT(proa_work, proa_root(loop), &r[i], r[i].ctx, run_nothing);
	}
	for (int i = 0; i < N; i++)
		kit_await(loop, &r[i]);
	kit_close(&loop);
}
