/* The conformance programs in a world: loops on its node, plain sockets, threads, its time. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/kit_sim.h"
#include "c_conform/kit.h"
#include "loop/world.h"

#include <stdlib.h>

/* ---- how it works ----
 *
 * These programs are the objects of the conformance tests, linked with --wrap: what they ask of the
 * host (tests/host*.h) is answered here, and the loops that they open are a node's. The test itself
 * is the outside; what it waits for, the world does meanwhile. A world is begun by the first call
 * that needs one, and ended behind the test, with nothing left. */

static proa_world *world;
static long wrongs; /* violations and leaks, ever */

static void on_violation(const char *text, void *user)
{
	(void)user;
	wrongs++;
	test_note("%s", text);
}

px_world *sim_world(void)
{
	proa_world_options o = {.seed = 1, .violation = on_violation};
	proa_node_options node = {.name = "a", .addr = "10.0.0.1,fd00::1", .files_max = 1 << 16};

	if (world)
		return px_world_of(world);
	CHECK_EQ(proa_world_open(&world, &o), 0);
	CHECK_EQ(proa_world_add(world, NULL, &node), 0);
	proa_world_latency(world, "a", "a", 1, 1); /* as a kernel's own: at once */
	proa_world_run(world, PROA_MSEC);
	return px_world_of(world);
}

px_simnode *sim_node(void)
{
	return sim_world()->nodes[0];
}

/* Asked before and behind each test. */
static long world_end(void)
{
	if (world && proa_world_close(&world) < 0) {
		wrongs++;
		test_note("the world was left with something in it");
		world = NULL;
	}
	return wrongs;
}

__attribute__((constructor)) static void begin(void)
{
	test_lacks = sim_lacks;
	test_baseline("what is wrong with worlds", world_end);
}

/* ---- waiting: on a simulated thread, or outside ---- */

/* Events run now; what goes on when they have, is where it was. */
void sim_pass(int64_t ns)
{
	px_world *w = sim_world();
	px_simvisit from = px_sim_visit(w->nodes[0]);

	if (w->running)
		px_sim_wait(w, w->now_ns + ns);
	else if (!w->stepping)
		proa_world_run(w, ns);
	px_sim_return(from);
}

bool sim_until(bool (*done)(void *), void *user, int64_t ns)
{
	int64_t until = sim_world()->now_ns + ns;

	while (!done(user)) {
		if (sim_world()->now_ns >= until)
			return false;
		sim_pass(10 * PROA_USEC);
	}
	return true;
}

long long __wrap_host_now_ns(void)
{
	if (!*test_name()) /* the frame's own time */
		return __real_host_now_ns();
	sim_pass(100); /* who looks again and again sees time pass */
	return px_sim_node_now(sim_node());
}

void __wrap_host_sleep_us(unsigned long us)
{
	sim_pass((int64_t)us * PROA_USEC);
}

void __wrap_host_yield(void)
{
	sim_pass(PROA_USEC);
}

/* ---- loops and workers ---- */

int __wrap_proa_loop_open(proa_loop **loop, const proa_loop_options *options)
{
	px_simvisit from;
	int rc;

	if (px_here.inside) /* the world's own, or a thread's */
		return __real_proa_loop_open(loop, options);
	from = px_sim_visit(sim_node());
	rc = __real_proa_loop_open(loop, options);
	px_sim_return(from);
	return rc;
}

int __wrap_proa_workers_open(proa_workers **workers, const proa_workers_options *options)
{
	px_simvisit from = px_sim_visit(sim_node());
	int rc = __real_proa_workers_open(workers, options);

	px_sim_return(from);
	return rc;
}

int __wrap_proa_workers_close(proa_workers **workers, int64_t deadline_ns)
{
	px_simvisit from = px_sim_visit(sim_node());
	int rc = __real_proa_workers_close(workers, deadline_ns);

	px_sim_return(from);
	return rc;
}

/* ---- threads and locks ---- */

typedef struct thread {
	px_thread thread;
	void *(*fn)(void *);
	void *arg;
} thread;

static thread *thread_of(host_thread *t)
{
	return (thread *)(uintptr_t)t->opaque[0];
}

static void thread_main(void *arg)
{
	thread *t = arg;

	t->fn(t->arg);
}

bool __wrap_host_thread_start(host_thread *out, void *(*fn)(void *), void *arg)
{
	thread *t = calloc(1, sizeof *t);
	px_simvisit from;
	int rc;

	if (!t)
		return false;
	t->fn = fn;
	t->arg = arg;
	out->opaque[0] = (uintptr_t)t;
	from = px_sim_visit(sim_node());
	rc = px_thread_start(&t->thread, thread_main, t, "test");
	px_sim_return(from);
	if (rc < 0)
		free(t);
	return rc == 0;
}

void __wrap_host_thread_join(host_thread *t)
{
	px_simvisit from = px_sim_visit(sim_node());

	px_thread_join(&thread_of(t)->thread);
	px_sim_return(from);
	free(thread_of(t));
}

unsigned long long __wrap_host_thread_id(void)
{
	px_world *w = sim_world();

	return (uintptr_t)(w->running ? w->running : &w->outer);
}

/* Nobody runs beside us: a lock is taken as long as its word says so. */
void __wrap_host_lock_init(host_lock *l)
{
	l->opaque[0] = 0;
}

void __wrap_host_lock_destroy(host_lock *l)
{
	CHECK(!l->opaque[0]);
}

void __wrap_host_lock_enter(host_lock *l)
{
	while (l->opaque[0])
		sim_pass(PROA_USEC);
	l->opaque[0] = 1;
}

void __wrap_host_lock_leave(host_lock *l)
{
	l->opaque[0] = 0;
}

void __wrap_host_lock_wait(host_lock *l)
{
	__wrap_host_lock_leave(l);
	sim_pass(10 * PROA_USEC);
	__wrap_host_lock_enter(l);
}

void __wrap_host_lock_wake(host_lock *l)
{
	(void)l; /* who waits looks again and again */
}

/* ---- limits and signals ---- */

void __wrap_host_limit_low(unsigned spare)
{
	sim_node()->files_max = sim_node()->files + spare;
}

void __wrap_host_limit_back(void)
{
	sim_node()->files_max = 1 << 16;
}

void __wrap_host_exhaust(void)
{
	__wrap_host_limit_low(0);
}

void __wrap_host_relieve(void)
{
	__wrap_host_limit_back();
}

void __wrap_host_raise(int signo)
{
	proa_world_signal((proa_world *)sim_world(), "a", signo);
}
