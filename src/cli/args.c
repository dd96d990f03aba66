/* Arguments: one table of options. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct option {
	const char *name;
	unsigned takes;
	bool (*set)(cli_args *, const char *value); /* NULL value: an option without one */
	bool has_value;
} option;

static bool set_listen(cli_args *args, const char *value)
{
	proa_addr addr;

	args->listen = value;
	if (proa_addr_parse(&addr, value, 8080) == 0)
		return true;
	cli_fail("'%s' is not an address to listen on; it looks like 127.0.0.1:8080, "
	         "[::1]:8080, :8080 or unix:/path",
	         value);
	return false;
}

static bool set_backend(cli_args *args, const char *value)
{
	args->backend = value;
	if (*value)
		return true;
	cli_fail("--backend needs a name; 'proa doctor' lists them");
	return false;
}

static bool set_number(const char *name, const char *value, unsigned most, unsigned *to)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	*to = (unsigned)n;
	if (*value >= '0' && *value <= '9' && !*end && n >= 1 && n <= most)
		return true;
	cli_fail("%s takes a number from 1 to %u, not '%s'", name, most, value);
	return false;
}

static bool set_workers(cli_args *args, const char *value)
{
	return set_number("--workers", value, CLI_WORKERS_MAX, &args->workers);
}

static bool set_limit(cli_args *args, const char *value)
{
	return set_number("--limit", value, 1000000, &args->limit);
}

static bool set_buffers(cli_args *args, const char *value)
{
	return set_number("--buffers", value, CLI_BUFFERS_MAX, &args->buffers);
}

static bool set_models(cli_args *args, const char *value)
{
	args->models = value;
	return true;
}

static bool set_connections(cli_args *args, const char *value)
{
	args->connections = value;
	return true;
}

static bool set_output(cli_args *args, const char *value)
{
	args->output = value;
	if (*value)
		return true;
	cli_fail("--output needs a folder");
	return false;
}

static bool set_time(const char *name, const char *value, double most, double *to)
{
	char *end;

	*to = strtod(value, &end);
	if (end != value && !*end && *to >= 0.01 && *to <= most)
		return true;
	cli_fail("%s takes a number from 0.01 to %.0f, not '%s'", name, most, value);
	return false;
}

static bool set_seconds(cli_args *args, const char *value)
{
	return set_time("--seconds", value, 3600, &args->seconds);
}

static bool set_idle(cli_args *args, const char *value)
{
	return set_time("--idle", value, 86400, &args->idle);
}

static bool set_how(cli_args *args, const char *value)
{
	args->how = value;
	return true;
}

static bool set_family(cli_args *args, const char *value)
{
	args->family = value;
	if (!strcmp(value, "4") || !strcmp(value, "6"))
		return true;
	cli_fail("--family takes 4 or 6, not '%s'", value);
	return false;
}

static bool set_servers(cli_args *args, const char *value)
{
	args->servers = value;
	return true;
}

static bool set_list(cli_args *args, const char *value)
{
	(void)value;
	args->list = true;
	return true;
}

static bool set_quick(cli_args *args, const char *value)
{
	(void)value;
	args->quick = true;
	return true;
}

static bool set_flat(cli_args *args, const char *value)
{
	(void)value;
	args->flat = true;
	return true;
}

static bool set_log(cli_args *args, const char *value)
{
	(void)value;
	args->log = true;
	return true;
}

static bool set_stats(cli_args *args, const char *value)
{
	(void)value;
	args->stats = true;
	return true;
}

static bool set_json(cli_args *args, const char *value)
{
	(void)value;
	args->json = true;
	return true;
}

static bool set_help(cli_args *args, const char *value)
{
	(void)value;
	args->help = true;
	return true;
}

static const option options[] = {
	{"--listen", CLI_LISTEN, set_listen, true},
	{"--backend", CLI_BACKEND, set_backend, true},
	{"--workers", CLI_WORKERS, set_workers, true},
	{"--buffers", CLI_BUFFERS, set_buffers, true},
	{"--log", CLI_LOG, set_log, false},
	{"--stats", CLI_STATS, set_stats, false},
	{"--json", CLI_JSON, set_json, false},
	{"--idle", CLI_RELAY, set_idle, true},
	{"--limit", CLI_RELAY, set_limit, true},
	{"--flat", CLI_WATCH, set_flat, false},
	{"--models", CLI_LAB, set_models, true},
	{"--connections", CLI_LAB, set_connections, true},
	{"--output", CLI_LAB, set_output, true},
	{"--seconds", CLI_LAB | CLI_NAMES, set_seconds, true},
	{"--how", CLI_NAMES, set_how, true},
	{"--family", CLI_NAMES, set_family, true},
	{"--servers", CLI_NAMES, set_servers, true},
	{"--list", CLI_LAB, set_list, false},
	{"--quick", CLI_LAB, set_quick, false},
	{"--help", ~0u, set_help, false},
	{"-h", ~0u, set_help, false},
};

static const option *option_find(const char *name, size_t len, unsigned takes)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (strlen(options[i].name) == len && !memcmp(options[i].name, name, len) &&
		    (options[i].takes & takes || options[i].takes == ~0u))
			return &options[i];
	return NULL;
}

static bool dir_take(const char *arg, unsigned takes, cli_args *args)
{
	const char **to = takes & CLI_TO && args->dir ? &args->to : &args->dir;

	if (takes & CLI_NAMES && args->n_names < CLI_NAMES_MAX) {
		args->names[args->n_names++] = arg;
		return true;
	}
	if (!(takes & CLI_DIR) || *to) {
		cli_fail("'%s' is one argument too many", arg);
		return false;
	}
	*to = arg;
	return true;
}

/* "--name value" or "--name=value". */
static bool option_take(int argc, char **argv, int *i, unsigned takes, cli_args *args)
{
	const char *arg = argv[*i], *equals = strchr(arg, '='), *value = equals ? equals + 1 : NULL;
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
	const option *o = option_find(arg, len, takes);

	if (!o) {
		cli_fail("there is no option '%.*s' here; --help lists them", (int)len, arg);
		return false;
	}
	if (o->has_value && !value && *i + 1 < argc)
		value = argv[++*i];
	if (o->has_value != (value != NULL)) {
		cli_fail(o->has_value ? "%s needs a value" : "%s takes no value", o->name);
		return false;
	}
	return o->set(args, value);
}

bool cli_parse(int argc, char **argv, unsigned takes, cli_args *args)
{
	bool only_names = false;

	for (int i = 0; i < argc; i++) {
		if (!only_names && !strcmp(argv[i], "--")) {
			only_names = true;
		} else if (only_names || argv[i][0] != '-' || !argv[i][1]) {
			if (!dir_take(argv[i], takes, args))
				return false;
		} else if (!option_take(argc, argv, &i, takes, args)) {
			return false;
		}
	}
	return true;
}
