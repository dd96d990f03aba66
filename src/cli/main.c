/* proa: the command. Finds the subcommand and gives it its arguments. */
/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "host.h"

#include <stdio.h>
#include <string.h>

static const cli_command *const commands[] = {&cli_serve, &cli_echo,    &cli_relay,  &cli_copy,
                                              &cli_watch, &cli_resolve, &cli_doctor, &cli_lab};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *to)
{
	fprintf(to, "usage: proa COMMAND [ARGUMENTS]\n\n");
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(to, "  proa %-7s %s\n               %s\n", commands[i]->name,
		        commands[i]->usage, commands[i]->about);
	fprintf(to, "\n  proa COMMAND --help    more about one of them\n"
	            "  proa --version\n");
}

static void print_command_help(const cli_command *command)
{
	printf("usage: proa %s %s\n\n%s\n\n%s", command->name, command->usage, command->about,
	       command->help);
}

static const cli_command *command_find(const char *name)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const cli_command *command;
	cli_args args = {0};

	if (!(argv = cli_host_start(&argc, argv)))
		return cli_fail("%s", proa_err_text(-PROA_ENOMEM));
	if (argc < 2) {
		print_help(stderr);
		return CLI_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return cli_written(CLI_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("proa %s\n", PROA_VERSION);
		return cli_written(CLI_OK);
	}
	command = command_find(argv[1]);
	if (!command)
		return cli_fail("there is no command '%s'; 'proa --help' lists them", argv[1]);
	if (!cli_parse(argc - 2, argv + 2, command->takes, &args))
		return CLI_FAILED;
	if (args.help) {
		print_command_help(command);
		return cli_written(CLI_OK);
	}
	return command->run(&args);
}
