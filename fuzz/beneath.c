/* Paths below a folder: the walk component by component, against the system's own way. */
/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "sys/posix/posix.h"

#include <fcntl.h>
#include <unistd.h>

/* Where this file lies: a few files, and folders with files. */
static int root = -1;

/* A file, by what tells it from all others. */
typedef struct place {
	bool found;
	dev_t dev;
	ino_t ino;
} place;

static place place_of(int fd)
{
	struct stat st = {0};
	place p = {fd >= 0, 0, 0};

	if (!p.found)
		return p;
	px_assert(fstat(fd, &st) == 0);
	close(fd);
	p.dev = st.st_dev;
	p.ino = st.st_ino;
	return p;
}

static bool same(place a, place b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* By any number of ".." from where it is, an honest one is at the root first. */
static bool is_beneath(const char *path)
{
	long depth = 0;

	if (*path == '/')
		return false;
	for (const char *at = path; *at; at += strspn(at, "/")) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !strncmp(at, "..", 2))
			depth--;
		else if (n && !(n == 1 && *at == '.'))
			depth++;
		if (depth < 0)
			return false;
		at += n;
	}
	return true;
}

FUZZ(beneath)
{
	char *path = fuzz_text(data, size);
	place walked, opened;

	if (root < 0)
		root = open(FUZZ_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	px_assert(root >= 0);
	walked = place_of(px_open_walk(root, path, O_RDONLY | O_CLOEXEC, 0));
	opened = place_of(px_open_beneath(root, path, O_RDONLY | O_CLOEXEC, 0));
	if (walked.found) /* it is the stricter one */
		px_assert(opened.found && same(walked, opened));
	if (opened.found)
		px_assert(is_beneath(path) &&
		          same(opened, place_of(openat(root, path, O_RDONLY | O_CLOEXEC))));
	free(path);
}
