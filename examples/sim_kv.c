/* sim_kv: the counter of kv.c in simulated worlds, one a seed; with --bug it is found broken. */
/* SPDX-License-Identifier: MIT */
#include "example.h"
#include "kv.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, INCREMENTS = 20, TROUBLE_S = 20 };

static const char *const names[KV_NODES] = {"n0", "n1", "n2"};
static const char *const bugs[KV_BUG_COUNT] = {"", "sync", "majority", "retry", "place", "read"};

/* One run of one seed. What is in here is the outside's: no crash in the world touches it. */
struct run {
	proa_world *w;
	uint64_t seed;
	bool talks; /* says what happens */
	bool trace; /* and each operation */
	bool calm;
	unsigned bug;
	struct kv kv[KV_NODES];
	unsigned clients; /* that are not done */
	int64_t asked, acknowledged, crashes;
	char wrong[160];
};

static void say(const struct run *r, const char *format, ...)
{
	va_list args;

	if (!r->talks)
		return;
	printf("%10.6f s  ", (double)proa_world_now(r->w) / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void wrong(struct run *r, const char *format, ...)
{
	va_list args;

	if (*r->wrong)
		return;
	va_start(args, format);
	vsnprintf(r->wrong, sizeof r->wrong, format, args);
	va_end(args);
	say(r, "WRONG: %s", r->wrong);
}

static int64_t below(struct run *r, int64_t n)
{
	return (int64_t)proa_world_random(r->w, (uint64_t)n);
}

/* ---- clients, each in a node of its own ---- */

static void rest(int64_t ns)
{
	proa_op op = {0};
	proa_loop *loop;

	if (proa_loop_open(&loop, NULL) < 0)
		return;
	proa_timer(proa_root(loop), &op, proa_in(loop, ns), NULL);
	proa_await(loop, &op);
	proa_loop_close(&loop, 0);
}

static int client_main(void *user)
{
	struct run *r = user;

	for (int done = 0; done < INCREMENTS;) {
		int64_t count;

		rest(1 + below(r, PROA_SEC));
		r->asked++;
		count = kv_increment(r->kv[0].addr[0]);
		say(r, "an increment: %s %lld", count < 0 ? proa_err_name(count) : "acknowledged,",
		    (long long)count);
		if (count < 0)
			continue;
		r->acknowledged++;
		done++;
	}
	r->clients--;
	return 0;
}

/* ---- the invariant: any two disks know of every acknowledged increment, and of no more than were
 * asked for ---- */

static int64_t disk_count(struct run *r, unsigned i)
{
	unsigned char bytes[KV_FILE] = {0};
	unsigned place;

	proa_world_file_get(r->w, names[i], "count", bytes, sizeof bytes);
	return (int64_t)kv_newest(bytes, &place);
}

static void disks_check(struct run *r)
{
	for (unsigned i = 0; i < KV_NODES; i++) {
		unsigned k = (i + 1) % KV_NODES;
		int64_t a = disk_count(r, i), b = disk_count(r, k), known = a > b ? a : b;

		if (known < r->acknowledged)
			wrong(r,
			      "%lld increments were acknowledged, the disks of %s and %s know of "
			      "%lld: %lld lost",
			      (long long)r->acknowledged, names[i], names[k], (long long)known,
			      (long long)(r->acknowledged - known));
		if (known > r->asked)
			wrong(r, "%lld increments were asked for, a disk knows of %lld",
			      (long long)r->asked, (long long)known);
	}
}

/* ---- trouble ---- */

static void crash(struct run *r, unsigned i, proa_kill how)
{
	if (!proa_world_is_up(r->w, names[i]))
		return;
	say(r, "%s %s", names[i], how == PROA_KILL_POWER ? "loses its power" : "is killed");
	r->crashes++;
	proa_world_kill(r->w, names[i], how);
}

static void trouble(void *user)
{
	struct run *r = user;
	unsigned i = (unsigned)below(r, KV_NODES), k = (unsigned)below(r, KV_NODES);
	bool both = below(r, 2);

	if (r->calm)
		return;
	switch (below(r, 6)) {
	case 0: crash(r, i, PROA_KILL_PROCESS); break;
	case 1: crash(r, i, PROA_KILL_POWER); break;
	case 2:
		say(r, "%s does not reach %s%s", names[i], names[k], both ? ", nor it" : "");
		proa_world_partition(r->w, names[i], names[k], both);
		break;
	case 3:
		say(r, "%s is %s", names[i], both ? "stopped" : "going on");
		proa_world_pause(r->w, names[i], both);
		break;
	case 4:
		say(r, "the way from %s to %s is slow", names[i], names[k]);
		proa_world_latency(r->w, names[i], names[k], PROA_MSEC, 300 * PROA_MSEC);
		break;
	default: say(r, "every link is whole"); proa_world_heal(r->w);
	}
	proa_world_at(r->w, proa_world_now(r->w) + below(r, PROA_SEC / 2), trouble, r);
}

static void restart(void *user)
{
	struct kv *kv = user;
	struct run *r = PROA_OF(kv, struct run, kv[kv->id]);

	say(r, "%s starts again", names[kv->id]);
	proa_world_restart(r->w, names[kv->id]);
}

static void on_down(int result, void *user)
{
	struct kv *kv = user;
	struct run *r = PROA_OF(kv, struct run, kv[kv->id]);

	if (result != -PROA_ECANCELED)
		say(r, "%s gives up: %s", names[kv->id], proa_err_text(result));
	disks_check(r);
	proa_world_at(r->w, proa_world_now(r->w) + below(r, PROA_SEC), restart, kv);
}

/* ---- a run ---- */

/* Each seed draws what is likely in it: a fault that is everywhere hides others. */
static void swarm(struct run *r)
{
	for (int f = 0; f < PROA_FAULT_COUNT; f++)
		if (below(r, 4) == 0)
			proa_world_fault(r->w, (proa_fault)f, NULL, (uint32_t)below(r, 100000));
}

static void node_add(struct run *r, unsigned i)
{
	proa_node_options o = {
		.name = names[i], .main = kv_main, .down = on_down, .user = &r->kv[i]};
	char addr[16];

	r->kv[i] = (struct kv){.id = i,
	                       .addr = {"10.0.0.1:7", "10.0.0.2:7", "10.0.0.3:7"},
	                       .path = "count",
	                       .bug = r->bug};
	snprintf(addr, sizeof addr, "10.0.0.%u", i + 1);
	o.addr = addr;
	proa_world_add(r->w, NULL, &o);
}

static void client_add(struct run *r, unsigned i)
{
	char name[8], addr[16];

	snprintf(name, sizeof name, "c%u", i);
	snprintf(addr, sizeof addr, "10.0.1.%u", i + 1);
	proa_world_add(
		r->w, NULL,
		&(proa_node_options){.name = name, .addr = addr, .main = client_main, .user = r});
	r->clients++;
}

static void on_line(const char *text, void *user)
{
	(void)user;
	puts(text);
}

static void run_open(struct run *r)
{
	proa_world_options o = {.seed = r->seed,
	                        .latency_min_ns = 100 * PROA_USEC,
	                        .latency_max_ns = 5 * PROA_MSEC,
	                        .sector_lost_ppm = 500000,
	                        .write_torn_ppm = 100000,
	                        .trace = r->trace ? on_line : NULL};

	if (proa_world_open(&r->w, &o) < 0)
		abort();
	for (unsigned i = 0; i < KV_NODES; i++)
		node_add(r, i);
	for (unsigned i = 0; i < CLIENTS; i++)
		client_add(r, i);
	swarm(r);
	trouble(r);
}

static bool is_wrong(void *user)
{
	return *((struct run *)user)->wrong;
}

static bool is_over(void *user)
{
	return is_wrong(user) || ((struct run *)user)->clients == 0;
}

/* Trouble for a while; then calm, in which everybody must be served; then no power. */
static void run_through(struct run *r)
{
	proa_world_until(r->w, is_wrong, r, TROUBLE_S * PROA_SEC);
	say(r, "no more trouble");
	r->calm = true;
	proa_world_calm(r->w, true);
	proa_world_heal(r->w);
	proa_world_pause(r->w, NULL, false);
	if (proa_world_until(r->w, is_over, r, 300 * PROA_SEC) < 0)
		wrong(r, "%u clients are not served", r->clients);
	for (unsigned i = 0; i < KV_NODES && !*r->wrong; i++)
		crash(r, i, PROA_KILL_POWER);
	proa_world_run(r->w, 0);
}

/* ---- many ---- */

static bool seed_run(struct run *r, proa_world_stats *stats)
{
	run_open(r);
	run_through(r);
	proa_world_get_stats(r->w, stats);
	if (proa_world_close(&r->w) < 0 && !*r->wrong)
		snprintf(r->wrong, sizeof r->wrong, "something was left behind in the world");
	return !*r->wrong;
}

/* 0: it is none. */
static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return *end || *text == '-' ? 0 : n;
}

static int seeds_run(uint64_t first, uint64_t n, unsigned bug, bool trace)
{
	uint64_t operations = 0, faults = 0;
	int64_t acknowledged = 0, crashes = 0;

	for (uint64_t seed = first; seed < first + n; seed++) {
		struct run r = {.seed = seed, .bug = bug, .talks = n == 1, .trace = trace};
		proa_world_stats stats;

		if (!seed_run(&r, &stats)) {
			printf("seed %llu: %s\n", (unsigned long long)seed, r.wrong);
			printf("to see it again: sim_kv%s%s --seed %llu\n", bug ? " --bug " : "",
			       bug ? bugs[bug] : "", (unsigned long long)seed);
			return 1;
		}
		acknowledged += r.acknowledged;
		crashes += r.crashes;
		operations += stats.operations;
		for (int f = 0; f < PROA_FAULT_COUNT; f++)
			faults += stats.faults[f];
	}
	printf("%llu seeds, %llu operations, %llu faults, %lld crashes: all of %lld acknowledged "
	       "increments kept\n",
	       (unsigned long long)n, (unsigned long long)operations, (unsigned long long)faults,
	       (long long)crashes, (long long)acknowledged);
	return 0;
}

/* ---- the same program on this machine ---- */

static int real_run(const char *what, unsigned id, unsigned port)
{
	char path[32], addr[KV_NODES][24];
	struct kv kv = {.id = id, .path = path};
	int64_t rc;

	snprintf(path, sizeof path, "count-%u", port + id);
	for (unsigned i = 0; i < KV_NODES; i++) {
		snprintf(addr[i], sizeof addr[i], "127.0.0.1:%u", port + i);
		kv.addr[i] = addr[i];
	}
	rc = !strcmp(what, "--node") ? kv_main(&kv) : kv_increment(addr[0]);
	if (rc < 0)
		return say_error("sim_kv", rc);
	printf("%lld\n", (long long)rc);
	return 0;
}

static int say_usage(void)
{
	fputs("usage: sim_kv [--bug sync|majority|retry|place|read] [--seeds N [--from S]]\n"
	      "       sim_kv [--bug ...] --seed S [--trace]\n"
	      "       sim_kv --node 0|1|2 PORT   on 127.0.0.1, at PORT, PORT+1, PORT+2\n"
	      "       sim_kv --increment PORT\n",
	      stderr);
	return 2;
}

static unsigned bug_find(const char *name)
{
	for (unsigned bug = 1; name && bug < KV_BUG_COUNT; bug++)
		if (!strcmp(name, bugs[bug]))
			return bug;
	return KV_BUG_NONE;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, n = 1000;
	unsigned bug = KV_BUG_NONE;
	bool trace = false;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (argc == 4 && !strcmp(argv[1], "--node"))
		return real_run(argv[1], (unsigned)strtoul(argv[2], NULL, 10) % KV_NODES,
		                (unsigned)strtoul(argv[3], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "--increment"))
		return real_run(argv[1], 0, (unsigned)strtoul(argv[2], NULL, 10));
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--bug")) {
			bug = bug_find(argv[i + 1]);
			i += bug != KV_BUG_NONE;
			bug = bug ? bug : KV_BUG_RETRY;
		} else if (!strcmp(argv[i], "--seeds") && argv[i + 1]) {
			n = number(argv[++i]);
		} else if (!strcmp(argv[i], "--from") && argv[i + 1]) {
			first = number(argv[++i]);
		} else if (!strcmp(argv[i], "--seed") && argv[i + 1]) {
			first = number(argv[++i]);
			n = 1;
		} else if (!strcmp(argv[i], "--trace")) {
			trace = true;
		} else {
			return say_usage();
		}
	}
	if (!first || !n)
		return say_usage();
	return seeds_run(first, n, bug, trace);
}
