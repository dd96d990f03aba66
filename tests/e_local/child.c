/* Child processes: what they get, what they tell, how they end, and that nothing stays behind. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_child.h"
#include "host_file.h"

#include <stdio.h>
#include <stdlib.h>

/* program.c. */
static const char *const *as(const char *what, const char *arg)
{
	static const char *argv[4];
	static char program[4096];

	CHECK(host_beside("child_program", program, sizeof program));
	argv[0] = program;
	argv[1] = what;
	argv[2] = arg;
	return argv;
}

__attribute__((constructor)) static void begin(void)
{
	host_children_begin();
}

typedef struct spawned {
	proa_handle h;
	rec r, exit;
	proa_handle io[3];
} spawned;

static void spawn_init(proa_loop *loop, spawned *s)
{
	memset(s, 0, sizeof *s);
	proa_handle_init(proa_root(loop), &s->h);
}

/* With the parent's ends of those that `how` says are pipes. */
static void spawn_with(proa_loop *loop, spawned *s, proa_spawn_options *o,
                       const proa_stdio_how how[3])
{
	proa_stdio io[3];

	spawn_init(loop, s);
	memset(io, 0, sizeof io);
	for (int i = 0; i < 3; i++) {
		io[i].how = how[i];
		io[i].handle = &s->io[i];
		if (how[i] == PROA_STDIO_PIPE || how[i] == PROA_STDIO_PAIR)
			proa_handle_init(proa_root(loop), &s->io[i]);
	}
	o->stdio = io;
	o->stdio_n = 3;
	SUBMIT(proa_spawn, &s->h, &s->r, o);
	o->stdio = NULL;
	o->stdio_n = 0;
}

static const proa_stdio_how none[3];
static const proa_stdio_how out_only[3] = {PROA_STDIO_NULL, PROA_STDIO_PIPE, PROA_STDIO_NULL};

static void spawn_close(proa_loop *loop, spawned *s)
{
	for (int i = 0; i < 3; i++)
		if (proa_is_open(&s->io[i]))
			kit_end(loop, &s->io[i]);
	kit_end(loop, &s->h);
}

static int64_t exit_status(proa_loop *loop, spawned *s)
{
	SUBMIT0(proa_exited, &s->h, &s->exit);
	return kit_await(loop, &s->exit);
}

/* All that comes, as text. */
static const char *read_all(proa_loop *loop, proa_handle *h)
{
	static char text[4096];
	size_t n = 0;
	rec r = {0};

	do {
		SUBMIT(proa_recv, h, &r, text + n, sizeof text - 1 - n);
		kit_await(loop, &r);
		n += r.result > 0 ? (size_t)r.result : 0;
	} while (r.result > 0 && n < sizeof text - 1);
	CHECK_EQ(r.result, 0);
	text[n] = 0;
	return text;
}

/* ---- running ---- */

TEST(child_exit_status)
{
	spawned s;
	rec again = {0};
	LOOP(loop);

	for (int i = 0; i < 3; i++) {
		char status[8];
		proa_spawn_options o = {.argv = as("exit", status)};

		snprintf(status, sizeof status, "%d", i * 21);
		spawn_with(loop, &s, &o, none);
		CHECK_EQ(kit_await(loop, &s.r), 0);
		CHECK(proa_is_open(&s.h));
		CHECK_GT(proa_child_pid(&s.h), 0);
		CHECK_EQ(exit_status(loop, &s), i * 21);
		CHECK_EQ(s.exit.count, 0);
		SUBMIT0(proa_exited, &s.h, &again);
		CHECK_EQ(kit_await(loop, &again), i * 21);
		CHECK_EQ(proa_child_kill(&s.h, 0), -PROA_ECHILD);
		spawn_close(loop, &s);
	}
	kit_close(&loop);
}

TEST(child_stdout_and_stderr)
{
	static const proa_stdio_how both[3] = {PROA_STDIO_NULL, PROA_STDIO_PIPE, PROA_STDIO_PIPE};
	proa_spawn_options o = {.argv = as("say", "hello")};
	spawned s;
	LOOP(loop);

	spawn_with(loop, &s, &o, both);
	CHECK_STR(read_all(loop, &s.io[1]), "hello\n");
	CHECK_STR(read_all(loop, &s.io[2]), "error: hello\n");
	CHECK_EQ(kit_await(loop, &s.r), 0);
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);
	kit_close(&loop);
}

