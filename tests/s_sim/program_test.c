/* Whole programs in nodes: groups, workers, strands, look-ups, signals, exhaustion. */
/* SPDX-License-Identifier: MIT */
#include "s_sim/bed.h"

/* ---- a group as a program's main: until a signal ---- */

enum { SIG_END = 15 };

typedef struct grouped {
	proa_group *group;
	int started, drained, served;
	unsigned loops;
	int64_t ended_ns;
	proa_world *w;
} grouped;

typedef struct gconn {
	proa_handle h;
	proa_op op;
	char buf[16];
} gconn;

static void g_sent(proa_op *op)
{
	proa_close(&PROA_OF(op, gconn, op)->h, NULL);
}

static void g_got(proa_op *op)
{
	gconn *c = PROA_OF(op, gconn, op);

	if (op->result > 0)
		proa_send(&c->h, op, c->buf, (size_t)op->result, g_sent);
	else
		proa_close(&c->h, NULL);
}

static void g_conn(proa_handle *h, void *user)
{
	gconn *c = (gconn *)(void *)h;

	((grouped *)user)->served++;
	proa_recv(h, &c->op, c->buf, sizeof c->buf, g_got);
}

static int g_start(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	grouped *g = user;

	(void)group;
	CHECK_STR(proa_loop_backend(loop), "sim");
	CHECK_LT(index, 3);
	g->started++;
	return 0;
}

static void g_drain(proa_group *group, proa_loop *loop, unsigned index, void *user)
{
	(void)group;
	(void)loop;
	(void)index;
	((grouped *)user)->drained++;
}

static void g_signalled(proa_op *op)
{
	grouped *g = op->user;

	if (op->result > 0)
		proa_group_stop(g->group, 5 * PROA_SEC);
	proa_cancel(op);
}

static int group_main(void *user)
{
	grouped *g = user;
	proa_group_options o = {.start = g_start, .drain = g_drain, .user = g};
	proa_serve_options serve = {.conn_bytes = sizeof(gconn), .start = g_conn, .user = g};
	proa_op signal = {.user = g};
	proa_loop *loop;
	proa_addr bound;
	int rc;

	if ((rc = proa_group_open(&g->group, &o)) < 0)
		return rc;
	g->loops = proa_group_size(g->group);
	CHECK_EQ(proa_group_serve(g->group, "*:7", &serve, &bound), 0);
	CHECK_EQ(proa_addr_port(&bound), 7);
	CHECK_EQ(proa_loop_open(&loop, NULL), 0);
	proa_signal(proa_root(loop), &signal, SIG_END, g_signalled);
	CHECK_EQ(proa_run(loop), 0);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	rc = proa_group_wait(&g->group);
	g->ended_ns = proa_world_now(g->w);
	return rc;
}

static int64_t ask(bed *s, const char *addr, char *got)
{
	proa_addr to = bed_addr(addr);
	proa_handle h = {0};
	proa_op op = {0};
	int64_t n;

	proa_handle_init(proa_root(s->a), &h);
	proa_connect(&h, &op, &to, NULL);
	if ((n = proa_world_await(s->w, &op)) == 0 && (n = bed_send(s, &h, "ping", 4)) == 4)
		n = bed_recv(s, &h, got, 4);
	bed_end(s, &h);
	return n;
}

