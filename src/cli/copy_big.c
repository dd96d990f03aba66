/* proa copy: a large file in parts, two at a time; so one sees how far it is, too. */
/* SPDX-License-Identifier: MIT */
#include "copy.h"

enum { PART_BYTES = 16 << 20 };

static void on_gone(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	copy_job_end(job, job->failed);
}

/* What was made here and did not become whole goes again, as with a small one. */
static void on_out_closed(proa_handle *out)
{
	copy_job *job = PROA_OF(out, copy_job, out);

	if (job->failed && job->made)
		proa_unlink(proa_root(job->c->loop), &job->op, job->to, on_gone);
	else
		copy_job_end(job, job->failed);
}

static void on_in_closed(proa_handle *in)
{
	proa_close(&PROA_OF(in, copy_job, in)->out, on_out_closed);
}

static void big_end(copy_job *job, int64_t rc)
{
	if (rc < 0 && !job->failed)
		job->failed = rc;
	proa_close(&job->in, on_in_closed);
}

static void on_time(proa_op *op)
{
	big_end(PROA_OF(op, copy_job, op), op->result);
}

static void on_mode(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result < 0)
		big_end(job, op->result);
	else
		proa_utime(&job->out, op, NULL, PROA_TIME_KEEP, job->info.mtime_ns, on_time);
}

static void on_part(proa_op *op);

/* The next one, if there is any. */
static void part_next(copy_part *p)
{
	copy_job *job = p->job;
	int64_t at = job->at, left = job->info.size_bytes - at;

	if (left <= 0 || job->failed)
		return;
	job->at += left < PART_BYTES ? left : PART_BYTES;
	job->parts++;
	proa_copy_range(&job->out, &p->op, &job->in, at, job->at - at, on_part);
}

static void parts_ended(copy_job *job)
{
	if (job->failed)
		big_end(job, job->failed);
	else
		proa_chmod(&job->out, &job->op, NULL, job->info.mode, on_mode);
}

static void on_part(proa_op *op)
{
	copy_part *p = PROA_OF(op, copy_part, op);
	copy_job *job = p->job;

	job->c->bytes += op->count;
	if (op->got & PROA_END)
		job->info.size_bytes = 0; /* it became shorter: there are no more parts */
	if (op->result < 0 && !job->failed)
		job->failed = op->result;
	job->parts--;
	part_next(p);
	if (!job->parts)
		parts_ended(job);
}

static void parts_start(copy_job *job)
{
	for (unsigned i = 0; i < COPY_PARTS; i++) {
		job->part[i].job = job;
		part_next(&job->part[i]);
	}
	if (!job->parts) /* it was stopped meanwhile */
		parts_ended(job);
}

static void on_out_there(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result < 0)
		big_end(job, op->result);
	else
		parts_start(job);
}

static void on_out_open(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	job->made = op->result == 0;
	if (op->result == -PROA_EEXIST)
		proa_file_open(&job->out, op, job->to, PROA_O_WRITE | PROA_O_TRUNC, 0,
		               on_out_there);
	else
		on_out_there(op);
}

static void on_in_open(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);
	unsigned flags = PROA_O_WRITE | PROA_O_CREATE | PROA_O_EXCL;

	if (op->result < 0)
		big_end(job, op->result);
	else
		proa_file_open(&job->out, op, job->to, flags, job->info.mode | 0200, on_out_open);
}

void copy_big_start(copy_job *job)
{
	proa_handle_init(proa_root(job->c->loop), &job->in);
	proa_handle_init(proa_root(job->c->loop), &job->out);
	proa_file_open(&job->in, &job->op, job->from, PROA_O_READ, 0, on_in_open);
}

void copy_big_stop(copy_job *job)
{
	job->failed = -PROA_ECANCELED;
	for (unsigned i = 0; i < COPY_PARTS; i++)
		proa_cancel(&job->part[i].op);
}