static void check_cat(proa_stdio_how in, proa_stdio_how out)
{
	enum { LEN = 300000 };
	static char bytes[LEN], back[LEN];
	const proa_stdio_how how[3] = {in, out, PROA_STDIO_NULL};
	proa_spawn_options o = {.argv = as("cat", NULL)};
	size_t n = 0;
	rec w = {0}, r = {0};
	spawned s;
	LOOP(loop);

	kit_fill(bytes, sizeof bytes, 0);
	spawn_with(loop, &s, &o, how);
	SUBMIT(proa_send, &s.io[0], &w, bytes, sizeof bytes);
	proa_finish(&s.io[0], 0, NULL);
	do {
		SUBMIT(proa_recv, &s.io[1], &r, back + n, sizeof back - n);
		kit_await(loop, &r);
		n += r.result > 0 ? (size_t)r.result : 0;
	} while (r.result > 0 && n < sizeof back);
	CHECK_EQ(n, LEN);
	CHECK(kit_filled(back, n, 0));
	CHECK_EQ(kit_await(loop, &w), LEN);
	kit_end(loop, &s.io[1]); /* or a socket's other end would be waited for */
	CHECK_EQ(exit_status(loop, &s), 0);
	UNTIL(loop, !proa_is_closing(&s.io[0]));
	kit_end(loop, &s.h);
	kit_close(&loop);
}

TEST(child_through_pipes)
{
	check_cat(PROA_STDIO_PIPE, PROA_STDIO_PIPE);
}

TEST(child_through_sockets)
{
	NEED(HOST_PAIR);
	check_cat(PROA_STDIO_PAIR, PROA_STDIO_PAIR);
}

TEST(child_environment_and_folder)
{
	static const char *const env[] = {"PROA_TEST_WORD=one two", NULL};
	char dir[512], want[600];
	spawned s;
	proa_spawn_options o = {.argv = as("env", "PROA_TEST_WORD"), .env = env};
	LOOP(loop);

	spawn_with(loop, &s, &o, out_only);
	CHECK_STR(read_all(loop, &s.io[1]), "one two\n");
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);

	host_setenv("PROA_TEST_WORD", "of the parent");
	o.env = NULL;
	spawn_with(loop, &s, &o, out_only);
	if (host_lacks(HOST_FORK)) /* Windows copies it when it starts */
		CHECK_EQ(kit_await(loop, &s.r), 0);
	host_setenv("PROA_TEST_WORD", NULL);
	CHECK_STR(read_all(loop, &s.io[1]), "of the parent\n");
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);

	if (!CHECK(host_temp_dir(dir, sizeof dir)))
		return;
	o = (proa_spawn_options){.argv = as("cwd", NULL), .folder = dir};
	spawn_with(loop, &s, &o, out_only);
	snprintf(want, sizeof want, "%s\n", dir);
	CHECK_STR(read_all(loop, &s.io[1]), want);
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);
	CHECK(host_remove(dir));
	kit_close(&loop);
}

TEST(child_is_given_a_file)
{
	proa_spawn_options o = {.argv = as("say", "into a file"), .stdio_n = 2};
	proa_stdio io[2] = {{.how = PROA_STDIO_NULL}, {.how = PROA_STDIO_OS}};
	proa_handle file = {0};
	char text[64] = "";
	int fd;
	spawned s;
	rec r = {0};

	LOOP(loop);
	fd = host_file_temp();
	io[1].os = host_file_again(fd);
	REQUIRE(io[1].os >= 0);
	o.stdio = io;
	spawn_init(loop, &s);
	SUBMIT(proa_spawn, &s.h, &s.r, &o);
	CHECK_EQ(kit_await(loop, &s.r), 0);
	CHECK_EQ(exit_status(loop, &s), 0);
	kit_end(loop, &s.h);
	proa_handle_init(proa_root(loop), &file);
	proa_adopt_os(&file, fd, PROA_FILE); /* still ours */
	SUBMIT(proa_read, &file, &r, text, sizeof text - 1, 0);
	CHECK_GT(kit_await(loop, &r), 0);
	CHECK_MEM(text, "into a file", 11);
	host_file_close((int)io[1].os);
	kit_end(loop, &file);
	kit_close(&loop);
}

