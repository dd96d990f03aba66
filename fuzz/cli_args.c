/* The command's arguments: against a second reading, and one sentence for what is wrong. */
/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	ARGS_MAX = 24,
	TAKES = CLI_DIR | CLI_LISTEN | CLI_BACKEND | CLI_WORKERS | CLI_LOG | CLI_STATS | CLI_JSON |
	        CLI_BUFFERS | CLI_LAB | CLI_TO | CLI_RELAY | CLI_WATCH | CLI_NAMES,
	ALWAYS = ~0
};
_Static_assert((int)ARGS_MAX < (int)CLI_NAMES_MAX, "there is room for all of them");

static unsigned failures;

/* In place of the command's own. */
int cli_fail(const char *format, ...)
{
	va_list list;
	char text[512];

	va_start(list, format);
	px_assert(vsnprintf(text, sizeof text, format, list) > 10);
	va_end(list);
	failures++;
	return CLI_FAILED;
}

typedef enum option {
	HELP,
	LISTEN,
	BACKEND,
	WORKERS,
	BUFFERS,
	LOG,
	STATS,
	JSON,
	MODELS,
	CONNECTIONS,
	OUTPUT,
	SECONDS,
	LIST,
	QUICK,
	IDLE,
	LIMIT,
	FLAT,
	HOW,
	FAMILY,
	SERVERS
} option;

static const struct {
	const char *name;
	unsigned takes;
	bool has_value;
	option option;
} known[] = {
	{"--listen", CLI_LISTEN, true, LISTEN},
	{"--backend", CLI_BACKEND, true, BACKEND},
	{"--workers", CLI_WORKERS, true, WORKERS},
	{"--buffers", CLI_BUFFERS, true, BUFFERS},
	{"--log", CLI_LOG, false, LOG},
	{"--stats", CLI_STATS, false, STATS},
	{"--json", CLI_JSON, false, JSON},
	{"--models", CLI_LAB, true, MODELS},
	{"--connections", CLI_LAB, true, CONNECTIONS},
	{"--output", CLI_LAB, true, OUTPUT},
	{"--seconds", CLI_LAB | CLI_NAMES, true, SECONDS},
	{"--list", CLI_LAB, false, LIST},
	{"--quick", CLI_LAB, false, QUICK},
	{"--idle", CLI_RELAY, true, IDLE},
	{"--limit", CLI_RELAY, true, LIMIT},
	{"--flat", CLI_WATCH, false, FLAT},
	{"--how", CLI_NAMES, true, HOW},
	{"--family", CLI_NAMES, true, FAMILY},
	{"--servers", CLI_NAMES, true, SERVERS},
	{"--help", (unsigned)ALWAYS, false, HELP},
	{"-h", (unsigned)ALWAYS, false, HELP},
};

/* Leading zeros are fine, signs and spaces are not. */
static bool number_good(const char *value, unsigned most, unsigned *to)
{
	size_t digits = strspn(value, "0123456789");

	for (*to = 0; digits && *value == '0'; digits--)
		value++;
	if (!digits || digits > 7 || value[digits])
		return false;
	*to = (unsigned)strtoul(value, NULL, 10);
	return *to >= 1 && *to <= most;
}

/* Not by scanf: glibc's is content with an exponent that has no digits. */
static bool time_good(const char *value, double most, double *to)
{
	const char *last = value + strlen(value);
	char *end;

	*to = strtod(value, &end);
	return *value && end == last && *to >= 0.01 && *to <= most;
}

