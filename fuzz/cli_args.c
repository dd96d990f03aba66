/* The command's arguments: against a second reading, and one sentence for what is wrong. */
/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	ARGS_MAX = 24,
	TAKES = CLI_DIR | CLI_LISTEN | CLI_BACKEND | CLI_WORKERS | CLI_LOG | CLI_STATS | CLI_JSON
};

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

static const struct {
	const char *name;
	unsigned takes;
	bool has_value;
} known[] = {
	{"--listen", CLI_LISTEN, true},   {"--backend", CLI_BACKEND, true},
	{"--workers", CLI_WORKERS, true}, {"--log", CLI_LOG, false},
	{"--stats", CLI_STATS, false},    {"--json", CLI_JSON, false},
	{"--help", TAKES, false},         {"-h", TAKES, false},
};

static bool value_good(cli_args *args, unsigned which, const char *value)
{
	proa_addr addr;
	size_t digits = value ? strspn(value, "0123456789") : 0;

	switch (which) {
	case CLI_LISTEN: args->listen = value; return !proa_addr_parse(&addr, value, 8080);
	case CLI_BACKEND: args->backend = value; return *value != 0;
	case CLI_WORKERS:
		for (args->workers = 0; digits && *value == '0'; digits--)
			value++;
		if (!digits || digits > 4 || value[digits])
			return false;
		args->workers = (unsigned)strtoul(value, NULL, 10);
		return args->workers >= 1 && args->workers <= CLI_WORKERS_MAX;
	case CLI_LOG: args->log = true; return true;
	case CLI_STATS: args->stats = true; return true;
	case CLI_JSON: args->json = true; return true;
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
		if (!(known[i].takes & takes) && known[i].takes != TAKES)
			return 0;
		if (!known[i].has_value)
			return !*behind && value_good(args, known[i].takes, NULL);
		if (*behind)
			return value_good(args, known[i].takes, behind + 1);
		return argc > 1 && value_good(args, known[i].takes, argv[1]) ? 2 : 0;
	}
	return 0;
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
			if (args->dir || !(takes & CLI_DIR))
				return false;
			args->dir = argv[0];
		} else if (!(n = option_again(argc, argv, takes, args))) {
			return false;
		}
	}
	return true;
}

FUZZ(cli_args)
{
	fuzz_in in = {data, size};
	unsigned takes = fuzz_byte(&in) & TAKES;
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
	}
	while (argc--)
		free(argv[argc]);
}