TEST(child_inherits)
{
	proa_stdio io[3] = {
		{.how = PROA_STDIO_NULL}, {.how = PROA_STDIO_INHERIT}, {.how = PROA_STDIO_INHERIT}};
	proa_spawn_options o = {.argv = as("exit", "7"), .stdio = io, .stdio_n = 3};
	spawned s;
	LOOP(loop);

	spawn_init(loop, &s);
	SUBMIT(proa_spawn, &s.h, &s.r, &o);
	CHECK_EQ(exit_status(loop, &s), 7);
	kit_end(loop, &s.h);
	kit_close(&loop);
}

/* ---- what it does not get ---- */

TEST(child_gets_no_other_descriptors)
{
	proa_spawn_options o = {.argv = as("descriptors", NULL)};
	proa_handle a = {0}, b = {0};
	const char *text;
	spawned s;

	NEED(HOST_FORK);
	LOOP(loop);
	int leaky = host_sock_dup(0); /* one that an exec would leave open */
	kit_pair(loop, &a, &b);
	spawn_with(loop, &s, &o, out_only);
	text = read_all(loop, &s.io[1]);
	CHECK_STR(text, "3\n");
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);
	host_sock_close(leaky);
	kit_end(loop, &a);
	kit_end(loop, &b);
	kit_close(&loop);
}

TEST(child_gets_no_blocked_signals)
{
	proa_spawn_options o = {.argv = as("signals", NULL)};
	spawned s;

	NEED(HOST_SIGNALS);
	LOOP(loop);
	spawn_with(loop, &s, &o, out_only);
	CHECK_STR(read_all(loop, &s.io[1]), "none\n");
	CHECK_EQ(exit_status(loop, &s), 0);
	spawn_close(loop, &s);
	kit_close(&loop);
}

/* ---- what fails ---- */

TEST(child_that_is_no_program)
{
	static const char *const nowhere[] = {"proa-no-such-program", NULL};
	static const char *const missing[] = {"/proa/no/such/program", NULL};
	static const char *const unnamed[] = {"", NULL};
	char dir[512], file[600];
	const char *argv[] = {file, NULL};
	proa_spawn_options o = {.argv = nowhere};
	spawned s;
	LOOP(loop);

	spawn_with(loop, &s, &o, out_only);
	SUBMIT0(proa_exited, &s.h, &s.exit);
	CHECK_EQ(kit_await(loop, &s.r), -PROA_ENOENT);
	CHECK_EQ(kit_await(loop, &s.exit), -PROA_ENOENT);
	CHECK(!proa_is_open(&s.h));
	CHECK_STR(read_all(loop, &s.io[1]), "");
	CHECK_EQ(proa_child_kill(&s.h, 0), -PROA_ECHILD);
	CHECK_EQ(proa_child_pid(&s.h), -PROA_ECHILD);
	CHECK_EQ(exit_status(loop, &s), -PROA_ECHILD);
	/* The handle is init again. */
	o.argv = as("exit", "3");
	SUBMIT(proa_spawn, &s.h, &s.r, &o);
	CHECK_EQ(exit_status(loop, &s), 3);
	spawn_close(loop, &s);

	o.argv = missing;
	spawn_with(loop, &s, &o, none);
	CHECK_EQ(kit_await(loop, &s.r), -PROA_ENOENT);
	spawn_close(loop, &s);

	o.argv = unnamed;
	spawn_with(loop, &s, &o, none);
	kit_await(loop, &s.r);
	CHECK(s.r.result == -PROA_ENOENT || !strcmp(proa_loop_backend(loop), "iocp"));
	spawn_close(loop, &s);

	o = (proa_spawn_options){.argv = as("exit", "0"), .folder = "/proa/no/such/folder"};
	spawn_with(loop, &s, &o, none);
	CHECK_LT(kit_await(loop, &s.r), 0);
	spawn_close(loop, &s);

	if (!CHECK(host_temp_dir(dir, sizeof dir)))
		return;
	snprintf(file, sizeof file, "%s/file", dir);
	CHECK(host_make_file(file));
	o = (proa_spawn_options){.argv = argv};
	spawn_with(loop, &s, &o, none);
	CHECK_LT(kit_await(loop, &s.r), 0);
	spawn_close(loop, &s);
	CHECK(host_remove(file));
	CHECK(host_remove(dir));
	kit_close(&loop);
}

