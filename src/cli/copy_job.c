/* proa copy: one file or link after another, many under way. */
/* SPDX-License-Identifier: MIT */
#include "copy.h"

#include <stdlib.h>
#include <string.h>

enum { BIG_BYTES = 32 << 20, LINK_BYTES = 4096 };

copy_job *copy_job_new(copy *c, const char *from, const char *to, const proa_stat_info *info)
{
	size_t from_len = strlen(from) + 1, to_len = strlen(to) + 1;
	copy_job *job = copy_memory(sizeof *job + from_len + to_len);

	job->c = c;
	job->info = *info;
	memcpy(job->text, from, from_len);
	memcpy(job->text + from_len, to, to_len);
	job->from = job->text;
	job->to = job->text + from_len;
	return job;
}

/* ---- links: read, made, and what is there made way for once ---- */

static void on_linked(proa_op *op);

static void on_unlinked(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result < 0) {
		copy_job_end(job, op->result);
		return;
	}
	job->replaced = true;
	proa_symlink(proa_root(job->c->loop), op, job->link, job->to, on_linked);
}

static void on_linked(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result == -PROA_EEXIST && !job->replaced)
		proa_unlink(proa_root(job->c->loop), op, job->to, on_unlinked);
	else
		copy_job_end(job, op->result);
}

static void on_link_read(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result < 0)
		copy_job_end(job, op->result);
	else
		proa_symlink(proa_root(job->c->loop), op, job->link, job->to, on_linked);
}

/* ---- starting and ending ---- */

static void on_copied(proa_op *op)
{
	copy_job *job = PROA_OF(op, copy_job, op);

	if (op->result > 0)
		job->c->bytes += op->result;
	job->same = op->result == -PROA_EINVAL &&
	            !op->sys_error; /* it is not the system that says so */
	copy_job_end(job, op->result);
}

static void job_start(copy_job *job)
{
	proa_handle *root = proa_root(job->c->loop);

	job->slot = job->c->flying++;
	job->c->flight[job->slot] = job;
	if (job->info.type == PROA_S_LINK) {
		job->link = copy_memory(LINK_BYTES);
		proa_readlink(root, &job->op, job->from, job->link, LINK_BYTES, on_link_read);
	} else if (job->info.size_bytes >= BIG_BYTES) {
		copy_big_start(job);
	} else {
		proa_copy_file(root, &job->op, job->from, job->to, PROA_COPY_ATTRS, on_copied);
	}
}

static void jobs_start(copy *c)
{
	while (c->first && c->flying < COPY_FLYING) {
		copy_job *job = c->first;

		c->first = job->next;
		if (!c->first)
			c->last = &c->first;
		c->queued--;
		job_start(job);
	}
	if (c->held && !c->making && c->queued < COPY_QUEUE_MOST / 2) {
		c->held = false;
		proa_resume(&c->walk);
	}
}

void copy_job_add(copy *c, copy_job *job)
{
	*c->last = job;
	c->last = &job->next;
	c->queued++;
	c->files_found++;
	c->bytes_found += job->info.type == PROA_S_FILE ? job->info.size_bytes : 0;
	jobs_start(c);
}

static void job_failed(copy_job *job, int64_t rc)
{
	if (job->same)
		copy_refused(job->c, "'%s' and '%s' are the same file", job->from, job->to);
	else if (rc == -PROA_ENOTSUP)
		copy_refused(job->c, "cannot copy '%s' over '%s', which is no file", job->from,
		             job->to);
	else
		copy_failed(job->c, job->from, job->to, rc);
}

void copy_job_end(copy_job *job, int64_t rc)
{
	copy *c = job->c;
	copy_job *last = c->flight[--c->flying];

	if (rc >= 0)
		c->files++;
	else if (!c->stopped || rc != -PROA_ECANCELED)
		job_failed(job, rc);
	last->slot = job->slot;
	c->flight[job->slot] = last;
	free(job->link);
	free(job);
	jobs_start(c);
}

void copy_jobs_stop(copy *c)
{
	while (c->first) {
		copy_job *job = c->first;

		c->first = job->next;
		free(job);
	}
	c->last = &c->first;
	c->queued = 0;
	for (unsigned i = 0; i < c->flying; i++) {
		c->flight[i]->failed = -PROA_ECANCELED; /* of a large one there are no more parts */
		proa_cancel(&c->flight[i]->op);
	}
}
