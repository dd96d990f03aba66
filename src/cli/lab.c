/* proa lab: the classic ways to serve many connections, to run and to measure. */
/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "cli.h"

#include <string.h>

static int lab_run(const cli_args *args)
{
	px_lab_options o = {.model = args->dir,
	                    .listen = args->listen,
	                    .models = args->models,
	                    .connections = args->connections,
	                    .output = args->output,
	                    .seconds = args->seconds,
	                    .list = args->list,
	                    .quick = args->quick};
	char error[256] = "";
	int status;

	if (args->listen && !strncmp(args->listen, "unix:", 5))
		return cli_fail("the models listen on TCP, not on '%s'", args->listen);
	status = px_lab_run(&o, error, sizeof error);
	if (*error)
		cli_fail("%s", error);
	return status;
}

const cli_command cli_lab = {
	.name = "lab",
	.usage = "[MODEL --listen ADDR:PORT] [--list] [--models A,B] [--output DIR] [--quick]",
	.about = "Measures the classic ways to serve many connections, or runs one of them.",
	.help = "Without a model it is a course: each serves 1 to 10,000 connections, to a client\n"
		"that looks at every byte. Then it counts system calls, blocks a loop, and looks\n"
		"who is woken by a new connection. It takes some minutes; Linux only.\n\n"
		"  MODEL                run this one as an echo server, for any client\n"
		"  --listen ADDR:PORT   where\n"
		"  --list               names the models\n"
		"  --models A,B         of the course these only\n"
		"  --connections N,N    these numbers of connections only\n"
		"  --seconds S          of each measurement (default 1.5)\n"
		"  --quick              1, 100 and 1,000 connections, 0.25 seconds each\n"
		"  --output DIR         writes lab.json there, and charts if gnuplot is there\n\n"
		"docs/IO-MODELS.md explains what comes out.\n",
	.takes = CLI_DIR | CLI_LISTEN | CLI_LAB,
	.run = lab_run,
};