TEST(child_refused)
{
	static const char *const empty[] = {NULL};
	proa_spawn_options o = {.argv = empty};
	proa_stdio io[1] = {{.how = PROA_STDIO_PIPE}};
	proa_handle bare = {0};
	spawned s;
	rec r = {0};
	char c;
	LOOP(loop);

	spawn_init(loop, &s);
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	o = (proa_spawn_options){.size = 1, .argv = as("exit", "0")};
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	o = (proa_spawn_options){.argv = as("exit", "0"), .flags = 16};
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	o = (proa_spawn_options){.argv = as("exit", "0"), .stdio = io, .stdio_n = 1};
	SUBMIT(proa_spawn, &s.h, &r, &o); /* without a handle */
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	proa_handle_init(proa_root(loop), &bare);
	io[0].handle = &bare;
	o.stdio_n = 65;
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	o.stdio_n = 0;
	SUBMIT(proa_spawn, &s.h, &s.r, &o);
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EALREADY);
	CHECK_EQ(kit_await(loop, &s.r), 0);
	SUBMIT(proa_spawn, &s.h, &r, &o);
	CHECK_EQ(kit_await(loop, &r), -PROA_EINVAL);
	SUBMIT(proa_recv, &s.h, &r, &c, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	SUBMIT(proa_send, &s.h, &r, &c, 1);
	CHECK_EQ(kit_await(loop, &r), -PROA_ENOTSUP);
	CHECK_EQ(exit_status(loop, &s), 0);
	kit_end(loop, &bare);
	kit_end(loop, &s.h);
	kit_close(&loop);
}

TEST(child_without_descriptors)
{
	proa_spawn_options o = {.argv = as("exit", "0")};
	spawned s;

	NEED(HOST_LIMIT);
	LOOP(loop);
	for (unsigned spare = 0; spare < 3; spare++) {
		spawn_init(loop, &s);
		host_limit_low(spare);
		SUBMIT(proa_spawn, &s.h, &s.r, &o);
		kit_await(loop, &s.r);
		host_limit_back();
		CHECK(s.r.result == 0 || s.r.result == -PROA_EMFILE);
		kit_end(loop, &s.h);
	}
	kit_close(&loop);
}

/* ---- ending ---- */

TEST(child_killed)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	spawned s;
	LOOP(loop);

	spawn_with(loop, &s, &o, none);
	CHECK_EQ(kit_await(loop, &s.r), 0);
	CHECK_EQ(proa_child_kill(&s.h, 0), 0);
	CHECK_EQ(proa_child_kill(&s.h, 10000), -PROA_EINVAL);
	CHECK_EQ(proa_child_kill(&s.h,
	                         host_signo(HOST_SIG_KILL) < 0 ? 9 : host_signo(HOST_SIG_KILL)),
	         0);
	CHECK_GT(exit_status(loop, &s), 0);
	if (!host_lacks(HOST_SIGNALS)) {
		CHECK_EQ(s.exit.result, 128 + 9);
		CHECK_EQ(s.exit.count, 9);
	}
	spawn_close(loop, &s);
	kit_close(&loop);
}

/* The handle's close kills, and waits for the end: the pipe says that it is gone. */
TEST(child_closed_while_it_runs)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	spawned s;
	LOOP(loop);

	for (unsigned i = 0; i < 3; i++) {
		o.flags = i == 1 ? PROA_SPAWN_GROUP : 0;
		spawn_with(loop, &s, &o, out_only);
		if (i < 2)
			CHECK_EQ(kit_await(loop, &s.r), 0);
		SUBMIT0(proa_exited, &s.h, &s.exit);
		kit_end(loop, &s.h);
		CHECK(s.r.result == 0 || s.r.result == -PROA_ECANCELED);
		CHECK_EQ(s.exit.result, -PROA_ECANCELED);
		CHECK_STR(read_all(loop, &s.io[1]), "");
		kit_end(loop, &s.io[1]);
	}
	CHECK(host_childless());
	kit_close(&loop);
}

