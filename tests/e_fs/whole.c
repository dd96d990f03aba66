/* Files as wholes: read, replaced, copied; temporary ones. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "e_fs/place.h"

#include <stdio.h>
#include <stdlib.h>

static rec ask;

static void gives_back(proa_loop *loop, const rec *r)
{
	proa_loop_alloc(loop, r->buf, (size_t)r->result + 1, 0);
}

static void file_is(proa_loop *loop, const char *path, const char *text)
{
	if (!CHECK_EQ(ASK(loop, proa_read_file, path, 1000), strlen(text)))
		return;
	CHECK_STR(ask.buf, text);
	gives_back(loop, &ask);
}

TEST(whole_read)
{
	enum { LEN = 300000 };
	static char bytes[LEN];

	LOOP(loop);
	place_make();
	kit_fill(bytes, LEN, 0);
	CHECK_EQ(ASK(loop, proa_write_file, in_place("f"), bytes, LEN, 0644), LEN);
	CHECK_EQ(ask.count, LEN);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("f"), LEN), LEN);
	CHECK_EQ(ask.count, LEN);
	CHECK(kit_filled(ask.buf, LEN, 0));
	CHECK_EQ(((char *)ask.buf)[LEN], 0);
	gives_back(loop, &ask);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("f"), LEN - 1), -PROA_ETOOLONG);
	CHECK(ask.buf == NULL);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("f"), SIZE_MAX), LEN);
	gives_back(loop, &ask);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("none"), 10), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_read_file, "", 10), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_read_file, host_path_empty(), 0), 0);
	CHECK_STR(ask.buf, "");
	gives_back(loop, &ask);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}

/* What has no size and does not end is read as far as the limit. */
TEST(whole_read_without_a_size)
{
	NEED(HOST_FULL_DISK); /* there are devices */
	LOOP(loop);
	CHECK_EQ(ASK(loop, proa_read_file, host_path_full_disk(), 100000), -PROA_ETOOLONG);
	CHECK(ask.buf == NULL);
	CHECK_EQ(ASK(loop, proa_read_file, host_path_full_disk(), 3), -PROA_ETOOLONG);
	kit_close(&loop);
}

TEST(whole_written_in_place)
{
	proa_stat_info was, is;
	proa_handle reader = {0};
	rec r = {0};
	char buf[8];
	int64_t n;

	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_write_file, in_place("f"), "old", 3, 0600), 3);
	CHECK_EQ(ASK(loop, proa_chmod, in_place("f"), 0666), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &was), 0);
	proa_handle_init(proa_root(loop), &reader);
	SUBMIT(proa_file_open, &reader, &r, in_place("f"), PROA_O_READ, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	n = ASK(loop, proa_write_file, in_place("f"), "newer", 5, 0600);
	SUBMIT(proa_read, &reader, &r, buf, sizeof buf, 0); /* who had it open has the old one */
	CHECK_EQ(kit_await(loop, &r), 3);
	CHECK_MEM(buf, "old", 3);
	kit_end(loop, &reader);
	if (n == -PROA_EACCES) /* for that it was open, as some systems say; it is whole */
		n = ASK(loop, proa_write_file, in_place("f"), "newer", 5, 0600);
	CHECK_EQ(n, 5);
	file_is(loop, in_place("f"), "newer");
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &is), 0);
	CHECK_NE(was.ino, is.ino);
	CHECK_EQ(is.mode, 0666); /* as it was */
	CHECK_EQ(ASK(loop, proa_write_file, in_place("f"), NULL, 0, 0600), 0);
	file_is(loop, in_place("f"), "");
	CHECK_EQ(ASK(loop, proa_write_file, in_place("none/f"), "x", 1, 0600), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("d"), 0700), 0);
	CHECK_LT(ASK(loop, proa_write_file, in_place("d"), "x", 1, 0600), 0); /* it is a folder */
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("d")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop(); /* no temporary file is left */
	kit_close(&loop);
}

