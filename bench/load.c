/* The load generator: asks echo or HTTP servers, verifies every byte, reports one line of JSON. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include "base/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"--connect ADDR:PORT [options]\n"
	"  --connections N   open connections (50)\n"
	"  --size BYTES      of a message (64)\n"
	"  --depth N         messages in flight on a connection (1)\n"
	"  --seconds S       for so long (2, unless --requests)\n"
	"  --requests N      or so many in all\n"
	"  --warmup S        not counted before that (0)\n"
	"  --engine NAME     epoll or io_uring (epoll)\n"
	"  --busy            never sleep\n"
	"  --sources N       connect from N addresses of 127/8 in turn (1)\n"
	"  --watch PID,...   tell what the server's processes use meanwhile\n"
	"  --timeout S       nothing moved for so long is an error (5)\n"
	"  --http PATH       GET requests, not echoes; --size means nothing then\n"
	"  --expect FILE     with --http: every body must be this file's content\n"
	"  --close           with --http: each on a connection of its own\n"
	"modes, closed loop if none:\n"
	"  --open-loop RATE  requests a second, measured from when each was due\n"
	"  --churn           connect, one message, close, over and over; epoll\n"
	"  --reset           with --churn: reset, half of them before the answer\n"
	"  --idle N          N connections, silent for --hold S (1), then all at once\n"
	"  --hold-stdin      with --idle: until standard input ends, instead\n"
	"exit status: 0 every byte was right, 1 loss, mismatch or early close, 2 usage or set-up";

px_load load;

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0) || value > 1e15)
		px_bench_die(text, EINVAL);
	return value;
}

static int64_t seconds(const char *text)
{
	return (int64_t)(number(text) * 1e9);
}

static void mode_set(px_load_options *o, px_load_mode mode)
{
	if (o->mode != LOAD_CLOSED && o->mode != mode)
		px_bench_die("two modes", EINVAL);
	o->mode = mode;
}

/* False: no option of that name takes no value. */
static bool flag_set(px_load_options *o, const char *name)
{
	if (!strcmp(name, "--busy"))
		o->busy = true;
	else if (!strcmp(name, "--reset"))
		o->reset = true;
	else if (!strcmp(name, "--hold-stdin"))
		o->hold_stdin = true;
	else if (!strcmp(name, "--churn"))
		mode_set(o, LOAD_CHURN);
	else if (!strcmp(name, "--close"))
		o->close = true;
	else
		return false;
	return true;
}

static bool option_set(px_load_options *o, const char *name, const char *value)
{
	if (!strcmp(name, "--connect")) {
		o->connect = value;
	} else if (!strcmp(name, "--engine")) {
		o->engine = value;
	} else if (!strcmp(name, "--connections")) {
		o->connections = (uint32_t)number(value);
	} else if (!strcmp(name, "--http")) {
		o->path = value;
	} else if (!strcmp(name, "--expect")) {
		o->expect = value;
	} else if (!strcmp(name, "--sources")) {
		o->sources = (uint32_t)number(value);
	} else if (!strcmp(name, "--watch")) {
		px_load_watch(value);
	} else if (!strcmp(name, "--size")) {
		o->size = (uint64_t)number(value);
	} else if (!strcmp(name, "--depth")) {
		o->depth = (uint32_t)number(value);
	} else if (!strcmp(name, "--requests")) {
		o->requests = (uint64_t)number(value);
	} else if (!strcmp(name, "--seconds")) {
		o->duration_ns = seconds(value);
	} else if (!strcmp(name, "--warmup")) {
		o->warmup_ns = seconds(value);
	} else if (!strcmp(name, "--hold")) {
		o->hold_ns = seconds(value);
	} else if (!strcmp(name, "--timeout")) {
		o->timeout_ns = seconds(value);
	} else if (!strcmp(name, "--open-loop")) {
		mode_set(o, LOAD_OPEN);
		o->rate = number(value);
	} else if (!strcmp(name, "--idle")) {
		mode_set(o, LOAD_IDLE);
		o->connections = (uint32_t)number(value);
	} else {
		return false;
	}
	return true;
}