TEST(child_closed_with_its_loop)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	static spawned s;
	LOOP(loop);

	spawn_with(loop, &s, &o, none);
	CHECK_EQ(kit_await(loop, &s.r), 0);
	kit_close(&loop);
	CHECK(host_childless());
}

TEST(child_group_and_user)
{
	proa_spawn_options o = {.argv = as("identity", NULL)};
	unsigned before = host_user();
	char want[64];
	spawned s;

	NEED(HOST_SIGNALS);
	LOOP(loop);
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned flags[] = {0, PROA_SPAWN_GROUP, PROA_SPAWN_SESSION,
		                                 PROA_SPAWN_UID | PROA_SPAWN_GID};
		bool other = i == 3 && before == 0;

		o.flags = flags[i];
		o.uid = before ? before : 12345;
		o.gid = 12345;
		spawn_with(loop, &s, &o, out_only);
		if (i == 3 && before) { /* that group is not ours to take */
			CHECK_EQ(kit_await(loop, &s.r), -PROA_EPERM);
		} else if (kit_await(loop, &s.r) == -PROA_EACCES && other) {
			test_note("that user may not run the program");
		} else {
			snprintf(want, sizeof want, "user %u, %s\n", other ? 12345 : before,
			         i == 1 || i == 2 ? "leads" : "follows");
			CHECK_EQ(s.r.result, 0);
			CHECK_STR(read_all(loop, &s.io[1]), want);
			CHECK_EQ(exit_status(loop, &s), 0);
		}
		spawn_close(loop, &s);
	}
	kit_close(&loop);
}

TEST(child_exit_cancelled_and_timed_out)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	spawned s;
	LOOP(loop);

	spawn_with(loop, &s, &o, none);
	CHECK_EQ(kit_await(loop, &s.r), 0);
	SUBMIT0(proa_exited, &s.h, &s.exit);
	kit_settle(loop);
	proa_cancel(&s.exit.op);
	CHECK_EQ(kit_await(loop, &s.exit), -PROA_ECANCELED);
	s.exit.op.deadline_ns = proa_in(loop, 20 * PROA_MSEC);
	CHECK_EQ(exit_status(loop, &s), -PROA_ETIMEDOUT);
	s.exit.op.deadline_ns = 0;
	CHECK_EQ(proa_child_kill(&s.h, 0), 0); /* it runs on */
	spawn_close(loop, &s);
	kit_close(&loop);
}

TEST(child_spawn_past_its_deadline)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	spawned s;
	LOOP(loop);

	spawn_init(loop, &s);
	s.r.op.deadline_ns = PROA_POLL;
	SUBMIT(proa_spawn, &s.h, &s.r, &o);
	CHECK_EQ(kit_await(loop, &s.r), -PROA_ETIMEDOUT);
	CHECK(host_childless());
	spawn_close(loop, &s);
	kit_close(&loop);
}

/* Cancelled at once it has not begun, most often; either way nothing is left. */
TEST(child_spawn_cancelled)
{
	proa_spawn_options o = {.argv = as("sleep", NULL)};
	spawned s;
	LOOP(loop);

	for (int i = 0; i < TEST_TIMES(40); i++) {
		spawn_with(loop, &s, &o, none);
		if (i % 3 == 1)
			kit_once(loop, 0);
		if (i % 2)
			proa_cancel(&s.r.op);
		CHECK(i % 2 == 0 || kit_await(loop, &s.r) == 0 || s.r.result == -PROA_ECANCELED);
		spawn_close(loop, &s);
		CHECK(s.r.result == 0 || s.r.result == -PROA_ECANCELED);
	}
	CHECK(host_childless());
	kit_close(&loop);
}

TEST(child_many_at_once)
{
	enum { N = 40 };
	static spawned s[N];
	proa_spawn_options o = {.argv = as("exit", "5")};
	LOOP(loop);

	for (int i = 0; i < N; i++) {
		spawn_with(loop, &s[i], &o, none);
		SUBMIT0(proa_exited, &s[i].h, &s[i].exit);
	}
	for (int i = 0; i < N; i++) {
		CHECK_EQ(kit_await(loop, &s[i].exit), 5);
		CHECK_EQ(s[i].r.result, 0);
		spawn_close(loop, &s[i]);
	}
	CHECK(host_childless());
	kit_close(&loop);
}
