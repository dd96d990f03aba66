/* 4 KiB reads by the pool of threads, alone and beside look-ups whose resolver never answers. */
/* SPDX-License-Identifier: MIT */
#include "micro.h"
#include "proa.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 16, BYTES = 4096, BLOCKS = 4096, HUNG = 4, ROUNDS = 9 };

static struct {
	proa_loop *loop;
	proa_handle file;
	proa_op reads[SLOTS], names[HUNG];
	proa_vec pieces[SLOTS];
	proa_resolve_request requests[HUNG];
	char *buffers;
	size_t left;
	unsigned reading, asking;
	uint64_t chance;
} run;

/* ---- the resolver, in place of the system's ---- */

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned inside;
static bool open_now;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
	(void)name;
	(void)service;
	(void)hints;
	*out = NULL;
	pthread_mutex_lock(&door);
	inside++;
	pthread_cond_broadcast(&moved);
	while (!open_now)
		pthread_cond_wait(&moved, &door);
	inside--;
	pthread_mutex_unlock(&door);
	return EAI_NONAME;
}

static void on_name(proa_op *op)
{
	if (op->result >= 0)
		px_bench_fail("a resolver without names found one");
	run.asking--;
}

static void names_hang(void)
{
	pthread_mutex_lock(&door);
	open_now = false;
	pthread_mutex_unlock(&door);
	for (unsigned i = 0; i < HUNG; i++) {
		run.requests[i] = (proa_resolve_request){.name = "hangs.test",
		                                         .how = PROA_DNS_POOL};
		run.asking++;
		proa_resolve(proa_root(run.loop), &run.names[i], &run.requests[i], on_name);
	}
	proa_run_once(run.loop, PROA_POLL);
	pthread_mutex_lock(&door);
	while (!inside) /* the lane may be narrower than there are look-ups: the others wait in it
	                 */
		pthread_cond_wait(&moved, &door);
	pthread_mutex_unlock(&door);
}

static void names_end(void)
{
	pthread_mutex_lock(&door);
	open_now = true;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&door);
	while (run.asking)
		proa_run_once(run.loop, 0);
}

/* ---- the reads ---- */

static void on_read(proa_op *op);

static void read_start(unsigned slot)
{
	int64_t at = (int64_t)(px_micro_random(&run.chance) % BLOCKS) * BYTES;

	run.left--;
	run.reading++;
	proa_readv(&run.file, &run.reads[slot], &run.pieces[slot], 1, at, on_read);
}

static void on_read(proa_op *op)
{
	if (op->result != BYTES)
		px_bench_fail("a read was not whole");
	run.reading--;
	if (run.left)
		read_start((unsigned)(op - run.reads));
}

static double reads_run(size_t count)
{
	int64_t began = px_bench_now_ns();

	run.left = count;
	for (unsigned slot = 0; slot < SLOTS && run.left; slot++)
		read_start(slot);
	while (run.reading)
		proa_run_once(run.loop, 0);
	return (double)(px_bench_now_ns() - began) / (double)count;
}

static void file_open(const char *folder)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/proa-hung-%ld", folder, (long)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		px_bench_die(path, errno);
	unlink(path);
	for (int64_t i = 0; i < BLOCKS; i++)
		if (pwrite(fd, run.buffers, BYTES, i * BYTES) != BYTES)
			px_bench_die(path, errno);
	proa_handle_init(proa_root(run.loop), &run.file);
	proa_adopt_os(&run.file, fd, PROA_FILE);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		run.pieces[slot] = (proa_vec){run.buffers + (size_t)slot * BYTES, BYTES};
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 20000);
	proa_loop_options options = {.backend = args.backend};
	double alone[ROUNDS], beside[ROUNDS], ratio[ROUNDS];

	run.buffers = px_micro_alloc(SLOTS, BYTES);
	if (proa_loop_open(&run.loop, &options) < 0)
		px_bench_fail("proa_loop_open");
	file_open(args.path);
	reads_run(args.count / 4 + 1); /* threads start, memory comes */
	for (int i = 0; i < ROUNDS; i++) {
		alone[i] = reads_run(args.count / ROUNDS + 1);
		names_hang();
		beside[i] = reads_run(args.count / ROUNDS + 1);
		names_end();
		ratio[i] = beside[i] / alone[i];
	}
	px_micro_begin("hung_proa");
	px_micro_figure("read_alone_ns", px_micro_median(alone, ROUNDS));
	px_micro_figure("read_beside_ns", px_micro_median(beside, ROUNDS));
	px_micro_figure("beside_alone", px_micro_median(ratio, ROUNDS));
	px_micro_end();
	proa_loop_close(&run.loop, 0);
	return 0;
}
