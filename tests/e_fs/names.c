/* Names: made, changed, looked at and removed; what a file is; its size. */
/* SPDX-License-Identifier: MIT */
#include "e_fs/gate.h"
#include "e_fs/place.h"

static rec ask;

static void open_at(proa_loop *loop, proa_handle *h, const char *path, unsigned flags)
{
	rec r = {0};

	memset(h, 0, sizeof *h);
	proa_handle_init(proa_root(loop), h);
	SUBMIT(proa_file_open, h, &r, path, flags, 0644);
	CHECK_EQ(kit_await(loop, &r), 0);
}

TEST(names_folders)
{
	proa_stat_info st;

	LOOP(loop);
	place_make();
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("a"), 0755), 0);
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("a"), 0755), -PROA_EEXIST);
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("none/a"), 0755), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("a/b"), 0755), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("a"), &st), 0);
	CHECK_EQ(st.type, PROA_S_DIR);
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("a")), -PROA_ENOTEMPTY);
	CHECK_NE(ask.sys_error, 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("a/b")), -PROA_EISDIR);
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("a/b")), 0);
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("a")), 0);
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("a")), -PROA_ENOENT);
	CHECK(host_make_file(in_place("f")));
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("f")), -PROA_ENOTDIR);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), -PROA_ENOENT);
	place_drop();
	kit_close(&loop);
}

