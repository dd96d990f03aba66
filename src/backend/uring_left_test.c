/* What a ring leaves behind, and what it leaves to others. */
/* SPDX-License-Identifier: MIT */
#include "proa.h"

#include "host_net.h"
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* NULL: skipped, or failed. */
static proa_loop *uring_open(void)
{
	proa_loop_options o = {.backend = "io_uring"};
	proa_loop *loop;
	int rc = proa_loop_open(&loop, &o);

	if (rc == -PROA_ENOTSUP)
		test_skip("io_uring cannot work here");
	else
		CHECK_EQ(rc, 0);
	return loop;
}

static void settle(proa_loop *loop)
{
	for (int i = 0; i < 5; i++)
		proa_run_once(loop, proa_clock(loop) + 2 * PROA_MSEC);
}

static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int n = 0, c;

	if (!CHECK(f != NULL))
		return 0;
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* More pools than a ring has groups of buffers, one after another. */
TEST(uring_pools_leave_no_maps)
{
	proa_buffers_options o = {.count = 4096, .size_bytes = 16};
	proa_buffers *pool;
	int before = 0, open = 0;
	proa_loop *loop = uring_open();

	if (!loop)
		return;
	for (int i = 0; i < 1100; i++) {
		CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
		if (i == 99)
			open = count_maps();
		proa_buffers_close(&pool);
		if (i == 99)
			before = count_maps();
	}
	CHECK_LE(count_maps(), before);
	CHECK_EQ(proa_buffers_open(loop, &pool, &o), 0);
	CHECK_EQ(count_maps() - before, open - before); /* it has its ring still */
	proa_buffers_close(&pool);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}

/* A paused listener's connections stay in the backlog, where others who listen find them. */
TEST(uring_paused_listener_leaves_connections)
{
	proa_op accept = {0};
	proa_handle l = {0};
	proa_addr addr;
	struct pollfd waiting = {.events = POLLIN};
	int fd;
	proa_loop *loop = uring_open();

	if (!loop)
		return;
	proa_handle_init(proa_root(loop), &l);
	CHECK_EQ(proa_addr_parse(&addr, "127.0.0.1:0", 0), 0);
	CHECK_EQ(proa_listen(&l, &addr, NULL), 0);
	CHECK_EQ(proa_local_addr(&l, &addr), 0);
	proa_accept_many(&l, &accept, NULL);
	settle(loop);
	proa_pause(&accept);
	settle(loop);
	fd = host_sock(&addr, false);
	CHECK(host_sock_connect(fd, &addr));
	settle(loop);
	waiting.fd = (int)proa_os(&l);
	CHECK_EQ(poll(&waiting, 1, 1000), 1);
	host_sock_close(fd);
	CHECK_EQ(proa_loop_close(&loop, 0), 0);
}
