/* What the command asks of the system, on POSIX. */
/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char **cli_host_start(int *argc, char **argv)
{
	(void)argc;
	return argv;
}

void cli_host_ignore_lost_readers(void)
{
	signal(SIGPIPE, SIG_IGN);
}

char *cli_host_full_path(const char *path)
{
	return realpath(path, NULL);
}

void cli_host_remove(const char *path)
{
	remove(path);
}

bool cli_host_separates(char c)
{
	return c == '/';
}

bool cli_host_is_terminal(void)
{
	return isatty(STDERR_FILENO);
}