TEST(whole_copied)
{
	enum { LEN = 1000000 };
	char *bytes = malloc(LEN);
	int64_t when = INT64_C(1000000000) * PROA_SEC;
	proa_stat_info st;

	LOOP(loop);
	place_make();
	kit_fill(bytes, LEN, 0);
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), bytes, LEN, 0644), LEN);
	CHECK_EQ(ASK(loop, proa_chmod, in_place("a"), 0444), 0);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("b"), 0), LEN);
	CHECK_EQ(ask.count, LEN);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("b"), LEN), LEN);
	CHECK(kit_filled(ask.buf, LEN, 0));
	gives_back(loop, &ask);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("b"), PROA_COPY_EXCL),
	         -PROA_EEXIST);
	CHECK_EQ(ASK(loop, proa_chmod, in_place("a"), 0666), 0);
	CHECK_EQ(ASK(loop, proa_chmod, in_place("b"), 0666), 0);
	CHECK_EQ(ASK(loop, proa_utime, in_place("a"), PROA_TIME_KEEP, when), 0);
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), "short", 5, 0644), 5);
	CHECK_EQ(ASK(loop, proa_utime, in_place("a"), PROA_TIME_KEEP, when), 0);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("b"), PROA_COPY_ATTRS), 5);
	file_is(loop, in_place("b"), "short"); /* and nothing behind it */
	CHECK_EQ(ASK(loop, proa_stat, in_place("b"), &st), 0);
	CHECK_EQ(st.mtime_ns, when);
	CHECK_EQ(st.mode, 0666);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("a"), 0), -PROA_EINVAL);
	file_is(loop, in_place("a"), "short"); /* it was not emptied */
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("none"), in_place("c"), 0), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_copy_file, place, in_place("c"), 0), -PROA_EISDIR);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), place, 0), -PROA_EISDIR);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("c"), 8), -PROA_EINVAL);
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), "", 0, 0644), 0);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("b"), 0), 0);
	file_is(loop, in_place("b"), "");
	CHECK_EQ(ASK(loop, proa_unlink, in_place("a")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("b")), 0);
	place_drop();
	kit_close(&loop);
	free(bytes);
}

static void open_place(proa_loop *loop, proa_handle *h, const char *name, unsigned flags)
{
	rec r = {0};

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	SUBMIT(proa_file_open, h, &r, in_place(name), flags, 0644);
	CHECK_EQ(kit_await(loop, &r), 0);
}

TEST(whole_copy_of_a_device)
{
	NEED(HOST_FULL_DISK); /* there are devices */
	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_copy_file, host_path_full_disk(), in_place("c"), 0), -PROA_ENOTSUP);
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), "x", 1, 0600), 1);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), host_path_full_disk(), 0), -PROA_ENOTSUP);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("a")), 0);
	place_drop();
	kit_close(&loop);
}