TEST(program_of_a_group)
{
	for (unsigned cpus = 1; cpus <= 3; cpus++) {
		grouped g = {0};
		proa_node_options o = {.name = "g",
		                       .addr = "10.0.0.9",
		                       .main = group_main,
		                       .user = &g,
		                       .cpus = cpus};
		proa_handle slow = {0};
		proa_addr to = bed_addr("10.0.0.9:7");
		proa_op op = {0};
		char got[4];
		int64_t from;
		bed s;

		bed_open(&s, NULL);
		g.w = s.w;
		CHECK_EQ(proa_world_add(s.w, NULL, &o), 0);
		proa_world_run(s.w, PROA_SEC);
		CHECK_EQ(g.loops, cpus);
		CHECK_EQ(g.started, (int)cpus);
		for (int i = 0; i < 20; i++)
			CHECK_EQ(ask(&s, "10.0.0.9:7", got), 4);
		CHECK_EQ(g.served, 20);
		proa_handle_init(proa_root(s.a), &slow);
		proa_connect(&slow, &op, &to, NULL); /* asks for nothing: the drain waits for it */
		CHECK_EQ(proa_world_await(s.w, &op), 0);
		proa_world_run(s.w, PROA_SEC);
		CHECK(!proa_world_signal(s.w, "g", 10)); /* nobody listens */
		from = proa_world_now(s.w);
		CHECK(proa_world_signal(s.w, "g", SIG_END));
		CHECK_EQ(bed_recv(&s, &slow, got, 4), 0);
		proa_world_run(s.w, PROA_SEC);
		CHECK(!proa_world_is_up(s.w, "g"));
		CHECK(!proa_world_signal(s.w, "g", SIG_END));
		CHECK_EQ(g.drained, (int)cpus);
		CHECK_GE(g.ended_ns - from, 5 * PROA_SEC);
		CHECK_LE(g.ended_ns - from, 5 * PROA_SEC + PROA_SEC / 2);
		CHECK_EQ(ask(&s, "10.0.0.9:7", got), -PROA_ECONNREFUSED);
		bed_end(&s, &slow);
		proa_world_restart(s.w, "g");
		proa_world_run(s.w, PROA_SEC);
		CHECK_EQ(ask(&s, "10.0.0.9:7", got), 4);
		proa_world_kill(s.w, "g", cpus & 1 ? PROA_KILL_PROCESS : PROA_KILL_POWER);
		proa_world_restart(s.w, "g");
		proa_world_run(s.w, PROA_SEC);
		CHECK_EQ(ask(&s, "10.0.0.9:7", got), 4);
		bed_close(&s); /* ends it where it is */
	}
}

/* ---- workers and strands ---- */

typedef struct job {
	proa_op op;
	int *running, *most;
	int64_t began_ns, ended_ns;
	int order;
	proa_loop *loop;
} job;

static int job_order;

/* A task has no other way to wait in here than to look at the time: a thread's own loop. */
static int64_t job_run(proa_op *op)
{
	job *j = (job *)(void *)op;
	proa_op timer = {0};
	proa_loop *own;

	j->order = ++job_order;
	if (++*j->running > *j->most)
		*j->most = *j->running;
	CHECK_EQ(proa_loop_open(&own, NULL), 0);
	j->began_ns = proa_clock(own);
	proa_timer(proa_root(own), &timer, proa_in(own, PROA_SEC), NULL);
	CHECK_EQ(proa_await(own, &timer), 0);
	j->ended_ns = proa_clock(own);
	CHECK_EQ(proa_loop_close(&own, 0), 0);
	--*j->running;
	return 7;
}

static void jobs_run(bed *s, proa_loop *loop, proa_strand *strand, int n, int *most)
{
	static job jobs[8];
	int running = 0;

	memset(jobs, 0, sizeof jobs);
	*most = job_order = 0;
	for (int i = 0; i < n; i++) {
		jobs[i].running = &running;
		jobs[i].most = most;
		proa_work(proa_root(loop), &jobs[i].op, strand, job_run, NULL);
	}
	for (int i = 0; i < n; i++) {
		CHECK_EQ(proa_world_await(s->w, &jobs[i].op), 7);
		CHECK_GE(jobs[i].ended_ns, jobs[i].began_ns + PROA_SEC);
		if (strand)
			CHECK_EQ(jobs[i].order, i + 1);
	}
}

TEST(program_of_workers_and_strands)
{
	proa_strand strand = {{0}};
	int64_t from;
	int most;
	bed s;

	bed_open(&s, NULL);
	from = proa_world_now(s.w);
	jobs_run(&s, s.a, NULL, 8, &most);
	CHECK_EQ(most, 2); /* as many as it has CPUs */
	CHECK_GE(proa_world_now(s.w) - from, 4 * PROA_SEC);
	CHECK_LE(proa_world_now(s.w) - from, 4 * PROA_SEC + PROA_SEC / 10);
	from = proa_world_now(s.w);
	jobs_run(&s, s.a, &strand, 5, &most);
	CHECK_EQ(most, 1);
	CHECK_GE(proa_world_now(s.w) - from, 5 * PROA_SEC);
	bed_close(&s);
}

/* A node that is killed takes its workers with it, in the middle of what they do. */
TEST(program_killed_with_its_workers)
{
	static job j;
	int running = 0, most = 0;
	bed s;

	memset(&j, 0, sizeof j);
	bed_open(&s, NULL);
	j.running = &running;
	j.most = &most;
	proa_work(proa_root(s.a), &j.op, NULL, job_run, NULL);
	proa_world_run(s.w, PROA_SEC / 2);
	CHECK_EQ(running, 1);
	proa_world_kill(s.w, "a", PROA_KILL_PROCESS);
	proa_world_run(s.w, 5 * PROA_SEC);
	CHECK_EQ(running, 1);
	CHECK_EQ(j.ended_ns, 0);
	bed_close(&s);
}

