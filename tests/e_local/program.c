/* What the tests of child processes spawn: child_program WHAT [ARGUMENT]. */
/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "host_child.h"
#include "proa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(const char *arg)
{
	printf("%s\n", arg);
	fprintf(stderr, "error: %s\n", arg);
	return 0;
}

static int cat(const char *arg)
{
	static char buf[65536];
	size_t n;

	(void)arg;
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		if (fwrite(buf, 1, n, stdout) != n)
			return 1;
	return 0;
}

static int environment(const char *arg)
{
	const char *value = getenv(arg);

	printf("%s\n", value ? value : "(none)");
	return 0;
}

static int folder(const char *arg)
{
	char path[1024];

	(void)arg;
	puts(host_folder(path, sizeof path) ? path : "(none)");
	return 0;
}

static int snooze(const char *arg)
{
	(void)arg;
	host_sleep_us(60 * 1000 * 1000);
	return 0;
}

static int leave(const char *arg)
{
	return (int)strtol(arg, NULL, 10);
}

static int descriptors(const char *arg)
{
	(void)arg;
	printf("%ld\n", host_descriptors());
	return 0;
}

static int signals(const char *arg)
{
	int n = host_deaf();

	(void)arg;
	if (n)
		printf("%d\n", n);
	else
		puts("none");
	return 0;
}

static int identity(const char *arg)
{
	(void)arg;
	printf("user %u, %s\n", host_user(), host_is_leader() ? "leads" : "follows");
	return 0;
}

/* ---- its standard streams by proa ---- */

static proa_handle in, out;
static proa_op recv_op, send_op;
static char piece[50000];
static int status;

static void received(proa_op *op);

static void sent(proa_op *op)
{
	if (op->result < 0)
		status = 3;
	else
		proa_recv(&in, &recv_op, piece, sizeof piece, received);
}

static void received(proa_op *op)
{
	if (op->result > 0)
		proa_send(&out, &send_op, piece, (size_t)op->result, sent);
	else if (op->result < 0)
		status = 4;
}

static int echo(const char *arg)
{
	proa_loop *loop;

	(void)arg;
	if (proa_loop_open(&loop, NULL) < 0)
		return 5;
	proa_handle_init(proa_root(loop), &in);
	proa_handle_init(proa_root(loop), &out);
	if (proa_stdio_open(&in, 0) < 0 || proa_stdio_open(&out, 1) < 0)
		return 6;
	proa_recv(&in, &recv_op, piece, sizeof piece, received);
	proa_run(loop);
	proa_loop_close(&loop, 0);
	return status;
}

static const struct {
	const char *name;
	int (*run)(const char *arg);
} what[] = {
	{"say", say},           {"cat", cat},    {"env", environment},         {"cwd", folder},
	{"sleep", snooze},      {"exit", leave}, {"descriptors", descriptors}, {"signals", signals},
	{"identity", identity}, {"echo", echo}};

int main(int argc, char **argv)
{
	host_bytes();
	for (size_t i = 0; argc > 1 && i < sizeof what / sizeof *what; i++)
		if (!strcmp(argv[1], what[i].name))
			return what[i].run(argc > 2 ? argv[2] : "");
	return 99;
}
