/* Folders: what is in them, opening in them, and no way out of them. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "host_file.h"

#include <stdio.h>
#include <stdlib.h>

static char top[64];

static const char *in_top(const char *name)
{
	static char p[128];

	snprintf(p, sizeof p, "%s/%s", top, name);
	return p;
}

/* Links and a fifo are in it where there are such things. */
static bool have_links(void)
{
	return !host_lacks(HOST_LINKS);
}

static void folder_make(void)
{
	snprintf(top, sizeof top, "proa-dir-%u-%s", host_pid(), test_backend ? test_backend : "");
	CHECK(host_make_dir(top));
	CHECK(host_make_dir(in_top("in")));
	CHECK(host_make_file(in_top("in/file")));
	if (!have_links())
		return;
	CHECK(host_make_link(in_top("out"), host_path_outside()));
	CHECK(host_make_link(in_top("up"), "../.."));
	CHECK(host_make_link(in_top("stays"), "in/file"));
	CHECK(host_make_fifo(in_top("fifo")));
}

static void folder_drop(void)
{
	static const char *const links[] = {"out", "up", "stays", "fifo"};

	CHECK(host_remove(in_top("in/file")));
	CHECK(host_remove(in_top("in")));
	for (size_t i = 0; have_links() && i < sizeof links / sizeof *links; i++)
		CHECK(host_remove(in_top(links[i])));
	CHECK(host_remove(top));
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

static void escapes_refused(proa_loop *loop, proa_handle *dir, const char *const *paths)
{
	for (; *paths; paths++)
		if (!CHECK_EQ(open_in(loop, dir, *paths, PROA_O_BENEATH), -PROA_EACCES))
			test_note("%s", *paths);
}

TEST(folder_beneath)
{
	static const char *const escapes[] = {"..",           "../x",  "in/../../x",
	                                      "/etc/passwd",  "/",     "./..",
	                                      "in/.././../x", "//etc", NULL};
	proa_handle dir;

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	CHECK_EQ(open_in(loop, &dir, "in/file", PROA_O_BENEATH), 0);
	CHECK_EQ(open_in(loop, &dir, "in", PROA_O_BENEATH | PROA_O_DIR), 0);
	CHECK_EQ(open_in(loop, &dir, "in/none", PROA_O_BENEATH), -PROA_ENOENT);
	escapes_refused(loop, &dir, escapes);
	escapes_refused(loop, &dir, host_path_escapes());
	kit_end(loop, &dir);
	folder_drop();
	kit_close(&loop);
}

TEST(folder_beneath_links)
{
	static const char *const escapes[] = {"out",       "out/passwd",  "up",         "up/x",
	                                      "out/../in", "in/../out/x", "up/../../x", NULL};
	proa_handle dir;

	NEED(HOST_LINKS);
	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	CHECK_EQ(open_in(loop, &dir, "out", 0), 0);               /* without: where it leads */
	CHECK_EQ(open_in(loop, &dir, "fifo", PROA_O_BENEATH), 0); /* and holds nobody */
	escapes_refused(loop, &dir, escapes);
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
	CHECK_EQ(total, have_links() ? 5 : 1);
	CHECK_EQ(seen[PROA_S_DIR], 1);
	CHECK_EQ(seen[PROA_S_LINK], have_links() ? 3 : 0);
	CHECK_EQ(seen[PROA_S_OTHER], have_links() ? 1 : 0);
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
	SUBMIT(proa_file_open, &h, &r, host_path_empty(), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_dir_read, &h, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTDIR);
	kit_end(loop, &h);
	kit_close(&loop);
}

/* ---- at once ---- */

static int now_in(proa_loop *loop, proa_handle *dir, const char *name, proa_stat_info *info,
                  size_t len)
{
	proa_handle h = {0};
	char buf[8] = "";
	int rc;

	proa_handle_init(proa_root(loop), &h);
	rc = proa_file_open_now(&h, dir, name, info, buf, len);
	CHECK_EQ(proa_is_open(&h), rc == PROA_NOW_OPENED);
	if (rc == PROA_NOW_READ)
		CHECK_MEM(buf, "content", 7);
	kit_end(loop, &h);
	return rc;
}

/* Whether something can be had at once is the system's to say; what is said must be true. */
TEST(folder_open_now)
{
	proa_handle dir, h = {0};
	proa_stat_info info = {0};
	rec r = {0};
	int rc;

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	proa_handle_init(proa_root(loop), &h);
	SUBMIT(proa_file_open_in, &h, &r, &dir, "in/file", PROA_O_WRITE, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_write, &h, &r, "content", 7, 0);
	CHECK_EQ(kit_await(loop, &r), 7);
	kit_end(loop, &h);
	rc = now_in(loop, &dir, "in/file", &info, 7);
	CHECK(rc == PROA_NOW_WAITS || rc == PROA_NOW_OPENED || rc == PROA_NOW_READ);
	if (rc != PROA_NOW_WAITS)
		CHECK(info.size_bytes == 7 && info.type == PROA_S_FILE);
	rc = now_in(loop, &dir, "in/file", &info, 6); /* too long */
	CHECK(rc == PROA_NOW_WAITS || rc == PROA_NOW_OPENED);
	rc = now_in(loop, &dir, "in", &info, 7);
	CHECK(rc == PROA_NOW_WAITS || (rc == PROA_NOW_OPENED && info.type == PROA_S_DIR));
	rc = now_in(loop, &dir, "in/none", &info, 7);
	CHECK(rc == PROA_NOW_WAITS || rc == -PROA_ENOENT);
	if (have_links())
		CHECK_EQ(now_in(loop, &dir, "out", &info, 7), PROA_NOW_WAITS);
	CHECK_EQ(now_in(loop, &dir, "../x", &info, 7), PROA_NOW_WAITS);
	kit_end(loop, &dir);
	folder_drop();
	kit_close(&loop);
}

TEST(folder_open_now_of_what_is_none)
{
	proa_handle dir, h = {0};
	proa_stat_info info;
	char buf[8];

	LOOP(loop);
	folder_make();
	open_top(loop, &dir);
	proa_handle_init(proa_root(loop), &h);
	CHECK_EQ(proa_file_open_now(&h, &h, "in/file", &info, buf, 8), -PROA_EBADF);
	CHECK_EQ(proa_file_open_now(&dir, &dir, "in/file", &info, buf, 8), -PROA_EINVAL);
	kit_end(loop, &h);
	kit_end(loop, &dir);
	folder_drop();
	kit_close(&loop);
}
