/* What blocks, by proa. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"
#include "tasks.h"

const char px_tasks_name[] = "tasks_proa";

static struct {
	proa_loop *loop;
	proa_handle files[PX_TASK_KINDS], *file;
	px_task kind;
	proa_op ops[PX_TASK_SLOTS];
	proa_resolve_request requests[PX_TASK_SLOTS];
	proa_vec pieces[PX_TASK_SLOTS];
} run;

void px_tasks_open(const px_micro_args *args)
{
	proa_loop_options options = {.backend = args->backend};

	if (proa_loop_open(&run.loop, &options) < 0)
		px_bench_fail("proa_loop_open");
}

bool px_tasks_kind(px_task kind, int fd)
{
	run.kind = kind;
	if (fd < 0)
		return true;
	run.file = &run.files[kind];
	proa_handle_init(proa_root(run.loop), run.file);
	proa_adopt_os(run.file, fd, PROA_FILE);
	return true;
}

static void task_done(proa_op *op)
{
	px_tasks_done((unsigned)(op - run.ops), (long)op->result);
}

static int64_t work(proa_op *op)
{
	(void)op;
	return 0;
}

void px_tasks_start(unsigned slot)
{
	proa_vec *piece = &run.pieces[slot];
	proa_op *op = &run.ops[slot];
	proa_resolve_request *request = &run.requests[slot];

	switch (run.kind) {
	case PX_TASK_READ:
	case PX_TASK_DIRECT_READ:
		proa_read(run.file, op, px_tasks_buffer(slot), PX_TASK_BYTES, px_tasks_offset(),
		          task_done);
		break;
	case PX_TASK_POOL_READ: /* pieces are a worker's where they are not the backend's */
		*piece = (proa_vec){px_tasks_buffer(slot), PX_TASK_BYTES};
		proa_readv(run.file, op, piece, 1, px_tasks_offset(), task_done);
		break;
	case PX_TASK_WRITE:
	case PX_TASK_DIRECT_WRITE:
		proa_write(run.file, op, px_tasks_buffer(slot), PX_TASK_BYTES, px_tasks_offset(),
		           task_done);
		break;
	case PX_TASK_WORK: proa_work(proa_root(run.loop), op, NULL, work, task_done); break;
	default:
		*request = (proa_resolve_request){.name = px_tasks_host(), .service = "80"};
		proa_resolve(proa_root(run.loop), op, request, task_done);
		break;
	}
}

void px_tasks_run(void)
{
	proa_run(run.loop);
}

void px_tasks_close(void)
{
	proa_loop_close(&run.loop, 0);
}
