/* Fuzz targets without a fuzzer: each file of CORPUS/TARGET/ once. corpus CORPUS [TARGET] */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "proa/fs.h"

#include <stdio.h>

enum { NAMES_BYTES = 64 * 1024 };

static fuzz_target *targets;

void fuzz_add(fuzz_target *target)
{
	target->next = targets;
	targets = target;
}

static int fail(const char *what, const char *name, int64_t error)
{
	fprintf(stderr, "corpus: %s %s: %s\n", what, name,
	        error < 0 ? proa_err_text((int)error) : "there is none");
	return 1;
}

/* 0, or the status to end with. */
static int file_run(proa_loop *loop, proa_handle *folder, const proa_dirent *entry,
                    const fuzz_target *target)
{
	size_t len = (size_t)entry->stat.size_bytes;
	proa_handle file = {0};
	proa_op op = {0};
	char *bytes = malloc(len + 1);

	px_assert(bytes);
	proa_handle_init(folder, &file);
	proa_file_open_in(&file, &op, folder, entry->name, PROA_O_READ, 0, NULL);
	if (proa_await(loop, &op) == 0)
		proa_read(&file, &op, bytes, len + 1, 0, NULL);
	if (op.result < 0 || proa_await(loop, &op) != (int64_t)len) {
		free(bytes);
		return fail("cannot read", entry->name, op.result);
	}
	proa_close(&file, NULL);
	proa_run(loop);
	printf("%s %s\n", target->name, entry->name);
	fflush(stdout); /* so that the last line names the one that failed */
	target->run((const uint8_t *)bytes, len);
	free(bytes);
	return 0;
}

static int folder_run(proa_loop *loop, const char *corpus, const fuzz_target *target)
{
	char name[1024];
	static _Alignas(proa_dirent) char names[NAMES_BYTES];
	proa_handle folder = {0};
	proa_op op = {0};
	int files = 0, status = 0;
	int64_t n;

	snprintf(name, sizeof name, "%s/%s", corpus, target->name);
	proa_handle_init(proa_root(loop), &folder);
	proa_file_open(&folder, &op, name, PROA_O_READ | PROA_O_DIR, 0, NULL);
	if (proa_await(loop, &op) < 0)
		return fail("cannot open", name, op.result);
	do {
		proa_dir_read(&folder, &op, names, sizeof names, NULL);
		n = proa_await(loop, &op);
		for (int64_t at = 0; at < n && !status;) {
			const proa_dirent *entry = (const void *)(names + at);

			at += entry->bytes;
			if (entry->stat.type != PROA_S_FILE)
				continue;
			status = file_run(loop, &folder, entry, target);
			files++;
		}
	} while (n > 0 && !status);
	proa_close(&folder, NULL);
	proa_run(loop);
	return n < 0 ? fail("cannot list", name, n) : files ? status : fail("a file in", name, 0);
}

int main(int argc, char **argv)
{
	const char *only = argc == 3 ? argv[2] : NULL;
	int status = 0, ran = 0, rc;
	proa_loop *loop;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: corpus CORPUS [TARGET]\n");
		return 2;
	}
	if ((rc = proa_loop_open(&loop, NULL)) < 0)
		return fail("cannot open", "a loop", rc);
	for (const fuzz_target *t = targets; t && !status; t = t->next) {
		if (only && strcmp(only, t->name))
			continue;
		status = folder_run(loop, argv[1], t);
		ran++;
	}
	proa_loop_close(&loop, 0);
	return ran ? status : fail("no target", only ? only : "at all", 0);
}