/* ---- look-ups ---- */

static int64_t look_up(bed *s, const char *name, proa_resolve_request *r, int64_t within_ns)
{
	proa_op op = {0};

	*r = (proa_resolve_request){.name = name, .service = "7"};
	if (within_ns)
		op.deadline_ns = proa_clock(s->a) + within_ns;
	proa_resolve(proa_root(s->a), &op, r, NULL);
	return proa_world_await(s->w, &op);
}

TEST(program_looks_names_up)
{
	char text[PROA_ADDR_TEXT];
	proa_resolve_request r;
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(look_up(&s, "b", &r, 0), 2); /* a node by its name */
	CHECK_EQ(r.n, 2);
	proa_addr_print(&r.addr[0], text, sizeof text);
	CHECK_STR(text, "10.0.0.2:7");
	proa_addr_print(&r.addr[1], text, sizeof text);
	CHECK_STR(text, "[fd00::2]:7");
	CHECK_EQ(look_up(&s, "www.example.org", &r, 0), -PROA_ENONAME);
	CHECK_EQ(proa_world_zone(s.w, "www.example.org", "10.0.0.9"), 0);
	CHECK_EQ(proa_world_zone(s.w, "bad.example.org", "not one"), -PROA_EADDRTEXT);
	CHECK_EQ(look_up(&s, "www.example.org", &r, 0), 1);
	CHECK_EQ(proa_world_zone(s.w, "www.example.org", "10.0.0.8,10.0.0.9,::7"), 0);
	CHECK_EQ(look_up(&s, "www.example.org", &r, 0), 3); /* the newest */
	CHECK_EQ(look_up(&s, "bad.example.org", &r, 0), -PROA_ENONAME);
	CHECK_EQ(look_up(&s, "10.1.2.3", &r, 0), 1);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_HANG, "resolve", 1000000), 0);
	CHECK_EQ(look_up(&s, "b", &r, PROA_SEC), -PROA_ETIMEDOUT);
	CHECK_GT(bed_faults(&s, PROA_FAULT_HANG), 0);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_HANG, "resolve", 0), 0);
	CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_ERROR_BEFORE, "resolve", 1000000), 0);
	CHECK_EQ(look_up(&s, "b", &r, 0), -PROA_ENAMETEMP);
	bed_close(&s);
}

TEST(program_connects_by_name)
{
	proa_server server;
	proa_handle h = {0};
	proa_op op = {0};
	char got[4];
	bed s;

	bed_open(&s, NULL);
	CHECK_EQ(bed_echo(s.b, &server), 0);
	/* The first two lead nowhere, and into a partition. */
	CHECK(proa_world_node(s.w, "c", "10.0.0.3"));
	proa_world_partition(s.w, "a", "c", true);
	CHECK_EQ(proa_world_zone(s.w, "svc", "10.9.9.9,10.0.0.3,10.0.0.2"), 0);
	proa_handle_init(proa_root(s.a), &h);
	proa_connect_name(&h, &op, "svc", "7", NULL);
	CHECK_EQ(proa_world_await(s.w, &op), 0);
	CHECK_LE(proa_world_now(s.w), 2 * PROA_SEC);
	CHECK_EQ(bed_send(&s, &h, "ping", 4), 4);
	CHECK_EQ(bed_recv(&s, &h, got, 4), 4);
	bed_end(&s, &h);
	bed_close(&s);
}

/* ---- signals ---- */

static void signal_told(proa_op *op)
{
	if (op->result > 0)
		*(int64_t *)op->user += op->result;
}

TEST(program_hears_signals)
{
	int64_t one = 0, two = 0;
	proa_op ops[2] = {{.user = &one}, {.user = &two}}, bad = {0};
	bed s;

	bed_open(&s, NULL);
	CHECK(!proa_world_signal(s.w, "a", 10));
	proa_signal(proa_root(s.a), &ops[0], 10, signal_told);
	proa_signal(proa_root(s.a), &ops[1], 10, signal_told);
	proa_signal(proa_root(s.a), &bad, 9, NULL);
	CHECK_EQ(proa_world_await(s.w, &bad), -PROA_EINVAL);
	for (int i = 0; i < 3; i++)
		CHECK(proa_world_signal(s.w, "a", 10));
	CHECK(!proa_world_signal(s.w, "a", 12));
	CHECK(!proa_world_signal(s.w, "b", 10));
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(one, 3);
	CHECK_EQ(two, 3);
	proa_cancel(&ops[0]);
	proa_world_run(s.w, PROA_MSEC);
	CHECK(proa_world_signal(s.w, "a", 10));
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(one, 3);
	CHECK_EQ(two, 4);
	bed_close(&s);
}