TEST(names_renamed)
{
	proa_stat_info was, is;

	LOOP(loop);
	place_make();
	CHECK(host_make_file(in_place("one")));
	CHECK(host_make_file(in_place("two")));
	CHECK_EQ(ASK(loop, proa_stat, in_place("one"), &was), 0);
	CHECK_EQ(ASK(loop, proa_rename, in_place("one"), in_place("two")), 0); /* over it */
	CHECK_EQ(ASK(loop, proa_stat, in_place("two"), &is), 0);
	CHECK_EQ(was.ino, is.ino);
	CHECK_EQ(ASK(loop, proa_stat, in_place("one"), &is), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_rename, in_place("one"), in_place("three")), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_mkdir, in_place("d"), 0700), 0);
	CHECK_EQ(ASK(loop, proa_rename, in_place("two"), in_place("d")), -PROA_EISDIR);
	CHECK_EQ(ASK(loop, proa_rename, in_place("d"), in_place("two")), -PROA_ENOTDIR);
	CHECK_EQ(ASK(loop, proa_rename, in_place("two"), in_place("d/in")), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("d/in")), 0);
	CHECK_EQ(ASK(loop, proa_rename, in_place("d"), in_place("e")), 0);
	CHECK_EQ(ASK(loop, proa_rmdir, in_place("e")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(names_two_of_a_file)
{
	proa_stat_info one, two;

	LOOP(loop);
	place_make();
	CHECK(host_make_file(in_place("one")));
	CHECK_EQ(ASK(loop, proa_link, in_place("one"), in_place("two")), 0);
	CHECK_EQ(ASK(loop, proa_link, in_place("one"), in_place("two")), -PROA_EEXIST);
	CHECK_EQ(ASK(loop, proa_stat, in_place("one"), &one), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("two"), &two), 0);
	CHECK_EQ(one.ino, two.ino);
	CHECK_EQ(ASK(loop, proa_link, in_place("none"), in_place("three")), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("one")), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("two"), &two), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("two")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(names_linked)
{
	proa_stat_info two;
	char text[64];

	NEED(HOST_LINKS);
	LOOP(loop);
	place_make();
	CHECK(host_make_file(in_place("two")));
	CHECK_EQ(ASK(loop, proa_symlink, "two", in_place("link")), 0);
	CHECK_EQ(ASK(loop, proa_symlink, "two", in_place("link")), -PROA_EEXIST);
	CHECK_EQ(ASK(loop, proa_lstat, in_place("link"), &two), 0);
	CHECK_EQ(two.type, PROA_S_LINK);
	CHECK_EQ(ASK(loop, proa_stat, in_place("link"), &two), 0);
	CHECK_EQ(two.type, PROA_S_FILE);
	CHECK_EQ(ASK(loop, proa_readlink, in_place("link"), text, sizeof text), 3);
	CHECK_STR(text, "two");
	CHECK_EQ(ASK(loop, proa_readlink, in_place("link"), text, 4), 3);
	CHECK_EQ(ASK(loop, proa_readlink, in_place("link"), text, 3), -PROA_ETOOLONG);
	CHECK_EQ(ASK(loop, proa_readlink, in_place("link"), text, 0), -PROA_EINVAL);
	CHECK_EQ(ASK(loop, proa_readlink, in_place("two"), text, sizeof text), -PROA_EINVAL);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("two")), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("link"), &two), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_lstat, in_place("link"), &two), 0);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("link")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(names_modes_and_times)
{
	proa_handle f;
	proa_stat_info st;
	rec r = {0};
	int64_t when = INT64_C(1000000000) * PROA_SEC + 123456700;

	LOOP(loop);
	place_make();
	open_at(loop, &f, in_place("f"), PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE);
	CHECK_EQ(ASK(loop, proa_access, in_place("f"), 0), 0);
	CHECK_EQ(ASK(loop, proa_access, in_place("f"), PROA_A_READ | PROA_A_WRITE), 0);
	CHECK_EQ(ASK(loop, proa_access, in_place("g"), 0), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_access, in_place("f"), 64), -PROA_EINVAL);
	CHECK_EQ(ASK(loop, proa_chmod, in_place("f"), 0444), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &st), 0);
	CHECK_EQ(st.mode, 0444);
	SUBMIT(proa_chmod, &f, &r, NULL, 0666);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &st), 0);
	CHECK_EQ(st.mode, 0666);
	CHECK_EQ(ASK(loop, proa_utime, in_place("f"), PROA_TIME_KEEP, when), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &st), 0);
	CHECK_EQ(st.mtime_ns, when);
	SUBMIT(proa_utime, &f, &r, NULL, when, PROA_TIME_KEEP);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_utime, &f, &r, NULL, PROA_TIME_KEEP, when + PROA_SEC);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("f"), &st), 0);
	CHECK_EQ(st.mtime_ns, when + PROA_SEC);
	CHECK_EQ(ASK(loop, proa_chmod, NULL, 0600), -PROA_ENOTSUP); /* the root is no file */
	kit_end(loop, &f);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(names_sizes)
{
	proa_handle f;
	proa_stat_info st;
	rec r = {0};
	char buf[16];

	LOOP(loop);
	place_make();
	open_at(loop, &f, in_place("f"), PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE);
	SUBMIT(proa_write, &f, &r, "0123456789", 10, 0);
	CHECK_EQ(kit_await(loop, &r), 10);
	SUBMIT(proa_truncate, &f, &r, 4);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_truncate, &f, &r, 8);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_read, &f, &r, buf, sizeof buf, 0);
	CHECK_EQ(kit_await(loop, &r), 8);
	CHECK_MEM(buf, "0123\0\0\0\0", 8);
	SUBMIT(proa_truncate, &f, &r, -1);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_allocate, &f, &r, 4, 100000);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_fstat, &f, &r, &st);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(st.size_bytes, 100004);
	SUBMIT(proa_allocate, &f, &r, 0, 10); /* it is longer already */
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_fstat, &f, &r, &st);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(st.size_bytes, 100004);
	SUBMIT(proa_allocate, &f, &r, 0, 0);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_allocate, &f, &r, 1, INT64_MAX);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT0(proa_datasync, &f, &r);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &f);
	open_at(loop, &f, in_place("f"), PROA_O_READ);
	SUBMIT(proa_truncate, &f, &r, 1);
	CHECK_LT(kit_await(loop, &r), 0); /* EBADF, or EINVAL as Linux has it */
	kit_end(loop, &f);
	CHECK_EQ(ASK(loop, proa_truncate, 1), -PROA_ENOTSUP);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}

/* ---- pieces ---- */

enum { PIECES = 300, PIECE = 700 };