/* One that nobody reads would hold its worker for ever, and one that is read is no file either. */
TEST(whole_copy_over_a_fifo)
{
	proa_handle both = {0};

	NEED(HOST_FULL_DISK); /* there are devices */
	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), "x", 1, 0600), 1);
	CHECK(host_make_fifo(in_place("fifo")));
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("fifo"), 0), -PROA_ENOTSUP);
	open_place(loop, &both, "fifo", PROA_O_READ | PROA_O_WRITE);
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("a"), in_place("fifo"), 0), -PROA_ENOTSUP);
	kit_end(loop, &both);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("fifo")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("a")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(whole_ranges_copied)
{
	proa_handle a, b, none = {0};
	rec r = {0};
	gate *g;

	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_write_file, in_place("a"), "0123456789", 10, 0644), 10);
	open_place(loop, &a, "a", PROA_O_READ);
	open_place(loop, &b, "b", PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE);
	SUBMIT(proa_copy_range, &b, &r, &a, 4, 3);
	CHECK_EQ(kit_await(loop, &r), 3);
	CHECK_EQ(r.got, 0);
	SUBMIT(proa_copy_range, &b, &r, &a, 8, 100);
	CHECK_EQ(kit_await(loop, &r), 2);
	CHECK_EQ(r.count, 2);
	CHECK_EQ(r.got, PROA_END);
	SUBMIT(proa_copy_range, &b, &r, &a, 0, 0);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_copy_range, &b, &r, &a, -1, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_copy_range, &a, &r, &b, 0, 10); /* not open for writing */
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	proa_handle_init(proa_root(loop), &none);
	SUBMIT(proa_copy_range, &b, &r, &none, 0, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	SUBMIT(proa_copy_range, &none, &r, &a, 0, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	kit_end(loop, &none);
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	SUBMIT(proa_copy_range, &b, &r, &a, 0, 4);
	proa_close(&a, kit_closed); /* waits */
	kit_settle(loop);
	CHECK_EQ(r.submits, r.finals + 1);
	gate_open(loop, g);
	CHECK_EQ(kit_await(loop, &r), 4);
	kit_end(loop, &b);
	CHECK_EQ(ASK(loop, proa_read_file, in_place("b"), 100), 10);
	CHECK_MEM(ask.buf, "0123456\00089", 10);
	gives_back(loop, &ask);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("a")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("b")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(whole_temporary)
{
	char one[128], two[128], plain[128];
	proa_handle f = {0}, other = {0};
	rec r = {0};

	LOOP(loop);
	place_make();
	snprintf(one, sizeof one, "%s", in_place("tXXXXXX"));
	snprintf(two, sizeof two, "%s", in_place("tXXXXXX"));
	snprintf(plain, sizeof plain, "%s", in_place("tXXXXX"));
	proa_handle_init(proa_root(loop), &f);
	proa_handle_init(proa_root(loop), &other);
	SUBMIT(proa_temp_file, &f, &r, plain);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_temp_file, &f, &r, one);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(proa_is_open(&f));
	SUBMIT(proa_temp_file, &other, &r, two);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK(strcmp(one, two) != 0 && !strstr(one, "XXXXXX") && !strstr(two, "XXXXXX"));
	SUBMIT(proa_write, &f, &r, "x", 1, 0);
	CHECK_EQ(kit_await(loop, &r), 1);
	kit_end(loop, &f);
	kit_end(loop, &other);
	file_is(loop, one, "x");
	CHECK_EQ(ASK(loop, proa_unlink, one), 0);
	CHECK_EQ(ASK(loop, proa_unlink, two), 0);
	snprintf(one, sizeof one, "%s", in_place("dXXXXXX"));
	CHECK_EQ(ASK(loop, proa_temp_dir, plain), -PROA_EINVAL);
	CHECK_EQ(ASK(loop, proa_temp_dir, one), 0);
	CHECK_EQ(ASK(loop, proa_rmdir, one), 0);
	snprintf(one, sizeof one, "%s", in_place("none/XXXXXX"));
	CHECK_EQ(ASK(loop, proa_temp_dir, one), -PROA_ENOENT);
	place_drop();
	kit_close(&loop);
}

/* ---- ends ---- */

/* What has not begun leaves nothing, and what runs ends soon. */
TEST(whole_cancelled)
{
	static char bytes[1 << 20];
	rec r[3] = {0};
	gate *g;

	LOOP(loop);
	place_make();
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	proa_read_file(proa_root(loop), kit_op(&r[0]), host_path_empty(), 10, kit_done);
	proa_write_file(proa_root(loop), kit_op(&r[1]), in_place("f"), "x", 1, 0644, kit_done);
	proa_copy_file(proa_root(loop), kit_op(&r[2]), host_path_empty(), in_place("g"), 0,
	               kit_done);
	for (int i = 0; i < 3; i++)
		proa_cancel(&r[i].op);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(kit_await(loop, &r[i]), -PROA_ECANCELED);
	gate_open(loop, g);
	for (int i = 0; i < TEST_TIMES(60); i++) {
		proa_write_file(proa_root(loop), kit_op(&r[0]), in_place("f"), bytes, sizeof bytes,
		                0644, kit_done);
		host_sleep_us((unsigned long)i * 5);
		proa_cancel(&r[0].op);
		kit_await(loop, &r[0]);
		CHECK(r[0].result == sizeof bytes || r[0].result == -PROA_ECANCELED);
		proa_read_file(proa_root(loop), kit_op(&r[1]), in_place("f"), SIZE_MAX, kit_done);
		host_sleep_us((unsigned long)i);
		proa_cancel(&r[1].op);
		kit_await(loop, &r[1]);
		CHECK(r[1].result == sizeof bytes || r[1].result == -PROA_ECANCELED ||
		      r[1].result == -PROA_ENOENT);
		if (r[1].result >= 0)
			gives_back(loop, &r[1]);
		else
			CHECK(r[1].buf == NULL);
	}
	host_remove(in_place("f"));
	place_drop(); /* no temporary file is left */
	kit_close(&loop);
}

TEST(whole_closed_and_without_memory)
{
	proa_handle owner = {0};
	rec r[2] = {0};

	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_write_file, in_place("f"), "text", 4, 0644), 4);
	for (long at = 1; at <= 3; at++) { /* the request, the room, what it is cut to */
		kit_mem.fail_at = kit_mem.calls + at;
		CHECK_EQ(ASK(loop, proa_read_file, in_place("f"), 10), -PROA_ENOMEM);
		kit_mem.fail_at = 0;
		CHECK(ask.buf == NULL);
	}
	kit_mem.fail_at = kit_mem.calls + 1;
	CHECK_EQ(ASK(loop, proa_write_file, in_place("g"), "x", 1, 0644), -PROA_ENOMEM);
	kit_mem.fail_at = kit_mem.calls + 1;
	CHECK_EQ(ASK(loop, proa_copy_file, in_place("f"), in_place("g"), 0), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	proa_handle_init(proa_root(loop), &owner);
	SUBMIT(proa_read_file, &owner, &r[0], in_place("f"), 10);
	SUBMIT(proa_copy_file, &owner, &r[1], in_place("f"), in_place("g"), 0);
	kit_end(loop, &owner);
	CHECK(r[0].result == 4 || r[0].result == -PROA_ECANCELED);
	CHECK(r[1].result == 4 || r[1].result == -PROA_ECANCELED);
	if (r[0].result == 4)
		gives_back(loop, &r[0]);
	host_remove(in_place("g"));
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}
