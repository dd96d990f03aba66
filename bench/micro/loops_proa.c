/* Two loops of proa against one: each on a thread of its own, echoing over its own socket pairs. */
/* SPDX-License-Identifier: MIT */
#include "micro.h"
#include "proa.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Both ends of a pair are handles of the same loop: what is measured is how much of a loop's work
 * gets in the way of another's, and nothing else runs on the CPUs. */
enum { PAIRS = 50, BYTES = 64, LOOPS_MAX = 2 };

typedef struct end {
	proa_handle handle;
	proa_op recv, send;
	struct side *side;
	bool asks;
	char bytes[BYTES];
	size_t have;
} end;

typedef struct side {
	const px_micro_args *args;
	proa_loop *loop;
	size_t left; /* messages there and back, of all pairs */
	end ends[PAIRS][2];
	pthread_t thread;
	pthread_barrier_t *ready;
	unsigned cpu;
} side;

static void end_recv(end *e);

static void sent(proa_op *op)
{
	if (op->result < 0 && op->result != -PROA_ECANCELED)
		px_bench_fail("a send failed");
}

static void end_send(end *e)
{
	proa_send(&e->handle, &e->send, e->bytes, BYTES, sent);
	end_recv(e);
}

static void received(proa_op *op)
{
	end *e = op->user;

	if (op->result == -PROA_ECANCELED)
		return;
	if (op->result <= 0)
		px_bench_fail("a recv failed");
	e->have += (size_t)op->result;
	if (e->have < BYTES) {
		end_recv(e);
		return;
	}
	e->have = 0;
	if (e->asks && e->side->left-- == 1)
		proa_stop(e->side->loop);
	else
		end_send(e);
}

static void end_recv(end *e)
{
	proa_recv(&e->handle, &e->recv, e->bytes + e->have, BYTES - e->have, received);
}

static void pair_open(side *s, end pair[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		px_bench_die("socketpair", errno);
	for (int i = 0; i < 2; i++) {
		pair[i] = (end){.side = s, .asks = i == 0};
		pair[i].recv.user = &pair[i];
		proa_handle_init(proa_root(s->loop), &pair[i].handle);
		proa_adopt_os(&pair[i].handle, fds[i], PROA_LOCAL);
	}
}

static void *side_main(void *arg)
{
	side *s = arg;
	proa_loop_options options = {.backend = s->args->backend};

	px_micro_pin(s->cpu);
	if (proa_loop_open(&s->loop, &options) < 0)
		px_bench_fail("proa_loop_open");
	for (int i = 0; i < PAIRS; i++)
		pair_open(s, s->ends[i]);
	pthread_barrier_wait(s->ready);
	for (int i = 0; i < PAIRS; i++) {
		end_recv(&s->ends[i][1]);
		end_send(&s->ends[i][0]);
	}
	proa_run(s->loop);
	pthread_barrier_wait(s->ready);
	proa_loop_close(&s->loop, 0);
	return NULL;
}

/* Each of the loops sends so many. */
static void measure(const px_micro_args *args, unsigned loops, double *wall_ns, double *cpu_ns)
{
	side *sides = px_micro_alloc(loops, sizeof *sides);
	double n = (double)args->count * loops;
	pthread_barrier_t ready;

	pthread_barrier_init(&ready, NULL, loops + 1);
	for (unsigned i = 0; i < loops; i++) {
		sides[i].args = args;
		sides[i].left = args->count;
		sides[i].ready = &ready;
		sides[i].cpu = i;
		if (pthread_create(&sides[i].thread, NULL, side_main, &sides[i]))
			px_bench_fail("pthread_create");
	}
	pthread_barrier_wait(&ready);
	*wall_ns = (double)px_bench_now_ns();
	*cpu_ns = (double)px_micro_process_cpu_ns();
	pthread_barrier_wait(&ready);
	*wall_ns = ((double)px_bench_now_ns() - *wall_ns) / n;
	*cpu_ns = ((double)px_micro_process_cpu_ns() - *cpu_ns) / n;
	for (unsigned i = 0; i < loops; i++)
		pthread_join(sides[i].thread, NULL);
	pthread_barrier_destroy(&ready);
	free(sides);
}

int main(int argc, char **argv)
{
	px_micro_args args = px_micro_parse(argc, argv, 200000);
	double wall[LOOPS_MAX], cpu[LOOPS_MAX];

	for (unsigned i = 0; i < LOOPS_MAX; i++)
		measure(&args, i + 1, &wall[i], &cpu[i]);
	px_micro_begin("loops_proa");
	px_micro_figure("count", (double)args.count);
	px_micro_figure("one_ns", wall[0]);
	px_micro_figure("one_cpu_ns", cpu[0]);
	px_micro_figure("two_ns", wall[1]);
	px_micro_figure("two_cpu_ns", cpu[1]);
	px_micro_figure("speed_up", wall[0] / wall[1]);
	px_micro_end();
	return 0;
}
