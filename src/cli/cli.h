/* The command: what its parts share. Public headers only. */
/* SPDX-License-Identifier: MIT */
#ifndef CLI_H
#define CLI_H

#include "proa.h"

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILED = 2 };

enum { CLI_DRAIN_SEC = 10, CLI_WORKERS_MAX = 1024, CLI_BUFFERS_MAX = 32768, CLI_NAMES_MAX = 64 };

typedef struct cli_args {
	const char *dir, *listen, *backend;
	const char *to;                            /* a second name behind `dir` */
	const char *models, *connections, *output; /* the laboratory's */
	const char *how, *family, *servers;        /* of look-ups */
	const char *names[CLI_NAMES_MAX];          /* what is looked up */
	unsigned n_names;
	double seconds, idle;             /* 0: not given */
	unsigned workers, buffers, limit; /* 0: not given */
	bool log, stats, json, list, quick, flat, help;
} cli_args;

/* Which of them a command takes. */
enum {
	CLI_DIR = 1,
	CLI_LISTEN = 2,
	CLI_BACKEND = 4,
	CLI_WORKERS = 8,
	CLI_LOG = 16,
	CLI_STATS = 32,
	CLI_JSON = 64,
	CLI_BUFFERS = 128,
	CLI_LAB = 256,
	CLI_TO = 512,
	CLI_RELAY = 1024,
	CLI_WATCH = 2048,
	CLI_NAMES = 4096 /* any number of names, and how to look them up */
};

typedef struct cli_command {
	const char *name;
	const char *usage; /* its arguments */
	const char *about; /* one line */
	const char *help;  /* the rest of its help */
	unsigned takes;
	int (*run)(const cli_args *);
} cli_command;

extern const cli_command cli_serve, cli_echo, cli_relay, cli_copy, cli_watch, cli_resolve,
	cli_doctor, cli_lab;

/* One line on stderr, "proa: " before it. Returns CLI_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True, or the line is said: no such option, a value missing, wrong or too much. */
bool cli_parse(int argc, char **argv, unsigned takes, cli_args *args);

/* `status`, if all that was printed has gone out of stdout; or it says that it has not. */
int cli_written(int status);

/* The sentence for what opening a loop or a group said. */
int cli_fail_backend(const cli_args *args, int rc);
/* The same for listening. */
int cli_fail_listen(const char *listen, int rc);

/* "listening ADDR:PORT", flushed. */
void cli_print_listening(const proa_addr *addr);

/* When it has listened and ended: a local socket's name does not stay behind. */
void cli_unlisten(const char *listen);

/* SIGTERM and SIGINT on a loop: `stop` is called with 0 at the first and 1 at the second. In the
 * background: they keep no loop running. */
typedef struct cli_signals {
	proa_op term, interrupt;
	unsigned count;
	int signo; /* the last one */
	void (*stop)(unsigned again, void *user);
	void *user;
} cli_signals;
/* Before anything is opened: what the signals do while no loop watches them. */
void cli_signals_prepare(void);
void cli_signals_watch(cli_signals *signals, proa_loop *loop);

/* A TCP server, on one loop or several, until a signal: its exit status. `serve` is as filled in by
 * the command; the rest is this file's. */
typedef struct cli_tcp {
	const cli_args *args;
	const char *listen;
	proa_serve_options serve;
	proa_loop *loop;   /* one worker */
	proa_group *group; /* several */
	proa_server server;
	bool ended; /* the server has */
	cli_signals signals;
	proa_stats stats;
	char backend[32];
} cli_tcp;
int cli_tcp_run(cli_tcp *tcp);

/* A string as JSON has it, on stdout. */
void cli_print_json(const char *text);

/* One line of counters on stdout. */
void cli_print_stats(const char *backend, const proa_stats *stats);
void cli_stats_add(proa_stats *sum, const proa_stats *stats);

#endif
