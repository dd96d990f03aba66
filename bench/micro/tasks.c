/* What blocks: files, a pool of threads, names; one at a time, and sixteen under way. */
/* SPDX-License-Identifier: MIT */
#include "tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BLOCKS = 4096, NAMES_SHARE = 20 }; /* 16 MiB; a look-up takes so many reads' time */

static const char *const kind_names[PX_TASK_KINDS] = {
	"read", "write", "direct_read", "direct_write", "pool_read", "work", "literal", "name"};

static struct {
	px_task kind;
	size_t left, under_way;
	uint64_t chance;
	char *buffers;
	unsigned queue[PX_TASK_SLOTS], queued;
} run;

static bool kind_is_file(px_task kind)
{
	return kind <= PX_TASK_POOL_READ;
}

void *px_tasks_buffer(unsigned slot)
{
	return run.buffers + (size_t)slot * PX_TASK_BYTES;
}

int64_t px_tasks_offset(void)
{
	return (int64_t)(px_micro_random(&run.chance) % FILE_BLOCKS) * PX_TASK_BYTES;
}

const char *px_tasks_host(void)
{
	return run.kind == PX_TASK_NAME ? "localhost" : "127.0.0.1";
}

void px_tasks_queue(unsigned slot)
{
	run.queue[run.queued++] = slot;
}

bool px_tasks_next(unsigned *slot)
{
	if (!run.queued)
		return false;
	*slot = run.queue[0];
	memmove(run.queue, run.queue + 1, --run.queued * sizeof *run.queue);
	return true;
}

void px_tasks_done(unsigned slot, long result)
{
	if (kind_is_file(run.kind) && result != PX_TASK_BYTES)
		px_bench_fail("a read or write was not whole");
	if ((run.kind == PX_TASK_LITERAL || run.kind == PX_TASK_NAME) && result < 1)
		px_bench_fail("a name has no address");
	run.under_way--;
	if (run.left) {
		run.left--;
		run.under_way++;
		px_tasks_start(slot);
	}
}

static double tasks_run(size_t count, unsigned depth)
{
	int64_t start = px_bench_now_ns();

	run.left = count;
	for (unsigned slot = 0; slot < depth && run.left; slot++) {
		run.left--;
		run.under_way++;
		px_tasks_start(slot);
	}
	px_tasks_run();
	if (run.left || run.under_way)
		px_bench_fail("not every task was done");
	return (double)(px_bench_now_ns() - start) / (double)count;
}

/* The kernel's own threads for what a ring could not do at once. */
static unsigned ring_workers(void)
{
	DIR *threads = opendir("/proc/self/task");
	unsigned n = 0;
	struct dirent *e;

	while (threads && (e = readdir(threads))) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
		if (!(file = fopen(path, "r")))
			continue;
		n += fgets(name, sizeof name, file) && !strncmp(name, "iou-wrk", 7);
		fclose(file);
	}
	if (threads)
		closedir(threads);
	return n;
}

static void kind_measure(px_task kind, size_t count)
{
	static const unsigned depths[] = {1, PX_TASK_SLOTS};
	char name[40];

	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		tasks_run(count / 10 + 1, depths[i]); /* threads start, memory comes */
		snprintf(name, sizeof name, "%s_%u_ns", kind_names[kind], depths[i]);
		px_micro_figure(name, tasks_run(count, depths[i]));
	}
	if (kind == PX_TASK_READ)
		px_micro_figure("read_kernel_threads", ring_workers());
}

/* -1 with errno: this file system does not take it. The file has no name any more. */
static int file_open(const char *folder, bool direct)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/proa-micro-%ld", folder, (long)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);
	if (fd < 0)
		return -1;
	unlink(path);
	for (int64_t i = 0; i < FILE_BLOCKS; i++) {
		if (pwrite(fd, run.buffers, PX_TASK_BYTES, i * PX_TASK_BYTES) == PX_TASK_BYTES)
			continue;
		close(fd);
		return -1;
	}
	return fd;
}

static void kind_run(px_task kind, const px_micro_args *args)
{
	bool direct = kind == PX_TASK_DIRECT_READ || kind == PX_TASK_DIRECT_WRITE;
	int fd = -1;

	if (kind_is_file(kind) && (fd = file_open(args->path, direct)) < 0) {
		if (!direct)
			px_bench_die(args->path, errno);
		fprintf(stderr, "%s: no O_DIRECT in %s: %s\n", px_tasks_name, args->path,
		        strerror(errno));
		return;
	}
	run.kind = kind;
	if (px_tasks_kind(kind, fd))
		kind_measure(kind, kind_is_file(kind) || kind == PX_TASK_WORK
		                           ? args->count
		                           : args->count / NAMES_SHARE + 1);
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 20000);

	run.buffers = aligned_alloc(PX_TASK_BYTES, PX_TASK_SLOTS * PX_TASK_BYTES);
	if (!run.buffers)
		px_bench_die("memory", ENOMEM);
	memset(run.buffers, 'p', PX_TASK_SLOTS * PX_TASK_BYTES);
	px_micro_begin(px_tasks_name);
	px_micro_figure("count", (double)args.count);
	px_tasks_open(&args);
	for (px_task kind = 0; kind < PX_TASK_KINDS; kind++)
		if (!args.only || !strcmp(args.only, kind_names[kind]))
			kind_run(kind, &args);
	px_tasks_close();
	px_micro_end();
	return 0;
}