TEST(names_pieces)
{
	static char out[PIECES][PIECE], in[PIECES][PIECE];
	proa_vec w[PIECES], r[PIECES];
	proa_handle f;
	rec op = {0};
	size_t sum = 0;

	LOOP(loop);
	place_make();
	open_at(loop, &f, in_place("f"), PROA_O_READ | PROA_O_WRITE | PROA_O_CREATE);
	memset(in, 0, sizeof in);
	for (size_t i = 0; i < PIECES; i++) {
		size_t len = i * 7 % PIECE; /* the first of no length */

		kit_fill(out[i], len, sum);
		w[i] = (proa_vec){out[i], len};
		r[i] = (proa_vec){in[PIECES - 1 - i], PIECE}; /* cut elsewhere */
		sum += len;
	}
	SUBMIT(proa_writev, &f, &op, w, PIECES, 5);
	CHECK_EQ(kit_await(loop, &op), sum);
	CHECK_EQ(op.count, sum);
	SUBMIT(proa_readv, &f, &op, r, PIECES, 5);
	CHECK_EQ(kit_await(loop, &op), sum);
	CHECK_EQ(op.count, sum);
	CHECK_EQ(op.got, PROA_END);
	for (size_t i = 0; i * PIECE < sum; i++) {
		size_t len = sum - i * PIECE < PIECE ? sum - i * PIECE : PIECE;

		CHECK(kit_filled(in[PIECES - 1 - i], len, i * PIECE));
	}
	SUBMIT(proa_readv, &f, &op, r, 2, 5);
	CHECK_EQ(kit_await(loop, &op), 2 * PIECE);
	CHECK_EQ(op.got, 0);
	SUBMIT(proa_readv, &f, &op, r, 0, 5);
	CHECK_EQ(kit_await(loop, &op), 0);
	SUBMIT(proa_readv, &f, &op, r, 1, (int64_t)sum + 5);
	CHECK_EQ(kit_await(loop, &op), 0);
	CHECK_EQ(op.got, PROA_END);
	SUBMIT(proa_writev, &f, &op, w, 1025, 0);
	CHECK_EQ(kit_await(loop, &op), -PROA_EINVAL);
	SUBMIT(proa_writev, &f, &op, w, 1, -1);
	CHECK_EQ(kit_await(loop, &op), -PROA_EINVAL);
	kit_end(loop, &f);
	open_at(loop, &f, in_place("f"), PROA_O_READ);
	SUBMIT(proa_writev, &f, &op, &w[1], 1, 0);
	CHECK_EQ(kit_await(loop, &op), -PROA_EBADF);
	kit_end(loop, &f);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}

TEST(names_pieces_on_a_full_disk)
{
	static const proa_vec two[] = {{"x", 1}, {"y", 1}};
	proa_handle f;
	rec op = {0};

	NEED(HOST_FULL_DISK);
	LOOP(loop);
	open_at(loop, &f, host_path_full_disk(), PROA_O_WRITE);
	SUBMIT(proa_writev, &f, &op, two, 2, 0);
	CHECK_EQ(kit_await(loop, &op), -PROA_ENOSPC);
	CHECK_EQ(op.count, 0);
	kit_end(loop, &f);
	kit_close(&loop);
}

/* ---- where paths begin, and what ends a call ---- */

TEST(names_in_a_folder)
{
	proa_handle dir, plain = {0};
	proa_stat_info st;
	rec r = {0};

	LOOP(loop);
	place_make();
	open_at(loop, &dir, place, PROA_O_READ | PROA_O_DIR);
	SUBMIT(proa_mkdir, &dir, &r, "in", 0700);
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_rename, &dir, &r, "in", "moved");
	CHECK_EQ(kit_await(loop, &r), 0);
	SUBMIT(proa_stat, &dir, &r, "moved", &st);
	CHECK_EQ(kit_await(loop, &r), 0);
	CHECK_EQ(ASK(loop, proa_stat, in_place("moved"), &st), 0);
	proa_handle_init(&dir, &plain); /* owned by it, but no folder itself */
	SUBMIT(proa_stat, &plain, &r, "moved", &st);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOENT);
	SUBMIT(proa_stat, &plain, &r, in_place("moved"), &st);
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &plain);
	SUBMIT(proa_rmdir, &dir, &r, "moved");
	CHECK_EQ(kit_await(loop, &r), 0);
	kit_end(loop, &dir);
	CHECK(host_make_file(in_place("f")));
	open_at(loop, &dir, in_place("f"), PROA_O_READ);
	SUBMIT(proa_mkdir, &dir, &r, "in", 0700); /* in a file */
	CHECK_LT(kit_await(loop, &r), 0);
	kit_end(loop, &dir);
	CHECK_EQ(ASK(loop, proa_unlink, in_place("f")), 0);
	place_drop();
	kit_close(&loop);
}

