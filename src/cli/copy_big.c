/* proa copy: a large file in parts, so that one sees how far it is. */
/* SPDX-License-Identifier: MIT */
#include "copy.h"

/* One at a time: what copies holds the file's lock, so two take turns, and more of the CPU. */
enum { PART_BYTES = 32 << 20, MODE_KEPT = 01777 };

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

/* The next one, or the end. */
static void part_next(copy_job *job)
{
	if (job->failed)
		big_end(job, job->failed);
	else if (job->at < job->info.size_bytes)
		proa_copy_range(&job->out, &job->op, &job->in, job->at, PART_BYTES, on_part);
	else
		proa_chmod(&job->out, &job->op, NULL, job->info.mode & MODE_KEPT, on_mode);
}

static void on_part(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	job->at += op->count;
	job->c->bytes += op->count;
	if (op->got & PROA_END)
		job->info.size_bytes = job->at; /* it became shorter */
	if (op->result < 0 && !job->failed)
		job->failed = op->result;
	part_next(job);
}

static void on_out_there(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result < 0)
		big_end(job, op->result);
	else
		part_next(job);
}

/* What is written over must be a file, and another one. */
static void on_out_known(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);
	const proa_stat_info *there = &job->there;

	job->same = op->result == 0 && there->ino == job->info.ino && there->dev == job->info.dev;
	if (op->result < 0)
		big_end(job, op->result);
	else if (job->same)
		big_end(job, -PROA_EINVAL);
	else if (there->type != PROA_S_FILE)
		big_end(job, there->type == PROA_S_DIR ? -PROA_EISDIR : -PROA_ENOTSUP);
	else
		proa_file_open(&job->out, op, job->to, PROA_O_WRITE | PROA_O_TRUNC, 0,
		               on_out_there);
}

static void on_out_open(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	job->made = op->result == 0;
	if (op->result == -PROA_EEXIST)
		proa_stat(proa_root(job->c->loop), op, job->to, &job->there, on_out_known);
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
		proa_file_open(&job->out, op, job->to, flags, (job->info.mode & MODE_KEPT) | 0200,
		               on_out_open);
}

void copy_big_start(copy_job *job)
{
	proa_handle_init(proa_root(job->c->loop), &job->in);
	proa_handle_init(proa_root(job->c->loop), &job->out);
	proa_file_open(&job->in, &job->op, job->from, PROA_O_READ, 0, on_in_open);
}
