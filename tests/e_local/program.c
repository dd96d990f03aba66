/* What the tests of child processes spawn: child_program WHAT [ARGUMENT]. */
/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "host_child.h"

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

static const struct {
	const char *name;
	int (*run)(const char *arg);
} what[] = {{"say", say},         {"cat", cat},         {"env", environment},
            {"cwd", folder},      {"sleep", snooze},    {"exit", leave},
            {"descriptors", descriptors}, {"signals", signals}, {"identity", identity}};

int main(int argc, char **argv)
{
	host_bytes();
	for (size_t i = 0; argc > 1 && i < sizeof what / sizeof *what; i++)
		if (!strcmp(argv[1], what[i].name))
			return what[i].run(argc > 2 ? argv[2] : "");
	return 99;
}