/* ---- exhaustion ---- */

static void on_notice(proa_loop *loop, int64_t error, const char *what, void *user)
{
	(void)loop;
	CHECK_EQ(error, -PROA_EMFILE);
	CHECK(what && *what);
	++*(int *)user;
}

/* A limit that is reached for real: the listener rests, tells so once, and goes on. */
TEST(program_without_descriptors)
{
	enum { N = 8, FILES = 4 };
	proa_node_options o = {.name = "c", .addr = "10.0.0.3", .files_max = FILES};
	proa_addr to = bed_addr("10.0.0.3:7");
	proa_handle h[N], listener = {0};
	proa_op op[N], accept = {0};
	proa_socket sockets[N];
	int notices = 0, n = 0;
	proa_stats stats = {0};
	proa_node *node;
	proa_loop *loop;
	bed s;

	memset(h, 0, sizeof h);
	memset(op, 0, sizeof op);
	bed_open(&s, NULL);
	CHECK_EQ(proa_world_add(s.w, &node, &o), 0);
	proa_world_run(s.w, PROA_MSEC);
	CHECK_EQ(proa_node_open(node, &loop,
	                        &(proa_loop_options){.notice = on_notice, .notice_user = &notices}),
	         0);
	bed_listen(loop, &listener, "*:7");
	for (int i = 0; i < N; i++) {
		proa_handle_init(proa_root(s.a), &h[i]);
		proa_connect(&h[i], &op[i], &to, NULL);
	}
	for (; n < FILES - 1; n++) {
		proa_accept(&listener, &accept, NULL);
		CHECK_EQ(proa_await(loop, &accept), 0);
		sockets[n] = accept.socket;
	}
	proa_accept(&listener, &accept, NULL);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(proa_run_once(loop, proa_clock(loop) + PROA_SEC), 0);
	CHECK(proa_in_flight(&accept));
	CHECK_EQ(notices, 1);
	while (n) {
		proa_socket_close(sockets[--n]);
		CHECK_EQ(proa_await(loop, &accept), 0);
		proa_socket_close(accept.socket);
		if (n)
			proa_accept(&listener, &accept, NULL);
	}
	proa_loop_stats(loop, &stats);
	CHECK_EQ(stats.accept_pauses, 1);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
	for (int i = 0; i < N; i++)
		bed_end(&s, &h[i]);
	bed_close(&s);
}

/* Crowds that go away at once, aborted ones, and a fault that says "no descriptor" half the time.
 */
TEST(program_in_a_storm)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		proa_server server;
		proa_stats stats = {0};
		char got[4];
		bed s;

		bed_open(&s, &(proa_world_options){.seed = seed});
		CHECK_EQ(bed_echo(s.b, &server), 0);
		CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_STORM, NULL, 300000), 0);
		CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_ABORTED, NULL, 300000), 0);
		CHECK_EQ(proa_world_fault(s.w, PROA_FAULT_EXHAUSTED, "accept_many", 500000), 0);
		for (int i = 0; i < 20; i++) {
			int64_t n = ask(&s, "10.0.0.2:7", got);

			CHECK(n == 4 || n == -PROA_ECONNRESET);
		}
		CHECK_GT(bed_faults(&s, PROA_FAULT_STORM), 0);
		CHECK_GT(bed_faults(&s, PROA_FAULT_ABORTED), 0);
		CHECK_GT(bed_faults(&s, PROA_FAULT_EXHAUSTED), 0);
		proa_loop_stats(s.b, &stats);
		CHECK_GT(stats.accept_pauses, 0);
		CHECK_GT(stats.accept_aborted, 0);
		proa_world_calm(s.w, true);
		proa_world_run(s.w, 60 * PROA_SEC);
		CHECK_EQ(proa_serve_count(&server), 0);
		CHECK_EQ(ask(&s, "10.0.0.2:7", got), 4);
		bed_close(&s);
	}
}
