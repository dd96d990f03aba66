/* Folders: what is in them, opening in them, and no way out of them. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static void put(const char *name, int (*make)(const char *))
{
	char p[128];

	snprintf(p, sizeof p, "%s/%s", top, name);
	CHECK_EQ(make(p), 0);
}

static int make_dir(const char *p)
{
	return mkdir(p, 0700);
}

static int make_file(const char *p)
{
	int fd = open(p, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int link_out(const char *p)
{
	return symlink("/etc", p);
}

static int link_up(const char *p)
{
	return symlink("../..", p);
}

static int link_in(const char *p)
{
	return symlink("in/file", p);
}

static int make_fifo(const char *p)
{
	return mkfifo(p, 0600);
}

static void folder_make(void)
{
	snprintf(top, sizeof top, "proa-dir-%d-%s", (int)getpid(),
	         test_backend ? test_backend : "");
	CHECK_EQ(mkdir(top, 0700), 0);
	put("in", make_dir);
	put("in/file", make_file);
	put("out", link_out);
	put("up", link_up);
	put("stays", link_in);
	put("fifo", make_fifo);
}

static void folder_drop(void)
{
	static const char *const names[] = {"in/file", "in", "out", "up", "stays", "fifo", ""};
	char p[128];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(p, sizeof p, "%s/%s", top, names[i]);
		CHECK_EQ(remove(p), 0);
	}
}

static void open_top(proa_loop *loop, proa_handle *dir)
{
	rec r = {0};

	memset(dir, 0, sizeof *dir);
	proa_handle_init(proa_root(loop), dir);
	SUBMIT(proa_file_open, dir, &r, top, PROA_O_READ | PROA_O_DIR, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
}

static int64_t open_in(proa_loop *loop, proa_handle *dir, const char *name, unsigned flags)
{
	proa_handle h = {0};
	rec r = {0};

	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open_in, &h, &r, dir, name, PROA_O_READ | flags, 0);
	kit_await(loop, &r);
	kit_end(loop, &h);
	return r.result;
}

TEST(folder_beneath)
{
	static const char *const escapes[] = {
		"..",        "../x",       "in/../../x",   "/etc/passwd", "/",
		"out",       "out/passwd", "up",           "up/x",        "in/../out/x",
		"out/../in", "./..",       "in/.././../x", "//etc",       "up/../../x",
	};
	proa_handle dir;

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	CHECK_EQ(open_in(loop, &dir, "in/file", PROA_O_BENEATH), 0);
	CHECK_EQ(open_in(loop, &dir, "in", PROA_O_BENEATH | PROA_O_DIR), 0);
	CHECK_EQ(open_in(loop, &dir, "in/none", PROA_O_BENEATH), -PROA_ENOENT);
	CHECK_EQ(open_in(loop, &dir, "out", 0), 0);               /* without: where it leads */
	CHECK_EQ(open_in(loop, &dir, "fifo", PROA_O_BENEATH), 0); /* and holds nobody */
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (!CHECK_EQ(open_in(loop, &dir, escapes[i], PROA_O_BENEATH), -PROA_EACCES))
			test_note("%s", escapes[i]);
	kit_end(loop, &dir);
	folder_drop();
	kit_close(&loop);
}

/* The folder's close waits for what is being opened in it. */
TEST(folder_closed_meanwhile)
{
	proa_handle dir, h = {0};
	rec r = {0};
	gate *g;
	int before = kit_n_closed;

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open_in, &h, &r, &dir, "in/file", PROA_O_READ, 0);
	proa_close(&dir, kit_closed);
	kit_settle(loop);
	CHECK_EQ(kit_n_closed, before);
	gate_open(loop, g);
	CHECK_EQ(kit_await(loop, &r), 0);
	UNTIL(loop, kit_n_closed == before + 1);
	kit_end(loop, &h);
	CHECK_EQ(open_in(loop, NULL, top, PROA_O_DIR), 0);
	folder_drop();
	kit_close(&loop);
}

TEST(folder_read)
{
	_Alignas(proa_dirent) char buf[1024];
	unsigned seen[PROA_S_LINK + 1] = {0};
	proa_handle dir;
	rec r = {0};
	int total = 0;

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	SUBMIT(proa_dir_read, &dir, &r, buf, 1023);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_dir_read, &dir, &r, buf, sizeof buf);
	while (kit_await(loop, &r) > 0) {
		for (int64_t at = 0; at < r.result;) {
			const proa_dirent *d = (const proa_dirent *)(const void *)(buf + at);

			seen[d->stat.type]++;
			total++;
			CHECK_EQ(d->name_len, strlen(d->name));
			at += d->bytes;
		}
		SUBMIT(proa_dir_read, &dir, &r, buf, sizeof buf);
	}
	CHECK_EQ(r.result, 0);
	CHECK_EQ(r.got, PROA_END);
	CHECK_EQ(total, 5);
	CHECK_EQ(seen[PROA_S_DIR], 1);
	CHECK_EQ(seen[PROA_S_LINK], 3);
	CHECK_EQ(seen[PROA_S_OTHER], 1);
	kit_end(loop, &dir);
	folder_drop();
	kit_close(&loop);
}

TEST(folder_read_of_a_file)
{
	_Alignas(proa_dirent) char buf[1024];
	proa_handle h = {0};
	rec r = {0};

	LOOP(loop);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open, &h, &r, "/dev/null", PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_dir_read, &h, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTDIR);
	kit_end(loop, &h);
	kit_close(&loop);
}
