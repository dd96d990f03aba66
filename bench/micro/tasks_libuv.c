/* What blocks, by libuv. */
/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <string.h>
#include <sys/socket.h>
#include <uv.h>

const char px_tasks_name[] = "tasks_libuv";

static uv_loop_t loop;
static px_task task;
static int file;
static uv_fs_t files[PX_TASK_SLOTS];
static uv_work_t works[PX_TASK_SLOTS];
static uv_getaddrinfo_t names[PX_TASK_SLOTS];

void px_tasks_open(const px_micro_args *args)
{
	(void)args;
	if (uv_loop_init(&loop))
		px_bench_fail("uv_loop_init");
}

bool px_tasks_kind(px_task kind, int fd)
{
	task = kind;
	file = fd;
	return true;
}

static void file_done(uv_fs_t *request)
{
	long result = (long)request->result;

	uv_fs_req_cleanup(request);
	px_tasks_done((unsigned)(request - files), result);
}

static void work(uv_work_t *request)
{
	(void)request;
}

static void work_done(uv_work_t *request, int status)
{
	(void)status;
	px_tasks_done((unsigned)(request - works), 0);
}

static void name_done(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	long n = 0;

	for (struct addrinfo *a = status ? NULL : found; a; a = a->ai_next)
		n++;
	uv_freeaddrinfo(found);
	px_tasks_done((unsigned)(request - names), n);
}

void px_tasks_start(unsigned slot)
{
	uv_buf_t buffer = uv_buf_init(px_tasks_buffer(slot), PX_TASK_BYTES);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	switch (task) {
	case PX_TASK_READ:
	case PX_TASK_POOL_READ:
	case PX_TASK_DIRECT_READ:
		uv_fs_read(&loop, &files[slot], file, &buffer, 1, px_tasks_offset(), file_done);
		break;
	case PX_TASK_WRITE:
	case PX_TASK_DIRECT_WRITE:
		uv_fs_write(&loop, &files[slot], file, &buffer, 1, px_tasks_offset(), file_done);
		break;
	case PX_TASK_WORK: uv_queue_work(&loop, &works[slot], work, work_done); break;
	default:
		uv_getaddrinfo(&loop, &names[slot], name_done, px_tasks_host(), "80", &hints);
		break;
	}
}

void px_tasks_run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

void px_tasks_close(void)
{
	uv_loop_close(&loop);
}