/* What is being opened is no folder yet, and the current one is not meant. */
TEST(names_in_what_is_being_opened)
{
	proa_handle dir = {0};
	rec open = {0}, r = {0};

	LOOP(loop);
	place_make();
	proa_handle_init(proa_root(loop), &dir);
	SUBMIT(proa_file_open, &dir, &open, place, PROA_O_READ | PROA_O_DIR, 0);
	SUBMIT(proa_mkdir, &dir, &r, "too-early", 0700);
	CHECK_EQ(kit_await(loop, &r), -PROA_EBADF);
	CHECK_EQ(kit_await(loop, &open), 0);
	kit_end(loop, &dir);
	place_drop();
	kit_close(&loop);
}

TEST(names_wrong)
{
	static char lengthy[5000];
	proa_stat_info st;

	LOOP(loop);
	memset(lengthy, 'x', sizeof lengthy - 1);
	CHECK_EQ(ASK(loop, proa_stat, "", &st), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_mkdir, "", 0700), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_rename, "no such file", ""), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_symlink, "", "x"), -PROA_ENOENT);
	CHECK_EQ(ASK(loop, proa_stat, lengthy, &st), -PROA_ENAMETOOLONG);
	CHECK_EQ(ASK(loop, proa_unlink, "no such file/x"), -PROA_ENOENT);
	kit_close(&loop);
}

TEST(names_cancelled_and_timed_out)
{
	rec r[4] = {0};
	gate *g;
	proa_handle owner = {0};

	LOOP(loop);
	place_make();
	g = gate_shut(loop, PROA_LANE_FILES, 4);
	proa_handle_init(proa_root(loop), &owner);
	SUBMIT(proa_mkdir, &owner, &r[0], in_place("a"), 0700);
	proa_cancel(&r[0].op);
	CHECK_EQ(kit_await(loop, &r[0]), -PROA_ECANCELED);
	r[1].op.deadline_ns = proa_in(loop, 5 * PROA_MSEC);
	SUBMIT(proa_mkdir, &owner, &r[1], in_place("b"), 0700);
	CHECK_EQ(kit_await(loop, &r[1]), -PROA_ETIMEDOUT);
	r[2].op.deadline_ns = PROA_POLL;
	SUBMIT(proa_mkdir, &owner, &r[2], in_place("c"), 0700);
	CHECK_EQ(kit_await(loop, &r[2]), -PROA_ETIMEDOUT);
	SUBMIT(proa_mkdir, &owner, &r[3], in_place("d"), 0700);
	kit_end(loop, &owner); /* cancels it */
	CHECK_EQ(r[3].result, -PROA_ECANCELED);
	gate_open(loop, g);
	place_drop(); /* nothing was made */
	kit_close(&loop);
}

TEST(names_no_memory)
{
	LOOP(loop);
	kit_mem.fail_at = kit_mem.calls + 1;
	kit_mem.fail_on = true;
	CHECK_EQ(ASK(loop, proa_mkdir, "x", 0700), -PROA_ENOMEM);
	kit_mem.fail_at = kit_mem.calls + 2; /* the request, then the workers */
	CHECK_EQ(ASK(loop, proa_mkdir, "x", 0700), -PROA_ENOMEM);
	kit_mem.fail_at = 0;
	kit_close(&loop);
}
