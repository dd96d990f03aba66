/* What the command asks of the system beyond the library: one implementation per platform. */
/* SPDX-License-Identifier: MIT */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include <stdbool.h>

/* At the very beginning: arguments as UTF-8 (what is returned replaces argv, and *argc may change),
 * stdout and stderr bytes as they are written. NULL: no memory. */
char **cli_host_start(int *argc, char **argv);
/* A reader of our output that went away is an error of the write, and no reason to end. */
void cli_host_ignore_lost_readers(void);
/* The path as it is from the root, to be freed; NULL if that cannot be told. */
char *cli_host_full_path(const char *path);
bool cli_host_separates(char c); /* two components of a path */
bool cli_host_is_terminal(void); /* stderr: somebody looks */
/* Removes a file, if it is there. */
void cli_host_remove(const char *path);

#endif
