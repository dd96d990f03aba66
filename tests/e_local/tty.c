/* Terminals: lines and keys, size, what comes back; on the slave of a pseudo-terminal. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

typedef struct terminal {
	int master, slave; /* `slave`: another view of what the handle has */
	proa_handle h;
} terminal;

static bool terminal_open(proa_loop *loop, terminal *t)
{
	const char *name;
	int fd;

	memset(t, 0, sizeof *t);
	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	if (t->master < 0 || grantpt(t->master) || unlockpt(t->master) ||
	    !(name = ptsname(t->master)))
		return false;
	fcntl(t->master, F_SETFD, FD_CLOEXEC);
	t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->slave < 0 || fd < 0)
		return false;
	proa_handle_init(proa_root(loop), &t->h);
	proa_adopt_os(&t->h, fd, PROA_TTY);
	return true;
}

static void terminal_close(proa_loop *loop, terminal *t)
{
	if (proa_is_open(&t->h))
		kit_end(loop, &t->h);
	close(t->slave);
	close(t->master);
}

static void type(terminal *t, const char *keys)
{
	CHECK_EQ(write(t->master, keys, strlen(keys)), (long long)strlen(keys));
}

static tcflag_t modes(const terminal *t)
{
	struct termios now;

	CHECK_EQ(tcgetattr(t->slave, &now), 0);
	return now.c_lflag & (ICANON | ECHO | ISIG);
}

/* A line at a time, of two that are there; then by keys. */
TEST(tty_lines_and_keys)
{
	char buf[64];
	rec r = {0};
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	SUBMIT(proa_recv, &t.h, &r, buf, sizeof buf);
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	type(&t, "one");
	kit_settle(loop);
	CHECK_EQ(r.finals, 0);
	type(&t, "\ntwo\n");
	CHECK_EQ(kit_await(loop, &r), 4);
	CHECK_MEM(buf, "one\n", 4);
	SUBMIT(proa_recv, &t.h, &r, buf, sizeof buf);
	CHECK_EQ(kit_await(loop, &r), 4);
	CHECK_MEM(buf, "two\n", 4);
	SUBMIT(proa_recv, &t.h, &r, buf, sizeof buf);
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_KEYS), 0);
	type(&t, "k");
	CHECK_EQ(kit_await(loop, &r), 1);
	CHECK_EQ(buf[0], 'k');
	terminal_close(loop, &t);
	kit_close(&loop);
}

TEST(tty_pooled_lines)
{
	rec r = {0};
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	SUBMIT(proa_recv_pooled_many, &t.h, &r, NULL, 0);
	type(&t, "a\nbc\nd\n");
	UNTIL(loop, r.bytes == 7);
	CHECK_EQ(r.mores, 3);
	terminal_close(loop, &t);
	CHECK_EQ(r.result, -PROA_ECANCELED);
	kit_close(&loop);
}

TEST(tty_written)
{
	char buf[64];
	rec s = {0};
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_RAW), 0);
	SUBMIT(proa_send, &t.h, &s, "a\nb", 3);
	CHECK_EQ(kit_await(loop, &s), 3);
	CHECK_EQ(read(t.master, buf, sizeof buf), 3); /* no carriage return */
	CHECK_MEM(buf, "a\nb", 3);
	terminal_close(loop, &t);
	kit_close(&loop);
}

TEST(tty_comes_back)
{
	tcflag_t before;
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	before = modes(&t);
	CHECK_EQ(before, (long long)(ICANON | ECHO | ISIG));
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_AS_FOUND), 0);
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_RAW), 0);
	CHECK_EQ(modes(&t), 0);
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_KEYS), 0);
	CHECK_EQ(modes(&t), ISIG);
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_AS_FOUND), 0);
	CHECK_EQ(modes(&t), (long long)before);
	CHECK_EQ(proa_tty_set(&t.h, PROA_TTY_RAW), 0);
	kit_end(loop, &t.h);
	CHECK_EQ(modes(&t), (long long)before);
	terminal_close(loop, &t);
	kit_close(&loop);
}

/* In a process that exits without a close. */
static int exits_raw(const char *path)
{
	proa_handle h = {0};
	proa_loop *loop;
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd < 0 || proa_loop_open(&loop, &(proa_loop_options){.backend = test_backend}) < 0)
		return 2;
	proa_handle_init(proa_root(loop), &h);
	proa_adopt_os(&h, fd, PROA_TTY);
	if (proa_tty_set(&h, PROA_TTY_RAW) < 0)
		return 3;
	exit(7);
}

TEST(tty_comes_back_at_exit)
{
	host_child child;
	tcflag_t before;
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	before = modes(&t);
	REQUIRE(host_child_start(&child, exits_raw, ptsname(t.master)));
	CHECK_EQ(host_child_wait(&child), 7);
	CHECK_EQ(modes(&t), (long long)before);
	terminal_close(loop, &t);
	kit_close(&loop);
}

static int resized;

static void on_resized(rec *r)
{
	resized += r->got & PROA_MORE ? 1 : 0;
}

TEST(tty_size)
{
	struct winsize size = {.ws_col = 91, .ws_row = 37};
	unsigned columns = 0, rows = 0;
	rec r = {.then = on_resized};
	terminal t;
	LOOP(loop);

	REQUIRE(terminal_open(loop, &t));
	CHECK_EQ(ioctl(t.master, TIOCSWINSZ, &size), 0);
	CHECK_EQ(proa_tty_size(&t.h, &columns, &rows), 0);
	CHECK_EQ(columns, 91);
	CHECK_EQ(rows, 37);
	resized = 0;
	SUBMIT0(proa_tty_resized, proa_root(loop), &r);
	raise(SIGWINCH);
	UNTIL(loop, resized == 1);
	proa_cancel(&r.op);
	CHECK_EQ(kit_await(loop, &r), -PROA_ECANCELED);
	terminal_close(loop, &t);
	kit_close(&loop);
}

TEST(tty_refused)
{
	proa_handle a = {0}, b = {0};
	unsigned columns, rows;
	LOOP(loop);

	proa_handle_init(proa_root(loop), &a);
	proa_handle_init(proa_root(loop), &b);
	CHECK_EQ(proa_tty_set(&a, PROA_TTY_RAW), -PROA_ENOTSUP);
	CHECK_EQ(proa_pipe(&a, &b), 0);
	CHECK_EQ(proa_tty_set(&a, PROA_TTY_RAW), -PROA_ENOTSUP);
	CHECK_EQ(proa_tty_size(&a, &columns, &rows), -PROA_ENOTSUP);
	CHECK_EQ(proa_stdio_open(&a, 0), -PROA_EINVAL);
	kit_end(loop, &a);
	kit_end(loop, &b);
	proa_handle_init(proa_root(loop), &a);
	CHECK_EQ(proa_stdio_open(&a, 3), -PROA_EINVAL);
	CHECK_EQ(proa_stdio_open(&a, -1), -PROA_EINVAL);
	kit_end(loop, &a);
	kit_close(&loop);
}