static void options_read(px_load_options *o, int argc, char **argv)
{
	*o = (px_load_options){.engine = "epoll",
	                       .connections = 50,
	                       .depth = 1,
	                       .sources = 1,
	                       .size = 64,
	                       .requests = UINT64_MAX,
	                       .hold_ns = 1000000000,
	                       .timeout_ns = INT64_C(5000000000)};
	for (int i = 1; i < argc; i++) {
		if (flag_set(o, argv[i]))
			continue;
		if (i + 1 == argc || !option_set(o, argv[i], argv[i + 1]))
			px_bench_usage(argv[0], usage);
		i++;
	}
	if (!o->connect || !o->connections || !o->size || !o->depth || o->connections > 1000000 ||
	    o->depth > 1000000 || (o->mode == LOAD_OPEN && !(o->rate > 0)))
		px_bench_usage(argv[0], usage);
	if (!o->path != !o->expect || (o->close && !o->path) || (o->path && o->reset))
		px_bench_usage(argv[0], usage);
	if (o->close)
		mode_set(o, LOAD_CHURN);
	if (o->mode == LOAD_IDLE)
		o->depth = 1;
	else if (o->requests == UINT64_MAX && !o->duration_ns)
		o->duration_ns = 2000000000;
}

static const px_load_engine *engine_named(const px_load_options *o)
{
	if (!strcmp(o->engine, "io_uring") && o->mode != LOAD_CHURN)
		return &px_load_uring;
	if (strcmp(o->engine, "epoll"))
		px_bench_die(o->engine, ENOTSUP);
	return &px_load_epoll;
}

static double us(double percent)
{
	return (double)px_hist_percentile(&load.latency, percent) / 1000;
}

static void report(void)
{
	static const char *const modes[] = {"closed", "open", "churn", "idle"};
	const px_load_options *o = &load.options;
	double elapsed = (double)(load.end_ns - load.begin_ns) / 1e9;

	printf("{\"mode\": \"%s\", \"engine\": \"%s\", \"connections\": %" PRIu32
	       ", \"size\": %" PRIu64 ", \"depth\": %" PRIu32 ", ",
	       modes[o->mode], load.engine->name, o->connections, o->size, o->depth);
	printf("\"requests\": %" PRIu64 ", \"seconds\": %.6f, \"rps\": %.1f, \"opened\": %" PRIu64
	       ", ",
	       load.counted, elapsed, elapsed > 0 ? (double)load.counted / elapsed : 0,
	       load.opened);
	printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, "
	       "\"mean_us\": %.1f, ",
	       us(50), us(99), us(99.9), us(100), px_hist_mean(&load.latency) / 1000);
	printf("\"client_ns\": %" PRId64 ", \"server_ns\": %" PRId64 ", \"slept\": %" PRIu64
	       ", \"preempted\": %" PRIu64 ", ",
	       load.used.client_ns, load.used.server_ns, load.used.slept, load.used.preempted);
	printf("\"bytes\": %" PRIu64 ", \"errors\": 0}\n", load.bytes);
}

int main(int argc, char **argv)
{
	px_load_options *o = &load.options;
	uint64_t depth;

	options_read(o, argc, argv);
	px_bench_prepare();
	load.engine = engine_named(o);
	load.protocol = o->path ? &px_load_http : &px_load_echo;
	load.addr = px_bench_parse(o->connect);
	/* Open loop: a connection may fall this far behind before it is passed over. */
	depth = o->mode == LOAD_OPEN && o->depth == 1 ? 1024 : o->depth;
	load.stamp_mask = px_pow2_up(depth) - 1;
	px_load_run();
	report();
	return 0;
}