static bool value_good(cli_args *args, option which, const char *value)
{
	proa_addr addr;

	switch (which) {
	case LISTEN: args->listen = value; return !proa_addr_parse(&addr, value, 8080);
	case BACKEND: args->backend = value; return *value != 0;
	case WORKERS: return number_good(value, CLI_WORKERS_MAX, &args->workers);
	case BUFFERS: return number_good(value, CLI_BUFFERS_MAX, &args->buffers);
	case LOG: args->log = true; return true;
	case STATS: args->stats = true; return true;
	case JSON: args->json = true; return true;
	case MODELS: args->models = value; return true;
	case CONNECTIONS: args->connections = value; return true;
	case OUTPUT: args->output = value; return *value != 0;
	case SECONDS: return time_good(value, 3600, &args->seconds);
	case IDLE: return time_good(value, 86400, &args->idle);
	case LIMIT: return number_good(value, 1000000, &args->limit);
	case FLAT: args->flat = true; return true;
	case HOW: args->how = value; return true;
	case FAMILY: args->family = value; return !strcmp(value, "4") || !strcmp(value, "6");
	case SERVERS: args->servers = value; return true;
	case LIST: args->list = true; return true;
	case QUICK: args->quick = true; return true;
	default: args->help = true; return true;
	}
}

/* How many of the arguments are the option and its value; 0: wrong. */
static int option_again(int argc, char **argv, unsigned takes, cli_args *args)
{
	for (size_t i = 0; i < PX_COUNT(known); i++) {
		size_t n = strlen(known[i].name);
		const char *behind = argv[0] + n;

		if (strncmp(argv[0], known[i].name, n) || (*behind && *behind != '='))
			continue;
		if (!(known[i].takes & takes) && known[i].takes != (unsigned)ALWAYS)
			return 0;
		if (!known[i].has_value)
			return !*behind && value_good(args, known[i].option, NULL);
		if (*behind)
			return value_good(args, known[i].option, behind + 1);
		return argc > 1 && value_good(args, known[i].option, argv[1]) ? 2 : 0;
	}
	return 0;
}

/* As many names as there may be here are names to look up, where those are taken. */
static bool name_again(const char *name, unsigned takes, cli_args *args)
{
	if (takes & CLI_NAMES) {
		args->names[args->n_names++] = name;
		return true;
	}
	if (!(takes & CLI_DIR) || args->to || (args->dir && !(takes & CLI_TO)))
		return false;
	*(args->dir ? &args->to : &args->dir) = name;
	return true;
}

static bool parse_again(int argc, char **argv, unsigned takes, cli_args *args)
{
	bool names = false;
	int n = 1;

	for (; argc; argc -= n, argv += n) {
		n = 1;
		if (!names && strcmp(argv[0], "--") == 0) {
			names = true;
		} else if (names || argv[0][0] != '-' || !strcmp(argv[0], "-")) {
			if (!name_again(argv[0], takes, args))
				return false;
		} else if (!(n = option_again(argc, argv, takes, args))) {
			return false;
		}
	}
	return true;
}

FUZZ(cli_args)
{
	fuzz_in in = {data, size};
	unsigned takes = (fuzz_byte(&in) | (unsigned)fuzz_byte(&in) << 8) & TAKES;
	cli_args args = {0}, want = {0};
	char *argv[ARGS_MAX + 1];
	int argc = 0;
	bool good;

	while (in.left && argc < ARGS_MAX)
		argv[argc++] = fuzz_line(&in);
	argv[argc] = NULL;
	failures = 0;
	good = cli_parse(argc, argv, takes, &args);
	px_assert(good == parse_again(argc, argv, takes, &want));
	px_assert(failures == !good);
	if (good) {
		px_assert(args.dir == want.dir && args.listen == want.listen &&
		          args.backend == want.backend && args.workers == want.workers);
		px_assert(args.log == want.log && args.stats == want.stats &&
		          args.json == want.json && args.help == want.help);
		px_assert(args.models == want.models && args.connections == want.connections &&
		          args.output == want.output && args.buffers == want.buffers);
		px_assert(args.seconds == want.seconds && args.list == want.list &&
		          args.quick == want.quick);
		px_assert(args.to == want.to && args.idle == want.idle &&
		          args.limit == want.limit && args.flat == want.flat);
		px_assert(args.how == want.how && args.family == want.family &&
		          args.servers == want.servers && args.n_names == want.n_names &&
		          !memcmp(args.names, want.names, sizeof want.names));
	}
	while (argc--)
		free(argv[argc]);
}
