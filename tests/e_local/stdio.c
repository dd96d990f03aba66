/* Standard streams as handles, whatever they are: an echo in a child that is given each sort. */
/* SPDX-License-Identifier: MIT */
#include "c_conform/kit.h"
#include "host_child.h"
#include "host_file.h"

#include <stdio.h>

enum { LEN = 3 << 20 };

static char bytes[LEN], back[LEN + 1];

typedef struct echo {
	proa_handle child, io[2];
	rec spawn, exit;
} echo;

/* proa itself is what the child reads and writes by: program.c. */
static void echo_start(proa_loop *loop, echo *e, proa_stdio *io)
{
	static char program[4096];
	const char *argv[] = {program, "echo", NULL};
	proa_spawn_options o = {.argv = argv, .stdio = io, .stdio_n = 3};

	CHECK(host_beside("child_program", program, sizeof program));
	memset(e, 0, sizeof *e);
	proa_handle_init(proa_root(loop), &e->child);
	for (int i = 0; i < 2; i++) {
		io[i].handle = &e->io[i];
		proa_handle_init(proa_root(loop), &e->io[i]);
	}
	io[2].how = PROA_STDIO_INHERIT;
	host_setenv("PROA_BACKEND", test_backend);
	SUBMIT(proa_spawn, &e->child, &e->spawn, &o);
	host_setenv("PROA_BACKEND", NULL);
	CHECK_EQ(kit_await(loop, &e->spawn), 0);
}

static void echo_end(proa_loop *loop, echo *e)
{
	SUBMIT0(proa_exited, &e->child, &e->exit);
	CHECK_EQ(kit_await(loop, &e->exit), 0);
	kit_end(loop, &e->child);
}

static size_t recv_all(proa_loop *loop, proa_handle *from)
{
	size_t n = 0;
	rec r = {0};

	do {
		SUBMIT(proa_recv, from, &r, back + n, sizeof back - n);
		kit_await(loop, &r);
		n += r.result > 0 ? (size_t)r.result : 0;
	} while (r.result > 0 && n < sizeof back);
	return n;
}

static void check_echo(proa_stdio_how in, proa_stdio_how out)
{
	proa_stdio io[3] = {{.how = in}, {.how = out}};
	rec s = {0};
	echo e;
	LOOP(loop);

	kit_fill(bytes, sizeof bytes, 0);
	echo_start(loop, &e, io);
	kit_n_closed = 0;
	SUBMIT(proa_send, &e.io[0], &s, bytes, LEN);
	proa_finish(&e.io[0], 0, kit_closed);
	CHECK_EQ(recv_all(loop, &e.io[1]), LEN);
	CHECK(kit_filled(back, LEN, 0));
	CHECK_EQ(kit_await(loop, &s), LEN);
	proa_close(&e.io[1], kit_closed);
	UNTIL(loop, kit_n_closed == 2);
	echo_end(loop, &e);
	kit_close(&loop);
}

TEST(stdio_pipes)
{
	check_echo(PROA_STDIO_PIPE, PROA_STDIO_PIPE);
}

TEST(stdio_sockets)
{
	check_echo(PROA_STDIO_PAIR, PROA_STDIO_PAIR);
}

/* In from a file, out to one; neither can be waited for. */
TEST(stdio_files)
{
	proa_stdio io[3] = {{.how = PROA_STDIO_OS}, {.how = PROA_STDIO_OS}};
	proa_handle file = {0};
	int in, out;
	rec r = {0};
	echo e;
	LOOP(loop);

	in = kit_file(LEN);
	out = host_file_temp();
	io[0].os = host_file_again(in);
	io[1].os = host_file_again(out);
	REQUIRE(io[0].os >= 0 && io[1].os >= 0);
	echo_start(loop, &e, io);
	echo_end(loop, &e);
	kit_end(loop, &e.io[0]);
	kit_end(loop, &e.io[1]);
	proa_handle_init(proa_root(loop), &file);
	proa_adopt_os(&file, out, PROA_FILE);
	SUBMIT(proa_read, &file, &r, back, sizeof back, 0);
	CHECK_EQ(kit_await(loop, &r), LEN);
	CHECK(kit_filled(back, LEN, 0));
	kit_end(loop, &file);
	host_file_close(in);
	host_file_close((int)io[0].os);
	host_file_close((int)io[1].os);
	kit_close(&loop);
}

TEST(stdio_nothing)
{
	proa_stdio io[3] = {{.how = PROA_STDIO_NULL}, {.how = PROA_STDIO_NULL}};
	echo e;
	LOOP(loop);

	echo_start(loop, &e, io);
	echo_end(loop, &e);
	kit_end(loop, &e.io[0]);
	kit_end(loop, &e.io[1]);
	kit_close(&loop);
}
